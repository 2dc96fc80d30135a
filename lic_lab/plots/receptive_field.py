"""The figure of an effective receptive field: how strongly the middle of the latent depends on every pixel."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm

from lic_lab.probes.receptive_field import effective_side

SHARES = (0.5, 0.9)
FAINT, MARGIN = 1e-5, 16  # of the largest gradient: fainter is not shown; pixels around what is


def field_figure(weights, *, title: str = ""):
    """Show what there is of a gradient map (h, w) on a logarithmic scale, with squares that hold half and 90 % of it.

    weights: a tensor from `probes.receptive_field.gradient_map`. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    sides = {share: effective_side(weights, share) for share in SHARES}
    values = np.asarray(weights, dtype=float) / float(weights.max())
    seen = [np.flatnonzero((values > FAINT).any(axis)) for axis in (1, 0)]  # rows, columns
    (top, bottom), (left, right) = ((max(0, ends[0] - MARGIN), ends[-1] + MARGIN) for ends in seen)
    row, column = np.unravel_index(values.argmax(), values.shape)
    figure, axis = plt.subplots(figsize=(6.8, 5.6), layout="constrained")
    shade = axis.imshow(np.maximum(values, 1e-12), cmap="magma", norm=LogNorm(vmin=FAINT, vmax=1))
    for (share, side), dash in zip(sides.items(), ("-", "--"), strict=True):
        look = {
            "fill": False,
            "ec": "#2b8cf0",
            "lw": 1.8,
            "ls": dash,
            "label": f"{share:.0%} of it: {side} x {side} px",
        }
        axis.add_patch(plt.Rectangle((column - side / 2, row - side / 2), side, side, **look))
    axis.legend(loc="upper right", fontsize=9)
    bottom, right = min(bottom, len(values) - 1), min(right, values.shape[1] - 1)
    axis.set(xlim=(left - 0.5, right + 0.5), ylim=(bottom + 0.5, top - 0.5), xlabel="pixels", ylabel="pixels")
    axis.set_title(title or "what the middle of the latent depends on")
    figure.colorbar(shade, ax=axis, label="mean absolute gradient, largest 1", shrink=0.9)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure
