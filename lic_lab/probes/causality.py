"""Who sees whom in an entropy model: which symbols the parameters of a symbol listen to, and when each is coded.

A decoder that asks for the parameters of a symbol holds the side latents and what was coded in earlier steps. Whatever
else they depend on makes a rate that no file can have.

Found: a symbol that tells itself or its future, and a side latent that is read before it is rounded. Not found: a
context of the right neighbours with values that no decoder has, such as y rounded without its mean; there, only a round
trip through a file tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Image, Map

Place = tuple[int, int, int, int]
"""A symbol: (picture or view, channel, row, column)."""
Walk = Callable[[Map, Estimate], Map]
"""Walks an entropy model: walk(y, wire) hands every part of y to `wire.gaussian` once, with its mean and its scale."""

NUDGE = 9.0  # quantisation steps by which a symbol is moved, both ways: a rectifier shut for one is open for the other
TOLERANCE = 1e-5  # of a parameter's size; less is rounding, for convolutions may compute neighbours together
MOST = 2**24  # beyond it, float32 does not tell neighbouring whole numbers apart


class Leak(NamedTuple):
    """A symbol, and one that must not know it yet, but whose mean or scale moves when it does."""

    symbol: Place
    listener: Place


class Causality:
    """An entropy model walked on a latent that is held as it is, so that a change of one symbol is the only change.

    walk: see `Walk`; of a context of `lic_lab.entropy`, lambda y, wire: context(y, hyper, wire).   y_hat: (b, c, h, w),
    the latent to look at.   step: int64 like y_hat, when each symbol is coded; by default the calls of the wire say so.
    Side latents (z, and m) keep their first value: they are sent before, so everybody may depend on them.
    Raises LicLabError for a walk that does not hand every symbol over once, and for latents of more than 2^24 symbols.
    """

    def __init__(self, walk: Walk, y_hat: Map, *, step: Tensor | None = None):
        if y_hat.numel() > MOST:
            raise LicLabError(f"a latent of {y_hat.numel():,} symbols is too large to look at: take a smaller picture")
        self.walk, self.y_hat, self._sides = walk, y_hat.detach().float(), {}
        with torch.no_grad():
            self._watched(self.y_hat)  # the side latents, once and for all
            numbers = torch.arange(float(y_hat.numel()), device=y_hat.device).view(y_hat.shape)
            calls = [given.flatten().round().long() for given in self._watched(numbers).given]
        self._places = torch.cat(calls)  # of all symbols, in the order in which the wire gets them
        if not torch.equal(self._places.sort().values, numbers.flatten().long()):
            raise LicLabError("this walk does not hand every symbol to the wire once: nothing can be said about it")
        self.step = torch.empty_like(numbers, dtype=torch.int64)
        for number, call in enumerate(calls):
            self.step.view(-1)[call] = number
        self.step = self.step if step is None else step

    def parameters(self, y_hat: Map) -> tuple[Map, Map]:
        """Give the mean and the scale of every symbol, each (b, c, h, w), for a latent; gradients go through."""
        params = self._watched(y_hat).params
        each = (torch.cat([pair[k].flatten() for pair in params]) for k in (0, 1))
        mean, scale = (torch.zeros_like(flat).scatter(0, self._places, flat).view(y_hat.shape) for flat in each)
        return mean, scale

    def heard(self, at: Place) -> Tensor:
        """Give how much the parameters of one symbol depend on every symbol: |d mean| + |d scale|, (b, c, h, w)."""
        with torch.enable_grad():
            y_hat = self.y_hat.clone().requires_grad_()
            found = torch.zeros_like(y_hat)
            for parameter in self.parameters(y_hat):
                if parameter.requires_grad:
                    (gradient,) = torch.autograd.grad(parameter[at], y_hat, retain_graph=True, allow_unused=True)
                    found = found if gradient is None else found + gradient.abs()
        return found.detach()

    @torch.no_grad()
    def told(self, at: Place, *, by: float = NUDGE) -> Tensor:
        """Give whose mean or scale moves when one symbol moves by so many steps up or down: bool (b, c, h, w)."""
        before, moved = self.parameters(self.y_hat), torch.zeros_like(self.y_hat, dtype=torch.bool)
        for change in (by, -by):
            nudged = self.y_hat.clone()
            nudged[at] += change
            for old, new in zip(before, self.parameters(nudged), strict=True):
                moved |= (new - old).abs() > TOLERANCE * (1 + old.abs())
        return moved

    def leaks(self, symbols: Iterable[Place] | None = None, *, by: float = NUDGE) -> list[Leak]:
        """Give who is told of a symbol before it is coded, itself included; [] is what a decoder needs.

        symbols: which to move, by default one of every step, from its middle.
        """
        found = []
        for at in self.one_of_each_step() if symbols is None else symbols:
            early = self.told(at, by=by) & (self.step <= self.step[at])
            found += [Leak(tuple(at), tuple(place)) for place in early.nonzero().tolist()]
        return found

    def one_of_each_step(self) -> list[Place]:
        """Give a symbol from the middle of every step."""
        steps = (torch.nonzero(self.step == number) for number in self.step.unique().tolist())
        return [tuple(places[len(places) // 2].tolist()) for places in steps]

    def _watched(self, y_hat: Map) -> _Watch:
        wire = _Watch(self._sides)
        self.walk(y_hat, wire)
        return wire


class _Watch(Estimate):
    """Gives the latent back as it is, side latents as they were at first, and notes what every step was given."""

    def __init__(self, sides: dict[str, Map]):
        super().__init__(training=False)
        self.sides, self.given, self.params = sides, [], []

    def factorized(self, z, density, shape):
        if "z" not in self.sides:
            self.sides["z"] = super().factorized(z, density, shape).detach()
        return self.sides["z"]

    def gaussian(self, y, mean, scale, part="y"):
        if part != "y":
            if part not in self.sides:
                self.sides[part] = super().gaussian(y, mean, scale, part).detach()
            return self.sides[part]
        self.given.append(y)
        self.params.append((mean, scale))
        return y


@torch.no_grad()
def model_causality(model: Codec, x: Image) -> Causality:
    """Look at the whole entropy model of a codec, on what it makes of a picture (1, 3, h, w) or a pair (1, 2, 3, h, w).

    A small picture will do, of 64 x 64 pixels or a few times as many: every step is walked twice.
    """

    def walk(y: Map, wire: Estimate) -> Map:
        return model.walk(y, wire, (len(y), *y.shape[-2:]))

    y = model.analyse(x).float()
    return Causality(walk, walk(y, Estimate(training=False)))
