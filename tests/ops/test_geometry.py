from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.geometry import by_strips, crop_to, inside, pad_to_multiple

SIDES = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.sampled_from([1, 2, 3, 16, 64, 128]))
def test_padding_fits_is_least_and_is_undone_by_cropping(h, w, multiple):
    x = torch.rand(1, 2, h, w)
    y = pad_to_multiple(x, multiple)
    assert y.shape[-2] % multiple == 0 and y.shape[-1] % multiple == 0
    assert 0 <= y.shape[-2] - h < multiple and 0 <= y.shape[-1] - w < multiple
    assert torch.equal(crop_to(y, h, w), x)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_padding_repeats_the_last_row_and_column(h, w):
    x = torch.rand(3, h, w)
    y = pad_to_multiple(x, 16)
    below, right = y.shape[-2] - h, y.shape[-1] - w
    assert np.array_equal(y.numpy(), np.pad(x.numpy(), ((0, 0), (0, below), (0, right)), mode="edge"))


def test_a_single_pixel_fills_a_whole_tile():
    x = torch.tensor([[[[0.25]], [[0.5]], [[0.75]]]])
    assert torch.equal(pad_to_multiple(x, 64), x.expand(1, 3, 64, 64))


@pytest.mark.parametrize(("shape", "multiple"), [((1, 3, 0, 5), 16), ((1, 3, 5, 0), 16), ((1, 3, 5, 5), 0)])
def test_nothing_to_pad_is_refused(shape, multiple):
    with pytest.raises(LicLabError, match="at least 1"):
        pad_to_multiple(torch.zeros(shape), multiple)


@pytest.mark.parametrize(("height", "width"), [(9, 8), (8, 9), (0, 4), (4, -1)])
def test_a_crop_that_does_not_fit_is_refused(height, width):
    with pytest.raises(LicLabError, match="cannot crop 8 x 8"):
        crop_to(torch.zeros(1, 3, 8, 8), height, width)


def test_the_gradient_of_padding_counts_the_copies():
    x = torch.zeros(1, 1, 1, 2, requires_grad=True)
    pad_to_multiple(x, 4).sum().backward()
    assert x.grad.flatten().tolist() == [4, 12]


@pytest.mark.parametrize("height", [1, 7, 16, 33])
def test_strips_give_what_the_whole_map_gives(height):
    torch.manual_seed(0)
    x, down, up = (
        torch.randn(1, 2, 2 * height, 6),
        torch.nn.Conv2d(2, 3, 5, 2, 2),
        torch.nn.ConvTranspose2d(2, 3, 4, 2, 1),
    )
    for f, scale in ((down, Fraction(1, 2)), (up, 2)):
        assert torch.allclose(by_strips(f, x, rows=4, halo=4, scale=scale), f(x), atol=1e-6)


def test_a_map_is_cut_to_the_positions_that_touch_the_picture():
    whole = torch.arange(2 * 8 * 12).reshape(2, 8, 12)
    assert torch.equal(inside(whole, 65, 129), whole[:, :5, :9])
    assert torch.equal(inside(whole, 64, 128), whole[:, :4, :8]) and inside(whole, 1, 1).shape == (2, 1, 1)
    assert inside(whole, 64, 128, stride=32).shape == (2, 2, 4)
