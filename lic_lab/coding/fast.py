"""The coder that files are written with: whole arrays to a compiled ANS coder, the symbols of one table at a time.

Same three verbs as the readable coders (`rans.py`, `range_coder.py`): push, pop, finish. ANS is a stack, so `push` only
collects, `finish` encodes backwards, and `pop` reads forwards. Within one push, symbols are grouped by table (stable
sort): the compiled loop then runs with one model over a long array, instead of looking up a model for each symbol.

The stream is the ANS words and then the state, little-endian, without zero bytes at the end; `rans.py` spells it out.
Source: Duda, "Asymmetric numeral systems", arXiv 1311.2540; Bamler, "Understanding entropy coding with asymmetric
numeral systems", arXiv 2201.01741, whose `constriction` library does the work.
"""

import zlib
from weakref import WeakKeyDictionary

import numpy as np
from constriction import stream

from lic_lab.coding import golomb
from lic_lab.coding.tables import LENGTHS, MAX_PRECISION, SEED, Tables, check_indices, check_symbols
from lic_lab.errors import CorruptStreamError

AnsCoder, Categorical, Uniform = stream.stack.AnsCoder, stream.model.Categorical, stream.model.Uniform

BLOCK = 1 << 18
"""Symbols that are grouped together: few enough to sort within a processor's cache, which is four times faster."""


class Encoder:
    """Collect symbols with `push`, then write them all with `finish`."""

    def __init__(self):
        self.checksum = 0
        """CRC-32 of all symbols pushed so far, as little-endian int32, in push order."""
        self._blocks = []

    def push(self, symbols: np.ndarray, tables: Tables, indices: np.ndarray) -> None:
        """Add symbols (any shape; any int32) to be coded by the tables at indices (same shape, 0 .. len(tables) - 1).

        Raises LicLabError for other shapes, for non-integers and for values that do not fit.
        """
        indices = check_indices(indices, tables)
        symbols = check_symbols(symbols, indices)
        self.checksum = zlib.crc32(symbols, self.checksum)
        flat, symbols = indices.ravel(), symbols.ravel()
        for begin in range(0, symbols.size, BLOCK):
            order, counts = _grouped(flat[begin : begin + BLOCK], tables)
            self._blocks.append((symbols[begin : begin + BLOCK].take(order, mode="clip"), tables, counts))

    def finish(self) -> bytes:
        """Write everything pushed as one stream of bytes."""
        coder = AnsCoder(np.array([SEED], np.uint32))
        for block in reversed(self._blocks):
            _encode_block(coder, *block)
        return coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


class Decoder:
    """Read a stream of `Encoder` with one `pop` for each push, then `close` it."""

    def __init__(self, data: bytes):
        """data: what `finish` returned. Raises CorruptStreamError when no encoder could have written it."""
        if len(data) < 3 or data[-1] == 0:
            raise CorruptStreamError("the symbol stream is cut off or has bytes added; get the file again")
        words = np.frombuffer(bytes(data) + bytes(-len(data) % 4), "<u4").astype(np.uint32)
        self.checksum = 0
        """CRC-32 of all symbols popped so far; equals the encoder's when nothing is damaged."""
        self._coder = AnsCoder(words)
        self._check_state()

    def pop(self, tables: Tables, indices: np.ndarray) -> np.ndarray:
        """Read as many symbols as there are indices; int32, shaped like indices.

        Raises CorruptStreamError when the stream cannot hold that many or runs out, LicLabError for impossible indices.
        """
        if np.size(indices) > tables.most_symbols(4 * self._coder.num_words()):
            raise CorruptStreamError(
                f"the symbol stream is too short for {np.size(indices)} symbols; get the file again"
            )
        indices = check_indices(indices, tables)
        flat, symbols = indices.ravel(), np.empty(indices.size, np.int32)
        for begin in range(0, symbols.size, BLOCK):
            order, counts = _grouped(flat[begin : begin + BLOCK], tables)
            symbols[begin : begin + BLOCK][order] = _decode_block(self._coder, tables, counts)
            self._check_state()
        self.checksum = zlib.crc32(symbols.astype("<i4", copy=False), self.checksum)
        return symbols.reshape(indices.shape)

    def close(self) -> None:
        """Raise CorruptStreamError unless the stream is used up exactly."""
        if self._coder.num_words() != 1 or int(self._coder.get_compressed()[0]) != SEED:
            raise CorruptStreamError(
                "the symbol stream does not end where its symbols do: the file is damaged, get it again"
            )

    def _check_state(self) -> None:
        words = self._coder.num_words()
        if words == 0 or (words == 1 and int(self._coder.get_compressed()[0]) < SEED):
            raise CorruptStreamError("the symbol stream ends before its symbols do: the file is damaged, get it again")


