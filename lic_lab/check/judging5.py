"""What judges contexts in assignment A5: an honest walk to bytes and back, suspects that leak, and fields to learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lic_lab.check.exercises import NotYet
from lic_lab.check.given5 import (
    LADDER,
    Context,
    Model,
    channel_statistics,
    checkerboard,
    symbol_bits,
    tables,
    tables_of,
)
from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.errors import LicLabError

NEIGHBOURS = ((0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
"""Above, below, left, right, as steps (channel, row, column)."""

# ---- orders ----------------------------------------------------------------------------------------------------------


def raster(shape) -> np.ndarray:
    """Give the order of one position at a time, row by row, all channels at once."""
    return np.broadcast_to(np.arange(shape[1] * shape[2]).reshape(shape[1:]), shape).copy()


def slices(shape) -> np.ndarray:
    """Give the order of one channel at a time."""
    return np.broadcast_to(np.arange(shape[0])[:, None, None], shape).copy()


def shuffled(shape, rng) -> np.ndarray:
    """Give an order of seven passes or fewer that nobody would choose."""
    return np.unique(rng.integers(0, 7, shape), return_inverse=True)[1].reshape(shape)


# ---- contexts made to order ------------------------------------------------------------------------------------------


def moved(y: np.ndarray, step: tuple[int, int, int]) -> np.ndarray:
    """Give at every place what stands one step (channels, rows, columns) further, 0 outside: (c, h, w) -> same."""
    padded = np.pad(y, [(abs(d), abs(d)) for d in step])
    return padded[tuple(slice(abs(d) + d, abs(d) + d + side) for d, side in zip(step, y.shape, strict=True))]


def listening(when: np.ndarray, may: Callable, rng, steps=(*NEIGHBOURS, (-1, 0, 0), (1, 0, 0)), only=None) -> Context:
    """Make a context that listens, with weights of its own, to those neighbours for which may(theirs, mine) holds.

    may: of the passes in which the two are coded; np.less is causal.   only: bool like when, who listens at all.
    """
    weights = rng.uniform(0.1, 0.4, (len(steps), 2)) * rng.choice([-1, 1], (len(steps), 2))
    ears = [may(moved(when + 1, step) - 1, when) & (moved(np.ones(when.shape, int), step) > 0) for step in steps]
    ears = [ear if only is None else ear & only for ear in ears]

    def context(y):
        mean, scale = np.zeros(y.shape), np.full(y.shape, 4.0)
        for step, ear, (a, b) in zip(steps, ears, weights, strict=True):
            mean, scale = mean + a * ear * moved(y, step), scale + abs(b) * ear * np.abs(moved(y, step))
        return mean, scale

    return context


def together(one: Context, other: Context, *, mean: bool = True, scale: bool = True) -> Context:
    """Make a context of two, adding what they say; of the other only the mean, or only the scale, where asked."""

    def context(y):
        (mean_1, scale_1), (mean_2, scale_2) = one(y), other(y)
        return mean_1 + mean * mean_2, scale_1 + scale * scale_2

    return context


def awake_above(limit: int, context: Context) -> Context:
    """Make a context that hears only symbols of a size above a limit."""
    return lambda y: context(np.where(np.abs(y) > limit, y, 0))


def wrapped(weight: float) -> Context:
    """Make a context of the left neighbour by np.roll: in the first column that is the end of the row."""
    return lambda y: (weight * np.roll(y, 1, axis=2), np.full(y.shape, 3.0))


def wrapped_white(weight: float) -> Context:
    """Make a context of four neighbours by np.roll, for white squares: black ones where all sides are even."""

    def context(y):
        total = sum(np.roll(y, step, axis) for axis in (1, 2) for step in (1, -1))
        return np.where(checkerboard(y.shape) == 1, weight * total / 4, 0.0), np.full(y.shape, 3.0)

    return context


def levelled(part: float, heard: np.ndarray, listens: np.ndarray) -> Context:
    """Make a context of a share of the mean of the places `heard`, for those that listen (both bool like y)."""
    return lambda y: (np.where(listens, part * y[heard].mean(), 0.0), np.full(y.shape, 3.0))


def unheard(context: Context, when: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Give the places whose mean or scale a decoder, with 0 for what it lacks, would compute differently: bool."""
    found, told = np.zeros(y.shape, bool), context(y.copy())
    for number in np.unique(when):
        view = context(np.where(when < number, y, 0))
        found |= (when == number) & ((told[0] != view[0]) | (told[1] != view[1]))
    return found


# ---- the honest walk -------------------------------------------------------------------------------------------------


class Coded(NamedTuple):
    """A latent that went to bytes and came back: how many there are, and the bits that its tables promised."""

    bytes: int
    bits: float


def asked(context: Context, y: np.ndarray, what: str = "your context") -> tuple[np.ndarray, np.ndarray]:
    """Give means and scales, float64 like y; raises NotYet for anything that no table can be chosen by."""
    try:
        said = context(y.copy())
        mean, scale = (np.broadcast_to(np.asarray(part, float), y.shape) for part in said)
    except NotImplementedError:
        raise NotYet(f"{what} is not written yet") from None
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise NotYet(f"{what} must give two arrays of shape {y.shape}, mean and scale ({said})") from error
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise NotYet(f"{what} gives a mean or a scale that is not finite, or a scale that is not above 0")
    return mean.clip(-(2**20), 2**20), scale


