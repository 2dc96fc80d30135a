"""BiMamba: every scale of the picture read there and back by two state-space models, and so is what is decoded."""

from __future__ import annotations

import math
from functools import partial

from torch import nn

from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.scan2d import BiScanBlock
from lic_lab.blocks.transforms import Stage, grafted, staged_analysis, staged_synthesis
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.entropy.hyper import latent_model
from lic_lab.entropy.raster import RasterContext
from lic_lab.entropy.slices import SliceContext, SliceStep
from lic_lab.entropy.ssm_context import mixer, two_pass_step
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Map

BLOCKS = ("bi", "forward", "conv", "none")
CONTEXTS = ("bi", "forward", "conv", "raster", "none")


class BiMamba(Codec):
    """Bidirectional Mamba blocks with separate weights at three scales, and over all that is decoded of the latent.

    Claim: global context in linear time; better MS-SSIM and LPIPS than JPEG, Balle 2018 and Cheng 2020 below 0.5 bpp.
    Code: writes no bytes; its hyper synthesis reads the unrounded z, which costs nothing to send, and its context reads
    values that no decoder has. At its two higher points it needs 25 % more bits than Cheng 2020 for equal PSNR.
    Ours: decodes. Only z_hat reaches the hyper synthesis, and y enters the hyper analysis with its signs; the context
    reads y_hat only, in both directions over what is wholly known: hyper features, earlier slices, anchors.
    Source: BiMamba-Learned-Image-Compression (25 Feb 2026); the block is that of Vision Mamba, arXiv 2401.09417.

    `paper` has the published transforms and hyper transforms, parameter by parameter; where the code has three masked
    convolutions (5.53 M parameters, half of them masked away), it has slices of two passes with 5.5 M, all alive.
    widths: channels at 1/2, 1/4, 1/8.   scales: which of 2, 4, 8 carry a block; the others have GDN.   block: "bi",
    "forward" (one direction), "conv" (3x3 convolutions of equal work) or "none" (GDN at all scales).   context: "bi",
    "forward" and "conv" look over what is decoded in two passes a slice; "raster" codes position by position; "none"
    takes the hyper features alone.   middle: channels of a third latent at 1/32.   hyperprior: False leaves z out.
    trunk: hidden widths of `Charm`'s slices, to begin as that codec: all that is BiMamba's is added to it, and starts
    as the identity (`blocks.graft`). All scales have GDN then, the blocks stand behind it, one scan is shared by all
    slices, and context_width and kernel have a part in context="raster" only.
    Raises LicLabError for names and scales that do not exist.
    """

    code = 3
    halo, sees_all = 64, True

    def __init__(
        self, widths=(192, 192, 192), latent=320, hyper=192, features=(320, 480, 640),
        *, scales=(2, 4, 8), block="bi", state=16, expand=2, slices=(16, 16, 32, 64, 192), context="bi",
        context_width=136, kernel=5, hyperprior=True, middle=0, trunk=None, lambdas=(0.0130,), shortcut=None,
    ):  # fmt: skip
        super().__init__(latent, lambdas)
        _known("block", BLOCKS, block)
        _known("context", CONTEXTS, context)
        _known("scale", (2, 4, 8), *scales)
        scan = {"state": state, "expand": expand}

        def stage(level: int, width: int) -> list[nn.Module]:
            return [scale_block(block, width, **scan)] if 2 ** (level + 1) in scales and block != "none" else []

        there, back = (partial(grafted if trunk else instead_of_gdn, stage, inverse=way) for way in (False, True))
        self.analysis = staged_analysis(widths, latent, there(), shortcut=shortcut)
        over_decoded = decoded_context(
            context, slices, features[-1], width=context_width, kernel=kernel, trunk=trunk, **scan
        )
        self.latent = latent_model(latent, hyper, features, over_decoded, middle=middle, hyperprior=hyperprior)
        self.synthesis = staged_synthesis(widths, latent, back(), shortcut=shortcut)


def scale_block(kind: str, width: int, *, state: int, expand: int) -> nn.Module:
    """Make what works at one scale between two strided convolutions: (b, width, h, w) -> same."""
    if kind == "conv":
        return ConvBlock(width, macs=bi_scan_macs(width, state=state, expand=expand))
    directions = {"bi": "both", "forward": "forward"}[kind]
    return BiScanBlock(width, state=state, expand=expand, directions=directions)


def instead_of_gdn(stage: Stage, *, inverse: bool) -> Stage:
    """Give GDN to the stages that have no block."""
    return lambda i, width: stage(i, width) or [GDN(width, inverse=inverse)]


def decoded_context(
    kind: str, slices: tuple[int, ...], features: int, *, width: int, kernel: int, state: int, expand: int,
    trunk: tuple[int, int] | None,
) -> nn.Module:  # fmt: skip
    """Make the context of the latent, of `CONTEXTS`: y (b, sum(slices), h, w) given hyper (b, features, h, w)."""
    if kind == "none":
        return SliceStep(nn.Identity(), features, sum(slices), residual=None)
    if kind == "raster":
        return RasterContext(sum(slices), features, hidden=width, kernel=kernel)
    if trunk:
        return ReadAgain(slices, features, hidden=trunk, far=partial(mixer, kind, state=state, expand=expand))
    step = partial(two_pass_step, width=width, kind=kind, state=state, expand=expand, kernel=kernel)
    return SliceContext(slices, features, step)


class ConvBlock(nn.Module):
    """Add to a map what two 3x3 convolutions find in it, at a given work per position: (b, width, h, w) -> same."""

    def __init__(self, width: int, *, macs: int):
        super().__init__()
        hidden = max(1, round(macs / (18 * width)))
        first, second = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((width, hidden), (hidden, width)))
        self.body = nn.Sequential(first, nn.LeakyReLU(), second)

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.body[-1],)

    def forward(self, x: Map) -> Map:
        return x + self.body(x)


def bi_scan_macs(width: int, *, state: int, expand: int) -> int:
    """Count the multiply-accumulates of a `BiScanBlock` for one position: two mixers and their merge."""
    inner, rank = expand * width, math.ceil(width / 16)
    mixer = 3 * width + 4 + 2 * rank + 2 * state + 3 * state  # projections, convolution, selection, recurrence
    return 2 * inner * mixer + 2 * width * width


def _known(what: str, names: tuple, *given) -> None:
    for name in given:
        if name not in names:
            raise LicLabError(f"unknown {what} {name!r}: use {', '.join(map(str, names))}")
