"""Counts of pictures are counts, and wins at equal rate are wins at equal rate."""

import math

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.shares import count, low_rate, meets, shares


def rows(codec="jpeg", images=24, gain=1.0, qualities=(1, 2, 3, 4), **more):
    """Pictures of which number i has 24 + i/4 + 3 q dB at 0.1 q bpp."""
    return [
        {"codec": codec, "image": f"p{i:02d}", "quality": q, "bytes": 100 * q, "bpp": 0.1 * q / gain,
         "psnr_db": 24 + i / 4 + 3 * q, "ssim": 1 - 0.2 / q, "ms_ssim": 1 - 0.1 / q} | more
        for i in range(images) for q in qualities
    ]  # fmt: skip


def by_criterion(found, quality):
    return {row["criterion"]: row for row in found if row["quality"] == quality}


def test_a_share_is_a_count_of_pictures_over_all_pictures():
    found = by_criterion(shares(rows()), 3)  # 33 dB and i/4 more: above 34 from the sixth picture on
    assert (found["psnr_db > 34"]["met"], found["psnr_db > 34"]["pictures"]) == (19, 24)
    assert found["psnr_db > 34"]["share_pct"] == pytest.approx(100 * 19 / 24)
    assert found["ssim > 0.9"]["met"] == 24 and found["bpp < 0.4"]["met"] == 24


def test_all_at_once_counts_pictures_that_meet_every_threshold():
    found = by_criterion(shares(rows()), 4)  # 36 dB for all, 0.95, but 0.4 bpp is not less than 0.4
    assert found["psnr_db > 34"]["met"] == 24 and found["bpp < 0.4"]["met"] == 0 and found["all"]["met"] == 0


def test_thresholds_are_free_and_columns_that_were_not_measured_are_left_out():
    found = by_criterion(shares(rows(), {"psnr_db": 30, "lpips": 0.2}), 2)
    assert set(found) == {"psnr_db > 30"} and found["psnr_db > 30"]["met"] == 23
    with pytest.raises(LicLabError, match="no row has any of lpips"):
        shares(rows(), {"lpips": 0.2})


def test_meeting_a_threshold_is_strict_and_a_missing_number_meets_none():
    assert not meets({"psnr_db": 34.0}, "psnr_db", 34) and meets({"psnr_db": 34.01}, "psnr_db", 34)
    assert meets({"lpips": 0.1}, "lpips", 0.2) and not meets({"lpips": math.nan}, "lpips", 0.2)
    assert not meets({}, "bpp", 0.4)


@pytest.mark.parametrize(
    ("met", "pictures", "said"),
    [(17, 24, "17 of 24 (70.8 %)"), (24, 24, "24 of 24 (100 %)"), (0, 24, "0 of 24 (0 %)"),
     (2999, 3000, "2999 of 3000 (99.9 %)"), (1, 9999, "1 of 9999 (0.1 %)")],
)  # fmt: skip
def test_a_share_is_said_with_its_count_and_only_all_are_a_hundred_percent(met, pictures, said):
    assert count(met, pictures) == said


def test_at_equal_rate_the_codec_that_needs_half_the_bits_wins_by_what_doubling_the_rate_gives():
    found = {(r["codec"], r["baseline"]): r for r in low_rate(rows() + rows("half", gain=2.0), limit=0.35)}
    ahead, behind = found["half", "jpeg"], found["jpeg", "half"]
    # half at 0.1, 0.15, 0.2 bpp has 30, 33, 36 dB where jpeg has 27, about 28.8 and 30: at 0.05 jpeg has no point
    on_the_line = 27 + 3 * math.log(1.5) / math.log(2)
    assert ahead["compared"] == 72 and ahead["files"] == 96
    assert ahead["psnr_db"] == pytest.approx((3 + 33 - on_the_line + 6) / 3) and ahead["psnr_db_won"] == 72
    assert behind["psnr_db"] < 0 and behind["psnr_db_won"] == 0 and behind["compared"] == 48


def test_less_lpips_is_a_win_and_its_difference_keeps_its_sign():
    both = rows(lpips=0.3) + rows("kind", lpips=0.2)
    found = next(r for r in low_rate(both) if r["codec"] == "kind")
    assert found["lpips"] == pytest.approx(-0.1) and found["lpips_won"] == found["compared"] == 96


def test_rates_above_the_limit_and_pictures_outside_of_the_range_are_not_compared():
    far = rows("far", gain=0.01)
    assert {r["codec"] for r in low_rate(rows() + far)} == {"jpeg"}
    (found,) = low_rate(rows() + far)
    assert found["compared"] == 0 and math.isnan(found["psnr_db"])


def test_pictures_without_a_number_count_for_no_threshold_of_it_and_the_others_as_before():
    small = [row | ({"ms_ssim": math.nan} if row["image"] < "p12" else {}) for row in rows()]
    found = by_criterion(shares(small, {"psnr_db": 34, "ms_ssim": 0.9}), 4)
    assert [(found[name]["met"], found[name]["pictures"]) for name in found] == [(24, 24), (12, 12), (12, 12)]
    assert found["ms_ssim > 0.9"]["share_pct"] == 100
    none = [row | ({"ms_ssim": math.nan} if row["quality"] == 4 else {}) for row in rows()]
    assert by_criterion(shares(none, {"ms_ssim": 0.9}), 4)["ms_ssim > 0.9"]["pictures"] == 0 and count(0, 0) == "-"


def test_ms_ssim_at_equal_rate_is_read_in_decibels_on_the_line_and_counts_the_files_that_have_it():
    """From 10 dB at 0.1 bpp to 30 dB at 0.4, 0.2 bpp is half way: 20 dB, where a line of MS-SSIM itself has 13."""
    line = [{"bpp": 0.1, "ms_ssim": 0.9}, {"bpp": 0.4, "ms_ssim": 0.999}]
    same = {"quality": 1, "psnr_db": 30.0}
    both = [{"codec": "jpeg", "image": image} | same | point for image in "ab" for point in line]
    both += [{"codec": "mine", "image": "a", "bpp": 0.2, "ms_ssim": 1 - 10**-2.1} | same]
    both += [{"codec": "mine", "image": "b", "bpp": 0.2, "ms_ssim": None} | same]
    found = next(row for row in low_rate(both) if row["codec"] == "mine")
    assert found["ms_ssim"] == pytest.approx(1)
    assert (found["compared"], found["ms_ssim_compared"], found["ms_ssim_won"]) == (2, 1, 1)
