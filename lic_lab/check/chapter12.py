"""Exercises of chapter 12: a point's partner and depth, a view from the other, who sees it, what a region saves."""

import numpy as np

from lic_lab.check.exercises import NotYet, exercise


@exercise("12.1", "The disparity of column x of a row by SAD: 0 to most, windows of 2 half + 1 pixels")
def _(answer):
    random = np.random.default_rng(0)
    for true, lone, half, most in ((5, 10, 3, 12), (0, 7, 2, 9), (12, 3, 4, 12)):
        scene, x = random.integers(8, 248, 90), 33
        noise = random.integers(-5, 6, 60)  # so uint8 wraps around where it is subtracted carelessly
        left, right = scene[:60].astype(np.uint8), (scene[true : true + 60] + noise).astype(np.uint8)
        decoy = x + (4 if true else 6)  # a twin on the wrong side: a copy of the window, to the right
        right[decoy - half : decoy + half + 1] = left[x - half : x + half + 1]
        right[x - lone], right[x - true] = left[x], left[x] + 3  # one pixel alone finds another place
        got = answer(left.copy(), right.copy(), x, half, most)
        if int(got) == true:
            continue
        said = f"a point with disparity {true} gave {got}"
        if int(got) == x - true:
            raise NotYet(f"{said}: that is its column in the right view; the disparity is how far it moved")
        if int(got) == _mirrored(left, right, x, half, most):
            raise NotYet(f"{said}: on the right the point lies further left, in column x - d")
        if int(got) == _wrapped(left, right, x, half, most):
            raise NotYet(f"{said}: uint8 wraps around, so that 3 - 5 is 254; convert before you subtract")
        raise NotYet(f"{said}: compare the window around x with those around x - d, d = 0 ... most, and take the least")


def _window(row: np.ndarray, x: int, half: int) -> np.ndarray:
    return row[x - half : x + half + 1]


def _mirrored(left, right, x, half, most) -> int:
    """What looking at x + d gives."""
    left, right = left.astype(int), right.astype(int)
    return int(np.argmin([abs(_window(left, x, half) - _window(right, x + d, half)).sum() for d in range(most + 1)]))


def _wrapped(left, right, x, half, most) -> int:
    """What subtracting uint8 gives."""
    costs = [np.abs(_window(left, x, half) - _window(right, x - d, half)).sum() for d in range(most + 1)]
    return int(np.argmin(costs))


@exercise("12.2", "Depth in metres from disparity and offset in pixels, focal length in pixels, baseline in metres")
def _(answer):
    for disparity, focal, baseline, offset in ((20.0, 1000.0, 0.2, 0.0), (48.0, 994.978, 0.193001, 31.086)):
        got, right = float(answer(disparity, focal, baseline, offset)), focal * baseline / (disparity + offset)
        if abs(got - right) < 1e-6:
            continue
        said = f"d = {disparity:g}, f = {focal:g}, B = {baseline:g} m, offset {offset:g} gave {got:.4g} m"
        if offset and abs(got - focal * baseline / disparity) < 1e-6:
            raise NotYet(f"{said}: the offset of the two image centres belongs to the disparity, add it first")
        if offset and abs(got - focal * baseline / (disparity - offset)) < 1e-6:
            raise NotYet(f"{said}: the offset is added to the disparity, not taken off")
        raise NotYet(f"{said}: similar triangles say Z = f B / (d + offset); nearer points move more")


@exercise(
    "12.3", "The right row made from the left one: pixel x takes the colour of left pixel x + d, at most the last"
)
def _(answer):
    random = np.random.default_rng(1)
    for width in (12, 31):
        left, disparity = random.integers(0, 256, width), random.integers(0, 6, width)
        columns = np.arange(width)
        got, right = np.asarray(answer(left.copy(), disparity.copy())), left[(columns + disparity).clip(0, width - 1)]
        if got.shape != right.shape:
            raise NotYet(f"a row of {width} pixels gave {got.shape}: every right pixel gets one colour")
        if np.allclose(got, right):
            continue
        if np.allclose(got, left[(columns - disparity).clip(0, width - 1)]):
            raise NotYet("you look on the wrong side: a right pixel x shows left pixel x + d")
        if np.allclose(got, left[(columns + disparity) % width]):
            raise NotYet("beyond the border there is nothing of the scene; you wrapped around, take the last pixel")
        raise NotYet(f"pixel 0 has disparity {disparity[0]}: it takes left pixel {disparity[0]}, {left[disparity[0]]}")


@exercise("12.4", "The left-right check of a row: True where a left pixel's partner leads back to it, up to one pixel")
def _(answer):
    random = np.random.default_rng(2)
    for width in (16, 40):
        left, right = random.integers(0, 5, width), random.integers(0, 5, width)
        columns = np.arange(width) - left
        inside = columns >= 0
        apart = np.abs(left - right[columns.clip(0)])
        got, wanted = np.asarray(answer(left.copy(), right.copy())), inside & (apart <= 1)
        if got.shape != wanted.shape:
            raise NotYet(f"a row of {width} pixels gave {got.shape}: one True or False each")
        if np.array_equal(got.astype(bool), wanted):
            continue
        if np.array_equal(got.astype(bool), np.abs(left - right) <= 1):
            raise NotYet("you compare equal columns: the partner of left pixel x is right pixel x - left[x]")
        if np.array_equal(got.astype(bool), np.abs(left - right[columns]) <= 1):
            raise NotYet(
                "a partner in column -1 is outside: NumPy reads that as the last column, so ask for x - d >= 0"
            )
        if np.array_equal(got.astype(bool), inside & (apart == 0)):
            raise NotYet("the two may differ by one pixel: true disparities are no whole numbers")
        raise NotYet("go from x to x - left[x], read `right` there, and see whether it says about the same")


@exercise("12.5", "The share of bits saved in a region: maps of bits, joint and separate, and a mask of positions")
def _(answer):
    random = np.random.default_rng(3)
    for shape in ((4, 6), (9, 5)):
        separate = random.uniform(1, 100, shape)
        joint = separate * random.uniform(0.5, 1.1, shape)
        mask = random.random(shape) < 0.4
        got = float(answer(joint.copy(), separate.copy(), mask.copy()))
        right = 1 - joint[mask].sum() / separate[mask].sum()
        if abs(got - right) < 1e-6:
            continue
        said = f"in a region of {mask.sum()} of {mask.size} positions you found {got:.4g}"
        if abs(got - (1 - joint.sum() / separate.sum())) < 1e-6:
            raise NotYet(f"{said}: that is the share of the whole picture; only positions in the mask count")
        if abs(got - (1 - joint[mask] / separate[mask]).mean()) < 1e-6:
            raise NotYet(f"{said}: the mean of shares counts a cheap position as much as a dear one; add bits first")
        if abs(got - (separate[mask].sum() / joint[mask].sum() - 1)) < 1e-6:
            raise NotYet(f"{said}: saved is measured against what separate coding takes")
        if abs(got - (separate - joint)[mask].sum()) < 1e-6:
            raise NotYet(f"{said}: those are bits; divide by what separate coding takes in the region")
        raise NotYet(f"{said}: one minus the bits of joint coding over those of separate coding, in the mask")
