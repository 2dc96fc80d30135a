"""Curves of one table are read at any rate, over all pictures or one, beside published ones of the same pictures."""

import math

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.means import Curve, mean_curves
from lic_lab.evaluation.reading import MEAN, Curves, nearest, quality_at, read_at
from lic_lab.metrics.bd import bd_rate

PIXELS = 512 * 768


def row(codec, image, quality, bpp, db, **more):
    return {"codec": codec, "image": image, "quality": quality, "bpp": bpp, "psnr_db": db, "dataset": "", **more}


@pytest.fixture
def rows():
    """Two codecs on two pictures; the second needs exactly half the rate at every quality."""
    rates = (0.2, 0.4, 0.8, 1.6)
    return [
        row(codec, image, float(k), rate * factor, 28 + 3 * k + shift)
        for codec, factor in (("jpeg", 1), ("charm", 0.5))
        for image, shift in (("one", 0), ("two", 2))
        for k, rate in enumerate(rates)
    ]


@pytest.fixture
def curve():
    return Curve("jpeg", "psnr_db", "", (10.0, 20.0, 40.0), (0.25, 0.5, 1.0), (30.0, 33.0, 35.0), 1)


def test_a_curve_is_read_at_its_points_and_half_way_between_them_on_a_logarithmic_scale(curve):
    assert read_at(curve, 0.25) == 30 and read_at(curve, 1.0) == 35
    assert read_at(curve, math.sqrt(0.25 * 0.5)) == pytest.approx(31.5)
    assert quality_at(curve, math.sqrt(0.5 * 1.0)) == pytest.approx(30)


@pytest.mark.parametrize("bpp", [0.24, 1.01])
def test_nothing_is_read_beyond_what_was_measured(curve, bpp):
    assert math.isnan(read_at(curve, bpp)) and math.isnan(quality_at(curve, bpp))


def test_the_nearest_point_is_the_nearest_by_ratio(curve):
    assert [nearest(curve, bpp) for bpp in (0.01, 0.34, 0.37, 0.72, 9)] == [0, 0, 1, 2, 2]


def test_curves_are_over_the_mean_of_all_pictures_or_over_one(rows):
    curves = Curves(rows)
    assert curves.measured("psnr_db", MEAN)["jpeg"].values == (29, 32, 35, 38)
    assert curves.measured("psnr_db", "two")["jpeg"].values == (30, 33, 36, 39)
    assert curves.measured("psnr_db") == mean_curves(rows) and curves.pictures == ["one", "two"]


def test_gaps_are_the_bd_rates_against_the_anchor(rows):
    curves = Curves(rows)
    for picture in (MEAN, "one"):
        mine = curves.measured("psnr_db", picture)
        gaps = curves.gaps("psnr_db", "jpeg", picture)
        assert gaps["charm"].bd_rate_pct == pytest.approx(-50)
        assert gaps["charm"].bd_rate_pct == bd_rate(*mine["jpeg"].rising(), *mine["charm"].rising())
    assert not curves.gaps("psnr_db", "unheard-of")


def test_ms_ssim_is_there_only_where_it_was_measured_and_compared_in_decibels(rows):
    assert Curves(rows).metrics == ["psnr_db"]
    with_it = [r | {"ms_ssim": 1 - 0.1 / (1 + r["quality"])} for r in rows]
    curves = Curves(with_it)
    assert curves.metrics == ["psnr_db", "ms_ssim", "ms_ssim_db"]
    plain, decibels = (curves.gaps(metric, "jpeg")["charm"] for metric in ("ms_ssim", "ms_ssim_db"))
    assert plain == decibels and plain.metric == "ms_ssim_db"


def kodak(codec="jpeg"):
    """Rows that have Kodak's names and sizes."""
    return [
        row(codec, f"kodim{n:02}", float(q), bpp, 25 + 10 * bpp, bytes=bpp * PIXELS / 8)
        for n in range(1, 25)
        for q, bpp in enumerate((0.125, 0.25, 0.5, 1.0))
    ]


def test_published_curves_stand_beside_means_of_the_same_pictures_only(rows):
    curves = Curves(kodak(), ["vtm", "unheard-of"])
    assert curves.published == ["published:vtm"]
    assert set(curves.others("psnr_db")) == {"published:vtm"} and not curves.others("psnr_db", "kodim01")
    assert curves.gaps("psnr_db", "jpeg")["published:vtm"].bd_rate_pct < 0
    assert "published:vtm" not in curves.gaps("psnr_db", "jpeg", "kodim01")
    assert not Curves(rows, ["vtm"]).published


def test_a_published_curve_can_be_the_anchor(rows):
    gaps = Curves(kodak(), ["vtm"]).gaps("psnr_db", "published:vtm")
    assert gaps["jpeg"].bd_rate_pct > 0 and gaps["published:vtm"].bd_rate_pct == pytest.approx(0)


def test_nothing_is_computed_twice(rows):
    curves = Curves(rows)
    assert curves.measured("psnr_db") is curves.measured("psnr_db")
    assert curves.gaps("psnr_db", "jpeg") is curves.gaps("psnr_db", "jpeg")


@pytest.mark.parametrize("bpp", [0.0, -1.0, math.nan])
def test_a_file_of_no_bits_is_refused(rows, bpp):
    with pytest.raises(LicLabError, match="jpeg of one has no rate above 0"):
        Curves([rows[0] | {"bpp": bpp}, *rows[1:]])
