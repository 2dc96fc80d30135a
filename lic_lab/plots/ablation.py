"""What the variants of a model lose or gain, every seed a dot, beside how far the model lies from itself."""

from __future__ import annotations

from lic_lab.evaluation.ablation import Ablation, Spread
from lic_lab.evaluation.ablation_tables import spread_text
from lic_lab.evaluation.variants import FULL
from lic_lab.plots.palette import style

NOISE = "#59636e"


def ablation_figure(found: Ablation, *, title: str = ""):
    """Draw the gap of each variant against `full`: a dot per seed, a tick at the mean, a bar of one standard deviation.

    The grey band is what `full` of one seed lies from `full` of another. To the right is worse. Returns a matplotlib
    Figure that a notebook shows and `figure.savefig` writes.
    """
    import matplotlib.pyplot as plt

    rows = [row for row in found.summary() if row["variant"] != FULL]
    figure, axes = plt.subplots(figsize=(8.4, 1.5 + 0.42 * max(len(rows), 2)), layout="constrained")
    axes.axvline(0, color=NOISE, lw=1)
    if noise := found.between_seeds():
        far = max(abs(noise.least), abs(noise.most))
        axes.axvspan(-far, far, color=NOISE, alpha=0.15, lw=0, label=f"{FULL}, seed against seed")
    color = style(found.settings["model"]).color
    for place, row in enumerate(rows):
        _row(axes, place, list(found.gaps(row["variant"]).values()), row["gap_pct"], color)
    axes.set_yticks(range(len(rows)), [row["variant"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"{found.gap_name} against {FULL} of the same seed, %  (left is better)")
    _numbers(axes, rows)
    settings = found.settings
    seeds = f"{len(settings['seeds'])} seeds" if len(settings["seeds"]) > 1 else "one seed, no spread"
    axes.set_title(title or f"{settings['model']}, preset {settings['preset']}, {seeds}", loc="left")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if noise:
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    plt.close(figure)  # the notebook shows the returned figure once, not twice
    return figure


def _row(axes, place: int, values: list[float], gaps: Spread | None, color: str) -> None:
    """One variant: its bar, its mean and its seeds."""
    if gaps is None:
        axes.text(0, place, "  no number", va="center", color=NOISE)
        return
    if gaps.std is not None:
        axes.plot([gaps.mean - gaps.std, gaps.mean + gaps.std], [place, place], color=color, lw=5, alpha=0.3)
    axes.plot(gaps.mean, place, "|", color=color, ms=16, mew=2.5)
    axes.plot(values, [place] * len(values), "o", mec=color, mfc="white", ms=6, mew=1.5)


def _numbers(axes, rows: list[dict]) -> None:
    """To the right of each variant, what is drawn, and what the variant costs."""
    side = axes.secondary_yaxis("right")
    side.set_yticks(range(len(rows)), [f"{spread_text(row['gap_pct'], '{:+.1f}')} %{_work(row)}" for row in rows])
    side.tick_params(length=0, labelsize=9)
    side.spines["right"].set_visible(False)


def _work(row: dict) -> str:
    parameters = f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] >= 1e6 else f"{row['parameters'] / 1e3:.0f} k"
    macs = "" if row["decode_kmac"] is None else f", {row['decode_kmac']:.3g} kMAC/px"
    return f"   {parameters}{macs}"
