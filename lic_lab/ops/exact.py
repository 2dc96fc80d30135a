"""Arithmetic that gives the same bits on every machine: grids in float64, and functions of single IEEE operations.

Sums of float32 products depend on their order, and `torch.exp` on the library behind it. A decoder on another machine
would look up other tables than the encoder did. So what feeds the tables uses two things only: sums of products whose
every partial sum is an integer below 2**53 (in units of a grid), where the order no longer matters; and formulas,
element by element, made of + - * / sqrt, comparisons and rounding, each of which IEEE 754 defines to the last bit.
Source of the aim: Balle, Johnston, Minnen, "Integer networks for data compression with latent-variable models",
ICLR 2019. Ours: the integers live in float64, so stock PyTorch runs them on any device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = 2.0**12  # multiples of 1/4096 ...
LIMIT = 2.0**10  # ... between -1024 and 1024: 22 bits and a sign


def snap(x: Tensor, grid: float = GRID, limit: float = LIMIT) -> Tensor:
    """Round to multiples of 1/grid between -limit and limit, any shape, both powers of two; gives float64."""
    return torch.clamp(torch.round(x.double() * grid) / grid, -limit, limit)


def exp_negative(x: Tensor) -> Tensor:
    """Give e^x for x <= 0 by products and sums alone: any shape, float64, within 6e-9; below -16 as at -16.

    (e^(x/32))^32, with five terms of Taylor's series inside and five squarings outside.
    """
    v = torch.clamp(x, min=-16.0) * 2**-5
    p = v * (1 / 5) + 1
    for divisor in (4, 3, 2, 1):
        p = p * v * (1 / divisor) + 1
    for _ in range(5):
        p = p * p
    return p


def exp(x: Tensor) -> Tensor:
    """Give e^x, any shape; on float64 the same bits everywhere, within 6e-9 of e^-|x| or of its inverse."""
    if x.dtype != torch.float64:
        return torch.exp(x)
    small = exp_negative(-_size(x))
    return torch.where(x < 0, small, 1 / small)


def _size(x: Tensor) -> Tensor:
    return torch.where(x < 0, -x, x)  # |x| with a gradient at 0


def sigmoid(x: Tensor) -> Tensor:
    """Give 1 / (1 + e^-x), any shape; on float64 the same bits everywhere, within 2e-7."""
    if x.dtype != torch.float64:
        return torch.sigmoid(x)
    small = exp_negative(-_size(x))
    return torch.where(x < 0, small, 1.0) / (1 + small)


def silu(x: Tensor) -> Tensor:
    """Give x sigmoid(x), any shape; on float64 the same bits everywhere."""
    return F.silu(x) if x.dtype != torch.float64 else x * sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """Give log(1 + e^x), any shape; on float64 the same bits everywhere, within 2e-7.

    log(1 + e) = 2 artanh(s) with s = e / (2 + e) <= 1/3, by the series s + s^3/3 + s^5/5 + ...
    """
    if x.dtype != torch.float64:
        return F.softplus(x)
    small = exp_negative(-_size(x))
    s = small / (2 + small)
    square = s * s
    series = torch.full_like(s, 1 / 13)
    for odd in (11, 9, 7, 5, 3, 1):
        series = series * square + 1 / odd
    return torch.where(x < 0, 0.0, x) + 2 * s * series


def in_units(x: Tensor, dims: int | tuple[int, ...], bits: int) -> tuple[Tensor, Tensor]:
    """Give x as whole numbers of at most `bits` bits, and the power of two that is their unit.

    x: float64, any shape; what is beyond `LIMIT` counts as `LIMIT`.   dims: axes that share a unit (kept, with size 1);
    it is chosen by the largest of their values, found without a logarithm.
    """
    largest = x.abs().amax(dims, keepdim=True).clamp(2.0**-20, LIMIT)
    unit = largest / torch.frexp(largest).mantissa * 2.0**-bits
    return torch.round(torch.clamp(x, -LIMIT, LIMIT) / unit), unit


def softmax(x: Tensor, dim: int) -> Tensor:
    """Give e^x / sum(e^x) along an axis, any shape; on float64 the same bits everywhere.

    What is more than 16 below the largest counts as nothing: each such value loses at most e^-16 of the largest one,
    and n of them no more than n e^-16 of the sum. Powers are rounded to as many bits as leave room in 53 for the sum of
    all of them.
    """
    if x.dtype != torch.float64:
        return torch.softmax(x, dim)
    below = x - x.amax(dim, keepdim=True)
    unit = 2.0 ** (52 - math.ceil(math.log2(x.shape[dim])))
    powers = torch.where(below < -16, 0.0, torch.round(exp_negative(below) * unit))
    return powers / powers.sum(dim, keepdim=True)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply matrices (..., m, n) and (..., n, p) -> (..., m, p); on float64 the same bits everywhere.

    Rows of a and columns of b are rounded to as many bits as leave room in 53 for a sum of n products: 21 of them for
    n = 1536.
    """
    if a.dtype != torch.float64:
        return a @ b
    bits = (53 - math.ceil(math.log2(a.shape[-1]))) // 2
    (a, one), (b, two) = in_units(a, -1, bits), in_units(b, -2, bits)
    return (a @ b) * (one * two)
