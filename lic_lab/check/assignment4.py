"""Tasks of assignment A4: a hyperprior's bits and forward pass, its training, files on a curve, and a BD-rate."""

from __future__ import annotations

import csv
import math
import warnings

import numpy as np
import torch
from torch import Tensor

from lic_lab.check import training4
from lic_lab.check.drawn import crop, curve_points, normal
from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import functions, number, tensor
from lic_lab.check.tasks import Task
from lic_lab.codecs import load
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.bundled import bundled_images, data_path
from lic_lab.entropy.gaussian import likelihood
from lic_lab.evaluation import reference
from lic_lab.metrics.bd import bd_rate, rising_points
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp
from lic_lab.models.base import Codec
from lic_lab.types import Image

# ---- A4.1 ------------------------------------------------------------------------------------------------------------

price = Task("A4.1", "What a rounded value costs under a Gaussian")


@price.part("ordinary values cost minus log2 of the mass of their bin", points=1)
def _(answer, rng):
    scale = torch.from_numpy(rng.uniform(0.8, 6, (4, 5)))
    residual = torch.round(scale * torch.from_numpy(rng.uniform(-3, 3, (4, 5))))
    got, right = _bits(answer, residual.float(), scale.float()), -torch.log2(likelihood(residual, scale))
    if torch.allclose(got, right, atol=1e-3):
        return
    if torch.allclose(got, right * math.log(2), atol=1e-3):
        raise NotYet("these are nats: bits take the logarithm to base 2")
    density = -torch.distributions.Normal(0.0, scale).log_prob(residual) / math.log(2)
    if torch.allclose(got, density.float(), atol=1e-3):
        raise NotYet("that is the density at the value: take the cumulative function at +1/2, less the one at -1/2")
    at = np.unravel_index(int((got - right).abs().argmax()), got.shape)
    raise NotYet(f"{residual[at]:g} under σ = {scale[at]:.2f} gave {got[at]:.3f} bits where {right[at]:.3f} are right")


@price.part("both tails keep their digits in float32: 6 σ above costs what 6 σ below does", points=1)
def _(answer, rng):
    scale = torch.from_numpy(rng.uniform(0.9, 2, 6))
    residual = torch.from_numpy(rng.uniform(5.4, 5.9, 6)) * scale
    z = (residual[:, None] + torch.tensor([-0.5, 0.5])) / scale[:, None] / 2**0.5
    right = -torch.log2((torch.erfc(z[:, 0]) - torch.erfc(z[:, 1])) / 2)
    for sign in (1, -1):
        got = _bits(answer, sign * residual.float(), scale.float())
        if not torch.allclose(got, right.float(), atol=0.02):
            at = int((got - right).abs().nan_to_num(nan=99, posinf=99).argmax())
            said = f"{sign * residual[at]:.2f} under σ = {scale[at]:.2f} gave {got[at]:.2f} bits, not {right[at]:.2f}"
            raise NotYet(
                f"{said}: 1 + erf loses digits near -1, and 1 - tail near 1; torch.erfc of the tail keeps them"
            )


@price.part("nothing costs more than 1e-9 does, and a scale counts as 0.11 at least", points=1)
def _(answer, rng):
    residual = torch.from_numpy(np.append(rng.uniform(200, 1e4, 4) * rng.choice([-1, 1], 4), [0.2, -0.4, 0.55, 0.0]))
    scale = torch.from_numpy(np.append(rng.uniform(1, 3, 4), [0.02, 1e-6, 0.05, 0.0]))
    got = _bits(answer, residual.float(), scale.float())
    right = -torch.log2(likelihood(residual, scale))
    if not torch.isfinite(got).all():
        raise NotYet("far out, or for a scale near zero, it gives infinity or NaN: bound the mass and the scale")
    if not torch.allclose(got, right, atol=1e-3):
        at = int((got - right).abs().argmax())
        raise NotYet(f"{residual[at]:.4g} under σ = {scale[at]:.2g} gave {got[at]:.2f} bits, {right[at]:.2f} are right")


@price.part("gradients are right, and one can raise a scale that fell below its bound", points=1)
def _(answer, rng):
    values = torch.from_numpy(rng.uniform(-4, 4, 5)).float()
    for scale in (torch.from_numpy(rng.uniform(1, 3, 5)).float(), torch.full((5,), 0.05)):
        values = values if scale[0] > 0.1 else 0.6 * torch.sign(values)
        slopes = []
        for way in (lambda v, s: _bits(answer, v, s), lambda v, s: -torch.log2(likelihood(v, s))):
            held = values.clone().requires_grad_(), scale.clone().requires_grad_()
            total = way(*held).sum()
            if not total.requires_grad:
                raise NotYet("no gradient comes back: stay with torch, and detach nothing")
            slopes.append(torch.autograd.grad(total, held, allow_unused=True))
        for name, mine, theirs in zip(("value", "scale"), *slopes, strict=True):
            if mine is None or not torch.allclose(mine, theirs, rtol=1e-2, atol=1e-3):
                low = " (a plain clamp is flat below its bound: see lic_lab.ops.rounding.lower_bound)"
                raise NotYet(f"at σ = {scale[0]:.2f} the gradient of the {name} is another" + low * (scale[0] < 0.1))


