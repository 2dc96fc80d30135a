"""Exercises of chapter 11: blocks counted, noise of a given PSNR, flat places found, and half the colour."""

import numpy as np

from lic_lab.check.exercises import NotYet, exercise


@exercise("11.1", "Blockiness: mean step across 8-pixel borders, divided by the mean step elsewhere")
def _(answer):
    random = np.random.default_rng(0)
    smooth = random.normal(size=(40, 56)).cumsum(axis=1)
    blocks = np.repeat(random.normal(size=(40, 7)), 8, axis=1) * 5 + random.normal(size=(40, 56))
    for grey in (smooth, blocks, blocks[:, :50]):
        got = float(answer(grey.copy()))
        steps = np.abs(np.diff(grey, axis=1))
        border = np.arange(1, grey.shape[1]) % 8 == 0
        right = steps[:, border].mean() / steps[:, ~border].mean()
        if abs(got - right) < 1e-6:
            continue
        shifted = np.arange(grey.shape[1] - 1) % 8 == 0
        if abs(got - steps[:, shifted].mean() / steps[:, ~shifted].mean()) < 1e-6:
            raise NotYet("one column off: the step from column 7 to column 8 crosses the first border")
        if abs(got - steps[:, border].mean() / steps.mean()) < 1e-6:
            raise NotYet("the mean below the line is that of the steps that cross no border")
        if abs(got - 1 / right) < 1e-6:
            raise NotYet("upside down: borders above the line")
        raise NotYet(f"expected {right:.4f}, got {got:.4f}: absolute steps along the rows, at borders and elsewhere")


@exercise("11.2", "The standard deviation of noise, in levels, that gives a PSNR")
def _(answer):
    for db in (20.0, 30.0, 48.13):
        got, right = float(answer(db)), 255 * 10 ** (-db / 20)
        if abs(got - right) < 1e-6:
            continue
        if abs(got - right**2) < 1e-4:
            raise NotYet(f"{got:.2f} is the mean squared error of {db:g} dB; its root is asked for")
        if abs(got - right / 255) < 1e-6:
            raise NotYet(f"{got:.4f} is right for pictures from 0 to 1: in levels the peak is 255")
        raise NotYet(f"for {db:g} dB {right:.3f} levels are expected, got {got:.3f}: solve PSNR = 10 log10(255² / σ²)")


@exercise("11.3", "Flat places: True where the variance of the 8 x 8 block around a pixel's place is below a limit")
def _(answer):
    random = np.random.default_rng(1)
    for height, width in ((24, 40), (64, 16)):
        scale = random.choice((0.5, 3.0, 20.0), (height // 8, width // 8)).repeat(8, 0).repeat(8, 1)
        grey = 100 + 50 * (scale > 10) + scale * random.normal(size=(height, width))
        for limit in (4.0, 60.0):
            got = np.asarray(answer(grey.copy(), limit))
            right = _variances(grey) < limit
            if got.shape == right[::8, ::8].shape and np.array_equal(got.astype(bool), right[::8, ::8]):
                raise NotYet("one answer for every block is right; now one for every pixel: repeat it 8 times each way")
            if got.shape != right.shape:
                raise NotYet(f"a picture of {grey.shape} gave {got.shape}: one True or False for every pixel")
            if np.array_equal(got.astype(bool), right):
                continue
            if np.array_equal(got.astype(bool), ~right):
                raise NotYet("inverted: flat is where the variance is small")
            if np.array_equal(got.astype(bool), np.sqrt(_variances(grey)) < limit):
                raise NotYet("that is the standard deviation; the limit is for its square")
            raise NotYet(
                f"{int(got.sum())} of {got.size} pixels are flat, expected {int(right.sum())} at limit {limit:g}"
            )


def _variances(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape
    blocks = grey.reshape(height // 8, 8, width // 8, 8).var(axis=(1, 3))
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


@exercise("11.4", "What 4:2:0 leaves of a colour plane: the mean of every 2 x 2 pixels, at its old size")
def _(answer):
    random = np.random.default_rng(2)
    for height, width in ((6, 8), (16, 4)):
        plane = random.normal(size=(height, width))
        got = np.asarray(answer(plane.copy()), float)
        small = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        right = small.repeat(2, axis=0).repeat(2, axis=1)
        if got.shape == small.shape and np.allclose(got, small):
            raise NotYet("those are the numbers that are coded; the decoder shows each of them on 2 x 2 pixels")
        if got.shape != right.shape:
            raise NotYet(f"a plane of {plane.shape} became {got.shape}: the picture keeps its size")
        if np.allclose(got, right):
            continue
        if np.allclose(got, plane[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)):
            raise NotYet("only one pixel of four is kept: take the mean of the four")
        raise NotYet("every 2 x 2 pixels become their mean, four times the same number")
