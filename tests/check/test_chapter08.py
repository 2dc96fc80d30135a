"""The exercises of chapter 08: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest
import torch

from lic_lab.check import check, list_exercises
from lic_lab.ops.rounding import round_ste
from lic_lab.training.recipe import Recipe


def cosine(step, steps, lr, warmup):
    return lr * min(1, (step + 1) / warmup) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2)


def with_the_library(step, steps, lr, warmup):
    return Recipe(steps=steps, lr=lr, warmup=warmup).rate_at(step)


def average(weights, decay):
    mean = weights[0]
    for weight in weights[1:]:
        mean = decay * mean + (1 - decay) * weight
    return mean


def closed_form(weights, decay):
    shares = (1 - decay) * decay ** np.arange(len(weights) - 1, -1, -1.0)
    shares[0] = decay ** (len(weights) - 1)
    return weights @ shares


RIGHT = [
    ("08.1", lambda v: 4 / (255**2 * v)),
    ("08.2", lambda x: x + (x.round() - x).detach()),
    ("08.2", round_ste),
    ("08.3", cosine),
    ("08.3", with_the_library),
    ("08.4", average),
    ("08.4", closed_form),
    ("08.5", lambda lmbda: math.sqrt(lmbda / 4e-4)),
    ("08.5", lambda lmbda: math.sqrt(lmbda * 255**2 * math.log(2) / 18)),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("08")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("08.1", lambda v: 1 / (255**2 * v), "four times as large"),
        ("08.1", lambda v: 4 / v, "255² before the MSE"),
        ("08.1", lambda v: v / 255**2, "v stands before the rate"),
        ("08.1", lambda v: 0.00123, "divide by v"),
        ("08.2", torch.round, "flat everywhere"),
        ("08.2", lambda x: x.detach().round(), "no gradient comes back"),
        ("08.2", lambda x: x, "but torch.round gives"),
        ("08.2", lambda x: x + (x.round() - x).detach() + x - x.detach(), "should pass unchanged"),
        ("08.2", lambda x: 3.0, "a tensor of five values"),
        ("08.3", lambda step, steps, lr, warmup: cosine(step, steps, lr, 1), "the warm-up is missing"),
        ("08.3", lambda step, steps, lr, warmup: lr * step / warmup, "a step with rate zero is lost"),
        (
            "08.3",
            lambda step, steps, lr, warmup: (
                lr * min(1, (step + 1) / warmup) * (1 + math.cos(math.pi * step / steps)) / 2
            ),
            "multiply the warm-up",
        ),
        ("08.3", lambda step, steps, lr, warmup: lr, "the warm-up"),
        ("08.4", lambda weights, decay: average(weights, 1 - decay), "what stays of the old average"),
        ("08.4", lambda weights, decay: weights.mean(), "old weights should fade"),
        ("08.4", lambda weights, decay: 0.0, "begin at the first weight"),
        ("08.5", lambda lmbda: math.sqrt(4e-4 / lmbda), "that is the step"),
        ("08.5", lambda lmbda: lmbda / 4e-4, "one over the squared step"),
        ("08.5", lambda lmbda: 1.0, "Δ² = 4e-4 / λ"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line, verdict.line
