"""Chapter 03: right answers pass, stubs are to do, plausible wrong ones get a hint."""

import math

import numpy as np
import pytest

from lic_lab.check import check, list_exercises


def kernel(A_bar, B_bar, C, length):
    return [float(np.sum(C * A_bar**k * B_bar)) for k in range(length)]


RIGHT = {
    "03.1": lambda a, b, delta: (math.exp(delta * a), math.expm1(delta * a) / a * b),
    "03.2": lambda first, second: (second[0] * first[0], second[0] * first[1] + second[1]),
    "03.3": kernel,
    "03.4": lambda left, a, delta: math.log(left) / (delta * a),
}
WRONG = [
    ("03.1", lambda a, b, delta: (math.exp(delta * a), delta * b), "Euler's rule"),
    ("03.1", lambda a, b, delta: (1 + delta * a, delta * b), "without input"),
    ("03.1", lambda a, b, delta: (math.exp(delta * a), b), "integral"),
    ("03.1", lambda a, b, delta: math.exp(delta * a), "two numbers"),
    ("03.2", lambda first, second: (first[0] * second[0], first[1] + second[1]), "still multiplied"),
    ("03.2", lambda first, second: (second[0] * first[0], first[0] * second[1] + first[1]), "still multiplied"),
    ("03.2", lambda first, second: (first[0] + second[0], first[1]), "multiplied by both"),
    ("03.2", lambda first, second: (1.0, 0.0), "multiplied by both"),
    ("03.3", lambda A_bar, B_bar, C, length: kernel(A_bar, A_bar * B_bar, C, length), "no decay in it"),
    ("03.3", lambda A_bar, B_bar, C, length: A_bar ** np.arange(length)[:, None], "give 5 numbers"),
    ("03.3", lambda A_bar, B_bar, C, length: np.ones(length), "sum over the state"),
    ("03.4", lambda left, a, delta: -math.log(left) / (delta * a), "sign of a"),
    ("03.4", lambda left, a, delta: math.log(1 - left) / (delta * a), "is gone"),
    ("03.4", lambda left, a, delta: 7.0, "solve for k"),
]


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("03")] == sorted(RIGHT)


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_passes_and_an_untouched_one_is_still_to_do(id, capsys):
    assert check(id, RIGHT[id])
    assert not check(id, lambda *anything: None)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{id} still to do: ")


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(id, answer, hint, capsys):
    assert not check(id, answer)
    line = capsys.readouterr().out
    assert line.startswith(f"{id} not yet: ")
    assert hint in line
