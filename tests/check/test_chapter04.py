"""Chapter 04: right answers pass, stubs are to do, plausible wrong ones get a hint."""

import math

import numpy as np
import pytest

from lic_lab.check import check, list_exercises


def snake(h, w):
    return [row * w + (w - 1 - column if row % 2 else column) for row in range(h) for column in range(w)]


def when_read(order):
    table = [0] * len(order)
    for token, pixel in enumerate(order):
        table[pixel] = token
    return table


def longest_jump(order, w):
    places = [divmod(int(pixel), w) for pixel in order]
    return max(math.dist(places[t], places[t - 1]) for t in range(1, len(places)))


def along_the_grid(order, w):
    rows, columns = np.divmod(order, w)
    return int((abs(np.diff(rows)) + abs(np.diff(columns))).max())


RIGHT = {
    "04.1": snake,
    "04.2": when_read,
    "04.3": longest_jump,
    "04.4": lambda left, w: left ** (1 / w),
}
WRONG = [
    ("04.1", lambda h, w: list(range(h * w)), "raster order"),
    ("04.1", lambda h, w: np.arange(h * w).reshape(h, w)[:, ::-1], "rows from top to bottom"),
    ("04.1", lambda h, w: [0] * (h * w), "read twice"),
    ("04.1", lambda h, w: list(range(h)), "give the 12 pixels"),
    ("04.2", lambda order: order, "the order itself"),
    ("04.2", lambda order: order[::-1], "table[order[t]] = t"),
    ("04.2", lambda order: 0, "give 12 numbers"),
    ("04.3", lambda order, w: abs(np.diff(order)).max(), "take rows and columns apart"),
    ("04.3", along_the_grid, "along the grid"),
    ("04.3", lambda order, w: 2.0, "jumps 1.000 pixels"),
    ("04.3", lambda order, w: longest_jump(order, w + 1), "pixels at most"),
    ("04.4", lambda left, w: left, "after one token"),
    ("04.4", lambda left, w: left ** (1 / (w - 1)), "count once more"),
    ("04.4", lambda left, w: 0.98, "solve for a"),
]


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("04")] == sorted(RIGHT)


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_passes_and_an_untouched_one_is_still_to_do(id, capsys):
    assert check(id, RIGHT[id])
    assert not check(id, lambda *anything: None)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{id} still to do: ")


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(id, answer, hint, capsys):
    assert not check(id, answer)
    line = capsys.readouterr().out
    assert line.startswith(f"{id} not yet: ") and hint in line
