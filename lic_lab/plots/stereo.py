"""Figures of stereo pairs: what one view asks of the other, where it saves bits, and the disparity in between."""

from __future__ import annotations

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.probes.attention import CrossAttention
from lic_lab.probes.stereo import JointCoding

BITS, SAVED, DEPTH = "magma", "RdBu", "viridis"  # colour maps: bits, bits saved (blue) or lost (red), disparity
VIEWS = ("left", "right")
SHEET = 11  # inches: about a page of a notebook, so that words keep their size


def attention_figure(pair: np.ndarray, found: CrossAttention, at: tuple[int, int], *, disparity: float | None = None):
    """Mark a point of the left view and show where in the right view its values come from, all heads together.

    pair: uint8 (2, h, w, 3).   at: (row, column) of the point in pixels.   disparity: of that point in pixels, where it
    is known, marked in the right view. Returns a matplotlib Figure. Raises LicLabError for a point outside.
    """
    height, width = pair.shape[1:3]
    row, column = at
    if not 0 <= row < height or not 0 <= column < width:
        raise LicLabError(f"the point ({row}, {column}) is outside of views of {width} x {height}")
    weights = found.map(0, row // found.stride, column // found.stride).mean(0).cpu().numpy()
    figure, (left, right) = _row_of(pair, 2, 1)
    left.imshow(pair[0])
    left.plot(column, row, "o", mec="white", mfc="none", ms=13, mew=2.5)
    left.set_title("left: the point that asks")
    right.imshow(pair[1])
    shares = weights * found.heard  # 1: as much as if all positions that are heard gave alike
    clear = 0.1 + 0.8 * (shares - 1).clip(0) / max(shares.max() - 1, 1e-9)  # the picture shows through elsewhere
    shade = _show(right, shares, found.stride, pair, cmap=BITS, alpha=clear, vmin=0)
    right.axhline(row, color="white", lw=0.8, ls=":")
    if disparity is not None and np.isfinite(disparity):
        right.plot(column - disparity, row, "o", mec="white", mfc="none", ms=13, mew=2.5)
    right.set_title(f"right: where it gets its values ({found.path})")
    figure.colorbar(shade, ax=right, label="share, relative to an even one", shrink=0.8)
    return figure


def joint_figure(pair: np.ndarray, found: JointCoding):
    """Show each view, its bits beside the other view and beside that turned, and the difference: blue where fewer.

    pair: uint8 (2, h, w, 3). Returns a matplotlib Figure.
    """
    figure, axes = _row_of(pair, 4, 2)
    most = float(max(found.joint.max(), found.separate.max()))
    for view, line in enumerate(axes):
        joint, separate = found.joint[view].numpy(), found.separate[view].numpy()
        gain, limit = separate - joint, max(float(np.abs(found.separate - found.joint).max()), 1e-9)
        line[0].imshow(pair[view])
        line[0].set_title(f"{VIEWS[view]} view")
        for axis, bits in zip(line[1:3], (joint, separate), strict=True):
            shade = _show(axis, bits, found.stride, pair, cmap=BITS, vmin=0, vmax=most)
        saved = _show(line[3], gain, found.stride, pair, cmap=SAVED, vmin=-limit, vmax=limit)
        line[1].set_title(f"jointly\n{joint.sum() / 8:,.0f} bytes, {found.joint_psnr_db[view]:.2f} dB")
        line[2].set_title(f"partner turned\n{separate.sum() / 8:,.0f} bytes, {found.separate_psnr_db[view]:.2f} dB")
        line[3].set_title(f"saved: {100 * found.saved_by_view[view]:.1f} %")
    figure.colorbar(shade, ax=axes[:, 2], label="bits per position", shrink=0.7)
    figure.colorbar(saved, ax=axes[:, 3], label="bits saved per position", shrink=0.7)
    return figure


def disparity_figure(
    pair: np.ndarray, found: np.ndarray, truth: np.ndarray, stride: int, *, title: str = "read from attention"
):
    """Show the left view, its true disparity, and a disparity per position beside it, in the same colours.

    pair: uint8 (2, h, w, 3).   found: (h', w') in pixels, one for each square of `stride` pixels.   truth: (h, w) in
    pixels, NaN where unknown (left blank). Returns a matplotlib Figure.
    """
    figure, (view, true, read) = _row_of(pair, 3, 1)
    most = float(np.nanmax(truth)) if np.isfinite(truth).any() else float(found.max())
    view.imshow(pair[0])
    view.set_title("left view")
    true.imshow(truth, cmap=DEPTH, vmin=0, vmax=most)
    true.set_title("true disparity")
    shade = _show(read, found, stride, pair, cmap=DEPTH, vmin=0, vmax=most)
    read.set_title(title)
    figure.colorbar(shade, ax=[true, read], label="pixels", shrink=0.8)
    return figure


def _show(axis, values: np.ndarray, stride: int, pair: np.ndarray, **look):
    """Draw a map of a padded view (h', w') where it belongs on the view, and no further than that."""
    height, width = pair.shape[1:3]
    extent = (-0.5, values.shape[1] * stride - 0.5, values.shape[0] * stride - 0.5, -0.5)
    shade = axis.imshow(values, extent=extent, interpolation="nearest", **look)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return shade


def _row_of(pair: np.ndarray, columns: int, rows: int):
    """A figure with `rows` x `columns` axes without ticks, each shaped like a view."""
    import matplotlib.pyplot as plt

    height, width = pair.shape[1:3]
    across = SHEET / columns  # inches
    size = (SHEET, rows * (0.9 * across * height / width + 0.4))  # a colour bar takes its part of the width
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    for axis in np.ravel(axes):
        axis.set_axis_off()
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure, axes
