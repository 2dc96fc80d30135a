"""Selective scans over feature maps: a map is read along several routes, and every reading adds what it remembers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lic_lab.blocks.exact import ChannelNorm, ExactLayerNorm, ExactLinear, ExactRoutes, exact_conv
from lic_lab.blocks.ssm import Scan, SelectiveSSM, decay_start, step_start
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

    def forward(self, x: Map) -> Map:
        tokens = self.norm(x.flatten(2).transpose(1, 2))  # (b, l, dim), row by row
        readings = [self.ahead(tokens)]
        if self.behind:
            readings.append(self.behind(tokens.flip(1)).flip(1))
        y = self.settle(self.merge(torch.cat(readings, dim=-1)))
        return x + y.transpose(1, 2).reshape(x.shape)


class SS2D(nn.Module):
    """Scan a map along four routes at once: rows, columns, and both backwards, each with its own selection.

    Shapes: (b, dim, h, w) -> same.   routes: 4; 2 reads rows and back, 1 only rows (ablation).
    Legend: d = expand dim inner channels, k routes, n = state, r = ceil(dim / 16). u, the scanned value, passes a
    depthwise 3x3 convolution; along route k its token t gives B_t, C_t (n) and, through r numbers, delta_t (d).
    Source: VMamba, arXiv 2401.10166, Sec. 4.2 (SS2D), with the gate of CSM's and MambaVC's blocks.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, routes: int = 4):
        super().__init__()
        if routes not in (1, 2, 4):
            raise LicLabError(f"{routes} routes: use 4, 2 (rows and back) or 1 (rows)")
        inner, rank = expand * dim, math.ceil(dim / 16)
        self.routes, self.split = routes, (routes * rank, routes * state, routes * state)
        self.in_proj = exact_conv(dim, 2 * inner, 1)
        self.local = exact_conv(inner, inner, 3, groups=inner)
        self.select = exact_conv(inner, sum(self.split), 1)  # steps, B and C of every route
        self.steps = ExactRoutes(routes, rank, inner)
        self.steps_bias = nn.Parameter(step_start(routes * inner))
        self.A_log = nn.Parameter(decay_start(routes * inner, state))
        self.D = nn.Parameter(torch.ones(routes * inner))
        self.scan = Scan(state)
        self.norm = ChannelNorm(inner)
        self.out_proj = exact_conv(inner, dim, 1)

    def forward(self, x: Map) -> Map:
        u, gate = self.in_proj(x).chunk(2, dim=1)  # each (b, d, h, w)
        u = exact.silu(self.local(u))
        steps, B, C = self.select(u).split(self.split, dim=1)
        steps, B, C = (read(t.unflatten(1, (self.routes, -1))) for t in (steps, B, C))  # (b, k, r or n, l)
        delta = self.steps(steps).flatten(1, 2)  # (b, k d, l)
        u = read(u[:, None].expand(-1, self.routes, -1, -1, -1)).flatten(1, 2)
        y = self.scan(u, delta, self.A_log, B, C, self.D, self.steps_bias)  # (b, k d, l)
        y = write_back(y.unflatten(1, (self.routes, -1)), x.shape[-2:])
        return self.out_proj(self.norm(y) * exact.silu(gate))


def read(x: Tensor) -> Tensor:
    """Walk route k over the k-th of the maps: (b, k, c, h, w) -> (b, k, c, l), with k = 1, 2 or 4.

    Routes: rows, rows backwards, columns, columns backwards.
    """
    tokens = [x[:, 0].flatten(-2)]
    if x.shape[1] > 1:
        tokens.append(x[:, 1].flatten(-2).flip(-1))
    if x.shape[1] > 2:
        tokens += [x[:, 2].transpose(-1, -2).flatten(-2), x[:, 3].transpose(-1, -2).flatten(-2).flip(-1)]
    return torch.stack(tokens, dim=1)


def write_back(y: Tensor, size: tuple[int, int]) -> Map:
    """Put the tokens of every route back where they were read, and add: (b, k, c, l) and (h, w) -> (b, c, h, w)."""
    rows = y[:, 0] if y.shape[1] == 1 else y[:, 0] + y[:, 1].flip(-1)
    out = rows.unflatten(-1, size)
    if y.shape[1] > 2:
        columns = (y[:, 2] + y[:, 3].flip(-1)).unflatten(-1, size[::-1])
        out = out + columns.transpose(-1, -2)
    return out


class VSSBlock(nn.Module):
    """Add to a map what its routes remember: x + SS2D(norm(x)), then x + MLP(norm(x)) where one is asked for.

    Shapes: (b, dim, h, w) -> same.   mlp: width of the MLP in multiples of dim, 0 for none (MambaVC and CSM have none).
    Source: VMamba, arXiv 2401.10166, Fig. 3.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, routes: int = 4, mlp: int = 0):
        super().__init__()
        self.norm, self.ss2d = ChannelNorm(dim), SS2D(dim, state=state, expand=expand, routes=routes)
        self.mlp = feed_forward(dim, mlp) if mlp else None

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
