"""A map of bits is the bill of a real file: it adds up to it, and every symbol is where it belongs."""

import pytest
import torch

from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.bitmaps import bit_map

CASES = [(name, preset) for name, sizes in PRESETS.items() for preset in sizes if preset.startswith("tiny")]


def picture(model, height=70, width=100):
    torch.manual_seed(0)
    coarse = torch.rand(model.views, 3, 7, 9)
    x = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)
    return x if model.views == 1 else x[None]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def model(request):
    torch.manual_seed(1)
    return build(*request.param)


def test_the_map_adds_up_to_the_file(model):
    data = model.compress(picture(model), model.rates - 1.0)
    found = bit_map(model, data)
    assert found.y.shape == (model.views, model.channels, 8, 8)
    assert found.views.sum().item() == pytest.approx(found.payload_bits, rel=2e-3, abs=48)
    assert 0 < found.payload_bits < 8 * len(data)
    assert torch.allclose(found.positions.sum((1, 2)), found.views)
    assert torch.allclose(found.channels.sum(1) + found.side, found.views)


def test_detail_costs_where_it_is(model):
    """Noise in one corner of the left view, nothing elsewhere."""
    x = torch.full_like(picture(model, 128, 128), 0.5)
    corner = (0, slice(None)) if model.views == 1 else (0, 0, slice(None))
    x[(*corner, slice(0, 64), slice(64, 128))] = torch.rand(3, 64, 64)
    found = bit_map(model, model.compress(x, model.rates - 1.0))
    left = found.y[0].sum(0)  # (8, 8)
    inside = left[:4, 4:].mean()
    left[:5, 3:] = 0  # and its nearest neighbours
    assert inside > 3 * left.sum() / 49
