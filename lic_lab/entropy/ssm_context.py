"""State-space contexts: scans over all positions of what is already decoded, in as few passes as convolutions need.

A scan that runs backwards looks at later positions. That is legal here, because it reads hyper features, earlier slices
and the anchors of the slice at hand, which the decoder holds in full before it asks.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from lic_lab.blocks.exact import exact_conv
from lic_lab.blocks.scan2d import BiScanBlock, VSSBlock, feed_forward
from lic_lab.entropy.checkerboard import CheckerboardStep
from lic_lab.entropy.slices import SliceStep, conv_step
from lic_lab.errors import LicLabError
from lic_lab.types import Map


class ConvMixer(nn.Module):
    """Mix positions by a depthwise 7x7 convolution where the others scan: (b, dim, h, w) -> same (ablation)."""

    def __init__(self, dim: int, *, mlp: int = 0):
        super().__init__()
        self.local = nn.Sequential(exact_conv(dim, dim, 7, groups=dim), nn.LeakyReLU(), exact_conv(dim, dim, 1))
        self.mlp = feed_forward(dim, mlp) if mlp else None

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.local[-1], *([self.mlp[-1]] if self.mlp else []))

    def forward(self, x: Map) -> Map:
        x = x + self.local(x)
        return x + self.mlp(x) if self.mlp else x


def mixer(kind: str, dim: int, *, state: int, expand: int, mlp: int = 0) -> nn.Module:
    """Make what lets positions of a map (b, dim, h, w) know of each other; the result has the same shape.

    kind: "vss" scans along four routes, "bi" in raster order and back, "forward" in raster order only, "conv" looks
    three positions far, "none" not at all. Raises LicLabError for another kind.
    """
    kinds = {
        "vss": lambda: VSSBlock(dim, state=state, expand=expand, mlp=mlp),
        "bi": lambda: BiScanBlock(dim, state=state, expand=expand),
        "forward": lambda: BiScanBlock(dim, state=state, expand=expand, directions="forward"),
        "conv": lambda: ConvMixer(dim, mlp=mlp),
        "none": nn.LeakyReLU,
    }
    if kind not in kinds:
        raise LicLabError(f"unknown mixer {kind!r}: use one of {', '.join(kinds)}")
    return kinds[kind]()


def ssm_step(
    inputs: int, size: int, *, width: int, kind: str = "vss", state: int = 16, expand: int = 2, mlp: int = 2,
    kernel: int = 1, residual: tuple[int, ...] | None = (),
) -> SliceStep:  # fmt: skip
    """Make a step of `SliceContext`, one pass a slice, whose features are scanned: squeeze, SSM, feed-forward.

    T = squeeze(seen), F = SSM(LN(T)) + T, features = FFN(LN(F)) + F.
    Source: CMamba, arXiv 2502.04988, context-aware entropy module.
    """
    features = nn.Sequential(
        exact_conv(inputs, width, 1), mixer(kind, width, state=state, expand=expand, mlp=mlp)
    )  # fmt: skip
    return SliceStep(features, width, size, kernel=kernel, residual=residual)


def trunk_step(
    inputs: int, size: int, *, hidden: tuple[int, int], kind: str, state: int, expand: int,
    residual: tuple[int, ...] | None = (),
) -> SliceStep:  # fmt: skip
    """Make a step that begins as `conv_step`, with a mixer behind its convolutions; arguments as there and `mixer`."""
    far = None if kind == "none" else partial(mixer, kind, state=state, expand=expand)
    return conv_step(inputs, size, hidden=hidden, mixer=far, residual=residual)


def two_pass_step(
    inputs: int, size: int, *, width: int, kind: str = "bi", state: int = 16, expand: int = 2, gated: bool = False,
    kernel: int = 5, residual: tuple[int, ...] | None = (),
) -> CheckerboardStep:  # fmt: skip
    """Make a step of `SliceContext`, two passes a slice: anchors from a scan, the others from a scan and neighbours.

    Arguments as `mixer` and `CheckerboardStep`.
    """
    far = partial(mixer, kind, state=state, expand=expand)
    return CheckerboardStep(inputs, size, width, far, gated=gated, kernel=kernel, residual=residual)
