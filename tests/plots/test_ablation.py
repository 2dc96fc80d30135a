"""The figure of an ablation has a line for each variant, a dot for each seed, and the noise of the seeds behind."""

import pytest

from lic_lab.evaluation.ablation import Ablation, Run
from lic_lab.plots.ablation import ablation_chart


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


def dots(chart):
    """The seeds of each variant that has some, from the first one down."""
    return [sorted(line.x) for line in chart.lines if line.hollow]


def edges(chart):
    """The places of the broken lines."""
    return sorted(line.x[0] for line in chart.lines if line.dash == "--")


def test_every_seed_is_a_dot_at_its_bd_rate_beside_the_name_of_its_variant():
    curves = {"full": [0, 2], "less": [10, 12], "more": [-5, -3]}
    chart = ablation_chart(made(curves, (0, 1)))
    less, more = dots(chart)
    assert less == pytest.approx(sorted([10, 100 * (1.12 / 1.02 - 1)]))
    assert more == pytest.approx(sorted([-5, 100 * (0.97 / 1.02 - 1)]))
    assert [name.split()[0] for name in chart.y_names.values()] == ["less", "more"]
    assert list(chart.y_names) == sorted(chart.y_names, reverse=True)


def test_the_bar_reaches_one_standard_deviation_to_each_side_of_the_mean():
    chart = ablation_chart(made({"full": [0, 0], "less": [10, 14]}, (0, 1)))
    (bar,) = (line for line in chart.lines if line.width == 3)
    assert bar.x == pytest.approx([12 - 8**0.5, 12 + 8**0.5])
    assert chart.y_names[0] == "less  +12.0 ± 2.8 %"


@pytest.mark.parametrize("seeds, far", [([0, 2], 2), ([0, -2], 2), ([0, 1, -2], 100 * (1 - 0.98 / 1.01))])
def test_the_broken_lines_are_as_far_out_as_the_full_model_lies_from_itself(seeds, far):
    chart = ablation_chart(made({"full": seeds, "less": [10, 12, 11]}, range(len(seeds))))
    assert edges(chart) == pytest.approx([-far, far])


def test_one_seed_has_no_such_lines_and_the_title_says_so():
    chart = ablation_chart(made({"full": [0], "less": [10]}, (0,)))
    assert not edges(chart) and "one seed, no spread" in chart.title


def test_a_variant_without_numbers_is_named_and_not_drawn():
    found = made({"full": [0, 2], "less": [10, 12]}, (0, 1))
    for run in found.of("less"):
        run.failed, run.rows = "the loss is not a number", []
    chart = ablation_chart(found)
    assert not dots(chart) and chart.y_names[0] == "less  no number" in chart.svg()


def test_another_measure_moves_the_dots_and_the_words_of_the_axis():
    found = made({"full": [0, 2], "less": [10, 12]}, (0, 1))
    for run in found.of("less"):
        run.objective = 1.5 + 0.1 * run.seed
    chart = ablation_chart(found, measure="objective")
    assert dots(chart) == [pytest.approx([50, 60])]
    assert "held-out crops" in chart.x and "BD-rate" not in chart.x
