"""What several commands ask of their arguments."""

from pathlib import Path
from tempfile import TemporaryFile

import click

from lic_lab.errors import LicLabError
from lic_lab.files import unusable

PATH = click.Path(path_type=Path)


def check_target(source: Path, target: Path) -> None:
    """Before any work: the output must not be the input, and must have a folder to go to."""
    if target.exists() and source.exists() and target.samefile(source):
        raise LicLabError(f"{str(target)!r} is the input itself: give the output another name")
    check_folder(target)


def check_folder(target: Path) -> None:
    """Before any work: the output is a file in a folder that is there."""
    if target.is_dir():
        raise LicLabError(f"{str(target)!r} is a folder: name a file for the output")
    if not target.parent.is_dir():
        raise LicLabError(f"there is no folder {str(target.parent)!r} for the output: make it first")


def check_out(folder: Path) -> None:
    """Before any work: the output is a folder that can be written into, or can be made; nothing is left in it."""
    if folder.exists() and not folder.is_dir():
        raise LicLabError(f"{str(folder)!r} is a file: name a folder for the output")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise unusable(folder, error) from error


def check_own(folder: Path, mark: str, *files: str) -> None:
    """Before any work: a folder without `mark`, which the command leaves in its own ones, has none of these files."""
    for name in files:
        if (folder / name).exists() and not (folder / mark).exists():
            raise LicLabError(f"{str(folder / name)!r} is somebody's own, and stays: name another folder for --out")


def names(text: str | None) -> list[str]:
    """What stands between the commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
