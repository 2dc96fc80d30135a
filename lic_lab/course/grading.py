"""Grade what was handed in: each submission in a kernel of its own, the marks by nbgrader, the scores in a table."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lic_lab.course.collect import Submission, collect
from lic_lab.course.folder import Course
from lic_lab.course.limits import Limits
from lic_lab.course.marks import gives_points, grade_id, one_line, read_notebook, task_of, task_points
from lic_lab.course.scores import FAILED, GRADED, ZERO, Score, read_scores, write_scores
from lic_lab.errors import LicLabError


class Grading(NamedTuple):
    """What `grade` did: all scores of the assignments, those that are new, and what was left out of the submissions."""

    scores: list[Score]
    fresh: list[Score]
    left_out: list[str]


def grade(
    folder: str | Path,
    submissions: str | Path | None = None,
    assignments: Iterable[str] | None = None,
    *,
    limits: Limits | None = None,
    again: bool = False,
    workers: int = 2,
    walls: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> Grading:
    """Collect and grade the submissions of a course, and write scores.csv and the feedback.

    What is graded already and has not changed is not run again; marks that were given to it by hand are taken over.

    submissions: a folder as `collect` takes it; None grades what was collected before.   assignments: names as "A1";
    None takes all that were released.   again: also what is graded already and has not changed.   workers: kernels at
    a time.   walls: whether to use Landlock where the system has it.   progress: is told (done, total, doing).
    Raises LicLabError for a folder that is no course.
    """
    from lic_lab.course.kernel import clear_leftovers, stop_all

    course = Course.at(folder)
    clear_leftovers()
    wanted = course.assignments() if assignments is None else [name.upper() for name in assignments]
    if unknown := [name for name in wanted if name not in course.assignments()]:
        raise LicLabError(f"{unknown[0]} was not released: there are {', '.join(course.assignments()) or 'none'}")
    filed, left_out = collect(course, None if submissions is None else Path(submissions), wanted)
    scores = read_scores(course.scores)
    new = [one for one in filed if again or not _is_done(course, one, scores.get((one.student, one.assignment)))]
    hidden = [course.root, *([Path(submissions).resolve()] if submissions else [])]
    grader = _Grader(course, limits or Limits(), hidden, walls)
    fresh = []
    with _inside(course.root), ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(grader.grade, one): one for one in new}
        try:
            for count, future in enumerate(as_completed(running), 1):
                fresh.append(future.result())
                scores[fresh[-1].key] = fresh[-1]
                write_scores(course.scores, scores)
                if progress:
                    progress(count, len(new), f"{fresh[-1].student} {fresh[-1].assignment}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()  # what is half graded is not in the table, and graded next time
            raise
    for one in filed:
        if one not in new:
            scores[one.student, one.assignment] = grader.look_again(one, scores[one.student, one.assignment])
    write_scores(course.scores, scores)
    shown = [scores[one.student, one.assignment] for one in filed]
    return Grading(shown, fresh, left_out)


def _is_done(course: Course, one: Submission, score: Score | None) -> bool:
    """Whether a submission was graded as it is, by the assignment as it is."""
    known = score and (score.submission, score.source) == (one.digest, _digest(course.source(one.assignment)))
    return bool(known and score.status != FAILED)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _first(error: BaseException) -> str:
    """What an error says that nbgrader raised another one for."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return str(error) if isinstance(error, LicLabError) else f"nbgrader stopped ({type(error).__name__}: {error})"


@contextmanager
def _inside(folder: Path):
    """Be in the course's folder: nbgrader goes there and back for each notebook, and several run at a time."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _seal(page: Path) -> None:
    """Let a page of feedback run no program and load nothing, as a student's output and text are in it as they were."""
    allowed = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    head = f'<head><meta http-equiv="Content-Security-Policy" content="{allowed}">'
    page.write_text(page.read_text("utf-8").replace("<head>", head, 1), "utf-8")


