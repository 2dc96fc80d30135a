"""Every codec through the same door: real files, what they decode to, and a table that a killed sweep continues."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.images import write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import export, sweep
from lic_lab.evaluation.curves import FIELDS, TARGETS
from lic_lab.evaluation.journal import Journal, fingerprint
from lic_lab.evaluation.points import PROBES, Qualities, given_points, points_near
from lic_lab.evaluation.sweep import METRICS, Row
from lic_lab.evaluation.timing import machine
from lic_lab.metrics.quality import LPIPS_MIN_SIDE, lpips

Pictures = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Point:
    """One file to be written: a codec at a quality, on a picture of a data set."""

    dataset: str
    codec: ImageCodec
    settings: str
    quality: float
    image: str


def evaluate(
    codecs: Iterable[ImageCodec | str],
    images: Pictures | Mapping[str, Pictures],
    *,
    out: str | Path | None = None,
    qualities: Qualities = None,
    lambdas: Sequence[float] = (),
    targets: Sequence[float] = TARGETS,
    metrics: Collection[str] = METRICS,
    save: bool = False,
    resume: bool = True,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
    tell: Callable[[str], None] = lambda remark: None,
) -> list[dict]:
    """Encode and decode every picture at a few fixed qualities of each codec: one row (dict with FIELDS) per file.

    images: name -> uint8 (h, w, 3), or (2, h, w, 3) for codecs of pairs; or data set -> such pictures.
    out: folder for the tables of `export.write_tables` and the journal; every row is on the disk before the next is
    measured, and another call with the same folder takes over all rows whose settings and pixels are the same.
    resume: False begins anew.   save: keep what files decode to, as PNG, in out/reconstructions.
    qualities, lambdas: what is measured, see `given_points`; where a codec is given neither, what `points_near` finds
    for the targets (bpp).   metrics: of METRICS; "lpips" is left out with a warning where its weights are missing.
    progress: told (done, total, doing).   tell: told how many rows were taken over.
    Rows of pairs also have view_psnr_db and view_ms_ssim. A picture that a codec fails on, and a codec that reaches no
    target, are left out with a warning. Raises LicLabError where nothing is left, and for what `given_points` refuses.
    """
    codecs = [registry.load(codec) if isinstance(codec, str) else codec for codec in codecs]
    sets = _sets(images)
    if save and out is None:
        raise LicLabError("reconstructions need a folder: give out=")
    for codec in codecs:
        given_points(codec, qualities, lambdas)  # refuses before anything is measured
        for image in (image for pictures in sets.values() for image in pictures.values()):
            sweep.fitting(codec, image.ndim - 2)
    journal, metrics = Journal(out, fresh=not resume), _possible(metrics)
    plan, lost = [], []
    for number, codec in enumerate(codecs):
        progress(number, len(codecs), f"{codec.name}: which qualities")
        given = given_points(codec, qualities, lambdas)
        for dataset, pictures in sets.items():
            try:
                plan += _plan(codec, dataset, pictures, given, targets, journal)
            except LicLabError as reason:
                lost.append(_left_out(f"{codec.name} is left out on {dataset}", reason))
    saved = Path(out) / "reconstructions" if save else None
    rows = list(_measured(plan, sets, journal, metrics, saved, progress, tell, lost))
    if not rows:
        raise LicLabError(f"nothing could be measured; the first reason: {lost[0]}")
    if out is not None:
        export.write_tables(out, rows)
    return rows


def _plan(
    codec: ImageCodec,
    dataset: str,
    pictures: Pictures,
    given: Sequence[float],
    targets: Sequence[float],
    journal: Journal,
) -> list[Point]:
    settings, points = codec.settings, given
    if not points:
        probes = list(pictures.values())[:PROBES]
        key = json.dumps([codec.name, settings, sorted(targets), *map(fingerprint, probes)])
        points = journal.points.get(key)
    if points is None:
        points = points_near(codec, probes, targets)
        journal.remember(key, points)
    return [Point(dataset, codec, settings, quality, image) for quality in points for image in pictures]


def _measured(
    plan: Sequence[Point],
    sets: Mapping[str, Pictures],
    journal: Journal,
    metrics: Collection[str],
    saved: Path | None,
    progress: Callable,
    tell: Callable,
    lost: list,
) -> Iterator[dict]:
    """Give the rows of a plan, from the journal where it has them; why a row could not be had is added to `lost`."""
    hashes = {(name, image): fingerprint(pixels) for name, images in sets.items() for image, pixels in images.items()}
    here, warm, taken, elsewhere = _here(), set(), 0, 0
    for done, point in enumerate(plan):
        progress(done, len(plan), f"{point.codec.name} at quality {point.quality:g}, {point.image}")
        picture, original = hashes[point.dataset, point.image], sets[point.dataset][point.image]
        about = {"dataset": point.dataset, "settings": point.settings, "image": point.image}
        known = journal.find(point.codec.name, point.settings, point.quality, picture, metrics)
        if known and (saved is None or all(path.is_file() for path in _pictures_of(saved, point))):
            taken, elsewhere = taken + 1, elsewhere + (known["machine"] != here)
            yield _row(known | about)
            continue
        if point.codec not in warm:
            sweep.warm_up(point.codec)
            warm.add(point.codec)
        try:
            row = sweep.measure(point.codec, point.image, original, metrics=metrics, quality=point.quality)
        except LicLabError as reason:
            where = f"{point.codec.name} at quality {point.quality:g} is left out on {point.image}"
            lost.append(_left_out(where, reason))
            continue
        record = _record(row, point) | {"picture": picture, "metrics": sorted(metrics), "machine": here}
        if saved is not None:
            _save(saved, point, original, row.reconstruction)
        journal.add(record)
        yield _row(record)
    progress(len(plan), len(plan), "done")
    if taken:
        tell(f"{taken} of {len(plan)} rows had been measured before and were taken over")
    if elsewhere:
        tell(f"{elsewhere} of them with another machine, thread count or version: do not compare their seconds")


def _left_out(what: str, reason: LicLabError) -> LicLabError:
    warnings.warn(f"{what}: {reason}", stacklevel=4)
    return reason


def _sets(images: Pictures | Mapping[str, Pictures]) -> dict[str, Pictures]:
    """Give data set -> pictures; pictures alone are called "pictures", or "pairs"."""
    if not images or not all(images.values() if isinstance(next(iter(images.values())), Mapping) else [True]):
        raise LicLabError("there are no pictures to evaluate on: name a folder with some")
    first = next(iter(images.values()))
    if isinstance(first, Mapping):
        return dict(images)
    return {"pictures" if first.ndim == 3 else "pairs": images}


def _possible(metrics: Collection[str]) -> list[str]:
    """The metrics that can be measured here, with a warning about LPIPS where its weights are missing."""
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise LicLabError(f"no metric is called {unknown[0]!r}: there are {', '.join(METRICS)}; PSNR is always there")
    if "lpips" in metrics:
        blank = np.zeros((LPIPS_MIN_SIDE, LPIPS_MIN_SIDE, 3), np.uint8)
        try:
            lpips(blank, blank)
        except LicLabError as reason:
            warnings.warn(f"no LPIPS: {reason}", stacklevel=3)
            return [metric for metric in metrics if metric != "lpips"]
    return list(metrics)


def _record(row: Row, point: Point) -> dict:
    values = {field: getattr(row, field, None) for field in FIELDS}
    values |= {"dataset": point.dataset, "settings": point.settings, "label": getattr(point.codec, "rung", "")}
    if row.view_psnr_db:
        values |= {"view_psnr_db": list(row.view_psnr_db), "view_ms_ssim": list(row.view_ms_ssim)}
    return {name: None if value != value else value for name, value in values.items()}


def _row(record: Mapping) -> dict:
    """A record without what only the journal needs."""
    return {name: value for name, value in record.items() if name not in ("picture", "metrics", "machine")}


def _here() -> str:
    about = machine()
    return ", ".join(str(about[name]) for name in ("processor", "gpu", "threads", "python", "torch") if name in about)


def _pictures_of(folder: Path, point: Point) -> tuple[Path, Path]:
    """Where the reconstruction of a point, and it beside the original, are kept."""
    codec = point.codec.name.replace(":", "-").replace("/", "-")
    place = folder / point.dataset / codec / f"{point.quality:g}"
    return place / f"{point.image}_reconstructed.png", place / f"{point.image}_comparison.png"


def _save(folder: Path, point: Point, original: np.ndarray, decoded: np.ndarray) -> None:
    """Write the reconstruction (views side by side), and below the original, or beside it, the same."""
    alone, beside = _pictures_of(folder, point)
    alone.parent.mkdir(parents=True, exist_ok=True)
    flat = [np.concatenate(list(image), axis=1) if image.ndim == 4 else image for image in (original, decoded)]
    write_image(alone, flat[1])
    write_image(beside, np.concatenate(flat, axis=0 if original.ndim == 4 else 1))
