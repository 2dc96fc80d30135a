"""HEIF: a still picture of HEVC, written by x265 through pillow-heif where that is installed."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
from PIL import Image

from lic_lab.codecs import rate
from lic_lab.codecs.base import ImageCodec
from lic_lab.errors import CorruptStreamError
from lic_lab.limits import check_pixels
from lic_lab.shared import without_remarks_of_pillow


class Heif(ImageCodec):
    """HEIF with HEVC intra coding, 4:4:4, tuned for PSNR.

    quality: 0 to 100; libheif turns it into the quantiser (100 - quality) / 2. Source: ISO/IEC 23008-12.
    """

    name, label, suffix = "heif", "HEIF", ".heic"
    ladder = rate.steps(0, 100)
    default_quality = 50

    def missing(self) -> str:
        if find_spec("pillow_heif") is None:
            return "pillow-heif is not installed: pip install pillow-heif"
        from pillow_heif import libheif_info

        return "" if libheif_info()["HEIF"] else "this pillow-heif has no HEVC encoder: pip install -U pillow-heif"

    @property
    def settings(self) -> str:
        from pillow_heif import libheif_info

        info = libheif_info()
        return f"{info['HEIF']} through libheif {info['libheif']}, 4:4:4, 8 bit, preset veryslow, tune psnr"

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        import pillow_heif

        buffer = io.BytesIO()
        tuning = {"preset": "veryslow", "tune": "psnr"}
        pillow_heif.from_pillow(Image.fromarray(image)).save(
            buffer, quality=int(quality), chroma=444, enc_params=tuning
        )
        return buffer.getvalue()

    def _decode(self, data: bytes) -> np.ndarray:
        import pillow_heif

        if not pillow_heif.is_supported(data):
            raise CorruptStreamError("these bytes are not an undamaged .heic file")
        with without_remarks_of_pillow():
            file = pillow_heif.open_heif(data)
            check_pixels(file.size[1], file.size[0], "this .heic file")
            return np.array(file.to_pillow().convert("RGB"))
