"""The table of all scores, scores.csv: one row for each student and assignment, written whole or not at all."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lic_lab.errors import LicLabError

GRADED, ZERO, FAILED = "graded", "zero", "failed"
"""What became of a submission: graded task by task; contained and worth nothing; not graded, to be tried again."""

HEAD = ("student", "assignment", "total", "maximum", "status", "reason", "when", "submission", "source")


@dataclass(frozen=True)
class Score:
    """What one student has in one assignment.

    tasks: task -> points.   total, maximum: points.   status: GRADED, ZERO or FAILED.   reason: for ZERO and FAILED,
    in words; for GRADED what was mended, missing, left out or stopped, "" otherwise.   when: UTC, ISO 8601.
    submission, source: hashes of what was graded and of what it was graded with.
    """

    student: str
    assignment: str
    tasks: dict[str, float] = field(default_factory=dict)
    total: float = 0
    maximum: float = 0
    status: str = GRADED
    reason: str = ""
    when: str = ""
    submission: str = ""
    source: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Whose score this is, and in what."""
        return self.student, self.assignment


def read_scores(path: Path) -> dict[tuple[str, str], Score]:
    """(student, assignment) -> score of a table; empty where there is none. Raises LicLabError for another table."""
    if not path.exists():
        return {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            scores = [_score(row) for row in csv.DictReader(file)]
    except (KeyError, ValueError, TypeError, UnicodeDecodeError, csv.Error):
        raise LicLabError(f"{path} is no table of scores any more: put it back or remove it, and grade again") from None
    return {score.key: score for score in scores}


def write_scores(path: Path, scores: dict[tuple[str, str], Score]) -> None:
    """Write a table of scores, by assignment and student; it is replaced as a whole."""
    from lic_lab.files import write_bytes

    tasks = sorted({task for score in scores.values() for task in score.tasks})
    text = io.StringIO()
    table = csv.DictWriter(text, [*HEAD[:2], *tasks, *HEAD[2:]], lineterminator="\n")
    table.writeheader()
    for score in sorted(scores.values(), key=lambda score: (score.assignment, score.student)):
        row = {name: value for name, value in asdict(score).items() if name != "tasks"}
        points = {task: f"{value:g}" for task, value in score.tasks.items()}
        table.writerow(row | points | {"total": f"{score.total:g}", "maximum": f"{score.maximum:g}"})
    write_bytes(path, text.getvalue().encode())


def _score(row: dict) -> Score:
    known = {name: row[name] for name in HEAD}
    known |= {"total": float(row["total"]), "maximum": float(row["maximum"])}
    tasks = {name: float(value) for name, value in row.items() if name not in HEAD and value not in ("", None)}
    return Score(**known, tasks=tasks)
