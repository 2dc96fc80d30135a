"""Asymmetric: a thorough encoder, a light decoder, and a filter that takes back part of the rounding."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from lic_lab.blocks.conv import down
from lic_lab.blocks.hcnn import DSC, HCNN, LightUp, normalise
from lic_lab.blocks.post_filter import PostFilter
from lic_lab.blocks.transforms import grafted, staged_analysis, with_shortcut
from lic_lab.blocks.wavelet import DWAN
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.entropy.hyper import MeanScale, latent_model
from lic_lab.entropy.raster import ScanRasterContext
from lic_lab.entropy.slices import SliceContext
from lic_lab.entropy.ssm_context import mixer, two_pass_step
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Image, Map


class Asymmetric(Codec):
    """Three hierarchical stages and wavelet attention encode, one stage decodes, an SSM context is in between.

    Claim: 34.2 dB at 0.38 bpp on Kodak, better than VVC, in 2 s with a model of 27 MB.
    Code: writes no bytes; its context reads the symbols it predicts, its hyperprior feeds nothing, its "SSM" has no
    state, its filter's loss is a constant, and its decoder is twice as large as its encoder.
    Ours: writes files. The context scans what is decoded, the gate is never sent since the decoder needs the product
    only, the filter learns, and the analysis does at least three times the work of the synthesis.
    Source: Asymmetric-Learned-Image-Compression; Fu et al., arXiv 2206.10618 (asymmetry, importance map, filter).

    `paper` has the widths of the code (N = 128, M = 192) and the size that its README claims, 27 MB in float32. The
    code itself has 3.13 M parameters (12.5 MB), of which 1.17 M never get a gradient.
    widths, expand: channels and MBConv expansion at 1/2, 1/4, 1/8.   decoder: channels at 1/16, 1/8, 1/4, 1/2 and 1.
    context: "ssm", "ssm-raster", "conv" or "none".   norm: "ln-prelu" or "gdn".   hyperprior: False leaves z out.
    attention, post_filter: False leaves out the gate on y, or the filter on y_hat.   trunk: hidden widths of `Charm`'s
    slices, to begin with that codec's analysis and entropy model: stages and scan are added to them and start as the
    identity (`blocks.graft`), while the gate starts at 0.98 and the light synthesis is its own. `features` has a third
    width then, norm is of the synthesis, and context_width has a part in context="ssm-raster" only.
    """

    code = 5
    extra_weights: ClassVar = {"post_filter": (5.0, 20_000)}  # as the README's schedule: 5 at first, then nothing
    halo = 192  # analysis sees 128 pixels to each side, synthesis 142; attention and filter get the whole latent

    def __init__(
        self, widths=(128, 128, 128), latent=192, hyper=128, features=(128, 192), decoder=(128, 96, 64, 32, 16),
        *, expand=(4, 2, 4), slices=(16, 16, 32, 64, 64), context_width=84, state=16,
        attention=True, post_filter=True, norm="ln-prelu", context="ssm", hyperprior=True,
        trunk=None, lambdas=(0.0130,), shortcut=None,
    ):  # fmt: skip
        super().__init__(latent, lambdas)
        if trunk:
            stage = grafted(lambda i, width: [HCNN(width, expand=expand[i])])
            self.analysis = staged_analysis(widths, latent, stage, shortcut=shortcut)
        else:
            self.analysis = hcnn_analysis(widths, latent, expand=expand, norm=norm, shortcut=shortcut)
        self.attention = DWAN(latent) if attention else None
        features = (*features[:2], features[2] if trunk and context in ("ssm", "conv") else 2 * latent)
        entropy = decoded_context(context, slices, features[2], width=context_width, state=state, trunk=trunk)
        self.latent = latent_model(latent, hyper, features, entropy, hyperprior=hyperprior)
        self.post_filter = PostFilter(latent) if post_filter else None
        self.synthesis = light_synthesis(decoder, latent, norm=norm, shortcut=shortcut)

    def analyse(self, x: Image) -> Map:
        y = super().analyse(x)  # (b, latent, h/16, w/16)
        return self.attention(y) if self.attention else y

    def extra_terms(self, y: Map, y_hat: Map) -> dict[str, Tensor]:
        return {"post_filter": self.post_filter.error(y, y_hat)} if self.post_filter else {}


def hcnn_analysis(
    widths: tuple[int, int, int], latent: int, *, expand=(4, 2, 4), norm="ln-prelu", shortcut: str | None = None
) -> nn.Module:
    """Map a picture to its latent, a hierarchical stage at every scale: (b, 3, h, w) -> (b, latent, h/16, w/16).

    expand: of the MBConv of each stage.   norm: see `blocks.hcnn.normalise`.   shortcut: "dct" or None.
    """
    a, b, c = widths
    deep = nn.Sequential(
        down(3, a),              normalise(norm, a), HCNN(a, expand=expand[0]),
        DSC(a, b, 5, stride=2),  normalise(norm, b), HCNN(b, expand=expand[1]),
        DSC(b, c, 5, stride=2),  normalise(norm, c), HCNN(c, expand=expand[2]),
        down(c, latent))  # fmt: skip
    return with_shortcut(deep, latent, shortcut, inverse=False)


def light_synthesis(
    widths: tuple[int, int, int, int, int], latent: int, *, norm="ln-prelu", shortcut: str | None = None
) -> nn.Module:
    """Map a latent to a picture, one hierarchical stage at the lowest scale: (b, latent, h/16, w/16) -> (b, 3, h, w).

    widths: channels at 1/16, 1/8, 1/4, 1/2 and full size.
    """
    a, b, c, d, e = widths
    deep = nn.Sequential(
        nn.Conv2d(latent, a, 1),  HCNN(a),
        LightUp(a, b),            normalise(norm, b, inverse=True),
        LightUp(b, c),            normalise(norm, c, inverse=True),
        LightUp(c, d),            normalise(norm, d, inverse=True),
        *LightUp(d, 3, inner=e))  # fmt: skip
    return with_shortcut(deep, latent, shortcut, inverse=True)


def decoded_context(
    kind: str, slices: tuple[int, ...], features: int, *, width: int, state: int, trunk: tuple[int, int] | None = None
) -> nn.Module:
    """Make slices of two passes, the neighbours' word weighed by what a scan saw of everything decoded.

    kind: "ssm" scans there and back, "conv" looks 7x7 far instead, "none" takes the hyper features for parameters;
    "ssm-raster" goes position by position, each coded from the state that all positions before it have left.
    """
    if kind == "none":
        return MeanScale()
    if kind == "ssm-raster":
        return ScanRasterContext(sum(slices), features, width=width, state=state)
    if kind not in ("ssm", "conv"):
        raise LicLabError(f"unknown context {kind!r}: use 'ssm', 'ssm-raster', 'conv' or 'none'")
    kind = {"ssm": "bi", "conv": "conv"}[kind]
    if trunk:
        far = partial(mixer, kind, state=state, expand=1)
        return ReadAgain(slices, features, hidden=trunk, far=far, gated=True)
    step = partial(two_pass_step, width=width, kind=kind, state=state, gated=True, residual=None)
    return SliceContext(slices, features, step)
