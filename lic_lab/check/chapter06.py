"""Exercises of chapter 06: Haar backwards, the coefficients worth keeping, and what a gate does to bits and places."""

import math

import numpy as np

from lic_lab.check.exercises import NotYet, exercise

FLOOR = 0.3


@exercise("06.1", "One level of Haar backwards: four bands in, the map of twice their sides out")
def _(answer):
    random = np.random.default_rng(0)
    for rows, columns in ((1, 1), (3, 5)):
        ll, lh, hl, hh = random.normal(size=(4, rows, columns))
        got, right = np.asarray(answer(ll, lh, hl, hh)), _haar_backwards(ll, lh, hl, hh)
        if got.shape != right.shape:
            raise NotYet(
                f"bands of {rows} x {columns} gave {got.shape}: a cell of 2 x 2 comes out of every coefficient"
            )
        if np.allclose(got, right):
            continue
        if np.allclose(got, _haar_backwards(ll, hl, lh, hh)):
            raise NotYet("LH and HL are swapped: LH is the difference between the upper and the lower row of a cell")
        if ratio := _constant_ratio(got, right):
            raise NotYet(f"everything is {ratio:g} times too large: the transform is orthonormal, so divide by 2 again")
        raise NotYet("upper left pixel of each cell: (LL + LH + HL + HH) / 2; elsewhere some signs change")


def _haar_backwards(ll, lh, hl, hh) -> np.ndarray:
    out = np.empty((2 * ll.shape[0], 2 * ll.shape[1]))
    out[0::2, 0::2], out[0::2, 1::2] = (ll + lh + hl + hh) / 2, (ll + lh - hl - hh) / 2
    out[1::2, 0::2], out[1::2, 1::2] = (ll - lh + hl - hh) / 2, (ll - lh - hl + hh) / 2
    return out


def _constant_ratio(got: np.ndarray, right: np.ndarray) -> float | None:
    """What every number was multiplied by, where it is one factor."""
    ratio = float(got.flat[0] / right.flat[0])
    return ratio if ratio and np.allclose(got, ratio * right) else None


@exercise("06.2", "Keep the n coefficients that matter most, set the others to zero")
def _(answer):
    values = np.array([[3.0, -9.0, 0.5, 2.0], [-1.0, 7.0, -4.0, 0.25]])
    for n in (1, 3, 6, 0):
        before = values.copy()
        got = np.asarray(answer(values, n), float)
        if not np.array_equal(values, before):
            values[:] = before
            raise NotYet("the coefficients that were given are changed too: work on a copy")
        least = np.sort(np.abs(values), axis=None)[::-1][n - 1] if n else np.inf
        right = np.where(np.abs(values) >= least, values, 0)
        if got.shape != right.shape:
            raise NotYet(f"the shape became {got.shape}: zeros stay in their places")
        if np.allclose(got, right):
            continue
        if (got < 0).sum() < (right < 0).sum():
            raise NotYet(f"with n = {n}, a large negative coefficient is gone: it is the magnitude that counts")
        raise NotYet(f"with n = {n}, {np.count_nonzero(got)} are left of {values.size}; which {n} are the largest?")


@exercise("06.3", "The logit that gives a gate g between 0.3 and 1")
def _(answer):
    for gate in (0.31, 0.65, 0.9, 0.98):
        got, right = float(answer(gate)), math.log((gate - FLOOR) / (1 - gate))
        if abs(got - right) < 1e-6:
            continue
        said = f"for g = {gate:g} your logit is {got:.3f}, and 0.3 + 0.7 sigmoid of it is {_gate(got):.3f}"
        if abs(got - math.log(gate / (1 - gate))) < 1e-6:
            raise NotYet(f"{said}: take the floor of 0.3 off first, and stretch what is left to 0 ... 1")
        raise NotYet(f"{said}: solve g = 0.3 + 0.7 / (1 + exp(-logit)) for the logit")


def _gate(logit: float) -> float:
    return FLOOR + (1 - FLOOR) / (1 + math.exp(-max(min(logit, 700), -700)))


@exercise("06.4", "Bits per coefficient that gates save where rounding is fine")
def _(answer):
    for gates in (np.full((4, 4), 0.5), np.array([1.0, 0.5, 0.25]), np.linspace(0.3, 1, 12).reshape(3, 4)):
        got, right = float(answer(gates.copy())), float(-np.log2(gates).mean())
        if abs(got - right) < 1e-6:
            continue
        said = f"gates of mean {gates.mean():.3f} gave {got:.4f} bits"
        if abs(got + right) < 1e-6:
            raise NotYet(f"{said}: a smaller value is a cheaper one, so what is saved is not negative")
        if abs(got - right * math.log(2)) < 1e-6:
            raise NotYet(f"{said}: those are nats; a bit is a logarithm to base 2")
        if abs(got + math.log2(gates.mean())) < 1e-6:
            raise NotYet(f"{said}: every coefficient saves by its own gate; first the logarithm, then the mean")
        raise NotYet(f"{said}: halving a value saves one bit, leaving it saves none; give the mean over all gates")


@exercise("06.5", "A gate for a region of interest: 1 where a 16 x 16 block touches the mask, 0.3 elsewhere")
def _(answer):
    for height, width, corner in ((64, 96, (20, 40)), (128, 64, (64, 16))):
        mask = np.zeros((height, width), bool)
        mask[corner[0] : corner[0] + 18, corner[1] : corner[1] + 9] = True
        got = np.asarray(answer(mask.copy()), float)
        blocks = mask.reshape(height // 16, 16, width // 16, 16)
        right = np.where(blocks.any(axis=(1, 3)), 1.0, FLOOR)
        if got.shape != right.shape:
            raise NotYet(f"a mask of {mask.shape} gave {got.shape}: the latent has one position for 16 x 16 pixels")
        if np.allclose(got, right):
            continue
        if np.allclose(got, np.where(mask[::16, ::16], 1.0, FLOOR)):
            raise NotYet("only the corner pixel of each block is looked at: one touched pixel anywhere is enough")
        if np.allclose(got, np.where(blocks.all(axis=(1, 3)), 1.0, FLOOR)):
            raise NotYet("only blocks that lie wholly in the mask are 1: touching is enough")
        raise NotYet(f"blocks are {np.unique(got).round(3).tolist()}: 1 where any pixel is in the mask, 0.3 elsewhere")
