"""BPG: HEVC intra in a small wrapper, by Bellard's programs where they are on the PATH."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lic_lab.codecs import rate
from lic_lab.codecs.external import ExternalCodec, run, said_version
from lic_lab.errors import CorruptStreamError
from lic_lab.limits import check_pixels

MAGIC = b"BPG\xfb"


class Bpg(ExternalCodec):
    """BPG with x265, 4:4:4, 8 bit: the settings of the published curves.

    quality: QP, 51 to 0 (larger means smaller files). Source: bellard.org/bpg.
    """

    name, label, suffix = "bpg", "BPG", ".bpg"
    encoders, decoders = ("bpgenc",), ("bpgdec",)
    mend = "build libbpg from bellard.org/bpg, or use your system's package"
    ladder = rate.steps(51, 0)
    default_quality = 29

    @property
    def settings(self) -> str:
        return f"bpgenc {said_version(self.encoder, '-h')}, x265, 4:4:4 YCbCr BT.601, 8 bit, level 8, library tune"

    def write(self, image: np.ndarray, quality: int, folder: Path) -> bytes:
        source, file = folder / "in.png", folder / "out.bpg"
        Image.fromarray(image).save(source, compress_level=1)
        run(self.encoder, "-q", quality, "-f", 444, "-c", "ycbcr", "-b", 8, "-e", "x265", "-o", file, source)
        return file.read_bytes()

    def read(self, data: bytes, folder: Path) -> np.ndarray:
        check_pixels(*_size(data), "this .bpg file")
        file, picture = folder / "in.bpg", folder / "out.png"
        file.write_bytes(data)
        run(self.decoder, "-o", picture, file)
        return np.array(Image.open(picture).convert("RGB"))


def _size(data: bytes) -> tuple[int, int]:
    """Height and width by the header: after magic and two bytes of flags, seven bits to a byte, high bits first."""
    if not data.startswith(MAGIC):
        raise CorruptStreamError("these bytes are not an undamaged .bpg file")
    sides, at = [], len(MAGIC) + 2
    while len(sides) < 2:
        side = 0
        while at < len(data) and data[at] & 0x80:
            side, at = side << 7 | data[at] & 0x7F, at + 1
        if at >= len(data):
            raise CorruptStreamError("this .bpg file ends within its header")
        side, at = side << 7 | data[at], at + 1
        sides.append(side)
    return sides[1], sides[0]
