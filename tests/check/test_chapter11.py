"""The exercises of chapter 11: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import math

import numpy as np
import pytest
import torch

from lic_lab.check import check, list_exercises


def blockiness(grey, first=8, least=None):
    steps = np.abs(grey[:, 1:] - grey[:, :-1])
    border = np.zeros(steps.shape[1], bool)
    border[first - 1 :: 8] = True
    return steps[:, border].mean() / (steps[:, ~border] if least is None else steps).mean()


def sigma(db):
    return 255 / 10 ** (db / 20)


def variance(grey):
    return grey.reshape(grey.shape[0] // 8, 8, grey.shape[1] // 8, 8).var(axis=(1, 3))


def flat(grey, limit):
    return np.kron(variance(grey) < limit, np.ones((8, 8), bool))


def half(plane):
    return np.kron((plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4, np.ones((2, 2)))


RIGHT = [
    ("11.1", blockiness),
    ("11.2", sigma),
    ("11.2", lambda db: math.sqrt(255**2 / 10 ** (db / 10))),
    ("11.3", flat),
    ("11.4", half),
    ("11.4", lambda plane: torch.nn.functional.avg_pool2d(torch.from_numpy(half(plane))[None], 1)[0]),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("11")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("11.1", lambda grey: blockiness(grey, first=1), "one column off"),
        ("11.1", lambda grey: blockiness(grey, least="all"), "cross no border"),
        ("11.1", lambda grey: 1 / blockiness(grey), "upside down"),
        ("11.1", lambda grey: blockiness(grey.T), "along the rows"),
        ("11.1", lambda grey: 1.0, "along the rows"),
        ("11.2", lambda db: 255**2 / 10 ** (db / 10), "its root"),
        ("11.2", lambda db: sigma(db) / 255, "the peak is 255"),
        ("11.2", lambda db: 25.5, "solve PSNR"),
        ("11.3", lambda grey, limit: variance(grey) < limit, "repeat it 8 times"),
        ("11.3", lambda grey, limit: ~flat(grey, limit), "inverted"),
        ("11.3", lambda grey, limit: np.sqrt(np.kron(variance(grey), np.ones((8, 8)))) < limit, "standard deviation"),
        ("11.3", lambda grey, limit: flat(grey[:8], limit), "for every pixel"),
        ("11.3", lambda grey, limit: np.ones(grey.shape, bool), "pixels are flat, expected"),
        ("11.4", lambda plane: plane[::2, ::2].repeat(2, 0).repeat(2, 1), "only one pixel of four"),
        ("11.4", lambda plane: half(plane)[::2, ::2], "that are coded"),
        ("11.4", lambda plane: half(plane)[1:], "keeps its size"),
        ("11.4", lambda plane: np.full_like(plane, plane.mean()), "four times the same number"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
