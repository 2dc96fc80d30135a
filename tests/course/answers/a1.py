"""Answers to assignment A1 as students give them: right (rANS; the notebook has a range coder), partial, wrong."""

SPANS = """
from bisect import bisect_left, bisect_right
from itertools import accumulate


def span(freq, symbol):
    ends = list(accumulate(freq))
    return ends[symbol] - freq[symbol], freq[symbol], ends[-1]


def symbol_at(freq, point):
    return bisect_right(list(accumulate(freq)), point)
"""

RANS = """
POINTS = 1 << 24


def scaled(start, length, line):
    first, last = start * POINTS // line, (start + length) * POINTS // line
    return first, last - first


def encode(spans):
    state, words = 1 << 23, []
    for start, length in (scaled(*one) for one in reversed(spans)):
        if state >= length << 40:
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        state = (state // length << 24) + start + state % length
    words += [state & 0xFFFFFFFF, state >> 32]
    return b"".join(word.to_bytes(4, "big") for word in reversed(words))


class Reader:
    def __init__(self, data):
        self.words = [int.from_bytes(data[at : at + 4], "big") for at in range(len(data) - 4, -1, -4)]
        self.state = self.words.pop() << 32 | self.words.pop()

    def read(self, freq):
        point, line = self.state % POINTS, sum(freq)
        symbol = symbol_at(freq, ((point + 1) * line - 1) // POINTS)
        start, length = scaled(*span(freq, symbol))
        self.state = length * (self.state >> 24) + point - start
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return symbol


def reader(data):
    return Reader(data).read
"""

LEARNED = '''
class Learned:
    """Newer symbols weigh more: the weight grows by 1.5 % a symbol, and all are scaled down when it is large."""

    def __init__(self, symbols):
        self.freq, self.weight = [2] * symbols, 16.0

    def see(self, symbol):
        self.freq[symbol] += int(self.weight)
        self.weight *= 1.005
        if sum(self.freq) > 30000:
            self.freq = [1 + count // 8 for count in self.freq]
            self.weight = max(16.0, self.weight / 8)


def encode_adaptive(message, symbols):
    table, spans = Learned(symbols), []
    for symbol in message:
        spans.append(span(table.freq, symbol))
        table.see(symbol)
    return encode(spans)


def decode_adaptive(data, count, symbols):
    table, read, message = Learned(symbols), reader(data), []
    while len(message) < count:
        message.append(read(table.freq))
        table.see(message[-1])
    return message
'''

INTEGERS = """
def bits_of(number):
    return [int(bit) for bit in bin(number)[2:]]


def spans_of(value, freq):
    reach = len(freq) // 2 - 1
    if -reach <= value <= reach:
        return [span(freq, value + reach)]
    bits = bits_of(abs(value) - reach)
    digits = [1] * (len(bits) - 1) + [0] + bits[1:] + [int(value < 0)]
    return [span(freq, 2 * reach + 1)] + [(digit, 1, 2) for digit in digits]


def read_one(read, freq):
    reach = len(freq) // 2 - 1
    symbol = read(freq)
    if symbol <= 2 * reach:
        return symbol - reach
    count = 0
    while read([1, 1]):
        count += 1
    beyond = int("1" + "".join(str(read([1, 1])) for _ in range(count)), 2)
    return -(beyond + reach) if read([1, 1]) else beyond + reach


def encode_any(values, freq):
    return encode(sum((spans_of(value, freq) for value in values), []))


def decode_any(data, count, freq):
    read = reader(data)
    return [read_one(read, freq) for _ in range(count)]
"""

