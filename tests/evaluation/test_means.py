"""Means are over the same pictures for everybody, and what cannot be compared is not."""

import math
from statistics import fmean

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.evaluation.means import gap, gaps, mean_curves, published_curve, shared_pictures
from lic_lab.metrics.quality import ms_ssim_db


def table(codecs=("jpeg", "webp"), images=("cat", "dog"), qualities=(1, 2, 3, 4, 5), dataset="zoo", gain=1.1):
    """Rows of codecs, each of which saves a little against the one before, of pictures of 768 x 512."""
    return [
        {"dataset": dataset, "codec": codec, "image": image, "quality": q,
         "bytes": 768 * 512 / 8 * 0.1 * q * (1 + 0.2 * i) / gain**c,
         "bpp": 0.1 * q * (1 + 0.2 * i) / gain**c, "psnr_db": 24 + 2 * q - i % 2, "ms_ssim": 1 - 0.2 / q / (1 + i)}
        for c, codec in enumerate(codecs) for i, image in enumerate(images) for q in qualities
    ]  # fmt: skip


def test_a_point_is_the_mean_over_pictures_at_one_quality_by_rising_rate():
    curve = mean_curves(table()[::-1])["jpeg"]
    assert curve.qualities == (1, 2, 3, 4, 5) and curve.pictures == 2 and curve.dataset == "zoo"
    assert curve.bpp[0] == pytest.approx(0.11) and curve.values[0] == pytest.approx(25.5)


def test_ms_ssim_is_averaged_first_and_turned_into_decibels_then():
    curve = mean_curves(table(), "ms_ssim_db")["jpeg"]
    assert curve.values[0] == pytest.approx(ms_ssim_db((0.8 + 0.9) / 2))


def test_a_codec_that_saves_a_tenth_everywhere_has_that_bd_rate_and_itself_none():
    curves = mean_curves(table())
    assert gap(curves["jpeg"], curves["webp"]).bd_rate_pct == pytest.approx(100 * (1 / 1.1 - 1))
    assert gap(curves["jpeg"], curves["jpeg"]).bd_rate_pct == pytest.approx(0, abs=1e-9)


def test_a_picture_that_one_point_lacks_is_left_out_for_everybody_and_the_remark_says_which():
    rows = [row for row in table() if (row["codec"], row["image"], row["quality"]) != ("webp", "dog", 3)]
    pictures, remark = shared_pictures(rows)
    assert pictures == ["cat"] and "webp at quality 3 has 1 of 2" in remark
    assert mean_curves(rows)["jpeg"].values == mean_curves([r for r in rows if r["image"] == "cat"])["jpeg"].values
    assert shared_pictures(table())[1] == ""


def test_pictures_too_small_for_a_metric_leave_its_curve_but_not_the_others():
    rows = [row | ({"ms_ssim": math.nan} if row["image"] == "dog" else {}) for row in table()]
    assert mean_curves(rows, "ms_ssim_db")["jpeg"].pictures == 1
    assert mean_curves(rows)["jpeg"].pictures == 2


@pytest.mark.parametrize("empty", [math.nan, None, ""])
def test_a_metric_that_no_row_has_is_refused_in_one_line(empty):
    with pytest.raises(LicLabError, match="no picture has lpips at every point"):
        mean_curves([row | {"lpips": empty} for row in table()], "lpips")


def test_a_mean_of_other_pictures_is_not_compared_with_a_published_one():
    kodak = mean_curves(table(images=[f"kodim{n:02d}" for n in range(1, 24)]))["jpeg"]
    found = gap(published_curve("vtm"), kodak)
    assert math.isnan(found.bd_rate_pct) and found.note == (
        "other pictures: jpeg is the mean of 23, published:vtm is the mean of 24"
    )
    found = gap(published_curve("vtm"), mean_curves(table())["jpeg"])
    assert math.isnan(found.bd_rate_pct) and "of zoo" in found.note


