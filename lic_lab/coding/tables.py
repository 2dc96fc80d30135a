"""Probability tables of whole numbers: what encoder and decoder must agree on to the last bit.

A table gives each of its slots a frequency; the frequencies add up to 2**precision exactly, so the probability of slot
s is freq[s] / 2**precision on every machine. The last slot is the ESCAPE: it stands for every integer that has no slot
of its own, and an exp-Golomb number (`golomb.py`) follows. Any int32 can be coded by any table; nothing is clipped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lic_lab.coding import golomb
from lic_lab.errors import LicLabError

MAX_PRECISION = 24
"""Most bits a table's total can have: the coders count in 2**-24."""

SEED = 1 << (MAX_PRECISION - 1)
"""The state an ANS encoder starts from and its decoder must end at; costs 23 bits per stream. From 0, frequent symbols
would be free at first, and a decoder could go on for ever past the end. A lower state can only come from damage."""


@dataclass(frozen=True, eq=False)
class Tables:
    """k frequency tables of one total, one row each.

    freq: (k, width) int32, >= 1 in the first size[i] slots of row i, 0 after them; each row sums to 2**precision.
    size: (k,) int32, slots in the row, the escape slot (the last one) included, so >= 1.
    offset: (k,) int32, the integer that slot 0 of the row stands for.
    precision: bits of the total, 1..24.
    Tables are compared by identity, and never change. Raises LicLabError when the numbers do not fit together.
    """

    freq: np.ndarray
    size: np.ndarray
    offset: np.ndarray
    precision: int = 16

    def __post_init__(self):
        for name in ("freq", "size", "offset"):
            array = np.array(getattr(self, name), np.int32)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "precision", int(self.precision))
        if fault := self._fault():
            raise LicLabError(f"these are not probability tables: {fault}")

    def _fault(self) -> str:
        if self.freq.ndim != 2 or not self.size.shape == self.offset.shape == self.freq.shape[:1] or not len(self):
            return f"shapes {self.freq.shape}, {self.size.shape}, {self.offset.shape} instead of (k, width), (k,), (k,)"
        if not 1 <= self.precision <= MAX_PRECISION:
            return f"precision {self.precision} is not in 1..{MAX_PRECISION}"
        if self.size.min() < 1 or self.size.max() > self.freq.shape[1]:
            return "a row has no slot, or more slots than columns"
        if ((self.freq > 0) != (np.arange(self.freq.shape[1]) < self.size[:, None])).any() or self.freq.min() < 0:
            return "a slot has no frequency, or a frequency no slot"
        if (self.freq.sum(axis=1, dtype=np.int64) != 1 << self.precision).any():
            return f"a row does not sum to 2**{self.precision}"
        if (self.offset.astype(np.int64) + self.size > np.iinfo(np.int32).max).any():
            return "a slot stands for an integer beyond 32 bits"
        return ""

    def __len__(self) -> int:
        return len(self.freq)

    @classmethod
    def from_pmfs(cls, pmfs: Sequence[np.ndarray], offsets: Sequence[int], precision: int = 16) -> "Tables":
        """Turn probabilities into integer tables: one rounding, then whole-number arithmetic only, ties by index.

        pmfs: k arrays (rows of a matrix, or of different lengths; a length of 0 leaves the escape alone); pmfs[i][s] is
        the probability of the integer offsets[i] + s. What a row lacks to 1 is the probability of the escape; a row
        above 1 is normalised. The largest frequency is capped (`_capped`).
        Raises LicLabError for negative or non-finite probabilities and for rows with more slots than 2**precision.
        """
        if len(pmfs) != len(offsets) or not len(pmfs):
            raise LicLabError(
                f"give one offset for each table, and one table at least; got {len(pmfs)} and {len(offsets)}"
            )
        rows = [_frequencies(np.asarray(pmf, np.float64), precision) for pmf in pmfs]
        freq = np.zeros((len(rows), max(map(len, rows))), np.int32)
        for table, row in zip(freq, rows, strict=True):
            table[: len(row)] = row
        return cls(freq, np.array([len(row) for row in rows]), np.asarray(offsets), precision)

    @cached_property
    def start(self) -> np.ndarray:
        """Where each slot begins on 0 .. 2**precision, (k, width) int32: the escape first, then slots 0, 1, 2, ...

        The escape comes first so that no ordinary slot begins at 0: there an ANS coder with little in its state could
        write a frequent symbol any number of times for nothing (see `most_symbols`).
        """
        start = np.zeros(self.freq.shape, np.int64)
        start[:, 1:] = np.cumsum(self.freq, axis=1, dtype=np.int64)[:, :-1]
        rows, escape = np.arange(len(self)), self.size - 1
        start += self.freq[rows, escape][:, None]
        start[rows, escape] = 0
        start[self.freq == 0] = 0
        return start.astype(np.int32)

    def slots(self, symbols: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Find the slot of each symbol in the table of each index; integers without one get the escape, size - 1."""
        slot = np.asarray(symbols, np.int64) - self.offset[indices]
        escape = self.size[indices] - 1
        return np.where((slot >= 0) & (slot < escape), slot, escape)

    def escape_values(self, symbols: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Number escaped symbols for the exp-Golomb code, nearest to the table's range first; int64 >= 0."""
        low = self.offset[indices].astype(np.int64)
        return golomb.fold(np.asarray(symbols, np.int64), low, low + self.size[indices] - 2)

    def escaped_symbols(self, values: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Give back the symbols that `escape_values` numbered, int64 (a damaged stream can go beyond 32 bits)."""
        low = self.offset[indices].astype(np.int64)
        return golomb.unfold(np.asarray(values, np.int64), low, low + self.size[indices] - 2)

    def symbol_bits(self, symbols: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Give each symbol's ideal cost in bits, escapes included: -log2(freq / 2**precision); float64, same shape."""
        symbols, indices = np.broadcast_arrays(np.asarray(symbols, np.int64), indices)
        slot = self.slots(symbols, indices)
        bits = np.asarray(self.precision - np.log2(self.freq[indices, slot]))
        escaped = slot == self.size[indices] - 1
        suffix = golomb.lengths(self.escape_values(symbols[escaped], indices[escaped]))
        bits[escaped] += LENGTHS.precision - np.log2(LENGTHS.freq[0, suffix]) + suffix
        return bits

    def cost_bits(self, symbols: np.ndarray, indices: np.ndarray) -> float:
        """Add up the ideal cost of symbols under the tables at indices (same shape), in bits, escapes included."""
        return float(self.symbol_bits(symbols, indices).sum())

    @cached_property
    def min_cost_bits(self) -> float:
        """The fewest bits any symbol can cost: > 0, and >= 3e-4 in 16-bit tables from `from_pmfs`."""
        cost = self.precision - np.log2(np.maximum(self.freq, 1))
        cost[np.arange(len(self)), self.size - 1] += 1  # an escape brings an exp-Golomb number, >= 1 bit
        return float(max(cost.min(), 2.0**-MAX_PRECISION))

    def most_symbols(self, payload_bytes: int) -> int:
        """Bound the symbols that a payload can hold: a decoder asks before it allocates for what a header claims.

        Never below what an encoder of this package can put there. 1 % is added for rounding, and a first run of symbols
        that cost less: while an ANS state is below a symbol's frequency, it grows by the symbol's `start` only, which
        is at least the frequency of the escape.
        """
        escape = int(self.freq[np.arange(len(self)), self.size - 1].min()) << MAX_PRECISION - self.precision
        return int(8 * payload_bytes * 1.01 / self.min_cost_bits) + SEED // escape

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Give the tables as named int32 arrays, ready for safetensors; inverse: `from_arrays`."""
        return {
            "freq": self.freq,
            "size": self.size,
            "offset": self.offset,
            "precision": np.array([self.precision], np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Tables":
        """Rebuild tables from `to_arrays`; LicLabError when an array is missing or the numbers do not fit together."""
        if missing := {"freq", "size", "offset", "precision"} - set(arrays):
            raise LicLabError(f"stored probability tables lack {', '.join(sorted(missing))}")
        return cls(arrays["freq"], arrays["size"], arrays["offset"], int(np.asarray(arrays["precision"]).ravel()[0]))


def check_indices(indices: np.ndarray, tables: Tables) -> np.ndarray:
    """Give table indices as an array; LicLabError for non-integers and for tables that do not exist."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" and indices.size:
        raise LicLabError(f"table indices must be integers; got {indices.dtype}")
    if indices.size and not (0 <= indices.min() and indices.max() < len(tables)):
        raise LicLabError(f"table indices must be 0 .. {len(tables) - 1}; got {indices.min()} .. {indices.max()}")
    return indices


def check_symbols(symbols: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Give symbols as contiguous little-endian int32; LicLabError when that would change them, or for another shape."""
    symbols = np.asarray(symbols)
    if symbols.shape != indices.shape:
        raise LicLabError(f"symbols {symbols.shape} and table indices {indices.shape} must have one shape")
    if symbols.dtype.kind not in "iu" and symbols.size:
        raise LicLabError(f"symbols must be integers; got {symbols.dtype}: round them first")
    if not np.can_cast(symbols.dtype, np.int32) and symbols.size:
        limits = np.iinfo(np.int32)
        if symbols.min() < limits.min or symbols.max() > limits.max:
            raise LicLabError(f"symbols must fit 32 bits; got {symbols.min()} .. {symbols.max()}")
    return np.asarray(symbols, "<i4", order="C")


def _frequencies(pmf: np.ndarray, precision: int) -> np.ndarray:
    """Round one pmf, escape appended, to frequencies >= 1 that sum to 2**precision; int64."""
    total = 1 << precision
    if pmf.ndim != 1 or not np.isfinite(pmf).all() or (pmf < 0).any():
        raise LicLabError("a pmf must be a row of finite probabilities >= 0")
    if len(pmf) >= total:
        raise LicLabError(
            f"a table of precision {precision} has room for {total - 1} slots; got {len(pmf)}: cut the tails"
        )
    mass = math.fsum(pmf)  # the one sum of floats, and the same on every machine
    shares = np.append(pmf, max(0.0, 1.0 - mass)) / max(1.0, mass)
    freq = np.maximum(np.floor(shares * total + 0.5).astype(np.int64), 1)
    while missing := total - int(freq.sum()):
        # One step up or down for the slots that feel it least: those above half of the largest, largest first.
        order = np.argsort(-freq, kind="stable")
        few = order[: min(abs(missing), int((2 * freq > freq.max()).sum()))]
        freq[few] += 1 if missing > 0 else -1
    return _capped(freq, total - max(1, total * 14 >> 16))


def _capped(freq: np.ndarray, most: int) -> np.ndarray:
    """Lower a frequency above `most` to it and deal the excess out to the others, most frequent first.

    14 / 65536 of the range costs the commonest symbol 3e-4 bits, and lets the length of a file bound what it can claim.
    """
    top = int(np.argmax(freq))
    excess = int(freq[top]) - most
    if excess > 0 and len(freq) > 1:
        others = np.argsort(-freq, kind="stable")[1:]
        freq[top] = most
        freq[others] += excess // len(others)
        freq[others[: excess % len(others)]] += 1
    return freq


LENGTHS = Tables.from_pmfs([0.5 ** np.arange(1, golomb.MAX_LENGTH + 2)], [0])
"""The table for the length of an exp-Golomb suffix, 0..33: length n has probability 2**-(n + 1), as in bits."""
