"""The receptive-field clicker in plain Python: places, layers, models and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from lic_lab.blocks.scan2d import BiScanBlock
from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import shipped
from lic_lab.models.presets import build
from lic_lab.plots.palette import style
from lic_lab.plots.views import Chart, Picture, Table, heat
from lic_lab.probes.receptive_field import effective_side, gradient_map
from lic_lab.widgets.field_clicker import BLOCK, FieldClicker, colors, field_picture, inside_squares, layers, transforms


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (130, 128, 3), np.uint8)


@pytest.fixture
def narrow():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 5, 2, 2), nn.GELU(), nn.Conv2d(4, 6, 5, 2, 2))


@pytest.fixture
def wide(narrow):
    return nn.Sequential(*narrow, BiScanBlock(6, state=2, expand=1))


@pytest.fixture
def clicker(narrow, wide, picture):
    return FieldClicker({"narrow": narrow, "wide": wide}, picture, side=128)


class Through(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(x[:, :, ::2, ::2])


def kinds(clicker):
    return [type(view) for view in clicker.views]


def rows(clicker):
    return {row[0]: row[1:] for row in clicker.views[-1].rows}


def test_each_model_has_its_map_and_all_share_a_chart_and_a_table(clicker):
    assert kinds(clicker) == [Picture, Picture, Chart, Table]
    assert [view.title for view in clicker.views[:2]] == ["narrow", "wide"]
    assert clicker.views[0].image.shape == (128, 128, 3)


def test_a_convolution_ends_and_a_scan_does_not(clicker):
    narrow, wide = (clicker.field(label, "output", (64, 64)) for label in ("narrow", "wide"))
    assert (narrow > 0).float().mean() < 0.02 and (wide > 0).float().mean() > 0.9
    assert rows(clicker)["narrow"][-1] == "0.00%" and rows(clicker)["wide"][-1] != "0.00%"


def test_the_map_is_that_of_the_probe_at_the_feature_over_the_middle_of_the_mark(clicker, narrow):
    clicker.controls["place"].value = (32, 80)
    right = gradient_map(narrow, clicker.x, at=((32 + BLOCK // 2) // 4, (80 + BLOCK // 2) // 4))
    assert torch.equal(clicker.field("narrow", "output", (32, 80)), right)


def test_a_click_elsewhere_moves_the_field(clicker):
    clicker.controls["place"].value = (16, 96)
    seen = clicker.field("narrow", "output", (16, 96)).nonzero().float()
    assert abs(seen.mean(0) - torch.tensor([24.0, 104.0])).max() < 3


def test_what_was_clicked_once_is_remembered(clicker, monkeypatch):
    clicker.controls["place"].value = (16, 16)
    clicker.controls["place"].value = (64, 64)
    monkeypatch.setattr("lic_lab.widgets.field_clicker.gradient_map", None)
    clicker.controls["place"].value = (16, 16)
    clicker.controls["log"].value = False
    assert "TypeError" not in clicker.status.value and clicker.views[0].scale.high == 1.0


def test_only_the_last_maps_are_remembered(clicker, monkeypatch):
    monkeypatch.setattr("lic_lab.widgets.field_clicker.KEPT", 4)
    for column in (0, 16, 32, 48):
        clicker.controls["place"].value = (0, column)
    assert {place for _, _, place in clicker.maps} == {(0, 32), (0, 48)}


def test_all_that_is_seen_lies_in_the_largest_square(clicker):
    for line in clicker.views[-2].lines:
        assert np.isclose(line.y[-1], 100) and (np.diff(line.y) >= -1e-9).all()


def test_a_map_shows_the_field_with_its_largest_value_1_and_two_empty_squares():
    field = torch.rand(41, 41, generator=torch.Generator().manual_seed(0)) ** 4 / 50
    plain = heat(field / field.max(), low=0.0, high=1.0).image
    image = field_picture(field, (20, 20), log=False, title="").image
    rows, columns = np.indices(field.shape)
    reach = np.maximum(abs(rows - 20), abs(columns - 20))
    sides = [effective_side(field, share, at=(20, 20)) for share in (0.5, 0.9)]
    assert set(reach[(image != plain).any(axis=-1)]) == {side // 2 + 1 for side in sides}


def test_an_earlier_layer_sees_less(clicker):
    clicker.controls["layer"].value = 2
    assert (clicker.field("narrow", 2, (64, 64)) > 0).sum() <= 25
    assert rows(clicker)["narrow"][1] <= "5"


def test_a_model_without_that_layer_is_left_out_and_the_table_says_so(picture, narrow):
    clicker = FieldClicker({"deep": narrow, "flat": nn.Conv2d(3, 4, 4, 4)}, picture, side=128)
    clicker.controls["layer"].value = 2
    assert [view.title for view in clicker.views[:-2]] == ["deep"]
    assert rows(clicker)["flat"] == ["has no layer of this size"] and "alert" not in clicker.status.value


def test_where_nothing_can_be_shown_the_status_says_what_to_do_and_the_views_stay(picture, narrow):
    clicker = FieldClicker({"deep": narrow, "flat": nn.Conv2d(3, 4, 4, 4)}, picture, side=128)
    clicker.controls["layer"].value = 2
    before = clicker.views
    clicker.controls["model_0"].value = False
    assert "switch on deep" in clicker.status.value and clicker.views == before
    clicker.controls["model_0"].value = True
    assert "switch on" not in clicker.status.value


def test_the_squares_hold_what_they_say():
    field = torch.zeros(21, 21)
    field[10, 10], field[10, 13], field[0, 0] = 6.0, 3.0, 1.0
    sides, shares = inside_squares(field, (10, 10))
    assert dict(zip(sides.tolist(), shares.round(6).tolist(), strict=True))[7] == 0.9
    assert shares[0] == 0.6 and shares[-1] == 1.0


def test_a_codec_by_name_and_a_model_give_their_analysis(picture):
    (name,) = shipped()[:1]
    assert transforms({"a": name})["a"] is transforms({"a": transforms({"a": name})["a"]})["a"]
    model = build("asymmetric", "tiny")
    whole = transforms({"a": model})["a"]
    assert list(whole) == [model.analysis, model.attention]


@pytest.mark.parametrize("name", ["charm", "cmamba", "asymmetric", "bimamba", "csm"])
def test_every_model_has_layers_at_every_size(name):
    found = layers(transforms({name: build(name, "tiny")})[name], torch.rand(1, 3, 64, 64))
    assert set(found) == {"output", 2, 4, 8} and found["output"][1] == 16


def test_by_default_the_shipped_models_of_single_pictures_are_looked_into():
    labels = list(transforms(None))
    assert style("charm").label in labels and style("bisic").label not in labels and len(labels) <= 3


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"models": {}}, "give models"),
        ({"models": ["charm"]}, "by their labels"),
        ({"models": {"pairs": "bisic"}}, "single ones"),
        ({"models": {"ten": nn.Conv2d(10, 3, 3)}}, "cannot read a picture"),
        ({"models": {"cut": Through(lambda x: x.detach())}}, "passes no gradient on"),
        ({"models": {"nan": Through(lambda x: x * float("nan"))}}, "nan is no number"),
        ({"side": 64.0}, "multiple of 64"),
        ({"models": {"jpeg": "jpeg"}}, "give a learned codec"),
        ({"models": {"pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())}}, "gives no map of features"),
        ({"side": 100}, "multiple of 64"),
        ({"side": 192}, "has no 192 x 192"),
    ],
)
def test_what_cannot_be_looked_into_is_refused_with_the_mend(picture, narrow, given, mend):
    with pytest.raises(LicLabError, match=mend):
        FieldClicker(**{"models": {"narrow": narrow}, "picture": picture, "side": 128, **given})


def test_a_codec_keeps_its_colour_and_no_two_lines_share_one():
    labels = ["charm", "windows", "CMamba (learned)", "charm (untrained)", "cmamba2"]
    found = colors(labels)
    assert found["charm"] == style("charm").color and found["CMamba (learned)"] == style("cmamba").color
    assert len(set(found.values())) == len(labels)


def test_the_squares_are_drawn_around_the_place_that_was_clicked(clicker):
    clicker.controls["place"].value = (16, 96)
    field = clicker.field("narrow", "output", (16, 96))
    reach = effective_side(field, 0.9, at=(24, 104)) // 2 + 1
    image = clicker.views[0].image
    corners = [image[24 + y * reach, 104 + x * reach] for y in (-1, 1) for x in (-1, 1)]
    assert all(tuple(corner) == (255, 255, 255) for corner in corners)
    assert f"90% in {2 * reach - 1} x {2 * reach - 1} px" in clicker.views[0].note


def test_the_poster_names_the_models_and_the_place(clicker):
    assert clicker.poster()[:4] == b"\x89PNG"