def _grouped(indices: np.ndarray, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Give the stable order that puts equal indices together, and how many there are of each, (k,)."""
    small = np.uint8 if len(tables) <= 256 else np.uint16 if len(tables) <= 65536 else np.int64
    indices = indices.ravel().astype(small, copy=False)  # NumPy sorts 8 and 16 bits by radix: linear time
    order = np.argsort(indices, kind="stable")
    edges = np.searchsorted(indices, np.arange(len(tables), dtype=small), sorter=order)
    return order, np.diff(edges, append=indices.size)


class _Models(dict):
    """The compiled models of some tables, each made at first use; None for a lone escape, which is certain."""

    def __init__(self, tables: Tables):
        self._freq, self._size, self._precision = tables.freq, tables.size, tables.precision

    def __missing__(self, index: int) -> Categorical | None:
        # constriction spreads 2**24 - n over n slots in proportion to the weights and then adds 1 to each. Weights of
        # freq * 2**(24 - precision) - 1 sum to just that: the scale is exactly 1, and frequencies come out exact.
        freq = np.roll(self._freq[index, : self._size[index]], 1)  # the escape is slot 0 here, as in `Tables.start`
        weights = freq.astype(np.float64) * 2.0 ** (MAX_PRECISION - self._precision) - 1
        self[index] = Categorical(weights, perfect=False, lazy=False) if len(freq) > 1 else None
        return self[index]


_models: WeakKeyDictionary[Tables, _Models] = WeakKeyDictionary()


def _models_of(tables: Tables) -> _Models:
    if tables not in _models:
        _models[tables] = _Models(tables)
    return _models[tables]


def _runs(counts: np.ndarray) -> list[tuple[int, int, int]]:
    """List (table, begin, end) of each table that has symbols, in the order of the sorted array."""
    used = np.flatnonzero(counts)
    ends = np.cumsum(counts[used])
    return list(zip(used.tolist(), (ends - counts[used]).tolist(), ends.tolist(), strict=True))


def _encode_block(coder: AnsCoder, symbols: np.ndarray, tables: Tables, counts: np.ndarray) -> None:
    """Put one block's sorted symbols on the stack: first their escapes (read last), then the tables backwards."""
    coded = symbols - np.repeat(tables.offset - 1, counts)  # 1 .. size - 1 inside the table; may wrap outside
    escaped = coded.view(np.uint32) - np.uint32(1) >= np.repeat((tables.size - 1).astype(np.uint32), counts)
    if escaped.any():
        where = np.flatnonzero(escaped)
        coded[where] = 0
        _encode_escapes(coder, tables.escape_values(symbols[where], _tables_of(where, counts)))
    models = _models_of(tables)
    for index, begin, end in reversed(_runs(counts)):
        if (model := models[index]) is not None:
            coder.encode_reverse(coded[begin:end], model)


def _decode_block(coder: AnsCoder, tables: Tables, counts: np.ndarray) -> np.ndarray:
    """Read one block's sorted symbols, int32: the mirror image of `_encode_block`."""
    coded = np.zeros(int(counts.sum()), np.int32)
    models = _models_of(tables)
    for index, begin, end in _runs(counts):
        if (model := models[index]) is not None:
            coded[begin:end] = coder.decode(model, end - begin)
    where = np.flatnonzero(coded == 0)
    coded += np.repeat(tables.offset - 1, counts)
    if where.size:
        symbols = tables.escaped_symbols(_decode_escapes(coder, where.size), _tables_of(where, counts))
        limits = np.iinfo(np.int32)
        if symbols.min() < limits.min or symbols.max() > limits.max:
            raise CorruptStreamError(
                "the symbol stream holds an integer beyond 32 bits: the file is damaged, get it again"
            )
        coded[where] = symbols
    return coded


def _tables_of(positions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Name the table that each position of the sorted array belongs to."""
    return np.searchsorted(np.cumsum(counts), positions, side="right")


def _encode_escapes(coder: AnsCoder, values: np.ndarray) -> None:
    lengths = golomb.lengths(values)
    suffixes = values + 1 - (np.int64(1) << lengths.astype(np.int64))
    for positions, shift, bits in reversed(list(golomb.pieces(lengths))):
        piece = (suffixes[positions] >> shift) & ((1 << bits) - 1)
        coder.encode_reverse(piece.astype(np.int32), Uniform(1 << bits))
    coder.encode_reverse(lengths + 1, _models_of(LENGTHS)[0])


def _decode_escapes(coder: AnsCoder, count: int) -> np.ndarray:
    lengths = coder.decode(_models_of(LENGTHS)[0], count) - 1
    if lengths.min() < 0:
        raise CorruptStreamError("the symbol stream holds an impossible escape: the file is damaged, get it again")
    suffixes = np.zeros(count, np.int64)
    for positions, shift, bits in golomb.pieces(lengths):
        suffixes[positions] |= coder.decode(Uniform(1 << bits), positions.size).astype(np.int64) << shift
    return suffixes - 1 + (np.int64(1) << lengths.astype(np.int64))
