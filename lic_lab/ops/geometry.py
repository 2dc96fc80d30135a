"""Make a picture's sides fit the stride of a network, and undo it."""

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
