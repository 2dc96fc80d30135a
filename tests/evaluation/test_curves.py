"""Curves: one quality for all pictures, real bytes, and BD-rates that say what the curves say."""

import math

import numpy as np
import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation import curves


@pytest.fixture(scope="module")
def images():
    rng, grid = np.random.default_rng(0), np.mgrid[0:96, 0:128].sum(0)[..., None]
    return {name: np.clip(grid + rng.normal(0, 12, (96, 128, 3)), 0, 255).astype(np.uint8) for name in "ab"}


@pytest.fixture(scope="module")
def rows(images):
    return curves.measure_curves(images, ["jpeg", "jpeg2000"], targets=(0.8, 1.2, 1.8, 2.5, 3.5))


def test_every_quality_is_measured_on_every_picture(rows, images):
    jpeg = [row for row in rows if row["codec"] == "jpeg"]
    assert len({row["quality"] for row in jpeg}) * len(images) == len(jpeg)
    assert all(row["bpp"] == pytest.approx(8 * row["bytes"] / (96 * 128)) for row in rows)


def test_a_codec_against_itself_differs_by_nothing_and_signs_are_opposite(rows):
    table = curves.bd_table(rows)
    assert table["jpeg"]["jpeg"] == pytest.approx(0, abs=1e-6)
    there, back = table["jpeg"]["jpeg2000"] / 100, table["jpeg2000"]["jpeg"] / 100
    assert (1 + there) * (1 + back) == pytest.approx(1, abs=1e-6)


def test_rows_survive_a_file(rows, tmp_path):
    curves.write_rows(rows, tmp_path / "rd.csv")
    again = curves.read_rows(tmp_path / "rd.csv")
    assert [row["bytes"] for row in again] == [row["bytes"] for row in rows]
    assert curves.bd_table(again)["jpeg2000"]["jpeg"] == pytest.approx(
        curves.bd_table(rows)["jpeg2000"]["jpeg"], abs=0.05
    )


def test_rates_a_codec_cannot_reach_are_left_out_and_none_at_all_is_an_error(images):
    few = curves.measure_curves(images, ["jpeg"], targets=(1e-4, 1.5))
    assert len({row["quality"] for row in few}) == 1
    with pytest.raises(LicLabError, match="reaches none"):
        curves.measure_curves(images, ["jpeg"], targets=(1e-4,))


def test_curves_that_share_nothing_have_no_number(rows):
    best = [dict(row, codec="other", psnr_db=row["psnr_db"] + 60) for row in rows if row["codec"] == "jpeg"]
    assert math.isnan(curves.bd_table([*rows, *best])["other"]["jpeg"])


def test_another_table_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LicLabError, match="columns must be"):
        curves.read_rows(tmp_path / "x.csv")
