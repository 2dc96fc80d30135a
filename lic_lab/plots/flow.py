"""The data flow of a model as a diagram: encoder, entropy model and decoder, box by box, with what each costs."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style
from lic_lab.probes.complexity import Complexity, Pass, Stage, times


@dataclass(frozen=True)
class Theme:
    """Colours of a page: paper, text, softer text and lines."""

    paper: str
    ink: str
    soft: str


THEMES = {"light": Theme("#ffffff", "#1b1f24", "#59636e"), "dark": Theme("#111111", "#f0f2f5", "#a9b1ba")}
BOX, PILL, LOW, GAP, LINE = 1.26, 0.94, 0.34, 0.2, 0.18  # inches: widths of boxes and data, low boxes, gaps, text lines
LEFT, TOP, BETWEEN, FOOT = 1.1, 0.62, 0.86, 0.3  # inches: lane names, title, from lane to lane, remark at the bottom
PICTURE = {1: "a picture", 2: "a pair of pictures"}  # by the number of views; shapes are those of one view
NAME = 17  # letters of a name on a line of a box
STRONGEST = 0.5  # share of the accent colour in the fill of the costliest box; text stays readable on it


class FlowFigure(Figure):
    """A matplotlib figure that a notebook shows over its whole width and with a text for those who do not see it."""

    alt: str = ""

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=130)
        data, width = base64.b64encode(buffer.getvalue()).decode(), round(100 * self.get_figwidth())
        look = f'style="width:100%;max-width:{width}px" src="data:image/png;base64,{data}"'
        return f'<img role="img" alt="{escape(self.alt, quote=True)}" {look}>'


def flow_figure(found: Complexity, title: str = "", *, codec: str = "", theme: str = "light") -> FlowFigure:
    """Draw what a picture passes through: encoder and decoder part by part, the entropy model, and what gets coded.

    found: from `probes.complexity`.   codec: whose colour of the palette is used.   theme: "light" or "dark".
    The figure's `alt` says the same in words. Raises LicLabError for another theme.
    """
    if theme not in THEMES:
        raise LicLabError(f"unknown theme {theme!r}: choose one of {', '.join(THEMES)}")
    lanes, pen = _lanes(found), _Pen(found, THEMES[theme], style(codec).color)
    width = LEFT + max(_width(lane) for lane in lanes.values()) + GAP
    last = BETWEEN if any(_beside(item) for item in lanes["Decoder"]) else GAP
    height = TOP + len(lanes) * (pen.tall + BETWEEN) - BETWEEN + last + FOOT
    figure = FlowFigure(figsize=(width, height), facecolor=pen.theme.paper)
    pen.axes = figure.add_axes((0, 0, 1, 1))
    pen.axes.set(xlim=(0, width), ylim=(0, height))
    pen.axes.axis("off")
    pen.headline(title, width, height)
    for number, (name, lane) in enumerate(lanes.items()):
        pen.lane(name, lane, y=height - TOP - number * (pen.tall + BETWEEN) - pen.tall)
    figure.alt = flow_text(found, title)
    return figure


def flow_text(found: Complexity, title: str = "") -> str:
    """Put the diagram in words: a sentence per lane with its boxes and their outputs, the file, and the costs."""
    said = [f"Data flow of {title or 'a model'}, for {PICTURE[found.views]} of {found.height} x {found.width} pixels."]
    for name, lane in _lanes(found).items():
        boxes = [f"{item[0]}, {item[1]}" if isinstance(item, tuple) else _words(item) for item in lane]
        said.append(f"{name.replace(chr(10), ' ')}: {'; '.join(boxes)}.")
    streams = (f"{part}, {_stream(found, steps)}" for part, steps in _streams(found).items())
    said.append(f"The file holds {' and '.join(streams)}.")
    return " ".join([*said, f"{_costs(found)}."])


def _words(stage: Stage) -> str:
    beside = " beside the others" if stage.beside else ""
    return stage.name + beside + (f" to {times(stage.shape)}" if stage.shape else "")


def _costs(found: Complexity) -> str:
    kmac = f"{found.encode_kmac:.1f} kMAC per pixel to encode, {found.decode_kmac:.1f} to decode"
    return f"{_count(found.parameters)} parameters, {kmac}"


def _lanes(found: Complexity) -> dict[str, list[Stage | tuple[str, str]]]:
    """The boxes of each lane in the order of the data; pairs (name, shape) are the data at both ends."""
    stages = {"analysis": [], "latent": [], "synthesis": []}
    for stage in found.stages:
        root = stage.path.split(".")[0]
        only_decodes = stage.decode_macs and not stage.encode_macs
        stages[root if root in stages else "synthesis" if only_decodes else "latent"] += stage.parts or [stage]
    picture = times((3, found.height, found.width))
    latent = times(next((stage.shape for stage in found.stages if stage.path == "analysis"), None))
    name = {1: "picture", 2: "each view"}[found.views]
    return {
        "Encoder": [(f"{name} x", picture), *stages["analysis"], ("latent y", latent)],
        "Entropy\nmodel": [("latent y", latent), *stages["latent"], ("latent ŷ", latent)],
        "Decoder": [("latent ŷ", latent), *stages["synthesis"], (f"{name} x̂", picture)],
    }


def _streams(found: Complexity) -> dict[str, list[Pass]]:
    """The coding passes by the part of the file they write."""
    return {part: [step for step in found.passes if step.part == part] for part in ("z", "y")}


def _stream(found: Complexity, steps: Sequence[Pass]) -> str:
    symbols = found.views * sum(math.prod(step.shape) for step in steps)
    return f"{symbols:,} symbols in {len(steps):,} {'pass' if len(steps) == 1 else 'passes'}"


def _kmac(found: Complexity, stage: Stage) -> str:
    macs = max(stage.encode_macs, stage.decode_macs)
    return f"{found.kmac(macs):.2f} kMAC/px" if macs else "no MAC"


def _count(number: int) -> str:
    """A number in three digits: 3.65 k, 819 k, 1.47 M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _beside(item: Stage | tuple[str, str]) -> bool:
    return isinstance(item, Stage) and item.beside


