"""The hyperprior: a small side latent z tells the decoder what to expect of y.

y --analysis--> z --wire--> z_hat --synthesis--> hyper features --context + wire--> y_hat
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from lic_lab.blocks.conv import down
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.entropy.exact import exact_conv, exact_up
from lic_lab.entropy.wires import Wire
from lic_lab.types import Map

STRIDE = 4  # z is four times smaller than y on each side


class HyperLatent(nn.Module):
    """Code z, then y given z_hat; give y_hat, the latent that the decoder holds.

    y: (b, latent, h, w), or None on the decoder, whose latent has the `size` (h, w), multiples of 4.
    widths: channels after each layer of the hyper synthesis; the last is what the context gets.
    Source: Minnen, Balle, Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, Table 1 (without
    its serial context). Only z_hat reaches the synthesis.
    """

    def __init__(self, latent: int, hyper: int, widths: tuple[int, int, int], context: nn.Module):
        super().__init__()
        self.analysis = nn.Sequential(
            nn.Conv2d(latent, hyper, 3, padding=1), nn.LeakyReLU(),
            down(hyper, hyper), nn.LeakyReLU(),
            down(hyper, hyper))  # fmt: skip
        self.density = FactorizedDensity(hyper)
        self.synthesis = nn.Sequential(
            exact_up(hyper, widths[0]), nn.LeakyReLU(),
            exact_up(widths[0], widths[1]), nn.LeakyReLU(),
            exact_conv(widths[1], widths[2]))  # fmt: skip
        self.context = context

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int]) -> Map:
        z = None if y is None else self.analysis(y)
        shape = (1 if y is None else len(y), len(self.density.median), *(math.ceil(n / STRIDE) for n in size))
        z_hat = wire.factorized(z, self.density, shape)  # (b, hyper, h/4, w/4)
        return self.context(y, self.synthesis(z_hat), wire)


class MeanScale(nn.Module):
    """Use no context: the hyper features are the means and the scales, (b, 2 latent, h, w)."""

    def forward(self, y: Tensor | None, hyper: Map, wire: Wire) -> Map:
        mean, scale = hyper.chunk(2, dim=1)
        return wire.gaussian(y, mean, scale)
