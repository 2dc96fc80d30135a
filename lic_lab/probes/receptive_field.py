"""How far a transform looks: which pixels a position of its output depends on, and how much.

Found by gradients, so it holds for whatever is inside: convolutions see a window, a scan may see the whole picture.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lic_lab.errors import LicLabError
from lic_lab.types import Map

SHORT, LONGS = 64, (128, 512, 1024)  # pixels: sides of the strips on which `receptive_field` looks
FAR = 512  # pixels: who sees both ends of a strip of this length sees everything


@dataclass(frozen=True)
class ReceptiveField:
    """How many pixels a position sees beyond its own block of `stride` x `stride`; None: all there are on that side."""

    stride: int
    up: int | None
    down: int | None
    left: int | None
    right: int | None

    @property
    def rows(self) -> int | None:
        """Height in pixels, or None where it has no end."""
        return None if None in (self.up, self.down) else self.up + self.stride + self.down

    @property
    def columns(self) -> int | None:
        """Width in pixels, or None where it has no end."""
        return None if None in (self.left, self.right) else self.left + self.stride + self.right

    def __str__(self) -> str:
        if self.rows and self.columns:
            return f"{self.rows} x {self.columns} pixels"
        sides = {"above": self.up, "below": self.down, "left": self.left, "right": self.right}
        if all(reach is None for reach in sides.values()):
            return "the whole picture"
        ends = ", ".join(f"{'all' if reach is None else f'{reach} px'} {side}" for side, reach in sides.items())
        return f"{ends} of its block of {self.stride} x {self.stride} pixels"


def gradient_map(
    transform: nn.Module, x: Map, *, of: nn.Module | None = None, at: tuple[int, int] | None = None, seed: int = 0
) -> Tensor:
    """Give how strongly one position of a feature map depends on every pixel: the mean absolute gradient (h, w).

    x: (b, c, h, w), the pictures to look at; the answer is a mean over b and c.   of: a module inside the transform
    whose output is looked at, by default the transform's own.   at: (row, column) of that output, by default its
    centre.   seed: of the random weights by which its channels are added up, one draw per picture.
    Source: Luo et al., "Understanding the effective receptive field in deep convolutional neural networks", NeurIPS
    2016, Sec. 2. Ours: a random mixture of all channels instead of one.
    """
    return _gradient(transform, x, of, at, seed)[0].abs().mean(dim=(0, 1))


def _gradient(
    transform: nn.Module, x: Map, of: nn.Module | None = None, at: tuple[int, int] | None = None, seed: int = 0
) -> tuple[Map, tuple[int, int]]:
    """The gradient (b, c, h, w) of that position, and the (rows, columns) of the map it is in."""
    x, seen = x.detach().clone().requires_grad_(), []
    hook = (of or transform).register_forward_hook(lambda module, args, output: seen.append(output))
    try:
        with torch.enable_grad():
            transform(x)
    finally:
        hook.remove()
    if not seen:
        raise LicLabError(f"the {type(of).__name__} asked for is not used by this transform")
    features = seen[-1]  # (b, c, h, w)
    if not features.requires_grad:
        raise LicLabError(f"the {type(of or transform).__name__} passes no gradient on: nothing can be found by it")
    row, column = at or (features.shape[-2] // 2, features.shape[-1] // 2)
    mix = torch.randn(features.shape[:2], generator=torch.Generator().manual_seed(seed)).to(features)
    (gradient,) = torch.autograd.grad((features[..., row, column] * mix).sum(), x)
    return gradient, tuple(features.shape[-2:])


def effective_side(weights: Tensor, share: float = 0.9, *, at: tuple[int, int] | None = None) -> int:
    """Give the side in pixels of the smallest square with `share` of a gradient map (h, w).

    at: its centre (row, column), by default the largest gradient. Raises LicLabError for a map without any, and
    for a share that no square has.
    """
    if not 0 < share <= 1:
        raise LicLabError(f"a share of {share:g} is in no square: give one above 0 and at most 1, 0.9 for 90 %")
    if not weights.any():
        raise LicLabError("a map without any gradient has no effective receptive field")
    row, column = at or divmod(int(weights.argmax()), weights.shape[1])
    goal = share * weights.sum()
    reach = 0
    while weights[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].sum() < goal:
        reach += 1
    return 2 * reach + 1


def receptive_field(transform: nn.Module, channels: int = 3) -> ReceptiveField:
    """Find how far a position in the middle of the output can see, whatever the weights.

    transform: maps (b, channels, h, w), sides multiples of 64, to a map of the same shape or a whole number of times
    smaller. It is looked at on noise, on strips of 64 x 128 and, where that is not enough, 64 x 512 and 64 x 1024
    pixels, lying and standing; a side on which it sees the very end of 512, or the last eighth of 1024, has no end.
    Weights that are zero or nearly so cannot hide a path: a copy with shaken weights is measured.
    """
    twin = shaken(transform)
    stride, left, right = _reach(twin, channels, lying=True)
    _, up, down = _reach(twin, channels, lying=False)
    return ReceptiveField(stride, up, down, left, right)


def _reach(transform: nn.Module, channels: int, *, lying: bool) -> tuple[int, int | None, int | None]:
    """The stride, and how far the middle sees to both ends of a strip."""
    for long in LONGS:
        size = (SHORT, long) if lying else (long, SHORT)
        noise = torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(0))
        x = torch.cat([noise, -noise])  # where a rectifier is shut for one of them, it is open for the other
        gradient, outputs = _gradient(transform, x.to(next(transform.parameters())))
        stride = _stride(size, outputs)
        seen = gradient.abs().sum(dim=(0, 1, 2 if lying else 3)).nonzero().flatten()
        own, first, last = long // stride // 2 * stride, int(seen[0]), int(seen[-1])
        near, far = long // 8, long - long // 8  # not only the very border: what is seen may have holes
        ends = (own - first if first >= near else None), (last - (own + stride - 1) if last < far else None)
        if None not in ends or (long == FAR and (first, last) == (0, long - 1)):
            break
    return stride, *ends


def _stride(size: tuple[int, int], outputs: tuple[int, int]) -> int:
    strides = {pixels / count for pixels, count in zip(size, outputs, strict=True)}
    if len(strides) > 1 or not (stride := strides.pop()).is_integer():
        raise LicLabError(f"{size} pixels became {outputs}: a transform must keep the size or divide both sides alike")
    return int(stride)


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give a copy in which no weight is exactly zero: noise of a tenth of its spread is added, or a usual start.

    Only the copy is changed, and nothing can be trained in it; same seed, same copy.
    """
    twin, generator = copy.deepcopy(module), torch.Generator().manual_seed(seed)
    for p in twin.parameters():
        fan_in = max(1, p[0].numel()) if p.dim() > 1 else 100
        spread = 0.1 * float(p.detach().double().std()) if p.numel() > 1 else 0.0
        noise = torch.randn(p.shape, generator=generator) * (spread or fan_in**-0.5)
        p.data += noise.to(p)
    return twin.requires_grad_(False).eval()
