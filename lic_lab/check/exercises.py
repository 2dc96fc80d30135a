"""Exercises by id: how a chapter states one, and how an answer is judged without ever raising at the reader.

A chapter's module, `lic_lab/check/chapter01.py`, is imported when one of its exercises is asked for:

    @exercise("01.2", "Round to a step: nearest multiple")
    def _(answer):
        if abs(answer(3.4, 2) - 4) > 1e-9:
            raise NotYet("with a step of 2, 3.4 becomes 4: divide, round, multiply")
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial, wraps
from importlib import import_module
from typing import NamedTuple

from lic_lab.errors import LicLabError

PREFIX = "chapter"


class NotYet(Exception):
    """Raised by an exercise for an answer that is not right yet; the message is a hint of one sentence."""


class _ToDo(Exception):
    """The answer, or what the reader's function returns, is still empty."""


class Exercise(NamedTuple):
    """One exercise: its id, "01.2" for the second of chapter 01, and in one line what is asked."""

    id: str
    asks: str


@dataclass(frozen=True)
class Verdict:
    """What `check` gives: true where the answer is right. A notebook shows the printed line and not this as well.

    done: whether the answer is right.   line: what was printed.
    """

    done: bool
    line: str = field(repr=False)

    def __bool__(self) -> bool:
        return self.done

    def _ipython_display_(self) -> None:
        """Show nothing below a cell that ends with a check: its line stands there already."""


_JUDGES: dict[Exercise, Callable] = {}


def exercise(id: str, asks: str) -> Callable:
    """Declare a function as the judge of exercise `id`; it gets the reader's answer and raises NotYet with a hint.

    asks: what is asked, in one line. Functions in the answer (it may be a tuple of them) are guarded: where one returns
    nothing, or raises NotImplementedError, the exercise is still to do.
    """

    def declare(judge: Callable) -> Callable:
        found = _declared(id)
        if found and _JUDGES[found].__module__ != judge.__module__:
            raise LicLabError(f"exercise {id} is declared twice: give one of them another number")
        if found:  # the module is loaded again, for instance by %autoreload
            del _JUDGES[found]
        _JUDGES[Exercise(id, asks)] = judge
        return judge

    return declare


def check(id: str, answer=None) -> Verdict:
    """Print in one line how far the answer to an exercise is: done, still to do, or not yet with a hint.

    id: "01.2", or "A1.2" for a task of an assignment, whose parts have a line each.   answer: the function, value, or
    tuple of them that is asked for; None and ... are "still to do". Gives a truthy Verdict for a right answer, and
    never raises for a wrong one.
    Raises LicLabError for an id that no exercise has, with the near ones.
    """
    if str(id).upper().startswith("A"):
        from lic_lab.check.tasks import check_task

        return check_task(id, answer)
    this = _find(id)
    verdict = Verdict(*_judge(this, answer))
    print(verdict.line)
    return verdict


def list_exercises(chapter: str | int | None = None) -> list[Exercise]:
    """List the exercises (id, asks) of a chapter, "01" or 1, of an assignment, "A1", or of all chapters, by number."""
    if str(chapter).upper().startswith("A"):
        from lic_lab.check.tasks import list_tasks

        return [Exercise(task.id, task.asks) for task in list_tasks(str(chapter))]
    wanted = chapters() if chapter is None else [f"{int(chapter):02}"]
    for number in wanted:
        _import(number)
    return sorted(exercise for exercise in _JUDGES if exercise.id.partition(".")[0] in wanted)


def chapters() -> list[str]:
    """List the numbers of the chapters that have exercises, "00" and on."""
    return modules(PREFIX)


def modules(prefix: str) -> list[str]:
    """List what follows a prefix in the names of this room's modules: "00", ... for "chapter"."""
    here = import_module(__package__).__path__
    names = [module.name for module in pkgutil.iter_modules(here)]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


# ---- finding ---------------------------------------------------------------------------------------------------------


def _import(chapter: str) -> None:
    if chapter in chapters():
        import_module(f"{__package__}.{PREFIX}{chapter}")


def _declared(id: str) -> Exercise | None:
    return next((exercise for exercise in _JUDGES if exercise.id == id), None)


def _find(id: str) -> Exercise:
    """The exercise of an id, its chapter imported; LicLabError with the near ids where there is none."""
    id = str(id)
    chapter = id.partition(".")[0]
    _import(chapter)
    if found := _declared(id):
        return found
    if of_chapter := sorted(exercise.id for exercise in _JUDGES if exercise.id.partition(".")[0] == chapter):
        raise LicLabError(f"no exercise {id}: chapter {chapter} has {', '.join(of_chapter)}")
    near = get_close_matches(id, [exercise.id for exercise in list_exercises()], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise LicLabError(f"no exercise {id}: {hint}there are exercises of chapters {', '.join(chapters())}")


# ---- judging ---------------------------------------------------------------------------------------------------------


STATES = ("done", "still to do", "not yet")


def _judge(this: Exercise, answer) -> tuple[bool, str]:
    """Whether an answer is right, and the line that says so."""
    state, hint = judged(_JUDGES[this], answer)
    lines = {"done": f"✓ {this.asks}", "still to do": f"still to do: {this.asks}", "not yet": f"not yet: {hint}"}
    return state == "done", f"{this.id} {lines[state]}"


def judged(judge: Callable, answer, *given) -> tuple[str, str]:
    """How far an answer is by its judge, one of STATES, and for "not yet" a hint in one line.

    given: what the judge is handed beside the answer.
    """
    raised: list[Exception] = []
    try:
        judge(_guarded(answer, raised), *given)
    except _ToDo:
        return "still to do", ""
    except NotYet as hint:
        return "not yet", _one_line(hint)
    except Exception as error:
        said = f"{type(error).__name__}: {_one_line(error)}".removesuffix(": ")
        if any(error is one for one in raised):
            return "not yet", f"your function raised {said}"
        return "not yet", f"{_kind(answer)} cannot be judged here ({said})"
    return "done", ""


def _guarded(answer, raised: list[Exception]):
    """The answer with every function in it watched: what it raises is noted, and nothing returned is "to do"."""
    if answer is None or answer is ...:
        raise _ToDo
    if isinstance(answer, tuple) and type(answer) is tuple:
        return tuple(_guarded(part, raised) for part in answer)
    if not (inspect.isroutine(answer) or isinstance(answer, partial)):
        return answer

    def watched(*args, **kwargs):
        try:
            result = answer(*args, **kwargs)
        except NotImplementedError as error:
            raise _ToDo from error
        except Exception as error:
            raised.append(error)
            raise
        if result is None or result is ...:
            raise _ToDo
        return result

    return watched if isinstance(answer, partial) else wraps(answer)(watched)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _kind(answer) -> str:
    """What an answer is, for a person: "a function", "a tuple", "an int"."""
    name = "function" if inspect.isroutine(answer) else type(answer).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
