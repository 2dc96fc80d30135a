"""Exercises of chapter 05: rings of a spectrum, what a stride folds, and how much of a map is fine detail."""

import numpy as np
import torch

from lic_lab.check.exercises import NotYet, exercise
from lic_lab.probes.rings import band_pass, radius, ring_mask


def _map(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise with a mean: (height, width), float64."""
    return np.random.default_rng(seed).normal(3.0, 1.0, (height, width))


@exercise("05.1", "The mean of a shifted spectrum over one ring")
def _(answer):
    for height, width, low, high in ((16, 16, 0.0, 0.2), (16, 16, 0.25, 0.5), (12, 20, 0.5, 1.0), (9, 15, 1.0, 1.5)):
        amplitude = _map(height, width)
        got, right = float(answer(amplitude.copy(), low, high)), amplitude[ring_mask(height, width, low, high)].mean()
        if abs(got - right) < 1e-9:
            continue
        said = f"a map of {height} x {width}, from {low:g} to {high:g}: {got:.4f} where {right:.4f} is right"
        far = radius(height, width)
        if abs(got - amplitude[(far / 2 >= low) & (far / 2 < high)].mean()) < 1e-9:
            raise NotYet(
                f"{said}: that is in periods per position, and 1/2 of those is pi: twice as much in units of pi"
            )
        if abs(got - amplitude[ring_mask(height, width, low, high)].sum()) < 1e-9:
            raise NotYet(f"{said}: that is the sum, the mean was asked for")
        raise NotYet(f"{said}: row i is at 2 (i - h // 2) / h, columns alike, and the radius is hypot of the two")


@exercise("05.2", "What a map holds within one ring of frequencies")
def _(answer):
    for height, width, low, high in ((16, 16, 0.25, 0.5), (16, 16, 0.0, 0.3), (12, 20, 0.5, 2.0), (15, 9, 0.3, 0.8)):
        f = _map(height, width, seed=1)
        got, right = np.asarray(answer(f.copy(), low, high)), band_pass(torch.from_numpy(f), low, high).numpy()
        said = f"a map of {height} x {width}, from {low:g} to {high:g}"
        if got.shape != f.shape:
            raise NotYet(f"{said}: the answer has shape {got.shape}, give a map as large as the one you got")
        if np.abs(got - right).max() < 1e-9:
            continue
        unshifted = np.fft.ifft2(np.fft.fft2(f) * ring_mask(height, width, low, high)).real
        if np.abs(got - unshifted).max() < 1e-9:
            raise NotYet(
                f"{said}: the mask has zero in the middle and fft2 has it in the corner: ifftshift one of them"
            )
        raise NotYet(
            f"{said}: off by up to {np.abs(got - right).max():.3g}: fft2, times the mask of the ring, ifft2, .real"
        )


@exercise("05.3", "Where a frequency appears after a stride")
def _(answer):
    for f, stride, right in (
        (0.75, 2, 0.5),
        (0.25, 2, 0.5),
        (0.5, 2, 1.0),
        (1.0, 2, 0.0),
        (0.9, 3, 0.7),
        (0.6, 4, 0.4),
    ):
        got = float(answer(f, stride))
        if abs(got - right) < 1e-9:
            continue
        said = f"{f:g} after a stride of {stride} gave {got:g}"
        if abs(got - f * stride) < 1e-9:
            raise NotYet(f"{said}: there is nothing above 1, what is faster turns back")
        if abs(got * stride - right) < 1e-9:
            raise NotYet(f"{said}: that is per position of the large grid; give it per position of the smaller one")
        if abs(got - f * stride % 1) < 1e-9:
            raise NotYet(
                f"{said}: a full turn is 2 (in units of pi), and on the way from 1 to 2 a wave gets slower again"
            )
        raise NotYet(
            f"{said}, not {right:g}: multiply by the stride, take off whole turns of 2, and mirror what is above 1"
        )


@exercise("05.4", "The share of the energy in high frequencies")
def _(answer):
    for height, width, cut in ((16, 16, 0.5), (12, 20, 0.25), (16, 16, 1.0), (9, 15, 0.75)):
        f = _map(height, width, seed=2)
        amplitude, far = np.abs(np.fft.fftshift(np.fft.fft2(f))), radius(height, width)
        power = np.where(far > 0, amplitude**2, 0)
        got, right = float(answer(f.copy(), cut)), power[far >= cut].sum() / power.sum()
        if abs(got - right) < 1e-9:
            continue
        said = f"a map of {height} x {width} beyond {cut:g}: {got:.4f} where {right:.4f} is right"
        if abs(got - (amplitude**2)[far >= cut].sum() / (amplitude**2).sum()) < 1e-9:
            raise NotYet(f"{said}: zero frequency is in your total, and it is larger than all the rest")
        if abs(got - amplitude[(far >= cut) & (far > 0)].sum() / amplitude[far > 0].sum()) < 1e-9:
            raise NotYet(f"{said}: energy is the square of the amplitude")
        raise NotYet(
            f"{said}: |fft2|² shifted, its sum where the radius is at least {cut:g}, over its sum without zero"
        )