def _bits(answer, residual: Tensor, scale: Tensor) -> Tensor:
    (bits,) = functions(answer, "bits")
    return tensor(bits(residual, scale), "bits", residual.shape).float()


# ---- A4.2 and A4.3 ---------------------------------------------------------------------------------------------------

forward_pass = Task("A4.2", "The forward pass of a hyperprior", seconds=30)


@forward_pass.part("the picture without training is the library's", points=1)
def _(answer, rng):
    model, x, rate = training4.small_model(rng), training4.drawn_crops(rng, 2), training4.drawn_rates(rng, 2)
    with torch.no_grad():
        x_hat, _ = _forward(answer, model, x, rate, False)
        _same_picture(x_hat, training4.plainly(model, x, rate).x_hat)


@forward_pass.part("the bits without training are the library's, for each picture of a batch", points=1)
def _(answer, rng):
    model, x, rate = training4.small_model(rng), training4.drawn_crops(rng, 3), training4.drawn_rates(rng, 3)
    with torch.no_grad():
        _, got = _forward(answer, model, x, rate, False)
        parts = training4.plainly(model, x, rate).parts
    right = sum(parts.values())
    if torch.allclose(got, right, rtol=2e-3, atol=1):
        return
    said = f"{got[0]:.0f} bits for the first picture where {right[0]:.0f} are right"
    if torch.allclose(got, parts["y"], rtol=2e-3, atol=1):
        raise NotYet(f"{said}: ẑ has to be sent too, count its bits by model.latent.density.likelihood")
    raise NotYet(f"{said}: bits of round(y - mean) and of ẑ, summed over each picture")


@forward_pass.part("in training, noise stands for rounding in the bits, and in the bits only", points=1)
def _(answer, rng):
    model, x, rate = training4.small_model(rng), training4.drawn_crops(rng, 2), training4.drawn_rates(rng, 2)
    with torch.no_grad():
        passes = [_forward(answer, model.train(), x, rate, True) for _ in range(12)]
        right = torch.stack([model(x, rate).bits for _ in range(12)]).mean(0)
        _same_picture(passes[0][0], training4.plainly(model.eval(), x, rate).x_hat, " in training")
    bits = torch.stack([one for _, one in passes])
    if float(bits.std(0).max()) == 0:
        raise NotYet("two passes in training cost the same to the last digit: add noise from -1/2 to 1/2 for the bits")
    if not torch.allclose(bits.mean(0), right, rtol=0.02):
        said = f"{float(bits.mean()):.0f} bits on average in training, {float(right.mean()):.0f} are right"
        raise NotYet(f"{said}: the noise takes the place of rounding, in z as in y - mean")


@forward_pass.part("in training, a gradient reaches every weight of the model", points=1)
def _(answer, rng):
    model, x, rate = training4.small_model(rng).train(), training4.drawn_crops(rng, 2), training4.drawn_rates(rng, 2)
    x_hat, bits = _forward(answer, model, x, rate, True)
    total = bits.sum() + ((x - x_hat) ** 2).sum()
    if not total.requires_grad:
        raise NotYet("no gradient comes back: stay with torch, and detach only what rounding changes")
    names, weights = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(total, weights, allow_unused=True)
    if silent := [name for name, grad in zip(names, found, strict=True) if grad is None]:
        raise NotYet(f"no gradient reaches {silent[0]} (of {len(silent)} weights): round straight through, z as well")
    x_hat, _ = _forward(answer, model, x, rate, True)
    (of_picture,) = torch.autograd.grad(x_hat.sum(), [model.analysis.linear.weight], allow_unused=True)
    if of_picture is None or not of_picture.any():
        raise NotYet("the picture gives the analysis no gradient: torch.round is flat, pass the gradient around it")


