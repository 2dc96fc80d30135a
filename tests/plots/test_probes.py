"""The figures of probes show the numbers they are given, where they belong."""

import numpy as np
import pytest
import torch

from lic_lab.blocks.wavelet import Attention
from lic_lab.errors import LicLabError
from lic_lab.plots.bitmaps import bits_figure
from lic_lab.plots.correlation import correlation_figure
from lic_lab.plots.gates import gates_figure
from lic_lab.plots.palette import style
from lic_lab.plots.receptive_field import field_figure
from lic_lab.plots.spectrum import (
    OUTPUT,
    PATHS,
    amplitude_figure,
    depth_figure,
    hybrid_blocks,
    path_style,
    paths_figure,
    spectrum_figure,
)
from lic_lab.probes.bitmaps import BitMap
from lic_lab.probes.spectrum import BlockSpectrum


@pytest.fixture
def blocks():
    return [
        BlockSpectrum(f"a.{n}", f"conv {n}", np.full((8, 8), float(n)), np.array([3.0, 2, 1, -n]), (-3.0 - n,) * 2)
        for n in range(3)
    ]  # fmt: skip


def test_a_spectrum_is_drawn_relative_absolute_and_by_depth(blocks):
    relative, absolute, depth = spectrum_figure(blocks, name="cmamba").axes
    assert [line.get_ydata()[-1] for line in relative.lines] == [-3, -4, -5]
    assert [line.get_ydata()[0] for line in absolute.lines] == [3, 3, 3]
    assert list(depth.lines[0].get_xdata()) == [0, 0.5, 1] and list(depth.lines[0].get_ydata()) == [-3, -4, -5]


def test_several_models_are_told_apart_by_their_colours(blocks):
    axis = depth_figure({"charm": blocks, "cmamba": blocks}).axes[0]
    drawn = {line.get_label(): line.get_color() for line in axis.lines if len(line.get_xdata()) == 3}
    assert drawn == {style(name).label: style(name).color for name in ("charm", "cmamba")}


def test_a_twin_is_drawn_broken_and_the_spread_over_pictures_as_a_bar():
    one = BlockSpectrum("a", "conv", None, np.array([3.0, 1]), (-1.0, -3.0))
    axis = depth_figure({"charm": [one, one], "charm, untrained": [one, one]}).axes[0]
    drawn = {line.get_label(): line for line in axis.lines}
    label, twin = style("charm").label, "ChARM, untrained"  # not "learned"
    assert drawn[twin].get_linestyle() == "--" and drawn[label].get_linestyle() == "-"
    assert drawn[label].get_color() == drawn[twin].get_color()
    ends = axis.collections[0].get_segments()[0][:, 1]
    assert ends == pytest.approx([-2 - 2**0.5, -2 + 2**0.5])


def test_of_a_silent_block_no_delta_is_drawn(blocks):
    nothing = BlockSpectrum("a.3", "GELU", None, np.full(4, np.log(1e-6)), (0.0, 0.0))
    line = depth_figure({"charm": [*blocks, nothing]}).axes[0].lines[0]
    assert list(np.isnan(line.get_ydata())) == [False, False, False, True]


@pytest.fixture
def hybrid():
    """Blocks a.0 and a.1, the second with two paths inside."""
    names = {"a.0": ("conv", ""), "a.1.ssm": ("SSM path", "a.1"), "a.1.cnn": ("CNN path", "a.1"), "a.1": ("Mix", "")}
    return [
        BlockSpectrum(path, name, np.zeros((8, 8)), np.array([2.0, -n]), (-2.0 - n, -n), (-1.0, -1.0 - n), block)
        for n, (path, (name, block)) in enumerate(names.items())
    ]


def test_paths_are_drawn_for_each_hybrid_block_with_delta_and_tilt(hybrid):
    curves, deltas, tilts = paths_figure(hybrid).axes
    assert [line.get_ydata()[-1] for line in curves.lines] == [-3, -4, -5]
    assert [line.get_color() for line in curves.lines] == [PATHS["SSM"], PATHS["CNN"], OUTPUT]
    assert [label.get_text() for label in deltas.get_yticklabels()] == ["SSM path", "CNN path", "block"]
    for axis, expected in ((deltas, [-2, -3, -4]), (tilts, [-1.5, -2, -2.5])):
        assert [bar.lines[0].get_xdata()[0] for bar in axis.containers] == expected


