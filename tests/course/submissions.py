"""Submissions of made-up students: the released notebook with answers put in."""

from __future__ import annotations

import csv
import importlib.util
import re
from pathlib import Path

import nbformat

ANSWERS = Path(__file__).parent / "answers"
IMPORTS = re.compile(r"\A(?:(?:import|from) .*\n|\n)*")
"""What stands above the functions of a cell that students fill in; they leave it there."""


def answers(assignment: str):
    """The module of answers to an assignment, answers/aN.py: RIGHT, PARTIAL, PARTIAL_POINTS and WRONG."""
    path = ANSWERS / f"{assignment.lower()}.py"
    spec = importlib.util.spec_from_file_location(f"answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def submission(released: Path, cells: dict[str, str] | None = None):
    """The released notebook with the text of some cells, by their grade_id, replaced below their imports."""
    notebook = nbformat.read(released, as_version=4)
    left = dict(cells or {})
    for cell in notebook.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if id in left:
            cell.source = IMPORTS.match(cell.source)[0] + left.pop(id)
    assert not left, f"{released.name} has no cells {sorted(left)}"
    return notebook


def hand_in(folder: Path, student: str, released: Path, cells: dict[str, str] | None = None) -> Path:
    """Put a student's notebook into a folder of submissions, in a folder with the student's name."""
    path = folder / student / released.name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(submission(released, cells), path)
    return path


def all_rows(course: Path) -> dict[tuple[str, str], dict]:
    """scores.csv: (assignment, student) -> row."""
    with open(course / "scores.csv", encoding="utf-8", newline="") as file:
        return {(row["assignment"], row["student"]): row for row in csv.DictReader(file)}


def rows(course: Path) -> dict[str, dict]:
    """scores.csv of a course with one assignment: student -> row."""
    return {student: row for (_, student), row in all_rows(course).items()}


def above(text: str, cells: dict[str, str]) -> dict[str, str]:
    """Answers with something before the first; what starts with a definition comes behind it."""
    first = min(cells)
    parts = (cells[first], text) if text.startswith("def ") else (text, cells[first])
    return cells | {first: "\n".join(parts)}


def tasks(row: dict) -> dict[str, float]:
    """Task -> points in a row."""
    return {name: float(value) for name, value in row.items() if name[:1] in "AT" and name[1:2].isdigit() and value}
