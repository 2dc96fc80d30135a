"""Split a map like the squares of a chessboard: anchors are known first, the others lean on their four neighbours."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lic_lab.errors import LicLabError


class Order(NamedTuple):
    """In which passes the positions of a map are coded.

    split: takes a map (b, c, h, w) apart into what each pass codes, (b, c, positions).   merge: puts the first of these
    parts back to a map of a size (h, w), with zeros where nothing is known yet.   passes: how many there are.   whole:
    passes after which one view of a pair knows all of each row; as many as there are where that is at the end.
    """

    split: Callable[[Tensor], Sequence[Tensor]]
    merge: Callable[[Sequence[Tensor], tuple[int, int]], Tensor]
    passes: int
    whole: int


def anchor_mask(h: int, w: int, device: str | torch.device = "cpu") -> Tensor:
    """True at the anchors, where row + column is even: bool (h, w). The others are `~anchor_mask(h, w)`.

    Every other square has anchors above, below, left and right of it (inside the map), and no anchor touches an anchor.
    Source: He et al. 2021, "Checkerboard context model" (arXiv 2103.15306), Sec. 3; which half comes first is free.
    """
    rows, columns = torch.arange(h, device=device), torch.arange(w, device=device)
    return (rows[:, None] + columns) % 2 == 0


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take a map apart: x (..., h, w) -> anchors (..., ceil(hw/2)) and others (..., floor(hw/2)), each in raster order.

    Nothing is padded at odd sizes, so an entropy coder pushes exactly the h * w values.
    """
    x, places = x.flatten(-2), _places(*x.shape[-2:], x.device)
    return x[..., places[0]], x[..., places[1]]


def merge(anchors: Tensor, others: Tensor, size: tuple[int, int]) -> Tensor:
    """Undo `split`: anchors (..., ceil(hw/2)), others (..., floor(hw/2)) and size (h, w) -> (..., h, w).

    Raises LicLabError where the counts do not fit the size.
    """
    h, w = size
    if (anchors.shape[-1], others.shape[-1]) != ((h * w + 1) // 2, h * w // 2):
        raise LicLabError(f"{anchors.shape[-1]} anchors and {others.shape[-1]} others do not make a map of {h} x {w}")
    x, places = anchors.new_empty((*anchors.shape[:-1], h * w)), _places(h, w, anchors.device)
    x[..., places[0]] = anchors
    x[..., places[1]] = others
    return x.unflatten(-1, size)


def alone(anchors: Tensor, size: tuple[int, int]) -> Tensor:
    """Put anchors (..., ceil(hw/2)) on a map of a size (h, w), with zeros where nothing is known yet: (..., h, w)."""
    count = size[0] * size[1] - anchors.shape[-1]
    return merge(anchors, anchors.new_zeros(*anchors.shape[:-1], count), size)


def beside(x: Tensor) -> Tensor:
    """Give what lies above, below, left and right of every place: x (b, c, h, w) -> (b, 4c, h, w), zero outside.

    Of a map that is zero but at the anchors, these are all that a 3x3 window of the others has to show.
    """
    h, w = x.shape[-2:]
    x = F.pad(x, (1, 1, 1, 1))
    corners = ((0, 1), (2, 1), (1, 0), (1, 2))
    return torch.cat([x[..., top : top + h, left : left + w] for top, left in corners], dim=1)


def _places(h: int, w: int, device: str | torch.device) -> tuple[Tensor, Tensor]:
    """Give the places (row * w + column) of anchors and others in raster order; a mask would need numbers to count."""
    even = torch.arange(0, h * w, 2, device=device)
    if w % 2:  # rows begin with either kind by themselves
        return even, torch.arange(1, h * w, 2, device=device)
    odd_row = even // w % 2
    return even + odd_row, even + 1 - odd_row


def _merged(parts: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    return alone(*parts, size) if len(parts) == 1 else merge(*parts, size)


CHECKERBOARD = Order(split, _merged, passes=2, whole=2)
"""Anchors, then the others."""
