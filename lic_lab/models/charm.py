"""Channel-wise autoregression: the convolutional codec that the state-space models have to beat."""

from __future__ import annotations

from functools import partial

from lic_lab.blocks.transforms import conv_analysis, conv_synthesis
from lic_lab.entropy.hyper import HyperLatent
from lic_lab.entropy.slices import SliceContext, conv_step
from lic_lab.models.base import Codec


class Charm(Codec):
    """The hyperprior codec with its latent coded in channel slices, each seeing the ones before it.

    Claim: slices save more bits than a serial spatial context and decode in a few passes.
    Code: ms2020.py in tensorflow/compression decodes, where floats round as they did for the encoder.
    Ours: decodes on every device; slices may grow, and one network a slice gives mean and scale.
    Source: Minnen and Singh, "Channel-wise autoregressive entropy models for learned image compression", ICIP 2020.
    """

    code = 2
    halo = 64  # four 5x5 convolutions with stride 2 see 30 pixels to each side

    def __init__(
        self, widths=(192, 192, 192), latent=320, hyper=192, features=(320, 480, 640),
        *, slices=(32,) * 10, hidden=(224, 128), kernels=(5, 5, 3), lambdas=(0.0130,), shortcut=None,
    ):  # fmt: skip
        super().__init__(latent, lambdas)
        self.analysis = conv_analysis(widths, latent, shortcut=shortcut)
        context = SliceContext(slices, features[-1], partial(conv_step, hidden=hidden, kernels=kernels))
        self.latent = HyperLatent(latent, hyper, features, context)
        self.synthesis = conv_synthesis(widths, latent, shortcut=shortcut)
