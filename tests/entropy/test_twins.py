"""The search for a view's blocks in the other view: it finds what was moved, and only where it may look."""

import copy

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.shortcut import color_dct_basis
from lic_lab.blocks.stereo import other_view
from lic_lab.datasets.bundled import bundled_images
from lic_lab.entropy.twins import TwinSearch, _mixed
from lic_lab.ops.color import image_to_tensor

SLICES = (16, 16, 32)
KNOWN = torch.ones(2, 1, 8, 16)


def latents(picture, moved):
    """Rounded block DCTs of two views of a flat wall, (2, 64, 8, 16), which moves by so many pixels between them."""
    x = image_to_tensor(picture)[..., 100:228, :]
    views = torch.cat([x[..., 64:320], x[..., 64 + moved : 320 + moved]])
    return (F.conv2d(views, color_dct_basis(sum(SLICES)), stride=16) * 12).round()


@pytest.fixture(scope="module")
def astronaut():
    return bundled_images()["astronaut"]


@pytest.fixture(scope="module")
def chelsea():
    return bundled_images()["chelsea"]


@pytest.fixture
def search():
    return TwinSearch(SLICES, reach=24)


@torch.no_grad()
@pytest.mark.parametrize("moved", [0, 4, 8, 20, 52])
def test_what_moved_is_found_in_both_views_before_anything_is_learned(search, astronaut, moved):
    y = latents(astronaut, moved)
    middle = slice(4, -4)  # blocks that both views hold
    truth, found = (x[..., middle] for x in (y[:, 16:32], search(y[:, :16], y[:, 16:32], KNOWN)[:, :16]))
    error = (found - truth).square().mean((1, 2, 3)) / truth.square().mean((1, 2, 3))
    assert (error < 0.2).all(), error  # rounding alone gives about 0.05


@torch.no_grad()
def test_a_stranger_is_less_alike_and_less_sure(search, astronaut, chelsea):
    y = latents(astronaut, 20)
    strange = torch.cat([y[:1], latents(chelsea, 0)[:1]])
    sure, lost = (search(v[:, :16], v[:, 16:32], KNOWN)[:, 16:].mean() for v in (y, strange))
    assert lost < 0.8 * sure


@torch.no_grad()
def test_the_first_slice_is_judged_by_itself_where_both_views_are_known(search, astronaut):
    """Even columns of the left view are known; the odd ones are found beside them."""
    y, known = latents(astronaut, 20), KNOWN.clone()
    known[0, ..., 1::2] = 0
    truth, found = (x[:1, ..., 4:-4] for x in (y[:, :16], search(y[:, :0], y[:, :16] * known, known)[:, :16]))
    blind = search(y[:, :0], y[:, :16] * known, known * torch.tensor([0.0, 1.0])[:, None, None, None])[:1, :16, :, 4:-4]
    odd = slice(1, None, 2)
    assert (found - truth)[..., odd].square().mean() < 0.5 * (blind - truth)[..., odd].square().mean()


@torch.no_grad()
def test_rows_that_the_other_view_does_not_know_whole_say_nothing(search, astronaut):
    y, known = latents(astronaut, 8), KNOWN.clone()
    known[1, :, 2, 5] = 0
    found = search(y[:, :16], y[:, 16:32] * known, known)
    assert not found[0, :, 2].any() and found[0, 16, [0, 1, 3, 4, 5, 6, 7]].all() and found[1, 16].all()


@torch.no_grad()
def test_left_views_are_laid_over_from_the_left_and_right_ones_from_the_right():
    search = TwinSearch((1,), reach=9)
    y = torch.arange(24.0).view(2, 1, 1, 12)
    for j in (0, 4, 8):  # whole blocks
        shares = torch.zeros(2, 9, 1, 12)
        shares[:, j] = 1
        left, right = search._by_rows(_mixed, shares, 0, other_view(y)).flatten(1)
        columns = torch.arange(12)
        assert torch.equal(left, y[1, 0, 0, (columns - j // 4).clamp(0)]), "what is further left in the right view"
        assert torch.equal(right, y[0, 0, 0, (columns + j // 4).clamp(max=11)]), "further right in the left view"


@torch.no_grad()
def test_a_few_rows_at_a_time_give_the_same_bits(search, astronaut, monkeypatch):
    y = latents(astronaut, 20).double()
    whole = search(y[:, :32], y[:, 32:], KNOWN.double())
    monkeypatch.setattr("lic_lab.entropy.twins.VALUES", 1)
    assert torch.equal(search(y[:, :32], y[:, 32:], KNOWN.double()), whole)


@torch.no_grad()
def test_coding_is_close_to_training_and_does_not_depend_on_the_order_of_sums(search, astronaut, monkeypatch):
    """Values off every grid; movements are mixed in the other order, as another device might do it."""
    y = latents(astronaut, 20) + 0.3 * F.softsign(latents(astronaut, 20))
    exact = search(y[:, :32].double(), y[:, 32:].double(), KNOWN.double())
    assert exact.dtype == torch.float64
    assert torch.allclose(exact.float(), search(y[:, :32], y[:, 32:], KNOWN), atol=0.02)
    monkeypatch.setattr("lic_lab.entropy.twins._mixed", lambda shares, laid: _mixed(shares.flip(1), laid.flip(-2)))
    y = y.double().contiguous(memory_format=torch.channels_last)
    assert torch.equal(copy.deepcopy(search)(y[:, :32], y[:, 32:], KNOWN.double()), exact)


def test_a_search_in_double_precision_is_no_coding_and_has_its_gradients():
    torch.manual_seed(0)
    search = TwinSearch((2, 1), reach=5).double()
    y = 2 * torch.randn(2, 3, 2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda y: search(y[:, :2], y[:, 2:], torch.ones(2, 1, 2, 3)), y.requires_grad_())


def test_gradients_are_the_same_a_few_rows_at_a_time(search, astronaut, monkeypatch):
    gradients = []
    for values in (2**24, 1):
        monkeypatch.setattr("lic_lab.entropy.twins.VALUES", values)
        y = latents(astronaut, 20).requires_grad_()
        search(y[:, :32], y[:, 32:], KNOWN).square().sum().backward()
        gradients.append(y.grad)
    torch.testing.assert_close(*gradients)


def test_every_weight_of_the_search_learns(search, astronaut):
    y = latents(astronaut, 20)
    search(y[:, :32], y[:, 32:], KNOWN)[:, :-1].square().sum().backward()
    used = [search.moved[2], *search.judges[:2], search.gather]
    assert all(p.grad is not None and p.grad.any() for layer in used for p in [layer.weight])
    assert search.prior.grad.any()
