"""From notebooks with solutions and hidden tests to the notebooks that students get."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lic_lab.course.folder import SETTINGS, Course, shipped_assignments
from lic_lab.course.marks import assignment_of, is_answer, read_notebook, task_points
from lic_lab.errors import LicLabError

REGION = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END (?:SOLUTION|HIDDEN TESTS)", re.S)


class Released(NamedTuple):
    """One assignment that was made: its name, the notebook to hand out, points at most, and whether edits were kept."""

    assignment: str
    path: Path
    points: float
    kept: bool


def release(
    folder: str | Path,
    assignments: Iterable[str] | None = None,
    *,
    source: str | Path | None = None,
    force: bool = False,
) -> list[Released]:
    """Make or update the folder of a course and the notebooks in it that students get.

    assignments: names as "A1"; None takes all.   source: a folder of notebooks with solutions, by default those that
    come with lic_lab.   force: notebooks in the course's `source/` that were edited are replaced; else they are kept
    and released as they are, and `Released.kept` says so.
    Raises LicLabError for assignments that are not there, and where a solution would be given away.
    """
    course = Course.at(folder, new=True)
    found = _sources(Path(source) if source else shipped_assignments())
    wanted = sorted(found) if assignments is None else [name.upper() for name in assignments]
    if unknown := [name for name in wanted if name not in found]:
        raise LicLabError(f"no assignment {unknown[0]}: there are {', '.join(sorted(found))}")
    course.root.mkdir(parents=True, exist_ok=True)
    if not course.settings.exists():
        course.settings.write_text(SETTINGS, "utf-8")
    return [_release(course, name, found[name], force) for name in wanted]


def _sources(folder: Path) -> dict[str, Path]:
    """Assignment -> notebook of everything in a folder that is one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        name = assignment_of(read_notebook(path))
        if name in found:
            raise LicLabError(f"{found[name].name} and {path.name} are both {name}: keep one of them in {folder}")
        if name:
            found[name] = path
    if not found:
        raise LicLabError(f"no assignments in {folder}: give a folder of notebooks in nbgrader's format with --from")
    return found


def _release(course: Course, name: str, path: Path, force: bool) -> Released:
    """Copy one notebook to the course, unless it was edited there, and let nbgrader make what students get."""
    target, pristine = (course.root / part / name / path.name for part in ("source", ".given"))
    edited = target.exists() and not (pristine.exists() and pristine.read_bytes() == target.read_bytes())
    kept = edited and target.read_bytes() != path.read_bytes() and not force
    if not kept:
        for copy in (target, pristine):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    notebook = read_notebook(course.source(name))
    _refuse_wrong_points(notebook)
    _generate(course, name)
    released = course.released(name)
    _refuse_solutions(notebook, read_notebook(released), released)
    return Released(name, released, sum(task_points(notebook).values()), kept)


def _generate(course: Course, name: str) -> None:
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException

    maker = GenerateAssignment(coursedir=course.nbgrader(name, "."), config=course.config, log=course.log)
    maker.force = True
    try:
        maker.start()
    except (NbGraderException, Exception) as error:
        raise LicLabError(
            f"nbgrader cannot release {name} ({error}): {course.root / 'nbgrader.log'} says more"
        ) from None


def _refuse_wrong_points(notebook) -> None:
    """The points in the notebook are those that the task gives, else full marks would not be full."""
    from lic_lab.check.tasks import list_tasks

    declared = {task.id: task.points for task in list_tasks(assignment_of(notebook))}
    for task, points in task_points(notebook).items():
        if points != declared.get(task, points):
            raise LicLabError(
                f"{task} has {points:g} points in the notebook and {declared[task]:g} in lic_lab: make them equal"
            )


def _refuse_solutions(source, released, path: Path) -> None:
    """Raise, and take the notebook away, where a solution or a hidden test, or an output, is still in it."""
    text = "\n".join(cell.source for cell in released.cells)
    secrets = [block.strip() for cell in source.cells for block in REGION.findall(cell.source)]
    shown = [block for block in secrets if block and block in text]
    outputs = any(cell.get("outputs") for cell in released.cells)
    whole = [cell for cell in source.cells if is_answer(cell) and "### BEGIN SOLUTION" not in cell.source]
    whole = [cell for cell in whole if cell.source.strip() and cell.source.strip() in text]
    if shown or outputs or whole or re.search(r"### (BEGIN|END) (SOLUTION|HIDDEN)", text):
        path.unlink()
        raise LicLabError(
            f"{path.name} would give a solution away: put each between ### BEGIN SOLUTION and ### END SOLUTION"
        )
