"""The decoder at work: what each step of reading a file gave, and what could be shown if the file ended there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lic_lab.coding.container import Header
from lic_lab.coding.tables import Tables
from lic_lab.entropy.gaussian import scale_ladder
from lic_lab.entropy.wires import Decode
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.probes.bitmaps import Witness, coding_order, witnessed
from lic_lab.types import Image, Map


@dataclass(frozen=True)
class Step:
    """One step: symbols that are read together, because none of them helps to predict another one.

    where: places of the symbols in y[0].flatten(), int64 (views, elements), or None for a latent that is coded before
    y.   bits: what the symbols cost by their tables.   read: bytes of the file that the coder had taken in after it.
    slice: number of the group of channels that the step belongs to, from 0; None before y.
    """

    where: Tensor | None
    bits: float
    read: int
    slice: int | None


@dataclass(frozen=True, eq=False)
class Decoding:
    """A file as its decoder sees it, step by step; see `decoding_steps`.

    slices: channel numbers of each group of channels that are coded together.   y_hat: the whole latent, (views,
    latent, h/16, w/16), in quantisation steps.   symbols, scales, bits: of y, shaped like it: the integers in the file,
    the standard deviation of the table that each was read by, and its cost.   side_bits: of everything before y.
    """

    model: Codec
    header: Header
    steps: tuple[Step, ...]
    slices: tuple[tuple[int, ...], ...]
    y_hat: Map
    symbols: Map
    scales: Map
    bits: Map
    side_bits: float
    read: tuple[np.ndarray, ...]  # the symbols of every step, as they came out of the coder

    def known(self, steps: int) -> Tensor:
        """Say which elements of y are decoded after so many steps: bool, shaped like y."""
        known = torch.zeros(len(self.y_hat), self.y_hat[0].numel(), dtype=torch.bool)
        for step in self.steps[:steps]:
            if step.where is not None:
                known.scatter_(1, step.where, True)
        return known.view(self.y_hat.shape)

    @cached_property
    def step_of(self) -> Tensor:
        """The step, from 0, that decodes each element of y: int64, shaped like y."""
        when = torch.zeros(len(self.y_hat), self.y_hat[0].numel(), dtype=torch.int64)
        for number, step in enumerate(self.steps):
            if step.where is not None:
                when.scatter_(1, step.where, number)
        return when.view(self.y_hat.shape)

    @torch.no_grad()
    def latent(self, steps: int) -> Map:
        """Give the latent that the decoder can form after so many steps: like y_hat, float64.

        What is not read yet counts as zero, so every element that is missing is at the mean that the entropy model
        predicts for it from all that is known, and from its own guesses of what comes between.
        """
        views, _, *sides = self.y_hat.shape
        device = next(self.model.parameters()).device
        wire = Decode(_Again(self.read[:steps]))
        return self.model.walk(None, wire, (views, *sides)).to(device)

    @torch.no_grad()
    def picture(self, steps: int) -> Image:
        """Give the picture that `latent(steps)` makes: (1, 3, h, w), or a pair, clamped to [0, 1]."""
        rate, size = self.model.rate_points(self.header.rate), (self.header.height, self.header.width)
        return self.model._reconstruct(self.latent(steps), rate, size).clamp(0, 1)


class _Again:
    """What `Decode` pops from: symbols that were read before, and zeros when they are used up."""

    def __init__(self, symbols: tuple[np.ndarray, ...]):
        self.symbols = iter(symbols)

    def pop(self, tables: Tables, indices: np.ndarray) -> np.ndarray:
        return next(self.symbols, np.zeros(indices.shape, np.int32))


@torch.no_grad()
def decoding_steps(model: Codec, data: bytes) -> Decoding:
    """Decode a .lic file of a model and keep what every step read.

    Raises what `Codec.decode_latent` and `coding_order` raise.
    """
    header, y_hat, seen = witnessed(model, data)
    order = coding_order(model, y_hat)
    if len(order) != len(seen.bits):
        raise LicLabError("this model does not read the steps that it says it codes: its context cannot be shown")
    area = y_hat[0, 0].numel()
    channels = [None if where is None else _channels(where, area) for where in order]
    slices = tuple(dict.fromkeys(found for found in channels if found is not None))
    steps = tuple(
        Step(where, float(bits.sum()), len(data) - 4 * (left - 1), None if found is None else slices.index(found))
        for where, bits, left, found in zip(order, seen.bits, seen.left, channels, strict=True)
    )
    symbols, scales, bits = (_scattered(order, noted, y_hat) for noted in (seen.symbols, _scales(seen), seen.bits))
    side = sum(step.bits for step in steps if step.where is None)
    return Decoding(model, header, steps, slices, y_hat.cpu(), symbols, scales, bits, side, tuple(seen.symbols))


def _channels(where: Tensor, area: int) -> tuple[int, ...]:
    return tuple(torch.unique(where[0] // area).tolist())


def _scales(seen: Witness) -> list[np.ndarray]:
    """The standard deviations of the tables used; of a side latent the numbers mean nothing, and are not asked for."""
    ladder = scale_ladder()
    return [ladder[np.minimum(tables, len(ladder) - 1)] for tables in seen.tables]


def _scattered(order: list[Tensor | None], noted: list[np.ndarray], y_hat: Map) -> Map:
    """Put what was noted of each step's symbols to their places in y: float64, shaped like y_hat."""
    found = torch.zeros(len(y_hat), y_hat[0].numel(), dtype=torch.float64)
    for where, values in zip(order, noted, strict=True):
        if where is not None:
            found.scatter_(1, where, torch.from_numpy(np.asarray(values, np.float64)).reshape(len(y_hat), -1))
    return found.view(y_hat.shape)
