"""BiSIC: two views of a scene in one file, each helping to code the other, neither of them first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from lic_lab.blocks.conv import down, up
from lic_lab.blocks.stereo import AcrossViews, Layer, MutualAttention, ViewExchange, own_view
from lic_lab.blocks.transforms import grafted, staged_analysis, staged_synthesis, with_shortcut
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.entropy.hyper import latent_model
from lic_lab.entropy.stereo import StereoContext, spatial
from lic_lab.entropy.twins import TwinSearch
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.ops.checkerboard import CHECKERBOARD
from lic_lab.ops.turns import TURNS

ORDERS = {"turns": TURNS, "checkerboard": CHECKERBOARD}
"""In which passes a context on a trunk codes a slice, by name."""


class BiSIC(Codec):
    """A symmetric stereo codec: kernels across the views, mutual attention at 1/4 and 1/16, and a context of both.

    Claim: 48 % fewer bits than BPG on InStereo2K and 57 % on Cityscapes (fast: 45 and 52 %), both views equally good
    where codecs with a reference view favour that one.
    Code: stops at NotImplementedError. It estimates a rate with a spatial context of round(y), which no decoder could
    form: what is sent is round(y - mean). No licence.
    Ours: one file decodes to both views, in two passes a slice (fast), in four (lab) or along wavefronts (main), the
    context being what the decoder holds; the entropy model is exact, its attention included; any size; weights where
    neighbours are known.
    Source: Liu et al., "Bidirectional stereo image compression with cross-dimensional entropy model", ECCV 2024, arXiv
    2407.10632. Checkerboard: He et al., CVPR 2021. Pairs in the plots of others: SASIC, LDMIC.

    The constructor's own sizes are the published fast variant with 85.4 M parameters (the code has 85.9 M, half of its
    context kernels dead); 12 slices of 16, width 128 and context="raster" make the main one, 78.0 M (78.2 M).
    widths: channels at 1/2, 1/4, 1/8, 1/16; where the last is not `latent`, a 1x1 convolution follows.   features: of
    the hyper synthesis, the last being half for means and half for scales; branches: how many of them side by side, so
    that two make one for each.   context: neighbours by "checkerboard", "raster" or "none".   context_width: of what
    earlier slices say, which attention mixes; channel: widths before it, () for one layer, None to not read them.
    kernel: side of strided kernels; context_kernel: of the window of neighbours.
    hidden: of the networks that say mean and scale.   residual: of latent residual prediction, None without.
    light, depth, heads, query: see `MutualAttention`; rows too, for the transforms.   cross: False for
    kernels that see their own view only (2-D convolutions); attention: False leaves out the four blocks.
    stereo_context: False for a context of each view by itself.   tied: see `AcrossViews`; codec(right, left) is then
    codec(left, right) exchanged.   trunk: hidden widths of `Charm`'s slices, to begin as that codec for each view: what
    tells one view of the other is added, and starts as the identity (`blocks.graft`), a `ViewExchange` at 1/8 in both
    transforms, and with context="turns" a `TwinSearch` in what is decoded. There are three widths then, and cross,
    kernel, rows and tied have no part; with context="checkerboard" or "turns", heads is all that is left of the
    arguments of context and attention. "turns": row by row, one of the views goes first (`ops.turns`), so that half of
    all symbols are coded with the same row of the other view decoded; "checkerboard": each view by itself, whatever
    stereo_context says.
    """

    code = 7
    views = 2
    halo, sees_all = 128, True

    def __init__(
        self, widths=(192, 192, 192, 192), latent=192, hyper=192, features=(192, 192, 384),
        *, branches=2, slices=(32,) * 6, context="checkerboard", context_width=256, channel=(224, 192, 128),
        hidden=(384, 192, 96), residual=(384, 192, 64), kernel=5, context_kernel=5, heads=8, depth=2, light=False,
        rows=False, query="own", cross=True, attention=True, stereo_context=True, hyperprior=True, tied=False,
        trunk=None, lambdas=(0.0130,), shortcut=None,
    ):  # fmt: skip
        super().__init__(latent, lambdas)
        across, exchange = partial(AcrossViews, tied=tied), partial(ViewExchange, heads=heads)
        layer = across if cross and not trunk else own_view
        block = partial(MutualAttention, heads=heads, depth=depth, light=light, query=query)
        attend = partial(block, rows=rows) if attention else nn.Identity
        _check_widths(widths, 3 if trunk else 4)
        if context == "turns" and not trunk:
            raise LicLabError("context 'turns' needs a trunk: use 'checkerboard', 'raster' or 'none' without one")

        def at_an_eighth(level: int, width: int) -> list[nn.Module]:
            return [exchange(width)] if attention and level == len(widths) - 1 else []

        if trunk:
            self.analysis = staged_analysis(widths, latent, grafted(at_an_eighth), shortcut=shortcut)
        else:
            self.analysis = stereo_analysis(widths, latent, layer, attend, kernel=kernel, shortcut=shortcut)

        look, mix = (across, block) if stereo_context else (own_view, nn.Identity)
        if trunk and context in ORDERS:
            order = ORDERS[context]
            search = TwinSearch if stereo_context and order.whole < order.passes else None
            over_decoded = ReadAgain(slices, branches * features[-1], hidden=trunk, order=order, twins=search)
        else:
            over_decoded = StereoContext(
                slices,
                branches * features[-1],
                mix=None if channel is None else mix(context_width),
                channel=(*(channel or ()), context_width),
                places=spatial(context, hidden=hidden, layer=look, kernel=context_kernel),
                residual=residual,
            )
        self.latent = latent_model(
            latent, hyper, features, over_decoded, layer=layer, branches=branches, hyperprior=hyperprior
        )
        if trunk:
            self.synthesis = staged_synthesis(widths, latent, grafted(at_an_eighth, inverse=True), shortcut=shortcut)
        else:
            self.synthesis = stereo_synthesis(widths, latent, layer, attend, kernel=kernel, shortcut=shortcut)


def _check_widths(widths: tuple[int, ...], count: int) -> None:
    if len(widths) != count:
        raise LicLabError(f"{count} widths are needed {'with' if count == 3 else 'without'} a trunk, got {widths}")


def stereo_analysis(
    widths: tuple[int, ...], latent: int, layer: Layer, attend: Callable[[int], nn.Module], *, kernel: int,
    shortcut: str | None = None,
) -> nn.Module:  # fmt: skip
    """Map both views to their latents: (2b, 3, h, w) -> (2b, latent, h/16, w/16), attention at 1/4 and 1/16."""
    a, b, c, d = widths
    steps = [
        layer(down, 3, a, kernel), nn.GELU(), layer(down, a, b, kernel), attend(b),
        layer(down, b, c, kernel), nn.GELU(), layer(down, c, d, kernel), attend(d)]  # fmt: skip
    steps += [nn.Conv2d(d, latent, 1)] if d != latent else []
    return with_shortcut(nn.Sequential(*steps), latent, shortcut, inverse=False)


def stereo_synthesis(
    widths: tuple[int, ...], latent: int, layer: Layer, attend: Callable[[int], nn.Module], *, kernel: int,
    shortcut: str | None = None,
) -> nn.Module:  # fmt: skip
    """Map both latents to the views, the mirror of `stereo_analysis`: (2b, latent, h/16, w/16) -> (2b, 3, h, w)."""
    a, b, c, d = widths
    steps = [nn.Conv2d(latent, d, 1)] if d != latent else []
    steps += [
        attend(d), layer(up, d, c, kernel), nn.GELU(), layer(up, c, b, kernel),
        attend(b), layer(up, b, a, kernel), nn.GELU(), layer(up, a, 3, kernel)]  # fmt: skip
    return with_shortcut(nn.Sequential(*steps), latent, shortcut, inverse=True)
