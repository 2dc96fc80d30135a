"""Block matching finds how far things moved, knows what is hidden, and makes one view from the other."""

import numpy as np
import pytest

from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError
from lic_lab.probes.disparity import block_matching, matching_costs, predict_right, seen_by_both


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (24, 80, 3), np.uint8)


def moved(noise, disparity, width=60):
    """A pair of which everything has one disparity."""
    return np.stack([noise[:, :width], noise[:, disparity : disparity + width]])


def scene(noise):
    """A square of disparity 9 before a wall of disparity 2; (pair, true disparity of the left view, hidden)."""
    pair, truth = moved(noise, 2), np.full((24, 60), 2)
    patch = np.random.default_rng(1).integers(0, 256, (12, 20, 3), np.uint8)
    pair[0, 6:18, 30:50], pair[1, 6:18, 21:41], truth[6:18, 30:50] = patch, patch, 9
    hidden = np.zeros((24, 60), bool)
    hidden[6:18, 23:30] = True  # lands on right columns 21 to 27, behind the square
    hidden[:, :2] = True  # lands outside
    return pair, truth, hidden


@pytest.mark.parametrize("side", [1, 3, 9])
def test_costs_are_sums_of_absolute_differences_with_repeated_borders(noise, side):
    pair = moved(noise, 4)
    costs = matching_costs(pair, 6, side)
    apart = np.full((24, 60), 765)
    apart[:, 5:] = np.abs(pair[0, :, 5:].astype(int) - pair[1, :, :55]).sum(-1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(apart, side // 2, mode="edge"), (side, side))
    assert costs.shape == (7, 24, 60) and np.array_equal(costs[5], windows.sum((2, 3)))


@pytest.mark.parametrize("disparity", [0, 3, 12])
def test_a_wall_moves_by_one_disparity_in_both_views(noise, disparity):
    left, right = block_matching(matching_costs(moved(noise, disparity), 15, 5))
    assert (left[:, disparity + 2 :] == disparity).all() and (right[:, 2 : 58 - disparity] == disparity).all()


def test_a_thing_in_front_is_found_and_what_it_hides_is_told(noise):
    pair, truth, hidden = scene(noise)
    left, right = block_matching(matching_costs(pair, 12, 3))
    seen = seen_by_both(left, right)
    sure = np.zeros_like(hidden)
    sure[2:-2, 4:-4] = True
    assert (left == truth)[~hidden & sure].mean() > 0.9
    assert seen[~hidden & sure].mean() > 0.9 and seen[hidden].mean() < 0.2


def test_the_way_back_may_miss_by_as_much_as_is_allowed():
    left, right = np.full((1, 6), 2), np.full((1, 6), 3)
    assert seen_by_both(left, right).tolist() == [[False, False, True, True, True, True]]
    assert not seen_by_both(left, right, apart=0).any()


def test_the_right_view_comes_out_of_the_left_one_but_for_what_only_it_shows(noise):
    pair = moved(noise, 7)
    right = predict_right(pair[0], np.full((24, 60), 7))
    assert np.array_equal(right[:, :53], pair[1, :, :53])
    assert np.array_equal(right[:, 53:], pair[0, :, 59:].repeat(7, axis=1))


def test_the_measured_pair_is_matched_better_where_the_check_agrees():
    pair = motorcycle()
    window = np.s_[200:328, 200:392]
    views = np.stack([pair.left[window], pair.right[window]])
    truth = pair.disparity[window]
    left, right = block_matching(matching_costs(views, 64))
    known, seen, near = np.isfinite(truth), seen_by_both(left, right), np.abs(left - truth) <= 1
    assert near[known & seen].mean() > 0.75 > near[known & ~seen].mean()


@pytest.mark.parametrize(
    ("pair", "most", "side", "said"),
    [
        (np.zeros((24, 60, 3), np.uint8), 5, 3, "takes a pair"),
        (np.zeros((2, 24, 60, 3)), 5, 3, "float64"),
        (np.zeros((2, 24, 60, 3), np.uint8), 60, 3, "0 to 59 pixels, not 60"),
        (np.zeros((2, 24, 60, 3), np.uint8), -1, 3, "not -1"),
        (np.zeros((2, 24, 60, 3), np.uint8), 2.5, 3, "0 to 59 pixels, not 2.5"),
        (np.zeros((2, 24, 60, 3), np.uint8), 5, 4, "take 5"),
    ],
)
def test_what_cannot_be_matched_is_refused_in_one_line(pair, most, side, said):
    with pytest.raises(LicLabError, match=said) as error:
        matching_costs(pair, most, side)
    assert "\n" not in str(error.value)
