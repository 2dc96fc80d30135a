"""The scan player: how an order reads a small picture, token by token, and what a decaying state still remembers.

The browser side is `scan_stage.js` (painting), `scan_player.js` (page) and `transport.js` (keys, time), in the look of
the A/B viewer.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.ops.orders import order
from lic_lab.plots.grid import INK, PAPER, SOFT, font
from lic_lab.widgets.panel import Poster, front

ROUTES = {  # what a block that scans in this order reads: one sequence or several
    "raster": ("raster",),
    "both ways": ("raster", "reverse"),
    "cross-scan": ("raster", "column", "reverse", "column-reverse"),
    "snake": ("snake",),
    "hilbert": ("hilbert",),
}
COLORS = ("#2b8cf0", "#d07a24", "#c2258c", "#0e7c3f")  # of the routes, the same in scan_stage.js
LEAST, MOST = 2, 64  # tokens along the longer side: each must be seen
FASTEST = 10_000  # tokens a second
UNREAD, FORGOTTEN = 0.28, 0.06  # opacity of what no route has read yet (grey) and of what all have forgotten
TRAIL = 0.3  # of a token must be left for the route to be drawn there


def routes(name: str, h: int, w: int) -> np.ndarray:
    """Give the sequences that an order reads a map of h x w in: int64 (routes, h * w), each a permutation.

    name: one of ROUTES, or any order of `lic_lab.ops.orders`. Raises LicLabError for others.
    """
    return np.stack([order(route, h, w).numpy() for route in ROUTES.get(name, (name,))])


def remembered(sequences: np.ndarray, position: int, decay: float) -> np.ndarray:
    """Give what is left of every pixel after token `position`: (h * w,), 1 for one just read, 0 for one not read yet.

    sequences: (routes, h * w), see `routes`; the route that remembers a pixel best counts.   decay: what a state keeps
    from one token to the next.
    """
    read = np.argsort(sequences, axis=1)  # (routes, h * w): when each pixel is read
    return np.where(read <= position, float(decay) ** np.maximum(position - read, 0), 0.0).max(axis=0)


class ScanPlayer(Poster, anywidget.AnyWidget):
    """Play the scan of a small picture, with a fading trail of what a state with decay `a` still remembers.

    picture: uint8 (h, w, 3) of any size, by default a face; it is shrunk to `size` tokens along its longer side.
    orders: names of ROUTES or of `lic_lab.ops.orders`.   order: the one that plays.   position: the token being read,
    0 to h * w - 1.   decay: what the state keeps from token to token, in (0, 1).   speed: tokens a second.   playing:
    whether it runs; where the reader's system asks for less motion, it waits for the play button.   name: what a
    screen reader calls the player.
    Space plays and pauses, the arrow keys step; the other keys are listed below the picture.
    Raises LicLabError for an unknown order, a picture that is no uint8 (h, w, 3), a size outside 2 ... 64, or a trait
    that does not exist; a position outside is the nearest token.
    """

    _esm = front("page.js", "transport.js", "scan_stage.js", "scan_player.js")
    _css = front("page.css", "viewer.css", "scan_player.css")

    pixels = traitlets.Bytes().tag(sync=True)  # h * w * 3, row by row
    shape = traitlets.Tuple(traitlets.Int(), traitlets.Int()).tag(sync=True)
    routes = traitlets.Dict().tag(sync=True)  # order -> [[pixel of token 0, ...], ...]
    labels = traitlets.Dict().tag(sync=True)  # order -> names of its routes
    order = traitlets.Unicode().tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    decay = traitlets.Float(0.98).tag(sync=True)
    speed = traitlets.Float(60).tag(sync=True)
    name = traitlets.Unicode("Scan of a picture").tag(sync=True)

    def __init__(
        self, picture: np.ndarray | None = None, orders: Sequence[str] = tuple(ROUTES), *, size: int = 32, **traits
    ):
        picture = bundled_images()["astronaut"][10:266, 100:356] if picture is None else np.asarray(picture)
        self.picture = shrunk(picture, size)
        h, w = self.picture.shape[:2]
        orders = (orders,) if isinstance(orders, str) else tuple(orders)
        if not orders:
            raise LicLabError(f"there is nothing to play: give orders, for instance {', '.join(ROUTES)}")
        if unknown := sorted(set(traits) - set(self.trait_names())):
            raise LicLabError(f"a player has no {unknown[0]!r}: give order, position, playing, decay, speed or name")
        sequences = {name: routes(name, h, w).tolist() for name in orders}
        labels = {name: list(ROUTES.get(name, (name,))) for name in orders}
        own = {"routes": sequences, "labels": labels, "pixels": self.picture.tobytes(), "shape": (h, w)}
        super().__init__(**{"order": orders[0]} | traits | own)

    @traitlets.validate("order")
    def _known(self, proposal):
        if proposal.value not in self.routes:
            raise LicLabError(f"no order {proposal.value!r} in this player: choose one of {', '.join(self.routes)}")
        return proposal.value

    @traitlets.validate("position")
    def _inside(self, proposal):
        return min(max(proposal.value, 0), self.shape[0] * self.shape[1] - 1)

    @traitlets.validate("speed")
    def _walking(self, proposal):
        if not 1 <= proposal.value <= FASTEST:
            raise LicLabError(f"{proposal.value:g} tokens a second cannot be followed: give 1 to {FASTEST}")
        return proposal.value

    @traitlets.validate("decay")
    def _fading(self, proposal):
        if not 0 < proposal.value < 1:
            raise LicLabError(f"a decay of {proposal.value:g} does not fade: give a number between 0 and 1")
        return proposal.value

    def still(self, order: str, position: int, cell: int = 4) -> np.ndarray:
        """Draw the picture as it is remembered after token `position`: uint8 (cell h, cell w, 3), on white paper."""
        h, w = self.shape
        return faded(self.picture, routes(order, h, w), min(max(position, 0), h * w - 1), self.decay, cell)

    def poster(self) -> bytes:
        """Every order side by side, half way through, with its route so far, as a small PNG."""
        h, w = self.shape
        cell, middle = max(1, 144 // max(h, w)), (h * w) // 2
        panels = {name: self.still(name, middle, cell) for name in self.routes}
        width, gap = max(cell * w, 120), 14
        sheet = Pillow.new("RGB", (len(panels) * (width + gap) - gap, cell * h + 66), PAPER)
        pen = ImageDraw.Draw(sheet)
        for number, (name, panel) in enumerate(panels.items()):
            x = number * (width + gap)
            pen.text((x, 0), name, fill=INK, font=font(13, bold=True, text=name, room=width))
            sheet.paste(Pillow.fromarray(panel), (x, 20))
        words = (
            f"Half way: {middle} of {h * w} tokens read, decay {self.decay:g} a token. Grey: not read yet.",
            "Run this cell to play the scans.",
        )
        for line, text in enumerate(words):
            face = font(13, text=text, room=sheet.width)
            pen.text((0, cell * h + 26 + 18 * line), text, fill=SOFT, font=face)
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def shrunk(picture: np.ndarray, size: int) -> np.ndarray:
    """Make a picture (h, w, 3) `size` pixels long by averaging, or leave it where it is small enough."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise LicLabError(
            f"the player reads uint8 (h, w, 3), got {picture.dtype} {picture.shape}: use read_image first"
        )
    if not picture.size:
        raise LicLabError(f"a picture of {picture.shape} has nothing to read: give one with pixels")
    if not isinstance(size, int) or not LEAST <= size <= MOST:
        raise LicLabError(f"a side of {size} tokens cannot be shown well: give {LEAST} to {MOST}")
    h, w = (max(1, round(length * min(1, size / max(picture.shape[:2])))) for length in picture.shape[:2])
    return np.asarray(Pillow.fromarray(picture).resize((w, h), Pillow.Resampling.BOX))


