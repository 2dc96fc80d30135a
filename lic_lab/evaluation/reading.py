"""Reading rate-distortion curves: all those of one table of measured files, and what each says at a given rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.evaluation.means import COLUMN, Curve, Gap, gap, mean_curves, published_curve, value

METRICS = ("psnr_db", "ms_ssim", "ms_ssim_db")
IN_DECIBELS = {"ms_ssim": "ms_ssim_db"}  # what BD-rates are taken of
MEAN = ""  # the picture that stands for all


class Curves:
    """The curves of one table of measured files, and published ones beside them, each computed when first asked for.

    rows: dicts as `curves.read_rows` gives them, of one data set.   published: names of `reference`, of which those
    count that are of the same pictures.   codecs, pictures, published: names.   metrics: those of METRICS that the rows
    have. Raises LicLabError for a file of no bits: no rate is that small.
    """

    def __init__(self, rows: Sequence[Mapping], published: Iterable[str] = ()):
        self.rows, self._known = list(rows), {}
        if empty := [row for row in self.rows if not value(row, "bpp") > 0]:
            raise LicLabError(
                f"{empty[0]['codec']} of {empty[0]['image']} has no rate above 0 in bpp: measure it again"
            )
        self.codecs = list(dict.fromkeys(row["codec"] for row in self.rows))
        self.pictures = sorted({row["image"] for row in self.rows})
        self.dataset = reference.dataset_of(self.rows)
        have = reference.names(self.dataset) if self.dataset in reference.PICTURES else ()
        self.published = [reference.PREFIX + name for name in published if name in have]
        self.metrics = [metric for metric in METRICS if any(_has(row, metric) for row in self.rows)]

    def measured(self, metric: str, picture: str = MEAN) -> dict[str, Curve]:
        """Codec -> its curve, over the mean of the pictures that all of them have, or over one picture."""
        key = (metric, picture)
        if key not in self._known:
            self._known[key] = mean_curves([row for row in self.rows if picture in (MEAN, row["image"])], metric)
        return self._known[key]

    def others(self, metric: str, picture: str = MEAN) -> dict[str, Curve]:
        """Address -> published curve, of those that have the metric; none for a single picture, as they are means."""
        key = ("published", metric)
        if key not in self._known:
            found = {address: reference.find(address, self.dataset) for address in self.published}
            column = COLUMN.get(metric, metric)
            having = [a for a, points in found.items() if any(getattr(point, column) is not None for point in points)]
            self._known[key] = {address: published_curve(address, metric, self.dataset) for address in having}
        return self._known[key] if picture == MEAN else {}

    def gaps(self, metric: str, anchor: str, picture: str = MEAN) -> dict[str, Gap]:
        """Name -> what every curve, measured or published, needs against an anchor; MS-SSIM is compared in dB.

        Nothing where the anchor has no such curve.
        """
        key = ("gaps", metric, anchor, picture)
        if key not in self._known:
            decibels = IN_DECIBELS.get(metric, metric)
            curves = self.measured(decibels, picture) | self.others(decibels, picture)
            names = curves if anchor in curves else ()
            self._known[key] = {name: gap(curves[anchor], curves[name]) for name in names}
        return self._known[key]


def read_at(curve: Curve, bpp: float) -> float:
    """What a curve reaches at a rate, on a straight line over log bpp between two points; NaN beyond its ends."""
    rates, values = curve.rising()
    if not len(rates) or not rates[0] <= bpp <= rates[-1]:
        return math.nan
    return float(np.interp(math.log(bpp), np.log(rates), values))


def quality_at(curve: Curve, bpp: float) -> float:
    """The setting that a knob without steps needs for a rate, read in the same way; NaN beyond the curve's ends."""
    if not curve.bpp[0] <= bpp <= curve.bpp[-1]:
        return math.nan
    return float(np.interp(math.log(bpp), np.log(curve.bpp), curve.qualities))


def nearest(curve: Curve, bpp: float) -> int:
    """The number of the point of a curve whose rate is nearest, by ratio."""
    return min(range(len(curve.bpp)), key=lambda k: abs(math.log(curve.bpp[k] / bpp)))


def _has(row: Mapping, metric: str) -> bool:
    return not math.isnan(value(row, COLUMN.get(metric, metric)))
