"""The wavelet explorer: a picture cut into bands, put back from those that are kept; the channels of a latent too."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_model
from lic_lab.ops.color import image_to_tensor
from lic_lab.ops.wavelets import WAVELETS, wavedec2, waverec2
from lic_lab.plots.views import Picture, Table
from lic_lab.plots.wavelets import GREY, pyramid_image
from lic_lab.probes.wavelets import KINDS, energy_shares, keep_bands, named_bands
from lic_lab.widgets.controls import choose, slide, switch
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import visible_errors
from lic_lab.widgets.sweep import shrink

LEVELS = (1, 2, 3, 4)


class WaveletExplorer(Explorer):
    """Choose a wavelet, its levels and the bands to keep; see the bands, what they give back, and their energies.

    picture: anything `read_image` takes, the bundled astronaut by default.   model: name of a codec with shipped
    weights, or a model, whose strongest latent channels of this picture can be chosen in its place; None for no model.
    channels: how many of them.   longest: a larger picture is scaled down to so many pixels.
    What is transformed is in [0, 1]; a latent channel is stretched to that range, so its PSNR has its range as peak.
    Where a model has no weights here, the status line says so and the picture alone can be chosen.
    """

    def __init__(
        self, picture=None, model: str | Codec | None = "asymmetric", *, channels: int = 3, longest: int = 384
    ):
        if longest < 1:
            raise LicLabError(f"a picture of {longest} pixels cannot be shown: give longest=1 or more")
        picture = bundled_images()["astronaut"] if picture is None else read_image(picture)
        x = image_to_tensor(shrink(picture, longest))
        self.missing = ""  # why no latent can be chosen
        self.maps: dict[str, Tensor] = {"picture": x[0]}
        self.found: dict[tuple, tuple] = {}
        try:
            self.maps |= strongest_channels(load_model(model) if isinstance(model, str) else model, x, channels)
        except LicLabError as error:
            self.missing = str(error)
        keeps = {kind: switch(f"keep {kind}") for kind in KINDS}
        super().__init__(
            self.look,
            name="Wavelet bands",
            of=choose(list(self.maps), "Transform"),
            wavelet=choose(list(WAVELETS), "Wavelet"),
            levels=slide(LEVELS, "Levels", start=2),
            **keeps,
        )
        self.status.say(self.missing)

    @visible_errors
    def on_move(self, change=None) -> None:
        """Follow a handle; why there is no latent stays on the status line."""
        self.put(self.ask(self.values))
        self.status.say(self.missing)

    def look(self, of: str, wavelet: str, levels: int, **keep: bool) -> list:
        """Give the pyramid as one picture, what the kept bands give back, and the energies as a table."""
        x, kinds = self.maps[of], [kind for kind in KINDS if keep[kind]]
        pyramid, shares = self.bands_of(of, wavelet, levels)
        back = waverec2(keep_bands(pyramid, kinds), x.shape[-2:], wavelet)
        back = back if keep["LL"] else back + GREY  # nothing is left but details around zero
        bands = Picture(pyramid_image(pyramid), f"{wavelet}, {levels} level{'s' * (levels > 1)}: {of}", BANDS_NOTE)
        return [bands, self.rebuilt(x, back, kinds), energy_table(pyramid, shares, kinds)]

    def bands_of(self, of: str, wavelet: str, levels: int) -> tuple[list, dict[str, float]]:
        """Give the pyramid of a map and the shares of its bands, found once."""
        key = of, wavelet, levels
        if key not in self.found:
            x = self.maps[of]
            self.found[key] = wavedec2(x, levels, wavelet), energy_shares(x, levels, wavelet)
        return self.found[key]

    def rebuilt(self, x: Tensor, back: Tensor, kinds: list[str]) -> Picture:
        """Show what the kept bands give back, with its PSNR or, where nothing was dropped, its largest error."""
        error = (back - x).double()
        if len(kinds) == len(KINDS):
            note = f"everything kept: the largest error is {float(error.abs().max()):.1g} of the range"
        else:
            db = -10 * math.log10(float(error.square().mean()) or math.ulp(0))
            note = f"PSNR {db:.2f} dB" + ("" if "LL" in kinds else ", around middle grey: the mean is in LL")
        return Picture(_levels(back), f"put back from {' + '.join(kinds) or 'nothing'}", note)


BANDS_NOTE = "LL top left, HL right, LH below; details × 4"


def strongest_channels(model: Codec | None, x: Tensor, count: int) -> dict[str, Tensor]:
    """Give the latent channels of a picture (1, 3, h, w) that vary most: label -> (h/16, w/16), stretched to [0, 1]."""
    if model is None:
        return {}
    if model.views != 1:
        raise LicLabError(f"{type(model).__name__} looks at pairs: choose a model of single pictures")
    with torch.no_grad():
        y = model.analyse(x)[0]
    found = {}
    for channel in y.var(dim=(1, 2)).argsort(descending=True)[: max(count, 0)].tolist():
        low, high = y[channel].min(), y[channel].max()
        found[f"latent channel {channel}"] = (y[channel] - low) / (high - low).clamp(min=1e-12)
    return found


def energy_table(pyramid: list, shares: dict[str, float], kinds: list[str]) -> Table:
    """List every band of a pyramid with its size, its share of the energy, and whether its kind is kept."""
    rows, kept = [], 0.0
    for name, band in named_bands(pyramid).items():
        on = name[:2] in kinds
        kept += shares[name] * on
        size = f"{band.shape[-1]} × {band.shape[-2]}"
        rows.append((name, size, f"{shares[name]:.2%}", "kept" if on else "dropped"))
    caption = f"Energy without the mean; {kept:.1%} of it is kept"
    return Table(("Band", "size", "share", ""), rows, caption)


def _levels(x: Tensor) -> np.ndarray:
    """(3, h, w) or (h, w) in [0, 1] -> uint8 with the channels last; values beyond are clipped."""
    levels = (x.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1) if levels.ndim == 3 else levels)
