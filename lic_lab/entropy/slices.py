"""Channel slices: later channels are predicted from earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise

import torch
import torch.nn.functional as F
from torch import nn

from lic_lab.blocks.exact import exact_conv
from lic_lab.blocks.graft import as_identity
from lic_lab.entropy.wires import Wire
from lic_lab.types import Map


class SliceContext(nn.Module):
    """Code the latent in channel slices, each conditioned on the hyper features and the slices before it.

    Shapes: y (b, sum(slices), h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    step(inputs, size) makes the module that codes one slice: `forward(y, seen, wire)` gives what the decoder holds of
    it, seen (b, inputs, h, w) being all that it may look at.
    Source: Minnen and Singh, "Channel-wise autoregressive entropy models", ICIP 2020, Sec. 2. Ours: slices may differ
    in size (He et al., ELIC, CVPR 2022, Sec. 3).
    """

    def __init__(self, slices: tuple[int, ...], features: int, step: Callable[[int, int], nn.Module]):
        super().__init__()
        self.slices = slices
        known = accumulate(slices, initial=features)
        self.steps = nn.ModuleList(step(inputs, size) for inputs, size in zip(known, slices, strict=False))

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        parts = [None] * len(self.slices) if y is None else y.split(self.slices, dim=1)
        known: list[Map] = []  # all that a step may look at, beside the hyper features
        for part, step in zip(parts, self.steps, strict=True):
            known.append(step(part, torch.cat([hyper, *known], dim=1), wire))
        return torch.cat(known, dim=1)  # y_hat


class SliceStep(nn.Module):
    """Code one slice, all positions at once, from features of what is known; then guess its rounding error.

    Shapes: y (b, size, h, w) or None on the decoder; seen (b, inputs, h, w) -> (b, size, h, w).
    features: a module (b, inputs, h, w) -> (b, width, h, w).   residual: see `residual_network`.
    """

    def __init__(
        self, features: nn.Module, width: int, size: int, *, kernel: int = 1, residual: tuple[int, ...] | None = ()
    ):
        super().__init__()
        self.features = features
        self.params = mean_scale(width, size, kernel)
        self.residual = residual_network(width, size, kernel, residual)

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        features = self.features(seen)
        mean, scale = self.params(features).chunk(2, dim=1)  # each (b, size, h, w)
        y_hat = wire.gaussian(y, mean, scale)
        return corrected(self.residual, features, y_hat)


def residual_network(width: int, size: int, kernel: int, hidden: tuple[int, ...] | None) -> nn.Module | None:
    """Make what guesses the rounding error of a slice: (b, width + size, h, w) -> (b, size, h, w), zero at the start.

    hidden: widths of the layers between, () for a single convolution, None for no guess at all.
    """
    if hidden is None:
        return None
    layers = stacked(partial(exact_conv, kernel=kernel), width + size, *hidden, size)
    nn.init.zeros_(layers[-1].weight)
    nn.init.zeros_(layers[-1].bias)
    return layers if hidden else layers[0]


def stacked(kind: Callable[[int, int], nn.Module], *widths: int) -> nn.Sequential:
    """Put layers kind(inputs, outputs) one after the other, from the first width to the last, LeakyReLU between."""
    first, *others = (kind(*ends) for ends in pairwise(widths))
    return nn.Sequential(first, *(layer for other in others for layer in (nn.LeakyReLU(), other)))


def corrected(network: nn.Module | None, features: Map, y_hat: Map) -> Map:
    """Take the guessed rounding error back: features (b, width, h, w), y_hat (b, size, h, w) -> like y_hat.

    Source: Minnen and Singh, ICIP 2020, Sec. 2.1 (latent residual prediction). Ours: softsign for tanh, because IEEE
    division is equal on every device.
    """
    if network is None:
        return y_hat
    return y_hat + 0.5 * F.softsign(network(torch.cat([features, y_hat], dim=1)))  # rounding errs by half at most


def mean_scale(width: int, size: int, kernel: int = 1) -> nn.Module:
    """Make the layer that says mean and scale: (b, width, h, w) -> (b, 2 size, h, w); scales start near one.

    Means start near zero: features out of a norm are as large as a step, and guesses as wild would cost more bits
    than none. (BiMamba after 150 steps: 1.58 bpp at 28.4 dB, and 1.97 bpp at 26.5 dB with ten times these weights.)
    """
    params = exact_conv(width, 2 * size, kernel)
    with torch.no_grad():
        params.weight *= 0.1
    nn.init.constant_(params.bias[size:], 1.0)  # where gradients are healthy
    return params


def conv_step(
    inputs: int, size: int, *, hidden: tuple[int, int], kernels: tuple[int, int, int] = (3, 3, 1),
    mixer: Callable[[int], nn.Module] | None = None, residual: tuple[int, ...] | None = (),
) -> SliceStep:  # fmt: skip
    """Make a step whose features are two convolutions: the channel-conditional model of Minnen and Singh, Fig. 3.

    mixer(width): makes a block behind them that looks further, and begins as the identity.   residual: see
    `residual_network`.
    """
    features = conv_features(inputs, hidden, kernels[:2])
    if mixer:
        features.append(as_identity(mixer(hidden[1])))
    return SliceStep(features, hidden[1], size, kernel=kernels[2], residual=residual)


def conv_features(inputs: int, hidden: tuple[int, int], kernels: tuple[int, int] = (3, 3)) -> nn.Sequential:
    """Make two convolutions, each with a LeakyReLU: (b, inputs, h, w) -> (b, hidden[1], h, w)."""
    return nn.Sequential(
        exact_conv(inputs, hidden[0], kernels[0]), nn.LeakyReLU(),
        exact_conv(hidden[0], hidden[1], kernels[1]), nn.LeakyReLU())  # fmt: skip
