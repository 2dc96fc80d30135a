"""Positions in passes: half of them first, as on a checkerboard, then the other half with all four neighbours known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from lic_lab.blocks.exact import exact_conv
from lic_lab.blocks.graft import as_identity
from lic_lab.entropy.slices import SliceContext, SliceStep, conv_features, corrected, mean_scale, residual_network
from lic_lab.entropy.twins import HearTwin, TwinSearch
from lic_lab.entropy.wires import Wire
from lic_lab.ops import exact
from lic_lab.ops.checkerboard import CHECKERBOARD, Order, alone, beside, merge, split
from lic_lab.types import Map


class LocalGlobal(nn.Module):
    """Gather what is known about a position: of its neighbours by a convolution, of all the rest by `far`.

    seen (b, inputs, h, w), known (b, size, h, w), the slice at hand with zeros where it is not known yet
    -> (b, width, h, w).
    gated: the neighbours' word counts as much as sigmoid(gate(far)) grants (Asymmetric's fusion).
    """

    def __init__(self, inputs: int, size: int, width: int, far: nn.Module, *, gated: bool, kernel: int):
        super().__init__()
        self.squeeze, self.far = exact_conv(inputs + size, width, 1), far
        self.near = exact_conv(size, width, kernel)
        self.gate = exact_conv(width, width, 1) if gated else None
        self.fuse = nn.Sequential(exact_conv(2 * width, width, 1), nn.LeakyReLU())

    def forward(self, seen: Map, known: Map) -> Map:
        far = self.far(self.squeeze(torch.cat([seen, known], dim=1)))
        near = self.near(known)
        if self.gate:
            near = near * exact.sigmoid(self.gate(far))
        return self.fuse(torch.cat([near, far], dim=1))


class AddNeighbours(nn.Module):
    """Add to the features of every position what its four neighbours say.

    features (b, width, h, w), known (b, size, h, w), zero where nothing is known yet -> (b, width, h, w).
    gated: see `LocalGlobal`.
    """

    def __init__(self, size: int, width: int, *, gated: bool = False):
        super().__init__()
        self.near, self.say = exact_conv(4 * size, width, 1), exact_conv(width, width, 1)
        self.gate = exact_conv(width, width, 1) if gated else None

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.say,)

    def forward(self, features: Map, known: Map) -> Map:
        near = self.near(beside(known))
        if self.gate:
            near = near * exact.sigmoid(self.gate(features))
        return features + self.say(F.leaky_relu(near + features))


class LookAgain(SliceStep):
    """Code a slice in several passes of one network: before each, features are told what the passes before gave.

    Shapes as `SliceStep`. It begins as `conv_step` with the same `hidden`, and can go on from its weights.
    order: which positions each pass codes.   far: looks over all positions, (b, hidden[1], h, w) -> same; one for all
    slices, kept by the context, as is twins: a `TwinSearch` in the other view of a pair, or None; as soon as that view
    has whole rows, what it shows there is heard.   hyper: those of the inputs that are no slices.   gated: see
    `AddNeighbours`.
    """

    def __init__(
        self, inputs: int, size: int, *, hyper: int, hidden: tuple[int, int], order: Order, far: nn.Module,
        twins: TwinSearch | None = None, gated: bool = False,
    ):  # fmt: skip
        super().__init__(conv_features(inputs, hidden), hidden[1], size)
        self.size, self.order, self.hyper = size, order, hyper
        self.told = as_identity(AddNeighbours(size, hidden[1], gated=gated))
        self.heard = as_identity(HearTwin(hidden[1], size)) if twins else None
        self.far, self.twins = (far,), (twins,)  # in tuples: the context owns them, and their weights count once

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        size, coded = seen.shape[-2:], []
        earlier = seen[:, self.hyper :]
        features, known = self.features(seen), seen.new_zeros(len(seen), self.size, *seen.shape[-2:])
        wanted = [None] * self.order.passes if y is None else self.order.split(y)  # each (b, size, positions)
        for number, part in enumerate(wanted):
            told = self.far[0](self.told(features, known) if number else features)
            if self.heard and number >= self.order.whole:
                if number == self.order.whole or not earlier.shape[1]:  # later passes would find the same again
                    places = self.order.merge([torch.ones_like(part[:, :1]) for part in coded], size)
                    found = self.twins[0](earlier, known, places)
                told = self.heard(told, found)
            mean, scale = (self.order.split(p)[number] for p in self.params(told).chunk(2, dim=1))
            coded.append(wire.gaussian(part, mean, scale))
            known = self.order.merge(coded, size)
        return corrected(self.residual, told, known)

    def extra_repr(self) -> str:
        return f"passes={self.order.passes}"


class ReadAgain(SliceContext):
    """Code the latent in slices of `LookAgain`, all of them looking far with one module.

    Arguments as `SliceContext` and `LookAgain`; far(width) makes the module, which begins as the identity; None looks
    no further than the convolutions.   twins(slices) makes the search in the other view.   order: by default anchors,
    then the others.
    """

    def __init__(
        self, slices: tuple[int, ...], features: int, *, hidden: tuple[int, int],
        far: Callable[[int], nn.Module] | None = None, order: Order = CHECKERBOARD,
        twins: Callable[[tuple[int, ...]], TwinSearch] | None = None, **looks,
    ):  # fmt: skip
        shared = {"far": as_identity(far(hidden[1])) if far else nn.Identity(), "twins": twins and twins(slices)}
        super().__init__(
            slices, features, partial(LookAgain, hyper=features, hidden=hidden, order=order, **shared, **looks)
        )
        self.far, self.twins = shared["far"], shared["twins"]


class CheckerboardStep(nn.Module):
    """Code a slice in two passes: anchors from what was known before, then the others, who know the anchors too.

    Shapes: y (b, size, h, w) or None on the decoder; seen (b, inputs, h, w) -> y_hat (b, size, h, w).
    far(width) makes the module that looks over all positions, (b, width, h, w) -> same; each pass has its own.
    residual: see `entropy.slices.residual_network`.
    Source: He et al., "Checkerboard context model for efficient learned image compression", CVPR 2021, Sec. 3.
    Ours: parameters of its own for each pass, a look at all decoded positions beside the neighbours, exact layers.
    """

    def __init__(
        self, inputs: int, size: int, width: int, far: Callable[[int], nn.Module],
        *, gated: bool = False, kernel: int = 5, residual: tuple[int, ...] | None = (),
    ):  # fmt: skip
        super().__init__()
        self.first = nn.Sequential(exact_conv(inputs, width, 1), far(width))
        self.first_params = mean_scale(width, size)
        self.second = LocalGlobal(inputs, size, width, far(width), gated=gated, kernel=kernel)
        self.second_params = mean_scale(width, size)
        self.residual = residual_network(width, size, 1, residual)

    def forward(self, y: Map | None, seen: Map, wire: Wire) -> Map:
        size = seen.shape[-2:]
        y_anchors, y_others = (None, None) if y is None else split(y)  # each (b, size, positions)
        mean, scale = (split(p)[0] for p in self.first_params(self.first(seen)).chunk(2, dim=1))
        anchors = wire.gaussian(y_anchors, mean, scale)

        features = self.second(seen, alone(anchors, size))
        mean, scale = (split(p)[1] for p in self.second_params(features).chunk(2, dim=1))
        y_hat = merge(anchors, wire.gaussian(y_others, mean, scale), size)
        return corrected(self.residual, features, y_hat)
