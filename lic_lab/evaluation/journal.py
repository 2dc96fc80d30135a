"""What a sweep has measured so far, in a file that survives being killed at any moment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from lic_lab.datasets.images import write_bytes
from lic_lab.errors import LicLabError

ROWS, POINTS = "rows.jsonl", "points.json"


class Journal:
    """The finished rows of a folder: one line of JSON each in rows.jsonl, on the disk before the next one is measured.

    A line holds the row and what it depends on: `picture`, the hash of the pixels, and `metrics`, those it was measured
    with. A line that a kill cut off is dropped when the file is opened again. points.json remembers which qualities
    came nearest to the target rates, so that a continued sweep need not search again.
    Without a folder, everything is remembered and nothing written.
    folder: made where it is missing. fresh: forget what is there. Raises LicLabError where the folder cannot be used.
    """

    def __init__(self, folder: str | Path | None, *, fresh: bool = False):
        self.folder = None if folder is None else Path(folder)
        self.rows: dict[tuple, dict] = {}
        self.points: dict[str, list[float]] = {}
        if self.folder is None:
            return
        self.path = self.folder / ROWS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if fresh:
                for name in (ROWS, POINTS):
                    (self.folder / name).unlink(missing_ok=True)
            whole = _whole_lines(self.path)
            for record in whole:
                self.rows[_key(record)] = record
            if (self.folder / POINTS).is_file():
                self.points = json.loads((self.folder / POINTS).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise LicLabError(
                f"cannot use the folder {str(folder)!r}: {getattr(error, 'strerror', None) or error}"
            ) from error

    def find(self, codec: str, settings: str, quality: float, picture: str, metrics: Collection[str]) -> dict | None:
        """Give the row that was measured with just these settings on just these pixels, with at least these metrics."""
        record = self.rows.get((codec, settings, float(quality), picture))
        return record if record and set(metrics) <= set(record["metrics"]) else None

    def add(self, record: Mapping) -> None:
        """Append a finished row; it is on the disk when this returns. Raises LicLabError where it cannot be."""
        self.rows[_key(record)] = dict(record)
        if self.folder is None:
            return
        try:
            with open(self.path, "ab") as file:
                file.write(json.dumps(record).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LicLabError(
                f"cannot write {str(self.path)!r}: {error.strerror or error}; {len(self.rows) - 1} finished rows are "
                "safe in it: mend that, and the same command goes on from there"
            ) from error

    def remember(self, key: str, points: list[float]) -> None:
        """Keep the qualities that were chosen for a codec, pictures and rates."""
        self.points[key] = points
        if self.folder is not None:
            write_bytes(self.folder / POINTS, (json.dumps(self.points, indent=1) + "\n").encode())


def fingerprint(image: np.ndarray) -> str:
    """Name a picture by its pixels: 16 hexadecimal digits of the SHA-256 of its shape and its uint8 values."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()[:16]


def _key(record: Mapping) -> tuple:
    return record["codec"], record["settings"], float(record["quality"]), record["picture"]


def _whole_lines(path: Path) -> list[dict]:
    """Read the records of a journal, and cut off what a kill left of its last line."""
    if not path.is_file():
        return []
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    records = []
    for line in data[:end].splitlines():
        try:
            record = json.loads(line)
            _key(record), record["metrics"]
        except (ValueError, KeyError, TypeError):  # blocks that a full disk or a crash of the system left empty
            continue
        records.append(record)
    return records
