"""A line chart drawn twice: live, as SVG text in the colours of the page around it; still, by matplotlib."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from PIL import Image as Pillow

from lic_lab.errors import LicLabError

DASHES = {"-": "", "--": "5 3", ":": "1 3", "-.": "6 3 1 3"}  # matplotlib's words -> SVG's
FINEST = 1e-9  # of its numbers is the least range that an axis can show; its words have ten digits
DOT, BIG = 2.2, 5.5  # radii of points in the units of the viewBox; matplotlib's markers are as large


@dataclass(frozen=True)
class Line:
    """One curve: y over x, sequences of one length; a value that is not finite leaves a gap.

    label: in the legend, "" for none.   color: as #rrggbb, or "ink" for the colour of the text.   dash: "-", "--", ":"
    or "-.".   dots: whether points are marked too, hollow ones with `hollow`.   width: of the line, 0 for dots only.
    big: number of the point that is drawn large, None for none.   title: what a mouse over the curve is told.
    """

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""
    color: str = "ink"
    dash: str = "-"
    dots: bool = False
    width: float = 1.6
    hollow: bool = False
    big: int | None = None
    title: str = ""

    def __post_init__(self):
        object.__setattr__(self, "x", [float(value) for value in self.x])
        object.__setattr__(self, "y", [float(value) for value in self.y])
        if len(self.x) != len(self.y):
            raise LicLabError(f"line {self.label!r} has {len(self.x)} places and {len(self.y)} values: give as many")
        if self.dash not in DASHES:
            raise LicLabError(f"no dash is called {self.dash!r}: there are {' '.join(DASHES)}")


@dataclass(frozen=True)
class Chart:
    """Curves over one pair of axes.

    x, y: what the axes show, with the unit.   log_x, log_y: logarithmic; what is not above zero is then left out.
    here: a place on the x axis that a line across the chart marks, if the axis has it.   xlim, ylim: (low, high)
    of the axes, by default as far as the curves reach.   y_names: words instead of numbers on the y axis, place ->
    word.   alt: what a screen reader is told, by default what the axes say.
    Raises LicLabError for ends of a logarithmic axis that are not above zero.
    """

    lines: Sequence[Line]
    x: str
    y: str
    title: str = ""
    log_x: bool = False
    log_y: bool = False
    here: float | None = None
    xlim: tuple[float, float] | None = None
    ylim: tuple[float, float] | None = None
    y_names: Mapping[float, str] | None = None
    alt: str = ""

    def __post_init__(self):
        for name, ends, log in (("xlim", self.xlim, self.log_x), ("ylim", self.ylim, self.log_y)):
            if ends and log and not min(ends) > 0:
                raise LicLabError(f"a logarithmic axis begins above 0, and {name} is {tuple(ends)}: give ends above 0")

    def svg(self) -> str:
        """Give the chart as SVG text, in about a millisecond; "" where no curve has a point."""
        lines = [self._finite(line) for line in self.lines]
        points = [point for line in lines for point in zip(line.x, line.y, strict=True) if math.isfinite(point[1])]
        if not points:
            return ""
        frame = _Frame(self, *zip(*points, strict=True))
        legend = list(_legend(frame, [line for line in lines if line.label]))
        frame.height += 16 * (1 + max((row for row, _ in legend), default=-1))
        inside = f'<clipPath id="{frame.id}"><path d="{frame.box}"/></clipPath>'
        parts = [inside, frame.axes(self), *(_curve(frame, line) for line in lines), *(text for _, text in legend)]
        if self._marks_here:
            at = f'd="M{frame.x(self.here):.1f} {frame.TOP}V{frame.BOTTOM}"'
            parts.insert(2, f'<path {at} stroke="currentColor" opacity=".45"/>')
        size = f'viewBox="0 0 {frame.WIDTH} {frame.height}" style="width:100%;max-width:{frame.WIDTH}px;display:block"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(self.said)}" '
            f'font-family="var(--jp-ui-font-family, system-ui, sans-serif)" {size}>{"".join(parts)}</svg>'
        )

    @property
    def said(self) -> str:
        """What stands for the chart where it cannot be seen."""
        return self.alt or f"{self.title + ': ' if self.title else ''}{self.y} against {self.x}"

    def figure(self, size: tuple[float, float] = (5.6, 3.5)):
        """Give the chart as a matplotlib Figure; size: inches."""
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=size, layout="constrained")
        for line in map(self._finite, self.lines):
            color = "#1b1f24" if line.color == "ink" else line.color
            look = {"color": color, "ls": line.dash, "lw": line.width, "label": line.label or None}
            if line.dots:
                look |= {"marker": "o", "ms": 2 * DOT, "mfc": "none" if line.hollow else color}
            axes.plot(line.x, line.y, **look)
            if line.big is not None:
                axes.plot(line.x[line.big], line.y[line.big], "o", color=color, mfc=look.get("mfc"), ms=2 * BIG)
        if self._marks_here:
            axes.axvline(self.here, color="#59636e", lw=1, alpha=0.6)
        axes.set(xlabel=self.x, ylabel=self.y, title=self.title)
        axes.set(xscale="log" if self.log_x else "linear", yscale="log" if self.log_y else "linear")
        axes.set(**{name: ends for name in ("xlim", "ylim") if (ends := getattr(self, name))})
        if self.y_names:
            axes.set_yticks(list(self.y_names), list(self.y_names.values()))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if any(line.label for line in self.lines):
            axes.legend(frameon=False, fontsize=8)
        plt.close(figure)  # the notebook shows the returned figure once, not twice
        return figure

    def draw(self, width: int = 460) -> Pillow.Image:
        """Give the chart as a picture of `width` pixels, its text as large however small it is."""
        inches = width / 78
        return figure_picture(self.figure((inches, 0.68 * inches)), width)

    @property
    def _marks_here(self) -> bool:
        return self.here is not None and math.isfinite(self.here) and (self.here > 0 or not self.log_x)

    def _finite(self, line: Line) -> Line:
        """The line with NaN for everything that its axes cannot show."""
        shown = [
            y if math.isfinite(x) and (x > 0 or not self.log_x) and (y > 0 or not self.log_y) else math.nan
            for x, y in zip(line.x, line.y, strict=True)
        ]
        places = [x if math.isfinite(y) else math.nan for x, y in zip(line.x, shown, strict=True)]
        return replace(line, x=places, y=shown)


def figure_picture(figure, width: int) -> Pillow.Image:
    """Give a matplotlib Figure as a picture of `width` pixels, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=width / figure.get_size_inches()[0], facecolor="white")
    return Pillow.open(buffer).convert("RGB")


