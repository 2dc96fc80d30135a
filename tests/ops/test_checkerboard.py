import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.checkerboard import anchor_mask, beside, merge, split

SIDES = st.integers(1, 40)


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES)
def test_split_takes_each_value_once_and_merge_puts_it_back(h, w):
    x = torch.rand(2, 3, h, w)
    anchors, others = split(x)
    assert anchors.shape == (2, 3, (h * w + 1) // 2)
    assert others.shape == (2, 3, h * w // 2)
    assert torch.equal(merge(anchors, others, (h, w)), x)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES)
def test_split_follows_the_mask(h, w):
    x, mask = torch.rand(2, h, w), anchor_mask(h, w)
    anchors, others = split(x)
    assert torch.equal(anchors, x[..., mask]) and torch.equal(others, x[..., ~mask])


def test_tensors_without_numbers_have_halves_too():
    anchors, others = split(torch.empty(2, 3, 5, 7, device="meta"))
    assert anchors.shape == (2, 3, 18) and others.shape == (2, 3, 17)
    assert merge(anchors, others, (5, 7)).shape == (2, 3, 5, 7)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES)
def test_beside_every_other_lie_all_anchors_of_its_window_and_nothing_else(h, w):
    anchors = torch.rand(1, 2, h, w) * anchor_mask(h, w)
    near = beside(anchors)
    assert near.shape == (1, 8, h, w)
    window = torch.nn.functional.unfold(anchors, 3, padding=1).view(1, 2, 9, h, w).sum(2)
    others = ~anchor_mask(h, w)
    assert torch.allclose(near.view(1, 4, 2, h, w).sum(1)[..., others], window[..., others])
    assert not near[..., anchor_mask(h, w)].any()


def test_the_mask_is_a_chessboard():
    assert anchor_mask(2, 3).tolist() == [[True, False, True], [False, True, False]]


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES)
def test_anchors_touch_only_others_and_others_only_anchors(h, w):
    mask = anchor_mask(h, w)
    assert (mask[1:] != mask[:-1]).all()
    assert (mask[:, 1:] != mask[:, :-1]).all()


def test_both_halves_are_in_raster_order():
    anchors, others = split(torch.arange(9).view(3, 3))
    assert anchors.tolist() == [0, 2, 4, 6, 8]
    assert others.tolist() == [1, 3, 5, 7]


def test_counts_that_do_not_fit_are_refused():
    anchors, others = split(torch.zeros(3, 3))
    with pytest.raises(LicLabError, match="5 anchors and 4 others do not make a map of 3 x 4"):
        merge(anchors, others, (3, 4))


def test_gradients_pass_through_both():
    x = torch.rand(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: merge(*(2 * half for half in split(x)), (3, 3)), x)
