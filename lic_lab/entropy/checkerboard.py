"""The checkerboard: half of the positions first, then the other half with all four neighbours known."""

from __future__ import annotations

import torch
from torch import nn

from lic_lab.entropy.exact import exact_conv
from lic_lab.entropy.wires import Wire
from lic_lab.ops.checkerboard import merge, split
from lic_lab.types import Map


class CheckerboardContext(nn.Module):
    """Code anchors given the hyper features, then the other positions given hyper features and anchors: two passes.

    Shapes: y (b, latent, h, w) or None on the decoder; hyper (b, features, h, w) -> y_hat like y.
    Source: He et al., "Checkerboard context model for efficient learned image compression", CVPR 2021, Sec. 3.2.
    Ours: each pass has parameters of its own, and every layer is exact, so that any device decodes.
    """

    def __init__(self, latent: int, features: int, *, hidden: int = 128, kernel: int = 5):
        super().__init__()
        self.neighbours = exact_conv(latent, hidden, kernel)
        self.first = _parameters(features, hidden, latent)
        self.second = _parameters(features + hidden, hidden, latent)

    def forward(self, y: Map | None, hyper: Map, wire: Wire) -> Map:
        size = hyper.shape[-2:]
        y_anchors, y_others = (None, None) if y is None else split(y)  # each (b, latent, positions)
        mean, scale = (split(p)[0] for p in self.first(hyper).chunk(2, dim=1))
        anchors = wire.gaussian(y_anchors, mean, scale)

        count = size[0] * size[1] - anchors.shape[-1]
        known = merge(anchors, anchors.new_zeros(*anchors.shape[:2], count), size)  # zeros where nothing is known yet
        seen = torch.cat([hyper, self.neighbours(known)], dim=1)
        mean, scale = (split(p)[1] for p in self.second(seen).chunk(2, dim=1))
        return merge(anchors, wire.gaussian(y_others, mean, scale), size)  # y_hat


def _parameters(inputs: int, hidden: int, latent: int) -> nn.Sequential:
    net = nn.Sequential(exact_conv(inputs, hidden, 1), nn.LeakyReLU(), exact_conv(hidden, 2 * latent, 1))
    nn.init.constant_(net[-1].bias[latent:], 1.0)  # scales start at one: healthy gradients
    return net
