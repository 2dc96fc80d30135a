import numpy as np
import pytest

from lic_lab.errors import LicLabError
from lic_lab.metrics.rate import bits, bpp


def test_a_file_costs_eight_bits_per_byte_whatever_is_in_it():
    assert bits(b"header and payload") == 8 * 18
    assert bits(18) == 8 * 18
    assert bits(b"") == 0


def test_bits_per_pixel_divide_by_the_pixels_of_the_picture():
    assert bpp(bytes(49_152), 512, 768) == 1.0
    assert bpp(3, 1, 1) == bpp(b"abc", 1, 1) == bpp(np.int64(3), 1, 1) == 24.0


@pytest.mark.parametrize("call", [lambda: bpp(10, 0, 5), lambda: bpp(10, 5, -1), lambda: bits(-1)])
def test_impossible_sizes_are_refused(call):
    with pytest.raises(LicLabError):
        call()
