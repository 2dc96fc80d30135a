"""Rate-distortion curves as static figures."""

from collections import defaultdict
from collections.abc import Iterable

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style

AXES = {"psnr_db": "PSNR (dB)", "ms_ssim": "MS-SSIM", "ssim": "SSIM", "lpips": "LPIPS (lower is better)"}


def rd_points(rows: Iterable, metric: str = "psnr_db") -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Sort rows into curves: (codec, picture) -> [(bpp, quality), ...] by rising rate.

    rows: records with codec, image, bpp and the metric. Raises LicLabError for an unknown metric.
    """
    if metric not in AXES:
        raise LicLabError(f"unknown metric {metric!r}: choose one of {', '.join(AXES)}")
    curves = defaultdict(list)
    for row in rows:
        curves[row.codec, row.image].append((row.bpp, getattr(row, metric)))
    return {key: sorted(points) for key, points in curves.items()}


def rd_figure(rows: Iterable, *, metric: str = "psnr_db", title: str = "", size: tuple[float, float] = (7.2, 4.4)):
    """Draw quality against rate, one curve per codec and picture; up and to the left is better.

    rows: as for `rd_points`; bpp are bits of the whole file per pixel. size: inches. Returns a matplotlib Figure that a
    notebook shows and `figure.savefig` writes.
    """
    import matplotlib.pyplot as plt

    curves = rd_points(rows, metric)
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    seen = set()
    for (codec, _), points in curves.items():
        look = style(codec)
        label = None if codec in seen else look.label
        seen.add(codec)
        axes.plot(*zip(*points, strict=True), color=look.color, marker=look.marker, ls=look.dash, ms=6, label=label)
    axes.set(xlabel="Rate (bits per pixel of the whole file)", ylabel=AXES[metric], title=title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        axes.legend(frameon=False)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure
