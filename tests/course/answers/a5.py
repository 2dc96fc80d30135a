"""Answers to assignment A5 as students give them: right (others than the notebook's), partial, wrong."""

LISTENERS = """
import numpy as np


def listeners(context, when, y):
    heard = np.zeros(y.shape, bool)
    truth = np.stack(context(y.copy()))
    for turn in np.unique(when):
        view = y.copy()
        view[when >= turn] = 0
        differs = np.not_equal(context(view), truth).any(axis=0)
        heard[when == turn] = differs[when == turn]
    return heard
"""

EXHIBIT = """
import numpy as np


def exhibit(context, when):
    random = np.random.default_rng(11)
    for attempt in range(6):
        before = random.integers(-60, 61, when.shape)
        loud = np.where(random.random(when.shape) < 0.5, 58, -57)
        for turn in np.unique(when):
            after = before.copy()
            after[when >= turn] = loud[when >= turn]
            changed = np.any(np.stack(context(before)) != np.stack(context(after)), axis=0) & (when == turn)
            if changed.any():
                place = np.unravel_index(np.argmax(changed), when.shape)
                return before, after, place
    return "clean"
"""

WALK = """
import numpy as np

from lic_lab.check.given5 import tables, tables_of
from lic_lab.coding.fast import Decoder, Encoder


def passes(y, when, context, code):
    known = np.zeros(when.shape, int)
    for turn in range(when.max() + 1):
        here = np.nonzero(when == turn)
        whole, index = (part[here] for part in tables_of(*context(known)))
        known[here] = whole + code(here, whole, index)
    return known


def encode(y, when, context):
    coder = Encoder()

    def write(here, whole, index):
        coder.push(y[here] - whole, tables(), index)
        return y[here] - whole

    passes(y, when, context, write)
    return coder.finish()


def decode(data, when, context):
    coder = Decoder(data)
    y = passes(None, when, context, lambda here, whole, index: coder.pop(tables(), index))
    coder.close()
    return y
"""

FIT = '''
import numpy as np


def shifted(y, row, column):
    """What stands `row` rows and `column` columns further, 0 outside."""
    padded = np.pad(y, [(0, 0), (2, 2), (2, 2)])
    return padded[:, 2 + row : 2 + row + y.shape[1], 2 + column : 2 + column + y.shape[2]]


def regress(inputs, values):
    gram = inputs.T @ inputs + 1e-3 * len(inputs) * np.eye(inputs.shape[1])
    return np.linalg.solve(gram, inputs.T @ values)
'''

BOARD = """
FOUR = (-1, 0), (1, 0), (0, -1), (0, 1)


def is_white(y):
    return np.add.outer(np.arange(y.shape[1]), np.arange(y.shape[2])) % 2 == 1


def board(train):
    middle = np.array([np.mean(np.concatenate([y[k].ravel() for y in train])) for k in range(len(train[0]))])
    wide = np.array([np.std(np.concatenate([y[k].ravel() for y in train])) for k in range(len(train[0]))])
    middle, wide = middle[:, None, None], np.maximum(wide, 0.1)[:, None, None]

    def table(y):
        return np.stack([shifted(y - middle, *step) for step in FOUR] + [np.ones(y.shape)])

    fits = []
    for k in range(len(middle)):
        x = np.concatenate([table(y)[:, k, is_white(y)].T for y in train])
        v = np.concatenate([(y - middle)[k, is_white(y)] for y in train])
        a = regress(x, v)
        fits.append((a, regress(np.abs(x), 1.25 * np.abs(v - x @ a))))

    def context(y):
        mean, scale = np.empty(y.shape), np.empty(y.shape)
        for k, (a, b) in enumerate(fits):
            x = table(y)[:, k]
            mean[k] = np.where(is_white(y), sum(p * q for p, q in zip(a, x)) + middle[k], middle[k])
            size = np.maximum(sum(p * abs(q) for p, q in zip(b, x)), 0.1 * wide[k])
            scale[k] = np.where(is_white(y), size, wide[k])
        return mean, scale

    return lambda shape: np.broadcast_to(is_white(np.zeros(shape)), shape).astype(int), context
"""

