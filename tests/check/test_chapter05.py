"""The exercises of chapter 05: a right answer passes, a stub is to do, plausible wrong ones get the hint they need."""

import numpy as np
import pytest

from lic_lab.check import check


def far(height, width):
    down, across = (2 * (np.arange(n) - n // 2) / n for n in (height, width))
    return np.sqrt(down[:, None] ** 2 + across[None] ** 2)


def inside(f, low, high, scale=1.0):
    return (far(*f.shape) * scale >= low) & (far(*f.shape) * scale < high)


def ring_mean(amplitude, low, high):
    return amplitude[inside(amplitude, low, high)].mean()


def keep_ring(f, low, high):
    return np.fft.ifft2(np.fft.fft2(f) * np.fft.ifftshift(inside(f, low, high))).real


def appears_at(f, stride):
    turned = f * stride % 2
    return min(turned, 2 - turned)


def appears_at_by_looking(f, stride):
    wave = np.cos(np.pi * f * stride * np.arange(2000))
    amplitude = np.abs(np.fft.rfft(wave))
    return amplitude.argmax() / 1000


def high_share(f, cut):
    power = np.fft.fftshift(np.abs(np.fft.fft2(f)) ** 2)
    power[f.shape[0] // 2, f.shape[1] // 2] = 0
    return power[far(*f.shape) >= cut].sum() / power.sum()


def high_share_with_zero(f, cut):
    power = np.fft.fftshift(np.abs(np.fft.fft2(f)) ** 2)
    return power[far(*f.shape) >= cut].sum() / power.sum()


def high_share_of_amplitudes(f, cut):
    amplitude = np.fft.fftshift(np.abs(np.fft.fft2(f)))
    amplitude[f.shape[0] // 2, f.shape[1] // 2] = 0
    return amplitude[far(*f.shape) >= cut].sum() / amplitude.sum()


RIGHT = {
    "05.1": [ring_mean],
    "05.2": [keep_ring],
    "05.3": [appears_at, appears_at_by_looking],
    "05.4": [high_share],
}


@pytest.mark.parametrize(("id", "answer"), [(id, answer) for id, answers in RIGHT.items() for answer in answers])
def test_a_right_answer_passes(id, answer):
    assert check(id, answer)


@pytest.mark.parametrize(
    ("id", "answer", "hint"),
    [
        ("05.1", lambda a, low, high: a[inside(a, low, high)].sum(), "the mean was asked for"),
        ("05.1", lambda a, low, high: a[inside(a, low, high, 0.5)].mean(), "twice as much"),
        ("05.1", lambda a, low, high: ring_mean(np.fft.ifftshift(a), low, high), "h // 2"),
        ("05.1", lambda a, low, high: 3.0, "hypot"),
        ("05.2", lambda f, low, high: np.fft.ifft2(np.fft.fft2(f) * inside(f, low, high)).real, "ifftshift"),
        ("05.2", lambda f, low, high: f - keep_ring(f, low, high), "times the mask"),
        ("05.2", lambda f, low, high: f[inside(f, low, high)], "shape"),
        ("05.2", lambda f, low, high: np.zeros_like(f), "times the mask"),
        ("05.3", lambda f, stride: f * stride, "turns back"),
        ("05.3", lambda f, stride: f * stride % 1, "slower again"),
        ("05.3", lambda f, stride: f, "mirror"),
        ("05.3", lambda f, stride: appears_at(f, stride) / stride, "smaller one"),
        ("05.3", lambda f, stride: 0.5, "large grid"),
        ("05.4", high_share_with_zero, "zero frequency is in your total"),
        ("05.4", high_share_of_amplitudes, "square"),
        ("05.4", lambda f, cut: 1 - high_share(f, cut), "at least"),
        ("05.4", lambda f, cut: 0.5, "at least"),
    ],
)
def test_a_plausible_mistake_gets_the_hint_it_needs(id, answer, hint):
    verdict = check(id, answer)
    assert not verdict and "not yet" in verdict.line and hint in verdict.line
