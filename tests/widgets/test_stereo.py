"""The stereo explorer without a browser: marks, maps and numbers are those of the pair, the probes and real files."""

import numpy as np
import pytest
import torch

from lic_lab.datasets.stereo import StereoPair
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.attention import (
    attention_disparity,
    attention_paths,
    cross_attention,
    searched_disparity,
    searched_shares,
)
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


@pytest.fixture(scope="module")
def searching():
    torch.manual_seed(0)
    return build("bisic", "lab").eval()


def test_of_a_model_that_searches_the_point_shows_what_is_found_and_mixed(searching, pair):
    explorer = StereoExplorer(searching, pair, most=50)
    partner, shown, _, mixed, table = move(explorer, place=(40, 80), layer="search", view=(0, 1))
    rate, block = explorer.controls["rate"].value, tuple((p + SIDE // 2) // 16 for p in (40, 80))
    shares = searched_shares(searching, explorer.x, rate=rate)[(0, slice(None), *block)].numpy()
    assert np.allclose(mixed.lines[0].y, shares) and list(mixed.lines[0].x) == list(range(0, 96, 4))
    found = searched_disparity(searching, explorer.x, rate=rate)
    assert dict(table.rows)["search"] == f"{found[(0, *block)]:.1f} px" and "search" in partner.note
    maps, _ = explorer.maps("search", attention_paths(searching)[0], rate)
    assert all(np.array_equal(view[8::16, 8::16], blocks[:6, :8]) for view, blocks in zip(maps, found, strict=True))
    assert shown.image.shape == (192, 128, 3) and "24 movements" in shown.note


def test_a_model_without_a_search_offers_no_map_of_it(explorer):
    assert "search" not in dict(explorer.views[3].rows) and len(explorer.views) == 4
    assert "search" not in [value for _, value in explorer.controls["layer"].options]


@pytest.mark.parametrize("layer", sorted(set(LAYERS.values()) - {"search"}))
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


def test_of_a_small_wide_pair_each_pixel_wears_the_value_of_its_own_position(model):
    views = np.random.default_rng(0).integers(0, 256, (2, 20, 150, 3), np.uint8)
    explorer = StereoExplorer(model, views)
    found = joint_coding(model, explorer.x, explorer.controls["rate"].value)
    (left, right), _ = explorer.maps("joint", attention_paths(model)[0], explorer.controls["rate"].value)
    assert left.shape == right.shape == (20, 150)
    for values, bits in ((left, found.joint[0]), (right, found.joint[1])):
        assert [values[y, x] for y, x in ((0, 0), (15, 15), (16, 17), (19, 149))] == pytest.approx(
            [float(bits[y // 16, x // 16]) for y, x in ((0, 0), (15, 15), (16, 17), (19, 149))]
        )
    assert move(explorer, layer="asked")[1].image.shape == (20, 150, 3)


def test_each_view_wears_its_own_map_and_fewer_bits_are_positive(explorer, pair):
    block, rate = attention_paths(explorer.model)[0], explorer.controls["rate"].value
    matched = block_matching(matching_costs(np.stack([pair.left, pair.right]), 50, SIDE))
    assert all(map(np.array_equal, explorer.maps("matching", block, rate)[0], matched))
    saved, joint, separate = (explorer.maps(layer, block, rate)[0] for layer in ("saved", "joint", "separate"))
    assert all(np.allclose(saved[v], separate[v] - joint[v]) for v in (0, 1))
    assert not np.allclose(joint[0], joint[1])
    left, right = explorer.maps("both", block, rate)[0]
    assert np.array_equal(left, seen_by_both(*matched))
    columns = np.arange(right.shape[1]) + matched[1]
    there = np.take_along_axis(matched[0], columns.clip(max=right.shape[1] - 1), axis=1)
    assert np.array_equal(right, (columns < right.shape[1]) & (np.abs(there - matched[1]) <= 1))


def test_marks_of_truth_matching_and_attention_can_be_told_apart_at_one_place(explorer):
    image = explorer.partner((40, 80), {"true": 10.0, "matching": 10.0, "attention": 10.0}).image
    assert {tuple(color) for color in image[28:53, 57:84].reshape(-1, 3)} >= {(240, 160, 32), (64, 176, 255)}
    assert tuple(image[40 - 10, 70]) == (255, 255, 255) and tuple(image[40 - 6, 70]) == (240, 160, 32)


def test_a_disparity_of_another_size_and_views_too_large_to_match_are_refused(model, pair):
    with pytest.raises(LicLabError, match="128 x 96 pixels, but a disparity of shape"):
        StereoExplorer(model, pair._replace(disparity=pair.disparity[:50]))
    with pytest.raises(LicLabError, match="too large to match: give a window"):
        StereoExplorer(model, np.zeros((2, 1500, 1500, 3), np.uint8))


def test_the_bundled_pair_is_cut_alike_in_both_views_and_its_disparity(pair):
    left, right = block_matching(matching_costs(np.stack([pair.left, pair.right]), 64))
    known = np.isfinite(pair.disparity) & seen_by_both(left, right)
    assert np.median(np.abs(left - pair.disparity)[known]) < 1


def test_a_model_of_single_pictures_is_refused(pair):
    with pytest.raises(LicLabError, match="single pictures: give a stereo model"):
        StereoExplorer(build("charm"), pair)
