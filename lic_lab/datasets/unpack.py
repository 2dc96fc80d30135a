"""Pictures out of archives, of which nothing is believed: no path leads out, no link is followed."""

import errno
import hashlib
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from lic_lab.datasets.fetch import check_space
from lic_lab.datasets.images import SUFFIXES
from lic_lab.errors import LicLabError

# What archives raise that are cut off, changed, encrypted (RuntimeError) or packed in an unknown way.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class BadArchiveError(LicLabError):
    """Raised for an archive that is damaged, refused, or another one than was expected: fetch it again."""


class _Member(NamedTuple):
    """An entry of an archive; kind is "file", "folder" or what else it claims to be."""

    name: str
    kind: str
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, *, members: str = "*", flat: bool = True) -> dict[str, str]:
    """Unpack the pictures of a zip or tar archive into a folder; give each one's path in it and its SHA-256.

    members: which of them, as a pattern of the ends of their paths ("valid/*.png"); hidden files and what macOS adds
    are left out.   flat: all go into the folder itself, else below it as in the archive.
    Raises BadArchiveError for an archive that is damaged, locked or none; that has a path leading out, a link or a
    device, whether or not it matches; whose pictures get one name twice; and that has none. Raises LicLabError where
    they do not fit on the disk. The folder may hold some of the pictures then: unpack into a fresh one.
    """
    sums: dict[str, str] = {}
    taken = set()
    try:
        for member in _members(archive, folder):
            _check(member, archive)
            if member.kind != "file" or not _wanted(member.name, members):
                continue
            path = PurePosixPath(member.name)
            inside = path.name if flat else path.as_posix()
            if inside.lower() in taken:  # one file where upper and lower case are alike
                raise BadArchiveError(
                    f"{archive.name} holds two pictures called {inside}: it is not the archive expected"
                )
            taken.add(inside.lower())
            sums[inside] = _copy(member, folder / inside)
    except _DAMAGE as error:
        raise BadArchiveError(f"{archive.name} cannot be unpacked ({error}): fetch it again") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            said = f"no space left to unpack {archive.name}: free some and run the same command again"
            raise LicLabError(said) from error
        if error.errno is None:  # gzip and bz2 call damage so
            raise BadArchiveError(f"{archive.name} cannot be unpacked ({error}): fetch it again") from error
        raise
    if not sums:
        raise BadArchiveError(f"{archive.name} holds no pictures {members!r}: it is not the archive expected")
    return sums


def _members(archive: Path, folder: Path) -> Iterator[_Member]:
    """Every entry of an archive, in its order."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            check_space(folder, sum(entry.file_size for entry in entries), f"unpacking {archive.name}")
            for entry in entries:
                yield _Member(entry.filename, _zip_kind(entry), lambda entry=entry: opened.open(entry))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as opened:
            for entry in opened:
                kind = "file" if entry.isfile() else "folder" if entry.isdir() else "link or device"
                yield _Member(entry.name, kind, lambda entry=entry: opened.extractfile(entry))
            _read_out(opened)
    else:
        raise BadArchiveError(f"{archive.name} is neither a zip nor a tar archive: fetch it again")


def _read_out(opened: tarfile.TarFile) -> None:
    """Raise tarfile.ReadError unless only zeros follow: tarfile takes a damaged header for the end of the archive.

    Reading on also lets gzip and bz2 reach the checksum of the whole.
    """
    while chunk := opened.fileobj.read(1 << 20):
        if chunk.strip(b"\0"):
            raise tarfile.ReadError("it breaks off in the middle")


def _zip_kind(entry: zipfile.ZipInfo) -> str:
    mode = entry.external_attr >> 16  # 0 where it was packed on a system without such modes
    if entry.is_dir():
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "link or device"


def _check(member: _Member, archive: Path) -> None:
    """Raise LicLabError where an entry could touch anything outside the folder."""
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", member.name):
        raise BadArchiveError(f"{archive.name} was refused: its entry {member.name!r} leads out of the folder")
    if member.kind not in ("file", "folder"):
        raise BadArchiveError(f"{archive.name} was refused: its entry {member.name!r} is a {member.kind}")


def _wanted(name: str, members: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts if part != ".")
    return not hidden and path.suffix.lower() in SUFFIXES and path.match(members)


def _copy(member: _Member, target: Path) -> str:
    """Write an entry to a file and give its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with member.open() as source, open(target, "wb") as file:
        while chunk := source.read(1 << 20):
            found.update(chunk)
            file.write(chunk)
    return found.hexdigest()
