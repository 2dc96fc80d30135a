"""What students get holds no solution and no hidden test, and what an instructor edited is kept."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent))

from tiny import write_assignment

from lic_lab.course.folder import Course, shipped_assignments
from lic_lab.course.marks import read_notebook, task_points
from lic_lab.course.releasing import release
from lic_lab.errors import LicLabError


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A course of all assignments that come with lic_lab."""
    folder = tmp_path_factory.mktemp("shipped") / "course"
    return Course.at(folder, new=True), release(folder)


def text(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


@pytest.fixture
def own(tmp_path):
    """A folder with the assignment T1."""
    write_assignment(tmp_path / "own")
    return tmp_path / "own"


def test_all_assignments_are_released_with_twenty_points_each(shipped):
    course, made = shipped
    assert [(one.assignment, one.points) for one in made] == [(name, 20) for name in ("A1", "A2", "A3", "A4", "A5")]
    assert all(sum(task_points(read_notebook(course.source(one.assignment))).values()) == 20 for one in made)


def test_no_line_of_a_solution_or_a_hidden_test_is_in_what_students_get(shipped):
    course, made = shipped
    for one in made:
        source, released = text(course.source(one.assignment)), text(one.path)
        regions = re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", source, re.S)
        lines = {line.strip() for region in regions for line in region.splitlines()}
        alone = {line for line in lines if source.count(line) == sum(region.count(line) for region in regions)}
        given_away = {line for line in alone if len(line) > 20 and line in released}
        assert regions and not given_away
        assert "grade(" not in re.sub(r"^from .*$", "", released, flags=re.M)


def test_what_students_get_has_no_outputs_and_says_where_to_write(shipped):
    for one in shipped[1]:
        notebook = read_notebook(one.path)
        assert not any(cell.get("outputs") for cell in notebook.cells)
        assert "raise NotImplementedError" in text(one.path)


def test_all_notebooks_say_in_the_same_words_what_to_see_to_before_they_are_handed_in(shipped):
    firsts = [read_notebook(one.path).cells[0].source for one in shipped[1]]
    said = {first.partition("**Before you hand in.** ")[2] for first in firsts}
    assert (len(firsts), len(said)) == (5, 1)
    assert said.pop().startswith("Restart the kernel and run all cells")


def test_an_assignment_of_ones_own_is_released(own, tmp_path):
    made = release(tmp_path / "course", source=own)[0]
    assert (made.assignment, made.points, made.kept) == ("T1", 5, False)
    assert "2 * n" not in text(made.path)
    assert "hidden" not in text(made.path).lower()


def test_edits_in_the_source_are_kept_and_released_until_they_are_to_be_replaced(own, tmp_path):
    release(tmp_path / "course", source=own)
    source = Course.at(tmp_path / "course").source("T1")
    edit(source, "Write double.", "Write double, please.")
    kept = release(tmp_path / "course", source=own)[0]
    assert (kept.kept, "please" in text(kept.path)) == (True, True)
    replaced = release(tmp_path / "course", source=own, force=True)[0]
    assert (replaced.kept, "please" in text(replaced.path)) == (False, False)


def test_a_newer_assignment_replaces_one_that_nobody_edited(own, tmp_path):
    release(tmp_path / "course", source=own)
    edit(own / "T1_numbers.ipynb", "Write double.", "Write double now.")
    made = release(tmp_path / "course", source=own)[0]
    assert (made.kept, "double now" in text(made.path)) == (False, True)


def test_a_solution_outside_its_marks_is_not_given_away(own, tmp_path):
    edit(own / "T1_numbers.ipynb", "Write double.", "Write double: return 2 * n")
    with pytest.raises(LicLabError, match="would give a solution away"):
        release(tmp_path / "course", source=own)
    assert not list(tmp_path.glob("course/release/*/*.ipynb"))


def test_points_that_differ_from_the_tasks_are_refused(tmp_path):
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "A1.ipynb"
    notebook = nbformat.read(next(shipped_assignments().glob("A1_*.ipynb")), as_version=4)
    next(cell for cell in notebook.cells if "points" in cell.metadata.get("nbgrader", {})).metadata.nbgrader.points = 99
    nbformat.write(notebook, path)
    with pytest.raises(LicLabError, match=r"A1\.1 has 99 points in the notebook and 3 in lic_lab"):
        release(tmp_path / "course", source=tmp_path / "own")


def test_what_is_not_there_is_refused_in_one_line(own, tmp_path):
    with pytest.raises(LicLabError, match="no assignment A9: there are T1"):
        release(tmp_path / "course", ["A9"], source=own)
    with pytest.raises(LicLabError, match="no assignments in"):
        release(tmp_path / "course", source=tmp_path)
    with pytest.raises(LicLabError, match="is no course yet"):
        Course.at(tmp_path / "elsewhere")
