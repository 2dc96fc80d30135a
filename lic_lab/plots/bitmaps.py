"""The figure of a file's bits: where in the picture they went, and to which channels."""

from __future__ import annotations

import numpy as np

from lic_lab.plots.palette import style
from lic_lab.probes.bitmaps import BitMap

BITS = "magma"  # colour map, as in `plots.stereo`
VIEWS = ("left", "right")


def bits_figure(picture: np.ndarray, found: BitMap, *, stride: int = 16, codec: str = "charm", title: str = ""):
    """Show a picture, the bits of every position of its latent, and the bits of every channel, dearest first.

    picture: uint8 (h, w, 3), or a pair (2, h, w, 3), whose views stand one below the other.   stride: pixels to a
    position.   codec: whose colour is used. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    views = picture.reshape(-1, *picture.shape[-3:])
    height, width = views.shape[1:3]
    size = (15, len(views) * (4.6 * height / width + 0.6))
    figure, axes = plt.subplots(len(views), 3, figsize=size, layout="constrained", squeeze=False)
    most = float(found.positions.max())
    for view, (shown, places, channels) in enumerate(axes):
        shown.imshow(views[view])
        shown.set_title(VIEWS[view] if len(views) > 1 else "picture")
        bits = found.positions[view].numpy()
        extent = (-0.5, bits.shape[1] * stride - 0.5, bits.shape[0] * stride - 0.5, -0.5)
        shade = places.imshow(bits, cmap=BITS, vmin=0, vmax=most, extent=extent, interpolation="nearest")
        places.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        places.set_title(f"{float(found.by_view[view]) / 8:,.0f} bytes, the side latent spread evenly")
        for axis in (shown, places):
            axis.set_axis_off()
        figure.colorbar(shade, ax=places, label="bits per position", shrink=0.8)
        _by_channel(channels, found.channels[view].numpy(), float(found.side[view]), style(codec).color)
    if title:
        figure.suptitle(title)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def _by_channel(axis, bits: np.ndarray, side: float, color: str) -> None:
    dearest = np.sort(bits)[::-1] / 8
    half = int(np.searchsorted(dearest.cumsum(), dearest.sum() / 2)) + 1
    axis.bar(range(1, len(dearest) + 1), dearest, width=1.0, color=color)
    axis.set(xlabel="channels of the latent, dearest first", ylabel="bytes")
    axis.set_title(f"{half} of {len(dearest)} channels take half; side latent {side / 8:,.0f} bytes", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