CONTEXTS = """
import numpy as np


def kind_of(known, row, column, here, k):
    if k == 0:
        return "mean"
    near = 2 * sum(abs(value) for value in here[max(1, k - 2) :])
    if column:
        near += abs(known[row, column - 1][k])
    if row:
        near += abs(known[row - 1, column][k])
    return k.bit_length(), min(near, 10)


def both(rows, columns, code):
    known, tables = {}, {}
    for row, column in np.ndindex(rows, columns):
        here = known[row, column] = []
        for k in range(64):
            guess = 0
            if k == 0 and (row or column):
                guess = known[row, column - 1][0] if column else known[row - 1, column][0]
            table = tables.setdefault(kind_of(known, row, column, here, k), Learned(32))
            value = code((row, column, k), guess, table.freq)
            table.see(value + 15 if abs(value) < 16 else 31)
            here.append(value + guess)
    return np.array(list(known.values())).reshape(rows, columns, 64)


def encode_picture(levels):
    spans = []

    def code(place, guess, freq):
        value = int(levels[place]) - guess
        spans.extend(spans_of(value, freq))
        return value

    both(*levels.shape[:2], code)
    return encode(spans)


def decode_picture(data, rows, columns):
    read = reader(data)
    return both(rows, columns, lambda place, guess, freq: read_one(read, freq))
"""

RIGHT = {"A1-1-answer": SPANS, "A1-2-answer": RANS, "A1-3-answer": LEARNED, "A1-4-answer": INTEGERS}
RIGHT["A1-5-answer"] = CONTEXTS

PARTIAL = {
    # the last point of a span is given to the next symbol
    "A1-1-answer": SPANS.replace("(list(accumulate(freq)), point)", "(list(accumulate(freq)), point + 1)"),
    # a register of zeros behind every message, "to be safe"
    "A1-2-answer": (SPANS + RANS)
    .replace("in reversed(words))", "in [*reversed(words), 0, 0, 0, 0, 0])")
    .replace("range(len(data) - 4,", "range(len(data) - 24,"),
    # counts that forget nothing
    "A1-3-answer": LEARNED.replace("self.weight *= 1.005", "").replace("16.0", "1"),
    # an escape is followed by sixteen binary digits and a sign
    "A1-4-answer": INTEGERS.replace(
        "digits = [1] * (len(bits) - 1) + [0] + bits[1:]", "digits = ([0] * 16 + bits)[-16:]"
    ).replace(
        """    count = 0
    while read([1, 1]):
        count += 1
    beyond = int("1" + "".join(str(read([1, 1])) for _ in range(count)), 2)
""",
        """    beyond = int("".join(str(read([1, 1])) for _ in range(16)), 2)
""",
    ),
    # a table for each frequency, and nothing about the neighbours
    "A1-5-answer": (LEARNED + CONTEXTS.replace("    return k.bit_length(), min(near, 10)", "    return k")).replace(
        "Learned", "Table"
    ),
}
PARTIAL_POINTS = {"A1.1": 1, "A1.2": 3, "A1.3": 2, "A1.4": 1, "A1.5": 2}

WRONG = {
    # a span is said by its end instead of its start
    "A1-1-answer": SPANS.replace("ends[symbol] - freq[symbol],", "ends[symbol],").replace(
        "bisect_right(", "bisect_left("
    ),
    # the state that is left at the end is never written
    "A1-2-answer": (SPANS + RANS)
    .replace("    words += [state & 0xFFFFFFFF, state >> 32]\n", "")
    .replace("self.words.pop() << 32 | self.words.pop()", "1 << 23"),
    # the encoder learns from a symbol before it codes it
    "A1-3-answer": LEARNED.replace(
        """        spans.append(span(table.freq, symbol))
        table.see(symbol)
""",
        """        table.see(symbol)
        spans.append(span(table.freq, symbol))
""",
    ),
    # whatever the table does not list is clipped, and the reader starts at the wrong integer
    "A1-4-answer": """
def encode_any(values, freq):
    reach = len(freq) // 2 - 1
    return encode([span(freq, min(max(value, -reach), reach) + reach) for value in values])


def decode_any(data, count, freq):
    read = reader(data)
    return [read(freq) for _ in range(count)]
""",
    # the decoder gives a picture of nothing
    "A1-5-answer": """
import zlib

import numpy as np


def encode_picture(levels):
    return zlib.compress(levels.astype(np.int8).tobytes())


def decode_picture(data, rows, columns):
    return np.frombuffer(zlib.decompress(data), np.int8).reshape(64, rows, columns).transpose(1, 2, 0)
""",
}
