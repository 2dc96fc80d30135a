"""Split a map like the squares of a chessboard: anchors are known first, the others lean on their four neighbours."""

import torch
from torch import Tensor

from lic_lab.errors import LicLabError


def anchor_mask(h: int, w: int, device: str | torch.device = "cpu") -> Tensor:
    """True at the anchors, where row + column is even: bool (h, w). The others are `~anchor_mask(h, w)`.

    Every other square has anchors above, below, left and right of it (inside the map), and no anchor touches an anchor.
    Source: He et al. 2021, "Checkerboard context model" (arXiv 2103.15306), Sec. 3.2; which half comes first is free.
    """
    rows, columns = torch.arange(h, device=device), torch.arange(w, device=device)
    return (rows[:, None] + columns) % 2 == 0


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take a map apart: x (..., h, w) -> anchors (..., ceil(hw/2)) and others (..., floor(hw/2)), each in raster order.

    Nothing is padded at odd sizes, so an entropy coder pushes exactly the h * w values.
    """
    anchors = anchor_mask(*x.shape[-2:], x.device)
    return x[..., anchors], x[..., ~anchors]


def merge(anchors: Tensor, others: Tensor, size: tuple[int, int]) -> Tensor:
    """Undo `split`: anchors (..., ceil(hw/2)), others (..., floor(hw/2)) and size (h, w) -> (..., h, w).

    Raises LicLabError where the counts do not fit the size.
    """
    h, w = size
    if (anchors.shape[-1], others.shape[-1]) != ((h * w + 1) // 2, h * w // 2):
        raise LicLabError(f"{anchors.shape[-1]} anchors and {others.shape[-1]} others do not make a map of {h} x {w}")
    mask = anchor_mask(h, w, anchors.device)
    x = anchors.new_empty((*anchors.shape[:-1], h, w))
    x[..., mask] = anchors
    x[..., ~mask] = others
    return x