MINE = """
AHEAD = (0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2)


def mine(train):
    channels = len(train[0])
    flat = np.concatenate([y.reshape(channels, -1) for y in train], axis=1)
    middle, wide = flat.mean(1), np.maximum(flat.std(1), 0.1)

    def inputs(y, k):
        h, w = y.shape[1:]
        own = np.pad(y[k] - middle[k], 2)
        near = [own[2 + row : 2 + row + h, 2 + column : 2 + column + w] for row, column in AHEAD]
        return np.stack([*near, *(y[:k] - middle[:k, None, None]), np.ones((h, w))], axis=-1)

    fits = []
    for k in range(channels):
        x = np.concatenate([inputs(y, k).reshape(-1, 7 + k) for y in train])
        a = regress(x, flat[k] - middle[k])
        fits.append((a, regress(np.abs(x), 1.2533 * np.abs(flat[k] - middle[k] - x @ a))))

    def context(y):
        x = [inputs(y, k) for k in range(channels)]
        mean = np.stack([x[k] @ fits[k][0] + middle[k] for k in range(channels)])
        scale = np.stack([np.maximum(np.abs(x[k]) @ fits[k][1], 0.1 + 0.1 * wide[k]) for k in range(channels)])
        return mean, scale

    def order(shape):
        return np.fromfunction(lambda c, row, column: c + 3 * row + column, shape, dtype=int)

    return order, context
"""

RIGHT = {"A5-1-answer": LISTENERS, "A5-2-answer": EXHIBIT, "A5-3-answer": WALK}
RIGHT |= {"A5-4-answer": FIT + BOARD, "A5-5-answer": FIT + MINE}

PARTIAL = {
    # only the means are compared
    "A5-1-answer": LISTENERS.replace(".any(axis=0)", "[0]"),
    # symbols are moved a little, so that a sleeping leak sleeps on
    "A5-2-answer": EXHIBIT.replace("-60, 61", "-3, 4").replace("58, -57", "4, -4"),
    # nobody looks whether the stream is used up
    "A5-3-answer": WALK.replace("    coder.close()\n", ""),
    # one set of weights for all channels, and one scale
    "A5-4-answer": (FIT + BOARD)
    .replace(
        "table(y)[:, k, is_white(y)].T for y in train", "table(y)[:, :, is_white(y)].reshape(5, -1).T for y in train"
    )
    .replace("(y - middle)[k, is_white(y)] for y", "(y - middle)[:, is_white(y)].ravel() for y")
    .replace("regress(np.abs(x), 1.25 * np.abs(v - x @ a))", "np.std(v - x @ a) * np.eye(5)[4]"),
    # the checkerboard of the task before
    "A5-5-answer": FIT + BOARD.replace("def board", "def mine"),
}
PARTIAL_POINTS = {"A5.1": 2, "A5.2": 3, "A5.3": 3, "A5.4": 2, "A5.5": 2}

LEAKY = FIT + BOARD.replace("np.where(is_white(y), sum", "np.where(True, sum").replace(
    "np.where(is_white(y), size", "np.where(True, size"
)
WRONG = {
    # whoever changes at all when the past changes is accused
    "A5-1-answer": LISTENERS.replace("view[when >= turn] = 0", "view[...] = 0"),
    # two latents that have nothing in common prove nothing
    "A5-2-answer": EXHIBIT.replace("after[when >= turn] = loud[when >= turn]", "after[...] = loud"),
    # the decoder never asks the context again
    "A5-3-answer": WALK.replace("tables_of(*context(known))", "tables_of(*context(np.zeros(when.shape, int)))"),
    # black squares listen to white ones, and white ones to black ones
    "A5-4-answer": LEAKY,
    "A5-5-answer": LEAKY.replace("def board", "def mine"),
}
