"""A wavelet pyramid as one picture: the coarse band in the corner, the details of every level around it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

GREY = 0.5  # a detail of zero


def pyramid_image(pyramid: list, *, gain: float = 4.0, span: float = 1.0) -> np.ndarray:
    """Lay out a pyramid of `ops.wavelets.wavedec2`: uint8, (h, w, 3) for bands (3, h', w'), (h, w) for (h', w').

    Top left the coarse band, right of it HL (vertical edges), below it LH (horizontal edges), diagonally HH. Every
    level doubles the values of a constant; this is taken back, so that all levels are shown alike.
    gain: what details are multiplied by, around middle grey.   span: the range of the original, 1 for pictures in
    [0, 1]; of the coarse band it shows 0 to `span`.
    """
    coarsest, *details = pyramid
    levels = len(details)
    shown = np.clip(_array(coarsest) / (2**levels * span), 0, 1)
    for step, triple in enumerate(details):
        scale = gain / (2 ** (levels - step) * span)
        lh, hl, hh = (np.clip(GREY + scale * _array(band), 0, 1) for band in triple)
        rows, columns = lh.shape[-2:]
        shown = shown[..., :rows, :columns]  # an odd side had one row more
        top, bottom = np.concatenate([shown, hl], axis=-1), np.concatenate([lh, hh], axis=-1)
        shown = np.concatenate([top, bottom], axis=-2)
    levels_u8 = np.rint(shown * 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(levels_u8, 0, -1) if levels_u8.ndim == 3 else levels_u8)


def _array(band: Tensor) -> np.ndarray:
    return band.detach().cpu().double().numpy()
