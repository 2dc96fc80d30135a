"""Raw video frames, which is all that the VVC programs read and write: BT.709, full range, 10 bit, planar."""

from __future__ import annotations

import numpy as np

from lic_lab.errors import CorruptStreamError

BITS = 10
PEAK = 2**BITS - 1
CENTER = 2 ** (BITS - 1)
KR, KB = 0.2126, 0.0722  # weights of red and blue in luma, ITU-R BT.709
KG = 1 - KR - KB


def to_frame(image: np.ndarray, chroma: str) -> bytes:
    """Turn uint8 RGB (h, w, 3) into the bytes of one frame: planes Y, Cb, Cr, each sample a little-endian uint16.

    chroma: "4:4:4", or "4:2:0" for even h and w, where each chroma sample is the mean of 2 x 2.
    """
    red, green, blue = np.moveaxis(image.astype(np.float64) / 255, 2, 0)
    luma = KR * red + KG * green + KB * blue
    planes = [luma * PEAK]
    for color, weight in ((blue, KB), (red, KR)):
        difference = (color - luma) / (2 * (1 - weight))  # -0.5 ... 0.5
        planes.append((_halve(difference) if chroma == "4:2:0" else difference) * PEAK + CENTER)
    return b"".join(np.rint(plane).clip(0, PEAK).astype("<u2").tobytes() for plane in planes)


def from_frame(data: bytes, height: int, width: int, chroma: str) -> np.ndarray:
    """Turn the bytes of one frame back into uint8 RGB (h, w, 3); the inverse of `to_frame` up to rounding.

    4:2:0 chroma is interpolated linearly between the centres of its 2 x 2 blocks. Raises CorruptStreamError for
    another number of bytes.
    """
    small = (height // 2, width // 2) if chroma == "4:2:0" else (height, width)
    sizes = [(height, width), small, small]
    if len(data) != 2 * sum(h * w for h, w in sizes):
        raise CorruptStreamError(f"the decoder wrote {len(data)} bytes, not one {width} x {height} {chroma} frame")
    samples = np.split(np.frombuffer(data, "<u2").astype(np.float64), np.cumsum([h * w for h, w in sizes])[:-1])
    luma, *colors = (plane.reshape(size) for plane, size in zip(samples, sizes, strict=True))
    luma = luma / PEAK
    cb, cr = ((_double(c) if chroma == "4:2:0" else c) - CENTER for c in colors)
    blue, red = luma + 2 * (1 - KB) * cb / PEAK, luma + 2 * (1 - KR) * cr / PEAK
    green = (luma - KR * red - KB * blue) / KG
    return np.rint(np.stack([red, green, blue], axis=2).clip(0, 1) * 255).astype(np.uint8)


def _halve(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def _double(plane: np.ndarray) -> np.ndarray:
    """Twice the rows and columns: each new sample is 3/4 of the nearest and 1/4 of the next old one."""
    for axis in (0, 1):
        padded = np.pad(plane, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        before, after = (np.take(padded, range(s, s + plane.shape[axis]), axis) for s in (0, 2))
        pair = np.stack([0.75 * plane + 0.25 * before, 0.75 * plane + 0.25 * after], axis=axis + 1)
        shape = list(plane.shape)
        shape[axis] *= 2
        plane = pair.reshape(shape)
    return plane
