"""R + lambda D, with its units."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lic_lab.types import Image, Output


@dataclass
class Terms:
    """The terms of the objective, one value per picture (b,): bits per pixel, squared error on [0, 1], and both."""

    bpp: Tensor
    mse: Tensor
    cost: Tensor  # bpp + lambda 255^2 mse

    @property
    def psnr(self) -> Tensor:
        """Peak signal-to-noise ratio in dB, unrounded pictures: (b,)."""
        return -10 * torch.log10(self.mse)


def rate_distortion(x: Image, output: Output, lmbda: Tensor) -> Terms:
    """Give R + lambda 255^2 MSE per picture, R in bits per pixel, pictures in [0, 1], lambda (b,)."""
    mse = ((x - output.x_hat.float()) ** 2).flatten(1).mean(1)
    return Terms(output.bpp, mse, output.bpp + lmbda * 255**2 * mse)


def balanced(terms: Terms, lmbda: Tensor) -> Tensor:
    """Weigh the rates of a variable-rate model alike: mean of cost / sqrt(lambda), scaled to sit near one.

    Along a rate-distortion curve the cost grows about like sqrt(lambda) at high rate; unweighted, the pictures coded
    at high rate would own the gradient.
    """
    return (terms.cost * (lmbda / 0.004) ** -0.5).mean()
