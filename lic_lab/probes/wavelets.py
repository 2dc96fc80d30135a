"""How the energy of a picture, or of a latent, is shared among its wavelet bands."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.ops.wavelets import wavedec2

KINDS = ("LL", "LH", "HL", "HH")
"""First letter: low or high frequencies along the width; second: along the height."""


def named_bands(pyramid: list) -> dict[str, Tensor]:
    """Give the bands of a pyramid of `ops.wavelets.wavedec2` by name, coarsest first: {"LL2": ..., ..., "HH1": ...}.

    The number is the level: 1 has half the size of the original, 2 a quarter.
    """
    coarsest, *details = pyramid
    levels = len(details)
    bands = {f"LL{levels}": coarsest}
    for step, triple in enumerate(details):
        bands |= {f"{kind}{levels - step}": band for kind, band in zip(KINDS[1:], triple, strict=True)}
    return bands


def energy_shares(x: Tensor, levels: int = 1, wavelet: str = "haar") -> dict[str, float]:
    """Give the share of every band in the energy of a map without its mean: {"LL1": 0.9, ...}, together 1.

    x: (..., h, w), float; the mean of each (h, w) is taken out first, since a constant says nothing about structure.
    With Haar, orthonormal at even sides, the shares are those of the variance of x; 5/3 and 9/7 are only nearly
    orthonormal, so theirs are shares of the energy of the coefficients. All are 0 for a constant map.
    Raises LicLabError for an unknown wavelet, an empty map or levels < 1.
    """
    centred = x.double() - x.double().mean((-2, -1), keepdim=True)
    energies = {
        name: float(band.square().sum()) for name, band in named_bands(wavedec2(centred, levels, wavelet)).items()
    }
    total = sum(energies.values())
    return {name: energy / total if total else 0.0 for name, energy in energies.items()}


def keep_bands(pyramid: list, kinds: Collection[str]) -> list:
    """Give a pyramid in which only the bands of some kinds ("LL", "LH", "HL", "HH"), at all levels, are not zero.

    Raises LicLabError for another kind.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise LicLabError(f"no band {unknown[0]!r}: use {', '.join(KINDS)}")
    coarsest, *details = pyramid
    kept = [coarsest if "LL" in kinds else torch.zeros_like(coarsest)]
    for triple in details:
        pairs = zip(KINDS[1:], triple, strict=True)
        kept.append(tuple(band if kind in kinds else torch.zeros_like(band) for kind, band in pairs))
    return kept
