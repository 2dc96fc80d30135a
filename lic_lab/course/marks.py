"""What nbgrader keeps in the metadata of cells: which are answers, which give points, and for which task."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from lic_lab.errors import LicLabError


def read_notebook(path: Path):
    """Read a notebook, format 4. Raises LicLabError for anything else."""
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        assert all(isinstance(cell.source, str) and isinstance(cell.metadata, dict) for cell in cells)
    except Exception:
        raise LicLabError(f"{path.name} is no notebook that can be read: save it in Jupyter and try again") from None
    return notebook


def grade_id(cell) -> str | None:
    """The name that a cell has for nbgrader, None for the others."""
    mark = cell.metadata.get("nbgrader")
    found = mark.get("grade_id") if isinstance(mark, dict) else None
    return found if isinstance(found, str) else None


def gives_points(cell) -> bool:
    """Whether a cell is one that nbgrader takes points from."""
    return grade_id(cell) is not None and bool(cell.metadata.nbgrader.get("grade"))


def is_answer(cell) -> bool:
    """Whether a cell is one that students write in."""
    return grade_id(cell) is not None and bool(cell.metadata.nbgrader.get("solution"))


def task_of(id: str) -> str:
    """The task of a cell that gives points: "A1.2" for "A1-2-points"; other names are kept."""
    match = re.fullmatch(r"([A-Z]+\d+)-(\d+)-points", id)
    return f"{match[1]}.{match[2]}" if match else id


def task_points(notebook) -> dict[str, float]:
    """Task -> points at most, in the order of the notebook."""
    return {
        task_of(grade_id(cell)): float(cell.metadata.nbgrader["points"])
        for cell in notebook.cells
        if gives_points(cell)
    }


def assignment_of(notebook) -> str | None:
    """The assignment that a notebook belongs to by the names of its cells, "A1"; None where they do not say."""
    heads = {id.partition("-")[0] for cell in notebook.cells if (id := grade_id(cell)) and "-" in id}
    return heads.pop() if len(heads) == 1 else None


def one_line(text, most: int = 200) -> str:
    """A text of a student's making as part of a line: without what steers a terminal, and no longer than `most`."""
    plain = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return plain if len(plain) <= most else plain[: most - 3] + "..."
