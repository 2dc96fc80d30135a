"""What a sweep has measured so far, in a file that survives being killed at any moment."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import NUMBERS
from lic_lab.files import alone_in, unusable, write_bytes

ROWS, POINTS, LOCK = "rows.jsonl", "points.json", ".rows.lock"
SLOWER = "peak_memory_mb"
"""The metric that costs seconds: rows with and without it are different measurements, and both are kept."""


class Journal:
    """The finished rows of a folder: one line of JSON each in rows.jsonl, on the disk before the next one is measured.

    A line holds the row and what it depends on: `picture`, the hash of the pixels, `metrics`, those it was measured
    with, and `machine`; and `decoded`, the hash of what the file decodes to. A line that a kill cut off, or that holds
    something else, is dropped when the file is opened again. points.json remembers which qualities came nearest to the
    target rates, so that a continued sweep need not search again.
    Without a folder, everything is remembered and nothing written.
    folder: made where it is missing. Raises LicLabError where it cannot be used.
    """

    def __init__(self, folder: str | Path | None):
        self.folder = None if folder is None else Path(folder)
        self.rows: dict[tuple, dict] = {}  # the newest last
        self.points: dict[str, list[float]] = {}
        if self.folder is None:
            return
        self.path = self.folder / ROWS
        with _usable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for record in _whole_lines(self.path):
                self._keep(record)
            self.points = _sound_points(self.folder / POINTS)

    def find(self, codec: str, settings: str, quality: float, picture: str, metrics: Collection[str]) -> dict | None:
        """Give the row that was measured with just these settings on just these pixels, with at least these metrics."""
        record = self.rows.get((codec, settings, float(quality), picture, SLOWER in metrics))
        return record if record and set(metrics) <= set(record["metrics"]) else None

    def add(self, record: Mapping) -> None:
        """Append a finished row; it is on the disk when this returns. Raises LicLabError where it cannot be."""
        if self.folder is None:
            self._keep(record)
            return
        try:
            with open(self.path, "ab") as file:
                file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LicLabError(
                f"cannot write {str(self.path)!r}: {error.strerror or error}; {len(self.rows)} finished rows are "
                "safe in it: mend that, and the same command goes on from there"
            ) from error
        self._keep(record)

    def forget(self, rows: Iterable[tuple], metrics: Collection[str]) -> None:
        """Forget rows, each (codec, settings, quality, picture) as `find` takes them; all others stay."""
        for codec, settings, quality, picture in rows:
            self.rows.pop((codec, settings, float(quality), picture, SLOWER in metrics), None)
        if self.folder is not None and self.path.exists():
            write_bytes(self.path, b"".join(map(_line, self.rows.values())))

    def remember(self, key: str, points: list[float]) -> None:
        """Keep the qualities that were chosen for a codec, pictures and rates."""
        self.points[key] = points
        if self.folder is not None:
            write_bytes(self.folder / POINTS, (json.dumps(self.points, indent=1) + "\n").encode())

    def whole_points(
        self, pictures: Mapping[str, str], metrics: Collection[str], now: Mapping[tuple[str, str], str]
    ) -> Iterator[list[dict]]:
        """Give the rows of every codec and quality that has all pictures (name -> hash), under these names.

        Of a codec whose settings changed, the newest count, or those that `now` names by (codec, label).
        """
        current = {(r["codec"], r.get("label") or ""): r["settings"] for r in self.rows.values()} | dict(now)
        found = {key[:3]: record for key, record in self.rows.items()}
        for (codec, settings, quality), record in found.items():
            if current[codec, record.get("label") or ""] == settings:
                rows = [self.find(codec, settings, quality, picture, metrics) for picture in pictures.values()]
                if all(rows):
                    yield [row | {"image": image} for image, row in zip(pictures, rows, strict=True)]

    def _keep(self, record: Mapping) -> None:
        key = _key(record)
        self.rows.pop(key, None)
        self.rows[key] = dict(record)


@contextmanager
def opened(folder: str | Path | None) -> Iterator[Journal]:
    """Open the journal of a folder for one command at a time; raises LicLabError where another one has it."""
    if folder is None:
        yield Journal(None)
        return
    busy = f"another command measures into {str(folder)!r} now: wait for it, or name another folder"
    with alone_in(folder, LOCK, busy):
        yield Journal(folder)


def fingerprint(image: np.ndarray) -> str:
    """Name a picture by its pixels: 16 hexadecimal digits of the SHA-256 of its shape and its uint8 values."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()[:16]


@contextmanager
def _usable(folder: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unusable(folder, error) from error


def _key(record: Mapping) -> tuple:
    what = record["codec"], record["settings"], float(record["quality"]), record["picture"]
    return *what, SLOWER in record["metrics"]


def _line(record: Mapping) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _whole_lines(path: Path) -> list[dict]:
    """Read the records of a journal, and cut off what a kill left of its last line."""
    if not path.exists():
        return []
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    return [record for line in data[:end].splitlines() if _is_record(record := _parsed(line))]


def _parsed(data: bytes):
    """What JSON says, None where it is none: blocks that a full disk or a crash of the system left empty."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_record(found) -> bool:
    """Say whether something is a row that `add` wrote."""
    if not isinstance(found, dict) or not isinstance(found.get("metrics"), list):
        return False
    texts = [found.get(name) for name in ("dataset", "codec", "settings", "image", "picture", "machine")]
    needed = [found.get(name) for name in ("quality", "bytes", "bpp", "psnr_db")]
    others = [found[name] for name in NUMBERS if found.get(name) is not None]
    views = [found.get(name, []) for name in ("view_psnr_db", "view_ms_ssim")]
    return (
        all(
            isinstance(text, str)
            for text in (*texts, *found["metrics"], found.get("label", ""), found.get("decoded", ""))
        )
        and all(_is_number(number) for number in (*needed, *others))
        and all(isinstance(view, list) and all(map(_is_number, view)) for view in views)
    )


def _is_number(found) -> bool:
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return number and (abs(found) < 2**63 or found == math.inf)  # PSNR of equal pictures is infinite


def _sound_points(path: Path) -> dict[str, list[float]]:
    """Read what `remember` wrote, without what is damaged."""
    found = _parsed(path.read_bytes()) if path.exists() else None
    sound = found.items() if isinstance(found, dict) else ()
    return {
        key: points for key, points in sound if isinstance(points, list) and points and all(map(_is_number, points))
    }
