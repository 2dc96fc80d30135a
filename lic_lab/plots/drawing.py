"""Frames, words and arrows drawn twice: live, as SVG text in the colours of the page around it; still, by Pillow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.plots.grid import INK, PAPER, font

SOFT = 0.72  # opacity of softer words and lines; of black on white that is a contrast of 7:1
DASH = 3  # units: of a broken line, and of its gaps
LETTER = 0.62  # of the size of letters: the width of one, on average and generously
HEAD = 5  # units: length of an arrow's head
FINE = 2  # a still is drawn so many times larger and shrunk, because Pillow's lines have hard edges


@dataclass(frozen=True)
class Words:
    """A line of text whose middle is at height y.   anchor: "middle", "start" or "end" is what is at x.

    room: units it may take at most; where it needs more, a still uses smaller letters and a page squeezes them.
    """

    x: float
    y: float
    text: str
    size: float = 11
    bold: bool = False
    soft: bool = False
    anchor: str = "middle"
    room: float = math.inf


@dataclass(frozen=True)
class Frame:
    """A rectangle with round corners.   color: of edge and fill, #rrggbb or "ink".   share: opacity of the fill.

    part: what a click on it means, "" for nothing.   chosen: whether its edge is thick.   title: what a mouse is told.
    """

    x: float
    y: float
    width: float
    height: float
    color: str = "ink"
    share: float = 0.0
    broken: bool = False
    round: float = 5
    part: str = ""
    chosen: bool = False
    title: str = ""


@dataclass(frozen=True)
class Path:
    """Straight lines from point to point.   heads: which ends have an arrow's head, "", "end" or "both"."""

    points: Sequence[tuple[float, float]]
    heads: str = ""
    broken: bool = False

    def tips(self) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
        """Give (tip, where the line comes from) for each head."""
        if self.heads:
            yield self.points[-1], self.points[-2]
        if self.heads == "both":
            yield self.points[0], self.points[1]


@dataclass(frozen=True)
class Drawing:
    """Marks on a sheet of width x height units (CSS pixels), later ones on top.   said: the same in words."""

    width: float
    height: float
    marks: Sequence[Words | Frame | Path]
    said: str

    def svg(self) -> str:
        """Give the drawing as SVG text in the colour of the words around it; a frame says its `part` in data-part."""
        letters = 'font-family="var(--jp-ui-font-family, system-ui, sans-serif)"'
        box = f'viewBox="0 0 {self.width:g} {self.height:g}" {letters}'
        inside = "".join(_SVG[type(mark)](mark) for mark in self.marks)
        look = f'style="display:block;width:100%;min-width:{0.8 * self.width:.0f}px;max-width:{1.2 * self.width:.0f}px"'
        label = escape(self.said, quote=True)
        return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" {box} {look}>{inside}</svg>'

    def draw(self, width: int) -> Pillow.Image:
        """Give the drawing as a picture of `width` pixels on white."""
        scale = FINE * width / self.width
        sheet = Pillow.new("RGB", (FINE * width, math.ceil(scale * self.height)), PAPER)
        pen = _Pen(ImageDraw.Draw(sheet), scale)
        for mark in self.marks:
            {Words: pen.words, Frame: pen.frame, Path: pen.path}[type(mark)](mark)
        return sheet.resize((width, math.ceil(sheet.height / FINE)), Pillow.Resampling.LANCZOS)


def _svg_words(mark: Words) -> str:
    look = f' font-weight="{"600" if mark.bold else "400"}"' + (f' opacity="{SOFT}"' if mark.soft else "")
    wide = LETTER * mark.size * len(mark.text) > mark.room
    squeezed = f' textLength="{mark.room:g}" lengthAdjust="spacingAndGlyphs"' if wide else ""
    place = f'x="{mark.x:g}" y="{mark.y + 0.35 * mark.size:.1f}" font-size="{mark.size:g}" text-anchor="{mark.anchor}"'
    return f'<text {place} fill="currentColor"{look}{squeezed}>{escape(mark.text)}</text>'


