"""What judges coders in assignment A1: messages and their information, round trips, and what else may be at fault."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from lic_lab.check import given1
from lic_lab.check.exercises import NotYet, _ToDo
from lic_lab.check.expect import functions
from lic_lab.check.tasks import within

Message = list[tuple[list[int], int]]
"""The table and the symbol of each step."""

ENDS = 8  # bytes at either end of a file that are left as they are when it is spoilt
ENOUGH = 4 * ENDS  # bytes of information from which on those two ends cannot hold a message
PATIENCE = 1.0  # seconds for reading a spoilt file: an honest decoder may run on in it for ever


def small_tables(rng: np.random.Generator, count: int) -> list[list[int]]:
    """Draw tables of two to six symbols, all of which may occur."""
    return [rng.integers(1, 9, rng.integers(2, 7)).tolist() for _ in range(count)]


def drawn(rng: np.random.Generator, freq: list[int], count: int) -> Message:
    """Draw a message of so many symbols by the frequencies of one table."""
    return [(freq, symbol) for symbol in rng.choice(len(freq), count, p=np.array(freq) / sum(freq)).tolist()]


def information(message: Message) -> float:
    """Bytes that a message needs under its tables."""
    return sum(math.log2(sum(freq) / freq[symbol]) for freq, symbol in message) / 8


def pair(answer) -> tuple[Callable, Callable]:
    """Give `encode` and `reader` of an answer to A1.2; raises NotYet for those that later tasks may borrow."""
    encode, reader = functions(answer, "encode and reader")
    if inspect.unwrap(encode) is given1.encode or inspect.unwrap(reader) is given1.reader:
        raise NotYet("this is the library's coder, lent for the later tasks: write your own for this one")
    return encode, reader


def write(encode: Callable, message: Message) -> bytes:
    """Give the bytes that a coder makes of the spans of a message."""
    return as_bytes(encode([(sum(freq[:symbol]), freq[symbol], sum(freq)) for freq, symbol in message]))


def as_bytes(data) -> bytes:
    """Give what an encoder wrote as bytes; raises NotYet for other types."""
    if not isinstance(data, bytes | bytearray):
        raise NotYet(f"the message must become bytes, and yours is of type {type(data).__name__}: use bytes(...)")
    return bytes(data)


def check_read(reader: Callable, data: bytes, message: Message) -> None:
    """Read a message symbol by symbol; raises NotYet at the first that is another one."""
    read = reader(data)
    for n, (freq, symbol) in enumerate(message):
        try:
            got = read(freq)
        except NotImplementedError:
            raise
        except Exception as error:
            raise NotYet(f"reading symbol {n} of {len(message)} raised {type(error).__name__}: {error}") from error
        if got != symbol:
            raise NotYet(
                f"symbol {n} of {len(message)} came back as {got} and was {symbol}: write the first few states of both "
                "sides below each other, and look where they part"
            )


def check_round_trip(encode: Callable, reader: Callable, message: Message) -> bytes:
    """Give the bytes of a message that came back from them."""
    data = write(encode, message)
    check_read(reader, data, message)
    check_in_the_bytes(data, information(message), lambda spoilt: check_read(reader, spoilt, message))
    return data


def check_in_the_bytes(data: bytes, needed: float, read_back: Callable[[bytes], None]) -> None:
    """Spoil all of a file but its two ends and read it again; raises NotYet where its message still comes back.

    needed: bytes of information in the message; where the two ends could hold it, nothing is judged.
    read_back: raises anything where other bytes give another message.
    An honest decoder cannot pass a message on that is no longer there, however many idle bytes a file has.
    """
    if min(needed, len(data)) < ENOUGH:
        return
    middle = bytes(byte ^ 1 + at % 255 for at, byte in enumerate(data[ENDS:-ENDS]))
    came_back = False
    with suppress(Exception), within(PATIENCE):
        read_back(data[:ENDS] + middle + data[-ENDS:])
        came_back = True
    if came_back:
        raise NotYet("all bytes but a few were changed, and the message still came back: it must be in the bytes")


@contextmanager
def coder_first(encode: Callable) -> Iterator[None]:
    """Where the block fails, try the coder that `encode` finds beside itself; raises NotYet if that fails alone.

    encode: the encoder of a later task, from the notebook in which `encode` and `reader` of A1.2 stand.
    """
    try:
        yield
    except _ToDo:
        raise
    except Exception as error:
        beside = getattr(inspect.unwrap(encode), "__globals__", {})
        if "encode" in beside and "reader" in beside and not _works(beside["encode"], beside["reader"]):
            hint = "your coder of A1.2 fails first: mend it, or take `encode` and `reader` of lic_lab.check.given1"
            raise NotYet(hint) from error
        raise


def _works(encode: Callable, reader: Callable) -> bool:
    """Whether messages of some kinds come back, among them some in which a carry runs far."""
    rng = np.random.default_rng(0)
    messages = [drawn(rng, freq, 200) for freq in small_tables(rng, 8)]
    messages += [[([1] * 256, int(byte)) for byte in rng.choice([0, 127, 128, 255], 3000)]]
    messages += [[([1, 1, 1], symbol) for symbol in [1] * int(rng.integers(1, 120)) + [2, 0, 1]] for _ in range(60)]
    try:
        for message in messages:
            check_read(reader, write(encode, message), message)
    except Exception:
        return False
    return True
