"""Layers that give the same bits on every machine, so that a decoder finds the tables the encoder used.

float64 input with float32 weights means coding, and coding means exact: weights and activations are rounded to grids so
coarse that every product and every partial sum fits the 53 bits of float64 (`lic_lab.ops.exact`); the fewer summands,
the finer the grid. Any other input runs the stock layer, which is what training and quick estimates want.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.ops.exact import GRID, LIMIT, in_units, snap
from lic_lab.ops.geometry import by_strips
from lic_lab.types import Map

PATCHES = 2**24  # numbers that a convolution lays out as patches at once: 128 MiB
WEIGHT_BITS = 15  # weights keep 15 bits and a sign, scaled by a power of two per layer
FINEST = 20  # activations keep at most this many bits after the point
_TOKEN_BITS = 20  # what a normalisation sees of each token, so that 2048 squares of differences fit 53


def is_coding(x: Tensor, weight: Tensor) -> bool:
    """Whether a layer with this weight shall be exact on x: float64 in, float32 held."""
    return x.dtype == torch.float64 and weight.dtype != torch.float64


class _Exact:
    """Mix-in for layers with `weight` and `bias`: exact when coding, the stock layer otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        if not is_coding(x, self.weight):
            return super().forward(x)
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=False):  # no FFT, no Winograd: sums of products only
            weight, bias, grid = self._on_grid()
            y = self._exact(snap(x, grid), weight)
            return y if bias is None else y + bias.view(-1, *[1] * self.axes_after_channels)

    def _on_grid(self) -> tuple[Tensor, Tensor | None, float]:
        """Give weight and bias in float64, and the grid of the input; remembered until the parameters change."""
        key = tuple((p.data_ptr(), p._version) for p in (self.weight, self.bias) if p is not None)
        if getattr(self, "_grid_key", None) != key:
            weight = self.weight.detach().double()
            largest = weight.abs().max().item()
            scale = 2.0 ** (WEIGHT_BITS - math.frexp(largest)[1]) if largest else 1.0
            summands = weight[:, 0].numel() if getattr(self, "transposed", False) else weight[0].numel()
            bits = 52 - WEIGHT_BITS - math.ceil(math.log2(LIMIT * summands))  # left after the point
            if bits < math.log2(GRID):
                raise ValueError(f"a sum of {summands} products does not fit 53 bits: use fewer inputs or WEIGHT_BITS")
            bias = None if self.bias is None else snap(self.bias.detach(), 2.0**FINEST)
            self._grid = torch.round(weight * scale) / scale, bias, 2.0 ** min(bits, FINEST)
            self._grid_key = key
        return self._grid


class ExactLinear(_Exact, nn.Linear):
    """A linear map of the last axis, (..., inputs) -> (..., outputs), that is exact on float64 input."""

    axes_after_channels = 0

    def _exact(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight)


class ExactConv2d(_Exact, nn.Conv2d):
    """A convolution, (b, c, h, w) -> (b, c', h, w), that is exact on float64 input; stride 1 there."""

    axes_after_channels = 2

    def _exact(self, x: Map, weight: Tensor) -> Map:
        if self.groups == self.in_channels == self.out_channels:
            return _depthwise(x, weight, self.padding)
        row = x.shape[-1] * weight[0, 0].numel() * self.in_channels

        def convolve(strip: Map) -> Map:
            return F.conv2d(strip, weight, None, self.stride, self.padding, self.dilation, self.groups)

        return by_strips(convolve, x, rows=max(8, PATCHES // row), halo=self.kernel_size[0] // 2)


class ExactConvTranspose2d(_Exact, nn.ConvTranspose2d):
    """A transposed convolution, (b, c, h, w) -> (b, c', s h, s w), that is exact on float64 input."""

    axes_after_channels = 2

    def _exact(self, x: Map, weight: Tensor) -> Map:
        row = x.shape[-1] * weight[0, 0].numel() * self.out_channels

        def convolve(strip: Map) -> Map:
            return F.conv_transpose2d(strip, weight, None, self.stride, self.padding, self.output_padding, self.groups)

        return by_strips(convolve, x, rows=max(8, PATCHES // row), halo=self.kernel_size[0] // 2, scale=self.stride[0])


class CausalConv1d(_Exact, nn.Conv1d):
    """A depthwise convolution over the past of a sequence, (b, d, l) -> same; exact on float64 input.

    Step t sees the steps t - kernel + 1 ... t; parameters as `mamba_ssm.Mamba.conv1d`.
    """

    axes_after_channels = 1

    def __init__(self, channels: int, kernel: int):
        super().__init__(channels, channels, kernel, groups=channels, padding=kernel - 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., : x.shape[-1]]

    def _exact(self, x: Tensor, weight: Tensor) -> Tensor:
        return _depthwise(x[:, :, None], weight[:, :, None], (0, self.padding[0]))[:, :, 0]


def _depthwise(x: Map, weight: Tensor, padding: tuple[int, int]) -> Map:
    """Convolve every channel with its own kernel, one tap after the other: x (b, c, h, w), weight (c, 1, kh, kw)."""
    (kh, kw), (ph, pw) = weight.shape[-2:], padding
    x = F.pad(x, (pw, pw, ph, ph))
    h, w = x.shape[-2] - kh + 1, x.shape[-1] - kw + 1
    y = x.new_zeros(*x.shape[:2], h, w)
    for i in range(kh):
        for j in range(kw):
            y = y + x[..., i : i + h, j : j + w] * weight[:, :, i, j, None]
    return y


class ExactLayerNorm(nn.LayerNorm):
    """Normalise the last axis, (..., c) -> same, exact on float64 input (for c up to 2048).

    Source: Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450, eq. 4.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not is_coding(x, self.weight):
            return super().forward(x)
        with torch.no_grad():
            x, unit = in_units(x, -1, _TOKEN_BITS)
            x = x - torch.round(x.sum(-1, keepdim=True) / x.shape[-1])  # sums of integers are exact
            spread = torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + self.eps / unit / unit)
            return x / spread * self.weight.double() + self.bias.double()


class ChannelNorm(ExactLayerNorm):
    """Normalise the channels of every position: (b, c, h, w) -> same, exact on float64 input."""

    def forward(self, x: Map) -> Map:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # (b, h, w, c) and back


def exact_conv(inputs: int, outputs: int, kernel: int = 3, *, groups: int = 1) -> ExactConv2d:
    """Keep rows and columns: (b, inputs, h, w) -> (b, outputs, h, w)."""
    return ExactConv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups)


def exact_up(inputs: int, outputs: int, kernel: int = 5) -> ExactConvTranspose2d:
    """Double rows and columns: (b, inputs, h, w) -> (b, outputs, 2h, 2w)."""
    return ExactConvTranspose2d(inputs, outputs, kernel, stride=2, padding=kernel // 2, output_padding=1)
