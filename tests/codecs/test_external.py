import pytest

from lic_lab.codecs import external


@pytest.fixture
def program(install, tmp_path):
    """A program that prints and ends as it is told."""
    path = install("video.py") / "tool"

    def make(text):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_the_first_name_on_the_path_is_taken(install):
    folder = install("video.py", "EncoderAppStatic", "vvencapp")
    assert external.find(("EncoderApp", "EncoderAppStatic")) == str(folder / "EncoderAppStatic")
    assert external.find(("nothing",)) == ""


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("vvencapp version 1.14.0-rc1", "1.14.0-rc1"),
        ("VVCSoftware: VTM Encoder Version 23.4 [Linux]", "23.4"),
        ("version: v2.0", "2.0"),
        ("no number", "of unknown version"),
    ],
)
def test_versions_are_found_in_what_programs_say(program, said, version):
    assert external.said_version(program(f"echo '{said}'; exit 1")) == version


def test_a_program_that_was_replaced_is_asked_again(program):
    import os

    path = program("echo version 1.0")
    assert external.said_version(path) == "1.0"
    path = program("echo version 2.0")
    os.utime(path, (1, 1))
    assert external.said_version(path) == "2.0"


def test_no_program_has_no_version():
    assert external.said_version("") == "of unknown version"


def test_a_failure_is_told_by_the_last_words(program):
    with pytest.raises(RuntimeError, match="tool failed with exit code 3: it broke"):
        external.run(program("echo hello; echo it broke >&2; exit 3"))
    with pytest.raises(RuntimeError, match="exit code 4: it said nothing"):
        external.run(program("exit 4"))


def test_arguments_reach_the_program_unchanged(program, tmp_path):
    out = tmp_path / "a file; with spaces"
    external.run(program('printf %s "$2" > "$1"'), out, "$HOME 'quoted'")
    assert out.read_text() == "$HOME 'quoted'"
