"""Dual wavelet attention: how much each value of a map matters, judged from its Haar bands."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.blocks.hcnn import DSC
from lic_lab.ops.wavelets import dwt2
from lic_lab.types import Map

FLOOR = 0.3  # nothing is scaled down further than this
START = 3.5  # before training every gate is 0.3 + 0.7 sigmoid(3.5) = 0.98


class Attention(NamedTuple):
    """What a `DWAN` thinks of a map (b, c, h, w): its gate and the three terms the gate is made of.

    gate: (b, c, h, w) in [0.3, 1].   channel: (b, c, 1, 1), logits.   spatial: (b, c, h, w), logits.
    bands: (4, c), the share of ll, lh, hl, hh in the spatial term; each column sums to one.
    """

    gate: Map
    channel: Map
    spatial: Map
    bands: Tensor


class DWAN(nn.Module):
    """Scale every value of a map by a gate in [0.3, 1] that its wavelet bands decide.

    gate = 0.3 + 0.7 sigmoid(channel + spatial);   channel = W2 ReLU(W1 [mean|ll|, mean|lh|, mean|hl|, mean|hh|]);
    spatial = up2(W PReLU(DSC(softmax(bands) * [ll, lh, hl, hh]))), one weight a band and channel.
    Shapes: (b, c, h, w) -> same, any h, w (an odd side repeats its last row or column for the transform).
    The means look at the whole map, so a map must come in one piece.
    Source: Asymmetric-Learned-Image-Compression (README), after Yang et al., "Dual wavelet attention networks for
    image classification", IEEE TCSVT 2023. Its code has one convolution and crashes at odd sides; ours is dual.
    """

    def __init__(self, channels: int, *, hidden: int | None = None):
        super().__init__()
        hidden = hidden or max(channels // 4, 4)
        self.band_logits = nn.Parameter(torch.zeros(4, channels))
        self.channel = nn.Sequential(nn.Linear(4 * channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = nn.Sequential(DSC(4 * channels, hidden), nn.PReLU(hidden), nn.Conv2d(hidden, channels, 1))
        for last in (self.channel[-1], self.spatial[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        nn.init.constant_(self.channel[-1].bias, START)

    def forward(self, x: Map) -> Map:
        return x * self.look(x).gate

    def look(self, x: Map) -> Attention:
        """Give the gate of a map (b, c, h, w) and its parts, for a notebook to show."""
        h, w = x.shape[-2:]
        bands = torch.stack(dwt2(x), dim=1)  # (b, 4, c, ceil(h/2), ceil(w/2))
        channel = self.channel(bands.abs().mean((-2, -1)).flatten(1))[:, :, None, None]
        share = self.band_logits.softmax(dim=0)  # (4, c)
        spatial = self.spatial((bands * share[:, :, None, None]).flatten(1, 2))  # (b, c, ceil(h/2), ceil(w/2))
        spatial = F.interpolate(spatial, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
        gate = FLOOR + (1 - FLOOR) * torch.sigmoid((channel + spatial).float())
        return Attention(gate, channel, spatial, share)
