"""The stereo explorer: a point of the left view, where the right one shows it, and what joint coding saves there."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.datasets.stereo import StereoPair, motorcycle, read_pair
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_model
from lic_lab.ops.color import image_to_tensor
from lic_lab.plots.stereo import BITS, DEPTH, SAVED
from lic_lab.plots.views import Chart, Line, Picture, Table, heat
from lic_lab.probes.attention import (
    SEARCH_STEP,
    CrossAttention,
    attention_disparity,
    attention_paths,
    cross_attention,
    searched_shares,
    searches,
)
from lic_lab.probes.disparity import block_matching, matching_costs, seen_by_both
from lic_lab.probes.stereo import JointCoding, joint_coding
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import Progress
from lic_lab.widgets.picker import Picker

TOP, LEFT, HEIGHT, WIDTH = 100, 180, 256, 384  # of the bundled pair, the part that is looked at, in pixels
SIDE, STEP, MOST = 9, 4, 64  # of the squares that are compared, of a move of the point, disparities tried; in pixels
VIEWS = {"left": (0,), "right": (1,), "both, left above right": (0, 1), "both, red and cyan glasses": ()}
BIT_MAPS = {"bits, both in one file": "joint", "bits, partner turned": "separate", "bits saved": "saved"}
DEPTHS = {
    "true disparity": "true", "disparity by matching": "matching", "disparity by attention": "attention",
    "disparity by search": "search",
}  # fmt: skip
LAYERS = {"picture": "picture", **BIT_MAPS, "attention of the point": "asked", **DEPTHS, "seen by both": "both"}
MARKS = {  # shape, colour, pixels to each side: of four sizes, so that none hides another
    "true": ("circle", "#ffffff", 11), "matching": ("square", "#f0a020", 8), "search": ("triangle", "#30b060", 6),
    "attention": ("diamond", "#40b0ff", 3),
}  # fmt: skip
SIGNS = {"circle": "○", "square": "□", "triangle": "△", "diamond": "◇"}
LARGEST = 2 << 20  # pixels of a view: beyond, the costs of all disparities take over half a gigabyte
SHARE = 0.7  # of the colours of a map over the grey picture


class StereoExplorer(Explorer):
    """Click a point of the left view; see its row and its partner on the right, and maps of what a stereo codec does.

    model: name of a stereo codec with shipped weights, or a model.   pair: a `StereoPair`, whose disparity is then the
    truth, or anything `read_pair` takes; by default 384 x 256 pixels of the Motorcycle pair.   most: the largest
    disparity that is tried, in pixels; by default 64, less in narrow views.
    Of a model that searches the other view (`entropy.twins.TwinSearch`) it shows, too, what the search finds.
    Bits are of real files (`probes.stereo.joint_coding`): three files a rate point, written when a map of bits is first
    asked for, which takes seconds; all else answers at once. Attention is of the left point, asked of the right view.
    Raises LicLabError for a model of single pictures, or one without weights here, for views of more than two million
    pixels, and for a disparity of another size.
    """

    def __init__(self, model: str | Codec = "bisic", pair=None, *, most: int | None = None):
        self.model = load_model(model) if isinstance(model, str) else model
        if self.model.views != 2:
            raise LicLabError(f"{type(self.model).__name__} codes single pictures: give a stereo model, such as bisic")
        pair = motorcycle_crop() if pair is None else pair
        self.pair = read_pair(pair)
        self.truth = pair.disparity if isinstance(pair, StereoPair) else None
        height, width = self.pair.shape[1:3]
        if self.truth is not None and self.truth.shape != (height, width):
            raise LicLabError(
                f"views of {width} x {height} pixels, but a disparity of shape {self.truth.shape}: cut alike"
            )
        if height * width > LARGEST:
            raise LicLabError(f"views of {width} x {height} are too large to match: give a window of both, cut alike")
        self.x = torch.stack([image_to_tensor(view) for view in self.pair], dim=1)  # (1, 2, 3, h, w)
        self.most = min(MOST, self.pair.shape[2] - 1) if most is None else most
        self.costs = matching_costs(self.pair, self.most, SIDE)
        self.matched = block_matching(self.costs)
        self.coded: dict[int, JointCoding] = {}
        self.looks: dict[tuple, CrossAttention] = {}
        self.shares: dict[int, np.ndarray] = {}
        layers = LAYERS if searches(self.model) else {words: name for words, name in LAYERS.items() if name != "search"}
        self.progress = Progress()
        asked = Picture(self.pair[0], "Left view: choose a point", alt="The left view", width=WIDTH)
        super().__init__(
            self.look, name="Two views", slow=True, place=Picker(asked, step=STEP, side=SIDE),
            view=choose(VIEWS, "View", start=(0,)), layer=choose(layers, "Map"),
            block=choose(attention_paths(self.model), "Attention block"),
            rate=slide(range(self.model.rates), "Rate point"),
        )  # fmt: skip
        self.children = [*self.children[:-1], self.progress, self.children[-1]]

    def look(self, place: tuple[int, int], view: tuple, layer: str, block: str, rate: int) -> list:
        """Give the right view with the row of the point, the map, the costs and shares of disparities, and numbers."""
        point = self.middle(place)
        found = self.disparities(point, block, rate)
        shown = self.asked(point, block, rate) if layer == "asked" else self.map(view, layer, block, rate)
        charts = [self.chart(point, found)] + ([self.mixed(point, rate)] if searches(self.model) else [])
        return [self.partner(point, found), shown, *charts, self.numbers(point, found, layer, rate)]

    def poster(self) -> bytes:
        """The poster in 256 colours: it holds photographs, and a notebook keeps it."""
        whole, buffer = Pillow.open(io.BytesIO(super().poster())).convert("RGB"), io.BytesIO()
        whole.quantize(256, method=Pillow.Quantize.MAXCOVERAGE).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def middle(self, place: tuple[int, int]) -> tuple[int, int]:
        """The pixel (row, column) in the middle of the square at a place."""
        return tuple(min(p + SIDE // 2, side - 1) for p, side in zip(place, self.pair.shape[1:3], strict=True))

    # ---- what is computed once ---------------------------------------------------------------------------------------

    def attention(self, block: str, rate: int) -> CrossAttention:
        """Run the pair through the model at a rate point and keep what a block asks, once."""
        if (block, rate) not in self.looks:
            self.looks[block, rate] = cross_attention(self.model, self.x, block, rate=rate)
        return self.looks[block, rate]

    def searched(self, rate: int) -> np.ndarray:
        """Run the search at a rate point and keep the shares of all movements, once: (2, movements, h', w')."""
        if rate not in self.shares:
            self.shares[rate] = searched_shares(self.model, self.x, rate=rate).numpy()
        return self.shares[rate]

    def coding(self, rate: int) -> JointCoding:
        """Write the three files of a rate point, once, with progress."""
        if rate not in self.coded:
            self.progress.start(3)
            try:
                self.coded[rate] = joint_coding(self.model, self.x, rate, watch=self.progress.step)
            finally:
                self.progress.finish()
        return self.coded[rate]

    def disparities(self, point: tuple[int, int], block: str, rate: int) -> dict[str, float]:
        """Give the disparity of a left point, in pixels, by all who have one: name -> value, NaN where unknown."""
        look = self.attention(block, rate)
        cell = tuple(p // look.stride for p in point)
        true = {} if self.truth is None else {"true": float(self.truth[point])}
        found = true | {"matching": float(self.matched[0][point])}
        if searches(self.model):
            found["search"] = float(self.of_block(point, rate).argmax() * SEARCH_STEP)
        return found | {"attention": float(attention_disparity(look, self.most)[cell])}

    def of_block(self, point: tuple[int, int], rate: int) -> np.ndarray:
        """Give the shares of all movements in the block of a left point: (movements,)."""
        return self.searched(rate)[0, :, point[0] // self.model.stride, point[1] // self.model.stride]

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def partner(self, point: tuple[int, int], found: Mapping[str, float]) -> Picture:
        """Show the right view with the row where the point must be, and who finds it where."""
        picture = Pillow.fromarray(self.pair[1])
        pen, (row, column) = ImageDraw.Draw(picture), point
        for shift, color in ((-1, "black"), (0, "white"), (1, "black")):
            pen.line((0, row + shift, picture.width, row + shift), fill=color)
        for name, disparity in found.items():
            if np.isfinite(disparity):
                _mark(pen, *MARKS[name], round(column - disparity), row)
        note = ", ".join(f"{SIGNS[MARKS[name][0]]} {name}" for name in found)
        return Picture(np.asarray(picture), "Right view: the point lies on this row", note, width=WIDTH)

    def map(self, view: tuple, layer: str, block: str, rate: int) -> Picture:
        """Show a map over one view or both, or the views themselves."""
        if not view:  # the left view for the eye behind the red glass, the right one for the other
            picture = np.dstack([self.pair[0, :, :, 0], self.pair[1, :, :, 1:]])
            return Picture(picture, "Both views, for red and cyan glasses", "the map is not shown here", width=WIDTH)
        title = next(words for words, name in LAYERS.items() if name == layer)
        if layer == "picture":
            return Picture(np.concatenate(self.pair[list(view)]), "Picture", width=WIDTH)
        values, look = self.maps(layer, block, rate)
        shown = heat(
            np.concatenate([np.asarray(values[v], float) for v in view]), title=title[0].upper() + title[1:], **look
        )
        return replace(shown, image=_over(np.concatenate(self.pair[list(view)]), shown.image), width=WIDTH)

    def maps(self, layer: str, block: str, rate: int) -> tuple[list[np.ndarray], dict]:
        """Give a map of each view, and how it is to be coloured."""
        unknown = np.full(self.pair.shape[1:3], np.nan)
        if layer in BIT_MAPS.values():
            return self.bits(layer, rate)
        if layer == "both":
            maps = [seen_by_both(*self.matched), seen_by_both(*(d[:, ::-1] for d in self.matched[::-1]))[:, ::-1]]
            share = " and ".join(f"{m.mean():.0%}" for m in maps)
            look = {"low": 0, "high": 1, "cmap": "cividis", "note": f"{share} of left and right match both ways"}
            return [m.astype(float) for m in maps], look
        look = {"low": 0, "high": float(self.most), "unit": "pixels", "cmap": DEPTH}
        if layer == "matching":
            return list(self.matched), look | {"note": f"squares of {SIDE} x {SIDE} pixels"}
        if layer == "attention":
            found = attention_disparity(self.attention(block, rate), self.most)
            found = self.fitted(found, self.attention(block, rate).stride)
            return [found, unknown], look | {"note": f"where {block} looks most; of the left view"}
        if layer == "search":
            shares = self.searched(rate)
            maps = [self.fitted(view, self.model.stride) for view in shares.argmax(1) * SEARCH_STEP]
            return maps, look | {"note": f"the largest share of {shares.shape[1]} movements"}
        measured = [unknown if self.truth is None else self.truth, unknown]
        return measured, look | {"note": "unknown here" if self.truth is None else "measured for the left view"}

    def bits(self, layer: str, rate: int) -> tuple[list[np.ndarray], dict]:
        """Give the bits of every position of both views, or those saved, and how they are coloured."""
        found = self.coding(rate)
        joint, separate = found.joint.numpy(), found.separate.numpy()
        if layer == "saved":
            most = max(float(np.abs(separate - joint).max()), 1e-9)
            note = f"both views: {found.saved:.1%} saved against a turned partner"
            look = {"low": -most, "high": most, "cmap": SAVED, "note": note, "unit": "bits"}
            return [self.fitted(bits, found.stride) for bits in separate - joint], look
        bits, most = (joint if layer == "joint" else separate), float(max(joint.max(), separate.max()))
        note = f"{bits.sum() / 8:,.0f} bytes of symbols, side latent spread evenly"
        look = {"low": 0, "high": most, "cmap": BITS, "unit": "bits", "note": note}
        return [self.fitted(part, found.stride) for part in bits], look

    def asked(self, point: tuple[int, int], block: str, rate: int) -> Picture:
        """Show the right view and where the left point gets its values there, all heads together."""
        look = self.attention(block, rate)
        weights = look.map(0, *(p // look.stride for p in point)).mean(0).numpy()
        shown = heat(
            self.fitted(weights * look.heard, look.stride), title="Right view: what the point asks", low=0, cmap=BITS,
            unit="of an even share", note=f"{block}; 1 would be an even share",
        )  # fmt: skip
        return replace(shown, image=_over(self.pair[1], shown.image), width=WIDTH)

    def chart(self, point: tuple[int, int], found: Mapping[str, float]) -> Chart:
        """Show how unlike the squares around the point and around every candidate are."""
        costs = self.costs[: point[1] + 1, point[0], point[1]] / (3 * SIDE**2)
        best = int(found["matching"])
        line = Line(range(len(costs)), costs, "mean |difference|", "ink", big=min(best, len(costs) - 1))
        true = found.get("true", np.nan)
        return Chart(
            [line], "disparity (pixels)", "grey levels", "Which column is it?",
            here=true if np.isfinite(true) else None, xlim=(0, self.most),
            alt=f"Mean difference of the squares over the disparity: least at {best} pixels",
        )  # fmt: skip

    def mixed(self, point: tuple[int, int], rate: int) -> Chart:
        """Show by what shares the search mixes the movements of the right view at the block of the point."""
        shares = self.of_block(point, rate)
        best, moves = int(shares.argmax()), [SEARCH_STEP * number for number in range(len(shares))]
        line = Line(moves, shares, "share of the mixture", MARKS["search"][1], dots=True, big=best)
        true = np.nan if self.truth is None else float(self.truth[point])
        return Chart(
            [line], "movement (pixels)", "share", "What does the search mix?",
            here=true if np.isfinite(true) else None, xlim=(0, moves[-1]), ylim=(0, 1.08),
            alt=f"Shares of the movements: most, {shares[best]:.0%}, at {moves[best]} pixels",
        )  # fmt: skip

    def numbers(self, point: tuple[int, int], found: Mapping[str, float], layer: str, rate: int) -> Table:
        """Say the disparities of the point, and the bits of its position where they are known."""
        rows = [(name, f"{value:.1f} px" if np.isfinite(value) else "unknown") for name, value in found.items()]
        both = bool(seen_by_both(*self.matched)[point])
        rows.append(("matches both ways", "yes" if both else "no: hidden, or without texture"))
        if rate in self.coded and layer in BIT_MAPS.values():
            coded = self.coded[rate]
            cell = tuple(p // coded.stride for p in point)
            for name, bits in (("bits, one file", coded.joint), ("bits, partner turned", coded.separate)):
                rows.append((name, f"{float(bits[(0, *cell)]):.1f}"))
        return Table(("Disparity", ""), rows, f"Row {point[0]}, column {point[1]} of the left view")

    def fitted(self, values: np.ndarray, stride: int) -> np.ndarray:
        """Give every pixel of a view the value of its position, without smoothing: (h', w') -> (h, w)."""
        height, width = self.pair.shape[1:3]
        return np.asarray(values, float).repeat(stride, 0).repeat(stride, 1)[:height, :width]


def motorcycle_crop(top: int = TOP, left: int = LEFT, height: int = HEIGHT, width: int = WIDTH) -> StereoPair:
    """Cut the same window out of both views of the bundled pair, and out of its disparity."""
    window = np.s_[top : top + height, left : left + width]
    return StereoPair(*(np.ascontiguousarray(part[window]) for part in motorcycle()))


def _over(picture: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Lay coloured pixels over a picture in grey: uint8 (h, w, 3) twice -> same."""
    grey = picture.astype(float).mean(axis=2, keepdims=True)
    return np.rint(SHARE * colors + (1 - SHARE) * grey).astype(np.uint8)


def _mark(pen: ImageDraw.ImageDraw, shape: str, color: str, size: int, x: int, y: int) -> None:
    """Draw the outline of a shape around a pixel, `size` pixels to each side, coloured on black."""
    draw: Callable = {"circle": pen.ellipse, "square": pen.rectangle}.get(shape, pen.polygon)
    for reach, ink in ((size, "black"), (size - 1, color), (size - 2, color), (size - 3, "black")):
        box = (x - reach, y - reach, x + reach, y + reach)
        corners = {
            "diamond": [(x, y - reach - 2), (x + reach + 2, y), (x, y + reach + 2), (x - reach - 2, y)],
            "triangle": [(x, y - reach - 2), (x + reach + 2, y + reach), (x - reach - 2, y + reach)],
        }  # fmt: skip
        draw(corners.get(shape, box), outline=ink)