def _width(lane: Sequence) -> float:
    return sum(GAP + (BOX if isinstance(item, Stage) else PILL) for item in lane if not _beside(item))


class _Pen:
    """Draws on `axes` that are measured in inches."""

    def __init__(self, found: Complexity, theme: Theme, accent: str):
        self.axes, self.found, self.theme, self.accent = None, found, theme, accent
        every = [part for stage in found.stages for part in (stage.parts or [stage])]
        self.most = max(max(part.encode_macs, part.decode_macs) for part in every) or 1
        self.tall = 0.14 + LINE * (3 + max(len(_lines(part.name)) for part in every))  # of a box

    def text(self, x: float, y: float, words: str, size: float = 8.2, **look) -> None:
        look = {"color": self.theme.ink, "ha": "center", "va": "center"} | look
        self.axes.text(x, y, words, fontsize=size, **look)

    def headline(self, title: str, width: float, height: float) -> None:
        soft = {"color": self.theme.soft, "ha": "right"}
        self.text(GAP, height - 0.27, title, 12.5, ha="left", weight="bold")
        self.text(width - GAP, height - 0.27, _costs(self.found), 9, **soft)
        remark = "Boxes: output, parameters, work per pixel. Stronger colour: more. Dotted: only to encode."
        self.text(width - GAP, FOOT / 2 + 0.04, remark, 8.2, **soft)

    def lane(self, name: str, lane: Sequence[Stage | tuple[str, str]], y: float) -> None:
        """Draw a lane whose boxes have their lower edge at y: data, boxes, data, and arrows between them."""
        self.text(GAP, y + self.tall / 2, name, 10.5, ha="left", weight="bold")
        x, middle, places = LEFT, y + self.tall / 2, {}
        chain = [item for item in lane if not _beside(item)]
        for item in chain:
            if item is not chain[0]:
                self.arrow((x - GAP, middle), (x, middle))
            if isinstance(item, Stage):
                self.box(item, x, y)
                places[item.path] = x
            else:
                self.data(*item, x, middle)
            x += GAP + (BOX if isinstance(item, Stage) else PILL)
        if {"latent.analysis", "latent.context"} <= places.keys():
            self.branch(places["latent.analysis"] - GAP / 2, places["latent.context"] + BOX / 2, y)
        for item in lane:
            if _beside(item):
                self.shortcut(item, LEFT + PILL / 2, x - GAP - PILL / 2, y)

    def box(self, stage: Stage, x: float, y: float) -> None:
        """Draw a stage: name, output, parameters, work; where it codes, the bits below it."""
        ahead = stage.path.startswith("latent.") and stage.encode_macs > stage.decode_macs
        self.frame(x, y, BOX, self.tall, fc=self.fill(stage), ec=self.accent, ls=":" if ahead else "-")
        names, shape = _lines(stage.name), [times(stage.shape)] if stage.shape else []
        lines = [*names, *shape, f"{_count(stage.parameters)} params", _kmac(self.found, stage)]
        for number, line in enumerate(lines):
            weight = "bold" if number < len(names) else "normal"
            self.text(x + BOX / 2, y + self.tall - 0.16 - LINE * number, line, 8.2, weight=weight)
        if stage.path == "latent.density":
            self.bits("z", x + BOX / 2, y)
        elif stage.path == "latent.context":
            self.bits("y", x + BOX / 2, y)

    def bits(self, part: str, x: float, y: float) -> None:
        """Draw what a stage writes to the file, or reads from it."""
        self.arrow((x, y), (x, y - 0.2), style="<|-|>")
        self.frame(x - 0.82, y - 0.2 - LOW, 1.64, LOW, fc=self.theme.paper, ec=self.theme.ink, round=0.02)
        self.text(x, y - 0.2 - 0.1, f"bits of {part}", 7.6, weight="bold")
        self.text(x, y - 0.2 - 0.24, _stream(self.found, _streams(self.found)[part]), 7.2)

    def data(self, name: str, shape: str, x: float, middle: float) -> None:
        self.frame(x, middle - 0.25, PILL, 0.5, fc=self.theme.paper, ec=self.theme.soft, round=0.22)
        self.text(x + PILL / 2, middle + 0.09, name, weight="bold")
        self.text(x + PILL / 2, middle - 0.1, shape, 7.4)

    def branch(self, start: float, end: float, y: float) -> None:
        """Draw the latent on its way to the context, above a lane: only the encoder has it."""
        over = y + self.tall + 0.14
        line = {"color": self.theme.soft, "lw": 1.1, "ls": ":"}
        self.axes.plot((start, start, end), (y + self.tall / 2, over, over), **line)
        self.arrow((end, over), (end, y + self.tall))

    def shortcut(self, stage: Stage, start: float, end: float, y: float) -> None:
        """Draw what goes past a lane, below it, from the data at its left to the data at its right."""
        low, middle, side = y - 0.2 - LOW / 2, (start + end) / 2, 1.6
        edge = y + self.tall / 2 - 0.25
        line = {"color": self.theme.soft, "lw": 1.1}
        self.axes.plot((start, start), (edge, low), **line)
        self.arrow((start, low), (middle - side, low))
        self.axes.plot((middle + side, end), (low, low), **line)
        self.arrow((end, low), (end, edge))
        self.frame(middle - side, low - LOW / 2, 2 * side, LOW, fc=self.fill(stage), ec=self.accent)
        self.text(middle, low, f"{stage.name}: {_count(stage.parameters)} params, {_kmac(self.found, stage)}", 8.2)

    def fill(self, stage: Stage) -> tuple[float, ...]:
        share = STRONGEST * (max(stage.encode_macs, stage.decode_macs) / self.most) ** 0.5
        pairs = zip(to_rgb(self.accent), to_rgb(self.theme.paper), strict=True)
        return tuple(share * strong + (1 - share) * paper for strong, paper in pairs)

    def frame(self, x: float, y: float, width: float, height: float, *, round: float = 0.06, **look) -> None:
        shape = f"round,pad=0,rounding_size={round}"
        self.axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, lw=1.1, **look))

    def arrow(self, start: tuple[float, float], end: tuple[float, float], style: str = "-|>") -> None:
        look = {"arrowstyle": style, "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0, "lw": 1.1}
        self.axes.add_patch(FancyArrowPatch(start, end, color=self.theme.soft, **look))


def _lines(name: str) -> list[str]:
    """A name on at most two lines of a box."""
    return textwrap.wrap(name, NAME, max_lines=2, placeholder=" ...")
