"""More work for a better file: descend on R + lambda D of this very picture, and keep what is found if it is better.

An encoder is one guess for all pictures; its latent is a good start and no optimum. The decoder knows nothing of this,
so files stay what they are and decoding takes as long as ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lic_lab.entropy.refining import Refine
from lic_lab.errors import LicLabError
from lic_lab.types import Image, Map

STEPS = (0, 30, 50, 75, 110, 160, 230, 330, 480, 700)
"""Steps of descent of the efforts 0 to 9. With `charm` on 768 x 512 pixels a step takes half a second on one core, so
effort 1 a quarter of a minute and effort 9 six minutes. On 256 x 256 pixels of astronaut, at rate points 1, 3.5 and 6:
R + lambda D -1.6 to -2.1 % at effort 1, -2.5 to -2.7 % at 3, -3.5 to -3.7 % at 5; bits at equal PSNR -2 to -4 %, -5 %,
-7 %."""
RATE = 0.025  # of Adam, in quantisation steps, at the start; a twentieth of it at the end
WHOLE = 0.15  # part of the way on which nothing is rounded: most of what an encoder misses has nothing to do with it
HOT, COLD = 0.4, 0.1  # temperatures on the rest of the way
PRICE = 2.0  # times the model's error price, when symbols are decided: after so much work fewer of them have to give

Progress = Callable[[int, int, str], None]
"""Told (steps done, steps in all, what is being done)."""


class Latents(NamedTuple):
    """What an encoder codes: y (views, latent, h, w) in quantisation steps, and refined side latents by name."""

    y: Map
    sides: dict[str, Map]


def check_effort(effort: int) -> int:
    """Give the effort if it is a whole number from 0 to 9; else raise LicLabError."""
    if isinstance(effort, bool) or effort not in range(len(STEPS)):
        raise LicLabError(f"effort is a whole number from 0 to {len(STEPS) - 1}, got {effort!r}")
    return int(effort)


def best_file(
    model, x: Image, latents: Latents, step: int, effort: int, *, seed: int = 0, progress: Progress | None = None
) -> bytes:
    """Give the file of the least cost that an effort finds for one picture, or one pair, effort 0's own included.

    model: a `models.base.Codec` in evaluation mode.   latents: of effort 0, at the rate point `step`.   cost: bits of
    the whole file per pixel + lambda 255^2 MSE of the picture that it decodes to, in 8 bits; lambda that of the rate
    point. The same seed gives the same file on the same machine; on another one floats may draw another path.
    """
    size, rate, lmbda = x.shape[-2:], *_trade(model, step)

    def trial(found: Latents, price: float | None) -> tuple[float, bytes]:
        data, y_hat = model.write(found, step, size, price)
        error = (_levels(model._reconstruct(y_hat, rate, size)) - _levels(x)).square().mean().item()
        return 8 * len(data) / (x[0].numel() // 3) + lmbda * error, data

    trials = [trial(latents, model.error_price)]
    x = x.clone() if x.is_inference() else x  # of a script under `inference_mode`: descent could not look at it
    found = refine(model, x, latents, step, STEPS[effort], seed=seed, progress=progress)
    if all(torch.isfinite(latent).all() for latent in (found.y, *found.sides.values())):
        trials.append(trial(found, model.error_price and PRICE * model.error_price))
    return min(trials, key=lambda one: one[0])[1]


def refine(
    model, x: Image, latents: Latents, step: int, steps: int, *, seed: int = 0, progress: Progress | None = None
) -> Latents:
    """Move the latents of one picture, or one pair, down R + lambda 255^2 MSE by so many steps of Adam.

    Arguments as `best_file`. What is walked is the model's own latent and synthesis, on the wire `Refine`.
    Source: Yang, Bamler, Mandt, NeurIPS 2020. Ours: far fewer and longer steps, the first of them without rounding, and
    thrifty rounding at the end. Measured on `charm` with 30 to 40 steps: the straight-through round lost 2 to 18 %,
    noise gained 0.4 to 1.1 %, drawing from the first step on 0.4 to 1.3 %, and this 1.4 to 1.7 %.
    """
    size, rate, lmbda = x.shape[-2:], *_trade(model, step)
    generator = torch.Generator().manual_seed(seed)
    y, sides = latents.y.detach().clone().requires_grad_(), dict(latents.sides)

    def cost(temperature: float | None) -> Tensor:
        wire = Refine(sides, temperature, generator)
        y_hat = model.walk(y, wire, (len(rate), *y.shape[-2:]))
        bits = sum(part.sum() for part in wire.parts.values())
        return bits + lmbda * 255**2 * (model._reconstruct(y_hat, rate, size) - x).square().sum() / 3

    with torch.no_grad():
        cost(None)  # fills in the side latents
    with torch.enable_grad():
        moved = [y, *(side.requires_grad_() for side in sides.values())]
        optimizer = torch.optim.Adam(moved, RATE)
        for done in range(steps):
            if progress:
                progress(done, steps, "refining the latent")
            _anneal(optimizer, done / steps)
            gradients = torch.autograd.grad(cost(_temperature(done / steps)), moved)
            for latent, gradient in zip(moved, gradients, strict=True):
                latent.grad = gradient
            optimizer.step()
    if progress:
        progress(steps, steps, "refining the latent")
    return Latents(y.detach(), {name: side.detach() for name, side in sides.items()})


def _trade(model, step: int) -> tuple[Tensor, float]:
    """The rate points of all maps (views,), and the lambda, of a rate point of the ladder."""
    rate = model.rate_points(step)
    return rate, model.lambda_for_rate(rate[:1]).item()


def _temperature(t: float) -> float | None:
    """None at first, then from hot to cold geometrically: t from 0 to 1 of the way."""
    return None if t < WHOLE else HOT * (COLD / HOT) ** ((t - WHOLE) / (1 - WHOLE))


def _anneal(optimizer: torch.optim.Optimizer, t: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = RATE * (0.05 + 0.95 * (1 + math.cos(math.pi * t)) / 2)


def _levels(x: Image) -> Tensor:
    """The 256 levels of a picture in [0, 1], as a decoder gives them."""
    return torch.round(x.clamp(0, 1) * 255)
