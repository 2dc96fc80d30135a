"""Generalised divisive normalisation: the nonlinearity of the first learned codecs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from lic_lab.ops.rounding import lower_bound
from lic_lab.types import Map

_PEDESTAL = 2.0**-36  # keeps the square-root parametrisation away from zero


class GDN(nn.Module):
    """Divide every channel by a learned measure of the energy of all channels at its position.

    y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2);   the inverse multiplies instead.
    Shapes: (b, channels, h, w) -> same.
    Source: Balle, Laparra, Simoncelli, "Density modeling of images using a generalized normalization
    transformation", ICLR 2016, eq. 3-4; parameters are stored as square roots so that they stay positive.
    """

    def __init__(self, channels: int, *, inverse: bool = False, beta_min: float = 1e-6):
        super().__init__()
        self.inverse = inverse
        self.beta_floor = (beta_min + _PEDESTAL) ** 0.5
        self.gamma_floor = _PEDESTAL**0.5
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + _PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + _PEDESTAL))

    def forward(self, x: Map) -> Map:
        beta = lower_bound(self.beta, self.beta_floor) ** 2 - _PEDESTAL  # (c,)
        gamma = lower_bound(self.gamma, self.gamma_floor) ** 2 - _PEDESTAL  # (c, c)
        energy = F.conv2d(x * x, gamma[:, :, None, None].to(x.dtype), beta.to(x.dtype))
        return x * torch.sqrt(energy) if self.inverse else x * torch.rsqrt(energy)
