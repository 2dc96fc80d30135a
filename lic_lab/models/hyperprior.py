"""The mean-scale hyperprior: the smallest codec that everything later is compared with."""

from __future__ import annotations

from torch import nn

from lic_lab.blocks.transforms import conv_analysis, conv_synthesis
from lic_lab.entropy.hyper import HyperLatent, MeanScale
from lic_lab.models.base import Codec


class Hyperprior(Codec):
    """Convolutions with GDN, and a side latent that gives mean and scale of every latent element.

    Claim: learned side information beats BPG.
    Code: tensorflow/compression decodes, where floats round as they did for the encoder.
    Ours: decodes on every device.
    Source: Minnen, Balle, Toderici 2018, "mean & scale hyperprior, no context" of Table 2.
    """

    code = 1
    halo = 64  # four 5x5 convolutions with stride 2 see 30 pixels to each side

    def __init__(
        self, widths=(192, 192, 192), latent=320, hyper=192, features=(320, 480), *, lambdas=(0.0130,), shortcut=None
    ):
        super().__init__(latent, lambdas)
        self.analysis = conv_analysis(widths, latent, shortcut=shortcut)
        self.latent = HyperLatent(latent, hyper, (*features, 2 * latent), MeanScale())
        nn.init.constant_(self.latent.synthesis[-1].bias[latent:], 1.0)  # scales start at one: healthy gradients
        self.synthesis = conv_synthesis(widths, latent, shortcut=shortcut)
