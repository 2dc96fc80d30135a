"""The data flow of a model as a diagram: encoder, entropy model and decoder, box by box, with what each costs."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image as Pillow

from lic_lab.plots.drawing import LETTER, Drawing, Frame, Path, Words
from lic_lab.plots.palette import style
from lic_lab.probes.complexity import Complexity, Pass, Stage, times

BOX, PILL, LOW, GAP, LINE = 98, 80, 32, 15, 14  # units: widths of boxes and data, low boxes, gaps, lines of text
EDGE, TITLE, LANE, BELOW = 8, 34, 24, 58  # units: around, headline, name of a lane, what hangs below it
WIDE = 1200  # pixels of a still in a notebook: more than most pages have, so that letters stay sharp
PICTURE = {1: "a picture", 2: "a pair of pictures"}  # by the number of views; shapes are those of one view
NAME, NAME_LINES = 14, 3  # letters on a line of a box, and how many lines a name may take
STRONGEST = 0.5  # opacity of the accent colour in the costliest box; words stay readable on it
REMARK = "Boxes: output, parameters, work per pixel. Stronger colour: more work. Broken lines: only to encode."


@dataclass(frozen=True)
class Flow:
    """What a picture passes through: encoder and decoder part by part, the entropy model, and what gets coded.

    found: from `probes.complexity`.   codec: whose colour of the palette is used.   chosen: path of the part whose box
    has a thick edge.   note: words below.   A view of `plots.views`, with `svg` for a page and `draw` for a still; as
    the last line of a cell it shows itself. Every box of the SVG says in data-part which part it is.
    """

    found: Complexity
    title: str = ""
    codec: str = ""
    chosen: str = ""
    note: str = ""

    def svg(self) -> str:
        """Give the diagram as SVG text in the colours of the page."""
        return self.drawing.svg()

    def draw(self, width: int = WIDE) -> Pillow.Image:
        """Give the diagram as a picture of `width` pixels."""
        return self.drawing.draw(width)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.draw().quantize(48).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def __repr__(self) -> str:
        return self.said

    @property
    def said(self) -> str:
        """What stands for the diagram where it cannot be seen."""
        return flow_text(self.found, self.title)

    @cached_property
    def drawing(self) -> Drawing:
        """The diagram as marks on a sheet."""
        lanes, pen = _lanes(self.found), _Layout(self)
        width = 2 * EDGE + max(_width(lane) for lane in lanes.values())
        pen.headline(width)
        y = TITLE
        for name, lane in lanes.items():
            pen.lane(name, lane, y + LANE)
            hangs = name == "Entropy model" or any(_beside(item) for item in lane)
            y += LANE + pen.tall + (BELOW if hangs else GAP)
        for line in [REMARK, *textwrap.wrap(self.note, int((width - 2 * EDGE) / (LETTER * Words.size)))]:
            pen.marks.append(Words(EDGE, y + 6, line, soft=line is REMARK, anchor="start", room=width - 2 * EDGE))
            y += LINE + 3
        return Drawing(width, y + EDGE, pen.marks, self.said)


def flow_text(found: Complexity, title: str = "") -> str:
    """Put the diagram in words: a sentence per lane with its boxes and their outputs, the file, and the costs."""
    said = [f"Data flow of {title or 'a model'}, for {PICTURE[found.views]} of {found.height} x {found.width} pixels."]
    for name, lane in _lanes(found).items():
        boxes = [f"{item[0]}, {item[1]}" if isinstance(item, tuple) else _words(item) for item in lane]
        said.append(f"{name}: {'; '.join(boxes)}.")
    streams = (f"{part}, {_stream(found, steps)}" for part, steps in _streams(found).items() if steps)
    said.append(f"The file holds {' and '.join(streams)}.")
    return " ".join([*said, f"{_costs(found)}."])


def flow_parts(found: Complexity) -> dict[str, list[Stage]]:
    """Give what has a box in the diagram by the name of its lane, in the order of the data."""
    return {name: [item for item in lane if isinstance(item, Stage)] for name, lane in _lanes(found).items()}


def most_macs(part: Stage) -> int:
    """Give the multiply-accumulates of a part where it does more of them, encoding or decoding."""
    return max(part.encode_macs, part.decode_macs)


def count(number: int) -> str:
    """Write a number in three digits: 3.65 k, 819 k, 1.47 M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _words(stage: Stage) -> str:
    beside = " beside the others" if stage.beside else ""
    return stage.name + beside + (f" to {times(stage.shape)}" if stage.shape else "")


def _costs(found: Complexity) -> str:
    kmac = f"{found.encode_kmac:.1f} kMAC per pixel to encode, {found.decode_kmac:.1f} to decode"
    return f"{count(found.parameters)} parameters, {kmac}"


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
        "Entropy model": [("latent y", latent), *stages["latent"], ("latent ŷ", latent)],
        "Decoder": [("latent ŷ", latent), *stages["synthesis"], (f"{name} x̂", picture)],
    }


def _streams(found: Complexity) -> dict[str, list[Pass]]:
    """The coding passes by the part of the file they write."""
    return {part: [step for step in found.passes if step.part == part] for part in ("z", "y")}


def _stream(found: Complexity, steps: Sequence[Pass]) -> str:
    symbols = found.views * sum(math.prod(step.shape) for step in steps)
    return f"{symbols:,} symbols in {len(steps):,} {'pass' if len(steps) == 1 else 'passes'}"


def _kmac(found: Complexity, stage: Stage) -> str:
    macs = most_macs(stage)
    return f"{found.kmac(macs):.2f} kMAC/px" if macs else "no MAC"


def _beside(item: Stage | tuple[str, str]) -> bool:
    return isinstance(item, Stage) and item.beside


