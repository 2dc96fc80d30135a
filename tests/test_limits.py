import subprocess
import sys

import pytest

from lic_lab.errors import LicLabError
from lic_lab.limits import MAX_PIXELS, check_pixels, max_pixels


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    monkeypatch.delenv("LIC_LAB_MAX_PIXELS", raising=False)


def test_the_limit_is_64_million_pixels_unless_the_environment_says_otherwise(monkeypatch):
    assert max_pixels() == MAX_PIXELS == 64_000_000
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "1_000")
    assert max_pixels() == 1000
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "")
    assert max_pixels() == MAX_PIXELS


@pytest.mark.parametrize("wish", ["many", "-1", "1e6", "_ 3"])
def test_a_limit_that_is_no_whole_number_is_refused(monkeypatch, wish):
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", wish)
    with pytest.raises(LicLabError, match=r"LIC_LAB_MAX_PIXELS is .*: give a whole number of pixels"):
        max_pixels()


def test_a_picture_at_the_limit_passes_and_one_pixel_more_does_not():
    check_pixels(8000, 8000, "this picture")
    with pytest.raises(LicLabError, match=r"^it has 64\.0 megapixels, the limit is 64: scale it down$"):
        check_pixels(1, MAX_PIXELS + 1, "it", mend="scale it down")


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-3, -3)])
def test_a_picture_without_pixels_is_refused(size):
    with pytest.raises(LicLabError, match="has no pixels"):
        check_pixels(*size, "this picture")


def test_the_limit_is_known_without_torch():
    look = "import sys, lic_lab.limits; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look]).returncode == 0
