"""Mean curves, measured and published, always over the same pictures, and the BD-rates between them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import SimpleNamespace

from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.metrics.bd import MIN_OVERLAP, MIN_POINTS, bd_rate, rising_points
from lic_lab.metrics.quality import ms_ssim_db

COLUMN = {"ms_ssim_db": "ms_ssim"}  # a metric that is computed from a column of another name, after averaging


@dataclass(frozen=True)
class Curve:
    """The mean of one codec over pictures at each of its qualities, by rising rate.

    name: "jpeg", or "published:vtm".   metric: "psnr_db", "ms_ssim_db", "ssim", "lpips", ...   qualities: the settings,
    numbers where measured, the source's labels where published.   bpp, values: means, one per quality.   pictures: how
    many they are over, 0 where a source does not say.   source: where published points come from, "" where measured.
    """

    name: str
    metric: str
    dataset: str
    qualities: tuple
    bpp: tuple[float, ...]
    values: tuple[float, ...]
    pictures: int
    source: str = ""

    def records(self) -> list[SimpleNamespace]:
        """The points as figures take rows: codec, image "mean", quality, bpp, the metric, source and pictures."""
        same = {"codec": self.name, "image": "mean", "source": self.source, "pictures": self.pictures}
        points = zip(self.qualities, self.bpp, self.values, strict=True)
        return [SimpleNamespace(**same, quality=q, bpp=bpp, **{self.metric: value}) for q, bpp, value in points]

    def rising(self) -> tuple:
        """Rates and values, both strictly rising, as BD-rates are taken of them; infinite values are left out."""
        points = [(b, v) for b, v in zip(self.bpp, self.values, strict=True) if math.isfinite(v)]
        return rising_points([b for b, _ in points], [v for _, v in points])


def value(row: Mapping, name: str) -> float:
    """A number of a row, NaN where the row has none."""
    found = row.get(name)
    return math.nan if found is None or found == "" else float(found)


def shared_pictures(rows: Iterable[Mapping], metric: str = "psnr_db") -> tuple[list[str], str]:
    """The pictures that every codec has at every one of its qualities, with the metric, and a remark on the others.

    A mean over other pictures is another number, so only these count wherever codecs are compared. The remark is ""
    where all pictures are shared. Raises LicLabError where none is, naming the point that has the fewest.
    """
    have: dict[tuple, set[str]] = {}
    for row in rows:
        found = have.setdefault((row["codec"], row["quality"]), set())
        if not math.isnan(value(row, COLUMN.get(metric, metric))):
            found.add(row["image"])
    everything = list(dict.fromkeys(image for images in have.values() for image in sorted(images)))
    shared = [image for image in everything if all(image in images for images in have.values())]
    if len(shared) == len(everything) and shared:
        return shared, ""
    (codec, quality), fewest = min(have.items(), key=lambda item: len(item[1]), default=(("no codec", 0), ()))
    where = f"{codec} at quality {_number(quality)} has {len(fewest)} of {len(everything)}"
    if not shared:
        raise LicLabError(f"no picture has {metric} at every point of every codec ({where}): measure the missing files")
    return shared, f"means are over the {len(shared)} of {len(everything)} pictures that every point has ({where})"


def mean_curves(rows: Sequence[Mapping], metric: str = "psnr_db") -> dict[str, Curve]:
    """Codec -> its mean curve over the pictures that all points of all codecs share.

    metric: a column, or "ms_ssim_db", the dB of the mean MS-SSIM. Raises LicLabError as `shared_pictures` does, and for
    a picture that a point has twice.
    """
    pictures, _ = shared_pictures(rows, metric)
    wanted, dataset = set(pictures), reference.dataset_of(rows)
    points: dict[str, dict[float, list[Mapping]]] = {}
    for row in rows:
        if row["image"] in wanted:
            points.setdefault(row["codec"], {}).setdefault(row["quality"], []).append(row)
    curves = {}
    for codec, by_quality in points.items():
        check_once(by_quality.values())
        means = [(fmean(value(row, "bpp") for row in at), _mean(at, metric), q) for q, at in by_quality.items()]
        bpp, values, qualities = zip(*sorted(means), strict=True)
        curves[codec] = Curve(codec, metric, dataset, qualities, bpp, values, len(pictures))
    return curves


def check_once(points: Iterable[Sequence[Mapping]]) -> None:
    """Raise LicLabError for a picture that is twice in the rows of one point: its mean would count it twice."""
    for rows in points:
        seen: dict[str, Mapping] = {}
        for row in rows:
            if (other := seen.setdefault(row["image"], row)) is not row:
                settings = dict.fromkeys(str(one["settings"]) for one in (other, row) if one.get("settings"))
                said = f" ({' and '.join(settings)})" if len(settings) > 1 else ""
                raise LicLabError(
                    f"{row['codec']} at quality {_number(row['quality'])} has {row['image']} twice{said}: keep one of "
                    "them, or give the codecs two names"
                )


def published_curve(address: str, metric: str = "psnr_db", dataset: str = "kodak") -> Curve:
    """Give a published curve ("published:vtm") by the side of measured ones.

    Raises LicLabError for an unknown curve, and for one without a single point of the metric.
    """
    found, column = reference.find(address, dataset), COLUMN.get(metric, metric)
    points = [point for point in found if getattr(point, column, None) is not None]
    name = reference.address(found)
    if not points:
        raise LicLabError(f"{name} was published without {column}: {found[0].source}")
    scale = ms_ssim_db if metric == "ms_ssim_db" else float
    points = sorted(points, key=lambda point: point.bpp)
    values = tuple(scale(getattr(point, column)) for point in points)
    where, qualities = points[0].dataset, tuple(point.quality for point in points)
    pictures = reference.PICTURES.get(where, 0)
    rates = tuple(point.bpp for point in points)
    sources = "; ".join(dict.fromkeys(point.source for point in points))
    return Curve(name, metric, where, qualities, rates, values, pictures, sources)


@dataclass(frozen=True)
class Gap:
    """The BD-rate of one curve against another, and what it rests on.

    bd_rate_pct: percent of rate at equal quality, negative is better; NaN where it cannot be had, the note says why.
    bd_rate_pct_cubic: the same with a least-squares cubic: where it differs much, the curves are too rough for either.
    points, anchor_points: what is left of the curves after removing points that cost more and give less.
    overlap_low_db, overlap_high_db: the qualities integrated over; overlap_pct: of the shorter curve.
    pictures: how many the means are over.   note: "" where there is nothing to beware of.
    """

    dataset: str
    metric: str
    codec: str
    anchor: str
    bd_rate_pct: float
    bd_rate_pct_cubic: float
    points: int
    anchor_points: int
    overlap_low_db: float
    overlap_high_db: float
    overlap_pct: float
    pictures: int
    note: str


def gap(anchor: Curve, curve: Curve) -> Gap:
    """Compare a curve with an anchor; what cannot be compared gives NaN and a note, small overlaps a note."""
    low, high = anchor.rising(), curve.rising()
    start, end, share = _overlap(low[1], high[1])
    note = _refusal(anchor, curve, len(low[0]), len(high[0]), share)
    numbers = (math.nan, math.nan) if note else _bd(low, high)
    if not note:
        note = "; ".join(_cautions(anchor, curve, share))
    about = (curve.dataset, curve.metric, curve.name, anchor.name)
    points = (len(high[0]), len(low[0]))
    return Gap(*about, *numbers, *points, start, end, 100 * share, curve.pictures, note)


def _cautions(anchor: Curve, curve: Curve, share: float) -> list[str]:
    """What a reader of a BD-rate must beware of."""
    found = [f"small overlap: {100 * share:.0f} % of the shorter curve"] if share < MIN_OVERLAP else []
    if any(side.name.endswith(reference.ESTIMATED) for side in (anchor, curve)):
        found.append("estimated rate: no file of that size exists")
    decibels = [side for side in (anchor, curve) if side.metric == "ms_ssim_db" and reference.FROM_DB in side.source]
    if len(decibels) == 1:  # two such are averaged alike
        found.append(reference.MEAN_OF_DB.format(decibels[0].name))
    return found


def gaps(curves: Mapping[str, Curve], anchors: Iterable[str] = ()) -> list[Gap]:
    """Compare every curve with every anchor, by default with every curve, anchor after anchor."""
    return [gap(curves[anchor], curve) for anchor in anchors or curves for curve in curves.values()]


def _refusal(anchor: Curve, curve: Curve, anchor_points: int, points: int, share: float) -> str:
    """Why two curves must not be, or cannot be, compared; "" where they can."""
    if anchor.dataset != curve.dataset:
        of = [f"{side.name} is of {side.dataset or 'an unnamed data set'}" for side in (curve, anchor)]
        return f"other pictures: {of[0]}, {of[1]}"
    if anchor.pictures != curve.pictures:
        of = [f"{side.name} is the mean of {side.pictures or 'an unstated number'}" for side in (curve, anchor)]
        return f"other pictures: {of[0]}, {of[1]}"
    for who, count in ((curve, points), (anchor, anchor_points)):
        if count < MIN_POINTS:
            return f"{who.name} has {count} rising points, {MIN_POINTS} are needed"
    return "" if share > 0 else "the curves share no quality"


def _bd(anchor: tuple, curve: tuple) -> tuple[float, float]:
    from bjontegaard import bd_rate as measure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about small overlaps, which the note says
        cubic = measure(*anchor, *curve, method="cubic", require_matching_points=False, min_overlap=0)
        return bd_rate(*anchor, *curve), float(cubic)


def _overlap(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """The interval that two rising sequences share, and its share of the shorter one; NaN and 0 where there is none."""
    if len(one) < 2 or len(other) < 2:
        return math.nan, math.nan, 0.0
    low, high = max(one[0], other[0]), min(one[-1], other[-1])
    if high <= low:
        return math.nan, math.nan, 0.0
    return float(low), float(high), float((high - low) / min(s[-1] - s[0] for s in (one, other)))


def _mean(rows: Sequence[Mapping], metric: str) -> float:
    mean = fmean(value(row, COLUMN.get(metric, metric)) for row in rows)
    return ms_ssim_db(mean) if metric == "ms_ssim_db" else mean


def _number(quality) -> str:
    return f"{quality:g}" if isinstance(quality, float) else str(quality)
