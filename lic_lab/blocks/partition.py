"""A block with two branches that share the channels: convolutions for some, a state-space scan for the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lic_lab.blocks.exact import ChannelNorm
from lic_lab.blocks.scan2d import SS2D
from lic_lab.errors import LicLabError
from lic_lab.types import Map

MODES = ("adaptive", "learned", "fixed")
GRID = 1024  # scores are compared in steps of 1/1024, so that rounding noise seldom changes their order
SPREAD = 0.5  # scores start between 1/2 and -1/2, falling, so that every mode begins with the channels in their order


class Choice(NamedTuple):
    """Which channels go where in each picture: score (b, c); near (b, k) and far (b, c - k), indices of channels.

    Best score first; channels of equal score in their order.
    """

    score: Tensor
    near: Tensor
    far: Tensor

    @property
    def order(self) -> Tensor:
        """All channels, near and then far: (b, c), each index once."""
        return torch.cat([self.near, self.far], dim=1)


class AdaptiveChannelPartition(nn.Module):
    """Choose which channels of a map are worth a look nearby, and leave the others to one from afar.

    s = prior + W2 LeakyReLU(W1 LN[mean(x), std(x)]), one number a channel, mean and std over all positions, less its
    mean over the channels: a score says which of them, and cannot shut both branches at once.
    x (1 + tanh s), so that the score has a gradient; the k = round(share c) channels of largest s go near.
    Shapes: (b, c, h, w) -> (b, k, h, w), (b, c - k, h, w) and the `Choice`; `merge` puts channels back in their places.
    mode: "adaptive", or "learned" (s = prior, alike for all pictures), or "fixed" (s = 0: the first k channels).
    Raises LicLabError for another mode, or a share outside [0, 1].
    A choice may flip where a score is within rounding of a step. That changes pixels, so this is for transforms; it has
    no place in what feeds probability tables.
    Source: Adaptive Channel Partition of CSM, whose code has squeeze-and-excite and a fixed split in its stead.
    """

    def __init__(self, channels: int, *, share: float = 0.5, mode: str = "adaptive"):
        super().__init__()
        if mode not in MODES:
            raise LicLabError(f"unknown partition {mode!r}: use one of {', '.join(MODES)}")
        if not 0 <= share <= 1:
            raise LicLabError(f"a share of {share:g} of the channels: use a number from 0 to 1")
        self.mode = mode
        self.sizes = (round(share * channels), channels - round(share * channels))
        if mode != "fixed":
            self.prior = nn.Parameter(torch.linspace(SPREAD, -SPREAD, channels))
        if mode == "adaptive":
            hidden = max(channels // 4, 4)
            self.look = nn.Sequential(
                nn.Linear(2 * channels, hidden), nn.LeakyReLU(), nn.Linear(hidden, channels, bias=False))  # fmt: skip

    def forward(self, x: Map) -> tuple[Map, Map, Choice]:
        choice = self.choose(x)
        weight = 1 + torch.tanh(choice.score)[:, :, None, None]
        near, far = _reordered(x * weight.to(x.dtype), choice.order).split(self.sizes, dim=1)
        return near, far, choice

    def merge(self, near: Map, far: Map, choice: Choice) -> Map:
        """Undo the partition: (b, k, h, w), (b, c - k, h, w) -> (b, c, h, w), every channel where it came from."""
        return _reordered(torch.cat([near, far], dim=1), choice.order.argsort(dim=1))

    def choose(self, x: Map) -> Choice:
        """Give scores and choice for a map (b, c, h, w), in float32 also under autocast."""
        with torch.autocast(x.device.type, enabled=False):
            score = self._score(x)
        steps = torch.round(score.detach() * GRID)
        order = steps.sort(dim=1, descending=True, stable=True).indices
        return Choice(score, *order.split(self.sizes, dim=1))

    def _score(self, x: Map) -> Tensor:
        if self.mode == "fixed":
            return x.new_zeros(x.shape[:2])
        if self.mode == "learned":
            return (self.prior - self.prior.mean()).expand(len(x), -1)
        with torch.no_grad():  # the score looks at the map and does not bend it: a third of the block's time saved
            x = x.to(self.prior.dtype)
            mean = x.mean((-2, -1), keepdim=True)
            spread = (x - mean).square_().mean((-2, -1)).sqrt()  # (b, c), as is the mean without its last axes
            seen = F.layer_norm(torch.cat([mean.flatten(1), spread], dim=1), (2 * x.shape[1],))
        score = self.prior + self.look(seen)
        return score - score.mean(1, keepdim=True)


class StateSpaceResidualBlock(nn.Module):
    """Add to a map what convolutions find near by in some channels and scans find far away in the others.

    x + fuse(merge(conv3(LeakyReLU(conv3(near))), SS2D(norm(far)))), near and far being the two parts of the partition.
    Shapes: (b, c, h, w) -> same. With the last layers of both branches at zero it is the identity.
    share, mode: see `AdaptiveChannelPartition`; share 1 or 0 leaves one branch only.   state, expand: see `SS2D`.
    fuse: "1x1", or "3x3" for a residual pair of 3x3 convolutions; neither has a bias.
    Source: hybrid block of CSM. Ours: one skip, from the input; its code adds the convolutions' input twice and skips
    from behind the channel attention, and neither agrees with its figure.
    """

    def __init__(
        self, channels: int, *, share: float = 0.5, mode: str = "adaptive", state: int = 16, expand: int = 2,
        fuse: str = "1x1",
    ):  # fmt: skip
        super().__init__()
        if fuse not in ("1x1", "3x3"):
            raise LicLabError(f"unknown fusion {fuse!r}: use '1x1' or '3x3'")
        self.partition = AdaptiveChannelPartition(channels, share=share, mode=mode)
        near, far = self.partition.sizes
        self.near = nn.Sequential(_conv3(near), nn.LeakyReLU(), _conv3(near)) if near else nn.Identity()
        self.far = nn.Sequential(ChannelNorm(far), SS2D(far, state=state, expand=expand)) if far else nn.Identity()
        self.fuse = nn.Conv2d(channels, channels, 1, bias=False) if fuse == "1x1" else ResidualFusion(channels)

    @property
    def last(self) -> tuple[nn.Module, ...]:
        near, far = self.partition.sizes
        return (*([self.near[-1]] if near else []), *([self.far[-1].out_proj] if far else []))

    def forward(self, x: Map) -> Map:
        near, far, choice = self.partition(x)
        return x + self.fuse(self.partition.merge(self.near(near), self.far(far), choice))


class ResidualFusion(nn.Module):
    """Mix the channels of both branches: x + conv3(LeakyReLU(conv3(x))), (b, c, h, w) -> same, zero for zero."""

    def __init__(self, channels: int):
        super().__init__()
        self.mix = nn.Sequential(_conv3(channels, bias=False), nn.LeakyReLU(), _conv3(channels, bias=False))

    def forward(self, x: Map) -> Map:
        return x + self.mix(x)


@contextmanager
def watched_choices(module: nn.Module) -> Iterator[list[Choice]]:
    """Collect the choice of every partition inside a module, in the order of the calls, while the `with` lasts."""
    choices: list[Choice] = []
    hooks = [
        part.register_forward_hook(lambda part, inputs, output: choices.append(output[-1]))
        for part in module.modules()
        if isinstance(part, AdaptiveChannelPartition)
    ]
    try:
        yield choices
    finally:
        for hook in hooks:
            hook.remove()


def _conv3(channels: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, bias=bias)


def _reordered(x: Map, order: Tensor) -> Map:
    """Give channel order[i, j] of picture i as its channel j: (b, c, h, w) and (b, c) -> (b, c, h, w).

    Whole rows of (b c, h w) are copied, forwards and backwards; `gather` takes five times as long.
    """
    first = torch.arange(len(x), device=x.device)[:, None] * x.shape[1]
    return x.flatten(0, 1).index_select(0, (first + order).flatten()).unflatten(0, x.shape[:2])
