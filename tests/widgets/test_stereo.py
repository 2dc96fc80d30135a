"""The stereo explorer without a browser: marks, maps and numbers are those of the pair, the probes and real files."""

import numpy as np
import pytest
import torch

from lic_lab.datasets.stereo import StereoPair
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.attention import attention_disparity, attention_paths, cross_attention
from lic_lab.probes.disparity import block_matching, matching_costs, seen_by_both
from lic_lab.probes.stereo import joint_coding
from lic_lab.widgets.stereo import LAYERS, SIDE, VIEWS, StereoExplorer, motorcycle_crop


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("bisic", "tiny").eval()


@pytest.fixture(scope="module")
def pair():
    return motorcycle_crop(200, 260, 96, 128)


@pytest.fixture
def explorer(model, pair):
    return StereoExplorer(model, pair, most=50)


def move(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    assert 'role="alert"' not in explorer.status.value, explorer.status.value
    return explorer.views


def test_the_point_and_its_row_are_marked_on_the_right(explorer, pair):
    partner, shown, _, table = move(explorer, place=(40, 80))
    row = 40 + SIDE // 2
    assert (partner.image[row, :20] == 255).all() and (partner.image[row - 1, :20] == 0).all()
    assert np.array_equal(partner.image[: row - 12], pair.right[: row - 12])
    assert np.array_equal(shown.image, pair.left)
    assert table.caption == f"Row {row}, column {80 + SIDE // 2} of the left view"


def test_the_disparities_of_the_point_are_those_of_truth_matching_and_attention(explorer, model, pair):
    views = np.stack([pair.left, pair.right])
    left, right = block_matching(matching_costs(views, 50, SIDE))
    x = torch.from_numpy(views).permute(0, 3, 1, 2)[None] / 255
    path = attention_paths(model)[0]
    found = attention_disparity(cross_attention(model, x, path, rate=explorer.controls["rate"].value), 50)
    stride = 128 // found.shape[1]
    for place in ((40, 80), (8, 100), (60, 20)):
        table = dict(row for row in move(explorer, place=place)[3].rows)
        at = tuple(p + SIDE // 2 for p in place)
        true = f"{pair.disparity[at]:.1f} px" if np.isfinite(pair.disparity[at]) else "unknown"
        assert table["true"] == true and table["matching"] == f"{left[at]:.1f} px"
        assert table["attention"] == f"{found[at[0] // stride, at[1] // stride]:.1f} px"
        assert table["matches both ways"].startswith("yes") == seen_by_both(left, right)[at]


def test_the_chart_holds_the_costs_of_the_point_and_its_best(explorer):
    chart = move(explorer, place=(40, 80))[2]
    (line,) = chart.lines
    assert line.big == int(np.argmin(line.y)) and chart.xlim == (0, 50)
    assert line.y[7] == pytest.approx(explorer.costs[7, 40 + SIDE // 2, 80 + SIDE // 2] / (3 * SIDE**2))


def test_near_the_left_border_only_disparities_with_a_partner_are_drawn(explorer):
    assert len(move(explorer, place=(40, 4))[2].lines[0].x) == 4 + SIDE // 2 + 1


def test_maps_of_bits_are_of_real_files_written_once(explorer, model, pair, monkeypatch):
    expected = joint_coding(model, explorer.x, explorer.controls["rate"].value)
    shown = move(explorer, layer="saved")[1]
    assert f"{expected.saved:.1%} saved" in shown.note
    monkeypatch.setattr(model, "compress", lambda *_: pytest.fail("the files are there already"))
    assert f"{float(expected.joint.sum()) / 8:,.0f} bytes" in move(explorer, layer="joint")[1].note
    assert f"{float(expected.separate.sum()) / 8:,.0f} bytes" in move(explorer, layer="separate")[1].note
    cell = tuple((p + SIDE // 2) // 16 for p in explorer.controls["place"].value)
    assert f"{float(expected.joint[(0, *cell)]):.1f}" == dict(explorer.views[3].rows)["bits, one file"]


def test_another_rate_is_another_set_of_files(explorer):
    before = move(explorer, layer="joint")[1].note
    rate = explorer.controls["rate"]
    assert move(explorer, rate=0 if rate.value else 1)[1].note != before and len(explorer.coded) == 2


@pytest.mark.parametrize("layer", LAYERS.values())
def test_every_map_can_be_seen_over_every_view(explorer, layer):
    sizes = {words: move(explorer, layer=layer, view=view)[1].image.shape for words, view in VIEWS.items()}
    both = (96 if layer == "asked" else 192, 128, 3)
    assert list(sizes.values()) == [(96, 128, 3), (96, 128, 3), both, (96, 128, 3)]


def test_glasses_give_each_eye_its_view(explorer, pair):
    image = move(explorer, view=())[1].image
    assert np.array_equal(image[..., 0], pair.left[..., 0]) and np.array_equal(image[..., 1:], pair.right[..., 1:])


def test_without_truth_none_is_shown(model, pair):
    explorer = StereoExplorer(model, (pair.left, pair.right), most=50)
    assert "true" not in dict(explorer.views[3].rows) and explorer.views[2].here is None
    assert "unknown" in move(explorer, layer="true")[1].note


def test_a_pair_of_an_odd_size_is_shown_whole(model, pair):
    odd = StereoPair(*(part[:75, :101] for part in pair))
    for layer in ("saved", "attention", "asked"):
        assert move(StereoExplorer(model, odd), layer=layer)[1].image.shape == (75, 101, 3)


def test_the_bundled_pair_is_cut_alike_in_both_views_and_its_disparity(pair):
    left, right = block_matching(matching_costs(np.stack([pair.left, pair.right]), 64))
    known = np.isfinite(pair.disparity) & seen_by_both(left, right)
    assert np.median(np.abs(left - pair.disparity)[known]) < 1


def test_a_model_of_single_pictures_is_refused(pair):
    with pytest.raises(LicLabError, match="single pictures: give a stereo model"):
        StereoExplorer(build("charm"), pair)
