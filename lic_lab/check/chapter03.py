"""Exercises of chapter 03: the zero-order hold, joining steps of a scan, the kernel, and how long a memory lasts."""

from __future__ import annotations

import numpy as np

from lic_lab.check.exercises import NotYet, exercise

SYSTEMS = ((-1.0, 1.0, 0.1), (-0.5, 3.0, 0.02), (-4.0, -2.0, 1.5))  # a, b, delta


@exercise("03.1", "Zero-order hold of one number of the state: (A_bar, B_bar) of a, b and the step")
def _(answer):
    for a, b, delta in SYSTEMS:
        decay, write = _pair(answer(a, b, delta), "give two numbers, the decay and the weight of the input")
        if not np.isclose(decay, np.exp(delta * a)):
            raise NotYet("A_bar is what is left of the state after a time delta without input: e to the delta times a")
        if np.isclose(write, delta * b) and not np.isclose(write, (decay - 1) / a * b):
            raise NotYet("delta times b is Euler's rule; a held input also decays: B_bar = (A_bar - 1) / a times b")
        if not np.isclose(write, (decay - 1) / a * b):
            raise NotYet("B_bar is the integral of e to the (a t) from 0 to delta, times b: (A_bar - 1) / a times b")


@exercise("03.2", "Join two steps (a, x) of a scan into one, the first one done first")
def _(answer):
    steps = np.random.default_rng(2).normal(size=(3, 2))
    first, second, third = map(tuple, steps)
    hint = "give a pair: what the state is multiplied by, and what is added"
    decay, write = _pair(answer(first, second), hint)
    if not np.isclose(decay, first[0] * second[0]):
        raise NotYet("the state is multiplied by both, one after the other: a is a2 times a1")
    if not np.isclose(write, second[0] * first[1] + second[1]):
        raise NotYet("what the first step adds is still multiplied in the second: x is a2 x1 + x2")
    left = _pair(answer(answer(first, second), third), hint)
    right = _pair(answer(first, answer(second, third)), hint)
    if not np.allclose(left, right):
        raise NotYet("joining must not depend on which neighbours are joined first: use both arguments only")


@exercise("03.3", "The kernel of a system with fixed A_bar, B_bar and C: its first values")
def _(answer):
    rng = np.random.default_rng(3)
    for states, length in ((1, 5), (4, 12)):
        decay, write, read = rng.uniform(0.2, 0.95, states), rng.normal(size=states), rng.normal(size=states)
        values = np.asarray(answer(decay, write, read, length), dtype=float)
        right = (decay ** np.arange(length)[:, None]) @ (write * read)
        if values.shape != (length,):
            raise NotYet(f"give {length} numbers, one for each step since the 1 was read; yours have {values.shape}")
        if np.allclose(values[:-1], right[1:]):
            raise NotYet("the first value has no decay in it: a token is read in the step in which it is written")
        if not np.allclose(values, right):
            raise NotYet("value k is the sum over the state of C times A_bar to the power k times B_bar")


@exercise("03.4", "Tokens until only the share `left` of something written is there")
def _(answer):
    for left, a, delta in ((0.3, -1.0, 0.1), (0.1, -2.0, 0.01), (0.9, -0.5, 1.0)):
        tokens = float(answer(left, a, delta))
        if np.isclose(tokens, -np.log(left) / (delta * a)):
            raise NotYet("it must be a positive number: mind the sign of a")
        if np.isclose(tokens, np.log(1 - left) / (delta * a)):
            raise NotYet("that is when the share `left` is gone; asked is when it is what remains")
        if not np.isclose(tokens, np.log(left) / (delta * a)):
            raise NotYet("after k tokens e to the (k delta a) is left: set that equal to the share and solve for k")


def _pair(values, hint: str) -> tuple[float, float]:
    """Two numbers, or the hint."""
    try:
        first, second = values
        return float(first), float(second)
    except (TypeError, ValueError) as error:
        raise NotYet(hint) from error
