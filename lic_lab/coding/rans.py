"""Range asymmetric numeral systems (rANS), to be read: the whole message is one large integer, and coding is division.

To write a symbol that owns `freq` of the 2**24 points of the line, let the state grow by the factor 2**24 / freq:

    state -> (state // freq) * 2**24 + start + state % freq

The low 24 bits of the new state are a point in the symbol's span, so a reader sees which symbol it was, and can undo
the step exactly. The growth, log2(2**24 / freq) bits, is the symbol's information: only a few bits at the start are
lost. The last symbol written is the first read, so `finish` writes backwards. Long integers are slow: before the state
would pass 2**64 its low 32 bits move to a pile of words, and they come back when the reader's state is below 2**32.

The compiled coder of `fast.py` does the same steps: for symbols pushed in its order the bytes are equal.
Source: Duda, "Asymmetric numeral systems", arXiv 1311.2540 (2013), range variant; whole words: Giesen, arXiv 1402.3392.
"""

from lic_lab.coding.spans import PRECISION, SpanDecoder, SpanEncoder
from lic_lab.coding.tables import SEED
from lic_lab.errors import CorruptStreamError

WORD = 32
"""Bits that move between the state and the pile at a time."""


class Encoder(SpanEncoder):
    """Collect symbols with `push`, then write them all with `finish`."""

    def __init__(self):
        super().__init__()
        self._spans = []

    def _write(self, start: int, freq: int) -> None:
        self._spans.append((start, freq))

    def finish(self) -> bytes:
        """Write everything pushed: the pile of words, then the state, little-endian, without zero bytes at the end."""
        state, words = SEED, []
        for start, freq in reversed(self._spans):
            if state >= freq << (2 * WORD - PRECISION):  # the step below would pass 2**64
                words.append(state % (1 << WORD))
                state >>= WORD
            state = (state // freq << PRECISION) + start + state % freq
        return b"".join(word.to_bytes(4, "little") for word in words) + state.to_bytes(8, "little").rstrip(b"\0")


class Decoder(SpanDecoder):
    """Read a stream of `Encoder` with one `pop` for each push, then `close` it."""

    def __init__(self, data: bytes):
        """data: what `finish` returned; CorruptStreamError when it cannot be."""
        super().__init__(data)
        if len(data) < 3 or data[-1] == 0:
            raise CorruptStreamError("the symbol stream is cut off or has bytes added; get the file again")
        self._words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self._state = self._words.pop()
        self._refill()

    def _refill(self) -> None:
        if self._state < 1 << WORD and self._words:
            self._state = self._state << WORD | self._words.pop()
        if self._state < SEED:
            raise CorruptStreamError("the symbol stream ends before its symbols do: the file is damaged, get it again")

    def _point(self) -> int:
        return self._state % (1 << PRECISION)

    def _take(self, start: int, freq: int) -> None:
        self._state = freq * (self._state >> PRECISION) + self._point() - start
        self._refill()

    def close(self) -> None:
        """Raise CorruptStreamError unless the stream is used up exactly: no words left, and the state back at SEED."""
        if self._words or self._state != SEED:
            raise CorruptStreamError("the symbol stream does not end where its symbols do: the file is damaged")
