"""One file from the network: taken up where it broke off, checked, and there whole or not at all.

With requests, which follows redirects, proxies and certificates as users expect; pooch, the usual choice for data sets,
starts a broken download over, and these files have gigabytes.
"""

import errno
import hashlib
import json
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import requests
from rich.filesize import decimal

from lic_lab.errors import LicLabError

TRIES = 5  # in a row that brought nothing new
WAIT = 1.0  # seconds before the second of them; each later wait is twice as long
TIMEOUT = (15, 60)  # seconds until a connection, and between two bytes
CHUNK = 1 << 15  # what is lost at most where a connection breaks
LATER = {408, 425, 429}  # besides 5xx: answers that another try may better

Progress = Callable[[int, int | None, str], None]  # bytes so far, all of them or None, what


class _Broken(Exception):
    """What another try may mend."""


def fetch(
    url: str, target: Path, *, size: int | None = None, sha256: str | None = None, progress: Progress | None = None
) -> str:
    """Fetch a file to `target` and return its SHA-256; what is already there is not fetched again.

    size, sha256: what it must have, where that is known. Broken connections and 5xx answers are tried again, with a
    warning each time. What came so far is kept as `target.part`, across runs too, and only the rest is asked for, as
    long as the server's file stays the same; a server that cannot do that sends all of it again. `target` appears when
    everything is there and checked.
    Raises LicLabError, in one line, where the file is not there (4xx), is another one (a web page, another size or
    checksum), comes compressed, does not fit on the disk, or the server stays away.
    """
    target = Path(target)
    part = target.with_name(f"{target.name}.part")
    if not target.exists():
        _fill(url, part, size, sha256, progress or (lambda done, total, what: None))
    found = digest(target if target.exists() else part)
    if sha256 and found != sha256:
        forget(target)
        raise LicLabError(
            f"{target.name} from {url} has SHA-256 {found}, expected {sha256}: it was removed; try again, and if it "
            "stays so, the file was changed at its source"
        )
    if part.exists():
        part.replace(target)
        forget(target, whole=False)
    return found


def digest(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise LicLabError where fewer than `needed` bytes are free on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise LicLabError(
            f"{what} needs {decimal(needed)} and {folder} has {decimal(free)} left: free some space, or name a folder "
            "on another disk"
        )


def forget(target: Path, *, whole: bool = True) -> None:
    """Remove what is known of a broken download, and unless `whole` is false its bytes and the file too."""
    names = [f"{target.name}.part.json", *([target.name, f"{target.name}.part"] if whole else [])]
    for name in names:
        target.with_name(name).unlink(missing_ok=True)


def _fill(url: str, part: Path, size: int | None, sha256: str | None, progress: Progress) -> None:
    """Receive until all is there, with as many tries as bring something new and `TRIES` that do not."""
    tries = 0
    while True:
        before = _length(part)
        try:
            return _receive(url, part, size, bool(sha256), progress)
        except _Broken as trouble:
            tries = 1 if _length(part) > before else tries + 1
            if tries >= TRIES:
                raise LicLabError(f"{url}: {trouble}{_outlook(part, bool(sha256))}") from trouble
            wait = WAIT * 2 ** (tries - 1)
            warnings.warn(f"{url}: {trouble}; going on in {wait:g} s", stacklevel=3)
            time.sleep(wait)


def _outlook(part: Path, sure: bool) -> str:
    """What a later run can do with what came; sure: as for `_receive`."""
    if not _length(part):
        return ": run the same command later"
    if _note(part).get("ranges") and (sure or _mark(part)):
        return f"; {decimal(_length(part))} are kept: run the same command later to go on"
    return (
        f"; {decimal(_length(part))} came, and the server offers no way to fetch only the rest: run the same command "
        "later, it starts over"
    )


def _receive(url: str, part: Path, size: int | None, sure: bool, progress: Progress) -> None:
    """Ask once for what is missing and append it.

    sure: a checksum will tell whether old and new bytes belong together, so that no validator is needed.
    """
    have, mark = _length(part), _mark(part)
    if size is not None and have == size:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "lic-lab"}  # a compressed body would have other offsets
    if have and (mark or sure):
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": mark} if mark else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
                return  # it broke off after the last byte
            start, total = _start(response, part, have, size)
            check_space(part.parent, (total or 0) - start, part.name.removesuffix(".part"))
            _append(response, part, start, total, progress)
    except requests.RequestException as error:
        raise _Broken(_said(error)) from error
    if total is not None and _length(part) > total:
        forget(part.with_name(part.name.removesuffix(".part")))
        raise LicLabError(f"{url} has more than the {total:,} bytes expected: the file was changed at its source")
    if total is not None and _length(part) != total:
        raise _Broken(f"{decimal(_length(part))} of {decimal(total)} came")


