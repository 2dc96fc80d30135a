"""Tables of measured files and what is made of them: means over the same pictures, and BD-rates that the curves say."""

import math

import pytest

from lic_lab.datasets.bundled import data_path
from lic_lab.errors import LicLabError
from lic_lab.evaluation import curves


def row(codec, image, quality, bpp, db, **more):
    return {"codec": codec, "image": image, "quality": quality, "bytes": 1000 * bpp, "bpp": bpp, "psnr_db": db} | more


def table(codec, gain=0.0, images=("a", "b")):
    """Four points: 3 dB for twice the rate, other pictures other levels."""
    return [
        row(codec, image, quality, 0.1 * 2**quality, 30 + 3 * quality + 2 * number + gain, ms_ssim=1 - 0.1 / 2**quality)
        for quality in range(4)
        for number, image in enumerate(images)
    ]


@pytest.fixture
def rows():
    return [*table("jpeg"), *table("better", gain=3.0)]


def test_three_decibels_that_are_worth_half_the_rate_are_minus_fifty_percent(rows):
    found = curves.bd_table(rows)
    assert found["better"]["jpeg"] == pytest.approx(-50, abs=0.01)
    assert found["jpeg"]["better"] == pytest.approx(100, abs=0.02)
    assert found["jpeg"]["jpeg"] == pytest.approx(0, abs=1e-9)


def test_ms_ssim_is_compared_in_decibels(rows):
    better = [r | {"ms_ssim": 1 - (1 - r["ms_ssim"]) / 2} if r["codec"] == "better" else r for r in rows]
    assert curves.bd_table(better, "ms_ssim")["better"]["jpeg"] == pytest.approx(-50, abs=0.01)


def test_a_picture_that_one_point_lacks_counts_for_nobody(rows):
    hard = [row(r["codec"], "hard", r["quality"], 3 * r["bpp"], r["psnr_db"] - 9) for r in rows if r["image"] == "a"]
    lost = [r for r in hard if (r["codec"], r["quality"]) != ("better", 2)]
    assert curves.bd_table([*rows, *lost]) == curves.bd_table(rows) != curves.bd_table([*rows, *hard])


def test_averages_are_over_the_pictures_that_all_points_of_the_codec_have(rows):
    extra = row("jpeg", "only at one quality", 0, 9.0, 99.0)
    found = {(r["codec"], r["quality"]): r for r in curves.averages([*rows, extra])}
    assert len(found) == 8 and found["jpeg", 0]["pictures"] == 2
    assert found["jpeg", 0]["psnr_db"] == 31 and found["jpeg", 0]["psnr_db_std"] == pytest.approx(math.sqrt(2))
    assert found["jpeg", 1]["bpp"] == pytest.approx(0.2)


def test_a_number_that_some_pictures_lack_says_of_how_many_it_is_the_mean(rows):
    without = [r | {"ms_ssim": None} if r["image"] == "a" else r for r in rows]
    found = curves.averages(without)[0]
    assert (found["pictures"], found["ms_ssim_pictures"], found["lpips_pictures"]) == (2, 1, 0)
    assert found["ms_ssim"] == 0.9 and math.isnan(found["lpips"]) and math.isnan(found["ms_ssim_std"])


def test_data_sets_are_averaged_apart(rows):
    both = [*(r | {"dataset": "one"} for r in rows), *(r | {"dataset": "two", "psnr_db": 50.0} for r in rows)]
    found = {(r["dataset"], r["codec"], r["quality"]): r["psnr_db"] for r in curves.averages(both)}
    assert found["one", "jpeg", 0] == 31 and found["two", "jpeg", 0] == 50 and len(found) == 16


def test_curves_that_share_nothing_have_no_number(rows):
    best = [r | {"codec": "other", "psnr_db": r["psnr_db"] + 60} for r in table("jpeg")]
    assert math.isnan(curves.bd_table([*rows, *best])["other"]["jpeg"])


def test_rows_survive_a_file(rows, tmp_path):
    curves.write_rows([r | {"dataset": "cats", "settings": "a, b"} for r in rows], tmp_path / "rows.csv")
    again = curves.read_rows(tmp_path / "rows.csv")
    assert tuple(again[0]) == curves.FIELDS and again[0]["dataset"] == "cats" and again[0]["settings"] == "a, b"
    assert [r["bytes"] for r in again] == [pytest.approx(r["bytes"], rel=1e-4) for r in rows]
    assert math.isnan(again[0]["lpips"]) and math.isnan(again[0]["peak_memory_mb"])
    assert curves.bd_table(again)["better"]["jpeg"] == pytest.approx(-50, abs=0.05)


@pytest.mark.parametrize("name", ["kodak.csv", "stereo.csv"])
def test_tables_of_before_with_fewer_columns_are_read(name):
    rows = curves.read_rows(data_path("results", name))
    assert tuple(rows[0]) == curves.FIELDS and all(r["bpp"] > 0 and math.isnan(r["estimated_bpp"]) for r in rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "columns must be codec, image"),
        ("codec,image,quality,bytes,bpp,psnr_db,mood\njpeg,a,1,2,3,4,5\n", "columns must be"),
        ("", "columns must be"),
        ("codec,image,quality,bytes,bpp,psnr_db\njpeg,a,1,2,3,4\njpeg,b,1,2,much,4\n", "line 3 of .* no number"),
    ],
)
def test_another_table_is_refused_in_one_line(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(LicLabError, match=words) as caught:
        curves.read_rows(tmp_path / "x.csv")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LicLabError, match=r"absent\.csv: No such file"):
        curves.read_rows(tmp_path / "absent.csv")


def test_a_table_that_a_spreadsheet_has_saved_is_read(rows, tmp_path):
    curves.write_rows(rows, tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    (tmp_path / "saved.csv").write_text(text, encoding="utf-8-sig")
    assert [r["bytes"] for r in curves.read_rows(tmp_path / "saved.csv")] == [r["bytes"] for r in rows]


def test_a_picture_that_a_point_has_twice_is_refused(rows):
    twice = [*(r | {"settings": "old"} for r in rows), rows[0] | {"settings": "new"}]
    for use in (curves.averages, curves.bd_table):
        with pytest.raises(LicLabError, match=r"jpeg at quality 0 has a twice \(old and new\): keep one of them"):
            use(twice)
