"""Published rate-distortion curves, by name: what others reached on the same pictures, each point with its source.

The points are in data/results/published_rd.csv; data/results/REFERENCE.md says where they come from and what to beware
of. A curve is addressed as `published:vtm`, on a named data set as `published:tecnick/vtm-9.1@lalic`, and one that was
trained for another target than usual as `published:lalic:ms-ssim`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from lic_lab.datasets.bundled import data_path
from lic_lab.datasets.catalog import CATALOG
from lic_lab.errors import LicLabError

PREFIX = "published:"
ESTIMATED = "@estimated-rate"
PICTURES = {"kodak": 24, "tecnick": 100, "clic-pro-valid": 41}
"""Of how many pictures a published mean is; other sources do not say which or how many they took."""
BY_NAME = " by name only"
"""Behind the name of a data set whose pictures are called as its own are, and are others."""
FROM_DB = "converted from dB"
"""In the source of points whose MS-SSIM was published in decibels."""
MEAN_OF_DB = (
    "MS-SSIM of {} was published in dB, presumably as a mean of dB, which on Kodak is 0.09 to 0.57 dB above the dB of "
    "the mean that is taken here"
)
_USUAL = ("mse", "n/a", "ms-ssim")  # which target a codec's short name stands for


@dataclass(frozen=True)
class Point:
    """One published point: the mean of a codec over the pictures of a data set, at one of its qualities.

    quality: the source's label, no codec setting.   bpp: bits per pixel.   psnr_db: of RGB.   ms_ssim: 0..1. Either of
    the two is None where the source gives none.   optimized_for: "mse", "ms-ssim", or "n/a" for classical codecs.
    source: repository and file.   image: always "mean", so that figures take points as they take rows.
    """

    dataset: str
    codec: str
    optimized_for: str
    quality: str
    bpp: float
    psnr_db: float | None
    ms_ssim: float | None
    source: str
    image: str = "mean"


def published(dataset: str = "kodak", codec: str | None = None, metric: str = "psnr_db") -> list[Point]:
    """List the published points of a data set that have the metric ("psnr_db" or "ms_ssim"), of one codec or of all.

    codec: a name as `names` lists them. Raises LicLabError for unknown data sets, names and metrics.
    """
    if metric not in ("psnr_db", "ms_ssim"):
        raise LicLabError(f"published points have psnr_db or ms_ssim, no {metric!r}")
    curves = [find(codec, dataset)] if codec else _curves(dataset).values()
    return [point for curve in curves for point in curve if getattr(point, metric) is not None]


def names(dataset: str = "kodak") -> list[str]:
    """List the names of the published curves of a data set, as `find` takes them.

    Raises LicLabError for an unknown data set.
    """
    return list(_curves(dataset))


def find(address: str, dataset: str = "kodak") -> tuple[Point, ...]:
    """Give the points of one published curve.

    address: "vtm", "published:vtm", "published:DATASET/vtm" or, with the target it was trained for, "lalic:ms-ssim".
    dataset: where an address without one is looked up. Raises LicLabError for what is not there, with the near names.
    """
    where, _, name = address.removeprefix(PREFIX).rpartition("/")
    dataset = dataset.removesuffix(BY_NAME)
    curves = _curves(where or dataset)
    if name in curves:
        return curves[name]
    codec, _, target = name.rpartition(":")
    if codec in curves and curves[codec][0].optimized_for == target:
        return curves[codec]
    near = get_close_matches(name.lower(), list(curves), n=3, cutoff=0.5)
    near += [other for other in curves if name.lower() in other.lower() and other not in near][:3]
    hint = f"did you mean {' or '.join(PREFIX + other for other in near[:4])}" if near else f"there are {_some(curves)}"
    raise LicLabError(f"no published curve on {where or dataset} is called {name!r}: {hint}")


def address(points: Sequence[Point]) -> str:
    """Give the short address of a curve that `find` gave, "published:vtm": its name in tables and figures."""
    first = points[0]
    return PREFIX + next(name for name, curve in _curves(first.dataset).items() if curve[0] == first)


def check_anchor(points: Sequence[Point]) -> None:
    """Raise LicLabError for a curve that nothing may be compared against: one without files."""
    if points[0].codec.endswith(ESTIMATED):
        raise LicLabError(
            f"{address(points)} is no anchor: its rate is the model's own estimate, and no file of that size exists; "
            "choose a curve with real bytes"
        )


def dataset_of(rows: Iterable[Mapping]) -> str:
    """The data set that measured rows belong to, by its published name where it has one, else by the rows' own name.

    Pictures called kodim01 ... kodim24 are Kodak's, whatever their folder is called; rows without a name give "". What
    is called so and is not, by the pixels of the rows (8 bytes / bpp) or Kodak by its pictures' names, gets `BY_NAME`
    behind its name, so that it is compared with nothing published. Only Kodak and Tecnick have known sizes: of the
    others the name is believed.
    """
    rows = list(rows)
    found = {str(row.get("dataset") or "") for row in rows}
    name = found.pop() if len(found) == 1 else ""
    kodim = bool(rows) and all(row["image"] in _KODIM for row in rows)
    known = "kodak" if kodim else name.lower()
    if known not in PICTURES:
        return name
    return known if (kodim or known != "kodak") and _has_sizes_of(known, rows) else known + BY_NAME


def _has_sizes_of(dataset: str, rows: Iterable[Mapping]) -> bool:
    """Whether all rows with bytes and bpp are of pictures with as many pixels as the data set's have."""
    areas = {
        width * height for known in CATALOG.values() if known.published == dataset for width, height in known.sizes
    }
    numbers = [(float(row.get("bytes") or math.nan), float(row.get("bpp") or math.nan)) for row in rows]
    pixels = [8 * size / bpp for size, bpp in numbers if size == size and bpp == bpp]
    return not areas or all(any(math.isclose(n, area, rel_tol=5e-4) for area in areas) for n in pixels)


