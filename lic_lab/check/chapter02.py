"""Exercises of chapter 02: entropy, the price of a wrong table, a step of rANS undone, probabilities as integers."""

import numpy as np

from lic_lab.check.exercises import NotYet, exercise
from lic_lab.coding.tables import Tables


@exercise("02.1", "The entropy of counts, in bits per symbol")
def _(answer):
    for counts in ([1, 1], [8, 4, 2, 2], [990, 10], [3, 0, 5, 0, 1], [7]):
        got, right = float(answer(list(counts))), _entropy(np.array(counts))
        if abs(got - right) < 1e-6:
            continue
        said = f"the counts {counts} gave {got:.4g} where {right:.4g} is right"
        if np.isnan(got) or np.isinf(got):
            raise NotYet(f"{said}: what never occurs costs nothing, leave zeros out before the logarithm")
        if abs(got - right * np.log(2)) < 1e-6:
            raise NotYet(f"{said}: a natural logarithm gives nats; bits need log2")
        if abs(got - right * sum(counts)) < 1e-6:
            raise NotYet(f"{said}: that is the whole message; divide by the number of symbols")
        raise NotYet(f"{said}: divide by the sum to get p, then add up -p log2 p")


@exercise("02.2", "The bits per symbol that a wrong table wastes")
def _(answer):
    for p, q in (([0.5, 0.5], [0.75, 0.25]), ([0.9, 0.1, 0.0], [0.6, 0.3, 0.1]), ([0.2, 0.8], [0.2, 0.8])):
        p, q = np.array(p), np.array(q)
        got, some = float(answer(p.copy(), q.copy())), p > 0
        right = float(np.sum(p[some] * np.log2(p[some] / q[some])))
        if abs(got - right) < 1e-6:
            continue
        said = f"p = {p.tolist()} and q = {q.tolist()} gave {got:.4g} where {right:.4g} is right"
        if np.isnan(got) or np.isinf(got):
            raise NotYet(f"{said}: a symbol with p = 0 never occurs and wastes nothing, leave it out")
        if abs(got + np.sum(p * np.log2(q))) < 1e-6:
            raise NotYet(f"{said}: that is all bits, the cross-entropy; take off those that are necessary, H(p)")
        if abs(got - right * np.log(2)) < 1e-6:
            raise NotYet(f"{said}: a natural logarithm gives nats; bits need log2")
        raise NotYet(f"{said}: add up p log2(p / q)")


@exercise("02.3", "One step of rANS undone")
def _(answer):
    freq = [30000, 5536, 20000, 10000]
    for below in (12345, 2**31 + 7, 10**20 + 12345):  # the last is no float
        for symbol, count in enumerate(freq):
            start = sum(freq[:symbol])
            state = (below // count << 16) + start + below % count
            got = answer(state, list(freq))
            if not (isinstance(got, tuple | list) and len(got) == 2):
                raise NotYet(f"give two numbers, the symbol and the state, not {got!r}")
            if int(got[0]) != symbol:
                said = f"state {state} gave symbol {int(got[0])}"
                raise NotYet(f"{said}: its low 16 bits are {state % 2**16}, a point of symbol {symbol}")
            if int(got[1]) != below:
                raise NotYet(
                    f"symbol {symbol} is right; the state was {below} before it, not {int(got[1])}: "
                    "freq * (state >> 16) + the place within the span, in whole numbers"
                )


@exercise("02.4", "Probabilities as integer frequencies that sum to a power of two")
def _(answer):
    uneven = np.append(np.full(40, 1e-5), 1 - 40e-5)
    bell = np.exp(-0.5 * (np.arange(-12, 13) / 2.7) ** 2)
    for p, precision in (([0.5, 0.3, 0.2], 4), (bell / bell.sum(), 8), (uneven, 10), ([1 / 3, 1 / 3, 1 / 3], 16)):
        p = np.array(p)
        got = np.asarray(answer(p.copy(), precision))
        said = f"{len(p)} probabilities at precision {precision}"
        if got.shape != p.shape:
            raise NotYet(f"{said}: give one frequency for each, not {got.shape}")
        if not np.array_equal(got, np.floor(got)):
            raise NotYet(f"{said}: frequencies are whole numbers")
        if got.min() < 1:
            raise NotYet(f"{said}: one of them is {int(got.min())}, and that symbol could never be coded")
        if got.sum() != 2**precision:
            raise NotYet(f"{said}: they sum to {int(got.sum())}, not to {2**precision}")
        waste, allowed = _waste(p, got), _library_waste(p, precision)
        if waste > max(1.1 * allowed, allowed + 1e-3):
            raise NotYet(f"{said}: {waste:.4f} bits are wasted on a symbol, and {allowed:.4f} is possible")


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-np.sum(p * np.log2(p)))


def _waste(p: np.ndarray, freq: np.ndarray) -> float:
    return float(np.sum(p * np.log2(p * freq.sum() / freq)))


def _library_waste(p: np.ndarray, precision: int) -> float:
    freq = Tables.from_pmfs([p], [0], precision).freq[0, : len(p)]  # the escape has the rest
    return float(np.sum(p * np.log2(p * 2**precision / freq)))
