"""The exercises of chapter 10: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest

from lic_lab.check import check, list_exercises
from lic_lab.evaluation.means import Curve
from lic_lab.evaluation.reading import read_at


def read(rates, db, rate):
    return np.interp(math.log(rate), np.log(rates), db, left=math.nan, right=math.nan)


def with_the_library(rates, db, rate):
    return read_at(Curve("mine", "psnr_db", "", tuple(range(len(db))), tuple(rates), tuple(db), 1), rate)


def area(db, values):
    return sum((values[k] + values[k + 1]) / 2 * (db[k + 1] - db[k]) for k in range(len(db) - 1))


def percent(db, anchor, curve):
    return 100 * (math.exp(area(db, curve - anchor) / (db[-1] - db[0])) - 1)


def front(table):
    return [
        name
        for name, (cost, bits) in table.items()
        if not any(c <= cost and b <= bits and (c, b) != (cost, bits) for c, b in table.values())
    ]


def bootstrap(values, draws=2000, ends=(2.5, 97.5)):
    random = np.random.default_rng(0)
    return np.percentile(random.choice(values, (draws, len(values))).mean(axis=1), ends)


RIGHT = [
    ("10.1", read),
    ("10.1", with_the_library),
    ("10.2", percent),
    ("10.3", front),
    ("10.4", bootstrap),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("10")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("10.1", lambda rates, db, rate: np.interp(rate, rates, db), "take its logarithm"),
        ("10.1", lambda rates, db, rate: np.interp(math.log(rate), np.log(rates), db), "the curve ends at"),
        ("10.1", lambda rates, db, rate: 30.0, "interpolate dB over log rate"),
        ("10.2", lambda db, a, c: 100 * area(db, c - a) / 8, "undo it with exp"),
        ("10.2", lambda db, a, c: percent(db, c, a), "the anchor's rate is subtracted"),
        ("10.2", lambda db, a, c: 100 * np.expm1((c - a).mean()), "half an interval"),
        ("10.2", lambda db, a, c: 100 * area(db, np.expm1(c - a)) / 8, "exp of that mean last"),
        ("10.2", lambda db, a, c: -21.0, "minus 1, percent"),
        ("10.3", lambda table: list(table), "is in your answer"),
        ("10.3", lambda table: [min(table, key=lambda name: table[name][0])], "is missing"),
        ("10.3", lambda table: [n for n in front(table) if list(table.values()).count(table[n]) == 1], "is missing"),
        ("10.4", lambda values: np.percentile(values, (2.5, 97.5)), "each draw's mean"),
        ("10.4", lambda values: bootstrap(values, ends=(25, 75)), "at 2.5 and 97.5 %"),
        ("10.4", lambda values: (values.mean(), values.mean()), "with repetition"),
        ("10.4", lambda values: bootstrap(values) - values.mean(), "around the mean"),
        ("10.4", lambda values: bootstrap(values)[::-1], "lower end first"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