def _width(lane: Sequence) -> float:
    return sum(GAP + (BOX if isinstance(item, Stage) else PILL) for item in lane if not _beside(item)) - GAP


class _Layout:
    """Finds the places of all marks, lane by lane."""

    def __init__(self, flow: Flow):
        self.flow, self.found, self.marks = flow, flow.found, []
        self.accent = style(flow.codec).color
        every = [part for stage in self.found.stages for part in (stage.parts or [stage])]
        self.most = max(map(most_macs, every)) or 1
        self.tall = 12 + LINE * (3 + max(len(_lines(part.name)) for part in every))  # of a box

    def headline(self, width: float) -> None:
        self.marks.append(Words(EDGE, 14, self.flow.title, 15, bold=True, anchor="start", room=width / 2))
        self.marks.append(Words(width - EDGE, 14, _costs(self.found), 11.5, soft=True, anchor="end", room=width / 2))

    def lane(self, name: str, lane: Sequence[Stage | tuple[str, str]], y: float) -> None:
        """Place a lane whose boxes have their upper edge at y: data, boxes, data, and arrows between them."""
        self.marks.append(Words(EDGE, y - 12, name, 12.5, bold=True, anchor="start"))
        x, middle, places = EDGE, y + self.tall / 2, {}
        chain = [item for item in lane if not _beside(item)]
        for item in chain:
            if item is not chain[0]:
                self.marks.append(Path([(x - GAP, middle), (x, middle)], "end"))
            if isinstance(item, Stage):
                self.box(item, x, y, broken=name != "Encoder" and item.encode_macs > item.decode_macs)
                places[item.path] = x
            else:
                self.data(*item, x, middle)
            x += GAP + (BOX if isinstance(item, Stage) else PILL)
        if {"latent.analysis", "latent.context"} <= places.keys():
            self.branch(places["latent.analysis"] - GAP / 2, places["latent.context"] + BOX / 2, y)
        for item in lane:
            if _beside(item):
                self.shortcut(item, EDGE + PILL / 2, x - GAP - PILL / 2, y + self.tall)

    def box(self, stage: Stage, x: float, y: float, *, broken: bool) -> None:
        """Place a stage: name, output, parameters, work; where it codes, the bits below it."""
        self.frame(stage, x, y, BOX, self.tall, broken=broken)
        names, shape = _lines(stage.name), [_tight(times(stage.shape))] if stage.shape else []
        lines = [*names, *shape, f"{count(stage.parameters)} params", _kmac(self.found, stage)]
        for number, line in enumerate(lines):
            bold = number < len(names)
            self.marks.append(Words(x + BOX / 2, y + 13 + LINE * number, line, bold=bold, room=BOX - 8))
        part = {"latent.density": "z", "latent.context": "y"}.get(stage.path)
        if part:
            self.bits(part, x + BOX / 2, y + self.tall)

    def bits(self, part: str, x: float, y: float) -> None:
        """Place what a stage writes to the file, or reads from it, below it."""
        stream = _stream(self.found, _streams(self.found)[part])
        self.marks.append(Path([(x, y), (x, y + 14)], "both"))
        self.marks.append(Frame(x - 82, y + 14, 164, LOW, round=2))
        self.marks.append(Words(x, y + 23, f"bits of {part}", 10.5, bold=True))
        self.marks.append(Words(x, y + 37, stream, 10.5, room=156))

    def data(self, name: str, shape: str, x: float, middle: float) -> None:
        self.marks.append(Frame(x, middle - 22, PILL, 44, round=20))
        self.marks.append(Words(x + PILL / 2, middle - 7, name, bold=True, room=PILL - 8))
        self.marks.append(Words(x + PILL / 2, middle + 8, _tight(shape), 10.5, room=PILL - 8))

    def branch(self, start: float, end: float, y: float) -> None:
        """Place the latent on its way to the context, above a lane: only the encoder has it."""
        over = y - 9
        self.marks.append(Path([(start, y + self.tall / 2), (start, over), (end, over), (end, y)], "end", broken=True))

    def shortcut(self, stage: Stage, start: float, end: float, y: float) -> None:
        """Place what goes past a lane, below it, from the data at its left to the data at its right."""
        low, middle, side = y + 14 + LOW / 2, (start + end) / 2, 140
        edge = y - self.tall / 2 + 22
        self.marks.append(Path([(start, edge), (start, low), (middle - side, low)], "end"))
        self.marks.append(Path([(middle + side, low), (end, low), (end, edge)], "end"))
        self.frame(stage, middle - side, low - LOW / 2, 2 * side, LOW)
        words = f"{count(stage.parameters)} params, {_kmac(self.found, stage)}"
        self.marks.append(Words(middle, low - 7, stage.name, bold=True))
        self.marks.append(Words(middle, low + 8, words, room=2 * side - 8))

    def frame(self, stage: Stage, x: float, y: float, width: float, height: float, *, broken: bool = False) -> None:
        share = STRONGEST * (most_macs(stage) / self.most) ** 0.5
        chosen = stage.path == self.flow.chosen
        look = {"broken": broken, "part": stage.path, "chosen": chosen, "title": stage.name}
        self.marks.append(Frame(x, y, width, height, self.accent, share, **look))


def _tight(shape: str) -> str:
    """A shape without spaces, as a box has room for it."""
    return shape.replace(" x ", "×")


def _lines(name: str) -> list[str]:
    """A name on the lines of a box; a long word is parted where its inner words begin."""
    words = [re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word) if len(word) > NAME else word for word in name.split()]
    return textwrap.wrap(" ".join(words), NAME, max_lines=NAME_LINES, placeholder=" ...")
