"""What assignment A2 hands out: a reading of rows by a selective scan, photographs cleaned by it, steps to borrow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lic_lab.check.judging2 import held, over_time, writes
from lic_lab.ops.selective_scan import selective_scan

PICTURES = {"astronaut": (20, 150), "chelsea": (60, 90), "coffee": (120, 180)}
"""Bundled photographs, and the row and column from which a piece of each shows edges as well as calm areas."""

FIXED = (0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7)
"""Steps among which the best that is the same for all tokens is looked for."""


def read_one_way(tokens: Tensor, delta: Tensor) -> Tensor:
    """Run h[t] = exp(-delta[t]) h[t-1] + (1 - exp(-delta[t])) u[t] along every line, from h = u[0]; (lines, l) -> same.

    tokens: float64 (lines, l).   delta: the steps, >= 0, of the same shape. It is the library's scan with A = -1 and
    B = C = 1; the factor turns its rule for B into the zero-order hold.
    """
    hold = torch.where(delta == 0, 1, -torch.expm1(-delta) / torch.where(delta == 0, 1, delta))
    A, ones = -tokens.new_ones(len(tokens), 1), tokens.new_ones(1, 1, tokens.shape[1])
    return selective_scan((tokens * hold)[None], delta[None], A, ones, ones, initial_state=tokens[None, :, :1])[0]


def denoised(noisy: Tensor, steps: Callable[[Tensor], Tensor]) -> Tensor:
    """Read every row both ways, then every column of what that gave; (h, w) -> same.

    steps: from tokens (lines, l) to their steps, of the same shape; asked for the rows and then for the columns.
    """
    for _ in range(2):
        delta = steps(noisy)
        behind = read_one_way(noisy.flip(1), delta.flip(1)).flip(1)
        noisy = ((read_one_way(noisy, delta) + behind) / 2).T
    return noisy


def decibels(clean: Tensor, picture: Tensor) -> float:
    """PSNR of a picture in grey values of 0 to 255, any shape."""
    return float(10 * torch.log10(255**2 / (clean - picture).square().mean()))


def best_fixed(clean: Tensor, noisy: Tensor) -> float:
    """PSNR that the best of the steps in FIXED reaches when all tokens have the same."""
    return max(
        decibels(clean, denoised(noisy, lambda tokens, step=step: torch.full_like(tokens, step))) for step in FIXED
    )


def discretise(A: Tensor, B: Tensor, delta: Tensor, exact: bool = False) -> tuple[Tensor, Tensor]:
    """Give (decay, write), both (l, b, d, n), as task A2.1 asks: lent to those who do a later task first."""
    steps = over_time(delta)
    return torch.exp(steps * A), held(A, B, delta) if exact else steps * writes(B)
