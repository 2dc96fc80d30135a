"""The figure of single pictures counts what the table counts."""

import math

from lic_lab.evaluation.shares import shares
from lic_lab.plots.distribution import distribution_figure, points_near


def rows(codecs=("jpeg", "charm"), images=10):
    return [
        {"codec": codec, "image": f"p{i}", "quality": q, "bytes": 100, "bpp": 0.1 * q + 0.01 * i,
         "psnr_db": 20.0 + 3 * q + i / 2, "ssim": math.nan}
        for codec in codecs for i in range(images) for q in (1, 2, 3, 4, 5)
    ]  # fmt: skip


def test_each_codec_is_shown_at_the_quality_nearest_to_the_rate_learned_ones_first():
    found = points_near(rows(), 0.35)
    assert list(found) == ["charm", "jpeg"]
    assert {row["quality"] for at in found.values() for row in at} == {3}


def test_a_panel_for_every_measured_threshold_and_one_of_rate_against_psnr():
    figure = distribution_figure(rows(), title="zoo")
    assert [axes.get_xlabel() for axes in figure.axes] == ["bpp", "PSNR (dB)", "bpp"]
    assert figure.get_suptitle().startswith("zoo: 10 pictures") and "0.4 bpp" in figure.get_suptitle()
    assert [len(line.get_xdata()) for line in figure.axes[-1].lines[:2]] == [10, 10]


def test_the_counts_beside_the_histograms_are_those_of_the_table():
    texts = [text.get_text() for text in distribution_figure(rows()).axes[1].texts]
    quality = points_near(rows(), 0.4)["jpeg"][0]["quality"]
    found = next(row for row in shares(rows()) if row["quality"] == quality and row["criterion"] == "psnr_db > 34")
    assert texts == [f"{found['met']}/{found['pictures']}"] * 2 and found["met"] not in (0, 10)


def test_a_single_picture_and_other_thresholds_can_be_drawn():
    assert len(distribution_figure(rows(images=1), thresholds={"psnr_db": 30}).axes) == 3


def test_a_picture_without_the_number_is_not_counted_beside_its_histogram():
    small = [row | {"ssim": 0.95 if row["image"] < "p4" else math.nan} for row in rows()]
    axes = next(axes for axes in distribution_figure(small).axes if axes.get_xlabel() == "SSIM")
    assert [text.get_text() for text in axes.texts] == ["4/4"] * 2