@dataclass(frozen=True)
class _Grader:
    """Grades one submission after the other; only the cells run beside each other, as the gradebook is one file."""

    course: Course
    limits: Limits
    hidden: list[Path]
    walls: bool
    turn: threading.Lock = field(default_factory=threading.Lock)

    def grade(self, one: Submission) -> Score:
        """Grade a submission. Whatever goes wrong with it becomes its score, and never stops the others."""
        source = read_notebook(self.course.source(one.assignment))
        tasks = task_points(source)
        score = Score(
            one.student, one.assignment, dict.fromkeys(tasks, 0.0), 0, sum(tasks.values()),
            when=datetime.now(UTC).isoformat(timespec="seconds"), submission=one.digest,
            source=_digest(self.course.source(one.assignment)),
        )  # fmt: skip
        if one.trouble:
            return self._give_nothing(one, score)
        try:
            with self.turn:
                return self._grade(one, score)
        except LicLabError as error:
            return replace(score, status=FAILED, reason=str(error))
        except Exception as error:
            why = one_line(_first(error))
            return replace(score, status=FAILED, reason=f"{why}; {self.course.root / 'nbgrader.log'} says more")

    def _grade(self, one: Submission, score: Score) -> Score:
        from nbgrader.converters import Autograde
        from nbgrader.preprocessors import Execute

        from lic_lab.course.mend import Mend

        course, view = self.course, self.course.nbgrader(one.assignment, one.student)
        remarks: list[str] = []
        grader = Autograde(coursedir=view, config=course.config, log=course.log)
        grader.force = True
        given = read_notebook(course.released(one.assignment))
        run = _Run(self, one.assignment, given)
        mender = Mend(given=given, remarks=remarks, enabled=True)
        grader.sanitize_preprocessors = [mender, *grader.sanitize_preprocessors]
        grader.autograde_preprocessors = [run if step is Execute else step for step in grader.autograde_preprocessors]
        grader.start()
        self._write_feedback(one)
        points = self._points(one)
        said = run.reason or "; ".join([*remarks, *run.remarks])
        total = sum(points.values())
        return replace(score, tasks=points, total=total, status=ZERO if run.reason else GRADED, reason=said)

    def look_again(self, one: Submission, score: Score) -> Score:
        """The score of a submission that is graded already, with what was marked by hand in the gradebook since.

        What cannot be read stays worth nothing: what the gradebook has is of an earlier notebook in its place.
        """
        from nbgrader.api import MissingEntry

        if one.trouble:
            return self._give_nothing(one, score)
        try:
            points = self._points(one)
        except MissingEntry:  # the gradebook was taken away
            return score
        if points == score.tasks:
            return score
        self._write_feedback(one)
        return replace(score, tasks=points, total=sum(points.values()))

    def _give_nothing(self, one: Submission, score: Score) -> Score:
        """The score of what cannot be read; the pages of an earlier notebook in its place are taken away.

        The gradebook keeps the earlier marks, as some may be given by hand: they are for a notebook that can be read.
        """
        feedback = self.course.feedback(one.student, one.assignment).parent
        for stale in (feedback, self.course.autograded(one.student, one.assignment).parent):
            shutil.rmtree(stale, ignore_errors=True)
        return replace(score, tasks=dict.fromkeys(score.tasks, 0.0), total=0, status=ZERO, reason=one.trouble)

    def _write_feedback(self, one: Submission) -> None:
        from nbgrader.converters import GenerateFeedback

        course, view = self.course, self.course.nbgrader(one.assignment, one.student)
        pages = GenerateFeedback(coursedir=view, config=course.config, log=course.log)
        pages.force = True
        pages.start()
        _seal(course.feedback(one.student, one.assignment))

    def _points(self, one: Submission) -> dict[str, float]:
        """Task -> points, as nbgrader has them in the gradebook."""
        from nbgrader.api import Gradebook

        notebook = self.course.source(one.assignment)
        with Gradebook(self.course.nbgrader(one.assignment).db_url) as book:
            found = book.find_submission_notebook(notebook.stem, one.assignment, one.student)
            points = {grade.name: float(grade.score or 0) for grade in found.grades}
        cells = [cell for cell in read_notebook(notebook).cells if gives_points(cell)]
        return {task_of(grade_id(cell)): points.get(grade_id(cell), 0.0) for cell in cells}


class _Run:
    """What stands in for nbgrader's own step that runs the cells: called with a notebook and its resources."""

    def __init__(self, grader: _Grader, assignment: str, given):
        self.grader, self.assignment = grader, assignment
        self.given = {cell.source for cell in given.cells if cell.cell_type == "code" and not grade_id(cell)}
        self.reason, self.remarks = "", []

    def __call__(self, notebook, resources):
        """Run the cells while others may have their turn; then see to the cells that give points."""
        from lic_lab.course.execute import run_contained, settle

        grader = self.grader
        grader.turn.release()
        try:
            self.reason, self.remarks = run_contained(
                notebook, self.assignment, grader.hidden, grader.limits, given=self.given, walls=grader.walls
            )
        finally:
            grader.turn.acquire()
            os.environ["NBGRADER_EXECUTION"] = "autograde"  # as nbgrader left it; another turn has taken it away since
        self.remarks += settle(notebook, self.reason)
        return notebook, resources
