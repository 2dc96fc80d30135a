"""The figure of an ablation has a line for each variant, a dot for each seed, and the noise of the seeds behind."""

import pytest

from lic_lab.evaluation.ablation import Ablation, Run
from lic_lab.plots.ablation import ablation_figure


def made(curves, seeds):
    """An ablation of variants whose files take so many percent more bits at equal quality: variant -> by seed."""
    runs = []
    for seed in seeds:
        for variant, more in curves.items():
            rows = [
                {"image": "one", "quality": float(q), "bpp": (1 + more[seed] / 100) * 2.0 ** (q - 3),
                 "psnr_db": 28 + 2.5 * q, "ms_ssim": None, "encode_seconds": 0.1, "decode_seconds": 0.1}
                for q in range(5)
            ]  # fmt: skip
            work = {"parameters": 96_000, "encode_kmac": 0.8, "decode_kmac": 0.75}
            runs.append(Run(variant, seed, {}, work, "", 1.0, 2.0, rows))
    settings = {
        "model": "cmamba",
        "preset": "tiny",
        "lambda": None,
        "data": ["d"],
        "seeds": list(seeds),
        "pictures": ["one"],
    }
    return Ablation(settings, runs)


def dots(axes):
    return [sorted(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]


def test_every_seed_is_a_dot_at_its_bd_rate():
    curves = {"full": [0, 2], "less": [10, 12], "more": [-5, -3]}
    axes = ablation_figure(made(curves, (0, 1))).axes[0]
    less, more = dots(axes)
    assert less == pytest.approx(sorted([10, 100 * (1.12 / 1.02 - 1)]))
    assert more == pytest.approx(sorted([-5, 100 * (0.97 / 1.02 - 1)]))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["less", "more"]


@pytest.mark.parametrize("seeds, far", [([0, 2], 2), ([0, -2], 2), ([0, 1, -2], 100 * (1 - 0.98 / 1.01))])
def test_the_band_is_as_wide_as_the_full_model_lies_from_itself(seeds, far):
    axes = ablation_figure(made({"full": seeds, "less": [10, 12, 11]}, range(len(seeds)))).axes[0]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-far, far))


def test_one_seed_has_no_band_and_the_title_says_so():
    axes = ablation_figure(made({"full": [0], "less": [10]}, (0,))).axes[0]
    assert not axes.patches and "one seed, no spread" in axes.get_title("left")


def test_a_variant_without_numbers_is_named_and_not_drawn():
    found = made({"full": [0, 2], "less": [10, 12]}, (0, 1))
    for run in found.of("less"):
        run.failed, run.rows = "the loss is not a number", []
    axes = ablation_figure(found).axes[0]
    assert not dots(axes) and any("no number" in text.get_text() for text in axes.texts)


def test_another_measure_moves_the_dots_and_the_words_of_the_axis():
    found = made({"full": [0, 2], "less": [10, 12]}, (0, 1))
    for run in found.of("less"):
        run.objective = 1.5 + 0.1 * run.seed
    axes = ablation_figure(found, measure="objective").axes[0]
    assert dots(axes) == [pytest.approx([50, 60])]
    assert "held-out crops" in axes.get_xlabel() and "BD-rate" not in axes.get_xlabel()
