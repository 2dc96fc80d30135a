"""What assignment A1 hands out: a grey picture as DCT levels, what the library makes of them, and a coder to borrow.

Levels are int64 (rows, columns, 64): blocks of 8 x 8 pixels, the frequencies of each from low to high, diagonal by
diagonal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from scipy.fft import dctn, idctn

from lic_lab.coding import range_coder
from lic_lab.coding.fast import Encoder
from lic_lab.coding.spans import PRECISION
from lic_lab.errors import LicLabError

ORDER = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8))
"""Where each of the 64 frequencies stands in its block, row * 8 + column: the k-th diagonal after the one before it."""


def dct_levels(grey: np.ndarray, step: float) -> np.ndarray:
    """Transform blocks of 8 x 8, orthonormal, and round in steps; int64 (rows, columns, 64).

    grey: (8 rows, 8 columns), 0 to 255.   step: > 0, in grey values.   Raises LicLabError for other sizes.
    """
    height, width = np.shape(grey)
    if height % 8 or width % 8 or not height or not width:
        raise LicLabError(f"a picture of {height} x {width} has no whole blocks of 8 x 8: crop it")
    blocks = np.reshape(grey, (height // 8, 8, width // 8, 8)).swapaxes(1, 2) - 128.0
    waves = dctn(blocks, axes=(2, 3), norm="ortho").reshape(height // 8, width // 8, 64)
    return np.round(waves[..., ORDER] / step).astype(np.int64)


def grey_of(levels: np.ndarray, step: float) -> np.ndarray:
    """The picture that levels of a step stand for: uint8 (8 rows, 8 columns)."""
    rows, columns, _ = np.shape(levels)
    waves = np.empty((rows, columns, 64))
    waves[..., ORDER] = np.asarray(levels) * step
    blocks = idctn(waves.reshape(rows, columns, 8, 8), axes=(2, 3), norm="ortho") + 128
    return np.clip(np.round(blocks.swapaxes(1, 2).reshape(8 * rows, 8 * columns)), 0, 255).astype(np.uint8)


def own_histogram(message: np.ndarray) -> float:
    """Bytes of integers of any shape under their own histogram, which is given to nobody: n times the entropy."""
    counts = np.unique(message, return_counts=True)[1]
    return float(-np.sum(counts * np.log2(counts / counts.sum()))) / 8


def gaussian_bytes(levels: np.ndarray) -> int:
    """Bytes that `lic_lab.coding` writes for levels, each with the Gaussian table of its frequency's deviation.

    The 64 means and deviations are those of the levels themselves, and are not in the bytes.
    """
    from lic_lab.entropy import gaussian

    flat = np.reshape(levels, (-1, 64))
    centred = (flat - np.round(flat.mean(axis=0))).astype(np.int32)
    scales = np.maximum(flat.std(axis=0), gaussian.SCALE_MIN)
    tables = np.abs(np.log(gaussian.scale_ladder()[:, None] / scales)).argmin(axis=0)
    encoder = Encoder()
    encoder.push(centred, gaussian.tables(), np.broadcast_to(tables, flat.shape).copy())
    return len(encoder.finish())


# ---- the coder of A1.2, for those who do a later task first ----------------------------------------------------------


def encode(spans: Sequence[tuple[int, int, int]]) -> bytes:
    """Write a message with the library's range coder: (start, length, line) of each symbol, a line of at most 2**16."""
    encoder = range_coder.Encoder()
    for span in spans:
        encoder._write(*_widened(*map(int, span)))
    return encoder.finish()


def reader(data: bytes) -> Callable[[Sequence[int]], int]:
    """Give a function read(freq) that gives the symbols of `encode` one after the other."""
    decoder = range_coder.Decoder(data)

    def read(freq):
        ends = list(accumulate(map(int, freq)))
        point = (decoder._point() + 1) * ends[-1] - 1 >> PRECISION
        symbol = bisect_right(ends, point)
        length = int(freq[symbol])
        decoder._take(*_widened(ends[symbol] - length, length, ends[-1]))
        return symbol

    return read


def _widened(start: int, length: int, line: int) -> tuple[int, int]:
    """A span on the longer line of the library's coders: (start, length)."""
    first, last = (start << PRECISION) // line, (start + length << PRECISION) // line
    return first, last - first
