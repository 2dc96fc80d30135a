"""Two views that take turns: row by row, one of them goes first and tells the other one.

Even rows are coded first in the left view and odd rows in the right one, so neither view is ahead: each finds half of
its rows decoded in the other view when it gets there. Within a row, even columns come before odd ones. Pairs are
neighbours in the batch, (2b, c, h, w), as in `blocks.stereo`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.ops.checkerboard import Order


def swap_rows(x: Tensor) -> Tensor:
    """Exchange every even row of the right views with the odd one below it: (2b, c, h, w) -> same; undoes itself.

    What is coded together is then at the same places in both views. Raises LicLabError for an odd number of rows.
    """
    if x.shape[-2] % 2:
        raise LicLabError(f"views take turns in pairs of rows: {x.shape[-2]} rows are not even")
    left, right = x[0::2], x[1::2]
    return torch.stack([left, right.unflatten(-2, (-1, 2)).flip(-2).flatten(-3, -2)], dim=1).flatten(0, 1)


def split(x: Tensor) -> tuple[Tensor, ...]:
    """Take maps (2b, c, h, w) apart into what the four passes code: each (2b, c, positions), h and w even."""
    if x.shape[-1] % 2:
        raise LicLabError(f"views take turns in pairs of columns: {x.shape[-1]} columns are not even")
    x = swap_rows(x)
    return tuple(x[..., row::2, column::2].flatten(-2) for row in (0, 1) for column in (0, 1))


def merge(parts: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Undo `split`: the parts of the first passes, 1 to 4 of them, and size (h, w) -> (2b, c, h, w), else zero."""
    half = size[0] // 2, size[1] // 2
    parts = [*(part.unflatten(-1, half) for part in parts), *[torch.zeros_like(parts[0]).unflatten(-1, half)] * 4][:4]
    even, odd = (torch.stack(parts[i : i + 2], dim=-1).flatten(-2) for i in (0, 2))  # rows, each (2b, c, h/2, w)
    return swap_rows(torch.stack([even, odd], dim=-2).flatten(-3, -2))


TURNS = Order(split, merge, passes=4, whole=2)
"""The rows of one view, then those of the other, each in two passes."""
