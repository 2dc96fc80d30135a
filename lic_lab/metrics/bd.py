"""Bjøntegaard deltas: one number for the gap between two rate-quality curves.

Both use the package `bjontegaard` with PCHIP, a monotone piecewise cubic through every point, integrated over the
interval that the curves share; rate enters as its logarithm. Source: Bjøntegaard, VCEG-M33 (2001); the
package: Herglotz et al. 2022, "Beyond Bjøntegaard".
"""

import warnings
from collections.abc import Sequence

import numpy as np

from lic_lab.errors import LicLabError

MIN_POINTS = 4
MIN_OVERLAP = 0.5  # share of the shorter curve; below it a warning says how little the number speaks for

Values = Sequence[float]


def bd_rate(anchor_bpp: Values, anchor_db: Values, bpp: Values, db: Values) -> float:
    """Rate needed against the anchor at equal quality, in percent; negative is better.

    Each curve: four points or more in any order, rate in bpp (> 0), quality in dB (PSNR, or MS-SSIM through
    `ms_ssim_db`), quality growing strictly with rate. Raises LicLabError otherwise, and where the curves share no
    quality; warns where they share less than half of the shorter one.
    """
    from bjontegaard import bd_rate as measure

    anchor, curve = _curve(anchor_bpp, anchor_db, "anchor"), _curve(bpp, db, "tested")
    _check_overlap(anchor[1], curve[1], "dB")
    return float(measure(*anchor, *curve, method="pchip", require_matching_points=False, min_overlap=0))


def bd_quality(anchor_bpp: Values, anchor_db: Values, bpp: Values, db: Values) -> float:
    """Quality gained over the anchor at equal rate, in dB; positive is better. Arguments, errors: as for `bd_rate`."""
    from bjontegaard import bd_psnr as measure

    anchor, curve = _curve(anchor_bpp, anchor_db, "anchor"), _curve(bpp, db, "tested")
    _check_overlap(anchor[0], curve[0], "bpp")
    return float(measure(*anchor, *curve, method="pchip", require_matching_points=False, min_overlap=0))


def rising_points(bpp: Values, db: Values) -> tuple[np.ndarray, np.ndarray]:
    """Keep the points that no cheaper or equally cheap point matches: rate and quality, both strictly rising.

    Real encoders now and then spend more and give less; such points are never worth using, and BD does not admit them.
    Nor does it admit what is not finite: what was not measured, and the PSNR of a file without loss.
    """
    finite = [point for point in zip(bpp, db, strict=True) if np.isfinite(point).all()]
    points = sorted(finite, key=lambda point: (point[0], -point[1]))
    kept: list[tuple[float, float]] = []
    for rate, quality in points:
        if not kept or quality > kept[-1][1]:
            kept.append((rate, quality))
    rates, qualities = np.array(kept, dtype=float).reshape(-1, 2).T
    return rates, qualities


def _curve(bpp: Values, db: Values, name: str) -> tuple[np.ndarray, np.ndarray]:
    rates, quality = np.asarray(bpp, dtype=float), np.asarray(db, dtype=float)
    if rates.shape != quality.shape or rates.ndim != 1 or len(rates) < MIN_POINTS:
        got = f"got {rates.size} and {quality.size}"
        raise LicLabError(f"the {name} curve needs {MIN_POINTS} or more rates and as many qualities, {got}")
    if not (np.isfinite(rates).all() and np.isfinite(quality).all() and (rates > 0).all()):
        raise LicLabError(f"the {name} curve holds a rate that is not positive, or a value that is not finite")
    by_rate = np.argsort(rates, kind="stable")
    rates, quality = rates[by_rate], quality[by_rate]
    falls = np.flatnonzero((np.diff(quality) <= 0) | (np.diff(rates) <= 0))
    if len(falls):
        here, there = (f"{rates[i]:g} bpp, {quality[i]:g} dB" for i in (falls[0], falls[0] + 1))
        raise LicLabError(f"the {name} curve does not rise from {here} to {there}: keep its rising_points")
    return rates, quality


def _check_overlap(anchor: np.ndarray, curve: np.ndarray, unit: str) -> None:
    shared = min(anchor[-1], curve[-1]) - max(anchor[0], curve[0])
    ranges = " and ".join(f"{side[0]:g} to {side[-1]:g} {unit}" for side in (anchor, curve))
    if shared <= 0:
        raise LicLabError(f"anchor and tested curve share no interval ({ranges}): measure them where they meet")
    share = shared / min(side[-1] - side[0] for side in (anchor, curve))
    if share < MIN_OVERLAP:
        warnings.warn(f"the curves share only {share:.0%} of the shorter one ({ranges})", stacklevel=3)
