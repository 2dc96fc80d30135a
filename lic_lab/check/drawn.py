"""Inputs that tasks draw from their generator: tensors of normal numbers, crops of pictures, rate-distortion curves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw numbers from N(0, 1): float64, of this shape."""
    return torch.from_numpy(rng.normal(size=shape))


def crop(rng: np.random.Generator, picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut height x width pixels out of a larger picture (h, w, 3), at a place that is drawn: same type."""
    top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(picture.shape, (height, width), strict=False))
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def curve_points(rng: np.random.Generator, shift: float = 0.0) -> list[tuple[float, float]]:
    """Draw six points of a curve as codecs have them, both rising: (bits per pixel, dB), moved by `shift`."""
    db = 27 + shift + np.cumsum(rng.uniform(1.2, 2.4, 6))
    rate = 0.1 * np.exp(np.cumsum(rng.uniform(0.25, 0.6, 6)))
    return [(float(r), float(q)) for r, q in zip(rate, db, strict=True)]
