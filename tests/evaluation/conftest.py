"""What tests of sweeps share: small pictures, and an eye on what is really measured."""

import numpy as np
import pytest

from lic_lab.evaluation import sweep


def _picture(seed, height=40, width=56):
    rng, grid = np.random.default_rng(seed), np.mgrid[0:height, 0:width].sum(0)[..., None]
    return np.clip(2 * grid + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def picture():
    """Makes pictures: picture(seed, height, width)."""
    return _picture


@pytest.fixture
def images():
    return {name: _picture(seed) for seed, name in enumerate("abc")}


@pytest.fixture
def measured(monkeypatch):
    """What `sweep.measure` is asked for while a test runs: (codec, picture, quality)."""
    asked, measure = [], sweep.measure

    def spy(codec, name, image, **how):
        asked.append((codec.name, name, how["quality"]))
        return measure(codec, name, image, **how)

    monkeypatch.setattr(sweep, "measure", spy)
    return asked
