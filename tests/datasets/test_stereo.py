import numpy as np
import pytest

from lic_lab.datasets import bundled
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError


@pytest.fixture(scope="module")
def pair():
    return motorcycle()


def test_both_views_and_the_disparity_have_one_size(pair):
    assert pair.left.shape == pair.right.shape == (500, 741, 3)
    assert pair.left.dtype == pair.right.dtype == np.uint8
    assert pair.disparity.shape == (500, 741)
    assert pair.disparity.dtype == np.float32


def test_the_disparity_is_known_for_most_pixels_and_nan_elsewhere(pair):
    unknown = np.isnan(pair.disparity)
    assert unknown.mean() == pytest.approx(0.0735, abs=5e-4)
    known = pair.disparity[~unknown]
    assert np.isfinite(known).all()
    assert 7 < known.min() and known.max() < 64


def test_the_disparity_leads_from_the_left_view_to_the_right_one(pair):
    rows, columns = np.nonzero(~np.isnan(pair.disparity))

    def difference(sign):
        there = columns + sign * np.rint(pair.disparity[rows, columns]).astype(int)
        inside = (there >= 0) & (there < 741)
        left, right = pair.left[rows, columns], pair.right[rows, np.where(inside, there, 0)]
        return np.median(np.abs(left.astype(int) - right).mean(axis=1)[inside])

    assert difference(-1) < 4  # levels
    assert difference(+1) > 20 and difference(0) > 20


def test_an_installation_without_the_pair_says_so(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(LicLabError, match="Motorcycle pair is not in this scikit-image"):
        motorcycle()
