"""Assignment A1, an arithmetic coder: spans, whole messages, tables that learn, any integer, the DCT of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import functions
from lic_lab.check.given1 import dct_levels, gaussian_bytes, own_histogram
from lic_lab.check.judging1 import (
    as_bytes,
    check_in_the_bytes,
    check_read,
    check_round_trip,
    coder_first,
    drawn,
    information,
    pair,
    small_tables,
    write,
)
from lic_lab.check.tasks import Task
from lic_lab.datasets.bundled import bundled_images

# ---- A1.1 ------------------------------------------------------------------------------------------------------------

spans = Task("A1.1", "Cut the line into spans, and find whose a point is")


@spans.part("a span starts where those of the smaller symbols end", points=1)
def _(answer, rng):
    span, _ = functions(answer, "span and symbol_at")
    for freq in small_tables(rng, 20):
        symbol = int(rng.integers(len(freq)))
        got, right = span(list(freq), symbol), (sum(freq[:symbol]), freq[symbol], sum(freq))
        if not (isinstance(got, tuple | list | np.ndarray) and len(got) == 3):
            raise NotYet("give three whole numbers: where the span starts, how long it is, how long the line is")
        if tuple(int(n) for n in got) != right:
            raise NotYet(f"symbol {symbol} of {freq} gave {tuple(got)}: add up the frequencies before it for the start")


@spans.part("every point belongs to the symbol in whose span it lies", points=1)
def _(answer, rng):
    for freq in small_tables(rng, 10):
        _check_points(functions(answer, "span and symbol_at")[1], freq, range(sum(freq)))


@spans.part("symbols that never occur own no point, and a table may have a thousand symbols", points=1)
def _(answer, rng):
    _, symbol_at = functions(answer, "span and symbol_at")
    for freq in small_tables(rng, 10):
        gaps = [n for count in freq for n in (0, count, 0)]
        _check_points(symbol_at, gaps, range(sum(gaps)))
    long = rng.integers(1, 60, 1000).tolist()
    _check_points(symbol_at, long, rng.integers(0, sum(long), 200).tolist())


def _check_points(symbol_at: Callable, freq: list[int], points: Sequence[int]) -> None:
    owner = np.repeat(np.arange(len(freq)), freq)
    for point in points:
        got = symbol_at(list(freq), point)
        if got != owner[point]:
            shown = freq if len(freq) < 13 else f"a table of {len(freq)} symbols"
            raise NotYet(
                f"point {point} of {shown} is symbol {owner[point]}'s, not {got}'s: a span holds its first point and "
                "not the one after its last"
            )


# ---- A1.2 ------------------------------------------------------------------------------------------------------------

coder = Task("A1.2", "Write spans into bytes, and read them back")


@coder.part("short messages of a few symbols come back, whichever is read first", points=1)
def _(answer, rng):
    encode, reader = pair(answer)
    messages = [drawn(rng, freq, int(rng.integers(1, 40))) for freq in small_tables(rng, 12)]
    written = [write(encode, message) for message in messages]
    for message, data in reversed(list(zip(messages, written, strict=True))):
        check_read(reader, data, message)


@coder.part("nothing, a single symbol and a symbol that is certain come back", points=1)
def _(answer, rng):
    alone = [[(freq, symbol)] for freq in small_tables(rng, 10) for symbol in (0, len(freq) - 1)]
    certain = [([int(rng.integers(1, 100))], 0)] * 500
    for message in ([], *alone, certain):
        data = check_round_trip(*pair(answer), message)
        if len(data) > 16:
            raise NotYet(f"{len(message)} symbols that cost less than a byte became {len(data)} bytes: finish sooner")


@coder.part("lopsided tables, a thousand symbols, and another table at every step come back", points=1)
def _(answer, rng):
    thousand = rng.integers(1, 60, 1000).tolist()
    lopsided = [[1, 65535], [65535, 1], [1, 65534, 1], [1, 1, 65000]]
    changing = [(freq, int(rng.integers(len(freq)))) for freq in (*lopsided, *small_tables(rng, 40)) for _ in range(4)]
    flat = [(freq, int(rng.integers(len(freq)))) for freq in lopsided for _ in range(30)]  # the rare ones are often hit
    for message in (drawn(rng, thousand, 300), flat, [changing[i] for i in rng.permutation(len(changing))]):
        check_round_trip(*pair(answer), message)


@coder.part("a message that stays undecided for long comes back, whichever way it is decided", points=1)
def _(answer, rng):
    for _ in range(150):  # the middle third of the middle third ...: the next digit is open, then a carry runs back
        thirds = [1] * int(rng.integers(1, 120)) + rng.integers(0, 3, 6).tolist()
        check_round_trip(*pair(answer), [([1, 1, 1], symbol) for symbol in thirds])
    check_round_trip(*pair(answer), [([1] * 256, int(byte)) for byte in rng.choice([0, 127, 128, 255], 3000)])


@coder.part("the bytes are those of the information, within 1 % and 8 bytes", points=2)
def _(answer, rng):
    tables = [65500, 20, 16], rng.integers(1, 50, 16).tolist(), [1, 65535], [1, 1], rng.integers(1, 200, 200).tolist()
    for freq in tables:
        message = drawn(rng, freq, 4000)
        _check_size(len(check_round_trip(*pair(answer), message)), information(message), f"{len(freq)} symbols")


def _check_size(size: int, needed: float, what: str) -> None:
    """Hold bytes against the information; too few of them cannot hold the message either."""
    _check_holds(size, needed)
    if size > 1.01 * needed + 8:
        raise NotYet(f"{what}: {size:,} bytes for {needed:,.0f} bytes of information: what do the others hold?")


def _check_holds(size: int, needed: float) -> None:
    if size < needed - 8:
        raise NotYet(f"{size} bytes cannot hold {needed:.0f} bytes of information: what else do you hand on?")


# ---- A1.3 ------------------------------------------------------------------------------------------------------------

adaptive = Task("A1.3", "A table that nobody sends: both sides learn it")


@adaptive.part("messages come back without their table, also empty and short ones", points=1)
def _(answer, rng):
    for symbols, count in ((2, 0), (5, 1), (40, 30), (2, 500), (int(rng.integers(3, 20)), 900)):
        _check_learned(answer, rng.integers(0, symbols, count).tolist(), symbols)


@adaptive.part("a steady message costs at most 5 % and 16 bytes more than with its own histogram", points=1)
def _(answer, rng):
    symbols = int(rng.integers(6, 18))
    message = rng.choice(symbols, 5000, p=(p := rng.dirichlet(np.full(symbols, 0.5))))
    size, own = _check_learned(answer, message.tolist(), symbols), own_histogram(message)
    _check_holds(size, _surprise(message, p))
    if size > 1.05 * own + 16:
        raise NotYet(f"{size:,} bytes, and its own histogram needs {own:,.0f}: count what you have seen, from 1 each")


@adaptive.part("a message that changes its habits takes 5 % less than with its own histogram", points=1)
def _(answer, rng):
    _check_moving(answer, rng, 0.95)


@adaptive.part("and 12 % less, since old habits are forgotten in time", points=1)
def _(answer, rng):
    _check_moving(answer, rng, 0.88)


def _check_moving(answer, rng, share: float) -> None:
    symbols = int(rng.integers(8, 18))
    habits = [rng.dirichlet(np.full(symbols, 0.3)) for _ in range(8)]
    message = np.concatenate(pieces := [rng.choice(symbols, rng.integers(400, 600), p=p) for p in habits])
    size, own = _check_learned(answer, message.tolist(), symbols), own_histogram(message)
    _check_holds(size, sum(map(_surprise, pieces, habits)))
    if size > share * own:
        raise NotYet(
            f"{size:,} bytes are {size / own:.0%} of what its own histogram needs: how many of the last symbols does "
            "your table feel? Let new ones weigh more than old ones, for instance by halving all counts, and sooner"
        )


def _surprise(message: np.ndarray, p: np.ndarray) -> float:
    """Bytes of a message for somebody who knows the probabilities that it was drawn by."""
    return float(-np.log2(p[message]).sum()) / 8


def _check_learned(answer, message: list[int], symbols: int) -> int:
    """Bytes of a message that came back from them and from its length alone."""
    encode, decode = functions(answer, "encode_adaptive and decode_adaptive")
    hint = "both sides need the same table before each symbol, so learn from a symbol only after it is coded"

    def read_back(data: bytes) -> None:
        _check_list(decode(data, len(message), symbols), message, hint)

    with coder_first(encode):
        data = as_bytes(encode(list(message), symbols))
        encode([0] * 5, symbols)  # whoever keeps the last message beside its bytes now has this one
        read_back(data)
    check_in_the_bytes(data, own_histogram(np.array(message)), read_back)
    return len(data)


def _check_list(got, right: list[int], hint: str) -> None:
    got = list(got)
    if len(got) != len(right):
        raise NotYet(f"{len(right)} symbols were written and {len(got)} came back")
    wrong = next((n for n, pair in enumerate(zip(got, right, strict=True)) if pair[0] != pair[1]), None)
    if wrong is not None:
        raise NotYet(f"number {wrong} of {len(right)} came back as {got[wrong]} and was {right[wrong]}: {hint}")


# ---- A1.4 ------------------------------------------------------------------------------------------------------------

escape = Task("A1.4", "An escape, so that any integer can be coded")


@escape.part("integers that the table lists come back", points=1)
def _(answer, rng):
    for reach in (1, 4, 20):
        _check_integers(answer, rng.integers(-reach, reach + 1, 100).tolist(), _bell(reach))


@escape.part("any other integer comes back, up to 2**40 in size", points=1)
def _(answer, rng):
    for reach in (0, 3, 8):
        far = [int(sign * 2 ** rng.uniform(0, 40)) for sign in (-1, 1) for _ in range(40)]
        near = [n + sign for n in (reach, -reach) for sign in (-1, 0, 1)]
        _check_integers(answer, [*near, *far, *near, 0], _bell(reach))


@escape.part("a listed integer costs its information, one d beyond at most 2 log2(d) + 4 bits more", points=1)
def _(answer, rng):
    freq = _bell(8)
    values = np.round(rng.laplace(0, 4, 3000)).astype(int).tolist()
    size, slots = _check_integers(answer, values, freq), [v + 8 if abs(v) <= 8 else 17 for v in values]
    beyond = sum(2 * math.log2(abs(v) - 8) + 4 for v in values if abs(v) > 8) / 8
    needed = information([(freq, slot) for slot in slots])
    _check_holds(size, needed)
    if size > 1.01 * needed + beyond + 8:
        raise NotYet(f"{size:,} bytes, and {needed + beyond:,.0f} are enough: how many digits has d, and who says so?")


def _bell(reach: int) -> list[int]:
    """Frequencies of -reach .. reach and of the escape after them."""
    scale = max(1.0, reach / 3)
    return [1 + int(4000 * math.exp(-0.5 * (v / scale) ** 2)) for v in range(-reach, reach + 1)] + [40]


def _check_integers(answer, values: list[int], freq: list[int]) -> int:
    encode, decode = functions(answer, "encode_any and decode_any")
    hint = "symbol 0 is -r; after an escape say how many digits follow, then the digits, and the sign"

    def read_back(data: bytes) -> None:
        _check_list([int(n) for n in decode(data, len(values), list(freq))], values, hint)

    with coder_first(encode):
        data = as_bytes(encode(list(values), list(freq)))
        encode([0] * 5, list(freq))
        read_back(data)
    check_in_the_bytes(data, own_histogram(np.array(values)), read_back)
    return len(data)


# ---- A1.5 ------------------------------------------------------------------------------------------------------------

picture = Task("A1.5", "A picture's DCT levels as one string of bytes", seconds=40)


@picture.part("levels of any size of picture and of any step come back", points=1)
def _(answer, rng):
    for size, step in ((8, 40), (24, 0.5), (56, 9)):
        _check_picture(answer, _levels(rng, size, step)[: max(1, size // 16)])


@picture.part("the bytes are fewer than with one histogram of all levels, and than the library's Gaussians", points=1)
def _(answer, rng):
    levels = _levels(rng)
    size = _check_below(answer, levels, own_histogram(levels), "one histogram of all levels needs")
    _check_most(size, gaussian_bytes(levels), "a Gaussian for each frequency makes")


@picture.part("10 % fewer than with one histogram of all levels", points=1)
def _(answer, rng):
    _check_below(answer, levels := _levels(rng), 0.9 * own_histogram(levels), "one histogram less 10 % makes")


@picture.part("at most 3 % more than the own histogram of each frequency, had it been sent for nothing", points=1)
def _(answer, rng):
    _check_below(answer, levels := _levels(rng), 1.03 * _own(levels), "with 3 % added, the histograms need")


@cache
def _grey() -> np.ndarray:
    return bundled_images()["astronaut"].mean(axis=2)


def _levels(rng, size: int = 184, step: float | None = None) -> np.ndarray:
    """The DCT of a random piece of a bundled picture: int64 (rows, columns, 64)."""
    top, left = rng.integers(0, 512 - size, 2)
    piece = _grey()[top : top + size, left : left + size]
    return dct_levels(piece, float(rng.uniform(14, 22)) if step is None else step)


def _check_picture(answer, levels: np.ndarray) -> int:
    encode, decode = functions(answer, "encode_picture and decode_picture")

    def read_back(data: bytes) -> None:
        _check_levels(np.asarray(decode(data, *levels.shape[:2])), levels)

    with coder_first(encode):
        data = as_bytes(encode(levels.copy()))
        encode(np.zeros_like(levels[:1, :1]))
        read_back(data)
    check_in_the_bytes(data, own_histogram(levels), read_back)
    return len(data)


def _check_levels(got: np.ndarray, levels: np.ndarray) -> None:
    if got.shape != (shape := levels.shape):
        raise NotYet(f"{shape[0]} rows of {shape[1]} blocks of 64 levels were written, and {got.shape} came back")
    if wrong := int((got != levels).sum()):
        row, column, k = np.argwhere(got != levels)[0].tolist()
        raise NotYet(
            f"{wrong} of {levels.size} levels came back wrong, the first at row {row}, column {column}, frequency {k}: "
            "use in the encoder only what the decoder has by then"
        )


def _own(levels: np.ndarray) -> float:
    """Bytes under a histogram for each of the 64 frequencies."""
    return sum(own_histogram(levels[..., k]) for k in range(64))


def _check_below(answer, levels: np.ndarray, most: float, what: str) -> int:
    size = _check_picture(answer, levels)
    _check_holds(size, _own(levels) / 2)  # contexts save a tenth or two; nobody knows a photograph so well
    _check_most(size, most, what)
    return size


def _check_most(size: int, most: float, what: str) -> None:
    if size > most:
        raise NotYet(f"{size:,} bytes, and {what} {most:,.0f}: what do neighbours and frequency tell in advance?")
