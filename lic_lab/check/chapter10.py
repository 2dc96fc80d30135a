"""Exercises of chapter 10: reading a curve at a rate, mean log rates as percent, who is beaten, and how sure one is."""

import math

import numpy as np

from lic_lab.check.exercises import NotYet, exercise


@exercise("10.1", "The quality of a curve at a rate: a straight line over log rate, NaN beyond its ends")
def _(answer):
    rates, db = [0.1, 0.2, 0.4, 1.6], [26.0, 29.0, 32.0, 39.0]
    for rate in (0.15, 0.3, 0.8, 1.5):
        got = float(answer(list(rates), list(db), rate))
        right = float(np.interp(math.log(rate), np.log(rates), db))
        if abs(got - right) < 1e-6:
            continue
        if abs(got - np.interp(rate, rates, db)) < 1e-6:
            raise NotYet(f"at {rate:g} bpp you read {got:.3f} dB, a straight line over the rate; take its logarithm")
        raise NotYet(f"at {rate:g} bpp {right:.3f} dB are expected, got {got:.3f}: interpolate dB over log rate")
    for rate in (0.05, 2.0):
        if not math.isnan(got := float(answer(list(rates), list(db), rate))):
            raise NotYet(f"the curve ends at {rates[0]} and {rates[-1]} bpp, but at {rate:g} you read {got:.2f} dB")


@exercise("10.2", "The BD-rate in percent of two curves of log rate, sampled at the same qualities")
def _(answer):
    db = np.linspace(28, 36, 9)
    anchor = np.log(0.1) + 0.25 * (db - 28)
    for shift in (np.full(9, math.log(0.8)), np.linspace(-0.6, 0.2, 9), np.linspace(0, 0.9, 9) ** 2):
        got, mean = float(answer(db.copy(), anchor.copy(), anchor + shift)), _mean_over(shift, db)
        right = 100 * math.expm1(mean)
        if abs(got - right) < 1e-6:
            continue
        said = f"a mean log ratio of {mean:+.4f} gave {got:+.3f}"
        if abs(got - 100 * mean) < 1e-6:
            raise NotYet(f"{said}: 100 times a logarithm is percent only for tiny numbers; undo it with exp")
        if abs(got + 100 * (1 - math.exp(-mean))) < 1e-6 or abs(got - 100 * math.expm1(-mean)) < 1e-6:
            raise NotYet(f"{said}: the anchor's rate is subtracted from the other one, so that saving is negative")
        if abs(got - 100 * math.expm1(shift.mean())) < 1e-6:
            raise NotYet(f"{said}: the first and the last sample stand for half an interval each: take trapezoids")
        if abs(got - 100 * _mean_over(np.expm1(shift), db)) < 1e-6:
            raise NotYet(f"{said}: take the mean of the log rates first, and exp of that mean last")
        raise NotYet(f"{said}, expected {right:+.3f}: mean of the difference over the qualities, exp, minus 1, percent")


def _mean_over(values: np.ndarray, db: np.ndarray) -> float:
    """The mean of samples over an interval, by trapezoids."""
    return float(((values[1:] + values[:-1]) / 2 * np.diff(db)).sum() / (db[-1] - db[0]))


@exercise("10.3", "The names of the codecs that no other beats in both cost and bits")
def _(answer):
    random = np.random.default_rng(3)
    tables = [{"a": (1.0, 5.0), "b": (2.0, 3.0), "c": (3.0, 4.0), "d": (4.0, 1.0)}]
    tables += [{"a": (1.0, 2.0), "b": (1.0, 2.0), "c": (1.0, 3.0)}]  # equals do not beat each other
    tables += [{str(k): tuple(p) for k, p in enumerate(random.normal(size=(8, 2)).tolist())} for _ in range(3)]
    for table in tables:
        got, right = set(answer(dict(table))), _front(table)
        if got == right:
            continue
        if extra := sorted(got - right):
            name = extra[0]
            by = next((o for o in table if name in table and _beats(table[o], table[name])), "nobody")
            raise NotYet(f"{name} of {table} is in your answer, but {by} is as good in both and better in one")
        raise NotYet(f"{min(right - got)} of {table} is missing: nothing is as good in both and better in one")


def _beats(one, other) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def _front(table: dict) -> set[str]:
    return {name for name, point in table.items() if not any(_beats(other, point) for other in table.values())}


@exercise("10.4", "A bootstrap interval: where 95 % of the means of redrawn pictures lie")
def _(answer):
    random = np.random.default_rng(11)
    for values in (random.normal(-5, 8, 24), random.exponential(4, 24) - 6, np.full(24, 3.0)):
        low, high = (float(end) for end in answer(values.copy()))
        half = 1.96 * values.std() / math.sqrt(len(values))
        if low > high:
            raise NotYet(f"the interval runs from {low:.2f} to {high:.2f}: give the lower end first")
        if high - low > 3 * half + 1e-9:
            raise NotYet(
                f"{high - low:.2f} wide, some {2 * half:.2f} expected: redraw pictures, and take each draw's mean"
            )
        if high - low < 1.2 * half - 1e-9:
            raise NotYet(
                f"{high - low:.2f} wide, some {2 * half:.2f} expected: every draw has as many pictures as there are, "
                "with repetition, and the ends are at 2.5 and 97.5 %"
            )
        if abs((low + high) / 2 - values.mean()) > 0.5 * half + 1e-9:
            raise NotYet(f"the interval {low:.2f} ... {high:.2f} should lie around the mean {values.mean():.2f}")
