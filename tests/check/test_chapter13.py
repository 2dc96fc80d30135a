"""The exercises of chapter 13: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import numpy as np
import pytest
import torch
from scipy import stats

from lic_lab.check import check, list_exercises


def moved_by(context, y, k):
    before, after = context(y), context(y + 7 * torch.nn.functional.one_hot(torch.tensor(k), y.numel()).view(y.shape))
    return ((before[0] != after[0]) | (before[1] != after[1])).flatten()


def leaks(context, y):
    return any(moved_by(context, y, k)[: k + 1].any() for k in range(y.numel()))


def leaks_by_hand(context, y):
    for row in range(y.shape[0]):
        for column in range(y.shape[1]):
            nudged = y.clone()
            nudged[row, column] -= 5
            for one, other in zip(context(y), context(nudged), strict=True):
                if not torch.allclose(one.flatten()[: row * y.shape[1] + column + 1],
                                      other.flatten()[: row * y.shape[1] + column + 1]):  # fmt: skip
                    return True
    return False


def leaks_by_gradient(context, y):
    for k in range(y.numel()):
        grown = y.clone().requires_grad_()
        mean, scale = context(grown)
        total = mean.flatten()[k] + scale.flatten()[k]
        if total.requires_grad and torch.autograd.grad(total, grown)[0].flatten()[k:].any():
            return True
    return False


def itself_only(context, y):
    return any(moved_by(context, y, k)[k] for k in range(y.numel()))


def means_only(context, y):
    return leaks(lambda y: (context(y)[0], torch.ones_like(y)), y)


def interval(full, variant):
    gaps = [100 * (b / a - 1) for a, b in zip(full, variant, strict=True)]
    return stats.t.interval(0.95, len(gaps) - 1, np.mean(gaps), stats.sem(gaps))


def with_the_library(full, variant):
    from lic_lab.evaluation.verdicts import verdict

    found = verdict(100 * (b / a - 1) for a, b in zip(full, variant, strict=True))
    return found.low, found.high


def close(one, other):
    return np.abs(one.astype(float) - other).mean() < 8


def trained_on(train, test):
    return {name for name, t in test.items() if any(close(t, p) or close(t, p[:, ::-1]) for p in train.values())}


def alike(same):
    return lambda train, test: {name for name, t in test.items() if any(same(t, p) for p in train.values())}


RIGHT = [
    ("13.1", leaks),
    ("13.1", leaks_by_hand),
    ("13.2", interval),
    ("13.2", with_the_library),
    ("13.3", lambda data, picture: 8 * len(data) / (picture.shape[0] * picture.shape[1])),
    ("13.3", lambda data, picture: 8 * len(data) / picture[..., 0].size),
    ("13.4", trained_on),
    ("13.4", lambda train, test: sorted(trained_on(train, test))),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("13")] == sorted({id for id, _ in RIGHT})


def spread(full, variant, *, t=None, ddof=1, root=True, level=0.975, factor=100.0):
    gaps = factor * (np.divide(variant, full) - 1)
    t = t or stats.t.ppf(level, len(gaps) - 1)
    reach = t * gaps.std(ddof=ddof) / (len(gaps) ** 0.5 if root else 1)
    return gaps.mean() - reach, gaps.mean() + reach


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("13.1", lambda context, y: True, "a causal context was accused"),
        ("13.1", lambda context, y: False, "a leak was missed"),
        ("13.1", leaks_by_gradient, "no gradient passes a rounding"),
        ("13.1", itself_only, "the symbol to the right"),
        ("13.1", means_only, "the scale is that of the symbol itself"),
        ("13.1", lambda context, y: moved_by(context, y, 8).any(), "a causal context was accused"),
        ("13.2", lambda full, variant: spread(full, variant, t=1.959964), "of few, the t distribution"),
        ("13.2", lambda full, variant: spread(full, variant, ddof=0), "a sample's divides by n - 1"),
        ("13.2", lambda full, variant: spread(full, variant, root=False), "the spread of one seed"),
        ("13.2", lambda full, variant: spread(full, variant, level=0.95), "2.5 % at each end"),
        ("13.2", lambda full, variant: spread(full, variant, factor=1.0), "in percent, please"),
        ("13.2", lambda full, variant: spread(variant, full), "the other way round"),
        ("13.2", lambda full, variant: (0.0, 1.0), "first the gap of each seed"),
        ("13.3", lambda data, picture: len(data) / (picture.shape[0] * picture.shape[1]), "a byte has 8 bits"),
        ("13.3", lambda data, picture: 8 * len(data) / picture.size, "not per colour value"),
        (
            "13.3",
            lambda data, picture: 8 * len(data) / np.prod([-(-n // 64) * 64 for n in picture.shape[:2]]),
            "padded",
        ),
        ("13.3", lambda data, picture: 1.6, "header too"),
        ("13.3", lambda data, picture: 8 * (len(data) - 30) / picture[..., 0].size, "header too"),
        ("13.4", alike(np.array_equal), "gate is missed"),
        ("13.4", alike(close), "hill is missed"),
        ("13.4", lambda train, test: set(train) & set(test), "a name is no evidence"),
        ("13.4", alike(lambda t, p: abs(t.mean() - p.mean()) < 1), "moss is accused"),
        ("13.4", lambda train, test: set(test), "lamp is accused"),
        ("13.4", lambda train, test: set(), "boat is missed"),
        ("13.4", lambda train, test: trained_on(train, test) | {"a"}, "more than names"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
