"""The exercises of chapter 09: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest
import torch

from lic_lab.check import check, list_exercises
from lic_lab.entropy.raster import fronts


def with_erf(k, mean, scale):
    def below(edge):
        return 0.5 * (1 + torch.erf(torch.as_tensor((edge - mean) / scale / math.sqrt(2))))

    return float(-torch.log2(below(k + 0.5) - below(k - 0.5)).sum())


def one_by_one(k, mean, scale):
    normal = torch.distributions.Normal(torch.from_numpy(mean), torch.from_numpy(scale))
    upper, lower = (normal.cdf(torch.from_numpy(k) + half) for half in (0.5, -0.5))
    return sum(-math.log2(u - v) for u, v in zip(upper.tolist(), lower.tolist(), strict=True))


def density(k, mean, scale):
    normal = torch.distributions.Normal(torch.from_numpy(mean), torch.from_numpy(scale))
    return float(-normal.log_prob(torch.from_numpy(k)).sum() / math.log(2))


def one_each(k, mean, scale):
    return [with_erf(*symbol) for symbol in zip(k[:, None], mean[:, None], scale[:, None], strict=True)]


def window(when, row, column, earlier=np.less):
    padded = np.pad(when, 1, constant_values=10**6)[row : row + 3, column : column + 3]
    return earlier(padded, when[row, column])


def slanted(h, w):
    return np.add.outer(3 * np.arange(h), np.arange(w))


def by_the_library(h, w):
    when = np.empty(h * w, int)
    for number, sites in enumerate(fronts(h, w, 5)):
        when[sites.numpy()] = number
    return when.reshape(h, w)


def decoder(pop, h, w):
    y = np.zeros((h, w))
    for row in range(h):
        for column in range(w):
            mean = y[row, column - 1] if column else 0.0
            y[row, column] = pop(mean) + mean
    return y


def stub(*inputs): ...


RIGHT = [
    ("09.1", with_erf),
    ("09.1", one_by_one),
    ("09.2", window),
    ("09.2", lambda *at: window(*at).tolist()),
    ("09.3", slanted),
    ("09.3", by_the_library),
    ("09.4", decoder),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("09")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize("id", sorted({id for id, _ in RIGHT}))
def test_a_stub_is_still_to_do(id):
    verdict = check(id, stub)
    assert not verdict and "still to do" in verdict.line


def without_own_neighbour(pop, h, w):
    y = np.zeros((h, w))
    for row, column in np.ndindex(h, w):
        y[row, column] = pop(0.0)
    return y


def wrapping(pop, h, w):
    y = np.zeros((h, w))
    for row, column in np.ndindex(h, w):
        mean = y[row, column - 1] if column else y[row - 1, -1]
        y[row, column] = pop(mean) + mean
    return y


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("09.1", lambda k, mean, scale: with_erf(k, mean, scale) * math.log(2), "nats"),
        ("09.1", lambda k, mean, scale: with_erf(k, mean, np.sqrt(scale)), "not the variance"),
        ("09.1", density, "a probability is the area"),
        ("09.1", lambda k, mean, scale: with_erf(k, mean, scale) / k.size, "add the bits up"),
        ("09.1", lambda k, mean, scale: 1.0, "-log2 p summed"),
        ("09.1", one_each, "of shape (6,): add the bits up"),
        ("09.2", lambda *at: window(*at, earlier=np.less_equal), "reading it is cheating"),
        ("09.2", lambda *at: window(*at, earlier=np.less_equal) & (np.arange(9).reshape(3, 3) != 4), "at once"),
        ("09.2", lambda *at: np.zeros((3, 3), bool), "are marked"),
        ("09.2", lambda when, row, column: when < when[row, column], "3 x 3 at the border too"),
        ("09.3", lambda h, w: np.arange(h * w).reshape(h, w), "one position at a time"),
        ("09.3", lambda h, w: np.add.outer(2 * np.arange(h), np.arange(w)), "comes no later than"),
        ("09.3", lambda h, w: np.zeros((h, w), int), "comes no later than"),
        ("09.3", lambda h, w: np.add.outer(6 * np.arange(h), np.arange(w)), "passes where"),
        ("09.3", lambda h, w: np.arange(w), "one number for each position"),
        ("09.4", without_own_neighbour, "add the mean"),
        ("09.4", wrapping, "another mean"),
        ("09.4", lambda pop, h, w: np.zeros((h, w)), "with 0 pops"),
        ("09.4", lambda pop, h, w: [pop(0) for _ in range(h * w + 1)], "at its end"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
