"""Rate-distortion curves: as a matplotlib figure, and as a chart that a widget redraws."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from textwrap import fill

from lic_lab.errors import LicLabError
from lic_lab.plots.chart import Chart, Line
from lic_lab.plots.palette import GREY, STYLES, Style, order, style

AXES = {
    "psnr_db": "PSNR (dB)",
    "ms_ssim": "MS-SSIM",
    "ms_ssim_db": "MS-SSIM (dB)",
    "ssim": "SSIM",
    "lpips": "LPIPS (lower is better)",
}
RATE = "Rate (bits per pixel of the whole file)"
PUBLISHED = "published:"  # how the names of curves begin that were not measured here
BESIDE = 8  # curves above which the legend stands beside the axes


def looks(names: Iterable[str]) -> dict[str, Style]:
    """How the codecs of one figure are drawn: as the palette says, and strangers in colours that nobody else has there.

    Published curves ("published:vtm") take the colour of their codec, a dotted line and the label "vtm (published)".
    """
    names = sorted(dict.fromkeys(names), key=_place)
    found = {name: _look(name) for name in names}
    taken = {look.color for look in found.values()}
    markers = cycle("ovs^D<P>Xph")
    for name, look in found.items():
        color, stranger = look.color, look.color == GREY and name not in STYLES
        if stranger:
            taken.add(color := _farthest(taken))
        marker = next(markers) if stranger or look.marker == "+" or name.startswith(PUBLISHED) else look.marker
        found[name] = replace(look, color=color, marker=marker)
    return found


def _farthest(taken: Iterable[str]) -> str:
    """The colour of the palette that looks least like those taken."""
    from matplotlib.colors import to_rgb
    from skimage.color import rgb2lab

    pool = list(dict.fromkeys(look.color for look in STYLES.values()))
    places = {color: rgb2lab(to_rgb(color)).tolist() for color in {*pool, *taken}}
    return max(pool, key=lambda color: min((math.dist(places[color], places[other]) for other in taken), default=0))


def _look(name: str) -> Style:
    if not name.startswith(PUBLISHED):
        return style(name)
    codec, _, target = name.removeprefix(PUBLISHED).partition(":")
    label = f"{codec}, {target} (published)" if target else f"{codec} (published)"
    return replace(style(codec), label=label, dash=":")


def _place(name: str) -> tuple[bool, int]:
    """Where a codec stands in a legend: measured ones in the palette's order, then published ones."""
    return name.startswith(PUBLISHED), order(name.removeprefix(PUBLISHED).partition(":")[0])


