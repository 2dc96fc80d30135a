"""Colour and number format: RGB <-> YCbCr, 8-bit <-> float, array <-> tensor.

Float pictures are RGB in [0, 1] with shape (..., 3, h, w); 8-bit arrays are (h, w, 3).
"""

import numpy as np
import torch
from torch import Tensor

from lic_lab.errors import LicLabError

# Weights of red, green and blue in luma: ITU-R BT.601.
RED, GREEN, BLUE = 0.299, 0.587, 0.114


def rgb_to_ycbcr(x: Tensor) -> Tensor:
    """Turn RGB into luma and two colour differences, BT.601 full range.

    x (..., 3, h, w) in [0, 1] -> Y, Cb, Cr in [0, 1], Cb and Cr with grey at 1/2 (8-bit JPEG puts it at 128/255).
    Raises LicLabError unless there are three channels. Source: ITU-R BT.601-7, Sec. 2.5.1, with the JFIF 1.02 range.
    """
    r, g, b = _three_channels(x)
    y = RED * r + GREEN * g + BLUE * b
    cb = (b - y) / (2 * (1 - BLUE)) + 0.5
    cr = (r - y) / (2 * (1 - RED)) + 0.5
    return torch.stack([y, cb, cr], dim=-3)


def ycbcr_to_rgb(x: Tensor) -> Tensor:
    """Undo `rgb_to_ycbcr`: (..., 3, h, w) with Y, Cb, Cr in [0, 1] -> RGB; colours outside the cube are not clamped.

    Raises LicLabError unless there are three channels. Source: as `rgb_to_ycbcr`, solved for r, g, b.
    """
    y, cb, cr = _three_channels(x)
    r = y + 2 * (1 - RED) * (cr - 0.5)
    b = y + 2 * (1 - BLUE) * (cb - 0.5)
    g = (y - RED * r - BLUE * b) / GREEN
    return torch.stack([r, g, b], dim=-3)


def to_float(x_u8: Tensor) -> Tensor:
    """Turn 8-bit levels 0..255 into float32 in [0, 1], any shape. Raises LicLabError unless x_u8 is uint8."""
    if x_u8.dtype != torch.uint8:
        raise LicLabError(f"to_float takes uint8 levels, got {x_u8.dtype}: it is float already, or needs to_u8 first")
    return x_u8.float() / 255


def to_u8(x: Tensor) -> Tensor:
    """Clamp float values to [0, 1] and round to the nearest 8-bit level, any shape; exact inverse of `to_float`.

    Raises LicLabError where x is not a number: a broken decoder must not become a black picture.
    """
    if torch.isnan(x).any():
        raise LicLabError("a picture holds values that are not numbers (NaN): the weights or the input are broken")
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def image_to_tensor(image_u8: np.ndarray) -> Tensor:
    """Turn an 8-bit picture (h, w, 3) into a float batch of one, (1, 3, h, w) in [0, 1].

    Raises LicLabError for another shape or type (`datasets.read_image` makes this one from anything).
    """
    if image_u8.dtype != np.uint8 or image_u8.ndim != 3 or image_u8.shape[2] != 3:
        raise LicLabError(f"a picture is uint8 (h, w, 3), got {image_u8.dtype} {image_u8.shape}: use read_image first")
    levels = torch.from_numpy(np.ascontiguousarray(image_u8.transpose(2, 0, 1)))
    return to_float(levels)[None]


def tensor_to_image(x: Tensor) -> np.ndarray:
    """Turn one float picture (1, 3, h, w) or (3, h, w) into an 8-bit array (h, w, 3), clamped and rounded.

    Raises LicLabError for a batch of more than one, for other than three channels, and for NaN.
    """
    if x.ndim == 4 and x.shape[0] == 1:
        x = x[0]
    if x.ndim != 3 or x.shape[0] != 3:
        raise LicLabError(f"one picture is (3, h, w) or (1, 3, h, w), got {tuple(x.shape)}")
    return to_u8(x.detach()).permute(1, 2, 0).contiguous().cpu().numpy()


def _three_channels(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if x.ndim < 3 or x.shape[-3] != 3:
        raise LicLabError(f"colour conversion takes (..., 3, h, w), got {tuple(x.shape)}")
    return x.unbind(dim=-3)
