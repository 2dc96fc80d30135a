"""The figure of latent correlation: what neighbours still know of each other, with the numbers."""

from __future__ import annotations

import numpy as np

SIGNED = "RdBu_r"  # colour map: red for alike, blue for opposite


def correlation_figure(found: np.ndarray, *, title: str = ""):
    """Show a correlation map (2r + 1, 2r + 1), numbers in the squares; the middle, 1 by definition, is left grey.

    found: from `probes.correlation.latent_correlation`. Returns a matplotlib Figure.
    """
    import matplotlib.pyplot as plt

    values = np.array(found, dtype=float)
    reach = len(values) // 2
    values[reach, reach] = np.nan
    far = max(float(np.nanmax(np.abs(values), initial=0)), 0.05)  # a map of almost nothing looks like nothing
    figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    axis.set_facecolor("#d9dee4")
    ends = (-reach - 0.5, reach + 0.5)
    shade = axis.imshow(values, cmap=SIGNED, vmin=-far, vmax=far, extent=(*ends, ends[1], ends[0]))
    for (row, column), value in np.ndenumerate(values):
        text = "1" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("0.", ".")  # no negative zero
        ink = "white" if abs(value) > 0.6 * far else "#1b1f24"
        axis.text(column - reach, row - reach, text, ha="center", va="center", fontsize=8, color=ink)
    axis.set(xlabel="columns apart", ylabel="rows apart", title=title or "correlation in the normalised latent")
    axis.set_xticks(range(-reach, reach + 1))
    axis.set_yticks(range(-reach, reach + 1))
    figure.colorbar(shade, ax=axis, label="correlation coefficient", shrink=0.9)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure
