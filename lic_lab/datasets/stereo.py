"""Rectified stereo pairs: two views of one scene, in which a point keeps its row and moves along it."""

from typing import NamedTuple

import numpy as np

from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError


class StereoPair(NamedTuple):
    """Two views and how far each point moves between them.

    left, right: uint8 (h, w, 3). disparity: float32 (h, w) in pixels, NaN where unknown:
    left[y, x] shows the same point as right[y, x - disparity[y, x]], unless something hides it there.
    """

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray


def motorcycle() -> StereoPair:
    """The Motorcycle pair, 741 x 500, with its measured disparity (7 to 63 pixels; 7.3 % are unknown).

    It comes inside scikit-image's wheel: the default exposure of the Middlebury 2014 stereo benchmark, scaled down by
    four. The makers ask that Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth"
    (GCPR 2014) be cited and give no other licence; so it is read from there and not copied into lic_lab.
    scikit-image's own description has the direction reversed and calls unknown values NaN, where its file holds
    infinity.
    Raises LicLabError where scikit-image does not carry it.
    """
    left, right, disparity = (skimage_file(f"motorcycle_{part}") for part in ("left.png", "right.png", "disp.npz"))
    if not disparity.is_file():
        raise LicLabError(f"the Motorcycle pair is not in this scikit-image ({disparity} is missing): reinstall it")
    with np.load(disparity) as arrays:
        values = arrays["arr_0"]
    return StereoPair(read_image(left), read_image(right), np.where(np.isfinite(values), values, np.float32("nan")))
