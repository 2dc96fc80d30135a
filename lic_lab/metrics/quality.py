"""How close a reconstruction is: PSNR, SSIM, MS-SSIM, LPIPS of two uint8 pictures (h, w, 3).

Every function raises LicLabError unless both pictures are uint8 (h, w, 3) of one size.
"""

import warnings
from functools import lru_cache
from math import inf, log10
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lic_lab.errors import LicLabError

MS_SSIM_MIN_SIDE = 161  # five scales with a window of 11: 10 * 2**4 pixels are not enough
SSIM_MIN_SIDE = 11

# The AlexNet of torchvision on which the published LPIPS (version 0.1, net "alex") was trained.
BACKBONE = "alexnet-owt-7be5be79.pth"
BACKBONE_URL = f"https://download.pytorch.org/models/{BACKBONE}"
LPIPS_MIN_SIDE = 31  # below, nothing is left after AlexNet's two poolings


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all RGB values, peak 255; infinite for equal pictures.

    The mean square error is taken over the three channels together, as for the published Kodak curves.
    """
    _check_pair(a, b)
    difference = a.astype(np.int32) - b
    squares = int(np.sum(difference * difference, dtype=np.int64))  # exact
    return 10 * log10(255**2 * a.size / squares) if squares else inf


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity, at most 1; mean over RGB channels, Gaussian window of 11 with sigma 1.5, no padding.

    Raises LicLabError for sides under 11 pixels. Source: Wang et al. 2004, as computed by pytorch-msssim.
    """
    from pytorch_msssim import ssim as measure

    _check_pair(a, b, SSIM_MIN_SIDE, "SSIM")
    with torch.inference_mode():
        return measure(_batch(a), _batch(b), data_range=255).item()


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Multi-scale structural similarity, 0..1; mean over RGB channels, five scales.

    Raises LicLabError for sides under 161 pixels, for which five scales do not exist (see MS_SSIM_MIN_SIDE).
    Source: Wang, Simoncelli and Bovik 2003, as computed by pytorch-msssim.
    """
    from pytorch_msssim import ms_ssim as measure

    _check_pair(a, b, MS_SSIM_MIN_SIDE, "MS-SSIM")
    with torch.inference_mode():
        return measure(_batch(a), _batch(b), data_range=255).item()


def ms_ssim_db(value: float) -> float:
    """MS-SSIM (0..1) in dB, -10 log10(1 - value), the scale on which curves are drawn and integrated.

    Infinite at 1, and NaN of NaN.
    """
    return inf if value >= 1 else -10 * log10(1 - value)


def lpips(a: np.ndarray, b: np.ndarray) -> float:
    """Learned perceptual distance, 0 for equal pictures, larger is worse (version 0.1, AlexNet).

    Needs the AlexNet weights in torch's hub folder; they are never downloaded from here. Raises LicLabError, saying
    where they belong, when they are missing, and for sides under 31 pixels. Source: Zhang et al. 2018 (arXiv
    1801.03924), as computed by the package `lpips`.
    """
    _check_pair(a, b, LPIPS_MIN_SIDE, "LPIPS")
    network = _lpips_network(Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE)
    with torch.inference_mode():
        return network(_batch(a) / 127.5 - 1, _batch(b) / 127.5 - 1).item()


@lru_cache(maxsize=1)
def _lpips_network(weights: Path) -> torch.nn.Module:
    if not weights.is_file():
        raise LicLabError(f"LPIPS needs the weights of AlexNet: download {BACKBONE_URL} to {str(weights)!r}")
    import lpips as package

    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore", UserWarning)  # about an old way to ask torchvision for a network
            # A random backbone, to be filled below: the package's own way to the right one is a download.
            network = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
        tower = torch.load(weights, map_location="cpu", weights_only=True)
        # "slice2.3.weight" there is "features.3.weight" here.
        names = network.net.state_dict()
        network.net.load_state_dict({name: tower["features." + name.partition(".")[2]] for name in names})
    except Exception as error:  # a wrong or damaged file, or a torchvision that the package does not know
        raise LicLabError(f"LPIPS cannot use {str(weights)!r} ({error}): download {BACKBONE_URL} again") from error
    return network.eval()


def _batch(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))[None]  # (h, w, 3) -> (1, 3, h, w) in 0..255


def _check_pair(a: np.ndarray, b: np.ndarray, min_side: int = 1, metric: str = "a metric") -> None:
    for image in (a, b):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise LicLabError(
                f"quality is measured on uint8 (h, w, 3), not {image.dtype} {image.shape}: use read_image"
            )
    if a.shape != b.shape:
        raise LicLabError(f"cannot compare pictures of {a.shape[1]} x {a.shape[0]} and {b.shape[1]} x {b.shape[0]}")
    if min(a.shape[:2]) < min_side:
        raise LicLabError(f"{metric} needs sides of {min_side} pixels or more, got {a.shape[1]} x {a.shape[0]}")