def _svg_frame(mark: Frame) -> str:
    color = "currentColor" if mark.color == "ink" else mark.color
    fill = f'fill="{color}" fill-opacity="{mark.share:.3f}"'
    edge = f'stroke="{color}" stroke-width="{3 if mark.chosen else 1.2}"'
    edge += f' stroke-dasharray="{DASH}"' if mark.broken else ""
    place = f'x="{mark.x:g}" y="{mark.y:g}" width="{mark.width:g}" height="{mark.height:g}" rx="{mark.round:g}"'
    title = f"<title>{escape(mark.title)}</title>" if mark.title else ""
    part = f' data-part="{escape(mark.part, quote=True)}"' if mark.part else ""
    return f"<rect{part} {place} {fill} {edge}>{title}</rect>"


def _svg_path(mark: Path) -> str:
    line = " ".join(f"{x:g},{y:g}" for x, y in mark.points)
    dash = f' stroke-dasharray="{DASH}"' if mark.broken else ""
    heads = "".join(
        f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in _head(*tip))}"/>' for tip in mark.tips()
    )
    stroke = f'<polyline points="{line}" fill="none" stroke="currentColor"{dash}/>'
    return f'<g opacity="{SOFT}" fill="currentColor">{stroke}{heads}</g>'


_SVG = {Words: _svg_words, Frame: _svg_frame, Path: _svg_path}


class _Pen:
    """Draws marks on a sheet of Pillow, `scale` pixels a unit."""

    def __init__(self, pen: ImageDraw.ImageDraw, scale: float):
        self.pen, self.scale = pen, scale

    def words(self, mark: Words) -> None:
        size = max(1, round(0.94 * self.scale * mark.size))  # DejaVu Sans is wider than the letters of most pages
        face = font(size, bold=mark.bold, text=mark.text, room=mark.room * self.scale)
        at = mark.x * self.scale, mark.y * self.scale
        anchor = {"middle": "mm", "start": "lm", "end": "rm"}[mark.anchor]
        self.pen.text(at, mark.text, fill=mixed(INK, SOFT if mark.soft else 1), font=face, anchor=anchor)

    def frame(self, mark: Frame) -> None:
        color = INK if mark.color == "ink" else mark.color
        left, top, right, bottom = (v * self.scale for v in (mark.x, mark.y, mark.x + mark.width, mark.y + mark.height))
        thick = max(1, round((3 if mark.chosen else 1.2) * self.scale))
        look = {} if mark.broken else {"outline": color, "width": thick}
        self.pen.rounded_rectangle(
            (left, top, right, bottom), mark.round * self.scale, fill=mixed(color, mark.share), **look
        )
        if mark.broken:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            for start, end in pairwise(corners):
                self.broken(start, end, color, thick)

    def path(self, mark: Path) -> None:
        color, thick = mixed(INK, SOFT), max(1, round(self.scale))
        points = [(x * self.scale, y * self.scale) for x, y in mark.points]
        for start, end in pairwise(points):
            self.broken(start, end, color, thick) if mark.broken else self.pen.line((start, end), color, thick)
        for tip in mark.tips():
            self.pen.polygon([(x * self.scale, y * self.scale) for x, y in _head(*tip)], fill=color)

    def broken(self, start: tuple[float, float], end: tuple[float, float], color: str, thick: int) -> None:
        """Draw a broken line between two places of the sheet."""
        length, dash = math.dist(start, end), DASH * self.scale
        for begin in (2 * dash * k for k in range(math.ceil(length / dash / 2))):
            shares = begin / length, min(begin + dash, length) / length
            ends = [tuple(a + share * (b - a) for a, b in zip(start, end, strict=True)) for share in shares]
            self.pen.line(ends, color, thick)


def mixed(color: str, share: float, paper: str = PAPER) -> str:
    """Give the #rrggbb that `share` (0 ... 1) of a colour on a paper looks like."""
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(paper[1:]), strict=True)
    return "#" + bytes(round(share * ink + (1 - share) * back) for ink, back in pairs).hex()


def _head(tip: tuple[float, float], before: tuple[float, float]) -> list[tuple[float, float]]:
    """The triangle of an arrow's head."""
    length = math.dist(tip, before)
    x, y = ((a - b) / length for a, b in zip(tip, before, strict=True))
    back = tip[0] - HEAD * x, tip[1] - HEAD * y
    side = 0.5 * HEAD
    return [tip, (back[0] - side * y, back[1] + side * x), (back[0] + side * y, back[1] - side * x)]
