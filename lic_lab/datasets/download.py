"""Whole data sets: fetched, unpacked and recorded, in a folder that is there complete or not at all."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from lic_lab.datasets.catalog import DataSet, RemoteFile
from lic_lab.datasets.fetch import Progress, check_space, digest, fetch, forget
from lic_lab.datasets.images import SUFFIXES
from lic_lab.datasets.unpack import BadArchiveError, unpack
from lic_lab.errors import LicLabError
from lic_lab.files import write_bytes

RECORD = ".lic-lab.json"
"""In every folder that was made here: the data set, its files with URL, size, SHA-256 and date, and the pictures'."""


def download(
    dataset: DataSet, folder: Path, *, archives: Iterable[Path] = (), progress: Progress | None = None
) -> list[dict]:
    """Put a data set into a folder, and give the record of its files: dicts of name, url, size, sha256, date.

    archives: files of the data set that are on this machine already; the others are fetched. They are checked against
    the catalog's checksums, or where it has none against those of the last time, which the folder's record keeps.
    Files come into `.NAME.part` beside the folder, which takes up a broken download, and is gone in the end, and after
    an error where nothing was fetched. A folder that is complete already is left as it is; one that was made here and
    damaged is made anew.
    Raises LicLabError for a folder with something else in it, a data set or archive that a person has to fetch, where
    the same is running elsewhere, and as `fetch` and `unpack` do.
    """
    given = _given(dataset, archives)
    record = read_record(folder)
    _check_target(folder, record)
    if record and not damaged(folder, record):
        return record["files"]
    _check_by_hand(dataset, given)
    known = {file["name"]: file["sha256"] for file in (record or {}).get("files", ())}
    with _workplace(folder) as work:
        paths = {file.name: given.get(file.name) or work / file.name for file in dataset.files}
        files, sofar = [], 0
        for file in dataset.files:
            path, tell = paths[file.name], _further(progress, sofar, dataset.size)
            if file.name not in given:
                _check_room(work, dataset, file)
            found = _get(file, path, file.sha256 or known.get(file.name), file.name in given, tell)
            today, size = date.today().isoformat(), path.stat().st_size
            files.append({"name": file.name, "url": file.url, "size": size, "sha256": found, "date": today})
            sofar += size
        _fill(dataset, folder, work, paths, files)
    return files


