import math
from types import SimpleNamespace

import pytest
from rich.console import Console

from lic_lab.codecs import CodecRow
from lic_lab.evaluation.report import average_table, bd_rate_table, codec_table, comparison_table


def row(codec, image, size, psnr_db, ms_ssim=0.9):
    return SimpleNamespace(
        codec=codec, image=image, bytes=size, bpp=size / 1000, psnr_db=psnr_db, ms_ssim=ms_ssim,
        encode_seconds=0.5, decode_seconds=0.25,
    )  # fmt: skip


def lines(table):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return [line.replace("│", " ").split() for line in capture.get().splitlines()]


def test_a_row_shows_its_numbers_with_their_units_in_the_head():
    shown = lines(comparison_table([row("jpeg", "cat", 12345, 31.416, 0.98765)]))
    assert "cat jpeg 12,345 12.3450 31.42 0.9877 0.500 0.250".split() in shown
    assert {"bytes", "bpp", "dB", "encode", "s"} <= {word.strip("┃") for line in shown for word in line}


def test_the_mean_is_over_pictures_and_only_of_codecs_that_coded_all():
    rows = [row("jpeg", "cat", 100, 30.0), row("jpeg", "dog", 300, 40.0), row("webp", "cat", 100, 33.0)]
    shown = lines(comparison_table(rows))
    assert "mean of 2 jpeg 200 0.2000 35.00 0.9000 0.500 0.250".split() in shown
    assert sum("webp" in line for line in shown) == 1


def test_a_missing_ms_ssim_is_a_dash():
    assert "-" in next(
        line for line in lines(comparison_table([row("jpeg", "cat", 9, 30.0, math.nan)])) if "cat" in line
    )


@pytest.mark.parametrize("name", ["[bold]", "photo[1]"])
def test_names_are_shown_as_they_are(name):
    assert any(name in line for line in lines(comparison_table([row("jpeg", name, 9, 30.0)])))


def test_a_codec_that_cannot_run_shows_its_reason():
    there = CodecRow("jpeg", "classical", True, "", "JPEG")
    lost = CodecRow("pair:jxl", "classical", False, "pip install lic-lab[codecs]", "", views=2)
    shown = lines(codec_table([there, lost]))
    assert "jpeg classical pictures yes JPEG".split() in shown
    assert "pair:jxl classical pairs no pip install lic-lab[codecs]".split() in shown


def table_rows(codecs, quality=(1, 2, 3, 4)):
    return [
        {"dataset": "zoo", "codec": c, "image": "cat", "quality": q, "bytes": 9, "bpp": 0.1 * q / 1.1**n,
         "psnr_db": 24.0 + q}
        for n, c in enumerate(codecs) for q in quality
    ]  # fmt: skip


def test_bd_rates_of_all_against_all_fit_into_a_terminal():
    shown = lines(bd_rate_table(table_rows(["jpeg", "[webp]"])))
    assert "[webp] -9.1 +0.0".split() in shown and "jpeg +0.0 +10.0".split() in shown


def test_bd_rates_say_over_which_pictures_they_are_where_some_are_missing():
    rows = table_rows(["jpeg", "webp"])
    rows += [row | {"image": "dog"} for row in rows if row["codec"] == "jpeg"]
    said = " ".join(word for line in lines(bd_rate_table(rows)) for word in line)
    assert "means are over the 1 of 2 pictures that every point has" in said


def test_averages_are_shown_with_the_name_of_the_data_set():
    shown = lines(average_table(table_rows(["jpeg"]), "zoo"))
    assert shown[0][:2] == ["zoo:", "Averages"] and "jpeg 1 0.1000 25.00 9".split() in shown
