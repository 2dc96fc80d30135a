"""How good a model is in the middle of its training: estimated rates and distortions on the same pictures each time."""

from __future__ import annotations

import hashlib
from statistics import fmean

import torch
from torch import Tensor

from lic_lab.models.base import Codec
from lic_lab.training.log import Log
from lic_lab.training.objective import balanced, rate_distortion
from lic_lab.training.recipe import Recipe

AT_ONCE = 8  # pictures


@torch.no_grad()
def validate(
    model: Codec, pictures: Tensor, recipe: Recipe, *, device: torch.device | str = "cpu", log: Log | None = None,
    step: int = 0,
) -> dict:  # fmt: skip
    """Give a row of the history: "objective" over all rungs, "bpp" and "psnr_db" of each; "score" where it selects.

    pictures: (n, 3, h, w), or pairs, in [0, 1].   log: is given the first picture, as it comes back at both ends of the
    ladder. The score is Asymmetric's, from 0 to 1: 1 - bpp, PSNR from 20 to 40 dB and SSIM, weighed 1 : 2.5 : 1.5.
    """
    points = []
    for rung in range(model.rates):
        rows = [_measure(model, part.to(device), rung, recipe) for part in pictures.split(AT_ONCE)]
        weights = [len(part) / len(pictures) for part in pictures.split(AT_ONCE)]
        points.append([sum(w * row[k] for w, row in zip(weights, rows, strict=True)) for k in range(len(rows[0]))])
        if log and rung in (0, model.rates - 1):
            first = model(pictures[:1].to(device), float(rung)).x_hat
            log.picture(step, f"validation/rung_{rung}", torch.cat(list(first.flatten(0, -4)), dim=-1))  # views abreast
    row = {"objective": round(fmean(p[2] for p in points), 5)}
    row |= {"bpp": [round(p[0], 4) for p in points], "psnr_db": [round(p[1], 3) for p in points]}
    return row | ({"score": round(fmean(p[3] for p in points), 5)} if recipe.select == "score" else {})


def _measure(model: Codec, x: Tensor, rung: int, recipe: Recipe) -> list[float]:
    """Mean bpp, dB, balanced cost and, where it selects, score of a few pictures at one rung."""
    lmbda = torch.full((len(x),), model.lambdas[rung], device=x.device)
    output = model(x, float(rung))
    terms = rate_distortion(x, output, lmbda, recipe.distortion)
    found = [float(terms.bpp.mean()), float(terms.psnr.mean()), float(balanced(terms, lmbda))]
    if recipe.select == "score":
        found.append(score(found[0], found[1], _ssim(x, output.x_hat)))
    return found


def fingerprint(pictures: Tensor) -> str:
    """Give 16 hexadecimal digits of pictures, or pairs: objectives of others must not be compared with theirs."""
    values = pictures.detach().float().cpu().contiguous()
    found = hashlib.sha256(repr(tuple(values.shape)).encode())
    found.update(values.flatten().numpy())
    return found.hexdigest()[:16]


def score(bpp: float, psnr_db: float, ssim: float) -> float:
    """Give the merit by which the Asymmetric system chooses its weights, 0 to 1: rate, PSNR and SSIM weighed."""
    return (max(0, 1 - bpp) + 2.5 * min(max((psnr_db - 20) / 20, 0), 1) + 1.5 * max(0, ssim)) / 5


def _ssim(x: Tensor, x_hat: Tensor) -> float:
    from pytorch_msssim import ssim

    return float(ssim(x.flatten(0, -4), x_hat.float().flatten(0, -4).clamp(0, 1), data_range=1))
