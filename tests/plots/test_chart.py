"""A chart says the same live and still: every point, the units, and nothing that its axes cannot show."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from lic_lab.errors import LicLabError
from lic_lab.plots.chart import Chart, Line, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def chart():
    first = Line([1, 2, 3], [10, 100, 1000], "first", "#2b8cf0", dots=True, big=1)
    return Chart([first, Line([1, 3], [20, 30], "second <b>", dash="--")], "time (s)", "size (bytes)", "Growth", here=2)


def texts(svg: str) -> list[str]:
    return [node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_svg_is_well_formed_and_names_axes_curves_and_itself(chart):
    svg = chart.svg()
    assert {"time (s)", "size (bytes)", "Growth", "first", "second <b>"} <= set(texts(svg))
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "Growth: size (bytes) against time (s)"


def test_points_stand_where_their_numbers_are(chart):
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', chart.svg())
    x, y, radius = (np.array(column, float) for column in zip(*circles[:3], strict=True))
    assert x[2] - x[1] == pytest.approx(x[1] - x[0], abs=0.2) and (np.diff(y) < 0).all()
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx(90 / 990, abs=0.01)
    assert radius[1] > radius[0] == radius[2]


def test_a_logarithmic_axis_puts_equal_factors_at_equal_distances(chart):
    log = Chart(chart.lines, chart.x, chart.y, log_y=True)
    y = np.array(re.findall(r'cy="([\d.]+)"', log.svg())[:3], float)
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.2)
    assert {"10", "100", "1000"} <= set(texts(log.svg()))


def test_what_an_axis_cannot_show_leaves_a_gap():
    line = Line([0, 1, 2, 3, 4, 5], [1, 2, float("nan"), 4, -5, 6], dots=True)
    assert Chart([line], "x", "y").svg().count("<polyline") == 2
    assert Chart([line], "x", "y", log_x=True, log_y=True).svg().count("<circle") == 3  # not at 0, NaN and -5
    assert Chart([Line([0, 1], [-1, -2])], "x", "y", log_y=True).svg() == ""


def test_colours_of_text_and_axes_are_those_of_the_page(chart):
    root = ElementTree.fromstring(chart.svg())
    assert {node.attrib["fill"] for node in root.iter(f"{SVG}text")} == {"currentColor"}


def test_a_single_point_and_a_flat_line_can_be_drawn():
    assert Chart([Line([1], [5], dots=True)], "x", "y").svg().count("<circle") == 1
    assert "nan" not in Chart([Line([1, 2, 3], [4, 4, 4])], "x", "y").svg()


def test_the_still_picture_has_the_same_axes_and_the_width_asked_for(chart):
    axes = chart.figure().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("time (s)", "size (bytes)", "Growth")
    assert chart.draw(300).width == 300


def test_the_still_picture_of_logarithmic_axes_reaches_as_far_as_the_curves(chart):
    low, high = Chart(chart.lines, "x", "y", log_y=True).figure().axes[0].get_ylim()
    assert 1 < low <= 10 and 1000 <= high < 10_000


def test_a_line_that_does_not_fit_together_is_refused():
    with pytest.raises(LicLabError, match="3 places and 2 values"):
        Line([1, 2, 3], [1, 2])
    with pytest.raises(LicLabError, match="no dash"):
        Line([1], [1], dash="dotted")


def test_ticks_are_round_and_between_four_and_eight():
    for low, high in ((0, 1), (-3.7, 12), (1e-6, 3e-6), (27, 44.2)):
        found = ticks(low, high)
        assert 4 <= len(found) <= 9 and low - 1e-9 <= found[0] and found[-1] <= high + 1e-9


def test_a_large_point_of_a_hollow_line_is_hollow_live_and_still():
    chart = Chart([Line([1], [2], "variant", "#0e7c3f", width=0, dots=True, hollow=True, big=0)], "x", "y")
    assert 'r="5.5" fill="none" stroke="#0e7c3f"' in chart.svg()
    assert {line.get_markerfacecolor() for line in chart.figure().axes[0].lines} == {"none"}


def test_words_stand_on_the_y_axis_in_place_of_numbers_with_room_for_the_longest():
    rows = Chart([Line([1, 2], [0, 1])], "x", "y", y_names={0: "a name that is long", 1: "b & c"})
    svg = rows.svg()
    assert "a name that is long" in svg and "b &amp; c" in svg
    assert 'd="M132 ' in svg  # the axis begins to the right of 19 letters
    assert [label.get_text() for label in rows.figure().axes[0].get_yticklabels()] == ["a name that is long", "b & c"]


@pytest.mark.parametrize("value", [1e17, -1e17, 1e9, 0.0, 5e-324])
def test_a_flat_line_of_any_height_stands_in_the_middle_with_ticks_around_it(value):
    svg = Chart([Line([1, 2], [value, value], dots=True)], "x", "y").svg()
    y = {float(place) for place in re.findall(r'cy="([\d.]+)"', svg)}
    assert len(y) == 1 and 100 < y.pop() < 150 and len(set(texts(svg))) > 6
    assert Chart([Line([1, 2], [1, 2])], "x", "y", xlim=(value, value)).svg()


def test_a_place_that_the_axis_does_not_have_is_not_marked():
    line = Line([1, 2], [1, 2])
    for log, here, marks in ((True, 0, 0), (True, -1, 0), (False, float("nan"), 0), (True, 1.5, 1), (False, 0, 1)):
        chart = Chart([line], "x", "y", log_x=log, here=here)
        assert chart.svg().count('opacity=".45"') == marks
        assert len(chart.figure().axes[0].lines) == 1 + marks


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_logarithmic_axis_from_zero_is_refused(axis):
    with pytest.raises(LicLabError, match=f"begins above 0, and {axis}lim is"):
        Chart([Line([1, 2], [1, 2])], "x", "y", **{f"log_{axis}": True, f"{axis}lim": (0, 3)})
