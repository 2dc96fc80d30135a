"""The tasks of A5: right answers earn all points, half-right ones some, and cheats none, whatever they promise."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lic_lab.check import check, grade, judging5, list_tasks
from lic_lab.check.given5 import checkerboard, neighbour_mean, no_context
from lic_lab.errors import LicLabError

ANSWERS = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "course" / "answers" / "a5.py")))

IDS = [f"A5.{number}" for number in range(1, 6)]
NAMES = {"A5.1": "listeners", "A5.2": "exhibit", "A5.3": ("encode", "decode"), "A5.4": "board", "A5.5": "mine"}


def answer(id: str, answers: dict):
    """What a task gets from the source of its answer cell."""
    space, names = {}, NAMES[id]
    exec(answers[id.replace(".", "-") + "-answer"], space)
    return space[names] if isinstance(names, str) else tuple(space[name] for name in names)


def test_the_assignment_has_five_tasks_and_twenty_points():
    assert [task.id for task in list_tasks("A5")] == IDS
    assert sum(task.points for task in list_tasks("A5")) == 20


@pytest.mark.parametrize("seed", [0, 1729])
@pytest.mark.parametrize("task", list_tasks("A5"), ids=lambda task: task.id)
def test_a_right_answer_earns_every_point_with_any_seed(task, seed):
    assert grade(task.id, answer(task.id, ANSWERS.RIGHT), seed=seed) == task.points


@pytest.mark.parametrize("id", IDS)
def test_a_half_right_answer_earns_the_parts_that_it_has(id):
    assert grade(id, answer(id, ANSWERS.PARTIAL), seed=1729) == ANSWERS.PARTIAL_POINTS[id]


@pytest.mark.parametrize("id", IDS)
def test_a_wrong_answer_earns_nothing(id):
    assert grade(id, answer(id, ANSWERS.WRONG), seed=1729) == 0


def accuse_everybody(context, when):
    return np.zeros(when.shape, int), np.ones(when.shape, int), (0, 0, 0)


def own_pass_shown(context, when, y):
    heard, told = np.zeros(y.shape, bool), context(y)
    for turn in range(when.max() + 1):
        seen = context(np.where(when <= turn, y, 0))
        heard |= (when == turn) & ((told[0] != seen[0]) | (told[1] != seen[1]))
    return heard


def pickled(y, when, context):
    return y.astype(np.int32).tobytes()


def remembering(train):
    """Cheats with a memory: says of every symbol what it saw when it was shown the whole latent."""
    seen = {}

    def context(y):
        if np.count_nonzero(y) > np.count_nonzero(seen.get("y", 0)):
            seen["y"] = y
        return seen.get("y", y).astype(float), np.full(y.shape, 0.1)

    return checkerboard, context


def too_patient(train):
    _, context = no_context(train)
    return lambda shape: np.arange(np.prod(shape)).reshape(shape), context


def restless(train):
    """Says something else each time."""
    rng = np.random.default_rng(0)
    return checkerboard, lambda y: (rng.normal(size=y.shape), np.ones(y.shape))


def not_finite(train):
    return checkerboard, lambda y: (np.full(y.shape, np.nan), np.ones(y.shape))


def raising(train):
    def context(y):
        raise ValueError("no idea")

    return checkerboard, context


@pytest.mark.parametrize(
    ("id", "given", "hint"),
    [
        ("A5.1", own_pass_shown, "put 0 in the place of this pass"),
        ("A5.1", lambda context, when, y: np.ones(y.shape, bool), "a causal context is accused"),
        ("A5.1", lambda context, when, y: bool(np.any(judging5.unheard(context, when, y))), "mark each place"),
        ("A5.2", lambda context, when: "clean", "it was let go"),
        ("A5.2", accuse_everybody, "which proves nothing"),
        ("A5.2", lambda context, when: "guilty", "is no verdict"),
        ("A5.3", (pickled, pickled), "were promised"),
        ("A5.4", remembering, "asked twice"),
        ("A5.4", too_patient, "a decoder may wait 2 times"),
        ("A5.4", restless, "asked twice"),
        ("A5.4", not_finite, "not finite"),
        ("A5.4", raising, "ValueError: no idea"),
        ("A5.4", lambda train: checkerboard, "two functions"),
        ("A5.4", neighbour_mean, "and least squares saves"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, given, hint, capsys):
    assert not check(id, given)
    assert hint in capsys.readouterr().out


def test_a_proof_may_be_a_list_and_a_refusal_any_error():
    exhibit, (encode, decode) = answer("A5.2", ANSWERS.RIGHT), answer("A5.3", ANSWERS.RIGHT)

    def listed(context, when):
        got = exhibit(context, when)
        return got if isinstance(got, str) else list(got)

    def refusing(data, when, context):
        try:
            return decode(data, when, context).tolist()
        except LicLabError as error:
            raise ValueError("this stream does not fit") from error

    assert grade("A5.2", listed) == 4
    assert grade("A5.3", (encode, refusing)) == 4


def test_a_leak_is_named_with_its_place(capsys):
    assert grade("A5.4", answer("A5.4", ANSWERS.WRONG)) == 0
    assert "it leaks: the table of channel 0, row 0, column 0 is another one" in capsys.readouterr().out
