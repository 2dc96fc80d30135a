"""What tests of several probes share: a tiny model of every kind, and a picture, or a pair, for it."""

import pytest
import torch

from lic_lab.models.presets import PRESETS, build

CASES = [(name, preset) for name, sizes in PRESETS.items() for preset in sizes if preset.startswith("tiny")]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def model(request):
    """Every model at its tiny sizes, with the same fresh weights."""
    torch.manual_seed(1)
    return build(*request.param)


@pytest.fixture(scope="session")
def picture():
    """Make a smooth picture (1, 3, h, w) for a model, or a pair (1, 2, 3, h, w) for one of pairs."""

    def make(model, height=70, width=100):
        torch.manual_seed(0)
        coarse = torch.rand(model.views, 3, 7, 9)
        x = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)
        return x if model.views == 1 else x[None]

    return make
