"""Disparity by block matching, what it predicts of the other view, and which points both views show.

Legend: h rows, w columns. left[y, x] shows the same point as right[y, x - d]: d is the disparity, in pixels, 0 or more.
Source: Scharstein and Szeliski, "A taxonomy and evaluation of dense two-frame stereo correspondence algorithms", IJCV
2002, Sec. 3.1 to 3.3 (window costs, winner takes all) and Sec. 3.4 (left-right check).
"""

from __future__ import annotations

import numpy as np

from lic_lab.errors import LicLabError

WORST = 3 * 255  # the cost of a pixel that has no partner inside of the other view


def matching_costs(pair: np.ndarray, most: int, side: int = 9) -> np.ndarray:
    """Give the sum of absolute differences (SAD) between squares around every left pixel and its candidates.

    pair: uint8 (2, h, w, 3), left first.   most: the largest disparity looked at, 0 to w - 1.   side: of the square,
    odd. Gives int32 (most + 1, h, w): [d, y, x] compares left[y, x] with right[y, x - d], over three colours; at the
    border of a view its outermost differences are repeated, and a pixel without a partner counts as the worst possible.
    Raises LicLabError for another pair, `most` or `side`.
    """
    pair = np.asarray(pair)
    if pair.dtype != np.uint8 or pair.ndim != 4 or pair.shape[0] != 2 or pair.shape[3] != 3:
        raise LicLabError(f"block matching takes a pair uint8 (2, h, w, 3), got {pair.dtype} {pair.shape}")
    height, width = pair.shape[1:3]
    if not isinstance(most, (int, np.integer)) or not 0 <= most < width:
        raise LicLabError(f"views of {width} columns have disparities of 0 to {width - 1} pixels, not {most}")
    if side < 1 or side % 2 == 0:
        raise LicLabError(f"a square with a pixel in its middle has an odd side, not {side}: take {side + 1}")
    left, right = pair.astype(np.int16)
    costs = np.empty((most + 1, height, width), np.int32)
    for d in range(most + 1):
        apart = np.full((height, width), WORST, np.int32)
        apart[:, d:] = np.abs(left[:, d:] - right[:, : width - d]).sum(-1)
        costs[d] = _box_sums(apart, side)
    return costs


def block_matching(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take the cheapest candidate everywhere: the disparities of the left and of the right view, each int (h, w).

    costs: (most + 1, h, w), see `matching_costs`. A right pixel x has the candidates x + d on the left, which are in
    the same table. Of equal costs the smallest disparity is taken.
    """
    mirrored = np.full_like(costs, np.iinfo(costs.dtype).max)
    width = costs.shape[-1]
    for d in range(len(costs)):
        mirrored[d, :, : width - d] = costs[d, :, d:]
    return costs.argmin(0), mirrored.argmin(0)


def seen_by_both(left: np.ndarray, right: np.ndarray, apart: int = 1) -> np.ndarray:
    """Say which left pixels match a right pixel that matches them back, bool (h, w): the left-right check.

    left, right: disparities of both views, int (h, w).   apart: pixels by which the way back may miss.
    """
    columns = np.arange(left.shape[1]) - left
    back = np.take_along_axis(right, columns.clip(0), axis=1)
    return (columns >= 0) & (np.abs(left - back) <= apart)


def predict_right(left_view: np.ndarray, right_disparity: np.ndarray) -> np.ndarray:
    """Make the right view from the left one and the disparity of the right one: (h, w, 3) and int (h, w) -> (h, w, 3).

    Every right pixel x takes the colour of left pixel x + d; beyond the border that of the border.
    """
    columns = (np.arange(left_view.shape[1]) + right_disparity).clip(0, left_view.shape[1] - 1)
    return np.take_along_axis(left_view, columns[..., None], axis=1)


def _box_sums(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over squares around every place of an int (h, w), borders repeated, by differences of running sums."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        padded = np.pad(values, [(side // 2 + 1, side // 2), (0, 0)], mode="edge")
        sums = padded.cumsum(0, dtype=np.int32)  # 255 x 3 x side x 200,000 pixels are below 2 ** 31
        values = np.moveaxis(sums[side:] - sums[:-side], 0, axis)
    return values
