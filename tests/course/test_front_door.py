"""`from lic_lab.course import grade, release, report` gives functions, whatever was imported before."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

import lic_lab.course

NAMES = ("grade", "release", "report")
FILES = sorted(path.stem for path in Path(lic_lab.course.__file__).parent.glob("[!_]*.py"))


def run(*lines: str) -> str:
    """What a fresh interpreter has to say against some lines, "" for nothing."""
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def ask(*names: str) -> list[str]:
    """Lines that import names from the package and see that each is the function of that name."""
    seen = [f"assert callable({name}) and {name}.__name__ == {name!r}, {name}" for name in names]
    return [f"from lic_lab.course import {', '.join(names)}", *seen]


@pytest.mark.parametrize("names", list(permutations(NAMES)), ids=" ".join)
def test_the_three_are_functions_in_every_order(names):
    assert run(*ask(*names)) == ""


def test_the_three_are_functions_when_asked_for_again_and_as_attributes():
    one_by_one = [line for name in NAMES for line in ask(name)]
    attributes = [f"assert callable(lic_lab.course.{name})" for name in NAMES]
    assert run(*one_by_one, *ask(*NAMES), "import lic_lab.course", *attributes) == ""


@pytest.mark.parametrize("before", [FILES, FILES[::-1]], ids=["forwards", "backwards"])
def test_the_three_are_functions_after_every_file_of_the_package_was_imported(before):
    assert run(*(f"import lic_lab.course.{file}" for file in before), *ask(*NAMES)) == ""


def test_no_file_has_the_name_of_a_function_that_the_package_gives():
    assert not set(FILES) & set(lic_lab.course.__all__)


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'marks_of'"):
        lic_lab.course.marks_of  # noqa: B018