class _Scale:
    """One axis: numbers to places between two ends, with round ticks."""

    def __init__(self, values: Sequence[float], limits, log: bool, ends: tuple[float, float], air: float):
        self.log, self.ends = log, ends
        low, high = limits or (min(values), max(values))
        low, high = (math.log10(low), math.log10(high)) if log else (low, high)
        size = max(abs(low), abs(high))
        least = FINEST * size
        room = 1 if least < 1 else size  # of an axis whose values are all the same
        margin = 0 if limits else air * (high - low if high - low > least else room)
        self.low, self.high = low - margin, high + margin
        if self.high - self.low <= least:
            self.high = self.low + room

    def __call__(self, value: float) -> float:
        value = math.log10(value) if self.log else value
        begin, end = self.ends
        return begin + (value - self.low) / (self.high - self.low) * (end - begin)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Give places and words of the ticks."""
        if not self.log or self.high - self.low < 1:
            low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
            yield from ((self(value), f"{value:.10g}") for value in ticks(low, high) if value > 0 or not self.log)
            return
        step = math.ceil((self.high - self.low) / 8)
        for power in range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1, step):
            yield self(10.0**power), f"{10.0**power:g}"


class _Frame:
    """The plotting area and its two scales."""

    WIDTH, LEFT, RIGHT, BOTTOM = 460, 52, 450, 222
    LETTER = 6.2  # units of the viewBox
    AIR = 0.06  # of the range, beyond the curves

    def __init__(self, chart: Chart, xs: Sequence[float], ys: Sequence[float]):
        self.names = chart.y_names
        if self.names:
            self.LEFT = round(min(self.WIDTH / 2, 14 + self.LETTER * max(map(len, self.names.values()))))
        self.TOP, self.height = 44 if chart.title else 26, 258
        self.x = _Scale(xs, chart.xlim, chart.log_x, (self.LEFT, self.RIGHT), 0.02)
        self.y = _Scale(ys, chart.ylim, chart.log_y, (self.BOTTOM, self.TOP), self.AIR)
        self.box = f"M{self.LEFT} {self.TOP - 6}H{self.RIGHT + 6}V{self.BOTTOM + 6}H{self.LEFT - 6}V{self.TOP - 6}Z"
        self.id = f"lic{zlib.crc32(f'{self.box} {chart.said}'.encode()):08x}"

    def axes(self, chart: Chart) -> str:
        text = 'fill="currentColor" font-size="11"'
        parts = [f'<path d="M{self.LEFT} {self.BOTTOM}H{self.RIGHT}" stroke="currentColor" opacity=".6"/>']
        for x, word in self.x.ticks():
            parts.append(f'<text x="{x:.1f}" y="{self.BOTTOM + 15}" text-anchor="middle" {text}>{word}</text>')
        rows = ((self.y(place), escape(word)) for place, word in self.names.items()) if self.names else self.y.ticks()
        for y, word in rows:
            parts.append(f'<path d="M{self.LEFT} {y:.1f}H{self.RIGHT}" stroke="currentColor" opacity=".15"/>')
            parts.append(f'<text x="{self.LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" {text}>{word}</text>')
        middle = (self.LEFT + self.RIGHT) / 2
        words = f'text-anchor="middle" {text}>{escape(chart.x)}'
        parts.append(f'<text x="{middle}" y="{self.BOTTOM + 33}" {words}</text>')
        if chart.title:
            parts.append(f'<text x="{middle}" y="14" text-anchor="middle" {text} font-weight="600">')
            parts.append(f"{escape(chart.title)}</text>")
        words = f'{text} font-weight="600">{escape(chart.y)}'
        parts.append(f'<text x="4" y="{self.TOP - 12}" {words}</text>')
        return "".join(parts)


def _curve(frame: _Frame, line: Line) -> str:
    """A line's strokes, one for each run of finite points, and its points."""
    ink, dash = _ink(line.color), DASHES[line.dash]
    stroke = f'stroke="{ink}" stroke-width="{line.width:g}"' + (f' stroke-dasharray="{dash}"' if dash else "")
    parts = [f"<title>{escape(line.title or line.label)}</title>"] if line.title or line.label else []
    for run in _runs(line) if line.width else ():
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in run)
        parts.append(f'<polyline points="{path}" fill="none" {stroke}/>')
    fill = f'fill="none" stroke="{ink}"' if line.hollow else f'fill="{ink}"'
    for number, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
        radius = BIG if number == line.big else DOT if line.dots else 0
        if radius and math.isfinite(y):
            parts.append(f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="{radius}" {fill}/>')
    return f'<g clip-path="url(#{frame.id})">{"".join(parts)}</g>'


def _runs(line: Line) -> Iterator[list[tuple[float, float]]]:
    """Cut a line where a value is missing."""
    run: list[tuple[float, float]] = []
    for point in zip(line.x, line.y, strict=True):
        if math.isfinite(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _legend(frame: _Frame, lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """Give (row, SVG) for the name of each line, from left to right, as many to a row as fit."""
    x, row = frame.LEFT, 0
    for line in lines:
        width = 38 + 6.4 * len(line.label)
        if x + width > frame.RIGHT and x > frame.LEFT:
            x, row = frame.LEFT, row + 1
        y, ink = frame.BOTTOM + 48 + 16 * row, _ink(line.color)
        dash = f' stroke-dasharray="{DASHES[line.dash]}"' if DASHES[line.dash] else ""
        mark = f'<path d="M{x} {y - 4}h18" stroke="{ink}" stroke-width="2.4"{dash}/>'
        if not line.width:
            mark = f'<circle cx="{x + 9}" cy="{y - 4}" r="3.5" fill="{"none" if line.hollow else ink}" stroke="{ink}"/>'
        yield row, f'{mark}<text x="{x + 23}" y="{y}" fill="currentColor" font-size="11">{escape(line.label)}</text>'
        x += width


def _ink(color: str) -> str:
    return "currentColor" if color == "ink" else color


def ticks(low: float, high: float) -> list[float]:
    """Give four to eight round numbers between two ends."""
    raw = (high - low) / 8
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(step * i, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
