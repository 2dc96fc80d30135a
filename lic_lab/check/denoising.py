"""Noisy photographs, and what an answer gains on them: for the task about gates that tell a picture from noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lic_lab.check.drawn import crop, normal
from lic_lab.check.expect import functions, tensor
from lic_lab.datasets.bundled import bundled_images
from lic_lab.ops.wavelets import wavedec2, waverec2

PICTURES = ("astronaut", "chelsea", "coffee")


def noisy_pictures(rng: np.random.Generator, sigma: float) -> dict[str, tuple[Tensor, Tensor]]:
    """Give crops of odd size of the green channel of three photographs, clean and noisy: float64 (h, w), in [0, 1]."""
    crops = {}
    for name in PICTURES:
        clean = torch.from_numpy(crop(rng, bundled_images()[name], 141, 181)[..., 1] / 255)
        crops[name] = clean, clean + sigma * normal(rng, *clean.shape)
    return crops


def gains(answer, rng: np.random.Generator, noise: tuple[float, float]) -> tuple[list[float], list[float], str]:
    """Give the decibels that an answer gains on each picture, those of one soft threshold, and the mean in words.

    answer: the pair (noise_level, denoise).   noise: between which two standard deviations one is drawn.
    Raises NotYet for anything that gives no picture of the right shape.
    """
    _, denoise = functions(answer, "noise_level and denoise")
    sigma = rng.uniform(*noise)
    gained, plain = [], []
    for clean, noisy in noisy_pictures(rng, sigma).values():
        got = tensor(denoise(noisy.clone(), sigma), "denoise", noisy.shape)
        for decibels, picture in ((gained, got), (plain, _soft(noisy, 1.5 * sigma))):
            errors = [float((one - clean).square().mean()) for one in (noisy, picture)]
            decibels.append(10 * float(np.log10(errors[0] / max(errors[1], 1e-12))))
    return gained, plain, f"with noise of {sigma:.3f}, {np.mean(gained):+.2f} dB on average over {len(gained)}"


def _soft(noisy: Tensor, least: float) -> Tensor:
    """Move every detail of three levels towards zero by `least`, at most to zero."""
    ll, *details = wavedec2(noisy, 3)
    moved = [tuple(band.sign() * (band.abs() - least).clamp(min=0) for band in bands) for bands in details]
    return waverec2([ll, *moved], noisy.shape)
