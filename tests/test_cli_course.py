"""`lic-lab course`: release, grade and report, as an instructor types them."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent / "course"))

from submissions import hand_in
from tiny import RIGHT, write_assignment

from lic_lab.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["course", *map(str, arguments)])


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of the assignment T1 that the command has made, and what it said."""
    place = tmp_path_factory.mktemp("cli")
    write_assignment(place / "own")
    return place / "course", run("release", place / "course", "--from", place / "own")


def test_release_says_what_to_hand_out(course):
    folder, said = course
    assert said.exit_code == 0
    assert said.stdout.split("hand out ")[1].strip() == str(folder.resolve() / "release" / "T1" / "T1_numbers.ipynb")


def test_release_says_that_edits_were_kept(course):
    folder, _ = course
    source = folder / "source" / "T1" / "T1_numbers.ipynb"
    before = source.read_text()
    source.write_text(before.replace("Write triple.", "Write triple, please."))
    said = run("release", folder, "--from", folder.parent / "own")
    assert "your edits in" in said.stderr and "--force replaces them" in said.stderr
    assert run("release", folder, "--from", folder.parent / "own", "--force").stderr == ""


def test_grade_shows_scores_and_what_was_left_out_and_writes_feedback(course):
    folder, _ = course
    handed = folder.parent / "handed"
    hand_in(handed, "ada", folder / "release" / "T1" / "T1_numbers.ipynb", RIGHT)
    (handed / "notes.ipynb").write_text("{}")
    said = run("grade", folder, handed, "--seconds", 30, "--memory", "2G")
    assert said.exit_code == 0
    assert "ada" in said.stdout and "5" in said.stdout
    assert "left out: notes.ipynb: no notebook of this course" in said.stderr
    assert "1 graded, 0 as before" in said.stderr
    assert (folder / "feedback" / "ada" / "T1" / "T1_numbers.html").is_file()
    assert "0 graded, 1 as before" in run("grade", folder, handed).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("grade", "nowhere"), "is no course yet: make one with lic-lab course release"),
        (("report", "nowhere"), "is no course yet"),
        (("grade", "nowhere", "--memory", "much"), "memory is given as 4G or 800M, not as 'much'"),
        (("release", "nowhere", "--assignments", "A9"), "no assignment A9: there are A1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert said in found.stderr