def faded(picture: np.ndarray, sequences: np.ndarray, position: int, decay: float, cell: int) -> np.ndarray:
    """Draw a picture (h, w, 3), paler where more is forgotten, and the routes: uint8 (cell h, cell w, 3)."""
    h, w = picture.shape[:2]
    left = remembered(sequences, position, decay).reshape(h, w, 1)
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    seen = np.zeros(h * w, bool)
    seen[sequences[:, : position + 1]] = True
    shown = np.where(seen.reshape(h, w, 1), picture, grey)
    cover = np.where(seen.reshape(h, w, 1), FORGOTTEN + (1 - FORGOTTEN) * left, UNREAD)
    image = np.rint(255 + (shown - 255.0) * cover).astype(np.uint8).repeat(cell, 0).repeat(cell, 1)
    canvas = Pillow.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for sequence, color in zip(sequences, COLORS, strict=False):
        rows, columns = np.divmod(sequence[: position + 1], w)
        places = [(cell * (c + 0.5), cell * (r + 0.5)) for r, c in zip(rows, columns, strict=True)]
        for token in range(position, 0, -1):
            if decay ** (position - token) < TRAIL:
                break
            if np.hypot(*np.subtract(places[token], places[token - 1])) < 1.5 * cell:  # a jump is no line
                pen.line(places[token - 1 : token + 1], fill=color, width=max(1, cell // 4))
        x, y = places[-1]
        pen.rectangle((x - cell, y - cell, x + cell, y + cell), outline=color, width=2)
    return np.asarray(canvas)
