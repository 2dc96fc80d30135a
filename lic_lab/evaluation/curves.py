"""Rate-distortion curves from real files, and the one number between two of them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median_low
from types import SimpleNamespace

import numpy as np

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.rate import Trials, ceiling_in_bytes, largest_within
from lic_lab.datasets.images import write_bytes
from lic_lab.errors import LicLabError
from lic_lab.evaluation.sweep import fitting, measure
from lic_lab.metrics.bd import bd_rate, rising_points

FIELDS = (
    "codec",
    "settings",
    "image",
    "quality",
    "bytes",
    "bpp",
    "psnr_db",
    "ms_ssim",
    "encode_seconds",
    "decode_seconds",
)
TARGETS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2)
"""Bits per pixel that a curve is measured near."""

_PROBES = 3  # pictures that settle which quality comes near a target


def measure_curves(
    images: Mapping[str, np.ndarray],
    codecs: Iterable[ImageCodec | str],
    *,
    targets: Sequence[float] = TARGETS,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
) -> list[dict]:
    """Encode every picture at a few fixed qualities of each codec: one row (dict with `FIELDS`) per file written.

    The qualities are those that come nearest below each target (bpp) on the first pictures; as the field does, a point
    of a curve is then one quality for all pictures. Raises LicLabError where a codec reaches no target at all.
    """
    codecs = [registry.load(codec) if isinstance(codec, str) else codec for codec in codecs]
    for codec in codecs:
        for image in images.values():
            fitting(codec, image.ndim - 2)
    rows, total = [], len(codecs) * len(targets) * len(images)
    for number, codec in enumerate(codecs):
        qualities = _qualities(codec, list(images.values())[:_PROBES], targets)
        for point, quality in enumerate(qualities):
            for name, image in images.items():
                done = (number * len(targets) + point) * len(images)
                progress(done, total, f"{codec.name} at quality {quality:g}, {name}")
                numbers = measure(codec, name, image, quality=quality).numbers()
                rows.append({"settings": codec.settings, **numbers})
    progress(total, total, "done")
    return rows


def _qualities(codec: ImageCodec, images: list[np.ndarray], targets: Sequence[float]) -> list[float]:
    found = []
    tried = [Trials(image, codec.ladder, codec.encoder_for(image)) for image in images]  # one target helps the next
    for target in targets:
        try:
            ceilings = [max(ceiling_in_bytes(target, *image.shape[-3:-1], codec.views), 1) for image in images]
            best = [largest_within(trials, most, codec.name) for trials, most in zip(tried, ceilings, strict=True)]
            found.append(median_low(trial.quality for trial in best))
        except LicLabError as reason:  # JPEG knows no 0.1 bpp; the curve starts where the codec does
            last = reason
    if not found:
        raise LicLabError(f"{codec.name} reaches none of these rates: {last}")
    return list(dict.fromkeys(found))


def mean_curve(rows: Iterable[Mapping], codec: str, metric: str = "psnr_db") -> tuple[np.ndarray, np.ndarray]:
    """Average bpp and metric over pictures at each quality of one codec, as two rising arrays."""
    points: dict[float, list[tuple[float, float]]] = {}
    for row in rows:
        if row["codec"] == codec:
            points.setdefault(float(row["quality"]), []).append((float(row["bpp"]), float(row[metric] or math.nan)))
    means = [(fmean(b for b, _ in pairs), fmean(q for _, q in pairs)) for pairs in points.values()]
    return rising_points([b for b, _ in means], [q for _, q in means])


def mean_points(rows: Sequence[Mapping]) -> list[SimpleNamespace]:
    """Give the averaged curves as records (codec, image "mean", bpp, psnr_db), as `plots.rd.rd_figure` takes them."""
    names = dict.fromkeys(row["codec"] for row in rows)
    pairs = ((name, point) for name in names for point in zip(*mean_curve(rows, name), strict=True))
    return [SimpleNamespace(codec=name, image="mean", bpp=bpp, psnr_db=psnr) for name, (bpp, psnr) in pairs]


def bd_table(rows: Sequence[Mapping], metric: str = "psnr_db") -> dict[str, dict[str, float]]:
    """Give the BD-rate in percent of every codec against every anchor: table[codec][anchor]; NaN where curves part."""
    names = list(dict.fromkeys(row["codec"] for row in rows))
    curves = {name: mean_curve(rows, name, metric) for name in names}
    return {name: {anchor: _bd(curves[anchor], curves[name]) for anchor in names} for name in names}


def _bd(anchor, curve) -> float:
    try:
        return bd_rate(*anchor, *curve)
    except LicLabError:  # fewer than four points, or nothing shared
        return math.nan


def write_rows(rows: Iterable[Mapping], path: str | Path) -> None:
    """Write rows as CSV, under a temporary name first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        short = {k: f"{v:.5g}" if isinstance(v, float) and k != "quality" else v for k, v in row.items()}
        writer.writerow({field: short[field] for field in FIELDS})
    write_bytes(path, text.getvalue().encode())


def read_rows(path: str | Path) -> list[dict]:
    """Read rows that `write_rows` wrote, numbers as numbers; raises LicLabError for a file that is not such a table."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or set(rows[0]) != set(FIELDS):
        raise LicLabError(f"{path} is not a table of measured files: its columns must be {', '.join(FIELDS)}")
    numbers = FIELDS[3:]
    return [{k: (float(v) if v else math.nan) if k in numbers else v for k, v in row.items()} for row in rows]
