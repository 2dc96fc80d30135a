"""How single pictures fare behind a mean: how many meet a target, and who wins on them at the same rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.evaluation.means import shared_pictures, value
from lic_lab.metrics.quality import ms_ssim_db

THRESHOLDS = {"psnr_db": 34.0, "ssim": 0.9, "bpp": 0.4}
"""What a picture must reach: more than that in quality, less in bpp."""

LESS_IS_BETTER = ("bpp", "lpips", "bytes", "encode_seconds", "decode_seconds", "peak_memory_mb")
SCALE = {"psnr_db": float, "ssim": float, "ms_ssim": ms_ssim_db, "lpips": float}  # how differences are taken


def shares(rows: Sequence[Mapping], thresholds: Mapping[str, float] = THRESHOLDS) -> list[dict]:
    """Count the pictures that meet each threshold, and all of them at once, per codec and quality.

    thresholds: column -> limit; columns that no row has are left out. Every result has codec, quality, bpp (mean),
    criterion ("psnr_db > 34", the last one "all"), met, pictures and share_pct, over those of the pictures that all
    points share which have the number. Raises LicLabError where none of the columns is there.
    """
    limits = {
        name: limit for name, limit in thresholds.items() if any(value(row, name) == value(row, name) for row in rows)
    }
    if not limits:
        raise LicLabError(f"no row has any of {', '.join(thresholds)}: name thresholds of measured columns")
    wanted = set(shared_pictures(rows)[0])
    points: dict[tuple, list[Mapping]] = {}
    for row in rows:
        if row["image"] in wanted:
            points.setdefault((row["codec"], row["quality"]), []).append(row)
    found = []
    for (codec, quality), at in points.items():
        there = {name: [row for row in at if value(row, name) == value(row, name)] for name in limits}
        passed = {
            criterion(name, limit): [meets(row, name, limit) for row in there[name]] for name, limit in limits.items()
        }
        if len(passed) > 1:
            whole = [row for row in at if all(value(row, name) == value(row, name) for name in limits)]
            passed["all"] = [all(meets(row, *each) for each in limits.items()) for row in whole]
        about = {"codec": codec, "quality": quality, "bpp": fmean(value(row, "bpp") for row in at)}
        for name, each in passed.items():
            share = 100 * sum(each) / len(each) if each else math.nan
            found.append(about | {"criterion": name, "met": sum(each), "pictures": len(each), "share_pct": share})
    return found


def criterion(name: str, limit: float) -> str:
    """Say a threshold in words: "psnr_db > 34", "bpp < 0.4"."""
    return f"{name} {'<' if name in LESS_IS_BETTER else '>'} {limit:g}"


def meets(row: Mapping, name: str, limit: float) -> bool:
    """Whether a row is strictly on the good side of a threshold; a missing number is not."""
    return value(row, name) < limit if name in LESS_IS_BETTER else value(row, name) > limit


def count(met: int, pictures: int) -> str:
    """A share as people can check it: "17 of 24 (70.8 %)"; only all of them are 100 %, only none 0 %; of none "-"."""
    if not pictures:
        return "-"
    percent = 100 * met / pictures
    rounded = min(max(round(percent, 1), 0.1 if met else 0.0), 100.0 if met == pictures else 99.9)
    return f"{met} of {pictures} ({rounded:g} %)"


def low_rate(rows: Sequence[Mapping], limit: float = 0.5) -> list[dict]:
    """Compare every codec with every other one at exactly its own rate, picture by picture, below `limit` bpp.

    The other codec's quality is read off its own points on the same picture, on a line over the logarithm of the rate;
    a file outside of its range is not compared. Every result has codec, baseline, files (the codec's, below the limit),
    compared, and for each measured quality the mean difference (psnr_db, ssim, ms_ssim in dB, lpips; the sign is plain:
    more PSNR is positive, more LPIPS too) as `psnr_db`, the number of files that win as `psnr_db_won`, and of how many
    that have it as `psnr_db_compared`.
    """
    lines: dict[tuple[str, str], list[Mapping]] = {}
    for row in sorted(rows, key=lambda row: value(row, "bpp")):
        lines.setdefault((row["codec"], row["image"]), []).append(row)
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    metrics = [name for name in SCALE if any(value(row, name) == value(row, name) for row in rows)]
    found = []
    for codec in codecs:
        cheap = [row for row in rows if row["codec"] == codec and value(row, "bpp") < limit]
        for baseline in codecs:
            if baseline != codec and cheap:
                pairs = [(row, lines.get((baseline, row["image"]), [])) for row in cheap]
                about = {"codec": codec, "baseline": baseline, "files": len(cheap)}
                found.append(about | _duel(pairs, metrics))
    return found


def _duel(pairs: Sequence[tuple[Mapping, Sequence[Mapping]]], metrics: Sequence[str]) -> dict:
    """The mean differences of rows to lines of points, each at the row's own rate, and how many rows win."""
    inside = [(row, line) for row, line in pairs if line and line[0]["bpp"] <= row["bpp"] <= line[-1]["bpp"]]
    result: dict = {"compared": len(inside)}
    for name in metrics:
        differences = [SCALE[name](value(row, name)) - _at(line, name, value(row, "bpp")) for row, line in inside]
        differences = [d for d in differences if math.isfinite(d)]
        wins = sum(d < 0 if name in LESS_IS_BETTER else d > 0 for d in differences)
        mean = fmean(differences) if differences else math.nan
        result |= {name: mean, f"{name}_won": wins, f"{name}_compared": len(differences)}
    return result


def _at(line: Sequence[Mapping], name: str, bpp: float) -> float:
    rates, values = ([f(value(row, key)) for row in line] for key, f in (("bpp", math.log), (name, SCALE[name])))
    return float(np.interp(math.log(bpp), rates, values))