def test_paths_are_grouped_by_block_with_the_block_last_and_left_out_of_the_other_figures(hybrid):
    assert [[one.path for one in group] for group in hybrid_blocks(hybrid).values()] == [["a.1.ssm", "a.1.cnn", "a.1"]]
    assert len(spectrum_figure(hybrid).axes[0].lines) == 2
    assert list(depth_figure({"cmamba": hybrid}).axes[0].lines[0].get_xdata()) == [0, 1]
    with pytest.raises(LicLabError, match="no block has paths inside"):
        paths_figure(hybrid[:1])


def test_what_a_path_adds_is_broken_and_what_it_is_given_is_dotted():
    assert path_style("SSM adds") == (PATHS["SSM"], "--") and path_style("before the CNN") == (PATHS["CNN"], ":")
    assert path_style("fusion") == (PATHS["fusion"], "-") and path_style("block adds") == (OUTPUT, "--")


def test_all_spectra_share_their_colours_and_those_without_a_map_are_left_out(blocks):
    figure = amplitude_figure([*blocks, BlockSpectrum("p", "n", None, np.zeros(4), (0.0,))])
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(shown) == 3 and {image.get_clim() for image in shown} == {(0.0, 2.0)}
    with pytest.raises(LicLabError, match="no common spectrum"):
        amplitude_figure([BlockSpectrum("p", "n", None, np.zeros(4), (0.0,))])
    with pytest.raises(LicLabError, match="no spectrum to draw"):
        spectrum_figure([])


def test_the_middle_of_a_correlation_does_not_set_the_colours():
    values = np.zeros((5, 5))
    values[2, 2], values[2, 3], values[0, 0] = 1, 0.25, -0.001
    axis = correlation_figure(values).axes[0]
    assert axis.images[0].get_clim() == (-0.25, 0.25) and values[2, 2] == 1
    texts = [text.get_text() for text in axis.texts]
    assert texts.count("1") == 1 and ".25" in texts and "-.00" not in texts


@pytest.mark.parametrize("views", [1, 2])
def test_bits_are_shown_by_position_and_by_channel_for_each_view(views):
    y = torch.zeros(views, 3, 4, 6, dtype=torch.float64)
    y[0, 1, 2, 3], y[0, 2, 0, 0] = 80, 8
    picture = np.zeros((60, 90, 3) if views == 1 else (2, 60, 90, 3), np.uint8)
    axes = bits_figure(picture, BitMap(y, torch.full((views,), 24.0, dtype=torch.float64), 200)).axes
    places, channels = axes[1], axes[2]
    assert places.images[0].get_array()[2, 3] == 81  # one of 24 bits of the side latent is here
    assert places.get_xlim() == (-0.5, 89.5)
    assert [bar.get_height() for bar in channels.patches] == [10, 1, 0]
    assert "1 of 3 channels take half" in channels.get_title()
    assert sum(bool(axis.images) and axis.get_title() != "" for axis in axes) == 2 * views


def test_a_field_is_shown_where_it_is_with_the_squares_that_hold_it():
    weights = torch.zeros(100, 120)
    weights[50:53, 60:63] = 1.0
    weights[51, 61] = 30.0
    axis = field_figure(weights).axes[0]
    assert axis.get_xlim() == (60 - 16 - 0.5, 62 + 16 + 0.5) and axis.get_ylim() == (68.5, 33.5)
    assert [square.get_width() for square in axis.patches] == [1, 3]
    assert [square.get_x() + square.get_width() / 2 for square in axis.patches] == [61, 61]


def test_rough_lines_of_many_blocks_are_thin_enough_to_see_through(blocks):
    for axis in spectrum_figure(blocks).axes[:2]:
        assert all(line.get_linewidth() < 1 and line.get_alpha() < 1 for line in axis.lines)
        assert [line.is_dashed() for line in axis.lines] == [False, True, False]


def test_a_gate_is_drawn_where_it_was_measured_and_not_in_the_padding():
    picture = np.zeros((100, 200, 3), np.uint8)  # padded to 128 x 256: 8 x 16 positions, of which 7 x 13 touch it
    gate = torch.full((1, 3, 8, 16), 0.3)
    gate[..., :7, :13] = 1.0
    found = Attention(gate, torch.zeros(1, 3, 1, 1), torch.zeros_like(gate), torch.full((4, 3), 0.25))
    _, places, channels, _ = gates_figure(picture, {"attention": found}).axes
    (shown,) = places.images
    assert shown.get_extent() == [-0.5, 207.5, 111.5, -0.5] and (shown.get_array() == 1).all()
    assert [bar.get_height() for bar in channels.patches] == [1, 1, 1]
