"""A scan and a convolution side by side, and how much each may say: content decides."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lic_lab.blocks.scan2d import VSSBlock
from lic_lab.errors import LicLabError
from lic_lab.types import Map


class ResBlock(nn.Module):
    """Add to a map what two 3x3 convolutions find in it: (b, dim, h, w) -> same.

    bottleneck: one 3x3 convolution at half the width instead, between two 1x1.
    Source: He et al., "Deep residual learning", CVPR 2016, Fig. 5; GELU and no norm, as CMamba's CNN path.
    """

    def __init__(self, dim: int, *, bottleneck: bool = False):
        super().__init__()
        inner = dim // 2 if bottleneck else dim
        if bottleneck:
            sides = nn.Conv2d(dim, inner, 1), nn.Conv2d(inner, dim, 1)
            layers = [sides[0], nn.GELU(), nn.Conv2d(inner, inner, 3, padding=1), nn.GELU(), sides[1]]
        else:
            layers = [nn.Conv2d(dim, dim, 3, padding=1), nn.GELU(), nn.Conv2d(dim, dim, 3, padding=1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Map) -> Map:
        return x + self.body(x)


class ContentAdaptive(nn.Module):
    """Run an SSM path and a CNN path over a map, and mix them channel by channel with weights made from the content.

    F = project(alpha F_ssm + beta F_cnn) + x, with (alpha, beta) = softmax over the two paths of an MLP that sees the
    pooled sum of both.   Shapes: (b, dim, h, w) -> same.
    paths: "both", "ssm" or "cnn" alone.   fusion: "content", or "sum" for equal weights.   pool: "max" or "avg" (a
    maximum grows with the picture, a mean does not).   The ablations that leave the weights out have no MLP.
    Source: CMamba, arXiv 2502.04988, Fig. 2b (CA-SSM). Not in its text that we could read, so ours: softmax of two
    heads on the sum of the paths, and the residual.
    """

    def __init__(
        self, dim: int, *, state: int = 16, expand: int = 2, bottleneck: bool = False,
        paths: str = "both", fusion: str = "content", pool: str = "max",
    ):  # fmt: skip
        super().__init__()
        known = {"paths": ("both", "ssm", "cnn"), "fusion": ("content", "sum"), "pool": ("max", "avg")}
        for name, value in {"paths": paths, "fusion": fusion, "pool": pool}.items():
            if value not in known[name]:
                raise LicLabError(f"unknown {name} {value!r}: use {' or '.join(known[name])}")
        self.ssm = VSSBlock(dim, state=state, expand=expand) if paths != "cnn" else None
        self.cnn = ResBlock(dim, bottleneck=bottleneck) if paths != "ssm" else None
        self.pool, hidden = pool, max(dim // 4, 32)
        self.squeeze = self.heads = None
        if paths == "both" and fusion == "content":
            self.squeeze, self.heads = nn.Linear(dim, hidden), nn.Linear(hidden, 2 * dim)
        self.project = nn.Conv2d(dim, dim, 1)

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.project,)

    def forward(self, x: Map) -> Map:
        ssm, cnn = (path(x) if path else None for path in (self.ssm, self.cnn))
        if ssm is None or cnn is None:
            mixed = ssm if cnn is None else cnn
        else:
            alpha, beta = self.weigh(ssm, cnn)
            mixed = alpha * ssm + beta * cnn
        return self.project(mixed) + x

    def extra_repr(self) -> str:
        return f"pool={self.pool!r}" if self.heads else ""

    def weigh(self, ssm: Map, cnn: Map) -> tuple[Tensor, Tensor]:
        """Give alpha and beta, (b, dim, 1, 1) each, for the maps of the two paths: alpha + beta = 1."""
        if self.squeeze is None:
            half = torch.full((1, ssm.shape[1], 1, 1), 0.5, dtype=ssm.dtype, device=ssm.device)
            return half, half
        content = ssm + cnn
        pooled = content.amax((2, 3)) if self.pool == "max" else content.mean((2, 3))  # (b, dim)
        heads = self.heads(nn.functional.gelu(self.squeeze(pooled))).unflatten(1, (2, -1))
        return tuple(heads.softmax(dim=1)[..., None, None].unbind(1))

    def weights(self, x: Map) -> tuple[Tensor, Tensor]:
        """Give alpha and beta, (b, dim, 1, 1) each, that this block chooses for a map (b, dim, h, w), to look at.

        Raises LicLabError for a block with one path only.
        """
        if self.ssm is None or self.cnn is None:
            raise LicLabError("a block with one path has no weights: build it with paths='both'")
        return self.weigh(self.ssm(x), self.cnn(x))
