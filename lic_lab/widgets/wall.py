"""A wall of A/B viewers: one original against several reconstructions, zoomed and moved together."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import product

import ipywidgets as widgets
import numpy as np
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.plots.grid import PAPER
from lic_lab.widgets.panel import Panel
from lic_lab.widgets.viewer import Shown, Viewer

TOGETHER = ("mode", "split", "zoom", "center", "gain")
GAP = 12  # pixels between the pictures of a poster


class Wall(Panel):
    """Compare one picture with what several codecs make of it: a viewer each, all showing the same place.

    original: A of every viewer, uint8 (h, w, 3).   shown: B of each, as `Shown.of(picture, codec, caption)` or as
    codec -> uint8 (h, w, 3); at least one, all of one size.   columns: of the poster, and of a wide page.   height: of
    each stage at most, in CSS pixels.   viewers: the viewers, in the order of `shown`.
    Zoom, place, divider, mode and gain of all follow whichever is moved, in the browser, without the kernel.
    """

    links = ()  # until there are some: what could not be built is closed too

    def __init__(
        self,
        original: Shown | np.ndarray,
        shown: Mapping[str, np.ndarray] | Sequence[Shown],
        *,
        columns: int = 2,
        height: int = 320,
        name: str = "Wall of comparisons",
    ):
        pictures = [Shown.of(p, c) for c, p in shown.items()] if isinstance(shown, Mapping) else list(shown)
        if not pictures:
            raise LicLabError("a wall needs something to show: give one reconstruction or more")
        original = Shown.of(original, "original") if isinstance(original, np.ndarray) else original
        self.columns = columns
        share = f"calc({100 / columns:.4g}% - {GAP}px)"
        look = {"flex": f"1 1 {share}", "min_width": "300px", "max_width": f"max({share}, 300px)"}
        self.viewers = [
            Viewer(original, b, height=height, layout=look, name=f"{name}: {original.label} and {b.label}")
            for b in pictures
        ]
        first, *others = self.viewers
        self.links = [widgets.jslink((first, trait), (other, trait)) for other, trait in product(others, TOGETHER)]
        row = widgets.HBox(self.viewers, layout={"flex_flow": "row wrap", "grid_gap": f"{GAP}px"})
        super().__init__([row])
        self.add_class("lic-wall")

    def close(self) -> None:
        """Take the wall away with the links between its viewers, which no other widget knows of."""
        for link in self.links:
            link.close()
        super().close()

    def poster(self) -> bytes:
        """Every viewer's poster, in rows of `columns`, as a PNG."""
        stills = [Pillow.open(io.BytesIO(viewer.poster())) for viewer in self.viewers]
        width, height = (max(size) + GAP for size in zip(*(still.size for still in stills), strict=True))
        columns = min(self.columns, len(stills))
        rows = -(-len(stills) // columns)
        sheet = Pillow.new("RGB", (columns * width - GAP, rows * height - GAP), PAPER)
        for number, still in enumerate(stills):
            sheet.paste(still, (number % columns * width, number // columns * height))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()
