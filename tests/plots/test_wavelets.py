"""The pyramid as one picture: everything in its place, zero as middle grey, constants as they were."""

import numpy as np
import torch

from lic_lab.ops.wavelets import wavedec2
from lic_lab.plots.wavelets import pyramid_image

GREY = round(0.5 * 255)


def test_a_constant_keeps_its_level_in_the_corner_and_has_grey_details():
    shown = pyramid_image(wavedec2(torch.full((3, 32, 48), 0.8), 3))
    assert shown.shape == (32, 48, 3) and shown.dtype == np.uint8
    assert (shown[:4, :6] == round(0.8 * 255)).all()
    shown[:4, :6] = GREY
    assert (np.abs(shown.astype(int) - GREY) <= 1).all()


def test_a_vertical_edge_shows_right_of_the_corner_and_a_horizontal_one_below_it():
    edge = torch.zeros(16, 16)
    edge[:, 7:] = 0.5
    right, below = pyramid_image(wavedec2(edge, 1)), pyramid_image(wavedec2(edge.T, 1))
    for shown, busy, still in ((right, np.s_[:8, 8:], np.s_[8:, :8]), (below, np.s_[8:, :8], np.s_[:8, 8:])):
        assert np.ptp(shown[busy]) > 50 and np.ptp(shown[still]) == 0


def test_a_larger_gain_shows_details_stronger_and_leaves_the_corner_alone():
    x = torch.rand(24, 24, generator=torch.Generator().manual_seed(0))
    weak, strong = (pyramid_image(wavedec2(x, 1), gain=gain).astype(int) for gain in (1, 3))
    assert (weak[:12, :12] == strong[:12, :12]).all()
    assert np.abs(strong[12:, 12:] - GREY).sum() > 2 * np.abs(weak[12:, 12:] - GREY).sum()


def test_odd_sides_fit_together():
    assert pyramid_image(wavedec2(torch.rand(3, 37, 51), 3)).shape == (38, 52, 3)


def test_values_of_another_range_are_told_by_their_span():
    x = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(pyramid_image(wavedec2(x, 2)), pyramid_image(wavedec2(255 * x, 2), span=255))
