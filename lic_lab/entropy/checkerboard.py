"""The checkerboard: half of the positions first, then the other half with all four neighbours known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from lic_lab.blocks.exact import exact_conv
from lic_lab.entropy.slices import corrected, mean_scale, residual_network
from lic_lab.entropy.wires import Wire
from lic_lab.ops import exact
from lic_lab.ops.checkerboard import merge, split
from lic_lab.types import Map


class LocalGlobal(nn.Module):
    """Gather what is known about a position: of its neighbours by a convolution, of all the rest by `far`.

    seen (b, inputs, h, w), known (b, size, h, w), the slice at hand with zeros where it is not known yet
    -> (b, width, h, w).
    gated: the neighbours' word counts as much as sigmoid(gate(far)) grants (Asymmetric's fusion).
    """

    def __init__(self, inputs: int, size: int, width: int, far: nn.Module, *, gated: bool, kernel: int):
        super().__init__()
        self.squeeze, self.far = exact_conv(inputs + size, width, 1), far
        self.near = exact_conv(size, width, kernel)
        self.gate = exact_conv(width, width, 1) if gated else None
        self.fuse = nn.Sequential(exact_conv(2 * width, width, 1), nn.LeakyReLU())

    def forward(self, seen: Map, known: Map) -> Map:
        far = self.far(self.squeeze(torch.cat([seen, known], dim=1)))
        near = self.near(known)
        if self.gate:
            near = near * exact.sigmoid(self.gate(far))
        return self.fuse(torch.cat([near, far], dim=1))


class CheckerboardStep(nn.Module):
    """Code a slice in two passes: anchors from what was known before, then the others, who know the anchors too.

    Shapes: y (b, size, h, w) or None on the decoder; seen (b, inputs, h, w) -> y_hat (b, size, h, w).
    far(width) makes the module that looks over all positions, (b, width, h, w) -> same; each pass has its own.
    residual: see `entropy.slices.residual_network`.
    Source: He et al., "Checkerboard context model for efficient learned image compression", CVPR 2021, Sec. 3.
    Ours: parameters of its own for each pass, a look at all decoded positions beside the neighbours, exact layers.
    """

    def __init__(
        self, inputs: int, size: int, width: int, far: Callable[[int], nn.Module],
        *, gated: bool = False, kernel: int = 5, residual: tuple[int, ...] | None = (),
    ):  # fmt: skip
        super().__init__()
        self.first = nn.Sequential(exact_conv(inputs, width, 1), far(width))
        self.first_params = mean_scale(width, size)
        self.second = LocalGlobal(inputs, size, width, far(width), gated=gated, kernel=kernel)
        self.second_params = mean_scale(width, size)
        self.residual = residual_network(width, size, 1, residual)

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        size = seen.shape[-2:]
        y_anchors, y_others = (None, None) if y is None else split(y)  # each (b, size, positions)
        mean, scale = (split(p)[0] for p in self.first_params(self.first(seen)).chunk(2, dim=1))
        anchors = wire.gaussian(y_anchors, mean, scale)

        count = size[0] * size[1] - anchors.shape[-1]
        known = merge(anchors, anchors.new_zeros(*anchors.shape[:2], count), size)  # zeros where nothing is known yet
        features = self.second(seen, known)
        mean, scale = (split(p)[1] for p in self.second_params(features).chunk(2, dim=1))
        y_hat = merge(anchors, wire.gaussian(y_others, mean, scale), size)
        return corrected(self.residual, features, y_hat)
