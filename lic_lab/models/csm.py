"""CSM: convolutions for some channels, state-space scans for the others, and every picture says which."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from lic_lab.blocks.conv import down, up
from lic_lab.blocks.partition import StateSpaceResidualBlock
from lic_lab.blocks.transforms import grafted, staged_analysis, staged_synthesis, with_shortcut
from lic_lab.entropy.hyper import MeanScale, latent_model
from lic_lab.entropy.slices import SliceContext
from lic_lab.entropy.ssm_context import ssm_step, trunk_step
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec

Block = Callable[[int], nn.Module]
"""Gives one block of a stage: block(width) keeps a map (b, width, h, w) in its shape."""


class CSM(Codec):
    """Three hybrid stages divide their channels between a CNN and an SSM branch; a scanned context codes the slices.

    Claim: best rate-distortion on Kodak and CLIC, with clearly fewer parameters and less computation than others.
    Code: cannot be imported. Its partition is a fixed split, its first stage and hyper path are window attention, its
    entropy model is TCM's. 82.9 M parameters where TCM has 76.6 M, and by its own figure 3 % more bits.
    Ours: writes files. The partition adapts to every picture, all stages scan (in `lab` one), a block has one skip,
    every width is an argument; no partition feeds the entropy model, where a flipped choice would lose the decoder.
    Source: Zhang, Wang and Shi, "CSM", The Visual Computer, 2025.

    `paper` has the widths of the code (N = 128 channels a branch, M = 320) but 19.8 M parameters: 9.8 M instead of
    35.2 M in the transforms (strided convolutions down, 1x1 steps up, no channel attention), 5.3 M instead of 20.0 M in
    the hyper path (one, not two), 4.7 M instead of 27.7 M in the context.
    widths, depths: channels and blocks at 1/2, 1/4, 1/8.   share, partition (its mode), fuse: see
    `StateSpaceResidualBlock`.   paths: "both", or "ssm" or "cnn" alone, with nothing to divide.   context: "vss",
    "conv", or "none" for means and scales right from the hyper features.   residual, hyperprior: False leaves out
    latent residual prediction, or z.   trunk: hidden widths of `Charm`'s slices, to begin as that codec: its strided
    convolutions and GDN are there, and all that is CSM's starts as the identity behind them (`blocks.graft`);
    context_width and kernel have no part then.
    """

    code = 6
    halo, sees_all = 64, True

    def __init__(
        self, widths=(256, 256, 256), depths=(2, 2, 2), latent=320, hyper=192, features=(192, 256, 320),
        *, share=0.5, partition="adaptive", paths="both", fuse="1x1", state=16, expand=2, slices=(64,) * 5,
        context="vss", context_width=192, kernel=3, residual=True, hyperprior=True, trunk=None,
        lambdas=(0.0130,), shortcut=None,
    ):  # fmt: skip
        super().__init__(latent, lambdas)
        scan = {"state": state, "expand": expand}
        block = hybrid_block(paths, share, partition, fuse=fuse, **scan)

        def stage(level: int, width: int) -> list[nn.Module]:
            return [block(width) for _ in range(depths[level])]

        if trunk:
            self.analysis = staged_analysis(widths, latent, grafted(stage), shortcut=shortcut)
        else:
            self.analysis = hybrid_analysis(widths, depths, latent, block, shortcut=shortcut)
        features = (*features[:2], 2 * latent) if context == "none" else features
        entropy = slice_context(
            context, slices, features[-1], width=context_width, kernel=kernel, residual=() if residual else None,
            trunk=trunk, **scan,
        )  # fmt: skip
        self.latent = latent_model(latent, hyper, features, entropy, hyperprior=hyperprior)
        if trunk:
            self.synthesis = staged_synthesis(widths, latent, grafted(stage, inverse=True), shortcut=shortcut)
        else:
            self.synthesis = hybrid_synthesis(widths, depths, latent, block, shortcut=shortcut)


def hybrid_block(paths: str, share: float, mode: str, **sizes) -> Block:
    """Make the maker of `StateSpaceResidualBlock`: "both" paths, or all channels to "ssm" or to "cnn" alone."""
    if paths not in ("both", "ssm", "cnn"):
        raise LicLabError(f"unknown paths {paths!r}: use 'both', 'ssm' or 'cnn'")
    if paths != "both":
        share, mode = {"ssm": 0.0, "cnn": 1.0}[paths], "fixed"
    return partial(StateSpaceResidualBlock, share=share, mode=mode, **sizes)


def hybrid_analysis(
    widths: tuple[int, ...], depths: tuple[int, ...], latent: int, block: Block, *, shortcut: str | None = None
) -> nn.Module:
    """Map a picture to its latent: (b, 3, h, w) -> (b, latent, h/16, w/16) for three widths.

    Before every stage and after the last, a strided 3x3 convolution.   shortcut: "dct" or None.
    """
    steps, inputs = [], 3
    for width, depth in zip(widths, depths, strict=True):
        steps += [down(inputs, width, 3), *(block(width) for _ in range(depth))]
        inputs = width
    return with_shortcut(nn.Sequential(*steps, down(inputs, latent, 3)), latent, shortcut, inverse=False)


def hybrid_synthesis(
    widths: tuple[int, ...], depths: tuple[int, ...], latent: int, block: Block, *, shortcut: str | None = None
) -> nn.Module:
    """Map a latent to a picture, the mirror of `hybrid_analysis`: (b, latent, h/16, w/16) -> (b, 3, h, w).

    Before every stage a 1x1 convolution and a pixel shuffle, after the last a transposed 5x5 convolution.
    """
    steps, inputs = [], latent
    for width, depth in zip(reversed(widths), reversed(depths), strict=True):
        steps += [nn.Conv2d(inputs, 4 * width, 1), nn.PixelShuffle(2), *(block(width) for _ in range(depth))]
        inputs = width
    return with_shortcut(nn.Sequential(*steps, up(inputs, 3)), latent, shortcut, inverse=True)


def slice_context(
    kind: str, slices: tuple[int, ...], features: int, *, trunk: tuple[int, int] | None = None, width: int,
    kernel: int, **sizes,
) -> nn.Module:  # fmt: skip
    """Make channel slices whose features are scanned ("vss") or convolved ("conv"), or no context at all ("none").

    trunk: see `CSM`.   width, kernel, where there is none; sizes: residual, state and expand of
    `entropy.ssm_context.ssm_step`.
    """
    if kind not in ("vss", "conv", "none"):
        raise LicLabError(f"unknown context {kind!r}: use 'vss', 'conv' or 'none'")
    if kind == "none":
        return MeanScale()
    own = {"hidden": trunk} if trunk else {"width": width, "kernel": kernel}
    return SliceContext(slices, features, partial(trunk_step if trunk else ssm_step, kind=kind, **own, **sizes))