def test_pictures_that_are_only_called_kodaks_are_not_compared_with_a_published_curve_and_the_note_says_so():
    rows = table(images=[f"kodim{n:02d}" for n in range(1, 25)])
    crops = [row | {"bytes": row["bytes"] * 192 * 164 / (768 * 512)} for row in rows]
    found = gap(published_curve("vtm"), mean_curves(crops)["jpeg"])
    assert math.isnan(found.bd_rate_pct)
    assert found.note == "other pictures: jpeg is of kodak by name only, published:vtm is of kodak"


def test_all_24_kodak_pictures_are_compared_with_a_published_curve():
    kodak = mean_curves(table(images=[f"kodim{n:02d}" for n in range(1, 25)]))["jpeg"]
    found = gap(published_curve("vtm"), kodak)
    assert math.isfinite(found.bd_rate_pct) and found.pictures == 24


def test_a_small_overlap_is_marked_and_its_interval_given():
    rows = table(codecs=["jpeg"]) + [r | {"psnr_db": r["psnr_db"] + 6} for r in table(codecs=["better"])]
    found = gap(*mean_curves(rows).values())
    assert (found.overlap_low_db, found.overlap_high_db) == (31.5, 33.5)
    assert found.note == "small overlap: 25 % of the shorter curve" and found.overlap_pct == pytest.approx(25)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (table(codecs=["jpeg"]) + table(codecs=["few"], qualities=(1, 2, 3)), "few has 3 rising points, 4 are needed"),
        (
            table(codecs=["jpeg"]) + [r | {"psnr_db": r["psnr_db"] + 60} for r in table(codecs=["far"])],
            "the curves share no quality",
        ),
    ],
)
def test_what_has_no_bd_rate_says_why(rows, note):
    found = gap(*mean_curves(rows).values())
    assert math.isnan(found.bd_rate_pct) and found.note == note


def test_a_lossless_point_is_left_out_and_the_rest_compared():
    rows = table() + [row | {"quality": 9, "bpp": 9.0, "psnr_db": math.inf} for row in table(qualities=[5])]
    curves = mean_curves(rows)
    assert gap(*curves.values()).points == 5 and gap(*curves.values()).bd_rate_pct == pytest.approx(100 * (1 / 1.1 - 1))


def test_an_estimated_rate_carries_its_warning_wherever_it_stands():
    found = gap(published_curve("vtm"), published_curve("bimamba@estimated-rate"))
    assert "no file of that size exists" in found.note and math.isfinite(found.bd_rate_pct)


def test_a_published_curve_without_the_metric_says_where_it_comes_from():
    with pytest.raises(LicLabError, match=r"without ms_ssim: .*kodak-lalic"):
        published_curve("lalic", "ms_ssim_db")


def test_gaps_are_taken_of_all_pairs_or_of_the_anchors_named():
    curves = mean_curves(table(codecs="abc"))
    assert len(gaps(curves)) == 9 and [g.anchor for g in gaps(curves, ["b"])] == ["b"] * 3


def test_ms_ssim_that_was_published_in_decibels_carries_a_caution_against_a_mean_taken_first_and_no_other_does():
    mine, decibels = published_curve("vtm", "ms_ssim_db"), published_curve("stf:ms-ssim", "ms_ssim_db")
    caution = gap(mine, decibels).note
    assert "MS-SSIM of published:stf:ms-ssim was published in dB" in caution and caution == gap(decibels, mine).note
    assert "in dB" not in gap(decibels, published_curve("wacnn:ms-ssim", "ms_ssim_db")).note  # averaged alike
    assert "in dB" not in gap(published_curve("vtm"), published_curve("elic2022@paper")).note  # PSNR always is


def test_the_difference_of_the_two_means_on_kodak_is_what_the_caution_says():
    points = {}
    for row in reference.measured():
        if "SUBSET" not in row["settings"]:
            points.setdefault((row["codec"], row["quality"]), []).append(row["ms_ssim"])
    off = [fmean(map(ms_ssim_db, values)) - ms_ssim_db(fmean(values)) for values in points.values()]
    assert len(off) > 100 and f"{min(off):.2f} to {max(off):.2f} dB above" in reference.MEAN_OF_DB
