"""How the pictures of a data set are spread behind the means: a histogram per codec, and rate against PSNR."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lic_lab.evaluation.means import shared_pictures, value
from lic_lab.evaluation.shares import THRESHOLDS, criterion, meets
from lic_lab.plots.palette import order
from lic_lab.plots.rd import AXES, looks

RULE = "#59636e"
BINS = 12


def points_near(rows: Sequence[Mapping], bpp: float) -> dict[str, list[Mapping]]:
    """Codec -> its rows at the one quality whose mean rate is nearest to `bpp`, over the pictures all points share."""
    wanted = set(shared_pictures(rows)[0])
    points: dict[str, dict[float, list[Mapping]]] = {}
    for row in rows:
        if row["image"] in wanted:
            points.setdefault(row["codec"], {}).setdefault(row["quality"], []).append(row)

    def off(at: Sequence[Mapping]) -> float:
        return abs(math.log(np.mean([value(row, "bpp") for row in at]) / bpp))

    return {codec: min(points[codec].values(), key=off) for codec in sorted(points, key=order)}


def distribution_figure(rows: Sequence[Mapping], *, thresholds: Mapping[str, float] = THRESHOLDS, title: str = ""):
    """Draw a histogram over pictures of each threshold's column, one line of them per codec, and rate against PSNR.

    Every codec is shown at the quality whose mean rate is nearest to the threshold of bpp (0.4 without one); beside
    each histogram stands how many pictures meet the threshold. Columns that no row has are left out. Returns a
    matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    near = thresholds.get("bpp", THRESHOLDS["bpp"])
    chosen = points_near(rows, near)
    names = [name for name in ("bpp", "psnr_db", *thresholds) if any(math.isfinite(value(r, name)) for r in rows)]
    names, known = list(dict.fromkeys(names)), looks(chosen)
    size = (3.4 * (len(names) + 1) + 1.2, 1.6 + 0.42 * len(chosen))
    figure, panels = plt.subplots(1, len(names) + 1, figsize=(size[0], max(size[1], 3.6)), layout="constrained")
    for axes, name in zip(panels, names, strict=False):
        _histograms(axes, name, chosen, known, thresholds.get(name))
    panels[0].set_yticks(range(len(chosen)), [known[codec].label for codec in chosen])
    _scatter(panels[-1], chosen, known, thresholds)
    pictures = len(next(iter(chosen.values())))
    said = f"{pictures} pictures, each codec at the quality whose mean rate is nearest to {near:g} bpp"
    figure.suptitle(f"{title}: {said}" if title else said, fontsize=11)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def _histograms(axes, name: str, chosen: Mapping[str, Sequence[Mapping]], known, limit: float | None) -> None:
    """One filled histogram per codec, one below the other on a common scale, and the count that meets the limit."""
    values = {
        codec: [value(row, name) for row in at if math.isfinite(value(row, name))] for codec, at in chosen.items()
    }
    everything = [number for numbers in values.values() for number in numbers]
    edges = np.histogram_bin_edges(everything, BINS)
    counts = {codec: np.histogram(numbers, edges)[0] for codec, numbers in values.items()}
    most = max(count.max() for count in counts.values())
    for line, (codec, count) in enumerate(counts.items()):
        axes.stairs(line - 0.8 * count / most, edges, baseline=line, fill=True, color=known[codec].color, alpha=0.85)
        axes.axhline(line, color=known[codec].color, lw=0.6)
        if limit is not None:
            met = sum(meets(row, name, limit) for row in chosen[codec])
            said = f"{met}/{sum(value(row, name) == value(row, name) for row in chosen[codec])}"
            axes.annotate(said, (1, line), xycoords=("axes fraction", "data"), va="bottom", ha="right", fontsize=8)
    if limit is not None:
        axes.axvline(limit, color=RULE, lw=1, ls=":")
        axes.set_title(criterion(name, limit).replace(name, _label(name)), fontsize=9)
    axes.set(xlabel=_label(name), yticks=[], ylim=(len(chosen) - 0.7, -1), xlim=_room(edges, limit))
    axes.spines[["top", "right", "left"]].set_visible(False)


def _room(edges: np.ndarray, limit: float | None) -> tuple[float, float]:
    """The bins and the limit, and space to the right of them for a count."""
    low, high = (f([*edges, *([] if limit is None else [limit])]) for f in (min, max))
    return low - 0.03 * (high - low), high + 0.24 * (high - low)


def _scatter(axes, chosen: Mapping[str, Sequence[Mapping]], known, thresholds: Mapping[str, float]) -> None:
    """A dot per picture and codec, and the corner in which both thresholds are met."""
    for codec, at in chosen.items():
        pairs = [(value(row, "bpp"), value(row, "psnr_db")) for row in at if math.isfinite(value(row, "psnr_db"))]
        look = known[codec]
        axes.plot(*(zip(*pairs, strict=True) if pairs else ([], [])), look.marker, color=look.color, ms=4, alpha=0.75)
    if "bpp" in thresholds:
        axes.axvline(thresholds["bpp"], color=RULE, lw=1, ls=":")
    if "psnr_db" in thresholds:
        axes.axhline(thresholds["psnr_db"], color=RULE, lw=1, ls=":")
    axes.set(xlabel="bpp", ylabel=AXES["psnr_db"], xlim=(0, 1.05 * axes.get_xlim()[1]))
    axes.set_title("every picture", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _label(name: str) -> str:
    return AXES.get(name, name)
