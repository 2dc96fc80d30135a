"""A picture on the page, with its words; and one on which a click or the arrow keys choose a place."""

from __future__ import annotations

from dataclasses import replace

import anywidget
import numpy as np
import traitlets
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.plots.views import Picture, png
from lic_lab.widgets.panel import front


class PictureBox(anywidget.AnyWidget):
    """Show a `Picture`, title, note and scale included; `show` replaces it in one message."""

    _esm = front("page.js", "picture.js")
    _css = front("page.css", "picture.css")

    png = traitlets.Bytes().tag(sync=True)
    about = traitlets.Dict().tag(sync=True)
    picks = traitlets.Bool(False).tag(sync=True)

    def __init__(self, picture: Picture | np.ndarray, **traits):
        super().__init__(**traits)
        self.show(picture)
        width = self.picture.width
        self.layout.flex, self.layout.max_width = f"1 1 {min(width, 300)}px", f"{width}px"

    def show(self, picture: Picture | np.ndarray) -> None:
        """Put another picture in this place: a `Picture`, or uint8 (h, w, 3) or (h, w) without words."""
        self.picture = picture if isinstance(picture, Picture) else Picture(picture)
        scale = self.picture.scale
        ends = scale and {"low": f"{scale.low:.3g}", "high": f"{scale.high:.3g} {scale.unit}".rstrip()}
        with self.hold_sync():
            self.png = png(self.picture.image)
            self.about = {
                "title": self.picture.title,
                "note": self.picture.note,
                "alt": self.picture.said,
                "scale": ends and ends | {"colors": list(scale.colors)},
                "width": self.picture.width,
            }


class Picker(PictureBox):
    """A picture on which the reader chooses a place; a control of an `Explorer` like any other.

    picture: a `Picture`, or uint8 (h, w, 3) or (h, w).   at: (row, column) to begin with, the middle by default.
    step: places are multiples of so many pixels.   side: of the marked square, whose upper left corner is the place.
    label: its title, where the picture is an array.   value: (row, column), in pixels; whoever sets it, it goes to the
    grid and inside.
    """

    value = traitlets.Tuple(traitlets.Int(), traitlets.Int()).tag(sync=True)
    step = traitlets.Int(1, min=1).tag(sync=True)
    side = traitlets.Int(1, min=1).tag(sync=True)

    def __init__(self, picture: Picture | np.ndarray, *, at=None, step: int = 1, side: int = 1, label: str = ""):
        picture = picture if isinstance(picture, Picture) else Picture(picture, label)
        size = picture.image.shape[:2]
        place = at or tuple(length // 2 for length in size)
        super().__init__(picture, picks=True, step=step, side=side, value=self.snapped(place, step, size))

    @staticmethod
    def snapped(place: tuple[int, int], step: int, size: tuple[int, int]) -> tuple[int, int]:
        """Give the multiples of `step` at or before a place (row, column), inside a picture of `size` (h, w)."""
        most = ((length - 1) // step for length in size)
        return tuple(min(max(int(p) // step, 0), last) * step for p, last in zip(place, most, strict=True))

    @traitlets.validate("value")
    def _inside(self, proposal):
        shown = getattr(self, "picture", None)  # none yet, while the picker is being made
        return self.snapped(proposal.value, self.step, shown.image.shape[:2]) if shown else proposal.value

    @property
    def marked(self) -> Picture:
        """The picture with the chosen place framed in white and black, for a still."""
        shown = Pillow.fromarray(self.picture.image).convert("RGB")
        (row, column), side = self.value, max(self.side, 5)
        pen = ImageDraw.Draw(shown)
        for grown, color in ((1, "white"), (2, "black")):
            pen.rectangle(
                (column - grown, row - grown, column + side - 1 + grown, row + side - 1 + grown), outline=color
            )
        return replace(self.picture, image=np.asarray(shown))

    def show(self, picture: Picture | np.ndarray) -> None:
        """Put another picture in this place; a mark that would be outside moves to its border."""
        super().show(picture)
        if self.picks and self.value:
            self.value = self.snapped(self.value, self.step, self.picture.image.shape[:2])
