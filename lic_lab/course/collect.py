"""Find what students handed in, in whatever folders a learning platform gives, and file it in nbgrader's order."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lic_lab.course.folder import Course
from lic_lab.course.marks import one_line
from lic_lab.errors import LicLabError

LARGEST = 20 * 2**20
"""Bytes of a notebook that is still looked at; pictures in outputs make some large."""

PLATFORMS = (
    r"_\d+_assignsubmission_(file|onlinetext)_?$",  # Moodle: "Ada Lovelace_1234_assignsubmission_file_"
    r"(_LATE)?_\d+_\d+(-\d+|\s\d+)*$",  # Canvas: "lovelaceada_LATE_12_345", a second version "lovelaceada_12_345-1"
)
"""What learning platforms put behind a name: numbers, which are others for every assignment."""

TAKEN = (".ipynb", ".zip")
"""What is looked at, in small letters or in capitals."""

SKIPPED = {".ipynb_checkpoints", "__MACOSX", ".git"}


@dataclass(frozen=True)
class Submission:
    """One notebook of one student: who, which assignment, and where it is filed.

    trouble: why it cannot be graded, "" where it can.
    """

    student: str
    assignment: str
    path: Path
    trouble: str = ""

    @property
    def digest(self) -> str:
        """What is handed in, as a short hash."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]


def collect(course: Course, folder: Path | None, wanted: list[str]) -> tuple[list[Submission], list[str]]:
    """File the notebooks of a folder under `submitted/` of a course; give all that is filed, and what was left out.

    folder: a student's notebooks are in the first folder below it, or beside each other with the student's name in
    front or behind the assignment's; a zip file in it is such a folder. It may be a zip file itself, with the zip files
    of students in it. None takes what was filed before.
    wanted: assignments. Only notebooks are taken, and no links. Where two notebooks claim one place, neither is taken.
    What cannot be read or filed is left out too, and never stops the others.
    """
    left_out: list[str] = []
    if folder is not None:
        claims: dict[tuple[str, str], list[tuple[str, bytes]]] = defaultdict(list)
        for name, data in _notebooks(folder, left_out):
            _claim(course, name, data, claims, left_out)
        for (student, assignment), files in sorted(claims.items()):
            if len({data for _, data in files}) > 1:
                left_out.append(_twice(student, assignment, [name for name, _ in files]))
                continue
            _file(course.submitted(student, assignment), *files[0], left_out)
    return list(_filed(course, wanted)), [one_line(line, 400) for line in left_out]


