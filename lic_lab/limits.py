"""How large a picture may be: asked of every file before anything is allocated for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from lic_lab.errors import LicLabError
from lic_lab.shared import for_all_threads

MAX_PIXELS = 64_000_000
"""Largest picture that is written or read, in pixels, unless the environment's LIC_LAB_MAX_PIXELS says otherwise."""


def max_pixels() -> int:
    """Give the largest picture that is written or read, in pixels: LIC_LAB_MAX_PIXELS, or 64 million.

    Raises LicLabError where the environment variable is no whole number (underscores are allowed).
    """
    text = os.environ.get("LIC_LAB_MAX_PIXELS", "").replace("_", "")
    if text and not text.isdecimal():
        raise LicLabError(f"LIC_LAB_MAX_PIXELS is {text!r}: give a whole number of pixels")
    return int(text) if text else MAX_PIXELS


def check_pixels(height: int, width: int, what: str, mend: str = "set LIC_LAB_MAX_PIXELS if you trust it") -> None:
    """Raise LicLabError for sizes without pixels or above `max_pixels()`, naming `what` and how to `mend` it."""
    if height < 1 or width < 1:
        raise LicLabError(f"{what} has no pixels ({width} x {height})")
    if height * width > max_pixels():
        raise LicLabError(
            f"{what} has {height * width / 1e6:.1f} megapixels, the limit is {max_pixels() / 1e6:g}: {mend}"
        )


@for_all_threads
@contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Let Pillow open pictures of any size; ask `check_pixels` before one is decoded.

    Pillow's own limit warns at 89 million pixels and refuses twice as many, whatever LIC_LAB_MAX_PIXELS allows.
    """
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
