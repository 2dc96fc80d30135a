"""Exercises of chapter 13: a test for leaks, an interval over seeds, the rate of a file, and who was trained on."""

import math

import numpy as np
import torch

from lic_lab.check.exercises import NotYet, exercise

SIDE = 5  # rows and columns of the latents of 13.1


def _window(y: torch.Tensor, **taps: float) -> torch.Tensor:
    """Weighted neighbours of every position, zeros around: taps by name, (h, w) -> same."""
    out, padded = torch.zeros_like(y), torch.nn.functional.pad(y, (1, 1, 1, 1))
    for name, weight in taps.items():
        down, right = {"here": (0, 0), "left": (0, -1), "up": (-1, 0), "right": (0, 1), "below": (1, 0)}[name]
        out = out + weight * padded[1 + down : 1 + down + len(y), 1 + right : 1 + right + y.shape[1]]
    return out


_CAUSAL = {
    "the mean from the left and from above": lambda y: (_window(y, left=0.5, up=0.4), torch.ones_like(y)),
    "the scale from above": lambda y: (torch.zeros_like(y), 1 + _window(y, up=1.0).abs()),
    "a constant": lambda y: (torch.zeros_like(y), torch.ones_like(y)),
}
_LEAKY = {
    "the mean is the symbol itself": lambda y: (y, torch.ones_like(y)),
    "the scale is that of the symbol itself": lambda y: (torch.zeros_like(y), 0.1 + y.abs()),
    "the mean is the symbol to the right": lambda y: (_window(y, right=1.0), torch.ones_like(y)),
    "the mean is the symbol below": lambda y: (_window(y, left=1.0, below=0.2), torch.ones_like(y)),
    "the mean of the whole latent": lambda y: (y.mean().expand_as(y), torch.ones_like(y)),
    "the mean is the rounded symbol": lambda y: (torch.round(y), torch.ones_like(y)),
}


@exercise("13.1", "Does any mean or scale depend on its own symbol, or on a later one?")
def _(answer):
    y = 4 * torch.randn(SIDE, SIDE + 1, generator=torch.Generator().manual_seed(3))
    for cases, right in ((_CAUSAL, False), (_LEAKY, True)):
        for name, context in cases.items():
            if bool(answer(context, y.clone())) is right:
                continue
            if right:
                why = " (no gradient passes a rounding: move the symbol and look)" if "rounded" in name else ""
                raise NotYet(f"a leak was missed: {name}{why}")
            raise NotYet(f"a causal context was accused: {name}; positions after the moved one may depend on it")


@exercise("13.2", "The 95 % interval of what a variant costs more, in percent, paired by seed")
def _(answer):
    from scipy import stats

    cases = ([1.00, 1.10, 0.95], [1.05, 1.12, 1.01]), ([2.0, 2.4, 2.2, 2.1], [1.9, 2.5, 2.1, 2.0])
    for full, variant in cases:
        gaps = 100 * (np.divide(variant, full) - 1)
        mean, n = gaps.mean(), len(gaps)
        right = _ends(mean, gaps.std(ddof=1), n, stats.t.ppf(0.975, n - 1))
        got = tuple(float(end) for end in answer(list(full), list(variant)))
        if len(got) == 2 and np.allclose(got, right, atol=1e-6):
            continue
        said = f"for {n} seeds you give {', '.join(f'{end:+.2f}' for end in got)}"
        for wrong, hint in _wrong_intervals(full, variant, stats).items():
            if len(got) == 2 and np.allclose(got, wrong, atol=1e-6):
                raise NotYet(f"{said}: {hint}")
        raise NotYet(f"{said}: first the gap of each seed in percent, then mean -+ t s / sqrt(n) of these gaps")


def _ends(mean: float, std: float, n: int, t: float) -> tuple[float, float]:
    return mean - t * std / math.sqrt(n), mean + t * std / math.sqrt(n)


