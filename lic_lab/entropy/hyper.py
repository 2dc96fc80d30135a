"""The hyperprior: a small side latent z tells the decoder what to expect of y.

y --analysis--> z --wire--> z_hat --synthesis--> hyper features --context + wire--> y_hat
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lic_lab.blocks.conv import down, same
from lic_lab.blocks.exact import exact_conv, exact_up
from lic_lab.blocks.stereo import Layer, own_view
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.entropy.wires import Wire
from lic_lab.types import Map

STRIDE = 4  # z is four times smaller than y on each side


class HyperLatent(nn.Module):
    """Code z, then y given z_hat; give y_hat, the latent that the decoder holds.

    y: (b, latent, h, w), or None on the decoder; its latent has the `size` (b, h, w), h and w multiples of 4.
    widths: channels after each layer of the hyper synthesis; the last is what the context gets.   layer: makes each
    layer, so that it can see two views (`blocks.stereo.AcrossViews`).   branches: hyper syntheses side by side.
    Source: Minnen, Balle, Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, Table 1 (without
    its serial context). Only z_hat reaches the synthesis.
    """

    def __init__(
        self, latent: int, hyper: int, widths: tuple[int, int, int], context: nn.Module, *,
        layer: Layer = own_view, branches: int = 1,
    ):  # fmt: skip
        super().__init__()
        self.analysis = nn.Sequential(
            layer(same, latent, hyper), nn.LeakyReLU(),
            layer(down, hyper, hyper), nn.LeakyReLU(),
            layer(down, hyper, hyper))  # fmt: skip
        self.density = FactorizedDensity(hyper)
        synthesis = [hyper_synthesis(hyper, widths, layer) for _ in range(branches)]
        self.synthesis = SideBySide(*synthesis) if branches > 1 else synthesis[0]
        self.context = context

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int, int]) -> Map:
        z = None if y is None else self.analysis(y)
        z_hat = wire.factorized(z, self.density, side_shape(self.density, size))  # (b, hyper, h/4, w/4)
        return self.context(y, self.synthesis(z_hat), wire)


def hyper_synthesis(hyper: int, widths: tuple[int, int, int], layer: Layer = own_view) -> nn.Sequential:
    """Make what turns z_hat into hyper features: (b, hyper, h, w) -> (b, widths[2], 4h, 4w), exact when coding."""
    return nn.Sequential(
        layer(exact_up, hyper, widths[0]), nn.LeakyReLU(),
        layer(exact_up, widths[0], widths[1]), nn.LeakyReLU(),
        layer(exact_conv, widths[1], widths[2]))  # fmt: skip


class SideBySide(nn.ModuleList):
    """Put the answers of several modules to one question side by side, channel after channel."""

    def __init__(self, *modules: nn.Module):
        super().__init__(modules)

    def forward(self, x: Map) -> Map:
        return torch.cat([module(x) for module in self], dim=1)


def side_shape(density: FactorizedDensity, size: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Give the shape of z, (b, hyper, h/4, w/4), for a latent y of size (b, h, w)."""
    batch, *sides = size
    return batch, len(density.median), *(math.ceil(n / STRIDE) for n in sides)


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

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int, int]) -> Map:
        m = None if y is None else self.to_middle(y)
        z = None if m is None else self.to_side(m)
        z_hat = wire.factorized(z, self.density, side_shape(self.density, size))
        guess = self.from_side(z_hat)  # (b, widths[0], h/2, w/2)
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

    def forward(self, y: Map | None, wire: Wire, size: tuple[int, int, int]) -> Map:
        batch, *sides = size
        return self.context(y, self.features.to(wire.dtype).expand(batch, -1, *sides), wire)


def latent_model(
    latent: int, hyper: int, widths: tuple[int, int, int], context: nn.Module, *, middle: int = 0,
    hyperprior: bool = True, **layers,
) -> nn.Module:  # fmt: skip
    """Make the entropy model of a latent: with z below it, with a middle latent too, or with nothing.

    layers: `layer` and `branches` of `HyperLatent`.
    """
    if not hyperprior:
        return BareLatent(widths[-1], context)
    if middle:
        return MiddleLatent(latent, hyper, widths, context, middle=middle)
    return HyperLatent(latent, hyper, widths, context, **layers)


class MeanScale(nn.Module):
    """Use no context: the hyper features are the means and the scales, (b, 2 latent, h, w)."""

    def forward(self, y: Tensor | None, hyper: Map, wire: Wire) -> Map:
        mean, scale = hyper.chunk(2, dim=1)
        return wire.gaussian(y, mean, scale)
