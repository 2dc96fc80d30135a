"""What assignment A5 gives: whole-number latents of real pictures, tables that code them, and two contexts to beat.

A context model is a pair (order, context). order((c, h, w)) says in which pass each symbol is coded, int (c, h, w) from
0 on; context(y) gives the means and the scales of all symbols of a latent at once, two arrays like y. A decoder calls
the same context again and again, with 0 in the place of everything that it does not hold yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from lic_lab.coding.tables import Tables

CHANNELS, RATE = 16, 4.0
"""The latents: the first slice of `charm`, at rate point 4 of 0 to 8."""
SIDE = 256  # pixels of an unseen crop, 16 x 16 positions
PHASES = 8  # tables for means in eighths of a step
LADDER = np.geomspace(0.1, 64, 64)  # standard deviations that have tables
_MIDDLES = np.sqrt(LADDER[1:] * LADDER[:-1])

Order = Callable[[tuple[int, int, int]], np.ndarray]
Context = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Model = tuple[Order, Context]


# ---- tables ----------------------------------------------------------------------------------------------------------


@cache
def tables() -> Tables:
    """Give the integer tables of all Gaussians that there are: PHASES times 64, for means from 0 up to below 1."""
    pmfs, offsets = [], []
    for phase in range(PHASES):
        for scale in LADDER:
            half = max(2, math.ceil(4.3 * scale))
            edges = (phase / PHASES - np.arange(-half, half + 3) + 0.5) / (scale * math.sqrt(2))
            pmfs.append(np.abs(np.diff([0.5 * math.erfc(edge) for edge in edges])))
            offsets.append(-half)
    return Tables.from_pmfs(pmfs, offsets)


def tables_of(mean: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give what to subtract from each symbol, and which of `tables()` then codes it; int32, each like mean.

    mean, scale: floats of one shape. A mean counts in eighths; a scale as the nearest of the 64 from 0.1 to 64.
    """
    eighths = np.floor(np.asarray(mean, float) * PHASES + 0.5).astype(np.int32)
    rung = np.searchsorted(_MIDDLES, np.broadcast_to(np.asarray(scale, float), eighths.shape))
    return eighths // PHASES, (eighths % PHASES * len(LADDER) + rung).astype(np.int32)


def symbol_bits(y: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Give the bits of each symbol by its table, float64 like y (integers of any shape)."""
    whole, index = tables_of(mean, scale)
    return tables().symbol_bits(y - whole, index)


# ---- latents ---------------------------------------------------------------------------------------------------------


@cache
def latents() -> dict[str, np.ndarray]:
    """Give the latent of each bundled picture by name: read-only int64 (16, h, w), one position for 16 x 16 pixels."""
    from lic_lab.datasets.bundled import bundled_images

    return {name: _latent(image) for name, image in bundled_images().items()}


def unseen(name: str, rng: np.random.Generator) -> np.ndarray:
    """Give the latent of a crop of a bundled picture that is in no list: mirrored, and from a random place.

    Shapes: int64 (16, 16, 16). The crop is mirrored before it is transformed, so its latent is a new one.
    """
    from lic_lab.datasets.bundled import bundled_images

    image = bundled_images()[name]
    row, column = (int(rng.integers(0, side - SIDE + 1)) for side in image.shape[:2])
    crop = image[row : row + SIDE, column : column + SIDE]
    return _latent(crop[::-1, ::-1] if rng.integers(2) else crop[:, ::-1])


@cache
def _charm():
    from lic_lab.models.checkpoints import load_model

    return load_model("charm")


def _latent(image: np.ndarray) -> np.ndarray:
    import torch

    from lic_lab.ops.color import image_to_tensor

    h, w = (side // 64 * 64 for side in image.shape[:2])
    with torch.no_grad():
        y = _charm().analyse(image_to_tensor(np.ascontiguousarray(image[:h, :w])))
        y = y * _charm().gain(torch.tensor([RATE]))[0]
    y = np.rint(y[0, :CHANNELS].double().numpy()).astype(np.int64)
    y.flags.writeable = False
    return y


# ---- orders and contexts ---------------------------------------------------------------------------------------------


def checkerboard(shape: tuple[int, int, int]) -> np.ndarray:
    """Give the order of two passes: 0 on the black squares, 1 on the white ones; int (c, h, w)."""
    return np.broadcast_to(np.add.outer(np.arange(shape[1]), np.arange(shape[2])) % 2, shape).copy()


def no_context(train: list[np.ndarray]) -> Model:
    """Fit one Gaussian for each channel to some latents (c, h, w): everything in one pass."""
    mean, scale = channel_statistics(train)

    def context(y):
        return np.broadcast_to(mean, y.shape), np.broadcast_to(scale, y.shape)

    return lambda shape: np.zeros(shape, int), context


def neighbour_mean(train: list[np.ndarray]) -> Model:
    """Fit the simplest context: a white square is expected to be the mean of its black neighbours.

    Its scale, one for each channel, is how far that was wrong in `train`. Black squares have no context.
    """
    mean, scale = channel_statistics(train)
    errors = [(y - _mean_of_neighbours(y))[:, checkerboard(y.shape)[0] == 1] for y in train]
    close = np.maximum(np.concatenate(errors, axis=1).std(axis=1), LADDER[0])[:, None, None]

    def context(y):
        white = checkerboard(y.shape) == 1
        return np.where(white, _mean_of_neighbours(y), mean), np.where(white, close, scale)

    return checkerboard, context


def channel_statistics(train: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Give the mean and the standard deviation of every channel of some latents, each float64 (c, 1, 1)."""
    values = np.concatenate([y.reshape(len(y), -1) for y in train], axis=1)
    return values.mean(axis=1)[:, None, None], np.maximum(values.std(axis=1), LADDER[0])[:, None, None]


def _mean_of_neighbours(y: np.ndarray) -> np.ndarray:
    """The mean of the neighbours above, below, left and right that are inside the map: (c, h, w) -> same."""
    padded, ones = (np.pad(x, [(0, 0), (1, 1), (1, 1)]) for x in (y, np.ones(y.shape)))
    total, count = (x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:] for x in (padded, ones))
    return total / np.maximum(count, 1)
