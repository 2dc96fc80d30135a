"""The bit explorer without a browser: what it shows adds up to the file, and its choices fit one another."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from lic_lab.datasets.bundled import bundled_images
from lic_lab.entropy import gaussian
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.plots.views import Chart, Picture, Table, heat
from lic_lab.widgets.bits import CHANNELS, POSITIONS, SCALES, SLICE, BitExplorer, promised_sizes, scale_chart

FACE = bundled_images()["astronaut"][100:200, 120:248]  # 100 x 128: padded to 128 x 128


@pytest.fixture(scope="module")
def explorer():
    torch.manual_seed(0)
    models = {name: build(name) for name in ("charm", "asymmetric", "bisic")}
    return BitExplorer(models, {"face": FACE, "pair": np.stack([FACE, FACE[:, ::-1]]), "back": FACE[::-1]})


@pytest.fixture(autouse=True)
def at_the_start(request):
    if "explorer" in request.fixturenames:
        explorer = request.getfixturevalue("explorer")
        for control in explorer.controls.values():
            control.index = 0


def bits(cell: str) -> int:
    return int(cell.replace(",", ""))


def table(explorer) -> Table:
    return explorer.views[-1]


@pytest.mark.parametrize("model", ["charm", "asymmetric", "bisic"])
def test_the_bill_adds_up_to_the_file(explorer, model):
    explorer.controls["model"].value = model
    data, found = explorer.file(model, explorer.controls["picture"].value, 0)
    rows = {row[0]: row for row in table(explorer).rows}
    assert bits(rows["the file"][1]) == 8 * len(data)
    parts = [bits(row[1]) for name, row in rows.items() if name != "the file"]
    assert sum(parts) == pytest.approx(8 * len(data), abs=len(parts))
    assert 0 < parts[-1] < 400  # header, checks and the end of the stream
    assert sum(int(row[3] or 0) for name, row in rows.items() if name != "the file") == int(rows["the file"][3])
    assert int(rows["the file"][3]) == sum(step.slice is not None for step in found.steps)


def test_every_way_to_look_shows_its_own_views(explorer):
    kinds = {POSITIONS: [Picture], CHANNELS: [Chart], SLICE: [Picture] * 3, SCALES: [Chart]}
    for what, expected in kinds.items():
        explorer.controls["what"].value = what
        assert [type(view) for view in explorer.views] == [Picture, *expected, Table]


def test_positions_in_the_padding_are_not_shown_and_the_scale_ends_at_the_dearest(explorer):
    _, found = explorer.file("charm", "face", 0)
    shown = explorer.views[1]
    assert shown.image.shape == (7, 8, 3) and "8 × 7 positions" in shown.note
    assert shown.scale.high == pytest.approx(float(found.bits[0].sum(0)[:7].max()))


def test_expected_and_found_are_root_mean_squares_on_one_scale(explorer):
    _, found = explorer.file("charm", "face", 0)
    found = replace(found, scales=50 * torch.rand_like(found.scales))  # those of an untrained model are all alike
    size, expected = (t[0, :4].square().mean(0).sqrt()[:7] for t in (found.symbols, found.scales))
    high = float(expected.max())
    assert high > size.max()
    for view, values in zip(explorer.slice_maps(found, 0)[1:], (expected, size), strict=True):
        assert view.scale.high == pytest.approx(high)
        assert np.array_equal(view.image, heat(values, low=0, high=high, cmap="viridis").image)


def test_the_title_counts_the_dearest_channels_that_reach_half_of_the_bits(explorer):
    explorer.controls["what"].value = CHANNELS
    _, found = explorer.file("charm", "face", 0)
    bits = found.bits.sum(dim=(0, 2, 3)).sort(descending=True).values
    counted = int(explorer.views[1].title.split(" of ")[0])
    assert bits[: counted - 1].sum() < bits.sum() / 2 <= bits[:counted].sum()


def test_the_slider_chooses_the_slice_and_stops_at_the_last_one(explorer):
    explorer.controls["what"].value = SLICE
    notes = []
    for number in (1, 2, 3):
        explorer.controls["slice"].value = number
        notes.append(explorer.views[1].note)
    assert notes[0].startswith("slice 1 of 3, channels 0 to 3") and notes[2].startswith("slice 3 of 3")
    explorer.controls["model"].value = "asymmetric"  # has two
    assert explorer.views[1].note.startswith("slice 2 of 2")


def test_a_model_offers_the_pictures_that_it_can_code(explorer):
    assert [name for name, _ in explorer.controls["picture"].options] == ["face", "back"]
    explorer.controls["model"].value = "bisic"
    assert [name for name, _ in explorer.controls["picture"].options] == ["pair"]
    assert explorer.views[0].image.shape == (200, 128, 3) and 'role="alert"' not in explorer.status.value


def test_a_file_is_written_once(explorer, monkeypatch):
    explorer.controls["picture"].value = "back"
    monkeypatch.setattr(type(explorer.models["charm"]), "compress", None)
    for what in (CHANNELS, SCALES, POSITIONS):
        explorer.controls["what"].value = what
        assert 'role="alert"' not in explorer.status.value
    explorer.controls["rate"].value = 1  # a new file, which cannot be written now
    assert 'role="alert"' in explorer.status.value


def test_the_files_asked_for_last_are_remembered(explorer, monkeypatch):
    monkeypatch.setattr("lic_lab.widgets.bits.FILES", 2)
    monkeypatch.setattr(explorer, "files", {})
    first, *_ = [explorer.file("charm", "face", rate) for rate in range(3)]
    assert [rate for *_, rate in explorer.files] == [1, 2]
    assert explorer.file("charm", "face", 0)[0] == first[0]


def test_a_single_name_is_a_model_too():
    assert list(BitExplorer("charm", {"face": FACE}).models) == ["charm"]


def test_symbols_drawn_by_the_tables_lie_on_the_promised_line():
    random = np.random.default_rng(0)
    index = np.repeat(np.arange(20, 70, 7), 20_000)
    scales = gaussian.scale_ladder()[index]
    symbols = np.rint(random.normal(size=index.size) * scales)

    class Found:
        slices = ((0,),)

    Found.scales, Found.symbols = (torch.from_numpy(values)[None, None] for values in (scales, symbols))
    line, dots = scale_chart(Found, 0, "#000000").lines
    promised = np.interp(dots.x, gaussian.scale_ladder(), promised_sizes())
    assert len(dots.x) > 5 and np.allclose(dots.y, promised, rtol=0.05)
    assert np.allclose(line.y, np.interp(line.x, gaussian.scale_ladder(), promised_sizes()))


@pytest.mark.parametrize(
    ("models", "pictures", "mend"),
    [
        ({}, {"face": FACE}, "give models"),
        ({"charm": "charm"}, {"pair": np.stack([FACE, FACE])}, "charm codes pictures"),
        ({"bisic": "bisic"}, {"face": FACE}, "bisic codes pairs"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_mend(models, pictures, mend):
    with pytest.raises(LicLabError, match=mend):
        BitExplorer({name: build(name) for name in models}, pictures)


def test_the_shares_are_of_the_whole_file(explorer):
    shares = [float(re.match(r"[\d.]+", row[2]).group()) for row in table(explorer).rows]
    assert sum(shares[:-1]) == pytest.approx(100, abs=0.5)