def _wrong_intervals(full, variant, stats) -> dict[tuple[float, float], str]:
    """Intervals that are often meant -> what is wrong with each."""
    gaps, n = 100 * (np.divide(variant, full) - 1), len(full)
    mean, std, t = gaps.mean(), gaps.std(ddof=1), stats.t.ppf(0.975, len(full) - 1)
    back = 100 * (np.divide(full, variant) - 1)
    return {
        _ends(mean, std, n, 1.959964): "1.96 is for many seeds; of few, the t distribution with n - 1 degrees",
        _ends(mean, gaps.std(), n, t): "that standard deviation divides by n; a sample's divides by n - 1",
        _ends(mean, std, 1, t): "that is the spread of one seed; the mean of n is sqrt(n) times surer",
        _ends(mean, std, n, stats.t.ppf(0.95, n - 1)): "2.5 % at each end, not 5 %",
        _ends(mean / 100, std / 100, n, t): "in percent, please: a hundred times as much",
        _ends(back.mean(), back.std(ddof=1), n, t): "the other way round: what the variant costs more than full",
    }


@exercise("13.3", "The rate of a file in bits per pixel, as it may be compared")
def _(answer):
    for length, height, width in ((3000, 100, 150), (812, 64, 64), (20011, 451, 300)):
        data, picture = bytes(length), np.zeros((height, width, 3), np.uint8)
        got, right = float(answer(data, picture)), 8 * length / (height * width)
        if math.isclose(got, right, rel_tol=1e-9):
            continue
        padded = (-(-height // 64) * 64) * (-(-width // 64) * 64)
        said = f"{length} bytes of a picture of {width} x {height} pixels gave {got:.4f}"
        for wrong, hint in {
            length / (height * width): "a byte has 8 bits",
            right / 3: "per pixel, not per colour value: a pixel has three",
            8 * length / padded: "pixels that were padded do not count: nobody asked for them",
        }.items():
            if math.isclose(got, wrong, rel_tol=1e-9):
                raise NotYet(f"{said}: {hint}")
        raise NotYet(f"{said}: all bytes of the file, header too, times 8, over height times width")


@exercise("13.4", "Which test pictures were trained on, as they are, mirrored, or stored with loss?")
def _(answer):
    rng = np.random.default_rng(13)
    shots = {name: _photo(seed) for seed, name in enumerate(("boat", "gate", "hill", "lamp", "moss", "pier"))}
    noisy = np.clip(shots["gate"] + rng.normal(0, 3, shots["gate"].shape), 0, 255).astype(np.uint8)
    shuffled = rng.permutation(shots["moss"].reshape(-1, 3)).reshape(shots["moss"].shape)
    train = {"a": shots["boat"], "b": noisy, "c": shots["hill"][:, ::-1], "lamp": _photo(90), "e": shuffled}
    test = {name: shots[name] for name in ("boat", "gate", "hill", "lamp", "moss", "pier")}
    got = set(answer({k: v.copy() for k, v in train.items()}, {k: v.copy() for k, v in test.items()}))
    if got == {"boat", "gate", "hill"}:
        return
    for name, hint in {
        "lamp": "a name is no evidence: the two pictures called lamp show different things",
        "moss": "equal colours in other places are another picture: compare pixel by pixel",
        "pier": "nothing in the training set looks like pier",
    }.items():
        if name in got:
            raise NotYet(f"{name} is accused: {hint}")
    for name, hint in {
        "boat": "a plain copy of it is there",
        "gate": "a copy with a little noise is there: small differences on average, not none",
        "hill": "its mirror image is there, and training mirrors pictures anyway",
    }.items():
        if name not in got:
            raise NotYet(f"{name} is missed: {hint}")
    raise NotYet(f"{sorted(map(str, got))} holds more than names of test pictures")


def _photo(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    """Soft shades, another picture for every seed: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 10
    a, b, c, d = rng.uniform(0.5, 2.5, (4, 3))
    shades = np.sin(rows[..., None] * a + c) + np.cos(columns[..., None] * b + d)
    return (127 + 55 * shades).clip(0, 255).astype(np.uint8)
