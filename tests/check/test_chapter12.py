"""The exercises of chapter 12: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import numpy as np
import pytest

from lic_lab.check import check, list_exercises


def sad(left, right, x, half, most):
    left, right = left.astype(float), right.astype(float)
    here = left[x - half : x + half + 1]
    return min(range(most + 1), key=lambda d: abs(here - right[x - d - half : x - d + half + 1]).sum())


def sad_at_once(left, right, x, half, most):
    windows = np.lib.stride_tricks.sliding_window_view(right.astype(int), 2 * half + 1)
    starts = x - half - np.arange(most + 1)
    return np.abs(windows[starts] - left[x - half : x + half + 1]).sum(1).argmin()


def wrong_side(left, right, x, half, most):
    return sad(left[::-1], right[::-1], len(left) - 1 - x, half, most)


def careless(left, right, x, half, most):
    here = left[x - half : x + half + 1]
    return np.argmin([np.abs(here - right[x - d - half : x - d + half + 1]).sum() for d in range(most + 1)])


def one_pixel(left, right, x, half, most):
    return np.argmin(np.abs(int(left[x]) - right[x - np.arange(most + 1)].astype(int)))


def warp(left, d):
    return left[np.minimum(np.arange(len(left)) + d, len(left) - 1)]


def seen(left, right, apart=1):
    found = []
    for x, d in enumerate(left):
        found.append(x >= d and abs(d - right[x - d]) <= apart)
    return np.array(found)


def saved(joint, separate, mask):
    return 1 - joint[mask].sum() / separate[mask].sum()


RIGHT = [
    ("12.1", sad),
    ("12.1", sad_at_once),
    ("12.2", lambda d, f, baseline, offset: f * baseline / (d + offset)),
    ("12.3", warp),
    ("12.3", lambda left, d: [left[min(x + k, len(left) - 1)] for x, k in enumerate(d)]),
    ("12.4", seen),
    ("12.4", lambda left, right: seen(left, right).tolist()),
    ("12.5", saved),
    ("12.5", lambda joint, separate, mask: ((separate - joint) * mask).sum() / (separate * mask).sum()),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT)
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


def test_every_exercise_of_the_chapter_has_a_right_answer_here():
    assert [exercise.id for exercise in list_exercises("12")] == sorted({id for id, _ in RIGHT})


@pytest.mark.parametrize("id", sorted({id for id, _ in RIGHT}))
def test_a_stub_is_still_to_do(id):
    verdict = check(id, lambda *args: ...)
    assert not verdict and "still to do" in verdict.line


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("12.1", wrong_side, "column x - d"),
        ("12.1", careless, "wraps around"),
        ("12.1", lambda left, right, x, half, most: x - sad(left, right, x, half, most), "its column in the right"),
        ("12.1", lambda left, right, x, half, most: most - sad(left, right, x, half, most), "take the least"),
        ("12.1", one_pixel, "compare the window"),
        ("12.1", lambda *args: 5, "disparity 0 gave 5"),
        ("12.2", lambda d, f, baseline, offset: f * baseline / d, "add it first"),
        ("12.2", lambda d, f, baseline, offset: f * baseline / (d - offset), "not taken off"),
        ("12.2", lambda d, f, baseline, offset: d * baseline / f, "similar triangles"),
        ("12.2", lambda *args: 10.0, "similar triangles"),
        ("12.3", lambda left, d: left[np.maximum(np.arange(len(left)) - d, 0)], "wrong side"),
        ("12.3", lambda left, d: left[(np.arange(len(left)) + d) % len(left)], "wrapped around"),
        ("12.3", lambda left, d: left, "pixel 0 has disparity"),
        ("12.3", lambda left, d: left.sum(), "gets one colour"),
        ("12.4", lambda left, right: np.abs(left - right) <= 1, "equal columns"),
        ("12.4", lambda left, right: np.abs(left - right[np.arange(len(left)) - left]) <= 1, "outside"),
        ("12.4", lambda left, right: seen(left, right, 0), "by one pixel"),
        ("12.4", lambda left, right: np.ones(len(left), bool), "go from x"),
        ("12.4", lambda left, right: True, "one True or False each"),
        ("12.5", lambda joint, separate, mask: 1 - joint.sum() / separate.sum(), "whole picture"),
        ("12.5", lambda joint, separate, mask: (1 - joint / separate)[mask].mean(), "mean of shares"),
        ("12.5", lambda joint, separate, mask: separate[mask].sum() / joint[mask].sum() - 1, "against what separate"),
        ("12.5", lambda joint, separate, mask: (separate - joint)[mask].sum(), "those are bits"),
        ("12.5", lambda joint, separate, mask: 0.1, "one minus"),
    ],
)
def test_a_plausible_wrong_answer_gets_its_hint(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and hint in verdict.line
