"""The exercises of chapter 06: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest
import torch

from lic_lab.check import check, list_exercises
from lic_lab.ops.wavelets import idwt2


def unhaar(ll, lh, hl, hh):
    out = np.zeros((2 * ll.shape[0], 2 * ll.shape[1]))
    out[0::2, 0::2] = (ll + lh + hl + hh) / 2
    out[0::2, 1::2] = (ll + lh - hl - hh) / 2
    out[1::2, 0::2] = (ll - lh + hl - hh) / 2
    out[1::2, 1::2] = (ll - lh - hl + hh) / 2
    return out


def with_the_library(*bands):
    return idwt2(tuple(map(torch.from_numpy, bands)), tuple(2 * side for side in bands[0].shape))


def largest(values, n):
    kept = np.zeros_like(values)
    places = np.argsort(-np.abs(values), axis=None)[:n]
    kept.flat[places] = values.flat[places]
    return kept


def in_place(values, n):
    values.flat[np.argsort(-np.abs(values), axis=None)[n:]] = 0
    return values


def region(mask):
    touched = mask.reshape(mask.shape[0] // 16, 16, mask.shape[1] // 16, 16).max(axis=(1, 3))
    return 0.3 + 0.7 * touched


RIGHT = [
    ("06.1", unhaar),
    ("06.1", with_the_library),
    ("06.2", largest),
    ("06.3", lambda gate: math.log((gate - 0.3) / (1 - gate))),
    ("06.3", lambda gate: torch.logit(torch.tensor((gate - 0.3) / 0.7, dtype=torch.float64))),
    ("06.4", lambda gates: -np.log2(gates).mean()),
    ("06.4", lambda gates: np.log2(1 / gates).sum() / gates.size),
    ("06.5", region),
    ("06.5", lambda mask: torch.from_numpy(region(mask))),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("06")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("06.1", lambda ll, lh, hl, hh: unhaar(ll, hl, lh, hh), "LH and HL are swapped"),
        ("06.1", lambda *bands: 2 * unhaar(*bands), "2 times too large"),
        ("06.1", lambda ll, lh, hl, hh: np.block([[ll, hl], [lh, hh]]), "upper left pixel"),
        ("06.1", lambda ll, lh, hl, hh: ll + lh + hl + hh, "comes out of every coefficient"),
        ("06.1", lambda ll, lh, hl, hh: np.zeros((2 * len(ll), 2 * ll.shape[1])), "upper left pixel"),
        ("06.2", lambda values, n: np.where(values >= np.sort(values, axis=None)[-n], values, 0), "magnitude"),
        ("06.2", in_place, "work on a copy"),
        ("06.2", lambda values, n: largest(values, n + 1), "are left of 8"),
        ("06.2", lambda values, n: np.sort(np.abs(values), axis=None)[::-1][:n], "zeros stay in their places"),
        ("06.2", lambda values, n: np.zeros_like(values), "magnitude"),
        ("06.3", lambda gate: math.log(gate / (1 - gate)), "take the floor of 0.3 off"),
        ("06.3", lambda gate: 0.3 + 0.7 * gate, "solve g ="),
        ("06.3", lambda gate: 3.5, "solve g ="),
        ("06.4", lambda gates: np.log2(gates).mean(), "not negative"),
        ("06.4", lambda gates: -np.log(gates).mean(), "nats"),
        ("06.4", lambda gates: -np.log2(gates.mean()), "first the logarithm"),
        ("06.4", lambda gates: 1.0, "halving a value saves one bit"),
        ("06.5", lambda mask: np.where(mask[::16, ::16], 1.0, 0.3), "corner pixel"),
        ("06.5", lambda mask: np.where(mask, 1.0, 0.3), "one position for 16 x 16"),
        ("06.5", lambda mask: np.full((mask.shape[0] // 16, mask.shape[1] // 16), 0.3), "wholly in the mask"),
        ("06.5", lambda mask: 1.3 - region(mask), "1 where any pixel"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