def rd_points(rows: Iterable, metric: str = "psnr_db") -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Sort rows into curves: (codec, picture) -> [(bpp, quality), ...] by rising rate, codecs in the palette's order.

    rows: records with codec, image, bpp and the metric. Raises LicLabError for an unknown metric.
    """
    if metric not in AXES:
        raise LicLabError(f"unknown metric {metric!r}: choose one of {', '.join(AXES)}")
    curves = defaultdict(list)
    for row in rows:
        curves[row.codec, row.image].append((row.bpp, getattr(row, metric)))
    return {key: sorted(curves[key]) for key in sorted(curves, key=lambda key: _place(key[0]))}


def rd_figure(rows: Iterable, *, metric: str = "psnr_db", title: str = "", size: tuple[float, float] = (7.2, 4.4)):
    """Draw quality against rate, one curve per codec and picture; up and to the left is better.

    rows: as for `rd_points`; bpp are bits of the whole file per pixel. size: inches. Returns a matplotlib Figure that a
    notebook shows and `figure.savefig` writes.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=size, layout="constrained")
    _draw(axes, list(rows), metric)
    axes.set_title(title)
    if len(axes.lines) > BESIDE:  # no corner is free of so many
        figure.legend(loc="outside right upper", frameon=False)
    elif axes.lines:
        axes.legend(frameon=False)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def rd_panels(
    curves: Mapping[str, Sequence], *, title: str = "", missing: Mapping[str, str] | None = None, note: str = ""
):
    """Draw one panel per metric, side by side, under one legend; where published curves come from stands below.

    curves: metric -> rows as for `rd_points`; published ones have codec "published:..." and a source. missing: metric
    -> why its panel is empty. note: a line below. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    missing, metrics = missing or {}, [*curves, *(missing or {})]
    known = looks(row.codec for rows in curves.values() for row in rows)
    figure, panels = plt.subplots(
        1, len(metrics), figsize=(5.2 * len(metrics) + 2.2, 4.6), layout="constrained", squeeze=False
    )
    handles: dict[str, object] = {}
    for axes, metric in zip(panels[0], metrics, strict=True):
        if metric in missing:
            _explain(axes, metric, missing[metric])
            continue
        _draw(axes, curves[metric], metric, known)
        handles |= {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    named = [look.label for look in known.values() if look.label in handles]
    if named:
        figure.legend([handles[label] for label in named], named, loc="outside right upper", frameon=False)
    figure.suptitle(title)
    if note := "\n".join([*([note] if note else []), *_sources(curves)]):
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color="#59636e")
    plt.close(figure)
    return figure


def _sources(curves: Mapping[str, Sequence]) -> list[str]:
    """A line for each published curve: where its points come from."""
    published = (row for rows in curves.values() for row in rows if row.codec.startswith(PUBLISHED))
    return list(dict.fromkeys(f"{row.codec.removeprefix(PUBLISHED)}: {row.source}" for row in published))


def _draw(axes, rows: Sequence, metric: str, known: Mapping[str, Style] | None = None) -> None:
    """Curves, axes and grid of one panel: of points with finite numbers, as far as measured curves reach."""
    curves = rd_points(rows, metric)
    known = known or looks(codec for codec, _ in curves)
    seen = set()
    for (codec, _), points in curves.items():
        points = [(bpp, value) for bpp, value in points if value is not None and math.isfinite(value)]
        look, thin = known[codec], codec.startswith(PUBLISHED)
        width = {"lw": 1, "ms": 4, "mfc": "none", "mew": 0.8} if thin else {"ms": 6}
        label = None if codec in seen or not points else look.label
        seen.add(codec)
        axes.plot(
            *(zip(*points, strict=True) if points else ([], [])),
            color=look.color,
            marker=look.marker,
            ls=look.dash,
            label=label,
            **width,
        )
    if reach := measured_reach(curves):
        axes.set(xlim=reach[0], ylim=reach[1])
    axes.set(xlabel=RATE, ylabel=AXES[metric])
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def measured_reach(curves: Mapping[tuple[str, str], Sequence]) -> tuple | None:
    """The ranges of rate and quality of what was measured here, and a little around; None where that is no range.

    curves: from `rd_points`. Published curves may go on to rates that nobody asks for.
    """
    points = [p for (codec, _), line in curves.items() if not codec.startswith(PUBLISHED) for p in line]
    points = [(bpp, value) for bpp, value in points if value is not None and math.isfinite(value)]
    if len(points) < 2:
        return None
    rates, values = zip(*points, strict=True)
    low, high = min(values), max(values)
    margin = high - low or 1
    return (0, 1.08 * max(rates)), (low - 0.08 * margin, high + 0.15 * margin)


def _explain(axes, metric: str, why: str) -> None:
    """An empty panel that says why it is empty."""
    axes.text(0.5, 0.5, fill(why, 36), ha="center", va="center", color="#59636e", transform=axes.transAxes)
    axes.set(xlabel=RATE, ylabel=AXES[metric], xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(False)


def rd_chart(
    rows: Iterable, *, metric: str = "psnr_db", here: float | None = None, bold: Iterable[str] = (), title: str = ""
) -> Chart:
    """Give the same curves as a `Chart`, which a widget redraws in a millisecond with every move of a slider.

    here: a rate in bpp that is marked with a line and larger points. bold: codecs drawn with a thicker line. A table
    beside it says which colour is whose; a mouse over a curve is told too.
    """
    curves, bold = rd_points(rows, metric), set(bold)
    lines = [_line(codec, image, points, here, codec in bold) for (codec, image), points in curves.items()]
    rates = [rate for line in lines for rate, value in zip(line.x, line.y, strict=True) if math.isfinite(value)]
    reach = (0, 1.04 * max(rates)) if rates else None
    return Chart(
        lines,
        "bits per pixel",
        AXES[metric],
        title,
        here=here,
        xlim=reach,
        alt=f"{AXES[metric]} against bits per pixel",
    )


def _line(codec: str, image: str, points: Sequence, here: float | None, bold: bool) -> Line:
    """One curve of `rd_chart`: hollow dots where published; the last point at or below `here` is large."""
    look, thin = _look(codec), codec.startswith(PUBLISHED)
    points = [(rate, math.nan if value is None else value) for rate, value in points]
    below = [k for k, (rate, value) in enumerate(points) if here is not None and rate <= here and math.isfinite(value)]
    return Line(
        [rate for rate, _ in points],
        [value for _, value in points],
        color=look.color,
        dash=look.dash,
        dots=True,
        width=2.6 if bold else 1 if thin else 1.4,
        hollow=thin,
        big=below[-1] if below else None,
        title=f"{look.label}, {image}",
    )
