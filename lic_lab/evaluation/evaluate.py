"""Every codec through the same door: real files, what they decode to, and a table that a killed sweep continues."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lic_lab import __version__
from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.images import read_image, write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import export, sweep
from lic_lab.evaluation.checkpoints import by_name
from lic_lab.evaluation.curves import FIELDS, TARGETS
from lic_lab.evaluation.journal import Journal, fingerprint, opened
from lic_lab.evaluation.points import PROBES, Qualities, check_names, check_targets, given_points, points_near
from lic_lab.evaluation.sweep import METRICS, Row
from lic_lab.evaluation.timing import machine
from lic_lab.files import safe_name
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
    others: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
    tell: Callable[[str], None] = lambda remark: None,
) -> list[dict]:
    """Encode and decode every picture at a few fixed qualities of each codec: one row (dict with FIELDS) per file.

    images: name -> uint8 (h, w, 3), or (2, h, w, 3) for codecs of pairs; or data set -> such pictures.
    out: folder for the tables of `export.write_tables` and the journal; every row is on the disk before the next is
    measured, and another call with the same folder takes over all rows whose settings and pixels are the same.
    resume: False measures all of this anew.   others: also give, and write into the tables, what `out` holds beyond
    this: every codec and quality that was measured on just these pictures with these metrics, as it was set last.
    save: keep what files decode to, as PNG, in out/reconstructions.
    qualities, lambdas: what is measured, see `given_points`; where a codec is given neither, what `points_near` finds
    for the targets (bpp).   metrics: of METRICS; "lpips" is left out with a warning where its weights are missing.
    progress: told (done, total, doing).   tell: told how many rows were taken over, and what is missing.
    Rows of pairs also have view_psnr_db and view_ms_ssim. A picture that a codec fails on, and a codec that reaches no
    target, are left out with a warning. Raises LicLabError where nothing is left, for what `given_points` refuses, for
    two codecs of one name, and where another evaluation uses the folder now.
    """
    codecs = list(dict.fromkeys(registry.load(codec) if isinstance(codec, str) else codec for codec in codecs))
    sets = _sets(images)
    check_targets(targets)
    check_names(qualities, by_name(codecs))
    if save and out is None:
        raise LicLabError("reconstructions need a folder: give out=")
    for codec in codecs:
        given_points(codec, qualities, lambdas)  # refuses before anything is measured
        for image in (image for pictures in sets.values() for image in pictures.values()):
            sweep.fitting(codec, image.ndim - 2)
    metrics, saved = _possible(metrics), Path(out) / "reconstructions" if save else None
    for dataset, pictures in sets.items():
        for remark in sweep.too_small(metrics, pictures):
            tell(f"{dataset}: {remark}")
    plan, lost = [], []
    with opened(out) as journal:
        for number, codec in enumerate(codecs):
            progress(number, len(codecs), f"{codec.name}: which qualities")
            given = given_points(codec, qualities, lambdas)
            for dataset, pictures in sets.items():
                points = _plan(codec, dataset, pictures, given, targets, journal, resume, lost)
                if not given and points and (missed := _missed(codec, points, targets)):
                    tell(f"{codec.name} on {dataset}: {missed}")
                plan += points
        hashes = {name: {image: fingerprint(p) for image, p in pictures.items()} for name, pictures in sets.items()}
        if not resume:
            keys = [(p.codec.name, p.settings, p.quality, hashes[p.dataset][p.image]) for p in plan]
            journal.forget(keys, metrics)
        rows = list(_measured(plan, sets, hashes, journal, metrics, saved, progress, tell, lost))
        if not rows:
            raise LicLabError(f"nothing could be measured; the first reason: {lost[0]}")
        if others and (more := _others(plan, hashes, journal, metrics)):
            tell(f"{len(more)} more rows of the same pictures, which {str(out)!r} held already, stand beside these")
            rows += more
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
    resume: bool,
    lost: list,
) -> list[Point]:
    """The files of one codec on one data set; none, and the reason added to `lost`, where it reaches no target."""
    settings, points = codec.settings, given
    if not points:
        probes = list(pictures.values())[:PROBES]
        key = json.dumps([codec.name, settings, sorted(targets), *map(fingerprint, probes)])
        points = journal.points.get(key) if resume else None
    if points is None:
        try:
            points = points_near(codec, probes, targets)
        except LicLabError as reason:
            lost.append(_left_out(f"{codec.name} is left out on {dataset}", reason))
            return []
        journal.remember(key, points)
    return [Point(dataset, codec, settings, quality, image) for quality in points for image in pictures]


def _missed(codec: ImageCodec, plan: Sequence[Point], targets: Sequence[float]) -> str:
    """Say that a codec has fewer points than there are rates, "" where it has as many, or one for each weight file."""
    points, rates = len({point.quality for point in plan}), len(set(targets))
    fewer = points < rates and codec.ladder.count > len(targets)
    return f"{points} points for {rates} rates: it does not reach, or not tell apart, the others" if fewer else ""


def _others(
    plan: Sequence[Point], hashes: Mapping[str, Mapping[str, str]], journal: Journal, metrics: Collection[str]
) -> list[dict]:
    """The rows of the journal that stand beside those of a plan: whole points on just these pictures."""
    now = {(point.codec.name, _label(point.codec)): point.settings for point in plan}
    found = {}
    for dataset, pictures in hashes.items():
        asked = {(point.codec.name, point.quality) for point in plan if point.dataset == dataset}
        for rows in journal.whole_points(pictures, metrics, now):
            point = rows[0]["codec"], rows[0]["quality"]
            if point not in asked:
                found[dataset, *point] = [_row(row | {"dataset": dataset}) for row in rows]  # the newest counts
    return [row for rows in found.values() for row in rows]


def _measured(
    plan: Sequence[Point],
    sets: Mapping[str, Pictures],
    hashes: Mapping[str, Mapping[str, str]],
    journal: Journal,
    metrics: Collection[str],
    saved: Path | None,
    progress: Callable,
    tell: Callable,
    lost: list,
) -> Iterator[dict]:
    """Give the rows of a plan, from the journal where it has them; why a row could not be had is added to `lost`."""
    here = {codec: _here(codec) for codec in {point.codec for point in plan}}
    warm, taken, elsewhere = set(), 0, 0
    for done, point in enumerate(plan):
        progress(done, len(plan), f"{point.codec.name} at quality {point.quality:g}, {point.image}")
        picture, original = hashes[point.dataset][point.image], sets[point.dataset][point.image]
        about = {"dataset": point.dataset, "settings": point.settings, "image": point.image}
        known = journal.find(point.codec.name, point.settings, point.quality, picture, metrics)
        if known and (saved is None or _is_saved(saved, point, known)):
            taken, elsewhere = taken + 1, elsewhere + (known["machine"] != here[point.codec])
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
        record = _record(row, point) | {"picture": picture, "metrics": sorted(metrics), "machine": here[point.codec]}
        record["decoded"] = fingerprint(_side_by_side(row.reconstruction))
        if saved is not None:
            _save(saved, point, original, row.reconstruction)
        journal.add(record)
        yield _row(record)
    progress(len(plan), len(plan), "done")
    if taken:
        tell(f"{taken} of {len(plan)} rows had been measured before and were taken over")
    if elsewhere:
        tell(f"{elsewhere} of them with another machine, device, thread count or version: do not compare their seconds")


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
    values |= {"dataset": point.dataset, "settings": point.settings, "label": _label(point.codec)}
    if row.view_psnr_db:
        values |= {"view_psnr_db": list(row.view_psnr_db), "view_ms_ssim": list(row.view_ms_ssim)}
    return {name: None if value != value else value for name, value in values.items()}


def _row(record: Mapping) -> dict:
    """A record without what only the journal needs."""
    return {name: value for name, value in record.items() if name not in ("picture", "metrics", "decoded")}


def _label(codec: ImageCodec) -> str:
    return getattr(codec, "rung", "")


def _here(codec: ImageCodec) -> str:
    """What the seconds of a codec depend on, and the versions of what measures it."""
    about, device = machine(), sweep.device_of(codec)
    where = [about["processor"], f"{about['threads']} threads", f"on {device}"]
    if device != "cpu":
        where.append(about.get("gpu", "unknown"))
    return ", ".join([*where, f"python {about['python']}", f"torch {about['torch']}", f"lic_lab {__version__}"])


def _pictures_of(folder: Path, point: Point) -> tuple[Path, Path]:
    """Where the reconstruction of a point, and it beside the original, are kept."""
    place = folder / safe_name(point.dataset) / safe_name(point.codec.name) / f"{point.quality:g}"
    image = safe_name(point.image)
    return place / f"{image}_reconstructed.png", place / f"{image}_comparison.png"


def _is_saved(folder: Path, point: Point, record: Mapping) -> bool:
    """Say whether the reconstruction of a record is there, and not one that other weights left under its name."""
    alone, beside = _pictures_of(folder, point)
    try:
        return beside.is_file() and fingerprint(read_image(alone)) == record.get("decoded")
    except LicLabError:
        return False


def _save(folder: Path, point: Point, original: np.ndarray, decoded: np.ndarray) -> None:
    """Write the reconstruction (views side by side), and below the original, or beside it, the same."""
    alone, beside = _pictures_of(folder, point)
    alone.parent.mkdir(parents=True, exist_ok=True)
    flat = [_side_by_side(image) for image in (original, decoded)]
    write_image(beside, np.concatenate(flat, axis=0 if original.ndim == 4 else 1))
    write_image(alone, flat[1])  # last, as `_is_saved` looks at what is in it


def _side_by_side(image: np.ndarray) -> np.ndarray:
    """(2, h, w, 3) -> (h, 2 w, 3); a picture stays as it is."""
    return np.concatenate(list(image), axis=1) if image.ndim == 4 else image
