"""R + lambda D, with its units, for two kinds of distortion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.ops.rounding import lower_bound
from lic_lab.types import Image, Output

DISTORTIONS = ("mse", "ms-ssim")
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_MIN_CROP = 176  # 161 pixels make five scales; crops are whole blocks of 16
_FLOOR = 1e-3  # of a factor; the power of 0.04 of a smaller one has a gradient that drowns all others


@dataclass
class Terms:
    """The terms of the objective, one value per picture (b,): bits per pixel, distortion, and both."""

    bpp: Tensor
    mse: Tensor  # squared error on [0, 1]
    cost: Tensor  # bpp + lambda 255^2 mse, or bpp + lambda' (1 - MS-SSIM)

    @property
    def psnr(self) -> Tensor:
        """Peak signal-to-noise ratio in dB, unrounded pictures: (b,)."""
        return -10 * torch.log10(self.mse)


def rate_distortion(x: Image, output: Output, lmbda: Tensor, distortion: str = "mse") -> Terms:
    """Give R + lambda D per picture, R in bits per pixel, pictures in [0, 1], lambda (b,) on the scale of MSE.

    distortion: "mse" for R + lambda 255^2 MSE, or "ms-ssim" for R + `lambda_of_ms_ssim(lambda)` (1 - MS-SSIM).
    """
    x_hat = output.x_hat.float()
    mse = ((x - x_hat) ** 2).flatten(1).mean(1)
    if distortion == "mse":
        return Terms(output.bpp, mse, output.bpp + lmbda * 255**2 * mse)
    views = x[0].numel() // (3 * x.shape[-2] * x.shape[-1])  # both views of a pair count alike
    likeness = ms_ssim(x.reshape(-1, *x.shape[-3:]), x_hat.reshape(-1, *x.shape[-3:])).unflatten(0, (-1, views)).mean(1)
    return Terms(output.bpp, mse, output.bpp + lambda_of_ms_ssim(lmbda) * (1 - likeness))


def balanced(terms: Terms, lmbda: Tensor) -> Tensor:
    """Weigh the rates of a variable-rate model alike: mean of cost / sqrt(lambda), scaled to sit near one.

    Along a rate-distortion curve the cost grows about like sqrt(lambda) at high rate; unweighted, the pictures coded
    at high rate would own the gradient.
    """
    return (terms.cost * (lmbda / 0.004) ** -0.5).mean()


def ms_ssim(x: Image, y: Image) -> Tensor:
    """Give MS-SSIM of pictures (n, 3, h, w) in [0, 1], sides of 161 pixels or more: (n,), with a gradient everywhere.

    Where the structures of two pictures run against each other a factor is negative, and has no fractional power. Cut
    off at zero, as in `metrics.quality.ms_ssim`, it leaves no gradient at all; here a bound lets go of it upwards.
    Raises LicLabError for smaller pictures. Source: Wang, Simoncelli and Bovik 2003; windows of 11 with sigma 1.5.
    """
    if min(x.shape[-2:]) < 161:
        raise LicLabError(
            f"MS-SSIM needs crops of {MS_SSIM_MIN_CROP} pixels or more, got {min(x.shape[-2:])}: use larger ones"
        )
    product: Tensor | float = 1.0
    with torch.autocast(x.device.type, enabled=False):
        x, y = x.float(), y.float()
        for scale, weight in enumerate(MS_SSIM_WEIGHTS):
            luminance, contrast = _similarities(x, y)
            last = scale == len(MS_SSIM_WEIGHTS) - 1
            factor = (luminance * contrast if last else contrast).mean((2, 3))  # (n, 3)
            product = product * lower_bound(factor, _FLOOR) ** weight
            if not last:
                odd = [side % 2 for side in x.shape[-2:]]
                x, y = (F.avg_pool2d(a, 2, padding=odd) for a in (x, y))
    return product.mean(1)


def _similarities(x: Image, y: Image) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure terms of SSIM at every place of a window, (n, 3, h - 10, w - 10) each."""
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance, (2 * covariance + c2) / (var_x + var_y + c2)


def _blur(x: Image) -> Image:
    places = torch.arange(-5, 6, dtype=x.dtype, device=x.device)
    window = torch.softmax(-(places**2) / (2 * 1.5**2), 0).expand(3, 1, 1, 11)  # a Gaussian that sums to one
    return F.conv2d(F.conv2d(x, window, groups=3), window.mT.contiguous(), groups=3)


# How others write lambda


MSE_LAMBDAS = (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483)
MS_SSIM_LAMBDAS = (2.40, 4.58, 8.73, 16.64, 31.73, 60.50)
"""Pairs of lambdas at which CompressAI and most papers train for MSE and for MS-SSIM: about the same rate."""

_RATIO = torch.log(torch.tensor(MS_SSIM_LAMBDAS[-1] / MS_SSIM_LAMBDAS[0])) / torch.log(
    torch.tensor(MSE_LAMBDAS[-1] / MSE_LAMBDAS[0])
)  # 0.981: the pairs lie on a power law within a percent


def lambda_of_ms_ssim(lmbda):
    """Give the lambda of R + lambda (1 - MS-SSIM) that goes with one of R + lambda 255^2 MSE; number or tensor."""
    return MS_SSIM_LAMBDAS[0] * (lmbda / MSE_LAMBDAS[0]) ** float(_RATIO)


def lambda_from(value: float, convention: str) -> float:
    """Give the lambda of R + lambda 255^2 MSE, R in bits per pixel, that another convention writes as `value`.

    convention: "mse", R + value 255^2 MSE (CompressAI, BiMamba, CSM, CMamba's siblings); "ms-ssim", R + value (1 -
    MS-SSIM); "bisic", R + value MSE on [0, 1], so divided by 255^2 (2048 is 0.0315); "asymmetric", MSE on [-1, 1] +
    value R, so 4 / (255^2 value): there a larger value means a lower rate (0.05 is 0.00123).
    Raises LicLabError for other conventions and for values that are not positive.
    """
    forms = {
        "mse": lambda v: v,
        "ms-ssim": lambda v: MSE_LAMBDAS[0] * (v / MS_SSIM_LAMBDAS[0]) ** (1 / float(_RATIO)),
        "bisic": lambda v: v / 255**2,
        "asymmetric": lambda v: 4 / (255**2 * v),
    }
    if convention not in forms:
        raise LicLabError(f"no way to write lambda is called {convention!r}: use {', '.join(forms)}")
    if not 0 < value < math.inf:
        raise LicLabError(f"lambda is a positive number, got {value:g}")
    return forms[convention](value)
