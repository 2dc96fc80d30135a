"""Rate-distortion curves run by rising rate and wear their codec's style."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from matplotlib.colors import to_hex

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style
from lic_lab.plots.rd import looks, rd_chart, rd_figure, rd_panels, rd_points


def published(name="published:vtm", rates=(0.1, 0.5, 5.0)):
    """Points of a published curve that goes on far beyond what was measured."""
    same = {"image": "mean", "source": "somebody's table", "ms_ssim": None}
    return [SimpleNamespace(codec=name, bpp=bpp, psnr_db=27 + 9 * bpp, **same) for bpp in rates]


@pytest.fixture
def rows():
    return [
        SimpleNamespace(codec=codec, image=image, bpp=bpp, psnr_db=25 + 9 * bpp, ms_ssim=0.8 + bpp / 10)
        for codec in ("jpeg", "charm")
        for image in ("one", "two")
        for bpp in (0.5, 0.1, 0.9)
    ]


def test_points_are_sorted_by_rate_and_kept_apart_by_codec_and_picture(rows):
    points = rd_points(rows, "ms_ssim")
    assert len(points) == 4
    assert [bpp for bpp, _ in points["jpeg", "two"]] == [0.1, 0.5, 0.9]


def test_every_codec_has_its_own_colour_and_one_entry_in_the_legend(rows):
    axes = rd_figure(rows).axes[0]
    assert {to_hex(line.get_color()) for line in axes.lines} == {style("jpeg").color, style("charm").color}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ChARM (learned)", "JPEG"]


def test_the_axes_carry_units(rows):
    axes = rd_figure(rows).axes[0]
    assert axes.get_xlabel() == "Rate (bits per pixel of the whole file)" and axes.get_ylabel() == "PSNR (dB)"


def test_an_unknown_metric_is_refused_with_the_choice(rows):
    with pytest.raises(LicLabError, match="psnr_db"):
        rd_figure(rows, metric="vmaf")


def test_the_svg_draws_every_point_and_enlarges_those_at_the_present_rate(rows):
    svg = rd_chart(rows, here=0.6).svg()
    assert svg.count("<circle") == len(rows) and svg.count('r="5.5"') == 4  # 0.5 bpp is the last at or below 0.6
    assert svg.count("<polyline") == 4


def test_the_svg_is_well_formed_names_itself_and_takes_the_colour_of_the_page(rows):
    root = ElementTree.fromstring(rd_chart(rows, metric="ms_ssim", bold=["jpeg"]).svg())
    assert root.attrib["aria-label"] == "MS-SSIM against bits per pixel"
    fills = {node.attrib.get("fill") for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert fills == {"currentColor"}


def test_points_without_a_number_are_left_out_of_the_svg(rows):
    for row in rows[:3]:
        row.ms_ssim = float("nan")
    assert rd_chart(rows, metric="ms_ssim").svg().count("<circle") == len(rows) - 3
    assert rd_chart(rows[:3], metric="ms_ssim").svg() == ""


def test_one_single_point_can_be_drawn(rows):
    assert rd_chart(rows[:1]).svg().count("<circle") == 1


def test_published_curves_are_thin_dotted_hollow_and_named_as_such(rows):
    axes = rd_figure([*rows, *published()]).axes[0]
    line = next(line for line in axes.lines if line.get_label() == "vtm (published)")
    assert (
        line.get_linestyle() == ":"
        and line.get_markerfacecolor() == "none"
        and to_hex(line.get_color()) == style("vtm").color
    )
    assert line.get_linewidth() < min(other.get_linewidth() for other in axes.lines if other is not line)


def test_measured_classical_curves_are_broken_and_filled_so_that_none_looks_published(rows):
    line = next(line for line in rd_figure([*rows, *published()]).axes[0].lines if line.get_label() == "JPEG")
    assert line.get_linestyle() == "--" and line.get_markerfacecolor() == style("jpeg").color


def test_published_curves_are_dotted_and_hollow_in_the_svg_too(rows):
    svg = rd_chart([*rows, *published()]).svg()
    (curve,) = re.findall(r"<g[^>]*><title>vtm \(published\).*?</g>", svg)
    assert 'stroke-dasharray="1 3"' in curve and curve.count('fill="none"') == 1 + curve.count("<circle") == 4
    assert svg.count('stroke-dasharray="5 3"') == 2  # JPEG, of two pictures


def test_the_figure_reaches_as_far_as_was_measured_and_shows_the_published_alone_whole(rows):
    assert rd_figure([*rows, *published()]).axes[0].get_xlim()[1] < 1
    assert rd_figure(published()).axes[0].get_xlim()[1] > 5


def test_strangers_of_one_figure_get_colours_that_nobody_else_has_there():
    names = ["jpeg", "charm", "runs/mine", "published:lalic", "published:lalic:ms-ssim", "published:elic2022@paper"]
    found = looks(names)
    assert len({look.color for look in found.values()}) == len(names)
    assert found["published:lalic:ms-ssim"].label == "lalic, ms-ssim (published)"
    assert found["jpeg"] == style("jpeg") and list(found)[-1].startswith("published:")


def test_panels_share_a_legend_name_their_sources_and_say_why_one_is_empty(rows):
    curves = {"psnr_db": [*rows, *published()], "ms_ssim": rows}
    figure = rd_panels(curves, title="zoo", missing={"lpips": "no weights"}, note="mind the gap")
    assert [axes.get_ylabel() for axes in figure.axes] == ["PSNR (dB)", "MS-SSIM", "LPIPS (lower is better)"]
    assert [text.get_text() for text in figure.axes[2].texts] == ["no weights"] and not figure.axes[2].lines
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ChARM (learned)", "JPEG", "vtm (published)"]
    assert figure.get_supxlabel() == "mind the gap\nvtm: somebody's table"


def test_points_that_are_infinite_or_missing_are_not_drawn(rows):
    rows[0].psnr_db, rows[1].psnr_db = float("inf"), None
    drawn = sum(len(line.get_xdata()) for line in rd_figure(rows).axes[0].lines)
    assert drawn == len(rows) - 2
