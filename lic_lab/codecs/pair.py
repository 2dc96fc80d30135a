"""The same protocol for stereo pairs: two views in, the bytes of one file out, and back."""

from __future__ import annotations

from statistics import fmean

import numpy as np

from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.stereo import read_pair
from lic_lab.errors import LicLabError
from lic_lab.limits import check_pixels
from lic_lab.metrics.quality import psnr


class PairCodec(ImageCodec):
    """Something that turns a stereo pair into one file and back; everything counts both views.

    `encode` takes, and `decode` gives, uint8 (2, h, w, 3), left before right; `compress` takes (left, right), each
    anything that `read_image` takes, and `decompress` gives (left, right). bpp counts the pixels of both views, PSNR is
    the mean of the two views' (as BiSIC measures it), and `check_pixels` holds for both together.
    """

    views = 2

    def read_source(self, source) -> np.ndarray:
        """Read a (left, right) of any two pictures of one size into uint8 (2, h, w, 3)."""
        return read_pair(source)

    def decompress(self, data: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Read the bytes of a whole file back into (left, right), each uint8 (h, w, 3)."""
        left, right = self.decode(data)
        return left, right

    def psnr_db(self, image: np.ndarray, decoded: np.ndarray) -> float:
        """Give the mean of the views' PSNR in dB."""
        return fmean(psnr(a, b) for a, b in zip(image, decoded, strict=True))

    def _check_picture(self, image: np.ndarray) -> None:
        array = isinstance(image, np.ndarray) and image.ndim == 4
        if not array or image.dtype != np.uint8 or (len(image), image.shape[3]) != (2, 3):
            what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise LicLabError(f"{self.name} encodes pairs, uint8 (2, h, w, 3), got {what}: use compress((left, right))")
        height, width = image.shape[1:3]
        check_pixels(2 * height, width, "this stereo pair")
