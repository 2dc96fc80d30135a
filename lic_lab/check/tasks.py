"""Tasks of the assignments A1 to A5: an answer earns points part by part, on inputs that are drawn from a seed.

An assignment's module, `lic_lab/check/assignment1.py`, is imported when one of its tasks is asked for:

    coder = Task("A1.2", "An arithmetic coder that comes back")

    @coder.part("messages of two symbols come back", points=2)
    def _(answer, rng):
        encode, decode = answer
        message = rng.integers(0, 2, 50)
        if list(decode(encode(message), 50)) != list(message):
            raise NotYet("50 symbols did not come back")

A student checks with one seed and is graded with another: the same claims, other inputs.
"""

from __future__ import annotations

import signal
import threading
import zlib
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import NamedTuple

import numpy as np

from lic_lab.check.exercises import NotYet, Verdict, judged, modules
from lic_lab.errors import LicLabError

PREFIX = "assignment"
OPEN_SEED = 0
"""The seed that students check with; graders take another."""


class Part(NamedTuple):
    """One claim about an answer: what it says, its points, and the judge that raises NotYet where it does not hold."""

    claim: str
    points: float
    judge: Callable


@dataclass
class Task:
    """One graded task: its id, "A1.2" for the second of A1, in one line what is asked, and the parts that give points.

    seconds: the longest that one part may take before it counts as "not yet".
    """

    id: str
    asks: str
    seconds: float = 20
    parts: list[Part] = field(default_factory=list)

    def __post_init__(self):
        _TASKS[self.id] = self  # a module that is loaded again declares its tasks anew

    @property
    def points(self) -> float:
        """The points of all parts together."""
        return sum(part.points for part in self.parts)

    def part(self, claim: str, points: float) -> Callable:
        """Declare a function as the judge of a claim; it gets the answer and a NumPy generator of its own.

        claim: what holds for a right answer, in one line. The judge raises NotYet with a hint where it does not hold.
        Every part draws from a generator of its own, so that a new part leaves the inputs of the others as they were.
        """

        def declare(judge: Callable) -> Callable:
            self.parts.append(Part(claim, points, judge))
            return judge

        return declare


_TASKS: dict[str, Task] = {}


def grade(id: str, answer=None, *, seed: int = OPEN_SEED) -> float:
    """Print what an answer earns, a line for each part, and give the points.

    id: "A1.2".   answer: as for `check`.   seed: of the inputs; any whole number from 0.
    Never raises for a wrong answer. Raises LicLabError for an id that no task has.
    """
    this = find_task(id)
    marks = [_mark(this, part, answer, seed) for part in this.parts]
    earned = sum(part.points for part, (state, _) in zip(this.parts, marks, strict=True) if state == "done")
    which = "" if seed == OPEN_SEED else " (other inputs)"
    print(f"{this.id} {this.asks}: {earned:g} of {this.points:g} points{which}")
    for part, (state, hint) in zip(this.parts, marks, strict=True):
        said = part.claim + (f": {hint}" if state == "not yet" else f": {state}" if state != "done" else "")
        print(f"  {'✓' if state == 'done' else '✗'} {part.points:g}  {said}")
    return float(earned)


def check_task(id: str, answer=None) -> Verdict:
    """Print as `grade` does for the open seed and give whether all points are earned, for `check`."""
    this = find_task(id)
    earned = grade(id, answer)
    return Verdict(earned == this.points, f"{earned:g} of {this.points:g} points")


def list_tasks(assignment: str | None = None) -> list[Task]:
    """List the tasks of an assignment, "A1", or of all, by number; empty for one that is not known."""
    numbers = modules(PREFIX) if assignment is None else [assignment.upper().removeprefix("A")]
    for number in numbers:
        _import(number)
    wanted = [f"A{number}" for number in numbers]
    return [task for id, task in sorted(_TASKS.items()) if id.partition(".")[0] in wanted]


def find_task(id: str) -> Task:
    """Give the task of an id. Raises LicLabError where there is none, with those of its assignment."""
    assignment = str(id).partition(".")[0].upper()
    known = list_tasks(assignment)
    for task in known:
        if task.id == str(id).upper():
            return task
    if known:
        raise LicLabError(f"no task {id}: {assignment} has {', '.join(task.id for task in known)}")
    raise LicLabError(f"no task {id}: there are assignments {', '.join(f'A{n}' for n in modules(PREFIX))}")


def _import(number: str) -> None:
    if number in modules(PREFIX):
        import_module(f"{__package__}.{PREFIX}{number}")


def _mark(task: Task, part: Part, answer, seed: int) -> tuple[str, str]:
    """How far an answer is in one part, and the hint where it is not there yet."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{task.id} {part.claim}".encode())])

    def judge(answer, rng):
        with within(task.seconds):
            part.judge(answer, rng)

    return judged(judge, answer, rng)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the block after so many seconds and raise NotYet; only in the main thread, elsewhere it is not timed.

    The interruption is that of Ctrl-C, which works on every system but only between two steps of Python.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late = threading.Event()

    def stop():
        late.set()
        interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background Ctrl-C is ignored: not here
    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not late.is_set():
            raise
        raise NotYet(f"this took longer than {seconds:g} seconds and was stopped") from None
    finally:
        timer.cancel()
        with suppress(KeyboardInterrupt) if late.is_set() else nullcontext():
            timer.join()  # an interruption on its way must arrive here and not in what comes next
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
