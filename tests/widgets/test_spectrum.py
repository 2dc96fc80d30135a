"""The spectrum explorer shows the numbers of the probes for whatever its handles say, and computes them once."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.plots.views import Chart, Picture, Table
from lic_lab.probes.rings import band_pass
from lic_lab.probes.spectrum import model_spectra
from lic_lab.probes.twins import untrained
from lic_lab.widgets import spectrum
from lic_lab.widgets.spectrum import ALL, EDGES, RING, SpectrumExplorer, channel_view, looked, spectrum_view, table

RNG = np.random.default_rng(0)
PICTURES = {name: RNG.integers(0, 256, (140, 150, 3), np.uint8) for name in ("one", "other", "third")}


@pytest.fixture(scope="module")
def models():
    return {name: untrained(name, "tiny", shortcut=None) for name in ("charm", "cmamba", "bisic")}


@pytest.fixture
def explorer(models):
    return SpectrumExplorer(models, PICTURES)


def set_to(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    assert 'role="alert"' not in explorer.status.value, explorer.status.value
    return explorer.views


def test_it_opens_at_the_last_block_before_the_latent_with_every_view(explorer):
    assert explorer.controls["block"].label == "6 of 7 · GDN"
    assert [type(view) for view in explorer.views] == [Picture, Picture, Picture, Chart, Table]


def test_the_table_has_the_numbers_of_the_probe(explorer, models):
    expected = model_spectra(models["charm"], list(PICTURES.values()))[2]
    rows = set_to(explorer, block=2, picture="other")[-1].rows
    assert [row[0] for row in rows] == ["other", "mean of 3", "spread (1 sd)"]
    assert rows[0][1:3] == (f"{expected.deltas[1]:+.2f}", f"{expected.tilts[1]:+.2f}")
    assert rows[1][1] == f"{expected.delta:+.2f}" and rows[2][1] == f"{expected.spread:.2f}"


def test_the_shares_of_all_rings_add_up_to_everything(explorer):
    shares = [float(set_to(explorer, ring=ring)[-1].rows[0][3].removesuffix(" %")) for ring in range(len(EDGES) - 1)]
    assert sum(shares) == pytest.approx(100, abs=0.5) and min(shares[1:]) > 0  # the first one holds zero alone here


def test_another_model_brings_its_own_blocks_with_the_paths_inside(explorer):
    set_to(explorer, model="cmamba")
    labels = [label for label, _ in explorer.controls["block"].options]
    assert any("ContentAdaptive: SSM path" in label for label in labels)
    assert explorer.controls["block"].label.endswith("ContentAdaptive")
    place = next(number for number, label in enumerate(labels) if "CNN adds" in label)
    chart = set_to(explorer, block=place)[3]
    names = [line.label for line in chart.lines]
    assert names == ["SSM adds", "SSM path", "CNN adds", "CNN path", "fusion", "block adds", "ContentAdaptive"]
    assert [line.label for line in chart.lines if line.color == "ink"] == ["CNN adds"]


def test_a_stereo_model_is_given_the_picture_twice(explorer):
    assert len(set_to(explorer, model="bisic")[-1].rows) == 3


def test_the_chart_begins_at_zero_frequency_and_marks_the_middle_of_the_ring(explorer):
    chart = set_to(explorer, ring=4)[3]
    assert chart.here == pytest.approx((EDGES[4] + EDGES[5]) / 2)
    assert all(line.y[0] == 0 and line.x[0] == 0 for line in chart.lines)


def test_the_mean_of_all_pictures_is_the_mean_of_their_spectra(explorer):
    maps = [set_to(explorer, block=3, picture=name)[3].lines[-1].y for name in PICTURES]
    alone = [set_to(explorer, picture=name)[3] for name in PICTURES]
    mean = set_to(explorer, picture=ALL)[3]
    assert len(maps) == 3
    for number, line in enumerate(mean.lines):
        assert line.y == pytest.approx(list(np.mean([chart.lines[number].y for chart in alone], axis=0)), abs=1e-5)
    assert [row[0] for row in explorer.views[-1].rows] == ["mean of 3", "spread (1 sd)"]


def test_spectrum_and_channel_are_those_of_the_picture_that_is_chosen(explorer):
    for name in PICTURES:
        _, amplitude, channel, *_ = set_to(explorer, picture=name, block=1, ring=3)
        look = explorer.looks["charm"][1][name]
        assert np.array_equal(amplitude.image, spectrum_view(look.spectrum.amplitude, *EDGES[3:5]).image)
        assert np.array_equal(channel.image, channel_view(look, *EDGES[3:5]).image)
    mean = np.mean([look.spectrum.amplitude for look in explorer.looks["charm"][1].values()], axis=0)
    assert np.array_equal(set_to(explorer, picture=ALL)[1].image, spectrum_view(mean, *EDGES[3:5]).image)


def test_all_pictures_stand_on_one_sheet_row_by_row(explorer):
    sheet = set_to(explorer, picture=ALL)[0].image
    assert sheet.shape == (128, 128, 3)
    for number, picture in enumerate(explorer.pictures.values()):
        row, column = divmod(number, 2)
        assert np.array_equal(sheet[64 * row :, 64 * column :][:64, :64], picture[::2, ::2])
    assert (sheet[64:, 64:] == 128).all()  # a place that is left over is grey


def test_a_grey_picture_and_a_path_are_read_like_any_other(models, tmp_path):
    grey = PICTURES["one"][..., 0]
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    explorer = SpectrumExplorer({"charm": models["charm"]}, {"array": grey, "file": tmp_path / "grey.png"})
    assert np.array_equal(explorer.pictures["array"], explorer.pictures["file"])


def test_a_side_that_a_model_would_pad_is_refused(models):
    with pytest.raises(LicLabError, match="multiple of 64"):
        SpectrumExplorer(models, PICTURES, side=100)


def test_every_handle_changes_what_is_seen(explorer):
    for name, value in (("ring", 7), ("block", 0), ("picture", "third"), ("model", "cmamba")):
        before = explorer.poster()
        set_to(explorer, **{name: value})
        assert explorer.poster() != before


def test_a_model_is_looked_at_once(models, monkeypatch):
    asked = []
    monkeypatch.setattr(spectrum, "looked", lambda model, picture: asked.append(model) or looked(model, picture))
    explorer = SpectrumExplorer({name: models[name] for name in ("charm", "cmamba")}, PICTURES)
    for name in ("cmamba", "charm", "cmamba"):
        set_to(explorer, model=name, ring=1)
    assert len(asked) == 2 * len(PICTURES)


def test_the_ring_is_drawn_around_the_middle_and_its_inner_line_only_where_it_has_one():
    def cyan(low, high):
        shown = spectrum_view(np.zeros((32, 32)), low, high).image
        return np.argwhere((shown == RING).all(-1)) - 128

    far = np.hypot(*cyan(0.25, 0.5).T) / 128
    assert np.abs(far[:, None] - [0.25, 0.5]).min(1).max() < 0.01 and {0.25, 0.5} <= set(np.round(far, 2))
    assert np.hypot(*cyan(0, 0.25).T).min() > 28
    assert len(cyan(1.0, 1.5)) > 100


def test_what_a_channel_holds_is_its_band_pass_on_a_symmetric_scale(models):
    look = looked(models["charm"], PICTURES["one"][:128, :128])[2]
    held = band_pass(look.strongest, 0.25, 0.5)
    shown = channel_view(look, 0.25, 0.5)
    assert shown.scale.high == -shown.scale.low == pytest.approx(float(held.abs().max()))
    assert f"channel {look.channel}" in shown.title and look.stride == 4


def test_the_strongest_channel_is_the_one_that_varies_most_not_the_one_with_the_largest_mean(models):
    with torch.no_grad():
        maps = models["charm"].analysis[0](torch.from_numpy(PICTURES["one"][:128, :128]).permute(2, 0, 1)[None] / 255)
    look = looked(models["charm"], PICTURES["one"][:128, :128])[0]
    assert look.channel == int(maps[0].flatten(1).std(1).argmax())


def test_a_silent_block_says_so(models):
    look = looked(models["charm"], np.full((64, 64, 3), 128, np.uint8))[0]
    assert "silent" not in table({"one": look}, "one", 1).caption
    quiet = untrained("charm", "tiny", shortcut=None)
    torch.nn.init.zeros_(quiet.analysis[0].weight), torch.nn.init.zeros_(quiet.analysis[0].bias)
    assert "silent" in table({"one": looked(quiet, PICTURES["one"][:64, :64])[0]}, "one", 1).caption


def test_wavelengths_are_told_in_pixels_of_the_picture(explorer):
    caption = set_to(explorer, block=0, ring=4)[-1].caption  # stride 2, 0.5 to 0.625 pi
    assert re.search(r"waves of 6 to 8 pixels", caption)


def test_the_poster_shows_the_views(explorer):
    poster = Pillow.open(io.BytesIO(explorer.poster()))
    assert poster.width >= 800 and poster.height > 300


def test_by_default_there_is_every_shipped_model_and_its_twin(monkeypatch):
    tiny = untrained("charm", "tiny")
    tiny.preset = "tiny"
    monkeypatch.setattr(spectrum, "shipped", lambda: ["charm"])
    monkeypatch.setattr(spectrum, "load_model", lambda name: tiny)
    explorer = SpectrumExplorer(pictures=PICTURES)
    assert [label for label, _ in explorer.controls["model"].options] == ["charm", "charm, untrained"]
    assert set_to(explorer, model="charm, untrained")[-1].rows


@pytest.mark.parametrize(
    ("models", "pictures", "words"),
    [({}, PICTURES, "no trained weights"), (None, {}, "no picture"), (["nope"], PICTURES, "nope")],
)
def test_what_cannot_be_shown_is_said_in_one_line(models, pictures, words):
    with pytest.raises(LicLabError, match=words) as caught:
        SpectrumExplorer(models, pictures)
    assert "\n" not in str(caught.value)


def test_one_picture_has_no_mean_of_all(models, explorer):
    one = SpectrumExplorer({"charm": models["charm"]}, {"one": PICTURES["one"]})
    assert [name for name, _ in one.controls["picture"]._options_full] == ["one"]
    assert explorer.controls["picture"]._options_full[-1][0] == ALL
