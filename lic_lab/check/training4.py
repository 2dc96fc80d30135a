"""The small hyperprior of assignment A4: its model and crops, what a training of it is, and what it is worth."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

import lic_lab
from lic_lab.check.drawn import crop
from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import functions
from lic_lab.codecs.learned import wrap
from lic_lab.datasets.bundled import bundled_images
from lic_lab.entropy.gaussian import likelihood
from lic_lab.entropy.wires import Estimate
from lic_lab.metrics.rate import bpp
from lic_lab.models.base import Codec
from lic_lab.types import Image, Map, Output

PICTURES = ("astronaut", "chelsea", "coffee")
SIDE = 64  # of training crops
LAMBDAS = (0.0003, 0.001, 0.0035)  # low rates, where a few hundred steps are enough to beat JPEG


def trained(answer, start: Codec, crops: Image, steps: int, seed: int) -> Codec:
    """Give a copy of a model after an answer's training. Raises NotYet where it is no training of so many steps."""
    (train,) = functions(answer, "train")
    model = copy.deepcopy(start).train()
    got = train(model, crops.clone(), steps, seed)
    if not (isinstance(got, list | tuple | np.ndarray | Tensor) and len(got) == steps):
        raise NotYet(f"train gives a list of the loss of every step, {steps} numbers for {steps} steps")
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise NotYet("some weights are NaN or infinite: the learning rate is too large, or a gradient was not clipped")
    return model.eval()


def check_crops(answer, rng: np.random.Generator, steps: int, percent: float) -> None:
    """Train for some steps; raises NotYet unless the objective of held-out crops falls by so many percent."""
    start, unseen = small_model(rng), drawn_crops(rng, 32, unseen=True)
    model = trained(answer, start, drawn_crops(rng, 96), steps, 1)
    _check_fall(*(mean_objective(one, unseen) for one in (start, model)), steps, percent)


def check_files(answer, rng: np.random.Generator, steps: int, percent: float) -> None:
    """Train for some steps; raises NotYet unless the files of a held-out part of a picture are so much cheaper."""
    start = small_model(rng)
    model = trained(answer, start, drawn_crops(rng, 96), steps, 1)
    picture = crop(rng, part_of(str(rng.choice(PICTURES)), True), 122, 90)
    _check_fall(*(cost_of_files(one, picture) for one in (start, model)), steps, percent, "files, ")


def _check_fall(before: float, after: float, steps: int, percent: float, what: str = "") -> None:
    if not after <= (1 - percent / 100) * before:
        said = f"{what}{steps} steps: from {before:.3f} to {after:.3f}, {100 * (after / before - 1):+.0f} %"
        raise NotYet(f"{said}: try a learning rate of 2e-3 with a short warm-up, clip, let it fall towards the end")


@contextmanager
def closed(model: Codec) -> Iterator[None]:
    """Let a model's parts be used in the block, and not the forward pass that puts them together."""

    def forward(*_, **__):
        raise NotYet("that is the forward pass of the library: put it together from the parts of the model")

    model.forward = forward
    try:
        yield
    finally:
        del model.forward


class _Plain(Estimate):
    """Round to the nearest integer and charge what the densities say, at most 30 bits."""

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        rounded = torch.round(y - mean)
        self._add(part, likelihood(rounded, scale))
        return rounded + mean


@torch.no_grad()
def mean_objective(model: Codec, x: Image) -> float:
    """Give the objective on some crops, rounded, weighed alike over the rungs of the ladder."""
    return float(np.mean([_weighed(model, rung, plainly(model, x, float(rung)), x) for rung in range(model.rates)]))


def _weighed(model: Codec, rung: int, output: Output, x: Image) -> float:
    lmbda = model.lambdas[rung]
    cost = output.bpp + lmbda * 255**2 * ((x - output.x_hat) ** 2).mean((1, 2, 3))
    return float(cost.mean()) / math.sqrt(lmbda / 0.004)


def cost_of_files(model: Codec, picture: np.ndarray) -> float:
    """Give the same of real files, from their bytes and from what a decoder makes of them."""
    codec, costs = wrap(model, "hyperprior", "tiny"), []
    for rung, lmbda in enumerate(model.lambdas):
        data = codec.encode(picture, float(rung))
        error = np.mean((codec.decode(data).astype(float) - picture) ** 2)
        costs.append((bpp(data, *picture.shape[:2]) + lmbda * error) / math.sqrt(lmbda / 0.004))
    return float(np.mean(costs))


def plainly(model: Codec, x: Image, rate: float | Tensor) -> Output:
    """Give what the forward pass is with rounding to the nearest integer, and bits by the densities alone."""
    return model(x, rate, _Plain(training=False))


def small_model(rng: np.random.Generator) -> Codec:
    """Make an untrained hyperprior with 96 latent channels, three rungs and a step of about 25 ms."""
    torch.manual_seed(int(rng.integers(2**31)))
    return lic_lab.build("hyperprior", "tiny", latent=96, lambdas=LAMBDAS)


def all_weights(model: Codec) -> Tensor:
    """Give all parameters one after the other: (n,)."""
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def drawn_rates(rng: np.random.Generator, batch: int) -> Tensor:
    """Draw rate points on the ladder of `small_model`: (batch,)."""
    return torch.from_numpy(rng.uniform(0, 2, batch)).float()


def drawn_crops(rng: np.random.Generator, count: int, *, unseen: bool = False) -> Image:
    """Cut crops of the left two thirds of bundled photographs, or of the rest: (count, 3, 64, 64), in [0, 1]."""
    found = [part_of(name, unseen) for name in PICTURES]
    pieces = [crop(rng, found[int(rng.integers(len(found)))], SIDE, SIDE) for _ in range(count)]
    return torch.from_numpy(np.stack(pieces)).movedim(-1, 1).float() / 255


def part_of(name: str, unseen: bool) -> np.ndarray:
    """Give the left two thirds of a bundled picture, to learn from, or the rest: uint8 (h, w, 3)."""
    picture = bundled_images()[name]
    border = 2 * picture.shape[1] // 3
    return picture[:, border:] if unseen else picture[:, :border]
