"""Selective scans over feature maps: a map is read along several routes, and every reading adds what it remembers."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor, nn

from lic_lab.blocks.exact import ChannelNorm, ExactLayerNorm, ExactLinear, exact_conv
from lic_lab.blocks.ssm import Selection, SelectiveSSM
from lic_lab.errors import LicLabError
from lic_lab.ops import exact
from lic_lab.types import Map


class BiScanBlock(nn.Module):
    """Read a map in raster order and in reverse, one selective SSM each, and merge the two readings.

    Shapes: (b, dim, h, w) -> same.   directions: "both", or "forward" for one reading only (ablation).
    Source: Vision Mamba, arXiv 2401.09417, Sec. 3.3, as in BiMamba's block: a norm before the readings and one after
    their merge, separate weights, one residual.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, directions: str = "both"):
        super().__init__()
        if directions not in ("both", "forward"):
            raise LicLabError(f"unknown directions {directions!r}: use 'both' or 'forward'")
        self.norm = ExactLayerNorm(dim)
        self.ahead = SelectiveSSM(dim, state=state, expand=expand)
        self.behind = SelectiveSSM(dim, state=state, expand=expand) if directions == "both" else None
        self.merge = ExactLinear(2 * dim if self.behind else dim, dim)
        self.settle = ExactLayerNorm(dim)

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.settle,)

    def forward(self, x: Map) -> Map:
        tokens = self.norm(x.flatten(2).transpose(1, 2))  # (b, l, dim), row by row
        readings = [self.ahead(tokens)]
        if self.behind:
            readings.append(self.behind(tokens.flip(1)).flip(1))
        y = self.settle(self.merge(torch.cat(readings, dim=-1)))
        return x + y.transpose(1, 2).reshape(x.shape)


class SS2D(nn.Module):
    """Scan a map along four routes, each with a selection of its own, and add what they say.

    Shapes: (b, dim, h, w) -> same.   routes: 4; 2 reads rows and back, 1 only rows (ablation).
    The scanned value u passes a depthwise 3x3 convolution first; the sum of the routes is normalised and gated.
    Legend: d = expand dim inner channels.
    Source: VMamba, arXiv 2401.10166, Sec. 4.2 (SS2D), with the gate of CSM's and MambaVC's blocks.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, routes: int = 4):
        super().__init__()
        if routes not in (1, 2, 4):
            raise LicLabError(f"{routes} routes: use 4, 2 (rows and back) or 1 (rows)")
        inner, rank = expand * dim, math.ceil(dim / 16)
        self.in_proj = exact_conv(dim, 2 * inner, 1)
        self.local = exact_conv(inner, inner, 3, groups=inner)
        self.routes = nn.ModuleList(Selection(inner, state, rank) for _ in range(routes))
        self.norm = ChannelNorm(inner)
        self.out_proj = exact_conv(inner, dim, 1)

    def forward(self, x: Map) -> Map:
        u, gate = self.in_proj(x).chunk(2, dim=1)  # each (b, d, h, w)
        u = exact.silu(self.local(u))
        said = [back(route(read(u)), u.shape[-2:]) for route, (read, back) in zip(self.routes, ROUTES, strict=False)]
        return self.out_proj(self.norm(reduce(torch.add, said)) * exact.silu(gate))


def read_rows(x: Map) -> Tensor:
    """Read a map row after row: (b, d, h, w) -> (b, d, l), the channels of a token side by side in memory."""
    return x.permute(0, 2, 3, 1).flatten(1, 2).transpose(1, 2)


def rows_back(y: Tensor, size: tuple[int, int]) -> Map:
    """Undo `read_rows`: (b, d, l) and (h, w) -> (b, d, h, w)."""
    return y.unflatten(2, size)


ROUTES = (
    (read_rows, rows_back),
    (lambda x: read_rows(x).flip(2), lambda y, size: rows_back(y.flip(2), size)),
    (lambda x: read_rows(x.mT), lambda y, size: rows_back(y, size[::-1]).mT),
    (lambda x: read_rows(x.mT).flip(2), lambda y, size: rows_back(y.flip(2), size[::-1]).mT),
)
"""How each route reads a map, and how its tokens go back: rows, rows from the end, columns, columns from the end."""


class VSSBlock(nn.Module):
    """Add to a map what its routes remember: x + SS2D(norm(x)), then x + MLP(norm(x)) where one is asked for.

    Shapes: (b, dim, h, w) -> same.   mlp: width of the MLP in multiples of dim, 0 for none (MambaVC and CSM have none).
    Source: VMamba, arXiv 2401.10166, Fig. 3.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, routes: int = 4, mlp: int = 0):
        super().__init__()
        self.norm, self.ss2d = ChannelNorm(dim), SS2D(dim, state=state, expand=expand, routes=routes)
        self.mlp = feed_forward(dim, mlp) if mlp else None

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.ss2d.out_proj, *([self.mlp[-1]] if self.mlp else []))

    def forward(self, x: Map) -> Map:
        x = x + self.ss2d(self.norm(x))
        return x + self.mlp(x) if self.mlp else x


def feed_forward(dim: int, expand: int) -> nn.Sequential:
    """Make a norm and two 1x1 convolutions with a SiLU between: (b, dim, h, w) -> same, exact on float64 input."""
    return nn.Sequential(ChannelNorm(dim), exact_conv(dim, expand * dim, 1), SiLU(), exact_conv(expand * dim, dim, 1))


class SiLU(nn.Module):
    """Give x sigmoid(x), any shape; the same bits everywhere on float64 input, unlike `nn.SiLU`."""

    def forward(self, x: Tensor) -> Tensor:
        return exact.silu(x)
