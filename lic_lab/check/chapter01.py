"""Exercises of chapter 01: rounding to a step, the best step in theory, choosing by R + lambda D, a dead zone."""

import math

import numpy as np

from lic_lab.check.exercises import NotYet, exercise


@exercise("01.1", "Round to a step: the nearest multiple")
def _(answer):
    pairs = ((3.4, 2.0), (-0.31, 0.25), (0.1, 0.5), (-7.0, 0.5))
    y, step = np.array(pairs).T
    got, right = np.array([float(answer(*pair)) for pair in pairs]), np.round(y / step) * step
    if np.allclose(got, right, atol=1e-9):
        return
    at = int(np.argmax(abs(got - right)))
    said = f"{y[at]:g} with a step of {step[at]:g} gave {got[at]:g}"
    if np.allclose(got, right / step):
        raise NotYet(f"{said}, which is the symbol: the decoder multiplies it by the step again")
    if any(np.allclose(got, towards(y / step) * step) for towards in (np.floor, np.ceil, np.trunc)):
        raise NotYet(f"{said}: the nearest multiple is {right[at]:g}, it may lie above or below")
    raise NotYet(f"{said} and {right[at]:g} is the nearest multiple: divide, round, multiply")


@exercise("01.2", "The step that minimises R + lambda D for grey pictures, in theory")
def _(answer):
    for lmbda in (0.0003, 0.01, 1.0):
        got, right = float(answer(lmbda)), math.sqrt(6 / (255**2 * math.log(2) * lmbda))
        if abs(got / right - 1) < 0.02:
            continue
        said = f"λ = {lmbda:g} gave {got:.4g} where {right:.4g} is right"
        if abs(got / right - math.sqrt(3)) < 0.04:
            raise NotYet(f"{said}: that is the step for three numbers per pixel, and grey has one")
        if abs(got / right**2 - 1) < 0.02:
            raise NotYet(f"{said}: that is the square of the step")
        if abs(got / right / 255 - 1) < 0.02:
            raise NotYet(f"{said}: that is the step in 8-bit levels, and these pictures are in [0, 1]")
        raise NotYet(f"{said}: set the derivative of -log2(Δ) + λ 255² Δ²/12 to zero")


@exercise("01.3", "The setting with the least R + lambda D")
def _(answer):
    rates, distortions = np.array([2.0, 1.1, 0.6, 0.35, 0.2]), np.array([4.0, 10.0, 28.0, 70.0, 190.0])
    for lmbda in (0.3, 0.05, 0.02, 0.008, 0.0003):
        got, costs = answer(rates.copy(), distortions.copy(), lmbda), rates + lmbda * distortions
        right = int(costs.argmin())
        if np.ndim(got) != 0 or (not isinstance(got, int | np.integer) and float(got) != int(got)):
            raise NotYet(f"give the number of one setting, 0 to {len(rates) - 1}, not {got!r}")
        if not 0 <= int(got) < len(rates):
            raise NotYet(f"there are settings 0 to {len(rates) - 1}, and λ = {lmbda:g} gave {int(got)}")
        if int(got) == right:
            continue
        said = f"λ = {lmbda:g} gave setting {int(got)}, with R + λD = {costs[int(got)]:.3f}"
        if int(got) == int((distortions + lmbda * rates).argmin()):
            raise NotYet(f"{said}: λ belongs to the distortion, not to the rate")
        raise NotYet(f"{said}; setting {right} has {costs[right]:.3f}")


@exercise("01.4", "A quantiser with a dead zone")
def _(answer):
    y = np.array([-2.6, -1.7, -1.2, -0.8, -0.55, -0.1, 0.0, 0.3, 0.55, 0.7, 1.2, 1.9, 2.6])
    for step, theta in ((1.0, 1 / 2), (1.0, 1 / 3), (0.5, 1 / 6)):
        got = np.asarray(answer(y.copy(), step, theta))
        right = np.sign(y) * np.floor(abs(y) / step + theta)
        said = f"step {step:g} and θ = {theta:.2f}"
        if got.shape != y.shape:
            raise NotYet(f"{said}: one symbol for each value is asked for, shape {y.shape}, not {got.shape}")
        if np.allclose(got, right):
            continue
        at = int(np.argmax(abs(got - right)))
        if np.allclose(got, right * step):
            raise NotYet(f"{said}: these are the values a decoder puts there; the symbols are integers")
        if np.allclose(got, np.floor(y / step + theta)):
            raise NotYet(f"{said}: {y[at]:g} gave {got[at]:g}; take the sign off first, so that both sides are alike")
        raise NotYet(f"{said}: {y[at]:g} gave {got[at]:g} where {right[at]:g} is right")
