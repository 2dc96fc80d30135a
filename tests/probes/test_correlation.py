"""Latent correlation is the coefficient of known processes, and what models code is put where it belongs."""

import numpy as np
import pytest
import torch

from lic_lab.entropy import gaussian
from lic_lab.errors import LicLabError
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.correlation import correlation_map, latent_correlation, normalised_latent


def white(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_white_noise_correlates_with_itself_only():
    found = correlation_map(white(4, 32, 40, 48))
    assert found[4, 4] == 1
    found[4, 4] = 0
    assert found.abs().max() < 0.006  # 1 / sqrt(pairs) is 0.002


def test_a_moving_average_has_the_correlation_it_must_have():
    """y = e + 0.5 e(one to the right) + 0.25 e(one below): covariances by hand."""
    e = white(8, 32, 49, 49)
    y = e[..., :-1, :-1] + 0.5 * e[..., :-1, 1:] + 0.25 * e[..., 1:, :-1]
    power = 1 + 0.25 + 0.0625
    expected = torch.zeros(9, 9, dtype=torch.float64)
    expected[4, 4] = 1
    expected[4, 5] = expected[4, 3] = 0.5 / power
    expected[5, 4] = expected[3, 4] = 0.25 / power
    expected[5, 3] = expected[3, 5] = 0.125 / power  # e(right) of one is e(below) of the other
    assert torch.allclose(correlation_map(y), expected, atol=0.006)


def test_a_coefficient_is_the_one_of_numpy_over_all_pairs():
    y = white(1, 1, 9, 11)
    found, values = correlation_map(y), y[0, 0].numpy()
    for rows, columns in ((2, 3), (1, -4), (0, 1), (4, 0)):
        here = values[: 9 - rows, max(0, -columns) : 11 - max(0, columns)].ravel()
        there = values[rows:, max(0, columns) : 11 - max(0, -columns)].ravel()
        expected = np.corrcoef(here, there)[0, 1]
        assert found[4 + rows, 4 + columns].item() == pytest.approx(expected)
        assert found[4 - rows, 4 - columns].item() == pytest.approx(expected)


def test_neither_level_nor_scale_of_a_channel_counts_and_constant_channels_do_not():
    y = white(1, 3, 12, 12)
    moved = torch.tensor([1.0, 40.0, 0.01])[:, None, None] * y + torch.tensor([0.0, 7.0, -3.0])[:, None, None]
    with_constant = torch.cat([moved, torch.full((1, 1, 12, 12), 5.0)], dim=1)
    assert torch.allclose(correlation_map(with_constant), correlation_map(y))


@pytest.mark.parametrize(
    ("y", "words"), [(torch.rand(1, 2, 5, 20), "too small"), (torch.ones(1, 2, 20, 20), "constant")]
)
def test_what_has_no_correlation_is_refused(y, words):
    with pytest.raises(LicLabError, match=words):
        correlation_map(y)


@pytest.mark.parametrize(
    ("name", "preset"), [(n, p) for n, sizes in PRESETS.items() for p in sizes if p.startswith("tiny")]
)
def test_the_normalised_latent_holds_what_every_step_is_given_to_code(name, preset, monkeypatch):
    """All residuals that are rounded, each over its scale, no more and no fewer."""
    torch.manual_seed(0)
    model = build(name, preset)
    x = torch.rand(2, 3, 70, 90) if model.views == 1 else torch.rand(2, 2, 3, 70, 90)
    given = []
    real = gaussian.thrifty_round
    monkeypatch.setattr(gaussian, "thrifty_round", lambda r, s, p: (given.append((r, s)), real(r, s, p))[1])
    found = normalised_latent(model, x)
    assert found.shape == (2 * model.views, model.channels, 8, 8)
    expected = torch.cat([(r / s.clamp(0.11, 256)).flatten(1) for r, s in given], dim=1)
    assert torch.allclose(found.flatten(1).sort().values, expected.sort().values, atol=1e-6)


def test_every_element_is_in_its_place():
    """Without context and hyperprior, mean and scale are alike at all positions: the latent is y up to both."""
    torch.manual_seed(0)
    model, x = build("bimamba", "tiny", context="none", hyperprior=False), torch.rand(1, 3, 128, 192)
    found, y = normalised_latent(model, x), model.analyse(x).detach()
    for channel in range(0, model.channels, 5):
        assert torch.corrcoef(torch.stack([found[0, channel].flatten(), y[0, channel].flatten()]))[0, 1] > 0.9999


def test_pictures_of_any_size_count_alike():
    model = build("charm", "tiny")
    pictures = [torch.rand(1, 3, 128, 192), torch.rand(1, 3, 192, 128)]
    maps = [correlation_map(normalised_latent(model, x)) for x in pictures]
    assert torch.allclose(latent_correlation(model, pictures), (maps[0] + maps[1]) / 2)


def test_a_model_in_training_is_refused():
    with pytest.raises(LicLabError, match=r"model\.eval"):
        normalised_latent(build("charm", "tiny").train(), torch.rand(1, 3, 64, 64))
