"""Tables of measured files: how they are written and read, their averages, and the curves and BD-rates they give."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.evaluation.means import check_once, gap, mean_curves
from lic_lab.files import write_bytes

TEXTS = ("dataset", "codec", "settings", "image")
NUMBERS = (
    "quality",
    "bytes",
    "bpp",
    "estimated_bpp",
    "psnr_db",
    "ssim",
    "ms_ssim",
    "lpips",
    "encode_seconds",
    "decode_seconds",
    "peak_memory_mb",
)
FIELDS = (*TEXTS, *NUMBERS)
"""The columns of a table of measured files, one row per file; a number that was not measured is an empty cell."""

NEEDED = ("codec", "image", "quality", "bytes", "bpp", "psnr_db")
"""The columns without which a table is none; older ones have no others than these and a few more."""

TARGETS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
"""Bits per pixel that a curve is measured near."""


def grouped(rows: Iterable[Mapping], *columns: str) -> dict[tuple, list[Mapping]]:
    """Give the rows by what they hold in some columns, in the order in which it first appears."""
    groups: dict[tuple, list[Mapping]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(column, "") for column in columns), []).append(row)
    return groups


def shared_points(rows: Iterable[Mapping]) -> list[tuple[tuple, list[Mapping]]]:
    """Give ((dataset, codec, quality), rows) of every point: only the pictures that all points of the codec have.

    So a curve does not change its pictures on the way. Points without any are left out. Raises LicLabError for a
    picture that a point has twice.
    """
    found = []
    for curve in grouped(rows, "dataset", "codec").values():
        points = grouped(curve, "dataset", "codec", "quality")
        shared = set.intersection(*({row["image"] for row in point} for point in points.values()))
        check_once(points.values())
        found += [(key, [row for row in point if row["image"] in shared]) for key, point in points.items() if shared]
    return found


def averages(rows: Iterable[Mapping]) -> list[dict]:
    """Average the rows of each data set, codec and quality: one dict of dataset, codec, settings, quality and means.

    They are over the pictures of `shared_points`; `pictures` says how many. Every number but the quality is there as
    mean, as sample standard deviation (..._std, NaN of one picture), and those that some pictures lack (MS-SSIM of
    small ones) with their own count (..._pictures). PSNR is the mean of decibels.
    """
    found = []
    for (dataset, codec, quality), point in shared_points(rows):
        about = {"dataset": dataset, "codec": codec, "settings": point[0].get("settings", ""), "quality": quality}
        found.append(about | {"pictures": len(point)} | _statistics(point))
    return found


def _statistics(rows: Sequence[Mapping]) -> dict:
    numbers = {}
    for field in NUMBERS[1:]:
        values = [row[field] for row in rows if row.get(field) is not None and not math.isnan(row[field])]
        numbers[field] = fmean(values) if values else math.nan
        finite = len(values) > 1 and all(map(math.isfinite, values))
        numbers[f"{field}_std"] = stdev(values) if finite else math.nan
        if field in ("ssim", "ms_ssim", "lpips", "estimated_bpp", "peak_memory_mb"):
            numbers[f"{field}_pictures"] = len(values)
    return numbers


def mean_curve(rows: Iterable[Mapping], codec: str, metric: str = "psnr_db") -> tuple[np.ndarray, np.ndarray]:
    """Average bpp and metric at each quality of one codec, over the pictures it has at all, as two rising arrays."""
    return mean_curves([row for row in rows if row["codec"] == codec], metric)[codec].rising()


def bd_table(rows: Sequence[Mapping], metric: str = "psnr_db") -> dict[str, dict[str, float]]:
    """Give the BD-rate in percent of every codec against every anchor: table[codec][anchor]; NaN where curves part.

    All means are over the pictures that every point of every codec has, see `means.shared_pictures`. metric: "psnr_db",
    or "ms_ssim", which enters in dB.
    """
    curves = mean_curves(rows, "ms_ssim_db" if metric == "ms_ssim" else metric)
    return {
        name: {anchor: gap(other, curve).bd_rate_pct for anchor, other in curves.items()}
        for name, curve in curves.items()
    }


def write_rows(rows: Iterable[Mapping], path: str | Path) -> None:
    """Write rows as CSV with the columns FIELDS, under a temporary name first; what a row lacks is an empty cell."""
    write_bytes(path, table_text(rows, FIELDS).encode())


def table_text(rows: Iterable[Mapping], columns: Sequence[str], digits: int = 5) -> str:
    """Write rows as CSV text; numbers with so many digits, but quality as it is, and NaN and None as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [_cell(row.get(column), digits if column != "quality" else 17) for column in columns] for row in rows
    )
    return text.getvalue()


def _cell(value, digits: int):
    if value is None or value != value:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else value


def read_rows(path: str | Path) -> list[dict]:
    """Read rows that `write_rows` wrote, of this or an older version: a dict with all FIELDS, NaN or "" where empty.

    Raises LicLabError for a file that is not such a table, naming the line where a number is none.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # a spreadsheet puts a mark of its own before it
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LicLabError(f"cannot read the table {path}: {getattr(error, 'strerror', None) or error}") from error
    if not rows or not set(NEEDED) <= set(rows[0]) <= set(FIELDS):
        raise LicLabError(
            f"{path} is not a table of measured files: its columns must be {', '.join(NEEDED)}, and of others only "
            f"{', '.join(field for field in FIELDS if field not in NEEDED)}"
        )
    return [_read(row, f"line {line} of {path}") for line, row in enumerate(rows, start=2)]


def _read(row: Mapping, where: str) -> dict:
    try:
        numbers = {field: float(row.get(field) or math.nan) for field in NUMBERS}
    except ValueError as error:
        raise LicLabError(f"{where} holds no number where one belongs: {error}") from error
    return {field: row.get(field) or "" for field in TEXTS} | numbers
