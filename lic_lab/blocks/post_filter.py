"""The post-quantisation filter: what a decoder can guess of the rounding error from the rounded latent alone."""

from __future__ import annotations

import torch
from torch import nn

from lic_lab.blocks.hcnn import DSC
from lic_lab.ops.wavelets import dwt2, idwt2
from lic_lab.types import Map

BOUND = 0.5  # rounding errs by half a step at most


class PostFilter(nn.Module):
    """Move a rounded latent towards what it was before rounding, by at most half a step.

    f = y_hat + P(y_hat);   P = tanh(own(u) + mixed(u) + iDWT(refined(asinh DWT(y_hat)))) / 2, u = asinh(y_hat).
    own: a depthwise 3x3, each channel by its neighbours; mixed: separable convolutions, channels by one another;
    refined: the same in each Haar band, left out with `wavelet=False`. All start at zero, so f as the identity.
    Shapes: (b, c, h, w) in units of quantisation steps -> same, any h, w.
    Source: Fu et al., arXiv 2206.10618 (its abstract; its code has no such filter). The code of Asymmetric-Learned-
    Image-Compression bounds P to 0.1, shrinks f by a gate, and trains it with a constant; `error` has a gradient.
    """

    def __init__(self, channels: int, *, hidden: int | None = None, wavelet: bool = True):
        super().__init__()
        hidden = hidden or max(channels // 4, 4)
        self.own = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.mixed = _separable(channels, hidden)
        self.refined = nn.ModuleList(_separable(channels, hidden) for _ in range(4)) if wavelet else None
        nn.init.zeros_(self.own.weight)
        nn.init.zeros_(self.own.bias)

    def forward(self, y_hat: Map) -> Map:
        return y_hat + self.correction(y_hat)

    def correction(self, y_hat: Map) -> Map:
        """Give P(y_hat), (b, c, h, w) -> same, in [-0.5, 0.5]."""
        u = torch.asinh(y_hat)  # large values say little about their last half step
        p = self.own(u) + self.mixed(u)
        if self.refined is not None:
            bands = [net(torch.asinh(band)) for net, band in zip(self.refined, dwt2(y_hat), strict=True)]
            p = p + idwt2(tuple(bands), y_hat.shape[-2:])
        return BOUND * torch.tanh(p)

    def error(self, y: Map, y_hat: Map) -> torch.Tensor:
        """Give mean((f - y)^2) of each picture (b,), in squared steps, for y before rounding.

        It trains the filter alone: y and y_hat are constants here, since with a straight-through round the gradient
        would push y away from its rounded value.
        """
        return ((self(y_hat.detach()) - y.detach()) ** 2).flatten(1).mean(1)


def _separable(channels: int, hidden: int) -> nn.Sequential:
    """Two separable convolutions and a 1x1 that starts at zero."""
    net = nn.Sequential(
        DSC(channels, hidden), nn.PReLU(hidden),
        DSC(hidden, hidden), nn.PReLU(hidden),
        nn.Conv2d(hidden, channels, 1))  # fmt: skip
    nn.init.zeros_(net[-1].weight)
    nn.init.zeros_(net[-1].bias)
    return net
