"""Strided convolutions: the plain way down to the latent and up again."""

from __future__ import annotations

from torch import nn


def down(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.Conv2d:
    """Halve rows and columns: (b, inputs, h, w) -> (b, outputs, h/stride, w/stride)."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)


def same(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    """Keep rows and columns: (b, inputs, h, w) -> (b, outputs, h, w)."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def up(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.ConvTranspose2d:
    """Double rows and columns: (b, inputs, h, w) -> (b, outputs, h*stride, w*stride)."""
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, output_padding=stride - 1)