def _forward(answer, model: Codec, x: Image, rate: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    (forward,) = functions(answer, "forward")
    with training4.closed(model):
        got = forward(model, x.clone(), rate.clone(), training)
    if not (isinstance(got, tuple | list) and len(got) == 2):
        raise NotYet(f"forward gives a picture and its bits, (x_hat, bits), not {type(got).__name__}")
    return tensor(got[0], "x_hat", x.shape).float(), tensor(got[1], "bits", (len(x),)).float()


def _same_picture(got: Tensor, right: Tensor, when: str = "") -> None:
    if not torch.allclose(got, right, atol=2e-3):
        off = float((got - right).abs().max())
        mend = "y times the gain, round(y - mean) + mean, times the inverse gain, synthesis"
        raise NotYet(f"x_hat{when} is off by up to {off:.2g} where pictures run from 0 to 1: {mend}")


objective_task = Task("A4.3", "R + λ 255² D of every picture of a batch")


@objective_task.part("one picture: bits per pixel, and λ 255² times the mean squared error", points=1)
def _(answer, rng):
    for height, width in ((32, 48), (64, 64)):
        _check_objective(answer, rng, 1, height, width)


@objective_task.part("a batch: every picture has its own bits, its own error and its own λ", points=1)
def _(answer, rng):
    _check_objective(answer, rng, 4, 48, 32)


def _check_objective(answer, rng, batch: int, height: int, width: int) -> None:
    (objective,) = functions(answer, "objective")
    x = torch.from_numpy(rng.uniform(0, 1, (batch, 3, height, width)))
    x_hat = x + 0.05 * normal(rng, *x.shape) * torch.linspace(0.5, 2, batch, dtype=x.dtype)[:, None, None, None]
    bits, lmbda = torch.from_numpy(rng.uniform(100, 5000, batch)), torch.from_numpy(rng.uniform(0.001, 0.05, batch))
    got = tensor(objective(x, x_hat, bits, lmbda), "objective", (batch,)).double()
    rate, error = bits / (height * width), lmbda * ((x - x_hat) ** 2).mean((1, 2, 3))
    if torch.allclose(got, rate + 255**2 * error, rtol=1e-4):
        return
    for wrong, hint in (
        (rate / 3 + 255**2 * error, "per pixel, not per value: a pixel has three"),
        (bits + 255**2 * error, "divide the bits by the pixels"),
        (rate + error, "the error counts on 8-bit values: 255² is missing"),
    ):
        if torch.allclose(got, wrong, rtol=1e-4):
            raise NotYet(f"{batch} of {width} x {height}: {hint}")
    right = float(rate[0] + 255**2 * error[0])
    raise NotYet(f"{batch} of {width} x {height} gave {got[0]:.4f} first, and {right:.4f} is right")


# ---- A4.4 ------------------------------------------------------------------------------------------------------------

training = Task("A4.4", "A training that lowers the objective", seconds=25)


@training.part("one seed gives the same weights again, another seed gives others", points=1)
def _(answer, rng):
    start, crops = training4.small_model(rng), training4.drawn_crops(rng, 24)
    weights = []
    for seed in (5, 5, 6):
        torch.rand(int(rng.integers(1, 9)))  # somebody else draws in between
        weights.append(training4.all_weights(training4.trained(answer, start, crops, 3, seed)))
    if torch.equal(weights[0], training4.all_weights(start)):
        raise NotYet("the weights are what they were before: let the optimiser take its steps on this very model")
    if not torch.equal(weights[0], weights[1]):
        raise NotYet("the same seed gave other weights: torch.manual_seed(seed) first, and no other source of chance")
    if torch.equal(weights[0], weights[2]):
        raise NotYet("another seed gave the same weights: draw crops, rate points and noise from it")


@training.part("40 steps lower it by 15 percent on crops that were held out", points=1)
def _(answer, rng):
    training4.check_crops(answer, rng, 40, 15)


@training.part("80 steps lower it by 35 percent on crops that were held out", points=1)
def _(answer, rng):
    training4.check_crops(answer, rng, 80, 35)


@training.part("40 steps lower R + λ 255² D of real files, which decode, by 20 percent", points=1)
def _(answer, rng):
    training4.check_files(answer, rng, 40, 20)


# ---- A4.5 ------------------------------------------------------------------------------------------------------------

points_of_files = Task("A4.5", "Points of real files on a rate-distortion curve", seconds=40)


@points_of_files.part("JPEG at several qualities: rate of the whole file, PSNR of what it decodes to", points=1)
def _(answer, rng):
    qualities = sorted(int(q) for q in rng.choice(range(5, 96), 4, replace=False))
    _check_points(answer, rng, load("jpeg"), qualities)


@points_of_files.part("a learned codec on a picture of odd size, at rate points between its rungs too", points=1)
def _(answer, rng):
    _check_points(answer, rng, load("hyperprior"), [round(float(q), 2) for q in rng.uniform(0, 8, 2)])


def _check_points(answer, rng, codec: ImageCodec, qualities: list[float]) -> None:
    (rd_points,) = functions(answer, "rd_points")
    height, width = (int(n) for n in rng.integers(75, 140, 2))
    picture = crop(rng, bundled_images()[str(rng.choice(training4.PICTURES))], height, width)
    got = rd_points(codec, picture.copy(), list(qualities))
    kinds = list | tuple | np.ndarray
    if not (isinstance(got, kinds) and len(got) == len(qualities) and all(np.size(one) == 2 for one in got)):
        raise NotYet(f"{len(qualities)} qualities give a list of {len(qualities)} pairs (bits per pixel, dB)")
    for quality, (rate, db) in zip(qualities, got, strict=True):
        data = codec.encode(picture, quality)
        size, error = bpp(data, height, width), psnr(picture, codec.decode(data))
        said = f"{codec.label}, quality {quality:g}, {width} x {height}:"
        if not math.isclose(rate, size, rel_tol=1e-4):
            raise NotYet(f"{said} {rate:.4f} bpp where {size:.4f} are right: bits of the file over its pixels")
        if not math.isclose(db, error, abs_tol=0.02):
            raise NotYet(f"{said} {db:.2f} dB where {error:.2f} are right: compare with codec.decode(data), as numbers")


# ---- A4.6 ------------------------------------------------------------------------------------------------------------

bd_task = Task("A4.6", "A BD-rate by your own function")


@bd_task.part("a curve that needs k times the rate at every quality is 100 (k - 1) percent away", points=1)
def _(answer, rng):
    (bd,) = functions(answer, "bd")
    for factor in rng.uniform((0.5, 1.1), (0.9, 2.0)).tolist():
        anchor = curve_points(rng)
        got = number(bd(list(anchor), [(factor * rate, db) for rate, db in anchor]), "bd")
        if not abs(got - 100 * (factor - 1)) < 0.01:
            hint = "the mean of the log rates' difference over quality, then 100 (exp(mean) - 1)"
            if abs(got - 100 * (1 / factor - 1)) < 0.01:
                hint = "the anchor comes first, and more bits than the anchor is positive"
            raise NotYet(f"{factor:.3f} times the rate gave {got:+.2f} %, {100 * (factor - 1):+.2f} % is right: {hint}")


@bd_task.part("curves that share only a part: only the qualities that both have count", points=1)
def _(answer, rng):
    for _ in range(3):
        one, other = curve_points(rng), curve_points(rng, shift=float(rng.uniform(1.5, 4)))
        _check_bd(answer, one, other, "where the curves share a part only")
    (bd,) = functions(answer, "bd")
    apart = [(rate, db + 30) for rate, db in one]
    if not math.isnan(got := number(bd(list(one), apart), "bd")):
        raise NotYet(f"curves that share no quality gave {got:+.2f} %: give math.nan")


@bd_task.part("points in any order, some of which cost more and give less", points=1)
def _(answer, rng):
    for _ in range(3):
        one, other = curve_points(rng), curve_points(rng)
        dear = [(1.3 * other[2][0], other[2][1] - 0.4), (1.02 * one[-1][0], one[-1][1] - 1)]
        mixed = [[*one, dear[1]], [*other, dear[0]]]
        mixed = [[curve[int(k)] for k in rng.permutation(len(curve))] for curve in mixed]
        _check_bd(answer, *mixed, "with points that are not worth using: leave out what a cheaper point matches")


@bd_task.part("published curves on Kodak: the numbers that others published, to 0.1 percent", points=1)
def _(answer, rng):
    with data_path("results", "bd_rate_recomputed.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["dataset"], row["metric"]) == ("kodak", "psnr_db")]
    (bd,) = functions(answer, "bd")
    rows = [row for row in rows if row["optimized_for"] == "mse"]
    for row in rng.choice(rows, 5, replace=False):
        points = (reference.published("kodak", row[key]) for key in ("anchor", "codec"))
        anchor, curve = ([(point.bpp, point.psnr_db) for point in of] for of in points)
        got, right = number(bd(anchor, curve), "bd"), float(row["bd_rate_pct_pchip"])
        if not abs(got - right) < 0.1:
            said = f"{row['codec']} against {row['anchor']} gave {got:+.2f} %, {right:+.2f} % is in the table"
            raise NotYet(f"{said}: PCHIP through (dB, log rate), not a straight line and not one cubic")


def _check_bd(answer, anchor: list, curve: list, what: str) -> None:
    (bd,) = functions(answer, "bd")
    got = number(bd(list(anchor), list(curve)), "bd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how little they share is meant
        right = bd_rate(*rising_points(*zip(*anchor, strict=True)), *rising_points(*zip(*curve, strict=True)))
    if not abs(got - right) < 0.05:
        raise NotYet(f"{got:+.2f} % where {right:+.2f} % is right, {what}")
