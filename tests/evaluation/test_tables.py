"""Tables say the same in Markdown, LaTeX and CSV, and no name breaks them."""

import csv
import io
import re
from dataclasses import replace

import pytest

from lic_lab.evaluation.means import gaps, mean_curves
from lic_lab.evaluation.shares import low_rate, shares
from lic_lab.evaluation.tables import (
    Sheet,
    averages_sheet,
    bd_sheet,
    bold,
    csv_text,
    low_rate_sheet,
    matrix_sheet,
    shares_sheet,
)


def rows(codecs=("jpeg", "webp", "heif"), images=("cat", "dog")):
    return [
        {"dataset": "zoo", "codec": codec, "image": image, "quality": q, "bytes": 1000 * q, "bpp": 0.1 * q / 1.1**c,
         "psnr_db": 24 + 2 * q, "ssim": 1 - 0.2 / q, "ms_ssim": 1 - 0.1 / q}
        for c, codec in enumerate(codecs) for image in images for q in (1, 2, 3, 4, 5)
    ]  # fmt: skip


def cells(markdown):
    """The rows of the first table of a Markdown text, head first, without the rule."""
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not re.match(r"\|[-:| ]+$", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def latex_rows(text):
    """The rows of a LaTeX table between its rules."""
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)&", line.strip().removesuffix(r"\\"))]
        for line in body.splitlines()
        if line.strip().endswith(r"\\")
    ]


AWKWARD = Sheet(
    "50 % of a_b", ("codec", "PSNR %"), (("a|b_c & d% #1 {x}~^\\", bold("-12.3")), ("<i>*", "+1.0")), ("note_1 & more",)
)


def test_markdown_and_latex_hold_the_same_cells():
    sheet = averages_sheet(rows())
    assert cells(sheet.markdown())[0] == latex_rows(sheet.latex())[0] == list(sheet.head)
    assert cells(sheet.markdown())[1:] == latex_rows(sheet.latex())[1:] == [list(row) for row in sheet.body]


def test_the_latex_float_is_closed_has_rules_and_a_column_for_every_cell():
    text = averages_sheet(rows()).latex()
    opened, closed = re.findall(r"\\begin{(\w+)}", text), re.findall(r"\\end{(\w+)}", text)
    assert opened == ["table", "tabular"] and closed == ["tabular", "table"]
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    (columns,) = re.findall(r"\\begin{tabular}{(\w+)}", text)
    assert {len(row) for row in latex_rows(text)} == {len(columns)} and columns[0] == "l"


def test_latex_escapes_every_special_character_and_keeps_bold():
    text = AWKWARD.latex()
    assert r"a|b\_c \& d\% \#1 \{x\}\textasciitilde{}\^{}\textbackslash{} & \textbf{-12.3} \\" in re.sub(
        " +", " ", text
    )
    assert r"\caption{50 \% of a\_b}" in text and r"note\_1 \& more" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_markdown_escapes_what_would_break_the_table_and_keeps_bold():
    table = cells(AWKWARD.markdown())
    assert table[1] == [r"a\|b_c & d% #1 {x}~^\\", "**-12.3**"] and table[2][0] == r"\<i>\*"


def test_the_averages_are_means_over_pictures_and_leave_out_what_nobody_measured():
    found = cells(averages_sheet(rows()).markdown())
    assert found[0] == ["codec", "quality", "bpp", "PSNR dB", "SSIM", "MS-SSIM", "bytes"]
    assert found[1] == ["jpeg", "1", "0.1000", "26.00", "0.8000", "0.9000", "1,000"] and len(found) == 16


def test_a_picture_that_a_point_lacks_and_one_that_lacks_a_metric_are_said():
    some = [row for row in rows() if (row["codec"], row["image"], row["quality"]) != ("heif", "dog", 2)]
    assert "1 of 2 pictures" in averages_sheet(some).notes[0]
    small = [row | ({"ms_ssim": None} if row["image"] == "dog" else {}) for row in rows()]
    assert averages_sheet(small).notes == ("MS-SSIM: 1 of 2 pictures have it.",)


def test_the_bd_table_shows_percent_interval_and_points_and_the_best_in_bold():
    sheet = bd_sheet(gaps(mean_curves(rows())), "jpeg", {"published:x": "a paper"})
    assert sheet.body[0] == ("webp", "-9.09", "26.00 to 34.00", "5")
    assert sheet.body[1] == ("heif", bold("-17.36"), "26.00 to 34.00", "5")
    assert sheet.notes == ("published:x: a paper",) and "2 pictures" in sheet.caption


def test_a_doubtful_number_is_marked_and_never_the_best():
    few = [row for row in rows() if row["codec"] != "heif" or row["quality"] < 4]
    sheet = bd_sheet(gaps(mean_curves(few)), "jpeg")
    assert sheet.body[1][1] == "- (1)" and sheet.notes == ("(1) heif has 3 rising points, 4 are needed",)
    assert sheet.body[0][1] == bold("-9.09")


def test_the_matrix_has_nought_on_its_diagonal():
    body = matrix_sheet(gaps(mean_curves(rows()))).body
    assert [row[1 + n] for n, row in enumerate(body)] == ["+0.0"] * 3 and body[1][1] == "-9.1"


def test_shares_and_low_rates_become_tables():
    found = cells(shares_sheet(shares(rows())).markdown())
    assert found[0][3:] == ["psnr_db > 34", "ssim > 0.9", r"bpp \< 0.4", "all"] and found[3][4] == "2 of 2 (100 %)"
    low = cells(low_rate_sheet(low_rate(rows(codecs=("jpeg", "webp"))), 0.5).markdown())
    assert low[0][:5] == ["codec", "against", "files compared", "PSNR dB", "won"]
    assert low[2][:3] == ["webp", "jpeg", "8 of 10"] and low[2][3].startswith("+") and low[2][4] == "8 of 8"


def test_csv_keeps_six_digits_and_leaves_cells_of_missing_numbers_empty():
    text = csv_text([{"a": 1.23456789, "b": float("nan"), "c": "x,y"}, {"a": 2, "b": None, "c": ""}])
    assert list(csv.reader(io.StringIO(text))) == [["a", "b", "c"], ["1.23457", "", "x,y"], ["2", "", ""]]


@pytest.mark.parametrize("text", [Sheet("none", ("a",), ()).markdown(), Sheet("none", ("a",), ()).latex()])
def test_a_table_without_rows_still_has_its_head(text):
    assert "none" in text and "a" in text


def test_every_metric_says_how_many_pictures_have_it():
    small = [row | ({"ms_ssim": None} if row["image"] == "dog" else {}) for row in rows()]
    found = gaps(mean_curves(small)) + gaps(mean_curves(small, "ms_ssim_db"))
    assert bd_sheet(found, "jpeg").caption.startswith("BD-rate against jpeg, mean of 2 pictures (MS-SSIM (dB): 1), neg")
    sheet = low_rate_sheet(low_rate(small))
    won = [cell for cell, head in zip(sheet.body[0], sheet.head, strict=True) if head == "won"]
    assert sheet.body[0][2] == "8 of 8" and [cell.partition(" of ")[2] for cell in won] == ["8", "8", "4"]


def test_only_published_curves_against_one_that_was_measured_still_say_its_pictures():
    found = gaps({"jpeg": mean_curves(rows())["jpeg"], "published:x": mean_curves(rows())["webp"]})
    found = [replace(g, codec="published:x", pictures=24) if g.codec == "webp" else g for g in found]
    assert "mean of 2 pictures" in bd_sheet(found, "jpeg").caption
