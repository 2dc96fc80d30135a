"""Rate of a real file: nothing estimated, nothing left out."""

from numbers import Integral

from lic_lab.errors import LicLabError


def bits(data: bytes | int) -> int:
    """Bits of a whole file, given as its bytes or as its number of bytes; raises LicLabError for a negative number."""
    count = int(data) if isinstance(data, Integral) else len(data)
    if count < 0:
        raise LicLabError(f"a file cannot have {count} bytes")
    return 8 * count


def bpp(data: bytes | int, height: int, width: int, views: int = 1) -> float:
    """Bits per pixel of a whole file (its bytes, or their number): 8 * bytes / (views * height * width), all included.

    height, width: those of the original picture, without any padding.   views: 2 for a stereo pair, whose pixels are
    those of both pictures. Raises LicLabError where there are no pixels.
    """
    if height < 1 or width < 1 or views < 1:
        raise LicLabError(f"a picture of {width} x {height} has no bits per pixel")
    return bits(data) / (views * height * width)
