"""Figures of what chooses: the gates of wavelet attention, and the channels of a partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from lic_lab.blocks.wavelet import Attention
from lic_lab.ops.geometry import inside

GATES = "cividis"  # colour map: dark is held back, bright passes
NEAR, FAR = "#2b8cf0", "#e8ebef"


def gates_figure(picture: np.ndarray, gates: Mapping[str, Attention], *, stride: int = 16, title: str = ""):
    """Show a picture, the mean gate at every position, and the gate of every channel, strongest first.

    picture: uint8 (h, w, 3).   gates: of `probes.gates.wavelet_attention`, one row each; what lies in the padding of
    the picture is left out.   stride: pixels to a position. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    height, width = picture.shape[:2]
    size = (15, len(gates) * (4.4 * height / width + 0.7))
    figure, axes = plt.subplots(len(gates), 3, figsize=size, layout="constrained", squeeze=False)
    for (shown, places, channels), (path, found) in zip(axes, gates.items(), strict=True):
        shown.imshow(picture)
        shown.set_title("picture")
        gate = inside(found.gate[0], height, width, stride)  # (c, h', w')
        extent = (-0.5, gate.shape[2] * stride - 0.5, gate.shape[1] * stride - 0.5, -0.5)
        mean = gate.mean(0).cpu().numpy()
        shade = places.imshow(mean, cmap=GATES, vmin=0.3, vmax=1, extent=extent, interpolation="nearest")
        places.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), title=f"mean gate ({path})")
        figure.colorbar(shade, ax=places, label="0.3 held back, 1 passes", shrink=0.8)
        for axis in (shown, places):
            axis.set_axis_off()
        strongest = np.sort(gate.mean((1, 2)).cpu().numpy())[::-1]
        channels.bar(range(1, len(strongest) + 1), strongest, width=1.0, color=NEAR)
        channels.set(xlabel="channels of the latent, strongest first", ylabel="mean gate", ylim=(0, 1))
        bands = zip(("ll", "lh", "hl", "hh"), found.bands.mean(1).tolist(), strict=True)
        shares = ", ".join(f"{band} {share:.0%}" for band, share in bands)
        channels.set_title(f"bands in the spatial term: {shares}", fontsize=10)
        channels.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def partition_figure(near: Mapping[str, Tensor], pictures: Sequence[str], *, title: str = ""):
    """Show, for every partition, a row per picture and a column per channel: blue ones go to the convolutions.

    near: path -> bool (pictures, channels). Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    size = (11, len(near) * (0.8 + 0.22 * len(pictures)) + 0.5)
    figure, axes = plt.subplots(len(near), 1, figsize=size, layout="constrained", squeeze=False)
    for (axis,), (path, rows) in zip(axes, near.items(), strict=True):
        axis.imshow(rows.int().numpy(), cmap=ListedColormap([FAR, NEAR]), vmin=0, vmax=1, aspect="auto")
        axis.set_yticks(range(len(pictures)), pictures, fontsize=8)
        changing = int((rows.any(0) & ~rows.all(0)).sum())
        axis.set_title(f"{path}: {changing} of {rows.shape[1]} channels change by picture", fontsize=10)
        axis.spines[:].set_visible(False)
    axes[-1, 0].set_xlabel("channel; blue goes to the convolutions, grey to the scan")
    if title:
        figure.suptitle(title)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure
