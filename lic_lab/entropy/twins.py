"""Where a view's blocks lie in the other view of a pair, found in what is decoded, and what the other view has there.

A latent that began as a block DCT moves like one: what a camera 4, 8 or 12 pixels further would see is a linear map of
two neighbouring blocks (`blocks.shortcut.moved_dct`). So views can be laid over each other more finely than in whole
blocks, and no pixel needs to be decoded for it. A pair travels as neighbours in the batch, (2b, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lic_lab.blocks.exact import ExactConv2d, exact_conv, is_coding
from lic_lab.blocks.shortcut import BLOCK, moved_dct
from lic_lab.blocks.stereo import other_view
from lic_lab.ops import exact
from lic_lab.ops.exact import snap
from lic_lab.types import Map

SHARES = 2.0**20  # of a share that coding tells apart
PARTS = 4  # steps of a movement in a block: 4 pixels each
VALUES = 2**24  # of the other view that are laid over the own one at once: 128 MiB when coding, and some copies
JUDGES = 64  # channels by which it is judged what fits; later ones say little and take long


class TwinSearch(nn.Module):
    """Lay each view over the other one, moved by 0, 4, 8, ... pixels, and mix what fits by how well it fits.

    slices: channels of the slices of the latent.   reach: how many movements are tried.
    Score of a movement at a position, beside a learned number of its own: each difference d, of what is decoded in the
    own view and what the other view has there once moved, counts d^2 / (1 + |d|) by a weight of its channel, gathered
    over 5 x 5 positions. The softmax of the scores gives the shares by which the moved views are mixed.
    Source: cost volumes over disparities and their soft argmin, GC-Net (Kendall et al., arXiv 1703.04309, Sec. 3); two
    views that tell each other what they show, BiSIC, arXiv 2407.10632. Ours: on latents, in exact arithmetic.
    """

    def __init__(self, slices: tuple[int, ...], *, reach: int = 24):
        super().__init__()
        self.slices, self.ends, self.reach = slices, tuple(accumulate(slices)), reach
        maps = [moved_dct(self.ends[-1], part * BLOCK // PARTS) for part in range(1, PARTS)]
        self.moved = nn.ModuleList(_moved(maps, end - size, end) for end, size in zip(self.ends, slices, strict=True))
        judging = [size for size, end in zip(slices[:-1], self.ends, strict=False) if end <= JUDGES] or slices[:1]
        self.judges = nn.ModuleList(ExactConv2d(size, 1, 1, bias=False) for size in judging)
        self.gather = ExactConv2d(1, 1, 5, padding=2, bias=False)
        self.prior = nn.Parameter(torch.zeros(reach))
        with torch.no_grad():
            for judge in self.judges:
                judge.weight.fill_(-0.2)
            self.gather.weight.fill_(0.1)
            self.gather.weight[..., 2, 2] = 1.0

    def forward(self, earlier: Map, slice_: Map, known: Map) -> Map:
        """Give what the other view shows of a slice at every position, and how sure that is.

        earlier (2b, c, h, w): the slices before it.   slice_ (2b, size, h, w): zero where it is not known.   known
        (2b, 1, h, w): one where it is.   -> (2b, size + 1, h, w), the last being the sum of the squared shares; zero in
        rows of which the other view does not know all. The slice itself judges where there is none before it.
        """
        decoded = torch.cat([earlier, slice_], dim=1)
        shares, number = self.shares(earlier, slice_, known), self.ends.index(decoded.shape[1])
        found = self._by_rows(_mixed, shares, number, other_view(decoded))  # (2b, size, h, w)
        return torch.cat([found, shares.square().sum(1, keepdim=True)], dim=1) * _whole(known)

    def shares(self, earlier: Map, slice_: Map, known: Map) -> Map:
        """Give how much of each movement is mixed: arguments as `forward`, -> (2b, reach, h, w), one in sum."""
        own = torch.cat([earlier, slice_], dim=1)
        other, count = other_view(own), self.ends.index(own.shape[1])
        judges = range(min(count, len(self.judges))) if count else [0]
        scores = sum(self._by_rows(partial(_judged, self.judges[i]), self._slice(i, own), i, other) for i in judges)
        scores = scores if count else scores * (known * _whole(known))  # (2b, reach, h, w)
        scores = self.gather(scores.flatten(0, 1)[:, None]).squeeze(1).unflatten(0, (len(own), -1))
        if not is_coding(own, self.prior):
            return torch.softmax(scores + self.prior[:, None, None], 1)
        return snap(exact.softmax(scores + snap(self.prior)[:, None, None], 1), SHARES)

    def _slice(self, number: int, view: Map) -> Map:
        return view[:, self.ends[number] - self.slices[number] : self.ends[number]]

    def _by_rows(self, f: Callable[[Map, Tensor], Map], own: Map, number: int, other: Map) -> Map:
        """Give f(own, a slice of the other view laid over it), a few rows at a time where all would take gigabytes."""

        def strip(own: Map, other: Map) -> Map:
            return f(own, self._lay(self._move(number, other)))

        rows = max(1, VALUES // (self.reach * self.slices[number] * own[:, 0, 0].numel()))
        parts = list(zip(own.split(rows, -2), other.split(rows, -2), strict=True))
        if len(parts) > 1 and torch.is_grad_enabled():  # else a gradient would keep them all
            strip = partial(checkpoint, strip, use_reentrant=False)
        return torch.cat([strip(*part) for part in parts], dim=-2)

    def _move(self, number: int, view: Map) -> Map:
        """Give a slice as it is and as it were parts of a block further, with as many columns beside as are reached.

        (2b, c, h, w) -> (2b, 4, size, h, columns).
        """
        blocks, layer = -(-self.reach // PARTS), self.moved[number]
        view = F.pad(view[:, : self.ends[number]], (blocks, blocks + 1, 0, 0), mode="replicate")
        moved = torch.cat([self._slice(number, view)[..., :-1], layer(view)], dim=1).unflatten(1, (PARTS, -1))
        return snap(moved) if is_coding(moved, layer.weight) else moved

    def _lay(self, moved: Map) -> Tensor:
        """Lay over each view the other one: what is further right over right views, further left over left ones.

        As `_move` gives it -> (2b, size, h, reach, w).
        """
        blocks = -(-self.reach // PARTS)
        width = moved.shape[-1] - 2 * blocks
        line = moved.movedim(1, -2).flatten(-2)  # (2b, size, h, 4 columns)
        columns = torch.arange(width, device=line.device) + blocks
        views = []
        for view, way in (0, -1), (1, 1):
            steps = way * torch.arange(self.reach, device=line.device)[:, None]
            places = steps % PARTS * moved.shape[-1] + columns + steps.div(PARTS, rounding_mode="floor")
            views.append(line[view::2].index_select(-1, places.flatten()))
        return torch.stack(views, dim=1).flatten(0, 1).unflatten(-1, (self.reach, width))


def _whole(known: Map) -> Map:
    """Say which rows the other view knows whole: (2b, 1, h, w) -> (2b, 1, h, 1)."""
    return other_view(known).amin(-1, keepdim=True)


def _judged(judge: nn.Module, own: Map, laid: Tensor) -> Map:
    """Say how well a slice fits what is laid over it: (2b, size, h, w), laid as `_lay` -> (2b, reach, h, w)."""
    d = (own[..., None, :] - laid).movedim(-2, 1)  # (2b, reach, size, h, w)
    return judge((d * d / (1 + d.abs())).flatten(0, 1)).squeeze(1).unflatten(0, (len(own), -1))


def _mixed(shares: Map, laid: Tensor) -> Map:
    """Mix what is laid over a view by shares: (2b, reach, h, w), laid as `_lay` -> (2b, size, h, w)."""
    return (laid * shares.transpose(1, 2)[:, None]).sum(-2)


def _moved(maps: list[tuple[Tensor, Tensor]], start: int, end: int) -> ExactConv2d:
    """Make the layer that moves channels start to end, (b, end, h, w + 1) -> (b, 3 size, h, w), as it does a DCT."""
    layer = ExactConv2d(end, len(maps) * (end - start), (1, 2), bias=False)
    with torch.no_grad():
        for tap in (0, 1):
            layer.weight[..., 0, tap] = torch.cat([map_[tap][:end, start:end].T for map_ in maps])
    return layer


class HearTwin(nn.Module):
    """Add to the features of every position what the other view shows of its slice there.

    features (2b, width, h, w), found (2b, size + 1, h, w) as `TwinSearch` gives it: x + W2 LeakyReLU(W1 [x, found]).
    """

    def __init__(self, width: int, size: int):
        super().__init__()
        self.hear, self.say = exact_conv(width + size + 1, width, 1), exact_conv(width, width, 1)

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.say,)

    def forward(self, features: Map, found: Map) -> Map:
        return features + self.say(F.leaky_relu(self.hear(torch.cat([features, found], dim=1))))
