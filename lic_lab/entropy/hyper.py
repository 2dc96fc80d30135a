"""The hyperprior: a small side latent z tells the decoder what to expect of y.

y --analysis--> z --wire--> z_hat --synthesis--> hyper features --context + wire--> y_hat
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lic_lab.blocks.conv import down
from lic_lab.blocks.exact import exact_conv, exact_up
from lic_lab.entropy.density import FactorizedDensity
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


class MiddleLatent(nn.Module):
    """Code z, then a middle latent m given z_hat, then y given both: three scales, each described by the one below.

    y (b, latent, h, w), m (b, middle, h/2, w/2), z (b, hyper, h/4, w/4). Arguments otherwise as `HyperLatent`.
    """

    def __init__(self, latent: int, hyper: int, widths: tuple[int, int, int], context: nn.Module, *, middle: int):
        super().__init__()
        self.to_middle = nn.Sequential(
            nn.Conv2d(latent, hyper, 3, padding=1), nn.LeakyReLU(), down(hyper, middle))  # fmt: skip
        self.to_side = nn.Sequential(nn.LeakyReLU(), down(middle, hyper))
        self.density = FactorizedDensity(hyper)
        self.from_side = nn.Sequential(exact_up(hyper, widths[0]), nn.LeakyReLU())
        self.params = exact_conv(widths[0], 2 * middle, 1)
        self.from_middle = nn.Sequential(
            exact_up(widths[0] + middle, widths[1]), nn.LeakyReLU(), exact_conv(widths[1], widths[2]))  # fmt: skip
        self.context = context
        nn.init.constant_(self.params.bias[middle:], 1.0)

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int]) -> Map:
        m = None if y is None else self.to_middle(y)
        z = None if m is None else self.to_side(m)
        shape = (1 if y is None else len(y), len(self.density.median), *(math.ceil(n / STRIDE) for n in size))
        guess = self.from_side(wire.factorized(z, self.density, shape))  # (b, widths[0], h/2, w/2)
        mean, scale = self.params(guess).chunk(2, dim=1)
        m_hat = wire.gaussian(m, mean, scale, "m")
        return self.context(y, self.from_middle(torch.cat([guess, m_hat], dim=1)), wire)


class BareLatent(nn.Module):
    """Code y with no side latent: the context gets learned constants for hyper features (ablation).

    y (b, latent, h, w), or None on the decoder.   features: how many the context expects.
    """

    density = None

    def __init__(self, features: int, context: nn.Module):
        super().__init__()
        self.features = nn.Parameter(torch.randn(1, features, 1, 1))
        self.context = context

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int]) -> Map:
        batch = 1 if y is None else len(y)
        hyper = self.features.to(wire.dtype).expand(batch, -1, *size)
        return self.context(y, hyper, wire)


def latent_model(
    latent: int, hyper: int, widths: tuple[int, int, int], context: nn.Module, *, middle: int = 0,
    hyperprior: bool = True,
) -> nn.Module:  # fmt: skip
    """Make the entropy model of a latent: with z below it, with a middle latent too, or with nothing."""
    if not hyperprior:
        return BareLatent(widths[-1], context)
    if middle:
        return MiddleLatent(latent, hyper, widths, context, middle=middle)
    return HyperLatent(latent, hyper, widths, context)


class MeanScale(nn.Module):
    """Use no context: the hyper features are the means and the scales, (b, 2 latent, h, w)."""

    def forward(self, y: Tensor | None, hyper: Map, wire: Wire) -> Map:
        mean, scale = hyper.chunk(2, dim=1)
        return wire.gaussian(y, mean, scale)
