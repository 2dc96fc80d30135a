"""Exercises of chapter 08: lambda in another's words, the straight-through round, schedule, average, gain."""

import math

import numpy as np
import torch

from lic_lab.check.exercises import NotYet, exercise
from lic_lab.training.objective import lambda_from

LEAST = 0.02  # of the peak learning rate, at the end of the cosine


@exercise("08.1", "The lambda of R + lambda 255² MSE that belongs to MSE on [-1, 1] + v R")
def _(answer):
    for v in (0.05, 0.002, 1.0):
        got, right = float(answer(v)), lambda_from(v, "asymmetric")
        if math.isclose(got, right, rel_tol=1e-6):
            continue
        said = f"v = {v:g} gave {got:.3g}"
        if math.isclose(got, right / 4, rel_tol=1e-6):
            raise NotYet(f"{said}: on [-1, 1] everything is twice as large, so a squared error is four times as large")
        if math.isclose(got, right * 255**2, rel_tol=1e-6):
            raise NotYet(f"{said}: what is missing is the 255² before the MSE")
        if math.isclose(got, v / 255**2, rel_tol=1e-6) or math.isclose(got, 4 * v / 255**2, rel_tol=1e-6):
            raise NotYet(f"{said}: v stands before the rate here; divide the whole objective by v first")
        raise NotYet(f"{said}: divide by v, so that R stands alone; then compare what stands before the MSE on [0, 1]")


@exercise("08.2", "A straight-through round: forward it rounds, backward it is not there")
def _(answer):
    x = torch.tensor([-1.6, -0.2, 0.4, 2.7, 7.0], requires_grad=True)
    weights = torch.tensor([1.0, -2.0, 3.0, 0.5, 4.0])
    got = answer(x)
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        raise NotYet("a tensor of five values went in: give a tensor of five values, made with torch")
    if not torch.allclose(got.detach(), x.detach().round()):
        raise NotYet(f"forward {got.detach().tolist()}, but torch.round gives {x.detach().round().tolist()}")
    if not got.requires_grad:
        raise NotYet("no gradient comes back at all: detach only the difference between rounded and unrounded")
    (gradient,) = torch.autograd.grad((got * weights).sum(), x, allow_unused=True)
    if gradient is None or not gradient.any():
        raise NotYet("the gradient is zero: torch.round is flat everywhere; it must not be on the way back")
    if not torch.allclose(gradient, weights):
        raise NotYet(f"the gradient should pass unchanged: {weights.tolist()} came back as {gradient.tolist()}")


@exercise("08.3", "The learning rate at a step: linear warm-up, cosine down to a fiftieth")
def _(answer):
    for steps, lr, warmup in ((1000, 5e-4, 100), (200, 2e-3, 20)):
        for step in (0, warmup // 2, warmup - 1, steps // 2, steps):
            got, right = float(answer(step, steps, lr, warmup)), _schedule(step, steps, lr, warmup)
            if math.isclose(got, right, rel_tol=1e-6):
                continue
            said = f"step {step} of {steps}, lr {lr:g}, warm-up {warmup}: {got:.6g} instead of {right:.6g}"
            if not got and step == 0:
                raise NotYet(f"{said}: a step with rate zero is lost; grow as (step + 1) / warmup")
            if math.isclose(got, right / min(1, (step + 1) / warmup), rel_tol=1e-6):
                raise NotYet(f"{said}: the warm-up is missing; multiply by (step + 1) / warmup, at most 1")
            if step == steps:
                raise NotYet(f"{said}: the cosine ends at lr / 50, that is 0.02 + 0.98 (1 + cos(π step / steps)) / 2")
            raise NotYet(f"{said}: multiply the warm-up, at most 1, by 0.02 + 0.98 (1 + cos(π step / steps)) / 2")


def _schedule(step: int, steps: int, lr: float, warmup: int) -> float:
    cosine = LEAST + (1 - LEAST) * (1 + math.cos(math.pi * step / steps)) / 2
    return lr * min(1, (step + 1) / warmup) * cosine


@exercise("08.4", "The moving average of weights after some steps, begun at the first of them")
def _(answer):
    random = np.random.default_rng(0)
    for decay, count in ((0.9, 5), (0.99, 30), (0.0, 3)):
        weights = random.normal(size=count)
        got, right = float(answer(weights.copy(), decay)), _average(weights, decay)
        if math.isclose(got, right, rel_tol=1e-6, abs_tol=1e-9):
            continue
        said = f"decay {decay:g} over {count} steps gave {got:.4f}"
        if math.isclose(got, _average(weights, 1 - decay), rel_tol=1e-6, abs_tol=1e-9):
            raise NotYet(f"{said}: the decay is what stays of the old average, 1 - decay is what the new weight adds")
        if math.isclose(got, weights.mean(), rel_tol=1e-6):
            raise NotYet(f"{said}: that is the plain mean; old weights should fade")
        raise NotYet(f"{said}: begin at the first weight, then average = decay · average + (1 - decay) · weight")


def _average(weights: np.ndarray, decay: float) -> float:
    average = weights[0]
    for weight in weights[1:]:
        average = decay * average + (1 - decay) * weight
    return float(average)


@exercise("08.5", "The gain that theory gives a lambda, for pictures in [0, 1]")
def _(answer):
    for lmbda in (0.0004, 0.0067, 0.05):
        got, right = float(answer(lmbda)), math.sqrt(lmbda / 4e-4)
        if math.isclose(got, right, rel_tol=2e-3):  # 4e-4 is 18 / (255² ln 2), rounded
            continue
        said = f"λ = {lmbda:g} gave {got:.4g}"
        if math.isclose(got, 1 / right, rel_tol=2e-3):
            raise NotYet(f"{said}: that is the step; the gain is what the latent is multiplied by, one over it")
        if math.isclose(got, right**2, rel_tol=2e-3):
            raise NotYet(f"{said}: that is one over the squared step")
        raise NotYet(f"{said}: the best step Δ has Δ² = 4e-4 / λ, and the gain is 1 / Δ")