def measured() -> list[dict]:
    """Rows of the classical codecs on Kodak, measured once and kept: what our own measurements are checked against.

    Each has codec (an id such as "webp-m6"), settings, quality, image, bpp, psnr_db and ms_ssim (0..1); those that
    cover four pictures only say so in their settings. Raises LicLabError where the file is missing.
    """
    rows = [row | {"codec": row["settings"].partition(":")[0], "dataset": "kodak"} for row in _read(_MEASURED)]
    numbers = ("quality", "bpp", "psnr_db", "ms_ssim")
    return [row | {name: float(row[name]) for name in numbers} for row in rows if row["image"] != "mean"]


_KODIM = {f"kodim{number:02d}" for number in range(1, 25)}
_MEASURED = data_path("results", "measured_traditional_kodak.csv")


@cache
def _curves(dataset: str) -> dict[str, tuple[Point, ...]]:
    """Short name -> points, one entry per curve of the data set."""
    points = [*_published(), *_means()]
    if dataset not in (known := list(dict.fromkeys(point.dataset for point in points))):
        where = repr(dataset) if dataset else "these pictures"
        raise LicLabError(f"no published curves are on {where}: write published:DATASET/NAME, of {', '.join(known)}")
    curves: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        if point.dataset == dataset:
            curves.setdefault((point.codec, point.optimized_for), []).append(point)
    targets = {codec: [target for other, target in curves if other == codec] for codec, _ in curves}
    usual = {codec: min(found, key=_USUAL.index) for codec, found in targets.items()}
    return {codec if usual[codec] == target else f"{codec}:{target}": tuple(c) for (codec, target), c in curves.items()}


@cache
def _published() -> tuple[Point, ...]:
    rows = _read(data_path("results", "published_rd.csv"))
    number = {"bpp": float, "psnr_db": _number, "ms_ssim": _number}
    return tuple(Point(**{key: number.get(key, str)(value) for key, value in row.items()}) for row in rows)


@cache
def _means() -> tuple[Point, ...]:
    """The classical codecs of `measured` as curves, where they cover all 24 pictures: "webp-m6@measured"."""
    rows = [row for row in _read(_MEASURED) if row["image"] == "mean" and "SUBSET" not in row["settings"]]
    points = []
    for row in sorted(rows, key=lambda row: (row["settings"], float(row["bpp"]))):
        codec, source = row["settings"].partition(":")[0] + "@measured", f"{_MEASURED.name}, {row['settings']}"
        values = {key: float(row[key]) for key in ("bpp", "psnr_db", "ms_ssim")}
        points.append(Point("kodak", codec, "n/a", row["quality"], source=source, **values))
    return tuple(points)


def _number(text: str) -> float | None:
    return float(text) if text else None


def _read(path: Path) -> list[dict]:
    if not path.is_file():
        raise LicLabError(f"{str(path)!r} is missing: install lic_lab again")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _some(curves: Iterable[str], most: int = 12) -> str:
    found = sorted(curves)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
