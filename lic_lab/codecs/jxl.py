"""JPEG XL, lossy VarDCT, by libjxl through pillow-jxl-plugin where that is installed."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from lic_lab.codecs import rate
from lic_lab.codecs.iso_boxes import iso_boxes
from lic_lab.codecs.pillow import PillowCodec
from lic_lab.codecs.rate import Ladder
from lic_lab.errors import CorruptStreamError
from lic_lab.limits import check_pixels

HALVED = 10  # the distance from which libjxl may halve the picture


def seamed(ladder: Ladder, distance: float) -> Ladder:
    """Give the ladder with its seam at the first position of less than `distance`."""
    return replace(ladder, seam=next(i for i in range(ladder.count) if ladder.quality(i) < distance))


class Jxl(PillowCodec):
    """JPEG XL, lossy, by its own measure of distance: 1 is meant to be hardly visible, 25 is the worst there is.

    quality: that distance, 25 to 0.11 (larger means smaller files). From distance 10 up, libjxl since 0.12 codes the
    picture at half its size, which costs up to 2 dB at equal bytes; 0.11 did so from 20. Source: ISO/IEC 18181.
    """

    suffix, format = ".jxl", "JXL"
    ladder = seamed(rate.geometric(25, 0.11, 1.01, wobble=2), HALVED)
    default_quality = 1.0

    def __init__(self, name: str = "jxl", label: str = "JPEG XL", *, effort: int = 7):
        self.name, self.label, self.effort = name, label, effort

    def missing(self) -> str:
        return "" if find_spec("pillow_jxl") else "pillow-jxl-plugin is not installed: pip install pillow-jxl-plugin"

    @property
    def settings(self) -> str:
        plugin = f"pillow-jxl-plugin {version('pillow-jxl-plugin')}"  # it does not tell which libjxl it brings
        return f"libjxl of {plugin}, 4:4:4 XYB, VarDCT, effort {self.effort}, 1 thread"

    def options(self, quality: float) -> dict:
        return {"quality": percent(quality), "effort": self.effort, "lossless": False, "num_threads": 1}

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        import pillow_jxl  # noqa: F401  (it registers itself with Pillow)

        return super()._encode(image, quality)

    def _decode(self, data: bytes) -> np.ndarray:
        import pillow_jxl  # noqa: F401

        check_pixels(*size(data), "this .jxl file")  # the plug-in would decode all of it before it tells
        try:
            return super()._decode(data)
        except RuntimeError as error:  # the plug-in speaks of building libjxl here
            raise CorruptStreamError("these bytes are not an undamaged .jxl file") from error


RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height of the common shapes, by their number in a JPEG XL header. Source: ISO/IEC 18181-1, SizeHeader."""


def size(data: bytes) -> tuple[int, int]:
    """Read height and width from the head of a JPEG XL file; raises CorruptStreamError where it has none."""
    head = _codestream(data)[:12]
    if head[:2] != _BARE:
        raise CorruptStreamError("these bytes are not an undamaged .jxl file")
    bits = int.from_bytes(head[2:], "little")  # the first bit is the lowest

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & (1 << count) - 1, bits >> count
        return value

    small = take(1)
    side = (lambda: 8 * (1 + take(5))) if small else (lambda: 1 + take((9, 13, 18, 30)[take(2)]))
    height, ratio = side(), take(3)
    if not ratio:
        return height, side()
    over, under = RATIOS[ratio]
    return height, height * over // under


_BARE = b"\xff\x0a"  # a codestream without boxes around it


def _codestream(data: bytes) -> bytes:
    """Give the codestream without the boxes that it may come in, one or several."""
    if data[:2] == _BARE:
        return data
    starts = {b"jxlc": 0, b"jxlp": 4}  # a part begins with its number
    return b"".join(content[starts[name] :] for name, content in iso_boxes(data) if name in starts)


def percent(distance: float) -> float:
    """Give the quality 0 ... 100 that libjxl turns into this distance: the inverse of JxlEncoderDistanceFromQuality."""
    if distance <= 6.4:
        return 100 - (distance - 0.1) / 0.09
    a, b, c = 53 / 3000, -23 / 20, 25 - distance
    return (-b - math.sqrt(max(b * b - 4 * a * c, 0))) / (2 * a)
