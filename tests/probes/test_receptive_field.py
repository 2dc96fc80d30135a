"""The receptive field is what gradients reach, whatever the weights."""

import pytest
import torch
from torch import nn

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.receptive_field import effective_side, gradient_map, receptive_field, shaken


class Global(nn.Module):
    """A 3x3 window and the mean of the whole picture."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        return y + y.mean((2, 3), keepdim=True)


class Raster(Global):
    """Everything before a position in raster order, and a 3x3 window around each of those."""

    def forward(self, x):
        y = self.conv(x)
        return y.flatten(2).cumsum(-1).view_as(y)


@pytest.mark.parametrize(
    ("layers", "rows", "columns"),
    [
        ([nn.Conv2d(3, 4, 3, padding=1)], 3, 3),
        ([nn.Conv2d(3, 4, (1, 5), padding=(0, 2))], 1, 5),
        ([nn.Conv2d(3, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 4, 5, 2, 2)], 13, 13),  # 5 + 4 * 2
        ([nn.Conv2d(3, 4, 16, 16)], 16, 16),
        ([nn.Conv2d(3, 4, 3, padding=9, dilation=9), *[nn.Conv2d(4, 4, 3, padding=40, dilation=40)] * 2], 179, 179),
    ],
)
def test_the_field_of_convolutions_is_the_one_by_hand(layers, rows, columns):
    found = receptive_field(nn.Sequential(*layers))
    assert (found.rows, found.columns, str(found)) == (rows, columns, f"{rows} x {columns} pixels")


@pytest.mark.parametrize("seed", range(30))
def test_dead_rectifiers_do_not_hide_what_a_position_can_see(seed):
    torch.manual_seed(seed)
    found = receptive_field(nn.Sequential(nn.Conv2d(3, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 4, 5, 2, 2)))
    assert str(found) == "13 x 13 pixels"


def test_a_global_mean_sees_the_whole_picture():
    found = receptive_field(Global())
    assert (found.rows, found.columns, str(found)) == (None, None, "the whole picture")


def test_a_raster_scan_sees_all_above_and_one_row_below():
    found = receptive_field(Raster())
    assert (found.up, found.down, found.left, found.right) == (None, 1, None, None)
    assert str(found) == "all above, 1 px below, all left, all right of its block of 1 x 1 pixels"


@pytest.mark.parametrize("name", ["hyperprior", "charm"])
def test_a_zero_layer_does_not_hide_the_path_through_it(name):
    """The deep path starts at zero beside the DCT of 16 x 16; four 5x5 convolutions of stride 2 see 61 x 61."""
    analysis = build(name, "tiny").analysis
    weights = gradient_map(analysis, torch.rand(1, 3, 128, 128))
    assert int((weights > 0).sum()) == 16 * 16
    assert str(receptive_field(analysis)) == "61 x 61 pixels"


def test_shaking_changes_the_copy_only_and_the_same_way_each_time():
    layer = nn.Conv2d(3, 4, 3)
    nn.init.zeros_(layer.weight)
    one, other = shaken(layer), shaken(layer)
    assert torch.equal(one.weight, other.weight) and (one.weight != 0).all()
    assert not layer.weight.any()


def test_the_gradient_is_the_derivative_that_differences_give():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(1, 1, 3, padding=1).double(), torch.rand(1, 1, 7, 9, dtype=torch.float64)
    weights = gradient_map(layer, x, at=(2, 5))
    expected = torch.zeros(7, 9, dtype=torch.float64)
    expected[1:4, 4:7] = layer.weight.detach()[0, 0].abs()
    assert torch.allclose(weights / weights.sum(), expected / expected.sum())


def test_a_feature_map_inside_can_be_asked_for():
    stack = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    x = torch.rand(2, 3, 16, 16)
    assert int((gradient_map(stack, x, of=stack[0]) > 0).sum()) == 9
    assert int((gradient_map(stack, x) > 0).sum()) == 25


def test_a_module_that_is_not_used_is_refused():
    with pytest.raises(LicLabError, match="Conv2d"):
        gradient_map(nn.ReLU(), torch.rand(1, 3, 8, 8), of=nn.Conv2d(3, 3, 1))


def test_looking_leaves_no_trace():
    layer, x = nn.Conv2d(3, 4, 3, padding=1), torch.rand(1, 3, 64, 64)
    gradient_map(layer, x)
    receptive_field(layer)
    assert layer.weight.grad is None and not x.requires_grad and not layer._forward_hooks


def test_the_effective_side_holds_its_share():
    weights = torch.zeros(21, 31)
    weights[9:12, 14:17] = 1.0
    weights[10, 15] = 2.0
    assert effective_side(weights) == 3
    assert effective_side(weights, share=0.2) == 1
    weights[0, 0] = 1.0
    assert effective_side(weights, share=0.999) == 31
    with pytest.raises(LicLabError, match="gradient"):
        effective_side(torch.zeros(3, 3))


def test_the_effective_side_can_be_taken_around_another_place():
    weights = torch.zeros(21, 31)
    weights[10, 15] = 2.0
    weights[10, 18] = 1.0
    assert effective_side(weights, at=(10, 18)) == 7 and effective_side(weights, share=0.3, at=(10, 18)) == 1


def test_a_transform_that_enlarges_is_refused():
    with pytest.raises(LicLabError, match="256"):
        receptive_field(nn.ConvTranspose2d(3, 3, 2, 2))


@pytest.mark.parametrize("share", [90, 0, -0.1, float("nan")])
def test_a_share_that_no_square_has_is_refused(share):
    with pytest.raises(LicLabError, match="above 0 and at most 1"):
        effective_side(torch.ones(3, 3), share)


def test_the_whole_of_a_map_is_a_share_too():
    assert effective_side(torch.rand(9, 9, generator=torch.Generator().manual_seed(0)), 1, at=(4, 4)) == 9
