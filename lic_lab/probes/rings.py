"""Rings of a spectrum: all frequencies that are equally far from zero, whatever their direction.

A radius is in units of pi per position: 1 is the highest frequency along rows or columns, 2 ** 0.5 along the diagonal.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.types import Map

LOWEST, HIGHEST = 0.25, 0.75  # units of pi: where `tilt` takes low frequencies to end and high ones to begin


def radius(height: int, width: int) -> np.ndarray:
    """Give how far from zero each frequency of a shifted spectrum is, units of pi: (h, w), 0 at (h // 2, w // 2)."""
    down, across = (2 * (np.arange(n) - n // 2) / n for n in (height, width))
    return np.hypot(down[:, None], across[None])


def ring_profile(amplitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average a shifted spectrum (h, w) over rings: radii (n,) from 0 to 2 ** 0.5, and the means (n,).

    A ring is as wide as one step of frequency of the shorter side; the first is zero frequency alone.
    """
    steps = min(amplitude.shape) / 2  # rings from zero to 1
    far = radius(*amplitude.shape)
    number = np.where(far > 0, np.maximum(np.rint(far * steps), 1), 0).astype(int)
    count = np.bincount(number.ravel())
    total = np.bincount(number.ravel(), np.asarray(amplitude, dtype=float).ravel())
    there = count > 0
    return np.flatnonzero(there) / steps, total[there] / count[there]


def tilt(amplitude: np.ndarray) -> float:
    """Give the mean of a shifted log spectrum (h, w) from 3/4 pi outwards minus its mean up to 1/4 pi, without zero.

    A constant added to a channel is all at zero frequency, and changes nothing here. Raises LicLabError for a map of
    under 8 positions a side, which has no frequency that low.
    """
    far = radius(*amplitude.shape)
    low, high = (far > 0) & (far <= LOWEST), far >= HIGHEST
    if not low.any():
        size = " x ".join(map(str, amplitude.shape))
        raise LicLabError(f"a map of {size} has no frequency under {LOWEST:g} pi: use larger pictures")
    return float(amplitude[high].mean() - amplitude[low].mean())


def ring_mask(height: int, width: int, low: float, high: float) -> np.ndarray:
    """Say which frequencies of a shifted spectrum have low <= radius < high, units of pi: bool (h, w)."""
    if not 0 <= low < high:
        raise LicLabError(f"a ring from {low:g} to {high:g} holds nothing: give 0 <= low < high")
    far = radius(height, width)
    return (far >= low) & (far < high)


def band_pass(features: Map, low: float, high: float) -> Map:
    """Keep of feature maps (..., h, w) only what has low <= radius < high, units of pi: same shape.

    Rings that together hold every frequency give maps whose sum is the features.
    """
    mask = torch.from_numpy(np.fft.ifftshift(ring_mask(*features.shape[-2:], low, high)))
    return torch.fft.ifft2(torch.fft.fft2(features) * mask.to(features.device)).real


def energy_shares(power: Tensor, low: float, high: float) -> Tensor:
    """Give the share of the energy that is in a ring, zero frequency not counted: power (..., h, w) -> (...).

    power: |FFT2|^2, shifted.   Where there is no energy at all, 0.
    """
    height, width = power.shape[-2:]
    power = power.clone()
    power[..., height // 2, width // 2] = 0  # the mean of a channel: no ring's, and often larger than all the rest
    within = power[..., torch.from_numpy(ring_mask(height, width, low, high))].sum(-1)
    return within / power.sum((-2, -1)).clamp(min=1e-30)
