"""Submissions are found in the folders that learning platforms give, and nothing is guessed."""

import io
import random
import struct
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
from lic_lab.course.releasing import release
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


MOODLE = "{}_123456_assignsubmission_file_"
"""How Moodle names the folder of a student."""


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip file of some names and contents, packed as programs do it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def hand_in_all(files: dict[str, bytes], place: Path, *, as_zip: bool) -> Path:
    """A zip file of a whole class, or the folder that it unpacks to."""
    target = place / "class.zip"
    target.write_bytes(zipped(files))
    if not as_zip:
        zipfile.ZipFile(target).extractall(place / "class")
    return target if as_zip else place / "class"


def damaged(how: str, files: dict[str, bytes]) -> bytes:
    """A zip file whose first entry is broken in one way."""
    data = bytearray(zipped(files))
    local, central = 0, data.index(b"PK\x01\x02")
    start = 30 + struct.unpack_from("<H", data, local + 26)[0]
    if how == "bits turned":
        data[start : start + 40] = bytes(255 - byte for byte in data[start : start + 40])
    elif how == "cut off":
        struct.pack_into("<I", data, central + 20, 200)  # fewer packed bytes than there are
    elif how in ("not LZMA", "not bzip2", "an unknown method"):
        method = {"not LZMA": zipfile.ZIP_LZMA, "not bzip2": zipfile.ZIP_BZIP2, "an unknown method": 77}[how]
        for at in (local + 8, central + 10):
            struct.pack_into("<H", data, at, method)
    elif how == "encrypted":
        for at in (local + 6, central + 8):
            data[at] |= 1
    elif how == "another checksum":
        data[central + 16] ^= 1
    return bytes(data)


DAMAGES = ["bits turned", "cut off", "not LZMA", "not bzip2", "an unknown method", "encrypted", "another checksum"]


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
        "ada/T1.IPYNB",
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


@pytest.mark.parametrize("as_zip", [True, False], ids=["zipped", "unpacked"])
def test_a_class_as_moodle_gives_it_is_the_same_zipped_and_unpacked(course, released, tmp_path, as_zip):
    data = released.read_bytes()
    files = {
        f"{MOODLE.format('Ada')}/T1.zip": zipped({"T1_numbers.ipynb": data}),
        f"{MOODLE.format('Bob')}/answer.pdf": b"%PDF",
        f"{MOODLE.format('Eve')}/T1.IPYNB": data,
        f"{MOODLE.format('Gus')}/T1.ZIP": zipped({"T1/T1_numbers.ipynb": data}),
        f"{MOODLE.format('Ida')}/": b"",
        f"{MOODLE.format('Kim')}/T1.zip": zipped({"answer.pdf": b"%PDF"}),
        f"{MOODLE.format('Lea')}/.ipynb_checkpoints/T1_numbers.ipynb": data,
        f"{MOODLE.format('Max')}/T1.zip": b"PK but no more",
        "__MACOSX/Ada/._T1.ipynb": b"",
    }
    students, left_out = found(course, hand_in_all(files, tmp_path, as_zip=as_zip))
    assert students == ["Ada", "Eve", "Gus"]
    assert sorted(left_out) == [
        f"{MOODLE.format('Bob')}: no notebook is in it",
        f"{MOODLE.format('Ida')}: no notebook is in it",
        f"{MOODLE.format('Kim')}/T1.zip: no notebook is in it",
        f"{MOODLE.format('Lea')}: no notebook is in it",
        f"{MOODLE.format('Max')}/T1.zip: it cannot be read (File is not a zip file)",
    ]


def test_a_zip_file_in_one_in_the_zip_file_of_a_class_is_listed_and_not_opened(course, released, tmp_path):
    deep = zipped({"T1.zip": zipped({"T1_numbers.ipynb": released.read_bytes()})})
    (tmp_path / "class.zip").write_bytes(zipped({"ada/T1.zip": deep}))
    students, left_out = found(course, tmp_path / "class.zip")
    assert (students, left_out) == ([], ["ada/T1.zip/T1.zip: zip files so deep in others are not opened"])


def test_what_is_larger_than_any_notebook_is_listed_in_a_zip_file_in_another_too(course, tmp_path, monkeypatch):
    monkeypatch.setattr("lic_lab.course.collect.LARGEST", 2**20)
    inner = {"T1_numbers.ipynb": bytes(2**20 + 1)}
    (tmp_path / "class.zip").write_bytes(zipped({"ada/T1.zip": zipped(inner), "bob/T1.zip": bytes(2**20 + 1)}))
    students, left_out = found(course, tmp_path / "class.zip")
    assert students == []
    assert left_out == ["ada/T1.zip/T1_numbers.ipynb: larger than 1 MiB", "bob/T1.zip: larger than 1 MiB"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_zip_file_is_one_line_and_the_others_are_taken(course, released, tmp_path, how):
    files = {"T1_numbers.ipynb": released.read_bytes()}
    handed = tmp_path / "handed"
    handed.mkdir()
    (handed / "ada.zip").write_bytes(damaged(how, files))
    (handed / "bob.zip").write_bytes(zipped(files))
    students, left_out = found(course, handed)
    assert students == ["bob"]
    assert len(left_out) == 1 and left_out[0].startswith("ada.zip/T1_numbers.ipynb: it cannot be read (")
    assert not left_out[0].endswith("()")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_entry_in_the_zip_file_of_a_class_is_one_line_and_the_others_are_taken(
    course, released, tmp_path, how
):
    files = {f"{student}/T1_numbers.ipynb": released.read_bytes() for student in ("ada", "bob")}
    (tmp_path / "class.zip").write_bytes(damaged(how, files))
    students, left_out = found(course, tmp_path / "class.zip")
    assert students == ["bob"]
    assert [line.partition(": it cannot be read (")[0] for line in left_out] == ["ada/T1_numbers.ipynb"]


def test_no_zip_file_with_changed_bytes_stops_the_collection(course, released, tmp_path):
    chance = random.Random(0)
    whole = zipped({"ada/T1_numbers.ipynb": released.read_bytes(), "ada/T1.zip": zipped({"x.ipynb": b"{}"})})
    for _ in range(300):
        data = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.randrange(4)):
            data[chance.choice([chance.randrange(len(data)), -1 - chance.randrange(min(400, len(data)))])] ^= 255
        (tmp_path / "class.zip").write_bytes(data)
        collect(course, tmp_path / "class.zip", ["T1"])


@pytest.mark.parametrize("letter", ["A", "\u00e9"])
def test_a_name_too_long_for_a_folder_is_one_line_and_the_others_are_taken(course, released, tmp_path, letter):
    long = letter * 254 if letter != "A" else 300 * letter
    files = {f"{student}/T1_numbers.ipynb": released.read_bytes() for student in (long, "bob")}
    (tmp_path / "class.zip").write_bytes(zipped(files))
    students, left_out = found(course, tmp_path / "class.zip")
    assert (students, len(left_out)) == (["bob"], 1)
    assert left_out[0].startswith(letter * 100) and "no folder can be made for it (" in left_out[0]


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
