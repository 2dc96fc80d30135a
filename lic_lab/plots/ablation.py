"""What the variants of a model lose or gain, every seed a dot, beside how far the model lies from itself."""

from __future__ import annotations

from lic_lab.evaluation.ablation import Ablation, Spread
from lic_lab.evaluation.ablation_tables import spread_text
from lic_lab.evaluation.variants import FULL
from lic_lab.plots.palette import style

NOISE = "#59636e"
LABELS = {
    "psnr_db": "{}",
    "ms_ssim_db": "BD-rate of MS-SSIM",
    "objective": "R + lambda D of held-out crops",
    "decode_seconds": "time of decoding",
}
"""Measure of an ablation -> what the axis is called; "{}" stands for what its gaps are."""


def ablation_figure(found: Ablation, *, measure: str = "psnr_db", title: str = ""):
    """Draw the gap of each variant against `full`: a dot per seed, a tick at the mean, a bar of one standard deviation.

    measure: see `evaluation.ablation.MEASURES`. The grey band is what `full` of one seed lies from `full` of another.
    To the right is worse. Returns a matplotlib Figure that a notebook shows and `figure.savefig` writes.
    """
    import matplotlib.pyplot as plt

    rows = [row for row in found.summary() if row["variant"] != FULL]
    values = {row["variant"]: list(found.gaps(row["variant"], measure).values()) for row in rows}
    figure, axes = plt.subplots(figsize=(8.4, 1.5 + 0.42 * max(len(rows), 2)), layout="constrained")
    axes.axvline(0, color=NOISE, lw=1)
    if noise := found.between_seeds(measure):
        far = max(abs(noise.least), abs(noise.most))
        axes.axvspan(-far, far, color=NOISE, alpha=0.15, lw=0, label=f"{FULL}, seed against seed")
    color = style(found.settings["model"]).color
    for place, row in enumerate(rows):
        _row(axes, place, values[row["variant"]], color)
    axes.set_yticks(range(len(rows)), [row["variant"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    label = LABELS[measure].format(found.gap_name)
    axes.set_xlabel(f"{label} against {FULL} of the same seed, %  (left is better)")
    _numbers(axes, rows, values)
    settings = found.settings
    seeds = f"{len(settings['seeds'])} seeds" if len(settings["seeds"]) > 1 else "one seed, no spread"
    axes.set_title(title or f"{settings['model']}, preset {settings['preset']}, {seeds}", loc="left")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if noise:
        axes.legend(
            frameon=False, fontsize=9, handlelength=1.2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2
        )
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def _row(axes, place: int, values: list[float], color: str) -> None:
    """One variant: its bar, its mean and its seeds."""
    if (gaps := Spread.of(values)) is None:
        axes.text(0, place, "  no number", va="center", color=NOISE)
        return
    if gaps.std is not None:
        axes.plot([gaps.mean - gaps.std, gaps.mean + gaps.std], [place, place], color=color, lw=5, alpha=0.3)
    axes.plot(gaps.mean, place, "|", color=color, ms=16, mew=2.5)
    axes.plot(values, [place] * len(values), "o", mec=color, mfc="white", ms=6, mew=1.5)


def _numbers(axes, rows: list[dict], values: dict[str, list[float]]) -> None:
    """To the right of each variant, what is drawn, and what the variant costs."""
    side = axes.secondary_yaxis("right")
    drawn = (spread_text(Spread.of(values[row["variant"]]), "{:+.1f}") for row in rows)
    side.set_yticks(range(len(rows)), [f"{said} %{_work(row)}" for said, row in zip(drawn, rows, strict=True)])
    side.tick_params(length=0, labelsize=9)
    side.spines["right"].set_visible(False)


def _work(row: dict) -> str:
    parameters = f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] >= 1e6 else f"{row['parameters'] / 1e3:.0f} k"
    macs = "" if row["decode_kmac"] is None else f", {row['decode_kmac']:.3g} kMAC/px"
    return f"   {parameters}{macs}"
