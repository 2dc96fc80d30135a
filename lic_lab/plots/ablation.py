"""What the variants of a model lose or gain, every seed a dot, beside how far the model lies from itself."""

from __future__ import annotations

from lic_lab.evaluation.ablation import Ablation, Spread
from lic_lab.evaluation.ablation_tables import spread_text
from lic_lab.evaluation.variants import FULL
from lic_lab.plots.chart import Chart, Line
from lic_lab.plots.palette import style

NOISE = "#59636e"
LABELS = {
    "psnr_db": "{}",
    "ms_ssim_db": "BD-rate of MS-SSIM",
    "objective": "R + lambda D of held-out crops",
    "decode_seconds": "time of decoding",
}
"""Measure of an ablation -> what the axis is called; "{}" stands for what its gaps are."""


def ablation_chart(found: Ablation, *, measure: str = "psnr_db", title: str = "") -> Chart:
    """Draw the gap of each variant against `full`: a ring per seed, a dot at the mean, a bar of one standard deviation.

    measure: see `evaluation.ablation.MEASURES`. Between the broken lines lies what `full` of one seed differs from
    `full` of another. To the right is worse.
    """
    variants = [variant for variant in found.variants if variant != FULL]
    values = {variant: list(found.gaps(variant, measure).values()) for variant in variants}
    names, color = {}, style(found.settings["model"]).color
    top, bottom = 0.6, 0.4 - max(len(variants), 2)
    lines = [Line([0, 0], [bottom, top], color="ink", width=1)]
    if noise := found.between_seeds(measure):
        far = max(abs(noise.least), abs(noise.most))
        label = f"{FULL}, seed against seed: within {far:.1f} %"
        lines += [Line([x, x], [bottom, top], word, NOISE, "--") for x, word in ((-far, label), (far, ""))]
    for row, variant in enumerate(variants):
        spread = Spread.of(values[variant])
        names[-row] = f"{variant}  {spread_text(spread, '{:+.1f}')} %" if spread else f"{variant}  no number"
        lines += _row(-row, values[variant], spread, color)
    settings = found.settings
    seeds = f"{len(settings['seeds'])} seeds" if len(settings["seeds"]) > 1 else "one seed, no spread"
    return Chart(
        lines,
        f"{LABELS[measure].format(found.gap_name)} against {FULL}, % (left is better)",
        "variant, mean ± standard deviation",
        title or f"{settings['model']}, preset {settings['preset']}, {seeds}",
        ylim=(bottom, top),
        y_names=names,
    )


def _row(place: float, values: list[float], spread: Spread | None, color: str) -> list[Line]:
    """One variant: its bar, its seeds and its mean."""
    if spread is None:
        return []
    bar = [] if spread.std is None else [spread.mean - spread.std, spread.mean + spread.std]
    return [
        Line(bar, [place] * len(bar), color=color, width=3),
        Line(values, [place] * len(values), color=color, width=0, dots=True, hollow=True),
        Line([spread.mean], [place], color=color, width=0, big=0),
    ]
