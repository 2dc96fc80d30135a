"""Integers under a Gaussian: what they cost, and the integer tables that code them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from lic_lab.coding.tables import Tables
from lic_lab.entropy.density import LIKELIHOOD_FLOOR
from lic_lab.ops.rounding import lower_bound

SCALE_MIN, SCALE_MAX, SCALES = 0.11, 256.0, 128
_TAIL_SIGMAS = 4.3  # beyond this a symbol is an escape


@cache
def scale_ladder() -> np.ndarray:
    """Give the 128 log-spaced standard deviations that have a table: float64, 0.11 to 256."""
    steps = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
    return np.array([SCALE_MIN * math.exp(steps * i) for i in range(SCALES)])


@cache
def scale_boundaries() -> Tensor:
    """Give the 127 geometric midpoints between neighbouring scales, rounded to 2**-20 so that they are exact."""
    ladder = scale_ladder()
    return torch.from_numpy(np.round(np.sqrt(ladder[1:] * ladder[:-1]) * 2**20) / 2**20)


@cache
def tables() -> Tables:
    """Give one integer table per scale, for integers around a mean of zero."""
    pmfs, offsets = [], []
    for scale in scale_ladder():
        half = max(1, math.ceil(_TAIL_SIGMAS * scale))
        edges = np.array([0.5 * math.erfc((0.5 - k) / (scale * math.sqrt(2))) for k in range(-half, half + 2)])
        pmfs.append(np.diff(edges) if half < 4 else _symmetric(np.diff(edges)))
        offsets.append(-half)
    return Tables.from_pmfs(pmfs, offsets)


def _symmetric(pmf: np.ndarray) -> np.ndarray:
    return (pmf + pmf[::-1]) / 2


def table_index(scale: Tensor) -> Tensor:
    """Give the table of each standard deviation, any shape: comparisons only, so equal on every device."""
    return torch.bucketize(scale.contiguous(), scale_boundaries().to(scale.device, scale.dtype))


def likelihood(residual: Tensor, scale: Tensor, *, floor: float = LIKELIHOOD_FLOOR) -> Tensor:
    """Give the probability of the unit interval around `residual` under N(0, scale^2): any shape, [floor, 1].

    `scale` counts as 0.11 below that, with a gradient that can still raise it, and as 256 above.
    """
    scale = lower_bound(scale.float(), SCALE_MIN).clamp(max=SCALE_MAX)
    distance = residual.float().abs()
    upper, lower = (0.5 - distance) / scale, (-0.5 - distance) / scale
    p = 0.5 * (torch.erfc(-upper * 2**-0.5) - torch.erfc(-lower * 2**-0.5))
    return lower_bound(p, floor)


def table_likelihood(symbols: Tensor, scale: Tensor) -> Tensor:
    """Give the least probability that the tables hold for each integer: a slot of 16 bits, and beyond it an escape.

    An escape costs its own slot and the exp-Golomb number of what lies beyond the table (`coding.golomb`).
    """
    half = torch.ceil(_TAIL_SIGMAS * scale.clamp(SCALE_MIN, SCALE_MAX)).clamp(min=1)
    number = 2 * (symbols.abs() - half) - (symbols > 0).float()  # 1, 2, 3, ... outside the table
    escape = 1 + 2 * torch.floor(torch.log2(number.clamp(min=1)))
    return torch.exp2(-16 - torch.where(number > 0, escape, 0.0))


def thrifty_round(residual: Tensor, scale: Tensor, error_price: float | None) -> Tensor:
    """Round to the nearest integer, or one towards zero where the bits saved are worth more than the error.

    residual, scale: any shape, in quantisation steps.   error_price: bits that one squared step of error is worth; None
    rounds to the nearest. Only an encoder decides this; a decoder reads whatever was chosen.
    Source of the idea: Sullivan and Wiegand, "Rate-distortion optimization for video compression", IEEE SPM 1998; as
    rate-distortion optimised quantisation in H.264 and HEVC encoders.
    """
    nearest = torch.round(residual)
    if error_price is None:
        return nearest
    where = nearest != 0  # most symbols are zero already
    r, q, s = (t[where].float() for t in (residual, nearest, scale))
    lower = q - torch.sign(q)
    saved = torch.log2(likelihood(lower, s) / likelihood(q, s))
    spent = error_price * ((r - lower) ** 2 - (r - q) ** 2)
    nearest[where] = torch.where(saved > spent, lower, q).to(nearest.dtype)
    return nearest