def coded(y: np.ndarray, model: Model, *, passes: int) -> Coded:
    """Write a latent by a student's model, read it back from the bytes, and only then look for a leak.

    The context is never shown a symbol before its pass, so it cannot remember one.
    Raises NotYet where the order, the context or the way back is wrong.
    """
    order, context = _pair(model)
    when = _order(order, y.shape, passes)
    encoder, known, used = Encoder(), np.zeros(y.shape, np.int64), []
    for number in range(when.max() + 1):
        here = when == number
        whole, index = (part[here] for part in tables_of(*asked(context, known)))
        encoder.push(y[here] - whole, tables(), index)
        known[here] = y[here]
        used.append((here, whole, index))
    data = encoder.finish()
    try:
        came_back = np.array_equal(_decoded(data, y.shape, when, context), y)
    except LicLabError:  # a stream that is read by other tables seldom ends where it should
        came_back = False
    if not came_back:
        raise NotYet("the decoder came back with other symbols: asked twice, your context must say the same")
    mean, scale = asked(context, y)
    _no_leak(used, *tables_of(mean, scale), _places(y.shape))
    return Coded(len(data), float(symbol_bits(y, mean, scale).sum()))


def _pair(model) -> tuple[Callable, Callable]:
    if not (isinstance(model, tuple) and len(model) == 2 and all(callable(part) for part in model)):
        raise NotYet("your function must give (order, context), two functions, as `neighbour_mean` does")
    return model


def _order(order: Callable, shape, passes: int) -> np.ndarray:
    """The pass of each symbol, 0 and on without gaps; NotYet for anything else and for more passes than allowed."""
    try:
        when = np.asarray(order(shape))
    except NotImplementedError:
        raise NotYet("order is not written yet") from None
    if when.shape != tuple(shape) or not np.issubdtype(when.dtype, np.integer):
        raise NotYet(f"order({tuple(shape)}) must give whole numbers of this shape, not {when.dtype} of {when.shape}")
    numbers, when = np.unique(when, return_inverse=True)
    if len(numbers) > passes:
        raise NotYet(f"{len(numbers)} passes, where a decoder may wait {passes} times: code more symbols at once")
    return when.reshape(shape)


def _decoded(data: bytes, shape, when: np.ndarray, context: Context) -> np.ndarray:
    decoder, known = Decoder(data), np.zeros(shape, np.int64)
    for number in range(when.max() + 1):
        here = when == number
        whole, index = (part[here] for part in tables_of(*asked(context, known)))
        known[here] = decoder.pop(tables(), index) + whole
    decoder.close()
    return known


def _places(shape) -> np.ndarray:
    return np.stack(np.indices(shape), axis=-1)


def _no_leak(used, whole: np.ndarray, index: np.ndarray, places: np.ndarray) -> None:
    """NotYet where the tables of a context that sees the whole latent are not those that a decoder used."""
    for number, (here, past_whole, past_index) in enumerate(used):
        wrong = (whole[here] != past_whole) | (index[here] != past_index)
        if wrong.any():
            channel, row, column = places[here][np.flatnonzero(wrong)[0]].tolist()
            raise NotYet(
                f"it leaks: the table of channel {channel}, row {row}, column {column} is another one once the symbols "
                f"of pass {number} and later are there; read only what has an earlier pass"
            )


# ---- fields to learn, and how well that can be done ------------------------------------------------------------------


def streaks(rng, shape, *, down: float, along: float, alternating: bool = False) -> np.ndarray:
    """Draw a latent that is smooth over so many positions down and along, int64 (c, h, w); from streak to streak the
    sign may alternate."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(rng.normal(size=shape), (0, down, along), mode="wrap")
    field = 6 * smooth / smooth.std() + rng.normal(0, 1, shape)
    return np.rint(field * (-1) ** np.arange(shape[2]) if alternating else field).astype(np.int64)


def calm_and_wild(rng, shape) -> np.ndarray:
    """Draw a latent of independent symbols that are small in some regions and large in others, int64 (c, h, w)."""
    from scipy.ndimage import gaussian_filter

    loud = gaussian_filter(rng.normal(size=shape), (0, 3, 3), mode="wrap")
    return np.rint(2.5 * np.exp(1.3 * loud / loud.std()) * rng.normal(size=shape)).astype(np.int64)


def least_squares(train: list[np.ndarray]) -> Model:
    """Fit what the two passes of a checkerboard can do with four neighbours: weights for the mean and for the scale."""
    mean, spread = channel_statistics(train)
    white = [checkerboard(y.shape)[0] == 1 for y in train]
    weights, sizes = [], []
    for channel in range(len(mean)):
        near = np.concatenate([_near(y - mean)[channel, w] for y, w in zip(train, white, strict=True)])
        value = np.concatenate([(y - mean)[channel, w] for y, w in zip(train, white, strict=True)])
        weights.append(np.linalg.lstsq(near, value, rcond=None)[0])
        error = np.abs(value - near @ weights[-1]) * np.sqrt(
            np.pi / 2
        )  # of a Gaussian, from mean to standard deviation
        sizes.append(np.linalg.lstsq(np.abs(near), error, rcond=None)[0])

    def context(y):
        near, on_white = _near(y - mean), checkerboard(y.shape) == 1
        expected = mean + np.einsum("chwn,cn->chw", near, np.array(weights))
        scale = np.einsum("chwn,cn->chw", np.abs(near), np.array(sizes))
        scale = np.maximum(scale, np.maximum(LADDER[0], spread / 10))
        return np.where(on_white, expected, mean), np.where(on_white, scale, spread)

    return checkerboard, context


def _near(d: np.ndarray) -> np.ndarray:
    """A one and the four neighbours of every place, 0 outside: (c, h, w) -> (c, h, w, 5)."""
    return np.stack([np.ones(d.shape), *(moved(d, step) for step in NEIGHBOURS)], axis=-1)
