"""What an explorer shows: pictures, maps with a scale, charts and tables, each of which can be shown live and still."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.errors import LicLabError
from lic_lab.plots.chart import Chart, Line, figure_picture
from lic_lab.plots.grid import INK, PAPER, RULE, SOFT, font

__all__ = ["Chart", "Line", "Picture", "Scale", "Table", "heat", "png", "still"]

AIR = 20  # pixels between lines of text
WORDS = 28  # letters of a cell above which it may take several lines
STOPS = 16  # colours that stand for a colour map in a scale


class Scale(NamedTuple):
    """What the colours of a map stand for: the values of its two ends, their unit, and #rrggbb from low to high."""

    low: float
    high: float
    unit: str
    colors: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with its words.

    image: uint8 (h, w, 3) or (h, w).   title: above.   note: below.   alt: what a screen reader is told, by default the
    title and the note.   scale: of a map, see `heat`.   width: of the page it takes at most, in CSS pixels.
    Raises LicLabError for anything else than such an image.
    """

    image: np.ndarray
    title: str = ""
    note: str = ""
    alt: str = ""
    scale: Scale | None = None
    width: int = 400

    def __post_init__(self):
        image = np.asarray(self.image)
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise LicLabError(
                f"a picture is uint8 (h, w, 3) or (h, w), got {image.dtype} {image.shape}: use heat for maps"
            )
        object.__setattr__(self, "image", image)

    @property
    def said(self) -> str:
        """What stands for the picture where it cannot be seen."""
        return self.alt or ". ".join(words for words in (self.title, self.note) if words) or "Picture"

    def draw(self, width: int = 320) -> Pillow.Image:
        """Give the picture with its words, `width` pixels wide; small pictures are magnified without smoothing."""
        picture = _fit(Pillow.fromarray(self.image).convert("RGB"), width)
        below = ([self._ends()] if self.scale else []) + ([self.note] if self.note else [])
        top, bar = (AIR if self.title else 0), 12 if self.scale else 0
        sheet = Pillow.new("RGB", (width, top + picture.height + bar + AIR * len(below)), PAPER)
        pen, y = ImageDraw.Draw(sheet), top + picture.height
        if self.title:
            pen.text((0, 0), self.title, fill=INK, font=font(13, bold=True, text=self.title, room=width))
        sheet.paste(picture, (0, top))
        if self.scale:
            stripe = Pillow.new("RGB", (len(self.scale.colors), 1))
            stripe.putdata([tuple(bytes.fromhex(color[1:])) for color in self.scale.colors])
            sheet.paste(stripe.resize((picture.width, 8), Pillow.Resampling.BILINEAR), (0, y + 3))
        for number, words in enumerate(below):
            pen.text((0, y + bar + 3 + AIR * number), words, fill=SOFT, font=font(12, text=words, room=width))
        return sheet

    def _ends(self) -> str:
        low, high, unit, _ = self.scale
        return f"{low:.3g} … {high:.3g} {unit}".rstrip()


def heat(
    values,
    *,
    title: str = "",
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    cmap: str = "magma",
    note: str = "",
    alt: str = "",
    width: int = 400,
) -> Picture:
    """Show a map of numbers (h, w) in colours, with a scale; what is not finite stays grey.

    values: an array or a tensor.   low, high: values of the first and the last colour, by default those of the map.
    cmap: a colour map of matplotlib, one that is readable without red, green or blue cones.
    """
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=float)
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if low is None and finite.size else (low or 0.0)
    high = float(finite.max()) if high is None and finite.size else (1.0 if high is None else high)
    colors = _colors(cmap)
    place = np.nan_to_num((values - low) / ((high - low) or 1), nan=0.0)
    image = colors[np.clip(np.rint(place * 255), 0, 255).astype(int)]
    image[~np.isfinite(values)] = 128
    names = tuple("#" + bytes(colors[k].tolist()).hex() for k in np.linspace(0, 255, STOPS).astype(int))
    return Picture(image, title, note, alt, Scale(low, high, unit, names), width)


@cache
def _colors(cmap: str) -> np.ndarray:
    """A colour map as uint8 (256, 3)."""
    import matplotlib

    return np.rint(matplotlib.colormaps[cmap](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers under a head; the first column names the row.

    head, rows: strings; a row that is shorter than the head ends in a cell that takes the rest.   best: places (row,
    column) in bold.   dots: a colour for each row, "" for none.   badges: letters for each row, in a little frame.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    best: Collection[tuple[int, int]] = ()
    dots: Sequence[str] = ()
    badges: Sequence[str] = ()

    def html(self) -> str:
        """Give the table as HTML in the look of `lic-numbers` (widgets/explorer.css)."""
        heads = "".join(f'<th scope="col">{escape(word)}</th>' for word in self.head)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        body = "".join(f"<tr>{self._html_row(number)}</tr>" for number in range(len(self.rows)))
        head = f"<thead><tr>{heads}</tr></thead>"
        return f'<div class="lic-numbers"><table>{caption}{head}<tbody>{body}</tbody></table></div>'

    def _html_row(self, number: int) -> str:
        name, *cells = self.rows[number]
        dot = self.dots[number] if self.dots else ""
        mark = f'<span class="lic-dot" style="background:{dot}"></span>' if dot else ""
        badges = self.badges[number] if self.badges else ""
        sides = "".join(f'<span class="lic-side">{escape(letter)}</span>' for letter in badges)
        parts = [f'<th scope="row">{mark}{escape(name)}{sides}</th>']
        for column, cell in enumerate(cells, start=1):
            rest = len(self.head) - column if column == len(cells) < len(self.head) - 1 else 1
            look = f' class="lic-none" colspan="{rest}"' if rest > 1 else ""
            look = ' class="lic-words"' if rest == 1 and len(cell) > WORDS else look
            look = ' class="lic-best"' if (number, column) in self.best else look
            parts.append(f"<td{look}>{escape(cell)}</td>")
        return "".join(parts)

    def draw(self, width: int = 420) -> Pillow.Image:
        """Give the table as a picture of `width` pixels."""
        lines = [self.head, *self.rows]
        top = AIR if self.caption else 0
        sheet = Pillow.new("RGB", (width, top + (AIR + 2) * len(lines)), PAPER)
        pen, ends = ImageDraw.Draw(sheet), self._ends(width)
        if self.caption:
            pen.text((0, 0), self.caption, fill=SOFT, font=font(12, text=self.caption, room=width))
        for number, line in enumerate(lines):
            y = top + (AIR + 2) * number
            for column, word in enumerate(line):
                bold = number == 0 or column == 0 or (number - 1, column) in self.best
                left = ends[column - 1] if column else 0
                face = font(
                    12, bold=bold, text=word, room=(ends[column] if column < len(line) - 1 else width) - left - 6
                )
                x = 0 if column == 0 else ends[column] - face.getlength(word)
                pen.text((max(x, left + 6 if column else 0), y + 2), word, fill=INK, font=face)
            pen.line((0, y + AIR, width, y + AIR), fill=RULE)
        return sheet

    def _ends(self, width: int) -> list[float]:
        """The right end of each column: the first one as wide as its names need, the others alike where all fit."""
        lines = [line for line in [self.head, *self.rows] if line]
        names = max(font(12, bold=True).getlength(line[0]) for line in lines) + 12
        first = min(names, width / 2) if len(self.head) > 1 else width
        others = max(len(self.head) - 1, 1)
        needs = [
            max((font(12, bold=True).getlength(line[column]) for line in lines if column < len(line)), default=0) + 12
            for column in range(1, len(self.head))
        ]
        widths = [(width - first) / others] * others
        if max(needs, default=0) > widths[0]:  # long words take what short ones spare
            left = width - first
            for number, column in enumerate(sorted(range(others), key=needs.__getitem__)):
                widths[column] = min(needs[column], left / (others - number))
                left -= widths[column]
            widths = [one + left / others for one in widths]
        return [first + sum(widths[:column]) for column in range(len(self.head))]


def png(image: np.ndarray) -> bytes:
    """Give uint8 (h, w, 3) or (h, w) as PNG, quickly: level 1 takes a quarter of the time for 12 % more bytes."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def still(view, width: int) -> Pillow.Image:
    """Give any view as a picture of `width` pixels: one of this module, or a matplotlib Figure.

    Raises LicLabError for anything else.
    """
    if isinstance(view, (Picture, Chart, Table)):
        return view.draw(width)
    if hasattr(view, "savefig"):
        return figure_picture(view, width)
    raise LicLabError(f"a {type(view).__name__} cannot be shown: give a Picture, heat(...), Chart, Table or Figure")


def _fit(picture: Pillow.Image, width: int) -> Pillow.Image:
    """Shrink smoothly, or magnify by a whole number without smoothing, to at most `width` pixels."""
    if picture.width > width:
        return picture.resize((width, max(1, round(picture.height * width / picture.width))), Pillow.Resampling.LANCZOS)
    times = max(1, width // picture.width)
    return picture.resize((times * picture.width, times * picture.height), Pillow.Resampling.NEAREST)
