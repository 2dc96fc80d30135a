"""Convolutions that give the same bits on every machine, so that a decoder finds the tables the encoder used.

A float32 convolution sums in whatever order is fastest there, and its last bits differ between processors. Here
weights and activations are rounded to grids so coarse that every product and every partial sum is an integer below
2**53 (in units of the product grid): float64 holds it exactly, and the order of summation no longer matters.
Source of the aim: Balle, Johnston, Minnen, "Integer networks for data compression with latent-variable models",
ICLR 2019. Ours: the integers live in float64, so stock PyTorch runs them on any device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.ops.geometry import by_strips

GRID = 2.0**12  # activations are multiples of 1/4096 ...
LIMIT = 2.0**10  # ... between -1024 and 1024: 23 bits with sign
PATCHES = 2**24  # numbers that a convolution lays out as patches at once: 128 MiB
WEIGHT_BITS = 15  # weights keep 15 bits and a sign, scaled by a power of two per layer


def snap(x: Tensor) -> Tensor:
    """Round to the activation grid, any shape; each step is one correctly rounded IEEE operation."""
    return torch.clamp(torch.round(x.double() * GRID) / GRID, -LIMIT, LIMIT)


class _Exact:
    """Mix-in for convolutions: float64 in means coding, and coding means exact.

    float32 (or autocast) input runs the stock layer, which is what training and quick estimates want.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float64 or self.weight.dtype == torch.float64:
            return super().forward(x)
        weight, bias = self._on_grid()
        up = self.stride[0] if self.transposed else 1
        row = x.shape[-1] * weight[0, 0].numel() * (self.out_channels if self.transposed else self.in_channels)
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=False):  # no FFT, no Winograd: sums of products only
            return by_strips(
                lambda strip: self._convolve(snap(strip), weight, bias),
                x, rows=max(8, PATCHES // row), halo=self.kernel_size[0] // 2, scale=up,
            )  # fmt: skip

    def _on_grid(self) -> tuple[Tensor, Tensor]:
        """Give weight and bias as float64 multiples of their grid, remembered until the parameters change."""
        key = (self.weight.data_ptr(), self.weight._version, self.bias.data_ptr(), self.bias._version)
        if getattr(self, "_grid_key", None) != key:
            weight, bias = self.weight.detach().double(), self.bias.detach().double()
            largest = weight.abs().max().item()
            scale = 2.0 ** (WEIGHT_BITS - math.frexp(largest)[1]) if largest else 1.0
            summands = weight[0].numel() if isinstance(self, nn.Conv2d) else weight[:, 0].numel()
            if summands * 2.0**WEIGHT_BITS * LIMIT * GRID > 2.0**52:
                raise ValueError(f"a sum of {summands} products does not fit 53 bits: use fewer inputs or WEIGHT_BITS")
            self._grid = (torch.round(weight * scale) / scale, snap(bias))
            self._grid_key = key
        return self._grid


class ExactConv2d(_Exact, nn.Conv2d):
    """A convolution, (b, c, h, w) -> (b, c', h', w'), that is exact on float64 input; see the module."""

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class ExactConvTranspose2d(_Exact, nn.ConvTranspose2d):
    """A transposed convolution that is exact on float64 input; see the module."""

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv_transpose2d(x, weight, bias, self.stride, self.padding, self.output_padding, self.groups)


def exact_conv(inputs: int, outputs: int, kernel: int = 3) -> ExactConv2d:
    """Keep rows and columns: (b, inputs, h, w) -> (b, outputs, h, w)."""
    return ExactConv2d(inputs, outputs, kernel, padding=kernel // 2)


def exact_up(inputs: int, outputs: int, kernel: int = 5) -> ExactConvTranspose2d:
    """Double rows and columns: (b, inputs, h, w) -> (b, outputs, 2h, 2w)."""
    return ExactConvTranspose2d(inputs, outputs, kernel, stride=2, padding=kernel // 2, output_padding=1)
