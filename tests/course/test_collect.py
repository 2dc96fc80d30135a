"""Submissions are found in the folders that learning platforms give, and nothing is guessed."""

import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent))

from submissions import hand_in
from tiny import RIGHT, write_assignment

from lic_lab.course.collect import collect
from lic_lab.course.folder import Course
from lic_lab.course.release import release
from lic_lab.errors import LicLabError


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    place = tmp_path_factory.mktemp("collect")
    write_assignment(place / "own")
    return release(place / "course", source=place / "own")[0].path


@pytest.fixture
def course(released, tmp_path):
    """A course with nothing handed in, and a notebook that could be."""
    for name in ("source", "release"):
        (tmp_path / "course" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "course" / name).symlink_to(released.parents[2] / name)
    (tmp_path / "course" / "nbgrader_config.py").write_text("c = get_config()\n")
    return Course.at(tmp_path / "course")


def found(course, folder) -> tuple[list[str], list[str]]:
    """The students that have something filed, and what was left out."""
    filed, left_out = collect(course, folder, ["T1"])
    return [one.student for one in filed], left_out


@pytest.mark.parametrize(
    "name",
    [
        "ada/T1_numbers.ipynb",
        "ada/T1/T1_numbers.ipynb",
        "ada/anything.ipynb",
        "ada/homework/deep/my solution.ipynb",
        "T1/ada/T1_numbers.ipynb",
        "ada_T1_numbers.ipynb",
        "T1_numbers_ada.ipynb",
        "ada T1.ipynb",
        "T1_numbers-ada (1).ipynb",
        "ada.ipynb",
        "ada_123456_assignsubmission_file_/T1_numbers.ipynb",
        "ada_123456_assignsubmission_file_T1_numbers.ipynb",
        "ada_LATE_12_345_T1_numbers-1.ipynb",
        "-ada/T1_numbers.ipynb",
    ],
)
def test_a_student_is_the_first_folder_or_the_name_of_the_file(course, released, tmp_path, name):
    path = tmp_path / "handed" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(released.read_bytes())
    assert found(course, tmp_path / "handed") == (["ada"], [])
    assert course.submitted("ada", "T1").read_bytes() == released.read_bytes()


def test_zip_files_are_read_and_names_in_them_lead_nowhere(course, released, tmp_path):
    handed = tmp_path / "handed"
    handed.mkdir()
    with zipfile.ZipFile(handed / "all.zip", "w") as archive:
        archive.writestr("../../eve.ipynb", released.read_bytes())
        archive.writestr("/eve.ipynb", released.read_bytes())
    with zipfile.ZipFile(handed / "ada.zip", "w") as archive:
        archive.writestr("T1_numbers.ipynb", released.read_bytes())
    (handed / "bad.zip").write_bytes(b"PK but no more")
    students, left_out = found(course, handed)
    assert students == ["ada"]
    assert [line.partition(":")[0] for line in left_out] == ["all.zip/../../eve.ipynb", "all.zip//eve.ipynb", "bad.zip"]
    assert not list(tmp_path.glob("*.ipynb"))


def test_one_name_in_two_ways_of_writing_letters_is_one_student(course, released, tmp_path):
    for name in ("Jos\u00e9", "Jose\u0301"):
        (tmp_path / "handed" / name).mkdir(parents=True)
        (tmp_path / "handed" / name / "T1_numbers.ipynb").write_bytes(released.read_bytes())
    assert found(course, tmp_path / "handed") == (["Jos\u00e9"], [])


def test_a_zip_file_of_the_whole_class_is_graded_by_itself(course, released, tmp_path):
    handed = tmp_path / "handed"
    handed.mkdir()
    with zipfile.ZipFile(handed / "class.zip", "w") as archive:
        archive.writestr("ada/T1_numbers.ipynb", released.read_bytes())
        archive.writestr("bob/T1_numbers.ipynb", released.read_bytes() + b"\n")
    students, left_out = found(course, handed)
    assert students == [] and left_out[0].endswith("if class holds the whole class, grade it by itself")
    assert found(course, handed / "class.zip") == (["ada", "bob"], [])


def test_a_folder_without_a_notebook_is_listed(course, tmp_path):
    (tmp_path / "handed" / "eve").mkdir(parents=True)
    (tmp_path / "handed" / "eve" / "answers.pdf").write_bytes(b"%PDF")
    assert found(course, tmp_path / "handed") == ([], ["eve: no notebook is in it"])


def test_two_different_notebooks_of_one_student_are_listed_and_none_is_taken(course, released, tmp_path):
    hand_in(tmp_path / "handed", "ada", released, RIGHT)
    (tmp_path / "handed" / "ada" / "second.ipynb").write_bytes(released.read_bytes())
    students, left_out = found(course, tmp_path / "handed")
    assert (students, len(left_out)) == ([], 1)
    assert left_out[0].endswith("ada handed T1 in twice; keep one")


def test_the_same_notebook_twice_is_one(course, released, tmp_path):
    for name in ("one", "two"):
        path = tmp_path / "handed" / "ada" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(released.read_bytes())
    assert found(course, tmp_path / "handed") == (["ada"], [])


def test_what_is_not_of_this_course_is_listed(course, released, tmp_path):
    handed = tmp_path / "handed"
    (handed / "ada").mkdir(parents=True)
    (handed / "ada" / "other.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (handed / "T1_numbers.ipynb").write_bytes(released.read_bytes())
    students, left_out = found(course, handed)
    assert students == []
    assert left_out == [
        "T1_numbers.ipynb: it does not say whose it is; put it in a folder with the student's name",
        "ada/other.ipynb: no notebook of this course",
    ]


def test_links_are_not_followed(course, released, tmp_path):
    (tmp_path / "handed" / "eve").mkdir(parents=True)
    (tmp_path / "handed" / "eve" / "T1_numbers.ipynb").symlink_to(released)
    students, left_out = found(course, tmp_path / "handed")
    assert (students, left_out) == ([], ["eve/T1_numbers.ipynb: a link is not followed"])


@pytest.mark.parametrize(
    "content",
    ["", "no notebook", '{"cells": 3}', '{"cells": [3], "nbformat": 4, "metadata": {}}', "[" * 5000],
    ids=["empty", "text", "no cells", "wrong cells", "deep"],
)
def test_what_is_no_notebook_is_filed_by_its_name_and_marked(course, tmp_path, content):
    path = tmp_path / "handed" / "ada" / "T1_numbers.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    filed, left_out = collect(course, tmp_path / "handed", ["T1"])
    assert [(one.student, one.trouble) for one in filed] == [("ada", "it is no notebook that can be read")]
    assert left_out == []


def test_a_folder_that_is_not_there_is_refused(course, tmp_path):
    with pytest.raises(LicLabError, match="there is no folder"):
        collect(course, tmp_path / "nowhere", ["T1"])
