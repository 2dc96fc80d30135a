"""Channel slices: later channels are predicted from earlier ones, all positions at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from lic_lab.entropy.exact import exact_conv
from lic_lab.entropy.wires import Wire
from lic_lab.types import Map


class SliceStep(nn.Module):
    """Code one slice given hyper features and the slices already known, then guess its rounding error.

    Shapes: y (b, size, h, w) or None on the decoder; seen (b, inputs, h, w) -> (b, size, h, w).
    """

    def __init__(self, inputs: int, size: int, hidden: tuple[int, int], kernels: tuple[int, int, int]):
        super().__init__()
        self.features = nn.Sequential(
            exact_conv(inputs, hidden[0], kernels[0]), nn.LeakyReLU(),
            exact_conv(hidden[0], hidden[1], kernels[1]), nn.LeakyReLU())  # fmt: skip
        self.params = exact_conv(hidden[1], 2 * size, kernels[2])
        self.residual = exact_conv(hidden[1] + size, size, kernels[2])
        nn.init.constant_(self.params.bias[size:], 1.0)  # scales start at one, where gradients are healthy
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        features = self.features(seen)
        mean, scale = self.params(features).chunk(2, dim=1)  # each (b, size, h, w)
        y_hat = wire.gaussian(y, mean, scale)
        error = self.residual(torch.cat([features, y_hat], dim=1))
        return y_hat + 0.5 * F.softsign(error)  # rounding errs by half a step at most


class SliceContext(nn.Module):
    """Code the latent in channel slices, each conditioned on the hyper features and the slices before it.

    Shapes: y (b, sum(slices), h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    Source: Minnen and Singh, "Channel-wise autoregressive entropy models", ICIP 2020, Sec. 2 (slices) and 2.1 (latent
    residual prediction). Ours: slices may differ in size (He et al., ELIC, CVPR 2022, Sec. 3.2), one network gives
    mean and scale, and softsign replaces tanh because IEEE division is equal on every device.
    """

    def __init__(self, slices: tuple[int, ...], features: int, *, hidden=(224, 128), kernels=(5, 5, 3)):
        super().__init__()
        known = [sum(slices[:i]) for i in range(len(slices))]
        self.slices = slices
        self.steps = nn.ModuleList(
            SliceStep(features + before, size, hidden, kernels) for before, size in zip(known, slices, strict=True)
        )

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        parts = [None] * len(self.slices) if y is None else y.split(self.slices, dim=1)
        known: list[Map] = []  # all that a step may look at, beside the hyper features
        for part, step in zip(parts, self.steps, strict=True):
            known.append(step(part, torch.cat([hyper, *known], dim=1), wire))
        return torch.cat(known, dim=1)  # y_hat
