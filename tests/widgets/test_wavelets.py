"""The wavelet explorer without a browser: bands, what they give back, and their energies change together."""

import re

import numpy as np
import pytest
import torch

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.models.presets import build
from lic_lab.plots.views import Picture, Table
from lic_lab.widgets.wavelets import WaveletExplorer, strongest_channels


@pytest.fixture(scope="module")
def image():
    return bundled_images()["chelsea"][100:196, 150:251]


@pytest.fixture
def explorer(image):
    torch.manual_seed(0)
    return WaveletExplorer(image, build("asymmetric", "tiny"))


def move(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    return explorer.views


def rows(explorer) -> dict[str, tuple]:
    return {name: tuple(cells) for name, *cells in explorer.views[2].rows}


def test_it_shows_the_bands_what_they_give_back_and_a_table(explorer, image):
    bands, back, table = explorer.views
    assert isinstance(bands, Picture) and isinstance(back, Picture) and isinstance(table, Table)
    assert np.array_equal(back.image, image) and "everything kept" in back.note
    assert list(rows(explorer)) == ["LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1"]
    assert sum(float(share.rstrip("%")) for _, share, _ in rows(explorer).values()) == pytest.approx(100, abs=0.05)


@pytest.mark.parametrize("wavelet", ["haar", "5/3", "9/7"])
def test_a_dropped_band_costs_quality_and_the_table_says_which(explorer, image, wavelet):
    _, back, _ = move(explorer, wavelet=wavelet, HH=False)
    some = float(back.note.split()[1])
    assert not np.array_equal(back.image, image) and rows(explorer)["HH1"][2] == "dropped"
    _, back, _ = move(explorer, HL=False)
    assert float(back.note.split()[1]) < some < 60 and back.title == "put back from LL + LH"


def test_the_psnr_and_the_energy_that_is_kept_are_those_of_what_is_shown(explorer, image):
    _, back, table = move(explorer, HH=False, LH=False)
    assert float(back.note.split()[1]) == pytest.approx(psnr(image, back.image), abs=0.1)  # but for whole levels
    kept = sum(float(share.rstrip("%")) for _, share, on in rows(explorer).values() if on == "kept")
    assert float(table.caption.split("; ")[1].split("%")[0]) == pytest.approx(kept, abs=0.1)


def test_without_the_coarse_band_details_stand_on_middle_grey(explorer):
    _, back, _ = move(explorer, LL=False)
    assert abs(back.image.mean() - 127.5) < 2 and "the mean is in LL" in back.note
    _, back, _ = move(explorer, LH=False, HL=False, HH=False)
    assert np.ptp(back.image) == 0 and back.title == "put back from nothing"


def test_wavelet_and_levels_change_the_bands(explorer):
    seen = [explorer.views[0].image.tobytes()]
    for values in ({"wavelet": "9/7"}, {"levels": 4}, {"wavelet": "haar"}):
        seen.append(move(explorer, **values)[0].image.tobytes())
    assert len(set(seen)) == 4 and len(rows(explorer)) == 13
    assert explorer.status.value.count("alert") == 0


def test_channels_of_the_latent_can_be_transformed_too(explorer):
    channel = list(explorer.maps)[1]
    bands, back, _ = move(explorer, of=channel)
    assert channel.startswith("latent channel") and bands.title.endswith(channel)
    assert back.image.shape == (8, 8) and np.ptp(back.image) == 255


def test_the_strongest_channels_come_first_and_fill_the_range(image):
    model, x = build("asymmetric", "tiny"), torch.rand(1, 3, 64, 64)
    found = strongest_channels(model, x, 3)
    with torch.no_grad():
        spread = model.analyse(x)[0].var(dim=(1, 2))
    assert list(found) == [f"latent channel {k}" for k in spread.argsort(descending=True)[:3].tolist()]
    assert all((x.min(), x.max()) == (0, 1) for x in found.values())


def test_without_weights_the_picture_is_there_and_the_reason_is_said(image, no_weights):
    explorer = WaveletExplorer(image, "cmamba")
    assert list(explorer.maps) == ["picture"] and "weights" in explorer.status.value
    move(explorer, HH=False)
    assert "weights" in explorer.status.value  # and not only until something is moved


@pytest.mark.parametrize("model", ["jpeg", "nope", build("bisic", "tiny")])
def test_a_model_without_a_latent_of_one_picture_leaves_the_picture_and_says_why(image, model):
    explorer = WaveletExplorer(image, model)
    assert list(explorer.maps) == ["picture"]
    assert re.search("no model called|looks at pairs", explorer.status.value)


def test_a_picture_of_no_size_is_refused(image):
    with pytest.raises(LicLabError, match="longest"):
        WaveletExplorer(image, None, longest=0)


def test_a_large_picture_is_scaled_down(image):
    explorer = WaveletExplorer(image, None, longest=64)
    assert explorer.views[1].image.shape[1] == 64
