"""The attention explorer: what the gate of a wavelet attention and the post-quantisation filter do to real files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from torch import Tensor

from lic_lab.blocks.wavelet import FLOOR
from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_model
from lic_lab.ops.color import image_to_tensor, tensor_to_image
from lic_lab.ops.geometry import inside
from lic_lab.plots.gates import GATES as COLORS
from lic_lab.plots.views import Picture, Table, heat
from lic_lab.probes.bitmaps import BitMap, bit_map
from lic_lab.probes.gates import forced_gate, used_gate, without_post_filter
from lic_lab.widgets.controls import choose, slide, switch
from lic_lab.widgets.explorer import Explorer

SIDE = 256  # pixels of the crops that are shown by default
CHOICES = {"trained": "trained", "mean (of each channel)": "mean", "off (1 everywhere)": "off"}
SCALES = {"0.3 to 1": False, "as far as it reaches": True}


class Written(NamedTuple):
    """One file: its bytes, the gate (latent, h/16, w/16) that its encoder used, and the bits of its symbols."""

    data: bytes
    gate: Tensor
    bits: BitMap


class AttentionExplorer(Explorer):
    """Choose a gate and a rate, and see gate, bits and picture of a real file, beside the file of the trained gate.

    model: name of a codec with shipped weights, or a model, with a wavelet attention and a post-quantisation filter.
    pictures: name -> anything `read_image` takes; crops of the bundled pictures by default.
    Every file is written and decoded once and then remembered. The filter is the decoder's: it changes no byte.
    Raises LicLabError for a model without a gate or a filter, or without weights here.
    """

    def __init__(self, model: str | Codec = "asymmetric", pictures: Mapping[str, np.ndarray] | None = None):
        self.model = load_model(model) if isinstance(model, str) else model
        self.pictures = crops() if pictures is None else {name: read_image(p) for name, p in pictures.items()}
        if not self.pictures:
            raise LicLabError("there is no picture to look at: give at least one")
        with forced_gate(self.model, "off"), without_post_filter(self.model):
            pass  # a model that has none of the two is refused now, and not when a handle is moved
        self.files: dict[tuple, Written] = {}
        self.decoded: dict[tuple, np.ndarray] = {}
        super().__init__(
            self.look,
            name="Wavelet attention",
            slow=True,
            picture=choose(list(self.pictures), "Picture"),
            gate=choose(CHOICES, "Attention"),
            stretch=choose(SCALES, "Gate colours"),
            post_filter=switch("post-quantisation filter"),
            rate=slide(range(self.model.rates), "Rate point"),
        )

    def look(self, picture: str, gate: str, stretch: bool, post_filter: bool, rate: int) -> list:
        """Give the decoded picture, the gate over the original, the bits of every position, and the numbers."""
        chosen, trained = self.file(picture, gate, rate), self.file(picture, "trained", rate)
        size = self.pictures[picture].shape[:2]
        most = float(trained.bits.positions.max())  # one scale for all gates
        bits = heat(
            inside(chosen.bits.positions[0], *size), title="bits per position", unit="bits",
            low=0, high=most, note=f"{8 * len(chosen.data):,} bits in the file; side latent spread",
        )  # fmt: skip
        decoded = self.picture(picture, gate, rate, post_filter)
        words = f"{len(chosen.data):,} bytes, {psnr(self.pictures[picture], decoded):.2f} dB"
        shown = Picture(decoded, f"decoded, filter {'on' if post_filter else 'off'}", words)
        return [
            shown,
            self.gate_map(picture, chosen, stretch),
            bits,
            self.numbers(picture, gate, rate, post_filter),
        ]

    def file(self, picture: str, gate: str, rate: int) -> Written:
        """Write a picture with a gate at a rate point, once."""
        key = picture, gate, rate
        if key not in self.files:
            x = image_to_tensor(self.pictures[picture])
            with forced_gate(self.model, gate):
                data = self.model.compress(x, float(rate))
            self.files[key] = Written(data, used_gate(self.model, x, gate)[0], bit_map(self.model, data))
        return self.files[key]

    def picture(self, picture: str, gate: str, rate: int, post_filter: bool) -> np.ndarray:
        """Decode a file with or without the post-quantisation filter, once: uint8 (h, w, 3)."""
        key = picture, gate, rate, post_filter
        if key not in self.decoded:
            data = self.file(picture, gate, rate).data
            if post_filter:
                x_hat = self.model.decompress(data)
            else:
                with without_post_filter(self.model):
                    x_hat = self.model.decompress(data)
            self.decoded[key] = tensor_to_image(x_hat)
        return self.decoded[key]

    def gate_map(self, picture: str, file: Written, stretch: bool) -> Picture:
        """Show the gate of every position, the mean over channels, over the picture in grey.

        Below it the range of the channels, and the mean gate of a bit: most channels carry few bits or none.
        """
        original = self.pictures[picture]
        gate = inside(file.gate, *original.shape[:2])  # (latent, h/16, w/16)
        mean = gate.mean(0)
        ends = {} if stretch and mean.min() < mean.max() else {"low": FLOOR, "high": 1.0}
        channels, bits = gate.mean((1, 2)).cpu(), file.bits.channels[0]
        of_a_bit = float((channels * bits).sum() / bits.sum())
        note = f"channels {float(channels.min()):.2f} to {float(channels.max()):.2f}; weighted by bits {of_a_bit:.3f}"
        shown = heat(mean, title="gate, mean over channels", cmap=COLORS, note=note, **ends)
        return replace(shown, image=laid_over(original, shown.image))

    def numbers(self, picture: str, gate: str, rate: int, post_filter: bool) -> Table:
        """Compare the file that is shown with that of the trained gate and its filter."""
        pairs = [(gate, post_filter)] + [("trained", True)] * ((gate, post_filter) != ("trained", True))
        rows, found, original = [], [], self.pictures[picture]
        for which, mended in pairs:
            data = self.file(picture, which, rate).data
            found.append((len(data), psnr(original, self.picture(picture, which, rate, mended))))
            label = f"{which}, {'filter' if mended else 'no filter'}"
            rows.append((label, f"{len(data):,}", f"{bpp(data, *original.shape[:2]):.3f}", f"{found[-1][1]:.2f}"))
        if len(found) == 2:
            (size, db), (before, before_db) = found
            rows.append(("difference", f"{size - before:+,}", f"{size / before - 1:+.1%}", f"{db - before_db:+.2f}"))
        caption = f"λ = {self.model.lambdas[rate]:.3g}; PSNR in dB"
        return Table(("Gate", "bytes", "bpp", "dB"), rows, caption)


def crops(side: int = SIDE) -> dict[str, np.ndarray]:
    """Give the middle square of every bundled photograph that is stored without loss: name -> uint8 (side, side, 3)."""
    found = {}
    for name in ("astronaut", "chelsea", "coffee"):
        if name in (images := bundled_images()):
            height, width = images[name].shape[:2]
            top, left = (height - side) // 2, (width - side) // 2
            found[name] = np.ascontiguousarray(images[name][top : top + side, left : left + side])
    return found


def laid_over(picture: np.ndarray, colors: np.ndarray, share: float = 0.65, stride: int = 16) -> np.ndarray:
    """Lay a small coloured map (h/stride, w/stride, 3) over a picture in grey: uint8 (h, w, 3) -> same."""
    height, width = picture.shape[:2]
    whole = Pillow.fromarray(colors).resize(
        (colors.shape[1] * stride, colors.shape[0] * stride), Pillow.Resampling.NEAREST
    )
    grey = picture.astype(float).mean(axis=2, keepdims=True)
    mixed = share * np.asarray(whole)[:height, :width] + (1 - share) * grey
    return np.rint(mixed).astype(np.uint8)
