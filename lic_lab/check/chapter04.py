"""Exercises of chapter 04: an order, its inverse, its longest jump, and what a raster scan needs to see upwards."""

from __future__ import annotations

import numpy as np

from lic_lab.check.exercises import NotYet, exercise
from lic_lab.ops.orders import inverse, order

MAPS = ((3, 4), (4, 3), (1, 5), (5, 1))  # rows, columns


@exercise("04.1", "The snake: the pixels of a map of h x w in the order they are read")
def _(answer):
    for h, w in MAPS:
        pixels = _integers(answer(h, w), h * w, f"the {h * w} pixels of a map of {h} x {w}")
        if len(set(pixels)) != h * w:
            raise NotYet(f"in a map of {h} x {w} some pixel is read twice: every one must come exactly once")
        if np.array_equal(pixels, order("raster", h, w)) and h > 1 < w:
            raise NotYet("that is raster order: every second row must be read from right to left")
        if not np.array_equal(pixels, order("snake", h, w)):
            raise NotYet("rows from top to bottom, the first from left to right, the second from right to left, ...")


@exercise("04.2", "The inverse of an order: when is each pixel read?")
def _(answer):
    for name, h, w in (("column", 3, 4), ("hilbert", 4, 4), ("column-reverse", 2, 5)):
        sequence = order(name, h, w).numpy().copy()
        table, right = answer(sequence.copy()), inverse(order(name, h, w)).numpy()
        table = _integers(table, h * w, f"{h * w} numbers, one for each pixel")
        if np.array_equal(table, sequence):
            raise NotYet("that is the order itself: asked is the token of each pixel, not the pixel of each token")
        if not np.array_equal(table, right):
            raise NotYet("pixel order[t] is read at time t: so table[order[t]] = t")


@exercise("04.3", "The longest jump of an order, in pixels")
def _(answer):
    cases = (("snake", 4, 6), ("raster", 4, 6), ("column", 7, 3), ("raster", 2, 30))
    for name, h, w in cases:
        sequence = order(name, h, w).numpy().copy()
        rows, columns = np.divmod(sequence, w)
        down, across = np.diff(rows), np.diff(columns)
        got, right = float(answer(sequence.copy(), w)), np.hypot(down, across).max()
        if np.isclose(got, right):
            continue
        if np.isclose(got, np.abs(np.diff(sequence)).max()):
            raise NotYet("that is the difference of the pixels' numbers: take rows and columns apart first")
        if np.isclose(got, (abs(down) + abs(across)).max()):
            raise NotYet("that is along the grid: a straight line is the root of the sum of squares")
        raise NotYet(f"{name} on {h} x {w} jumps {right:.3f} pixels at most, yours says {got:.3f}")


@exercise("04.4", "The decay with which a raster scan keeps a share of the neighbour above")
def _(answer):
    for left, w in ((0.5, 32), (0.1, 64), (0.9, 8)):
        a = float(answer(left, w))
        if np.isclose(a, left):
            raise NotYet("so much is left after one token: the neighbour above is a whole row of tokens ago")
        if np.isclose(a, left ** (1 / (w - 1)), rtol=1e-9) or np.isclose(a, left ** (1 / (w + 1)), rtol=1e-9):
            raise NotYet("count once more: from a pixel to the one below it are exactly w tokens")
        if not np.isclose(a, left ** (1 / w), rtol=1e-9):
            raise NotYet("after k tokens a to the power k is left: set k to the tokens of a row and solve for a")


def _integers(values, count: int, what: str) -> np.ndarray:
    """`count` whole numbers, or a hint that says what is asked."""
    try:
        numbers = np.asarray(values).ravel()
        whole = numbers.astype(int)
    except (TypeError, ValueError) as error:
        raise NotYet(f"give {what}") from error
    if numbers.size != count or not np.array_equal(whole, numbers):
        raise NotYet(f"give {what}; yours are {numbers.size}")
    return whole
