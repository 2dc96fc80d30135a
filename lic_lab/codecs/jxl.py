"""JPEG XL, lossy VarDCT, by libjxl through pillow-jxl-plugin where that is installed."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from lic_lab.codecs import rate
from lic_lab.codecs.pillow import PillowCodec
from lic_lab.codecs.rate import Ladder
from lic_lab.errors import CorruptStreamError

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

        try:
            return super()._decode(data)
        except RuntimeError as error:  # the plug-in speaks of building libjxl here
            raise CorruptStreamError("these bytes are not an undamaged .jxl file") from error


def percent(distance: float) -> float:
    """Give the quality 0 ... 100 that libjxl turns into this distance: the inverse of JxlEncoderDistanceFromQuality."""
    if distance <= 6.4:
        return 100 - (distance - 0.1) / 0.09
    a, b, c = 53 / 3000, -23 / 20, 25 - distance
    return (-b - math.sqrt(max(b * b - 4 * a * c, 0))) / (2 * a)
