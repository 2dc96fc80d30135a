"""The exercises of chapter 07: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import pytest
from torch import nn

from lic_lab.check import check, list_exercises


def up_to(side: int) -> int:
    return -(-side // 64) * 64


def rate(height, width, latent, hyper, bits_y, bits_z):
    y = latent * up_to(height) // 16 * up_to(width) // 16
    z = hyper * up_to(height) // 64 * up_to(width) // 64
    return (y * bits_y + z * bits_z) / (height * width)


def of_padded_pixels(height, width, *rest):
    return rate(up_to(height), up_to(width), *rest)


def as_many_of_z(height, width, latent, hyper, bits_y, bits_z):
    positions = up_to(height) * up_to(width) / 256
    return positions * (latent * bits_y + hyper * bits_z) / (height * width)


def without_z(height, width, latent, hyper, bits_y, bits_z):
    return rate(height, width, latent, 0, bits_y, bits_z)


RIGHT = [
    ("07.1", lambda i, o, k: o * (i * k * k + 1)),
    ("07.1", lambda i, o, k: sum(p.numel() for p in nn.Conv2d(i, o, k).parameters())),
    ("07.2", lambda i, o, k, r: i * o * (k / r) ** 2 / 1e3),
    ("07.3", lambda slices, checkerboard, hyperprior: (2 if checkerboard else 1) * slices + int(hyperprior)),
    ("07.4", rate),
    ("07.5", lambda: {"paths": "cnn", "context": "conv"}),
    ("07.5", lambda: {"paths": "cnn", "context": "conv", "residual": None}),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("07")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("07.1", lambda i, o, k: i * o * k * k, "has a bias too"),
        ("07.1", lambda i, o, k: i * o * k + o, "rows and 5 columns"),
        ("07.1", lambda i, o, k: i * o * k * k + i, "not to each input channel"),
        ("07.1", lambda i, o, k: 3648, "one bias"),
        ("07.2", lambda i, o, k, r: i * o * k * k / r / r, "a thousand"),
        ("07.2", lambda i, o, k, r: i * o * k * k / r / 1e3, "rows and columns"),
        ("07.2", lambda i, o, k, r: i * o * k * k / 1e3, "one position of the output"),
        ("07.2", lambda i, o, k, r: (i * k * k + 1) * o / r / r / 1e3, "added, not multiplied"),
        ("07.2", lambda i, o, k, r: 0.9, "how many positions"),
        ("07.3", lambda s, c, h: s * (2 if c else 1), "before the first slice"),
        ("07.3", lambda s, c, h: s * (2 if c else 1) + 1, "nothing to read before y"),
        ("07.3", lambda s, c, h: s + 2 * c + h, "its own two halves"),
        ("07.3", lambda s, c, h: 11, "waits for the one before"),
        ("07.4", of_padded_pixels, "is no pixel"),
        ("07.4", lambda h, w, m, n, a, b: m * a / 256 + n * b / 4096, "the padding is coded"),
        ("07.4", as_many_of_z, "four times smaller"),
        ("07.4", without_z, "z is in the file too"),
        ("07.4", lambda *given: 0.108, "times channels"),
        ("07.5", lambda: {"paths": "cnn"}, "context of the latent still has one"),
        ("07.5", lambda: {"context": "conv"}, "which argument"),
        ("07.5", lambda: {}, "which argument"),
        ("07.5", lambda: {"paths": "cnn", "context": "none"}, "third choice"),
        ("07.5", lambda: {"paths": "cnn", "context": "conv", "hyperprior": False}, "leave the hyperprior in"),
        ("07.5", lambda: {"paths": "cnn", "context": "conv", "slices": (24,)}, "slices changed"),
        ("07.5", lambda: {"path": "cnn"}, "no switch of cmamba"),
        ("07.5", lambda: ["cnn"], "dictionary"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
