"""The bit explorer: what every symbol of a real file cost, by position, by channel, by slice, and what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from lic_lab.coding.tables import Tables
from lic_lab.entropy import gaussian
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import shipped
from lic_lab.ops.geometry import inside
from lic_lab.plots.palette import style
from lic_lab.plots.views import Chart, Line, Picture, Table, heat
from lic_lab.probes.decoding import Decoding, decoding_steps
from lic_lab.widgets.attention import crops
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.decoding_player import channels_label, default_picture, model_of, picture_tensor
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import visible_errors

POSITIONS, CHANNELS, SLICE, SCALES = WHAT = (
    "bits at every position",
    "bits of every channel",
    "one slice",
    "expected and found",
)
BINS = 12  # of expected deviations
FILES = 32  # decoded files that are remembered: each takes about 3 MB for 256 x 256 pixels


class BitExplorer(Explorer):
    """Choose a model, a picture and a rate, and see where the bits of the file go.

    models: a name, or names, of codecs with shipped weights, or name -> model; by default all that are shipped.
    pictures: name -> uint8 (h, w, 3), or (2, h, w, 3) for stereo models; crops of the bundled pictures, and a pair, by
    default. A model offers the pictures that it can code.
    A file is written and decoded when it is first asked for, a second or two, and then remembered, the last 32 of them.
    All bits are those of the integer tables that coded the file; what is no symbol, header and end of the stream,
    stands by itself.
    Raises LicLabError where there is no model, or a model has no picture that it can code.
    """

    def __init__(
        self, models: str | Iterable[str] | Mapping[str, Codec] | None = None, pictures: Mapping | None = None
    ):
        models = shipped() if models is None else [models] if isinstance(models, str) else models
        named = models if isinstance(models, Mapping) else {name: name for name in models}
        self.models = {name: model_of(model) for name, model in named.items()}
        if not self.models:
            raise LicLabError("there is no model to look at: give models, or train one with lic-lab train")
        self.pictures = default_pictures(self.models.values()) if pictures is None else dict(pictures)
        for name, model in self.models.items():
            if not self.fitting(name):
                raise LicLabError(f"{name} codes {_kind(model.views)}, and none is given: add one to pictures")
        self.files: dict[tuple, tuple[bytes, Decoding]] = {}
        self.refitting = False
        first, last = next(iter(self.models)), min(model.rates for model in self.models.values())
        most = max(_slices(model) for model in self.models.values())
        super().__init__(
            self.look,
            name="Where the bits go",
            slow=True,
            model=choose(list(self.models), "Model"),
            picture=choose(self.fitting(first), "Picture"),
            what=choose(WHAT, "Shown"),
            rate=slide(range(last), "Rate point"),
            slice=slide(range(1, most + 1), "Slice", start=1),
        )

    def fitting(self, model: str) -> list[str]:
        """Name the pictures that a model can code."""
        views = self.models[model].views
        return [name for name, picture in self.pictures.items() if (np.ndim(picture) == 4) == (views == 2)]

    @visible_errors
    def on_move(self, change=None) -> None:
        """Follow a handle; a model of pairs offers pairs."""
        if self.refitting:
            return
        picture, names = self.controls["picture"], self.fitting(self.controls["model"].value)
        if [value for _, value in picture._options_full] != names:
            self.refitting = True
            try:
                picture.options = [(name, name) for name in names]
            finally:
                self.refitting = False
        if tuple(self.values.values()) not in self.known and self.key(**self.values) not in self.files:
            self.status.say("writing and reading a file…")
        self.put(self.ask(self.values))
        self.status.say("")

    @staticmethod
    def key(model: str, picture: str, rate: int, **others) -> tuple:
        """Name the file that belongs to some values."""
        return model, picture, rate

    def file(self, model: str, picture: str, rate: int) -> tuple[bytes, Decoding]:
        """Write a picture with a model at a rate point and read it step by step; once, while it is remembered."""
        key = model, picture, rate
        if key not in self.files:
            codec = self.models[model]
            if len(self.files) >= FILES:
                self.files.pop(next(iter(self.files)))
            data = codec.compress(picture_tensor(np.asarray(self.pictures[picture]), codec), float(rate))
            self.files[key] = data, decoding_steps(codec, data)
        return self.files[key]

    def look(self, model: str, picture: str, what: str, rate: int, slice: int) -> list:
        """Give the picture, what was chosen of its bits, and the bill of the file."""
        data, found = self.file(model, picture, rate)
        number = min(slice, len(found.slices)) - 1  # a model with fewer slices shows its last one
        shown = {
            POSITIONS: lambda: [self.positions(found)],
            CHANNELS: lambda: [channel_chart(found, style(model).color)],
            SLICE: lambda: self.slice_maps(found, number),
            SCALES: lambda: [scale_chart(found, number, style(model).color)],
        }[what]()
        original = np.asarray(self.pictures[picture])
        original = original.reshape(-1, *original.shape[-2:])
        first = Picture(original, picture, f"{found.header.width} × {found.header.height} pixels, rate point {rate}")
        return [first, *shown, bill(found, len(data), number)]

    def positions(self, found: Decoding) -> Picture:
        """Show the bits of y at every position, all channels together."""
        return heat(
            _stacked(found, found.bits.sum(1)), title="bits at every position", unit="bits", low=0,
            note=f"{_grid(found)} positions, {found.y_hat.shape[1]} channels each",
        )  # fmt: skip

    def slice_maps(self, found: Decoding, number: int) -> list[Picture]:
        """Show for one slice what it cost, how far its values were expected to scatter, and what they were."""
        channels = list(found.slices[number])
        words = f"slice {number + 1} of {len(found.slices)}, {channels_label(tuple(channels))}"
        bits = _stacked(found, found.bits[:, channels].sum(1))
        expected = _stacked(found, found.scales[:, channels].square().mean(1).sqrt())
        size = _stacked(found, found.symbols[:, channels].square().mean(1).sqrt())
        most = float(max(expected.nan_to_num().max(), size.nan_to_num().max()))
        scale = {"unit": "steps", "low": 0, "high": most, "cmap": "viridis"}
        return [
            heat(bits, title="bits at every position", unit="bits", low=0, note=words),
            heat(expected, title="expected: σ of the tables", note="root mean square over the channels", **scale),
            heat(size, title="found: size of the symbols", note="root mean square over the channels", **scale),
        ]


def default_pictures(models: Iterable[Codec]) -> dict[str, np.ndarray]:
    """Give crops of the bundled photographs, and a pair where a model can code it."""
    pair = {"motorcycle": default_picture(2)} if any(model.views == 2 for model in models) else {}
    return crops() | pair


def bill(found: Decoding, size: int, number: int) -> Table:
    """List what the file holds: side latent, slices, and what is no symbol; with the sum, which is the file."""
    total = 8 * size
    rows, symbols = [["side latent z", f"{found.side_bits:,.0f}", f"{found.side_bits / total:.1%}", ""]], 0
    for place, channels in enumerate(found.slices):
        spent = float(found.bits[:, list(channels)].sum())
        passes = sum(step.slice == place for step in found.steps)
        rows.append([f"slice {place + 1}", f"{spent:,.0f}", f"{spent / total:.1%}", f"{passes}"])
        symbols += spent
    rest = total - symbols - found.side_bits
    rows.append(["header, checks, end", f"{rest:,.0f}", f"{rest / total:.1%}", ""])
    rows.append(["the file", f"{total:,}", "100 %", f"{sum(step.slice is not None for step in found.steps)}"])
    bold = {(number + 1, column) for column in (1, 2)} | {(len(rows) - 1, 1)}
    return Table(("bits of", "bits", "share", "passes"), rows, f"{size:,} bytes × 8 = {total:,} bits", bold)


def channel_chart(found: Decoding, color: str) -> Chart:
    """Chart the bits of every channel, dearest first, views together, and how soon half of all bits are reached."""
    bits = found.bits.sum(dim=(0, 2, 3)).sort(descending=True).values.numpy()
    reached = int(np.searchsorted(bits.cumsum(), bits.sum() / 2)) + 1
    numbers = range(1, len(bits) + 1)
    return Chart(
        [Line(numbers, bits, "one channel", color, width=2)], "channels of y, dearest first", "bits",
        f"{reached} of {len(bits)} channels take half", here=reached + 0.5,
    )  # fmt: skip


def scale_chart(found: Decoding, number: int, color: str) -> Chart:
    """Chart how large the symbols of a slice were against how large their tables expected them to be.

    Symbols are put into bins by the standard deviation of the table that coded them; the line is what whole numbers
    drawn by these tables would give.
    """
    channels = list(found.slices[number])
    scales, symbols = (t[:, channels].flatten().numpy() for t in (found.scales, found.symbols))
    edges = np.geomspace(scales.min() * 0.999, scales.max() * 1.001, BINS + 1)
    where = np.digitize(scales, edges) - 1
    bins = [k for k in range(BINS) if (where == k).sum() >= 8]
    x = [float(np.sqrt(np.square(scales[where == k]).mean())) for k in bins]
    y = [float(np.sqrt(np.square(symbols[where == k]).mean())) for k in bins]
    ladder, promised = gaussian.scale_ladder(), promised_sizes()
    near = (ladder >= min(x, default=1) * 0.9) & (ladder <= max(x, default=1) * 1.1)
    return Chart(
        [
            Line(ladder[near], promised[near], "as the tables promise", "ink", "--"),
            Line(x, y, f"slice {number + 1} of {len(found.slices)}", color, dots=True, width=0),
        ],
        "expected: σ of the table (steps)", "found: RMS of the symbols (steps)",
        "Symbols, expected and found", log_x=True, log_y=True,
    )  # fmt: skip


def promised_sizes() -> np.ndarray:
    """Give the root mean square of the integers of each Gaussian table, the escape left out: (128,)."""
    tables: Tables = gaussian.tables()
    numbers = tables.offset[:, None] + np.arange(tables.freq.shape[1])
    real = np.arange(tables.freq.shape[1]) < tables.size[:, None] - 1
    weights = np.where(real, tables.freq, 0)
    return np.sqrt((weights * numbers.astype(float) ** 2).sum(1) / weights.sum(1))


def _stacked(found: Decoding, values: torch.Tensor) -> torch.Tensor:
    """Put maps of the views (views, h, w) one below the other, a grey row between, without what lies in the padding."""
    first, *others = (inside(view, found.header.height, found.header.width) for view in values)
    between = torch.full_like(first[:1], math.nan)
    return torch.cat([first, *(part for other in others for part in (between, other))])


def _grid(found: Decoding) -> str:
    h, w = inside(found.bits[0, 0], found.header.height, found.header.width).shape
    return f"{w} × {h}" + (" × 2" if len(found.bits) == 2 else "")


def _slices(model: Codec) -> int:
    return len(getattr(model.latent.context, "slices", (1,)))


def _kind(views: int) -> str:
    return "pairs, uint8 (2, h, w, 3)" if views == 2 else "pictures, uint8 (h, w, 3)"
