"""What one view asks of the other: the maps that linear attention never writes down, and the disparity in them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lic_lab.blocks.shortcut import BLOCK
from lic_lab.blocks.stereo import LinearAttention, MutualAttention, RowAttention, ViewExchange
from lic_lab.entropy.twins import PARTS, TwinSearch
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Image, Map

SEARCH_STEP = BLOCK // PARTS
"""Pixels between two movements of a search."""


@dataclass(frozen=True)
class CrossAttention:
    """Queries and keys of branch A of one `MutualAttention` or `ViewExchange`, for both views of a pair.

    path: of the block in the model.   query, key: what `ask` and `offer` of its attention give, (2, heads, d, h, w).
    stride: pixels to a position.   rows: whether it looks along rows (`RowAttention`).   bias: what is added to the
    likeness of each view whatever is seen, (heads, w, w), who asks before who answers (`TwinAttention`), or None.
    """

    path: str
    query: Tensor
    key: Tensor
    stride: int
    rows: bool = False
    bias: Sequence[Tensor | None] = (None, None)

    def map(self, view: int, row: int, column: int) -> Tensor:
        """Say how much a position of a view gets from each position of the other: (heads, h, w), each adds up to 1.

        view: 0 left, 1 right.   row, column: in positions, not pixels. Raises LicLabError for a place outside.
        """
        height, width = self.query.shape[-2:]
        if view not in (0, 1) or not 0 <= row < height or not 0 <= column < width:
            raise LicLabError(f"view {view} has {height} x {width} positions, and none at row {row}, column {column}")
        asks, offers = self.query[view, :, :, row, column], self.key[1 - view]
        if not self.rows:
            return torch.einsum("nd,ndhw->nhw", asks, offers)
        found = torch.zeros(len(asks), height, width, dtype=asks.dtype, device=asks.device)
        found[:, row] = self._row(view, row)[:, column]
        return found

    @property
    def heard(self) -> int:
        """Count the positions among which a position divides its attention: a row, or all of the other view."""
        return self.key.shape[-1] if self.rows else self.key.shape[-2] * self.key.shape[-1]

    def along_rows(self) -> Tensor:
        """Say how much each left position gets from each position of its row on the right: (h, w, w), heads added."""
        if not self.rows:
            return torch.einsum("ndhl,ndhr->hlr", self.query[0], self.key[1])
        return torch.stack([self._row(0, row).sum(0) for row in range(self.key.shape[-2])])

    def _row(self, view: int, row: int) -> Tensor:
        """Say how much each position in a row of a view gets from each position of the other: (heads, w, w)."""
        likeness = torch.einsum("ndl,ndr->nlr", self.query[view, :, :, row], self.key[1 - view, :, :, row])
        return (likeness if self.bias[view] is None else likeness + self.bias[view]).softmax(-1)


def _refuse(model: Codec, x: Image, what: str) -> None:
    """Raise LicLabError unless x is one pair and the model is in evaluation mode."""
    if x.shape[:-2] != (1, 2, 3) or model.training:
        wrong = (
            f"got {tuple(x.shape)}" if x.shape[:-2] != (1, 2, 3) else "and the model in evaluation mode: model.eval()"
        )
        raise LicLabError(f"{what} is looked at for one pair (1, 2, 3, h, w), {wrong}")


def attention_paths(model: Codec) -> list[str]:
    """List the blocks of mutual attention in a model, in the order of the data flow.

    Raises LicLabError for a model without any.
    """
    paths = [path for path, module in model.named_modules() if isinstance(module, (MutualAttention, ViewExchange))]
    if not paths:
        raise LicLabError(f"{type(model).__name__} has no mutual attention: use bisic with attention=True")
    return paths


@torch.no_grad()
def cross_attention(model: Codec, x: Image, path: str, *, rate: float | None = None) -> CrossAttention:
    """Run a pair (1, 2, 3, h, w) through a stereo model and keep what one block asks and offers across the views.

    path: one of `attention_paths(model)`, or LicLabError. Of a block of the context, which works once a slice or more
    often, the last call is kept; of a large picture the transforms see the whole, not strips. Raises LicLabError for
    other shapes and for a model in training.
    """
    _refuse(model, x, "attention across views")
    if path not in attention_paths(model):
        raise LicLabError(f"no mutual attention at {path!r}: there is {', '.join(attention_paths(model))}")
    seen: list[tuple[LinearAttention, Map, Map]] = []
    block = model.get_submodule(path).branch_a
    whole = copy.copy(model)  # the same modules, but no strips
    whole.halo = None
    hook = block.register_forward_pre_hook(lambda module, args: seen.append((module, *args[:2])))
    try:
        whole(x, rate)
    finally:
        hook.remove()
    module, query, key = seen[-1]  # each (2, dim, h, w); the key is the other view already, in the other order
    size = query.shape[-2:]
    q, k = (values.unflatten(3, size) for values in (module.ask(query), module.offer(key).flip(0)))
    padded = -(-x.shape[-1] // model.multiple) * model.multiple
    rows = isinstance(module, RowAttention)
    return CrossAttention(path, q, k, padded // size[1], rows, module.bias(2, size[1]) if rows else (None, None))


def searches(model: Codec) -> bool:
    """Say whether a model searches the other view in what is decoded (`entropy.twins.TwinSearch`)."""
    return any(isinstance(module, TwinSearch) for module in model.modules())


@torch.no_grad()
def searched_shares(model: Codec, x: Image, *, rate: float | None = None) -> Tensor:
    """Say how much of each movement of the other view a search mixes at every block: (2, movements, h/16, w/16).

    x: one pair (1, 2, 3, h, w).   View 0 is the left one; movement m is of `m * SEARCH_STEP` pixels, h and w are those
    of the padded pair, and the shares of a block add up to 1. Of the last search of a `TwinSearch`, that of the last
    slice. Raises LicLabError for a model that does not search, for other shapes, and for a model in training.
    """
    _refuse(model, x, "a search in the other view")
    if not searches(model):
        raise LicLabError(f"{type(model).__name__} does not search the other view: use bisic with context='turns'")
    search = next(module for module in model.modules() if isinstance(module, TwinSearch))
    seen: list[tuple] = []
    hook = search.register_forward_pre_hook(lambda module, args: seen.append(args))
    try:
        model(x, rate)
    finally:
        hook.remove()
    return search.shares(*seen[-1]).cpu()


def searched_disparity(model: Codec, x: Image, *, rate: float | None = None) -> np.ndarray:
    """Read how far each block of both views was found to have moved, in pixels: float32 (2, h/16, w/16), both padded.

    The movement with the largest of `searched_shares`, with its arguments and errors; a multiple of `SEARCH_STEP`.
    """
    return (searched_shares(model, x, rate=rate).argmax(1) * SEARCH_STEP).float().numpy()


def attention_disparity(found: CrossAttention, most: float | None = None) -> np.ndarray:
    """Read disparity from attention: how far to the left of its own column each left position looks most, in pixels.

    most: the largest disparity that is considered, in pixels, 0 or more (LicLabError); by default the whole row. Of
    equal scores the smallest disparity is taken. Gives float32 (h, w), one value for each position of the block. Ours:
    BiSIC shows its maps but does not measure them.
    """
    if most is not None and most < 0:
        raise LicLabError(f"the largest disparity is 0 pixels or more, got {most:g}")
    scores = found.along_rows()  # (h, left column, right column)
    columns = torch.arange(scores.shape[-1], device=scores.device)
    steps = columns[:, None] - columns  # disparity in positions
    reach = len(columns) if most is None else most / found.stride
    scores = scores.masked_fill((steps < 0) | (steps > reach), -1.0)
    nearest = len(columns) - 1 - scores.flip(-1).argmax(-1)  # the last of equal columns
    return ((columns - nearest) * found.stride).float().cpu().numpy()


@dataclass(frozen=True)
class DisparityScore:
    """How near a disparity map comes to the truth, both averaged over the positions where the truth is known.

    median_error: of |found - true|, in pixels.   within: share of positions off by one position at most.
    constant_error, constant_within: the same for the best that knows nothing of the place, the median of the truth.
    """

    median_error: float
    within: float
    constant_error: float
    constant_within: float


def score_disparity(found: np.ndarray, truth: np.ndarray, stride: int) -> DisparityScore:
    """Compare a disparity (h, w) per position with the truth (H, W) per pixel, NaN where unknown.

    The truth of a position is the median of what is known in its square; squares with nothing known do not count.
    Raises LicLabError where nothing is known at all.
    """
    height, width = (min(side, pixels // stride) for side, pixels in zip(found.shape, truth.shape, strict=True))
    squares = truth[: height * stride, : width * stride].reshape(height, stride, width, stride).swapaxes(1, 2)
    squares = squares.reshape(height, width, -1)
    known = ~np.isnan(squares).all(-1)
    if not known.any():
        raise LicLabError("no disparity is known in this pair: there is nothing to compare with")
    true = np.nanmedian(squares[known], axis=-1)

    def errors(guess) -> tuple[float, float]:
        off = np.abs(guess - true)
        return float(np.median(off)), float((off <= stride).mean())

    return DisparityScore(*errors(found[:height, :width][known]), *errors(np.median(true)))
