"""What an explorer shows keeps its numbers: maps in colours with a scale, tables with their best in bold."""

from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.plots.chart import Chart, Line
from lic_lab.plots.grid import font
from lic_lab.plots.views import Picture, Table, heat, still


@pytest.fixture
def table():
    rows = [["JPEG", "1,200", "30.1"], ["AVIF <x>", "needs more"]]
    return Table(("Codec", "bytes", "PSNR, dB"), rows, "At 0.5 bpp", {(0, 2)}, ["#8a8a8a", ""], ["AB", ""])


def test_a_picture_keeps_its_pixels_and_says_its_words():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    picture = Picture(image, "Title", "a note")
    assert np.array_equal(picture.image, image) and picture.said == "Title. a note"
    assert Picture(image, alt="stars").said == "stars"


def test_a_drawn_table_gives_long_words_what_short_ones_spare():
    """Else they are written smaller and smaller, and at last over their neighbours."""
    words = "a column of words that needs far more than its share"
    drawn = {
        head: Table(("name", head, "b", "c"), [("one", cell, "2", "3")]) for head, cell in (("a", words), ("b", "1"))
    }
    ends = {head: table._ends(500) for head, table in drawn.items()}
    widths = {head: np.diff(found) for head, found in ends.items()}
    assert widths["a"][0] >= font(12, bold=True).getlength(words) and ends["a"][-1] == pytest.approx(500)
    assert np.ptp(widths["b"]) < 1e-9 and ends["b"][-1] == pytest.approx(500)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_picture_is_refused_with_the_mend(image):
    with pytest.raises(LicLabError, match="use heat for maps"):
        Picture(image)


def test_small_pictures_are_magnified_by_whole_pixels_in_a_still():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    drawn = np.asarray(Picture(image).draw(30))
    assert np.array_equal(drawn[:20, :28], image.repeat(4, 0).repeat(4, 1))


def test_heat_goes_from_the_first_colour_to_the_last_and_says_what_they_stand_for():
    found = heat(torch.tensor([[0.0, 1.0], [2.0, 4.0]]), unit="bits", cmap="gray")
    assert found.image[..., 0].tolist() == [[0, 64], [128, 255]]
    assert found.scale[:3] == (0, 4, "bits") and (found.scale.colors[0], found.scale.colors[-1]) == (
        "#000000",
        "#ffffff",
    )


def test_heat_holds_what_is_beyond_its_ends_and_greys_what_is_no_number():
    found = heat([[-5, 0.5, 9, float("nan")]], low=0, high=1, cmap="gray")
    assert found.image[0, :, 0].tolist() == [0, 128, 255, 128]
    assert heat(np.full((2, 2), 3.0)).image.shape == (2, 2, 3)  # a flat map has no range
    assert heat(np.full((2, 2), np.nan)).scale[:2] == (0, 1)


def test_a_low_end_of_zero_is_kept():
    assert heat([[2.0, 3.0]], low=0).scale.low == 0


def test_a_table_is_well_formed_with_its_best_in_bold_and_short_rows_filled(table):
    root = ElementTree.fromstring(table.html())
    assert [th.text for th in root.iter("th")][:3] == ["Codec", "bytes", "PSNR, dB"]
    cells = [(td.text, td.attrib.get("class"), td.attrib.get("colspan")) for td in root.iter("td")]
    assert cells == [("1,200", None, None), ("30.1", "lic-best", None), ("needs more", "lic-none", "2")]
    assert [span.text for span in root.iter("span") if span.attrib["class"] == "lic-side"] == ["A", "B"]


def test_only_a_long_cell_may_take_several_lines():
    html = Table(("what", "said"), [["a", "1,200 bytes"], ["b", "no difference that three seeds would show"]]).html()
    assert html.count('class="lic-words"') == 1 and '<td class="lic-words">no difference' in html


def test_every_view_can_be_drawn_at_a_width(table):
    import matplotlib.pyplot as plt

    chart = Chart([Line([1, 2], [3, 4], "one")], "x", "y")
    for view in (Picture(np.zeros((9, 9), np.uint8), "t", "n"), heat(np.eye(4), title="t", unit="u"), chart, table):
        assert still(view, 210).width == 210
    assert still(plt.figure(), 210).width == 210


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(LicLabError, match="a str cannot be shown"):
        still("words", 100)
