"""The exercises of chapter 01: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest

from lic_lab.check import check


def quantise(y, step):
    return round(y / step) * step


def best_step(lmbda):
    return math.sqrt(6 / (255**2 * math.log(2) * lmbda))


def choose(rates, distortions, lmbda):
    return np.argmin(rates + lmbda * distortions)


def dead_zone(y, step, theta):
    return np.sign(y) * np.floor(np.abs(y) / step + theta)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("01.1", quantise),
        ("01.1", lambda y, step: step * np.floor(y / step + 0.5)),
        ("01.2", best_step),
        ("01.2", lambda lmbda: (1.33e-4 / lmbda) ** 0.5),
        ("01.3", choose),
        ("01.3", lambda r, d, lmbda: min(range(len(r)), key=lambda k: r[k] + lmbda * d[k])),
        ("01.4", dead_zone),
        ("01.4", lambda y, step, theta: (np.sign(y) * np.floor(abs(y) / step + theta)).astype(int)),
    ],
)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("01.1", lambda y, step: round(y / step), "which is the symbol"),
        ("01.1", lambda y, step: math.floor(y / step) * step, "above or below"),
        ("01.1", lambda y, step: int(y / step) * step, "above or below"),
        ("01.1", lambda y, step: 4.0, "divide, round, multiply"),
        ("01.2", lambda lmbda: math.sqrt(3) * best_step(lmbda), "grey has one"),
        ("01.2", lambda lmbda: best_step(lmbda) ** 2, "the square of the step"),
        ("01.2", lambda lmbda: 255 * best_step(lmbda), "8-bit levels"),
        ("01.2", lambda lmbda: 0.12, "derivative"),
        ("01.2", lambda lmbda: 1.1 * best_step(lmbda), "derivative"),
        ("01.3", lambda r, d, lmbda: np.argmin(d + lmbda * r), "not to the rate"),
        ("01.3", lambda r, d, lmbda: np.argmin(r), "; setting"),
        ("01.3", lambda r, d, lmbda: 2, "; setting"),
        ("01.3", lambda r, d, lmbda: choose(r[:-1], d[:-1], lmbda), "; setting 4"),
        ("01.3", lambda r, d, lmbda: -1, "settings 0 to 4"),
        ("01.3", lambda r, d, lmbda: (r + lmbda * d).min(), "the number of one setting"),
        ("01.4", lambda y, step, theta: np.floor(y / step + theta), "take the sign off"),
        ("01.4", lambda y, step, theta: step * dead_zone(y, step, theta), "the symbols are integers"),
        ("01.4", lambda y, step, theta: np.round(y / step), "is right"),
        ("01.4", lambda y, step, theta: 0, "one symbol for each value"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
