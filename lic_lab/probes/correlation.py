"""What the entropy model leaves undone: how much neighbours in the normalised latent still know of each other."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from lic_lab.entropy.gaussian import SCALE_MAX, SCALE_MIN
from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.probes.bitmaps import coding_order
from lic_lab.types import Image, Map

REACH = 4  # positions that are looked at to each side


class _Normalised(Estimate):
    """An estimate that notes (y - mean) / scale of every step; None for other parts than y."""

    def __init__(self, error_price: float | None):
        super().__init__(training=False, error_price=error_price)
        self.steps: list[Tensor | None] = []

    def factorized(self, z, density, shape):
        self.steps.append(None)
        return super().factorized(z, density, shape)

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        self.steps.append((y - mean) / scale.clamp(SCALE_MIN, SCALE_MAX) if part == "y" else None)
        return super().gaussian(y, mean, scale, part)


@torch.no_grad()
def normalised_latent(model: Codec, x: Image, rate: float | None = None) -> Map:
    """Give (y - mean) / scale of every latent element, by the mean and the scale it is coded with.

    x: (b, 3, h, w) in [0, 1], or pairs (b, 2, 3, h, w) -> (b views, latent, h/16, w/16); y before rounding, in
    quantisation steps.   rate: a rate point, by default the middle of the ladder. Raises LicLabError for a model in
    training, and for latents too large to be mapped (`bitmaps.coding_order`).
    """
    if model.training:
        raise LicLabError("the latent is looked at in evaluation mode: call model.eval() first")
    wire = _Normalised(model.error_price)
    model(x, rate, wire)
    height, width = model._latent_size(*x.shape[-2:])
    like = torch.zeros(len(x) * model.views, model.channels, height, width, device=next(model.parameters()).device)
    found = like.flatten(1).cpu()
    for where, values in zip(coding_order(model, like), wire.steps, strict=True):
        if where is not None:
            found.scatter_(1, where, values.float().flatten(1).cpu())
    return found.view(like.shape)


def correlation_map(latent: Map, reach: int = REACH) -> Tensor:
    """Give the correlation of every position with the one d further: (b, c, h, w) -> (2 reach + 1, 2 reach + 1).

    d = (rows, columns) in [-reach, reach]^2, no shift in the middle, where it is 1. For each picture and channel the
    coefficient of all pairs inside the map, then the mean over pictures and channels, all alike; a channel that is
    constant has no coefficient and does not count. Raises LicLabError for maps not larger than `reach` + 1, and where
    all are constant.
    """
    if min(latent.shape[-2:]) <= reach + 1:
        size = " x ".join(map(str, latent.shape[-2:]))
        raise LicLabError(f"a latent of {size} is too small to look {reach} positions far: use larger pictures")
    values = latent.double()
    found = torch.ones(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    for rows in range(reach + 1):
        for columns in range(-reach, reach + 1):
            if (rows, columns) > (0, 0):
                found[reach + rows, reach + columns] = _coefficient(values, rows, columns)
    return _mirrored(found, reach)


def _mirrored(found: Tensor, reach: int) -> Tensor:
    """Fill in the shifts up and straight to the left, which see the same pairs as those down and to the right."""
    turned = found.flip(0, 1)
    found[:reach], found[reach, :reach] = turned[:reach], turned[reach, :reach]
    return found


def _coefficient(values: Tensor, rows: int, columns: int) -> Tensor:
    """The mean over pictures and channels of the correlation over all pairs a shift (rows >= 0, columns) apart."""
    height, width = values.shape[-2:]
    left, right = max(0, -columns), max(0, columns)
    here = values[..., : height - rows, left : width - right].flatten(2)
    there = values[..., rows:, right : width - left].flatten(2)
    here, there = (side - side.mean(-1, keepdim=True) for side in (here, there))
    power = (here.square().sum(-1) * there.square().sum(-1)).sqrt()
    alive = power > 1e-12
    if not alive.any():
        raise LicLabError("every channel of this latent is constant: there is nothing to correlate")
    return ((here * there).sum(-1)[alive] / power[alive]).mean()


def latent_correlation(
    model: Codec, pictures: Iterable[Image], rate: float | None = None, *, reach: int = REACH
) -> Tensor:
    """Give the correlation map of a model's normalised latent, averaged over pictures of any size, each counting alike.

    pictures: tensors as `normalised_latent` takes them. Gives (2 reach + 1, 2 reach + 1), as `correlation_map` does.
    Source: CMamba, arXiv 2502.04988 (companion of its Fig. 6); after Zhu et al., "Transformer-based transform coding",
    ICLR 2022, Fig. 5. A good entropy model leaves 0 everywhere but in the middle.
    """
    maps = [correlation_map(normalised_latent(model, x, rate), reach) for x in pictures]
    return torch.stack(maps).mean(0)
