"""What the two readable coders share: every symbol is a span of the line from 0 to 2**24.

A coder need not know what a symbol is. It writes spans (start, freq), and its decoder can show a point of the line that
lies in the span written; the tables know whose it is. An escaped symbol is several spans: the escape slot, the length
of an exp-Golomb suffix, and the suffix in pieces of at most 16 bits, whose values have equal shares of the line.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from lic_lab.coding import golomb
from lic_lab.coding.tables import LENGTHS, MAX_PRECISION, Tables, check_indices, check_symbols
from lic_lab.errors import CorruptStreamError

PRECISION = MAX_PRECISION
"""The line has 2**PRECISION points, whatever the precision of a table."""


class SpanEncoder:
    """An encoder's `push`; a coder adds `_write(start, freq)` and `finish()`."""

    def __init__(self):
        self.checksum = 0
        """CRC-32 of all symbols pushed so far, as little-endian int32, in push order."""

    def push(self, symbols: np.ndarray, tables: Tables, indices: np.ndarray) -> None:
        """Write symbols (any shape; any int32) with the tables at indices (same shape); LicLabError for other input."""
        indices = check_indices(indices, tables)
        symbols = check_symbols(symbols, indices)
        self.checksum = zlib.crc32(symbols, self.checksum)
        for symbol, index in zip(symbols.ravel().tolist(), indices.ravel().tolist(), strict=True):
            for start, freq in spans(symbol, tables, index):
                self._write(start, freq)


class SpanDecoder:
    """A decoder's `pop`; a coder adds `_point()`, `_take(start, freq)` and `close()`."""

    def __init__(self, data: bytes):
        self.checksum = 0
        """CRC-32 of all symbols popped so far; equals the encoder's when nothing is damaged."""
        self._bytes = len(data)

    def pop(self, tables: Tables, indices: np.ndarray) -> np.ndarray:
        """Read one symbol for each index; int32, shaped like indices.

        Raises CorruptStreamError when the stream cannot hold that many or runs out, LicLabError for impossible indices.
        """
        if np.size(indices) > tables.most_symbols(self._bytes):
            raise CorruptStreamError(
                f"the symbol stream is too short for {np.size(indices)} symbols; get the file again"
            )
        indices = check_indices(indices, tables)
        symbols = [self._symbol(tables, index) for index in indices.ravel().tolist()]
        symbols = np.array(symbols, "<i4").reshape(indices.shape)
        self.checksum = zlib.crc32(symbols, self.checksum)
        return symbols.astype(np.int32, copy=False)

    def _symbol(self, tables: Tables, index: int) -> int:
        slot, escape = self._slot(tables, index), int(tables.size[index]) - 1
        if slot < escape:
            return int(tables.offset[index]) + slot
        length = self._slot(LENGTHS, 0)
        if length > golomb.MAX_LENGTH:
            raise CorruptStreamError("the symbol stream holds an impossible escape: the file is damaged, get it again")
        suffix = 0
        for _, shift, bits in golomb.pieces(np.array([length])):
            piece = self._point() >> PRECISION - bits
            self._take(*_share(piece, bits))
            suffix |= piece << shift
        symbol = int(tables.escaped_symbols((1 << length) + suffix - 1, index))
        if not -(2**31) <= symbol < 2**31:
            raise CorruptStreamError("the symbol stream holds an integer beyond 32 bits: the file is damaged")
        return symbol

    def _slot(self, tables: Tables, index: int) -> int:
        """Find the slot whose span holds the coder's point, and take that span."""
        scale, escape = PRECISION - tables.precision, int(tables.size[index]) - 1
        slot = int(np.searchsorted(tables.start[index, :escape], self._point() >> scale, side="right")) - 1
        slot = escape if slot < 0 else slot  # the escape lies before all others
        self._take(*_span(tables, index, slot))
        return slot


def spans(symbol: int, tables: Tables, index: int) -> Iterator[tuple[int, int]]:
    """Say where on the line a symbol lies: one (start, freq) for a symbol with a slot, several for an escape."""
    slot = int(tables.slots(symbol, index))
    yield _span(tables, index, slot)
    if slot == tables.size[index] - 1:
        value = int(tables.escape_values(symbol, index))
        length = (value + 1).bit_length() - 1
        yield _span(LENGTHS, 0, length)
        for _, shift, bits in golomb.pieces(np.array([length])):
            yield _share((value + 1) >> shift & (1 << bits) - 1, bits)


def _span(tables: Tables, index: int, slot: int) -> tuple[int, int]:
    scale = PRECISION - tables.precision
    return int(tables.start[index, slot]) << scale, int(tables.freq[index, slot]) << scale


def _share(piece: int, bits: int) -> tuple[int, int]:
    return piece << PRECISION - bits, 1 << PRECISION - bits
