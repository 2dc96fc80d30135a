"""A map of bits is the bill of a real file: it adds up to it, and every symbol is where it belongs."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.probes.bitmaps import EXACT, bit_map


def test_the_map_adds_up_to_the_file(model, picture):
    data = model.compress(picture(model), model.rates - 1.0)
    found = bit_map(model, data)
    assert found.y.shape == (model.views, model.channels, 8, 8)
    assert found.by_view.sum().item() == pytest.approx(found.payload_bits, rel=2e-3, abs=48)
    assert 0 < found.payload_bits < 8 * len(data)
    assert torch.allclose(found.positions.sum((1, 2)), found.by_view)
    assert torch.allclose(found.channels.sum(1) + found.side, found.by_view)


def test_detail_costs_where_it_is(model, picture):
    """Noise in one corner of the left view, nothing elsewhere."""
    x = torch.full_like(picture(model, 128, 128), 0.5)
    corner = (0, slice(None)) if model.views == 1 else (0, 0, slice(None))
    x[(*corner, slice(0, 64), slice(64, 128))] = torch.rand(3, 64, 64)
    found = bit_map(model, model.compress(x, model.rates - 1.0))
    left = found.y[0].sum(0)  # (8, 8)
    inside = left[:4, 4:].mean()
    left[:5, 3:] = 0  # and its nearest neighbours
    assert inside > 3 * left.sum() / 49


def test_a_latent_whose_places_float32_cannot_number_is_refused(model, picture, monkeypatch):
    data = model.compress(picture(model))
    monkeypatch.setattr("lic_lab.probes.bitmaps.EXACT", model.channels * 64 - 1)
    with pytest.raises(LicLabError, match="too large to be mapped"):
        bit_map(model, data)
    monkeypatch.setattr("lic_lab.probes.bitmaps.EXACT", model.channels * 64)
    assert bit_map(model, data).by_view.sum() > 0


def test_every_place_that_is_numbered_is_a_float32_number():
    assert float(torch.tensor(EXACT - 1, dtype=torch.float32)) == EXACT - 1
    assert float(torch.tensor(EXACT + 1.0, dtype=torch.float32)) != EXACT + 1
