"""Rate-distortion curves: as a matplotlib figure, and as SVG text that follows the theme of the page around it."""

import math
from collections import defaultdict
from collections.abc import Iterable
from html import escape

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import order, style

AXES = {"psnr_db": "PSNR (dB)", "ms_ssim": "MS-SSIM", "ssim": "SSIM", "lpips": "LPIPS (lower is better)"}


def rd_points(rows: Iterable, metric: str = "psnr_db") -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Sort rows into curves: (codec, picture) -> [(bpp, quality), ...] by rising rate, codecs in the palette's order.

    rows: records with codec, image, bpp and the metric. Raises LicLabError for an unknown metric.
    """
    if metric not in AXES:
        raise LicLabError(f"unknown metric {metric!r}: choose one of {', '.join(AXES)}")
    curves = defaultdict(list)
    for row in rows:
        curves[row.codec, row.image].append((row.bpp, getattr(row, metric)))
    return {key: sorted(curves[key]) for key in sorted(curves, key=lambda key: order(key[0]))}


def rd_figure(rows: Iterable, *, metric: str = "psnr_db", title: str = "", size: tuple[float, float] = (7.2, 4.4)):
    """Draw quality against rate, one curve per codec and picture; up and to the left is better.

    rows: as for `rd_points`; bpp are bits of the whole file per pixel. size: inches. Returns a matplotlib Figure that a
    notebook shows and `figure.savefig` writes.
    """
    import matplotlib.pyplot as plt

    curves = rd_points(rows, metric)
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    seen = set()
    for (codec, _), points in curves.items():
        look = style(codec)
        label = None if codec in seen else look.label
        seen.add(codec)
        axes.plot(*zip(*points, strict=True), color=look.color, marker=look.marker, ls=look.dash, ms=6, label=label)
    axes.set(xlabel="Rate (bits per pixel of the whole file)", ylabel=AXES[metric], title=title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        axes.legend(frameon=False)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def rd_svg(rows: Iterable, *, metric: str = "psnr_db", here: float | None = None, bold: Iterable[str] = ()) -> str:
    """Draw the same curves as SVG text, in a millisecond, for a figure that is redrawn with every move of a slider.

    here: a rate in bpp that is marked with a line and larger points. bold: codecs drawn with a thicker line. Text and
    axes take the text colour of the page, so light and dark themes both work.
    """
    curves, bold = rd_points(rows, metric), set(bold)
    points = [p for curve in curves.values() for p in curve if math.isfinite(p[1])]
    if not points:
        return ""
    frame = _Frame(max(x for x, _ in points), min(y for _, y in points), max(y for _, y in points))
    parts = [frame.axes(AXES[metric])]
    if here is not None:
        x = frame.x(here)
        parts.append(f'<path d="M{x:.1f} {frame.TOP}V{frame.BOTTOM}" stroke="currentColor" opacity=".45"/>')
    for (codec, image), curve in curves.items():
        parts.append(_svg_curve(frame, codec, curve, here, codec in bold, title=f"{style(codec).label}, {image}"))
    name = f"{AXES[metric]} against bits per pixel"
    size = f'viewBox="0 0 {frame.WIDTH} {frame.HEIGHT}" style="width:100%;max-width:{frame.WIDTH}px;display:block"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{name}" {size}>{"".join(parts)}</svg>'


class _Frame:
    """The plotting area of `rd_svg` and its two scales."""

    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 260, 46, 450, 12, 218

    def __init__(self, most: float, low: float, high: float):
        self.most = most * 1.04
        margin = 0.06 * (high - low or 1)
        self.low, self.high = low - margin, high + margin

    def x(self, bpp: float) -> float:
        return self.LEFT + bpp / self.most * (self.RIGHT - self.LEFT)

    def y(self, quality: float) -> float:
        return self.BOTTOM - (quality - self.low) / (self.high - self.low) * (self.BOTTOM - self.TOP)

    def axes(self, label: str) -> str:
        text = 'fill="currentColor" font-size="11"'
        parts = [f'<path d="M{self.LEFT} {self.BOTTOM}H{self.RIGHT}" stroke="currentColor" opacity=".6"/>']
        for tick in _ticks(0, self.most):
            parts.append(
                f'<text x="{self.x(tick):.1f}" y="{self.BOTTOM + 15}" text-anchor="middle" {text}>{tick:g}</text>'
            )
        for tick in _ticks(self.low, self.high):
            y = self.y(tick)
            parts.append(f'<path d="M{self.LEFT} {y:.1f}H{self.RIGHT}" stroke="currentColor" opacity=".15"/>')
            parts.append(f'<text x="{self.LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" {text}>{tick:g}</text>')
        middle = (self.LEFT + self.RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{self.HEIGHT - 6}" text-anchor="middle" {text}>bits per pixel</text>')
        parts.append(f'<text x="{self.LEFT + 8}" y="{self.TOP + 12}" {text} font-weight="600">{escape(label)}</text>')
        return "".join(parts)


def _svg_curve(frame: _Frame, codec: str, curve, here: float | None, bold: bool, title: str) -> str:
    """One codec's line and points; the last point at or below `here` is drawn larger."""
    look = style(codec)
    spots = [(frame.x(x), frame.y(y), x) for x, y in curve if math.isfinite(y)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in spots)
    dash = "" if look.dash == "-" else ' stroke-dasharray="5 3"'
    line = f'<polyline points="{path}" fill="none" stroke="{look.color}" stroke-width="{2.6 if bold else 1.4}"{dash}/>'
    now = max((rate for _, _, rate in spots if here is not None and rate <= here), default=None)
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5.5 if rate == now else 2.2}" fill="{look.color}"/>'
        for x, y, rate in spots
    ]
    return f"<g><title>{escape(title)}</title>{line}{''.join(dots)}</g>"


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two ends."""
    raw = (high - low) / 8
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(step * i, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
