"""Stereo pairs as two pictures that know nothing of each other: the baseline of every stereo codec.

magic      4      b"PAIR"
version    1      1
length     1..5   varint: seven bits to a byte, low bits first: bytes of the left view's file
left              a whole file of the codec
right             another, to the end
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.pair import PairCodec
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.limits import check_pixels

MAGIC = b"PAIR"
VERSION = 1
PREFIX = "pair:"
_DIGITS = 5  # of the varint: 35 bits


class Separate(PairCodec):
    """Any codec of pictures as one of pairs: each view by itself, both at the same quality, in one file.

    mono: that codec, whose ladder, quality and kind are kept. Beside its two files 6 to 9 bytes are written and count:
    7 for a left view of 128 bytes to 16 KiB, 8 up to 2 MiB. Raises LicLabError for a codec that takes pairs itself.
    """

    suffix = ".pair"

    def __init__(self, mono: ImageCodec):
        if mono.views != 1:
            raise LicLabError(f"{mono.name} codes stereo pairs itself: leave out the {PREFIX!r} before its name")
        self.mono, self.kind, self.ladder, self.default_quality = mono, mono.kind, mono.ladder, mono.default_quality
        self.name, self.label = PREFIX + mono.name, f"{mono.label}, each view"

    @property
    def settings(self) -> str:
        return f"each view by itself: {self.mono.settings}"

    def missing(self) -> str:
        return self.mono.missing()

    def with_effort(self, effort: int, watch: Callable[[int, int, str], None] | None = None) -> Separate:
        mono = self.mono.with_effort(effort, watch)
        codec = self if mono is self.mono else Separate(mono)
        codec.quick = Separate(mono.quick) if mono.quick else None
        return codec

    def encoder_for(self, image: np.ndarray) -> Callable[[float], bytes]:
        self._check_picture(image)
        left, right = (self.mono.encoder_for(view) for view in image)
        return lambda quality: join(left(quality), right(quality))

    def quality_for_lambda(self, lmbda: float) -> float:
        return self.mono.quality_for_lambda(lmbda)

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        return join(*(self.mono.encode(view, quality) for view in image))

    def _decode(self, data: bytes) -> np.ndarray:
        files = split(data)
        left = self._view("left", files[0])
        height, width = left.shape[:2]
        check_pixels(2 * height, width, "this .pair file")
        right = self._view("right", files[1])
        if left.shape != right.shape:
            sizes = " and ".join(f"{view.shape[1]} x {view.shape[0]}" for view in (left, right))
            raise CorruptStreamError(f"the views of this .pair file have sizes {sizes}: it was put together wrongly")
        return np.stack([left, right])

    def _view(self, side: str, file: bytes) -> np.ndarray:
        try:
            return self.mono.decode(file)
        except CorruptStreamError as error:
            raise CorruptStreamError(f"the {side} view of this .pair file: {error}") from error


def join(left: bytes, right: bytes) -> bytes:
    """Write the files of the two views as one."""
    length, digits = len(left), []
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return MAGIC + bytes([VERSION, *digits, length]) + left + right


def split(data: bytes) -> tuple[bytes, bytes]:
    """Read the files of the left and the right view; neither is empty.

    Raises CorruptStreamError for bytes that `join` has not written, and where they end before the right view begins.
    """
    if not data.startswith(MAGIC):
        raise CorruptStreamError("these bytes are not an undamaged .pair file: they begin in another way")
    if data[len(MAGIC) :][:1] not in (b"", bytes([VERSION])):
        raise CorruptStreamError(
            f"this .pair file has format version {data[len(MAGIC)]} and this lic_lab reads {VERSION}: "
            "update lic_lab, or get the file again"
        )
    length, at = 0, len(MAGIC) + 1
    for i, digit in enumerate(data[at : at + _DIGITS]):
        length |= (digit & 127) << 7 * i
        if digit < 128:
            left, right = data[at + i + 1 :][:length], data[at + i + 1 + length :]
            if left and right:
                return left, right
            break
    raise CorruptStreamError("this .pair file is damaged or incomplete: it ends before its right view")