def _file(target: Path, name: str, data: bytes, left_out: list[str]) -> None:
    """Write a notebook to its place, unless it is there, or say why its folder cannot be made."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a name longer than the system allows
        left_out.append(f"{name}: no folder can be made for it ({error.strerror})")
        return
    if not (target.exists() and target.read_bytes() == data):
        target.write_bytes(data)


def _twice(student: str, assignment: str, names: list[str]) -> str:
    """What is said of several notebooks for one place; they may be a class in one folder or zip file of its own."""
    shown = " and ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    first = names[0].partition("/")[0]
    whole = all(name.count("/") > 1 and name.startswith(f"{first}/") for name in names)
    mend = f"; if {first} holds the whole class, grade it by itself" if whole else "; keep one"
    return f"{shown}: {student} handed {assignment} in twice{mend}"


def _filed(course: Course, wanted: list[str]) -> Iterator[Submission]:
    """What is in `submitted/`, by student and assignment."""
    for assignment in wanted:
        name = course.source(assignment).name
        for path in sorted(course.root.glob(f"submitted/*/{assignment}/{name}")):
            if path.is_symlink() or any(parent.is_symlink() for parent in (path.parent, path.parents[1])):
                continue
            trouble = "" if _cells(path.read_bytes()) is not None else "it is no notebook that can be read"
            yield Submission(path.parents[1].name, assignment, path, trouble)


class _Found(NamedTuple):
    """Something in a folder or zip file: its path below that one, whether it is a folder, and how to get it."""

    name: PurePosixPath
    is_folder: bool
    place: Path | zipfile.ZipInfo

    @property
    def is_zip(self) -> bool:
        return self.name.suffix.lower() == ".zip"

    @property
    def is_taken(self) -> bool:
        return not self.is_folder and self.name.suffix.lower() in TAKEN and not SKIPPED & set(self.name.parts)


def _notebooks(folder: Path, left_out: list[str]) -> Iterator[tuple[str, bytes]]:
    """The notebooks in a folder and in its zip files: path below the folder, with forward slashes, and bytes."""
    if folder.is_file() and folder.suffix.lower() == ".zip":
        yield from _in_zip(folder, "", left_out)
        return
    if not folder.is_dir():
        raise LicLabError(f"there is no folder or zip file {str(folder)!r}: name the one with what was handed in")
    paths = sorted(folder.rglob("*"))
    found = [_Found(PurePosixPath(path.relative_to(folder).as_posix()), path.is_dir(), path) for path in paths]
    left_out += _empty_folders(found)
    for one in filter(lambda one: one.is_taken, found):
        if one.place.is_symlink() or not one.place.resolve().is_relative_to(folder.resolve()):
            left_out.append(f"{one.name}: a link is not followed")
        elif one.is_zip:
            yield from _in_zip(one.place, str(one.name), left_out)
        elif one.place.is_file():
            if one.place.stat().st_size > LARGEST:
                left_out.append(f"{one.name}: {_too_large()}")
            else:
                yield str(one.name), one.place.read_bytes()


def _empty_folders(found: list[_Found]) -> list[str]:
    """A line for each first folder in which nothing is taken."""
    folders = {one.name.parts[0] for one in found if one.name.parts and (one.is_folder or one.name.parent.parts)}
    holding = {one.name.parts[0] for one in found if one.is_taken}
    return [f"{name}: no notebook is in it" for name in sorted(folders - holding - SKIPPED)]


def _in_zip(
    file: Path | BytesIO, name: str, left_out: list[str], *, inner: bool = False
) -> Iterator[tuple[str, bytes]]:
    """The notebooks of a zip file; nothing is unpacked to the disk, so no name in it can lead anywhere.

    name: of the zip file below the folder of submissions, "" for one of a whole class, whose folders are listed where
    no notebook is in them.   inner: whether it lies in another zip file; those in it are not opened.
    """
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # zipfile has errors of many kinds for what is damaged
        left_out.append(f"{name or file.name}: {_unreadable(error)}")
        return
    with archive:
        found = [_found(entry) for entry in archive.infolist()]
        empty = _empty_folders(found) if not name else []
        left_out += empty
        if not empty and not any(one.is_taken for one in found):
            left_out.append(f"{name or file.name}: no notebook is in it")
        for one in filter(lambda one: one.is_taken, found):
            try:
                data = _content(archive, one, inner)
            except LicLabError as error:
                left_out.append(f"{name}{'/' * bool(name)}{one.place.filename}: {error}")
                continue
            below = f"{name[:-4]}/{one.name}" if name else str(one.name)
            if one.is_zip:
                yield from _in_zip(BytesIO(data), below, left_out, inner=True)
            else:
                yield below, data


def _found(entry: zipfile.ZipInfo) -> _Found:
    name = entry.filename.replace("\\", "/")
    return _Found(PurePosixPath(name), name.endswith("/"), entry)


def _content(archive: zipfile.ZipFile, one: _Found, inner: bool) -> bytes:
    """What an entry of a zip file holds. Raises LicLabError for what is not to be opened, and for what is damaged."""
    if one.name.is_absolute() or ".." in one.name.parts:
        raise LicLabError("a name that no notebook has")
    if one.is_zip and inner:
        raise LicLabError("zip files so deep in others are not opened")
    if one.place.file_size > LARGEST:
        raise LicLabError(_too_large())
    try:
        with archive.open(one.place) as file:
            return file.read(LARGEST)
    except Exception as error:  # of zipfile, and of each way to pack
        raise LicLabError(_unreadable(error)) from None


def _unreadable(error: Exception) -> str:
    return f"it cannot be read ({error or type(error).__name__})"


def _too_large() -> str:
    return f"larger than {LARGEST // 2**20} MiB"


def _claim(course: Course, name: str, data: bytes, claims: dict, left_out: list[str]) -> None:
    """Put a notebook to its student and assignment, or say why it has none."""
    assignment = _assignment(course, name, data)
    if assignment is None:
        left_out.append(f"{name}: no notebook of this course")
        return
    student = _student(course, name, assignment)
    if student is None:
        left_out.append(f"{name}: it does not say whose it is; put it in a folder with the student's name")
        return
    claims[student, assignment].append((name, data))


def _assignment(course: Course, name: str, data: bytes) -> str | None:
    """The assignment by the names of the cells; of what cannot be read, by the name of the file or folder."""
    known = course.assignments()
    cells = _cells(data)
    if cells is not None:
        names = [
            cell.get("metadata", {}).get("nbgrader", {}) for cell in cells if isinstance(cell.get("metadata"), dict)
        ]
        ids = [mark.get("grade_id", "") for mark in names if isinstance(mark, dict)]
        heads = [str(id).partition("-")[0] for id in ids]
        best = max(known, key=heads.count, default=None)
        return best if best and heads.count(best) else None
    path = PurePosixPath(name)
    fits = [a for a in known if course.source(a).stem in path.stem or a in path.parts]
    return fits[0] if len(fits) == 1 else None


def _cells(data: bytes) -> list | None:
    """The cells of a notebook's bytes; None where they are no notebook of format 4."""
    try:
        content = json.loads(data)
        cells = content["cells"]
        json.dumps(content, ensure_ascii=False).encode()  # half a letter, as in "\\ud800", cannot be written again
        sound = content.get("nbformat") == 4 and isinstance(content.get("metadata"), dict) and isinstance(cells, list)
        return cells if sound and all(map(_is_cell, cells)) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_cell(cell) -> bool:
    text = cell.get("source")
    sound = isinstance(text, str) or (isinstance(text, list) and all(isinstance(line, str) for line in text))
    return sound and isinstance(cell.get("metadata"), dict) and cell.get("cell_type") in ("code", "markdown", "raw")


def _student(course: Course, name: str, assignment: str) -> str | None:
    """The student: the first folder, unless all files lie in one that is the assignment's; else the file's own name."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    stem = course.source(assignment).stem
    folders = [part for part in path.parts[:-1] if part not in (assignment, stem)]
    found = folders[0] if folders else _without(path.stem, stem, assignment)
    for behind in PLATFORMS:
        found = re.sub(behind, "", found)
    found = re.sub(r"[^\w.@ -]", "_", found).lstrip("-@")  # a table program takes what begins so for a formula
    return found.strip(" .") or None


def _without(text: str, *names: str) -> str:
    """What is left of a file's name without the assignment's: "ada" of "ada_A1_arithmetic_coder"."""
    for name in names:
        text = re.sub(rf"(^|[\s_-]+){re.escape(name)}($|[\s_-]+)", " ", text).strip(" _-")
    return re.sub(r"\s*\(\d+\)$", "", text)
