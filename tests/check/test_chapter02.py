"""The exercises of chapter 02: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import numpy as np
import pytest

from lic_lab.check import check


def entropy(counts):
    p = np.array([count for count in counts if count]) / sum(counts)
    return -np.sum(p * np.log2(p))


def wasted(p, q):
    return sum(a * np.log2(a / b) for a, b in zip(p, q, strict=True) if a)


def undo(state, freq):
    point, starts = state % 2**16, np.cumsum([0, *freq])
    symbol = int(np.searchsorted(starts, point, side="right")) - 1
    return symbol, freq[symbol] * (state >> 16) + point - int(starts[symbol])


def frequencies(p, precision):
    """What is left over goes to, or is taken from, where it costs least."""
    freq = np.maximum(np.floor(np.array(p) * 2**precision), 1)
    while freq.sum() < 2**precision:
        freq[np.argmax(p * np.log2((freq + 1) / freq))] += 1
    while freq.sum() > 2**precision:
        loss = np.where(freq > 1, p * np.log2(freq / np.maximum(freq - 1, 0.5)), np.inf)
        freq[np.argmin(loss)] -= 1
    return freq.astype(int).tolist()


def the_rest_to_the_largest(p, precision):
    freq = np.maximum(np.round(np.array(p) * 2**precision), 1).astype(int)
    freq[np.argmax(freq)] += 2**precision - freq.sum()
    return freq


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("02.1", entropy),
        ("02.2", wasted),
        ("02.3", undo),
        ("02.3", lambda state, freq: list(undo(state, freq))),
        ("02.4", frequencies),
        ("02.4", the_rest_to_the_largest),
    ],
)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def with_zeros(counts):
    p = np.array(counts) / sum(counts)
    with np.errstate(all="ignore"):
        return -np.sum(p * np.log2(p))


def with_floats(state, freq):
    symbol, below = undo(state, freq)
    return symbol, int(float(below))


def a_tenth_for_everybody(p, precision):
    return frequencies(0.9 * p + 0.1 / len(p), precision)


def everything(p, q):
    return -np.sum(p * np.log2(q))


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("02.1", lambda counts: entropy(counts) * np.log(2), "bits need log2"),
        ("02.1", lambda counts: entropy(counts) * sum(counts), "the whole message"),
        ("02.1", with_zeros, "leave zeros out"),
        ("02.1", lambda counts: 1.0, "add up -p log2 p"),
        ("02.1", lambda counts: round(entropy(counts), 1), "add up -p log2 p"),
        ("02.1", lambda counts: np.log2(len(counts)), "add up -p log2 p"),
        ("02.2", everything, "the cross-entropy"),
        ("02.2", lambda p, q: wasted(p, q) * np.log(2), "bits need log2"),
        ("02.2", lambda p, q: wasted(q, p + 1e-9), "p log2(p / q)"),
        ("02.2", lambda p, q: 0.0, "p log2(p / q)"),
        ("02.3", lambda state, freq: (undo(state, freq)[0], state >> 16), "is right; the state was"),
        ("02.3", lambda state, freq: (0, state), "its low 16 bits"),
        ("02.3", with_floats, "in whole numbers"),
        ("02.3", lambda state, freq: undo(state, freq)[0], "give two numbers"),
        ("02.4", lambda p, precision: np.round(p * 2**precision).astype(int), "could never be coded"),
        ("02.4", lambda p, precision: np.maximum(np.floor(p * 2**precision), 1), "they sum to"),
        ("02.4", lambda p, precision: np.maximum(np.floor(0.9 * p * 2**precision), 1), "they sum to"),
        ("02.4", a_tenth_for_everybody, "are wasted"),
        ("02.4", lambda p, precision: p * 2**precision, "whole numbers"),
        ("02.4", lambda p, precision: [2**precision - len(p) + 1] + [1] * (len(p) - 1), "are wasted"),
        ("02.4", lambda p, precision: [8, 5, 3], "give one frequency for each"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
