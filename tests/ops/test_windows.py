"""What lies around a site is what a masked convolution would see there."""

import pytest
import torch
import torch.nn.functional as F

from lic_lab.errors import LicLabError
from lic_lab.ops.checkerboard import split
from lic_lab.ops.windows import Window, causal_taps, checkerboard_taps


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("taps", [causal_taps, checkerboard_taps])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 7)])
def test_a_linear_layer_on_windows_is_a_masked_convolution(kernel, taps, size):
    torch.manual_seed(0)
    y, places = torch.randn(2, 3, *size), taps(kernel)
    weight = torch.randn(4, 3, len(places))
    kernels = torch.zeros(4, 3, kernel, kernel)
    for i, (row, column) in enumerate(places):
        kernels[:, :, row + kernel // 2, column + kernel // 2] = weight[:, :, i]
    window, sites = Window(places, *size), torch.arange(size[0] * size[1])
    canvas = window.canvas(y, 3)
    canvas[..., window.places(sites)] = y.flatten(2)
    found = F.linear(window.around(canvas, sites), weight.flatten(1)).transpose(1, 2).unflatten(2, size)
    assert torch.allclose(found, F.conv2d(y, kernels, padding=kernel // 2), atol=1e-5)
    assert torch.equal(window.inside(canvas), y)


def test_half_of_the_taps_are_left_and_the_middle_is_none_of_them():
    for kernel in (3, 5, 7):
        for taps in (causal_taps(kernel), checkerboard_taps(kernel)):
            assert len(set(taps)) == kernel**2 // 2 and (0, 0) not in taps


def test_causal_taps_come_before_the_site_and_checkerboard_taps_have_the_other_colour():
    h, w = 6, 9
    anchors, others = split(torch.arange(h * w).unflatten(0, (h, w)))
    colour = torch.zeros(1, 1, h, w).index_fill(0, torch.tensor([0]), 0).flatten()
    colour[anchors] = 1
    for taps, sites in ((causal_taps(5), torch.arange(h * w)), (checkerboard_taps(5), others)):
        window = Window(taps, h, w)
        number, shade = window.canvas(torch.zeros(1), 1), window.canvas(torch.zeros(1), 1)
        number[..., window.places(torch.arange(h * w))] = 1.0 + torch.arange(h * w)
        shade[..., window.places(torch.arange(h * w))] = colour
        around = window.around(number, sites)[0]  # 0 is the border
        if sites is others:
            assert ((around == 0) | (window.around(shade, sites)[0] == 1)).all()
        else:
            assert (around < 1 + sites[:, None]).all()


@pytest.mark.parametrize("kernel", [1, 2, 4, -3])
def test_a_window_without_middle_or_neighbours_is_refused(kernel):
    for taps in (causal_taps, checkerboard_taps):
        with pytest.raises(LicLabError, match="use 3, 5 or 7"):
            taps(kernel)
