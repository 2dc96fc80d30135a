"""A range coder, to be read: the whole message is one point on a line, and each symbol zooms in on its span.

Encoder and decoder hold the same interval of the line: `low` and `range`. A symbol that owns `freq` of the 2**24 points
from `start` on shrinks the interval to that part of itself; to say where in the old interval the new one lies takes
log2(2**24 / freq) bits. When the interval is so short that the first byte of its points is (almost) settled, that byte
is written and everything grows by 256. "Almost": a later symbol may still push `low` over the edge, and then the carry
runs back into the bytes already written, as in 0.3999 + 0.0001.

Source: Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
"""

from lic_lab.coding.spans import PRECISION, SpanDecoder, SpanEncoder
from lic_lab.errors import CorruptStreamError

WHOLE = 1 << 64
"""The line has 2**64 points at any zoom; only the part within sight is kept."""
SHORT = WHOLE >> 8
"""An interval below this is short enough to write a byte."""


class Encoder(SpanEncoder):
    """Write symbols with `push`, and the last byte with `finish`."""

    def __init__(self):
        super().__init__()
        self._low, self._range = 0, WHOLE
        self._written = bytearray()

    def _write(self, start: int, freq: int) -> None:
        unit = self._range >> PRECISION
        self._low += unit * start
        self._range = unit * freq
        self._carry()
        while self._range < SHORT:
            self._write_byte()

    def _carry(self) -> None:
        if self._low >= WHOLE:
            self._low -= WHOLE
            at = len(self._written) - 1
            while self._written[at] == 255:  # 9 + 1 is 0, and one more on the left
                self._written[at] = 0
                at -= 1
            self._written[at] += 1

    def _write_byte(self) -> None:
        self._written.append(self._low // SHORT)
        self._low = self._low % SHORT << 8
        self._range <<= 8

    def finish(self) -> bytes:
        """Name a point inside the last interval, in as few bytes as possible: one more, or none."""
        count, gap = _last_point(self._low, self._range)
        self._low += gap
        self._range -= gap
        self._carry()
        for _ in range(count):
            self._write_byte()
        return bytes(self._written)


class Decoder(SpanDecoder):
    """Read a stream of `Encoder` with one `pop` for each push, then `close` it."""

    def __init__(self, data: bytes):
        """data: what `finish` returned; after its end the decoder sees zeros."""
        super().__init__(data)
        self._data = bytes(data)
        self._low, self._range = 0, WHOLE
        self._passed = 0  # bytes that are out of sight on the left
        self._point_above_low = int.from_bytes(self._data[:8].ljust(8, b"\0"), "big")

    def _point(self) -> int:
        point = self._point_above_low // (self._range >> PRECISION)
        if point >> PRECISION or self._passed > len(self._data):
            raise CorruptStreamError("the symbol stream ends before its symbols do: the file is damaged, get it again")
        return point

    def _take(self, start: int, freq: int) -> None:
        unit = self._range >> PRECISION
        self._low = (self._low + unit * start) % WHOLE
        self._point_above_low -= unit * start
        self._range = unit * freq
        while self._range < SHORT:
            self._read_byte()

    def _read_byte(self) -> None:
        ahead = self._data[self._passed + 8 : self._passed + 9] or b"\0"
        self._point_above_low = self._point_above_low << 8 | ahead[0]
        self._low = self._low % SHORT << 8
        self._range <<= 8
        self._passed += 1

    def close(self) -> None:
        """Raise CorruptStreamError unless the stream names the very point, in as many bytes, that `finish` writes."""
        count, gap = _last_point(self._low, self._range)
        if self._point_above_low != gap or len(self._data) != self._passed + count:
            raise CorruptStreamError("the symbol stream does not end where its symbols do: the file is damaged")


def _last_point(low: int, interval: int) -> tuple[int, int]:
    """Find the point of low .. low + interval that needs fewest bytes, zeros after them being free: (bytes, gap).

    An interval is never SHORT here, so it holds a multiple of SHORT at least: one byte is always enough.
    """
    to_edge = -low % WHOLE
    return (0, to_edge) if to_edge < interval else (1, -low % SHORT)
