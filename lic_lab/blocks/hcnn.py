"""Hierarchical convolutions: several scales at once out of depthwise filters, and light steps up to the picture."""

from __future__ import annotations

import torch
from torch import nn

from lic_lab.blocks.exact import ChannelNorm
from lic_lab.blocks.gdn import GDN
from lic_lab.errors import LicLabError
from lic_lab.types import Map


class DSC(nn.Sequential):
    """Depthwise-separable convolution: one k x k filter a channel, then a 1x1 mix.

    Shapes: (b, inputs, h, w) -> (b, outputs, ceil(h/stride), ceil(w/stride)).
    Source: Howard et al., "MobileNets", arXiv 1704.04861, Sec. 3.1. Ours: nothing between the two, and no BatchNorm,
    whose statistics in training differ from those at decoding.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1):
        depthwise = nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False)
        super().__init__(depthwise, nn.Conv2d(inputs, outputs, 1))


class LNPReLU(nn.Sequential):
    """LayerNorm over the channels of every position, then a PReLU per channel: (b, c, h, w) -> same, 3 c parameters.

    Source: Asymmetric-Learned-Image-Compression, in place of GDN, which has c^2 + c parameters.
    """

    def __init__(self, channels: int):
        super().__init__(ChannelNorm(channels), nn.PReLU(channels))


def normalise(norm: str, channels: int, *, inverse: bool = False) -> nn.Module:
    """Give the nonlinearity between two scales, (b, c, h, w) -> same: "ln-prelu", or "gdn" as in the base paper.

    inverse: GDN multiplies, as a decoder wants; LN + PReLU is the same both ways. Raises LicLabError for other names.
    """
    if norm not in ("ln-prelu", "gdn"):
        raise LicLabError(f"unknown norm {norm!r}: use 'ln-prelu' or 'gdn'")
    return GDN(channels, inverse=inverse) if norm == "gdn" else LNPReLU(channels)


class MBConv(nn.Module):
    """Inverted residual: widen by 1x1, filter each channel by 3x3, narrow by 1x1, add the input.

    x + W2 PReLU(D3 PReLU(W1 x)).   Shapes: (b, c, h, w) -> same; inside, expand * c channels.
    Source: Sandler et al., "MobileNetV2", CVPR 2018, Sec. 3.3-3.4. Ours: PReLU, no BatchNorm.
    """

    def __init__(self, channels: int, *, expand: int = 4):
        super().__init__()
        inner = expand * channels
        self.residual = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.PReLU(inner),
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner), nn.PReLU(inner),
            nn.Conv2d(inner, channels, 1))  # fmt: skip

    def forward(self, x: Map) -> Map:
        return x + self.residual(x)


class SplitChain(nn.Module):
    """Filters of growing size in a chain; half of what each gives is kept, the other half goes on to the next.

    Kernels 3-5-7 see 3, 7 and 13 pixels: kept are c/2, c/4 and c/4 channels, mixed by a 1x1 and added to the input.
    Shapes: (b, c, h, w) -> same. Raises LicLabError for fewer than 2^(number of kernels - 1) channels.
    Source: HCNN of Asymmetric-Learned-Image-Compression, whose model never uses it. Ours: no squeeze-and-excite, no
    BatchNorm, a plain 1x1 as fusion.
    """

    def __init__(self, channels: int, *, kernels: tuple[int, ...] = (3, 5, 7)):
        super().__init__()
        if channels < 2 ** (len(kernels) - 1):
            raise LicLabError(f"{channels} channels cannot be halved {len(kernels) - 1} times: use more channels")
        self.steps, self.widths, width = nn.ModuleList(), [], channels
        for kernel in kernels:
            self.widths.append(width)
            self.steps.append(nn.Sequential(DSC(width, width, kernel), nn.PReLU(width)))
            width = width // 2
        self.fuse = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Map) -> Map:
        kept, going = [], x
        for step, width in zip(self.steps[:-1], self.widths, strict=False):
            stay, going = step(going).split([width - width // 2, width // 2], dim=1)
            kept.append(stay)
        return x + self.fuse(torch.cat([*kept, self.steps[-1](going)], dim=1))


class HCNN(nn.Sequential):
    """One hierarchical stage: several scales side by side (`SplitChain`), then a nonlinear mix (`MBConv`).

    Shapes: (b, c, h, w) -> same; sees 7 pixels to each side with kernels 3-5-7.
    Source: Asymmetric-Learned-Image-Compression (README; its code has the MBConv alone), in place of the multi-scale
    residual block of Fu et al., arXiv 2206.10618. At c = 128 ours has 180,640 parameters, that block 476,800.
    """

    def __init__(self, channels: int, *, kernels: tuple[int, ...] = (3, 5, 7), expand: int = 4):
        super().__init__(SplitChain(channels, kernels=kernels), MBConv(channels, expand=expand))

    @property
    def last(self) -> tuple[nn.Module, ...]:
        chain, mix = self
        return chain.fuse, mix.residual[-1]


class LightUp(nn.Sequential):
    """Double rows and columns cheaply: 1x1, pixel shuffle, depthwise 5x5, 1x1.

    Shapes: (b, inputs, h, w) -> (b, outputs, 2h, 2w); `inner` channels (None: outputs) after the shuffle.
    From i to o channels, a new pixel costs i o + 25 o + o o products; a dense transposed 5x5 takes 6.25 i o.
    Source: Shi et al., "Real-time single image and video super-resolution", CVPR 2016, eq. 4 (the shuffle).
    """

    def __init__(self, inputs: int, outputs: int, *, inner: int | None = None):
        inner = inner or outputs
        super().__init__(nn.Conv2d(inputs, 4 * inner, 1), nn.PixelShuffle(2), *DSC(inner, outputs, 5))
