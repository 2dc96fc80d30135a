"""Reading orders: how a map (h, w) becomes a sequence of l = h * w tokens, and back.

An order is a permutation: the t-th token of the sequence is pixel `order[t]` in raster numbering (row * w + column), so
`x.flatten(-2)[..., order]` reads a map (..., h, w) and `tokens[..., inverse(order)]` puts the tokens back.
"""

from functools import lru_cache

import torch
from torch import Tensor

from lic_lab.errors import LicLabError


@lru_cache(maxsize=256)
def order(name: str, h: int, w: int, device: str | torch.device = "cpu") -> Tensor:
    """The permutation called `name` for a map of h rows and w columns.

    name: "raster" (row by row), "reverse" (its mirror in time), "column", "column-reverse", "snake" (rows, every second
    one backwards), "hilbert". Returns int64 (h * w,), cached: do not write into it.
    Raises LicLabError for an unknown name or an empty map.
    """
    if name not in ORDERS:
        raise LicLabError(f"no reading order {name!r}: choose one of {', '.join(ORDERS)}")
    if h < 1 or w < 1:
        raise LicLabError(f"a map of {h} x {w} has nothing to read")
    return ORDERS[name](h, w).to(device)


@lru_cache(maxsize=64)
def cross_scan(h: int, w: int, device: str | torch.device = "cpu") -> Tensor:
    """The four orders of a cross-scan: raster, column, and both in reverse, int64 (4, h * w), cached.

    Source: VMamba (arXiv 2401.10166), SS2D.
    """
    return torch.stack([order(name, h, w, device) for name in ("raster", "column", "reverse", "column-reverse")])


def inverse(permutation: Tensor) -> Tensor:
    """The permutation that undoes this one: int64 (..., l) -> (..., l), each row for itself."""
    positions = torch.arange(permutation.shape[-1], device=permutation.device).expand_as(permutation)
    return torch.empty_like(permutation).scatter_(-1, permutation, positions)


def _raster(h: int, w: int) -> Tensor:
    return torch.arange(h * w)


def _column(h: int, w: int) -> Tensor:
    return torch.arange(h * w).view(h, w).T.flatten()


def _snake(h: int, w: int) -> Tensor:
    rows = torch.arange(h * w).view(h, w)
    rows[1::2] = rows[1::2].flip(1)
    return rows.flatten()


def _hilbert(h: int, w: int) -> Tensor:
    x, y = _hilbert_path(w, h).unbind(1) if w >= h else _hilbert_path(h, w).flip(1).unbind(1)
    return y * w + x


@lru_cache(maxsize=4096)
def _hilbert_path(length: int, depth: int) -> Tensor:
    """Fill a rectangle from corner (0, 0) towards (length - 1, 0): int64 (length * depth, 2) of (along, across).

    Hilbert's curve for any rectangle: a long one is cut in two; otherwise go half way out on the left, all the way
    along the far side, and come back on the right. Cuts are moved to even lengths, where a part ends beside the next
    one's start; where that is impossible (only if length is odd and depth even) one step is diagonal.
    Source: the idea of J. Červený's "generalized Hilbert curve" (github.com/jakubcerveny/gilbert), written anew as
    tables of sub-rectangles. In a square whose side is a power of two it is Hilbert's own curve (Math. Ann. 38, 1891).
    """
    if depth == 1 or length == 1:
        line = torch.arange(length * depth)
        nought = torch.zeros_like(line)
        return torch.stack([line, nought] if depth == 1 else [nought, line], dim=1)
    half, out = length // 2, depth // 2
    if 2 * length > 3 * depth:
        half += half % 2 if length > 2 else 0
        return torch.cat([_hilbert_path(half, depth), _hilbert_path(length - half, depth) + torch.tensor([half, 0])])
    out += out % 2 if depth > 2 else 0
    left = _hilbert_path(out, half).flip(1)  # out: (0, 0) ... (0, out - 1)
    far = _hilbert_path(length, depth - out) + torch.tensor([0, out])  # along: (0, out) ... (length - 1, out)
    back = _hilbert_path(out, length - half).flip(1)  # turned by 180 degrees: (length - 1, out - 1) ... (length - 1, 0)
    return torch.cat([left, far, torch.tensor([length - 1, out - 1]) - back])


ORDERS = {
    "raster": _raster,
    "reverse": lambda h, w: _raster(h, w).flip(0),
    "column": _column,
    "column-reverse": lambda h, w: _column(h, w).flip(0),
    "snake": _snake,
    "hilbert": _hilbert,
}
