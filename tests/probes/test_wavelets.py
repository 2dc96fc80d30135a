"""Bands by name, how they share the energy, and what is left when some are dropped."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.ops.wavelets import wavedec2, waverec2
from lic_lab.probes.wavelets import KINDS, energy_shares, keep_bands, named_bands


@pytest.fixture
def x():
    return torch.randn(3, 37, 52, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_bands_are_named_by_kind_and_level_coarsest_first(x):
    bands = named_bands(wavedec2(x, 2))
    assert list(bands) == ["LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1"]
    assert bands["HH1"].shape == (3, 19, 26) and bands["LL2"].shape == (3, 10, 13)


def test_the_shares_add_up_to_one_and_do_not_depend_on_the_mean(x):
    shares = energy_shares(x, 3, "9/7")
    assert sum(shares.values()) == pytest.approx(1)
    assert energy_shares(x + 40, 3, "9/7") == pytest.approx(shares)


def test_the_mean_of_every_channel_is_taken_out_by_itself(x):
    lifted = x + torch.linspace(0, 50, x.shape[-3]).reshape(-1, 1, 1)
    assert x.shape[-3] > 1 and energy_shares(lifted, 2) == pytest.approx(energy_shares(x, 2))


def test_haar_shares_are_those_of_the_variance():
    x = torch.randn(64, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    vertical = x[:, 0::2] - x[:, 1::2]  # what changes along the width
    high = vertical.square().sum() / 2 / (x - x.mean()).square().sum()
    shares = energy_shares(x)
    assert shares["HL1"] + shares["HH1"] == pytest.approx(high.item())


def test_a_horizontal_edge_is_all_in_ll_and_lh():
    step = torch.zeros(16, 16)
    step[7:] = 1
    shares = energy_shares(step)
    assert shares["LH1"] > 0.01 and shares["LL1"] + shares["LH1"] == pytest.approx(1)


def test_a_constant_has_nothing_to_share():
    assert set(energy_shares(torch.full((8, 8), 3.0)).values()) == {0.0}


@pytest.mark.parametrize("wavelet", ["haar", "5/3", "9/7"])
def test_the_parts_add_up_to_the_whole(x, wavelet):
    pyramid = wavedec2(x, 2, wavelet)
    parts = [waverec2(keep_bands(pyramid, {kind}), x.shape[-2:], wavelet) for kind in KINDS]
    torch.testing.assert_close(sum(parts), x)
    torch.testing.assert_close(waverec2(keep_bands(pyramid, KINDS), x.shape[-2:], wavelet), x)


def test_dropping_bands_leaves_the_pyramid_itself_alone(x):
    pyramid = wavedec2(x, 2)
    before = [band.clone() for band in named_bands(pyramid).values()]
    assert all((band == 0).all() for band in named_bands(keep_bands(pyramid, ())).values())
    assert all(map(torch.equal, named_bands(pyramid).values(), before))


def test_an_unknown_band_is_refused(x):
    with pytest.raises(LicLabError, match="no band 'HX': use LL, LH, HL, HH"):
        keep_bands(wavedec2(x, 1), ["LL", "HX"])
