"""Make a picture's sides fit the stride of a network, and undo it."""

from collections.abc import Callable
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from lic_lab.errors import LicLabError


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of `multiple`.

    x (b, c, h, w) or (c, h, w), any h, w >= 1 (also smaller than the padding) -> (..., H, W), smallest H >= h, W >= w.
    Padding is only to the right and at the bottom, so `crop_to(y, h, w)` is the exact inverse.
    Raises LicLabError for an empty picture or a multiple below 1.
    """
    height, width = x.shape[-2:]
    if multiple < 1 or height < 1 or width < 1:
        raise LicLabError(f"cannot pad {height} x {width} to a multiple of {multiple}: all three must be at least 1")
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def crop_to(x: Tensor, height: int, width: int) -> Tensor:
    """Keep the top left (height, width) of x (..., H, W) as a view; raises LicLabError where x is smaller than that."""
    if not (0 < height <= x.shape[-2] and 0 < width <= x.shape[-1]):
        raise LicLabError(f"cannot crop {x.shape[-2]} x {x.shape[-1]} to {height} x {width}")
    return x[..., :height, :width]


def inside(values: Tensor, height: int, width: int, stride: int = 16) -> Tensor:
    """Leave out positions of a map (..., h', w') that lie wholly in the padding of a (height, width) picture.

    stride: pixels to a position.
    """
    return values[..., : -(-height // stride), : -(-width // stride)]


def by_strips(f: Callable[[Tensor], Tensor], x: Tensor, *, rows: int, halo: int, scale: Fraction | int = 1) -> Tensor:
    """Apply f to strips of rows instead of the whole map, and give the same map with a fraction of the memory.

    f: a map (b, c, h, w) -> (b, c', scale h, w') in which no output row looks further than `halo` input rows.
    rows, halo: input rows of a strip and of its overlap on each side; `scale` times either must be whole.
    Floats may differ in their last bits from f(x), since the sums are ordered otherwise; exact layers do not.
    """
    height, parts = x.shape[-2], []
    for top in range(0, height, rows):
        first, last = max(0, top - halo), min(height, top + rows + halo)
        begin, end = int((top - first) * scale), int((min(height, top + rows) - first) * scale)
        parts.append(f(x[..., first:last, :])[..., begin:end, :])
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)
