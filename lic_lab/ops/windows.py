"""Neighbourhoods of chosen sites in a map, as tokens: for contexts that know some sites and not yet the others."""

from __future__ import annotations

import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.types import Map, Tokens


def causal_taps(kernel: int) -> list[tuple[int, int]]:
    """Give the places (row, column) in a window that come before its middle in raster order: kernel^2 // 2 of them.

    kernel: side of the window, odd and at least 3, or LicLabError. Source: mask A of van den Oord et al., "Pixel
    recurrent neural networks", ICML 2016, Sec. 3.4.
    """
    return [(row, column) for row, column in _square(kernel) if (row, column) < (0, 0)]


def checkerboard_taps(kernel: int) -> list[tuple[int, int]]:
    """Give the places (row, column) in a window that have the other colour than its middle: kernel^2 // 2 of them.

    kernel: side of the window, odd and at least 3, or LicLabError. Source: He et al., CVPR 2021, Fig. 2.
    """
    return [(row, column) for row, column in _square(kernel) if (row + column) % 2]


def _square(kernel: int) -> list[tuple[int, int]]:
    if kernel < 3 or kernel % 2 == 0:
        raise LicLabError(f"a window of side {kernel} has no middle or no neighbours: use 3, 5 or 7")
    reach = range(-(kernel // 2), kernel // 2 + 1)
    return [(row, column) for row in reach for column in reach]


class Window:
    """Where the sites of a map h x w and their neighbours lie on a canvas with a border of zeros.

    taps: (row, column) of each neighbour relative to its site. A site is row * w + column. A canvas is a map with its
    border, laid out in a row: (b, c, places).
    """

    def __init__(self, taps: list[tuple[int, int]], h: int, w: int, device: str | torch.device = "cpu"):
        self.h, self.w, self.reach = h, w, max(abs(step) for tap in taps for step in tap)
        self.width = w + 2 * self.reach  # of the canvas
        self.steps = torch.tensor([row * self.width + column for row, column in taps], device=device)

    def canvas(self, like: Tensor, channels: int) -> Tensor:
        """Make a canvas of zeros, (b, channels, places), with the b, type and device of `like`."""
        return like.new_zeros(len(like), channels, (self.h + 2 * self.reach) * self.width)

    def places(self, sites: Tensor) -> Tensor:
        """Say where sites (s,) lie on the canvas: (s,)."""
        return (sites // self.w + self.reach) * self.width + sites % self.w + self.reach

    def around(self, canvas: Tensor, sites: Tensor) -> Tokens:
        """Give what the canvas holds around sites (s,): (b, s, c * taps), the taps of a channel side by side."""
        return canvas[..., self.places(sites)[:, None] + self.steps].transpose(1, 2).flatten(2)

    def inside(self, canvas: Tensor) -> Map:
        """Take the border off: (b, c, h, w)."""
        reach = self.reach
        return canvas.unflatten(2, (-1, self.width))[..., reach : reach + self.h, reach : reach + self.w]
