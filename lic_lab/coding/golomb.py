"""Exp-Golomb numbers: any integer, however large, in a few bits. They carry what no table has a slot for.

A value v >= 0 is written as the length of v + 1 in bits, less one, then those bits without their leading one:

    v      v + 1    length   suffix        as a bit string (as many zeros announce it)
    0          1         0        -        1
    1         10         1        0        010
    2         11         1        1        011
    6        111         2       11        00111

Source: Teuhola, "A compression method for clustered bit-vectors", Information Processing Letters 7 (1978); order 0, as
in H.264.
"""

from collections.abc import Iterator

import numpy as np

from lic_lab.errors import CorruptStreamError, LicLabError

MAX_LENGTH = 33
"""Longest suffix there can be: the farthest int32 from any range, folded, is below 2**33."""

PIECE = 16
"""Suffixes travel in pieces of at most this many bits."""


def fold(symbols: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Number the integers outside low..high, nearest first: high + 1, low - 1, high + 2, ... become 0, 1, 2, ...

    symbols, low, high: int64 arrays of one shape, low <= high + 1; returns int64 >= 0. Inverse: `unfold`.
    """
    return np.where(symbols > high, 2 * (symbols - high - 1), 2 * (low - 1 - symbols) + 1)


def unfold(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Give back the integers that `fold` numbered; int64 in, int64 out."""
    return np.where(values % 2 == 0, high + 1 + values // 2, low - 1 - values // 2)


def lengths(values: np.ndarray) -> np.ndarray:
    """Count the suffix bits of each value: floor(log2(v + 1)), exact for 0 <= v < 2**53; int32."""
    return (np.frexp(np.asarray(values, np.float64) + 1)[1] - 1).astype(np.int32)


def pieces(suffix_lengths: np.ndarray) -> Iterator[tuple[np.ndarray, int, int]]:
    """Cut suffixes into pieces that a table-driven coder can take, shortest suffixes first: (positions, shift, bits).

    A piece is `suffix[positions] >> shift`, of which the lowest `bits` (1..16) count. Reader and writer walk one list.
    """
    for length in np.unique(suffix_lengths).tolist():
        positions = np.flatnonzero(suffix_lengths == length)
        for shift in range(0, length, PIECE):
            yield positions, shift, min(PIECE, length - shift)


def encode(values: np.ndarray) -> bytes:
    """Write values as one exp-Golomb bit string, zero bits up to the next byte.

    values: integers in 0 .. 2**33 - 2, any shape, read in C order. Raises LicLabError for others.
    """
    values = np.asarray(values, np.int64).ravel()
    if values.size and not (0 <= values.min() and values.max() < 2**MAX_LENGTH - 1):
        raise LicLabError(f"exp-Golomb numbers are 0 .. 2**{MAX_LENGTH} - 2; got {values.min()} .. {values.max()}")
    bits = "".join("0" * ((v + 1).bit_length() - 1) + f"{v + 1:b}" for v in values.tolist())
    return int(bits + "0" * (-len(bits) % 8) or "0", 2).to_bytes((len(bits) + 7) // 8, "big")


def decode(data: bytes, count: int) -> np.ndarray:
    """Read back `count` values, int64 (count,); CorruptStreamError unless data is exactly what `encode` writes."""
    bits = "".join(f"{byte:08b}" for byte in data)
    values, at = [], 0
    while len(values) < count:
        one = bits.find("1", at)
        end = 2 * one - at + 1
        if one < 0 or one - at >= MAX_LENGTH or end > len(bits):
            raise CorruptStreamError(f"the exp-Golomb stream ends or derails at number {len(values)} of {count}")
        values.append(int(bits[one:end], 2) - 1)
        at = end
    if len(bits) - at >= 8 or "1" in bits[at:]:
        raise CorruptStreamError(f"the exp-Golomb stream goes on after its {count} numbers")
    return np.array(values, np.int64)
