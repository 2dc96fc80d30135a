"""Make a submission's cells the ones that were given out again, whatever was done to them; answers stay as they are."""

from __future__ import annotations

from copy import deepcopy

from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Any

from lic_lab.course.marks import gives_points, grade_id, is_answer, one_line


def mend(notebook, given) -> list[str]:
    """Mend a notebook in place after the one that was given out; give a remark for each thing that was mended.

    Cells with a name that was not given out, or with one that was there before, lose it and become plain cells. The
    others get the kind, the metadata and, unless they are answers, the text that they were given out with. Missing ones
    come back behind the cell that they stood behind. Outputs are dropped.
    """
    remarks: list[str] = []
    known = {grade_id(cell): cell for cell in given.cells if grade_id(cell)}
    places = _named(notebook, known, remarks)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("tags", None)
    before = None
    for id, cell in known.items():
        if id in places:
            if _restore(places[id], cell) and gives_points(cell):
                remarks.append(f"{id} was changed and is as it was given out again")
        else:
            remarks.append(f"{id} was missing and is back")
            places[id] = deepcopy(cell)
            at = 0 if before is None else 1 + next(i for i, c in enumerate(notebook.cells) if c is before)
            notebook.cells.insert(at, places[id])
        before = places[id]
    return remarks


def _named(notebook, known: dict, remarks: list[str]) -> dict:
    """Name -> the cell that has it first; the marks of nbgrader are taken from all others."""
    places: dict = {}
    for cell in notebook.cells:
        id = grade_id(cell)
        if id in known and id not in places:
            places[id] = cell
            continue
        if id is not None:
            remarks.append(
                f"{id} was there twice; the first counts"
                if id in known
                else f"no cell of this assignment is named {one_line(id, 40)}"
            )
        cell.metadata.pop("nbgrader", None)
    return places


def _restore(cell, given) -> bool:
    """Make a cell what it was given out as, but for the text of an answer; give whether its text was changed."""
    changed = not is_answer(given) and cell.source != given.source
    text = cell.source if is_answer(given) else given.source
    id = cell.get("id")
    cell.clear()
    cell.update(deepcopy(given))
    cell.source = text
    if id is not None and "id" in given:
        cell.id = id
    return changed


class Mend(NbGraderPreprocessor):
    """nbgrader's name for it: the first thing that happens to a submission."""

    given = Any()
    remarks = Any()

    def preprocess(self, nb, resources):
        """Mend a notebook; the remarks are added to `remarks`."""
        self.remarks += mend(nb, self.given)
        return nb, resources
