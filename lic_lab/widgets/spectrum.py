"""The spectrum explorer: which frequencies each block of a model keeps, ring by ring, on one picture or on all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import display

from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_model, shipped
from lic_lab.plots.spectrum import path_style
from lic_lab.plots.views import Chart, Line, Picture, Table, heat
from lic_lab.probes.features import Features, block_features
from lic_lab.probes.rings import band_pass, energy_shares, radius, ring_profile
from lic_lab.probes.spectrum import BlockSpectrum, centre, feature_spectrum, last_block
from lic_lab.probes.twins import untrained
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import Progress, visible_errors

ALL = "mean of all"
STEPS = 8  # rings from zero to pi; a map of 16 x 16 positions has no finer ones
EDGES = (*(k / STEPS for k in range(STEPS + 1)), sqrt(2) + 1e-9)  # the last ring is the four corners
LARGE = 256  # pixels of a map that is shown
MULTIPLE = 64  # pixels: every model's analysis and its side latent together halve a picture six times
RING = np.array([0, 255, 255], np.uint8)  # cyan: nowhere in the colour map of the spectrum
SIGNED = "RdBu_r"


@dataclass(frozen=True)
class Look:
    """What is kept of one block on one picture.

    spectrum: of all its channels.   shares: of the energy in each ring, zero frequency not counted, mean over channels.
    channel, strongest: the number and the map (h, w) of the channel that varies most.   stride: pixels of the picture
    for one position of the map.
    """

    spectrum: BlockSpectrum
    shares: np.ndarray
    channel: int
    strongest: torch.Tensor
    stride: int


class SpectrumExplorer(Explorer):
    """Choose a model, a block of it, a picture and a ring of frequencies.

    Shown are the picture, the spectrum with the ring in it, log amplitude by frequency, what the block's strongest
    channel holds within the ring, and the numbers.
    models: names of shipped models, or name -> model; by default every shipped one and its untrained twin.   pictures:
    name -> anything `read_image` takes; by default the bundled ones. A stereo model sees the picture in both views.
    side: pixels of the square that is cut out of each, by default 256 or the largest multiple of 64 that all have.
    All spectra of a model are computed when it is chosen first; afterwards a move only looks up. Raises LicLabError for
    an unknown model, one without weights, no picture, one that is too small, and a side that would be padded.
    """

    def __init__(
        self,
        models: Sequence[str] | Mapping[str, Codec] | None = None,
        pictures: Mapping[str, np.ndarray] | None = None,
        *,
        side: int | None = None,
    ):
        self.models = _makers(models)
        pictures = bundled_images() if pictures is None else {name: read_image(p) for name, p in pictures.items()}
        if not pictures:
            raise LicLabError("there is no picture to look at: give name -> uint8 (h, w, 3)")
        if side and side % MULTIPLE:
            raise LicLabError(f"a square of {side} pixels would be padded: use a multiple of {MULTIPLE} pixels")
        side = side or min(LARGE, min(min(p.shape[:2]) for p in pictures.values()) // MULTIPLE * MULTIPLE)
        self.pictures = {name: centre(picture, side) for name, picture in pictures.items()}
        self.looks: dict[str, list[dict[str, Look]]] = {}  # by model: for each block in order, by picture
        first = self.progress = Progress()  # for the wait before the panel itself appears, when its cell is done
        self.changing = False
        if get_ipython() is not None:
            display(first)
        rings = [f"{low:.3f} to {high:.3f} π" for low, high in pairwise(EDGES)]
        controls = {
            "model": choose(list(self.models), "Model"),
            "picture": choose([*self.pictures, *([ALL] if len(self.pictures) > 1 else [])], "Picture"),
            "block": slide(range(2), "Block"),
            "ring": slide(range(len(rings)), "Ring", 2),
        }
        controls["ring"].options = [(label, number) for number, label in enumerate(rings)]
        controls["ring"].value = 2
        controls["block"].layout.max_width = controls["ring"].layout.max_width = "760px"
        self.fill_blocks(controls)
        super().__init__(self.look, name="Spectrum explorer", **controls)
        self.progress = Progress()
        self.children = (*self.children, self.progress)

    @visible_errors
    def on_move(self, change=None) -> None:
        """Follow a handle; another model has other blocks, and its spectra may have to be computed first."""
        if self.changing:
            return
        if change is not None and change.owner is self.controls["model"]:
            self.changing = True
            try:
                self.fill_blocks(self.controls)
            finally:
                self.changing = False
        super().on_move(change)

    def fill_blocks(self, controls: Mapping) -> None:
        """Give the slider the blocks of the model that is chosen, and put it at the last one before the latent."""
        looks = self.of(controls["model"].value)
        places = [next(iter(look.values())).spectrum for look in looks]
        labels = [f"{n + 1} of {len(places)} · {_place(one, places)}" for n, one in enumerate(places)]
        controls["block"].options = [(label, number) for number, label in enumerate(labels)]
        controls["block"].value = places.index(last_block(places))

    def of(self, model: str) -> list[dict[str, Look]]:
        """Give what is known of a model, computed with a progress bar where it was never asked for."""
        if model not in self.looks:
            net = self.models[model]()
            self.progress.start(len(self.pictures))
            try:
                by_picture = {}
                for name, picture in self.pictures.items():
                    by_picture[name] = looked(net, picture)
                    self.progress.step(f"{model} on {name}")
            finally:
                self.progress.finish()
            count = len(next(iter(by_picture.values())))
            self.looks[model] = [{name: found[n] for name, found in by_picture.items()} for n in range(count)]
        return self.looks[model]

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def look(self, model: str, picture: str, block: int, ring: int) -> list:
        """Give the views for the values of the handles."""
        looks = self.of(model)
        one = looks[min(block, len(looks) - 1)]
        low, high = EDGES[ring], EDGES[ring + 1]
        views = [self.picture_view(picture), spectrum_view(_amplitude(one, picture), low, high)]
        shown = one[next(iter(self.pictures)) if picture == ALL else picture]
        of = f" of {next(iter(self.pictures))}" if picture == ALL else ""
        return [
            *views,
            channel_view(shown, low, high, of),
            self.chart(looks, one, picture, ring),
            table(one, picture, ring),
        ]

    def picture_view(self, picture: str) -> Picture:
        """Give the picture, or all of them in one."""
        if picture != ALL:
            return Picture(self.pictures[picture], title=picture, width=320)
        rows = int(np.ceil(np.sqrt(len(self.pictures))))
        small = [p[::rows, ::rows] for p in self.pictures.values()]
        side = small[0].shape[0]
        sheet = np.full((-(-len(small) // rows) * side, rows * side, 3), 128, np.uint8)
        for number, each in enumerate(small):
            row, column = divmod(number, rows)
            sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = each
        return Picture(sheet, title=f"{len(small)} pictures", alt=", ".join(self.pictures), width=320)

    def chart(self, looks: Sequence[dict[str, Look]], one: dict[str, Look], picture: str, ring: int) -> Chart:
        """Give log amplitude against frequency: of this block and the paths in it, or of it among all blocks."""
        here = next(iter(one.values())).spectrum
        shown = [next(iter(other.values())).spectrum for other in looks]
        family = {here.block or here.path}
        paths = sum(bool(family & {each.block, each.path}) for each in shown) > 1
        lines, others = [], "the other blocks"
        for each, other in zip(shown, looks, strict=True):
            mine = each.path == here.path
            if (not mine) and (not family & {each.block, each.path} if paths else each.block):
                continue
            where, means = ring_profile(_amplitude(other, picture))
            color, dash = path_style(each.name)
            if paths or mine:
                label, width = each.name, 2.8 if mine else 1.2
            else:
                label, width, others = others, 0.6, ""
            lines.append(Line(where, means - means[0], label, "ink" if mine else color, dash=dash, width=width))
        middle = (EDGES[ring] + EDGES[ring + 1]) / 2
        return Chart(
            lines, x="distance from zero frequency, units of π", y="relative log amplitude (mean over rings)",
            title=_place(here, shown), here=middle, xlim=(0, sqrt(2)),
        )  # fmt: skip


@torch.no_grad()
def looked(model: Codec, picture: np.ndarray) -> list[Look]:
    """Take what is worth keeping of every block of a model, paths inside of blocks included, on one square picture."""
    views = picture if model.views == 1 else np.stack([picture] * model.views)
    return [_kept(one, len(picture)) for one in block_features(model, views, insides=True)]


def _kept(one: Features, side: int) -> Look:
    maps = one.maps[0].float()  # of a pair of equal views, the first
    spectrum = feature_spectrum(maps[None])
    power = torch.fft.fftshift(torch.fft.fft2(maps).abs().square(), (-2, -1))
    shares = [energy_shares(power, low, high).mean() for low, high in pairwise(EDGES)]
    channel = int(maps.var((-2, -1), unbiased=False).argmax())
    small = spectrum.amplitude.astype(np.float32)  # half of what all models and pictures together take
    place = replace(spectrum, path=one.path, name=one.name, block=one.block, amplitude=small)
    return Look(place, np.array(shares), channel, maps[channel].clone(), side // maps.shape[-1])


def spectrum_view(amplitude: np.ndarray, low: float, high: float) -> Picture:
    """Show a shifted log spectrum (h, h) with the ring low <= radius < high between two lines."""
    times = max(1, LARGE // len(amplitude))
    shown = heat(
        np.kron(amplitude, np.ones((times, times))), title="its spectrum, zero in the middle", unit="log amplitude",
        note="cyan: the ring", width=320,
    )  # fmt: skip
    side = shown.image.shape[0]
    far, line = radius(side, side) + 0.0, 1.2 * 2 / side
    near = np.abs(far[..., None] - np.array([edge for edge in (low, high) if edge > 0])).min(-1)
    shown.image[near < line / 2] = RING
    return shown


def channel_view(look: Look, low: float, high: float, of: str = "") -> Picture:
    """Show what the strongest channel holds within a ring, magnified, red above zero and blue below."""
    held = band_pass(look.strongest, low, high).numpy()
    far = max(float(np.abs(held).max()), 1e-12)
    times = max(1, LARGE // len(held))
    return heat(
        np.kron(held, np.ones((times, times))), title=f"channel {look.channel}{of}, this ring only", low=-far, high=far,
        cmap=SIGNED, note=f"the channel that varies most; {len(held)} x {len(held)} positions", width=320,
    )  # fmt: skip


def table(one: Mapping[str, Look], picture: str, ring: int) -> Table:
    """Give the numbers of a block: on the picture, and the mean and the spread over all of them."""
    stride, low, high = next(iter(one.values())).stride, EDGES[ring], EDGES[ring + 1]
    waves = (
        f"waves of {2 * stride / high:.0f} to {2 * stride / low:.0f} pixels" if low else "zero and the longest waves"
    )
    numbers = np.array([(look.spectrum.delta, look.spectrum.tilt, 100 * look.shares[ring]) for look in one.values()])
    rows = [] if picture == ALL else [_row(picture, numbers[list(one).index(picture)])]
    if len(numbers) > 1:
        rows.append(_row(f"mean of {len(numbers)}", numbers.mean(0)))
        spread = numbers.std(0, ddof=1)
        rows.append(("spread (1 sd)", *(f"{value:.2f}" for value in spread[:2]), f"{spread[2]:.1f} %"))
    if next(iter(one.values())).spectrum.silent:
        waves = "nothing but rounding, this block is silent"
    return Table(("", "delta", "tilt", "in ring"), rows, f"In this ring: {waves}.")


def _row(name: str, numbers: Sequence[float]) -> tuple[str, ...]:
    delta, tilt, share = numbers
    return name, f"{delta:+.2f}", f"{tilt:+.2f}", f"{share:.1f} %"


def _makers(models: Sequence[str] | Mapping[str, Codec] | None) -> dict[str, Callable[[], Codec]]:
    """How to get each model, by name; nothing is loaded before it is chosen."""
    makers: dict[str, Callable[[], Codec]] = {}
    if isinstance(models, Mapping):
        makers = {name: (lambda model=model: model) for name, model in models.items()}
    else:
        for name in shipped() if models is None else models:
            makers[name] = lambda name=name: load_model(name)
            if models is None:
                makers[f"{name}, untrained"] = partial(_twin, name)
    if not makers:
        raise LicLabError("no trained weights are here to look into: give models={name: model}")
    return makers


def _place(one: BlockSpectrum, places: Sequence[BlockSpectrum]) -> str:
    """What a place is called: "GDN", or "ContentAdaptive: SSM path"."""
    block = next((place.name for place in places if place.path == one.block), "")
    return f"{block}: {one.name}" if block else one.name


def _amplitude(one: Mapping[str, Look], picture: str) -> np.ndarray:
    """The spectrum of a block on a picture, or its mean over all of them."""
    if picture != ALL:
        return one[picture].spectrum.amplitude
    return np.mean([look.spectrum.amplitude for look in one.values()], axis=0)


def _twin(name: str) -> Codec:
    """The same network with fresh weights, its blocks awake and its transforms without the DCT that they begin with."""
    return untrained(name, load_model(name).preset, shortcut=None, awake=True)