def _start(response: requests.Response, part: Path, have: int, size: int | None) -> tuple[int, int | None]:
    """From an answer, where its bytes belong and how long the whole is; raises where it is no such file."""
    status, length = response.status_code, response.headers.get("Content-Length")
    if status == 416:
        forget(part.with_name(part.name.removesuffix(".part")))
        raise _Broken("the server's file is shorter than what came before")
    if status >= 500 or status in LATER:
        raise _Broken(f"the server answered {status} {response.reason}")
    if status not in (200, 206):
        raise LicLabError(f"{response.url}: the server answered {status} {response.reason}: was the file moved?")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise LicLabError(f"{response.url}: the server sent a web page, not the file: open it in a browser")
    if (packed := response.headers.get("Content-Encoding") or "identity") != "identity":
        raise LicLabError(f"{response.url}: the server sent it compressed ({packed}) unasked: fetch it in a browser")
    start, total = 0, int(length) if length else None
    if status == 206:
        said = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        start, total = int(said[0].split("-")[0] or -1), int(said[2]) if said[2].isdecimal() else None
        if start != have:
            forget(part.with_name(part.name.removesuffix(".part")))
            raise _Broken(f"the server sent another part than was asked for ({said[0]})")
    if size is not None and total is not None and total != size:
        raise LicLabError(
            f"{response.url} has {total:,} bytes, expected {size:,}: the file was changed at its source, or the "
            "server sent something else"
        )
    return start, size if total is None else total


def _append(response: requests.Response, part: Path, start: int, total: int | None, progress: Progress) -> None:
    """Write what comes, after the first `start` bytes; note before the first how to recognise the server's file."""
    etag = response.headers.get("ETag", "")
    mark = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    name = part.name.removesuffix(".part")
    try:
        ranges = response.status_code == 206 or response.headers.get("Accept-Ranges", "").lower() == "bytes"
        part.with_name(f"{part.name}.json").write_text(json.dumps({"mark": mark, "ranges": ranges}))
        with open(part, "r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                start += len(chunk)
                if total is not None and start > total:
                    break
                progress(start, total, name)
    except requests.RequestException:  # is an OSError too
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise LicLabError(
            f"no space left for {name}: {decimal(_length(part))} are kept in {part.parent}; free some and run the same "
            "command again"
        ) from error


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _note(part: Path) -> dict:
    """What was noted of the server's file that a part is of: `mark`, its name there, and `ranges`; {} where nothing."""
    try:
        note = json.loads(part.with_name(f"{part.name}.json").read_text())
    except (OSError, ValueError):  # none, or half written when the machine stopped
        return {}
    return note if isinstance(note, dict) else {}


def _mark(part: Path) -> str:
    """What the server called the file that a part is of: a strong ETag, or a date; "" where neither is known."""
    return str(_note(part).get("mark", ""))


def _said(error: requests.RequestException) -> str:
    """What went wrong, for a person: requests' own words are those of three libraries, nested."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate was not accepted"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    return "the server cannot be reached" if "Max retries" in str(error) else "the connection broke"