def read_record(folder: Path) -> dict | None:
    """Give what a folder's record says, None where it has none; raises LicLabError where it cannot be understood."""
    path = Path(folder) / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text("utf-8"))
        record["dataset"], record["files"], record["pictures"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LicLabError(f"{path} cannot be understood: remove it, the pictures beside it stay") from error
    return record


def damaged(folder: Path, record: dict) -> list[str]:
    """Name the pictures of a record that are missing or changed."""
    return [
        name
        for name, sha256 in record["pictures"].items()
        if not (folder / name).is_file() or digest(folder / name) != sha256
    ]


def _given(dataset: DataSet, archives: Iterable[Path]) -> dict[str, Path]:
    """Name in the catalog -> archive on this machine; one that stands alone may be called anything."""
    archives, names = [Path(path) for path in archives], [file.name for file in dataset.files]
    if archives and not names:
        raise LicLabError(f"{dataset.name} has no archive that can be unpacked here: lic-lab data list {dataset.name}")
    for path in archives:
        if not path.is_file():
            raise LicLabError(
                f"there is no archive {str(path)!r}: download it first, see lic-lab data list {dataset.name}"
            )
        if len(names) > 1 and path.name not in names:
            raise LicLabError(f"{path.name!r} is no file of {dataset.name}, which has {', '.join(names)}")
    return {path.name if len(names) > 1 else names[0]: path for path in archives}


def _check_target(folder: Path, record: dict | None) -> None:
    """Nothing of a person's own is ever replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise LicLabError(f"{str(folder)!r} is a file: name another place")
    mine = {RECORD, ".gitignore", *(record or {"pictures": ()})["pictures"]}
    others = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).as_posix() not in mine
    )
    if others and not record:
        raise LicLabError(
            f"{str(folder)!r} is there already and was not downloaded here: lic-lab data check says whether it is "
            "complete; or name another place"
        )
    if others and damaged(folder, record):
        raise LicLabError(
            f"{str(folder)!r} is damaged, and is not made anew because it holds {len(others)} other files, the first "
            f"{others[0]}: move them away"
        )


def _check_by_hand(dataset: DataSet, given: dict[str, Path]) -> None:
    missing = [file.name for file in dataset.files if not file.url and file.name not in given]
    if missing or not dataset.files:
        raise LicLabError(
            f"{dataset.name} has to be fetched by hand: follow the steps of lic-lab data list {dataset.name}"
        )


def _check_room(work: Path, dataset: DataSet, file: RemoteFile) -> None:
    """Before a file of known size: what is missing of it, and as much again for its pictures."""
    if file.size:
        have = sum(path.stat().st_size for path in work.glob(f"{file.name}*"))
        check_space(work, 2 * file.size - have, f"{dataset.name} ({file.name}, and its pictures)")


def _get(file: RemoteFile, path: Path, sha256: str | None, given: bool, progress: Progress | None) -> str:
    """Fetch a file, or check one that was given; gives its SHA-256."""
    if not given:
        return fetch(file.url, path, size=file.size, sha256=sha256, progress=progress)
    found = digest(path)
    if sha256 and found != sha256:
        raise LicLabError(f"{path} has SHA-256 {found}, expected {sha256}: it is damaged or another file")
    return found


def _further(progress: Progress | None, sofar: int, size: int | None) -> Progress | None:
    """Progress of one file as that of the whole data set, where its size is known."""
    return progress and (lambda done, total, what: progress(sofar + done, size or total, what))


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """The hidden folder beside a folder where it is made, for one run at a time; it stays while it holds downloads."""
    work = folder.parent / f".{folder.name}.part"
    work.mkdir(parents=True, exist_ok=True)
    (work / ".gitignore").write_text("*\n")
    try:
        with FileLock(work / "lock", timeout=0):  # released by the system too, where the process is killed
            yield work
    except Timeout:
        raise LicLabError(
            f"{folder.name} is being downloaded to {folder.parent} by another command: wait for it"
        ) from None
    except BaseException:
        if {path.name for path in work.iterdir()} <= {"lock", ".gitignore", "fresh"}:
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def _fill(dataset: DataSet, folder: Path, work: Path, paths: dict[str, Path], files: list[dict]) -> None:
    """Unpack, or copy single pictures, into a fresh folder, record it, and put it in its place."""
    fresh, old = work / "fresh", work / "old"
    for left_over in (fresh, old):
        if left_over.exists():
            shutil.rmtree(left_over)
    fresh.mkdir()
    pictures: dict[str, str] = {}
    for file, entry in zip(dataset.files, files, strict=True):
        if Path(file.name).suffix.lower() in SUFFIXES:
            shutil.copyfile(paths[file.name], fresh / file.name)
            pictures[file.name] = entry["sha256"]
        else:
            pictures |= _unpacked(file, paths[file.name], fresh, work)
    record = {"dataset": dataset.name, "licence": dataset.licence, "files": files, "pictures": pictures}
    write_bytes(fresh / RECORD, json.dumps(record, indent=1).encode())
    (fresh / ".gitignore").write_text("*\n")  # data sets are no part of whatever repository they may lie in
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)


def _unpacked(file: RemoteFile, archive: Path, fresh: Path, work: Path) -> dict[str, str]:
    """Unpack an archive; a bad one that was fetched is removed, so that the next run fetches it again."""
    try:
        return unpack(archive, fresh, members=file.members, flat=file.flat)
    except BadArchiveError:
        if archive.parent == work:
            forget(archive)
        raise
