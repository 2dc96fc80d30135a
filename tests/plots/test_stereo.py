"""Figures of pairs show the numbers they are given, where they belong."""

import io

import numpy as np
import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.plots.stereo import attention_figure, disparity_figure, joint_figure
from lic_lab.probes.attention import CrossAttention
from lic_lab.probes.stereo import JointCoding


@pytest.fixture
def pair():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)


def images(axes):
    return [image.get_array() for image in axes.get_images()]


def saved(figure):
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=50)
    return data.getvalue()


def test_the_overlay_is_the_map_of_the_point_and_the_truth_is_marked(pair):
    query = torch.rand(2, 2, 3, 4, 6).softmax(2)
    key = torch.rand(2, 2, 3, 24).softmax(3).unflatten(3, (4, 6))
    found = CrossAttention("block", query, key, 16)
    figure = attention_figure(pair, found, (40, 50), disparity=20.0)
    left, right = figure.axes[:2]
    assert left.lines[0].get_xydata().tolist() == [[50, 40]]
    assert [30, 40] in right.lines[-1].get_xydata().tolist()
    assert np.allclose(images(right)[1], 24 * found.map(0, 2, 3).mean(0).numpy())
    assert saved(figure).startswith(b"\x89PNG")
    with pytest.raises(LicLabError, match="outside of views of 96 x 64"):
        attention_figure(pair, found, (64, 0))


def test_bits_of_both_ways_share_one_scale_and_the_difference_has_zero_in_the_middle(pair):
    joint, separate = torch.rand(2, 4, 6), torch.rand(2, 4, 6) + 0.5
    found = JointCoding(joint, separate, torch.tensor([30.0, 31.0]), torch.tensor([29.0, 30.5]), 16)
    figure = joint_figure(pair, found)
    grid = np.reshape(figure.axes[:8], (2, 4))
    for view in (0, 1):
        assert np.allclose(images(grid[view, 1])[0], joint[view])
        assert np.allclose(images(grid[view, 3])[0], separate[view] - joint[view])
        low, high = grid[view, 3].get_images()[0].get_clim()
        assert low == -high
        assert grid[view, 1].get_images()[0].get_clim() == grid[view, 2].get_images()[0].get_clim()
        assert f"{100 * found.saved_by_view[view]:.1f} %" in grid[view, 3].get_title()
    assert saved(figure)


def test_maps_of_padded_views_are_drawn_where_they_belong(pair):
    """A view of 50 x 90 pixels is padded to 64 x 128: its map ends beyond it, and the drawing does not."""
    small = pair[:, :50, :90]
    found = JointCoding(torch.rand(2, 4, 8), torch.rand(2, 4, 8), torch.zeros(2), torch.zeros(2), 16)
    for axes in (
        joint_figure(small, found).axes[1],
        disparity_figure(small, np.ones((4, 8)), np.ones((50, 90)), 16).axes[2],
    ):
        assert axes.get_images()[0].get_extent() == [-0.5, 127.5, 63.5, -0.5]
        assert axes.get_xlim() == (-0.5, 89.5) and axes.get_ylim() == (49.5, -0.5)


def test_found_and_true_disparity_wear_the_same_colours(pair):
    truth = np.linspace(0, 40, 64 * 96, dtype=np.float32).reshape(64, 96)
    truth[:5] = np.nan
    figure = disparity_figure(pair, np.full((4, 6), 7.0, np.float32), truth, 16)
    scales = [axes.get_images()[0].get_clim() for axes in figure.axes[1:3]]
    assert scales[0] == scales[1] == (0, pytest.approx(40))
    assert saved(figure)
