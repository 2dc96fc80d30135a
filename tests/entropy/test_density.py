"""The factorised density is a density, trains, and its tables say the same."""

import numpy as np
import pytest
import torch

from lic_lab.entropy.density import FactorizedDensity


@pytest.fixture
def density():
    torch.manual_seed(0)
    return FactorizedDensity(3)


def test_likelihoods_sum_to_one_over_the_integers(density):
    k = torch.arange(-3000, 3001).float()[:, None, None, None].repeat(1, 3, 1, 1)
    assert torch.allclose(density.likelihood(k).sum(0).flatten(), torch.ones(3), atol=1e-3)


def test_the_cumulative_grows(density):
    x = torch.linspace(-50, 50, 500).repeat(3, 1, 1)
    assert (torch.diff(density.logits(x)) > 0).all()


def test_the_tables_cost_what_the_density_says(density):
    symbols = np.random.default_rng(0).integers(-12, 13, (3, 400)).astype(np.int32)
    index = np.repeat(np.arange(3), 400).reshape(3, 400)
    z = torch.from_numpy(symbols).float().t()[:, :, None, None]
    assert density.tables.cost_bits(symbols, index) == pytest.approx(
        -torch.log2(density.likelihood(z)).sum().item(), rel=2e-3
    )


def test_training_learns_the_distribution_and_forgets_old_tables(density):
    old = density.tables
    density.train()
    data = 2 * torch.randn(4000, 3, 1, 1, generator=torch.Generator().manual_seed(1)) + 4
    optimizer = torch.optim.Adam(density.parameters(), 0.02)
    for _ in range(250):
        bits = -torch.log2(
            density.likelihood(data[torch.randint(4000, (256,))] + torch.rand(256, 3, 1, 1) - 0.5)
        ).mean()
        optimizer.zero_grad()
        bits.backward()
        optimizer.step()
    density.eval()
    ideal = 0.5 * np.log2(2 * np.pi * np.e * (4 + 1 / 12))
    assert bits.item() == pytest.approx(ideal, abs=0.12)
    assert density.tables is not old


def test_tables_are_made_anew_for_weights_that_are_loaded():
    torch.manual_seed(0)
    model, other = FactorizedDensity(4).eval(), FactorizedDensity(4).eval()
    with torch.no_grad():
        other.matrices[0] += 1
    before = model.tables.to_arrays()
    model.load_state_dict(other.state_dict())
    after, expected = model.tables.to_arrays(), other.tables.to_arrays()
    assert all((after[key] == expected[key]).all() for key in expected)
    assert any(before[key].shape != after[key].shape or (before[key] != after[key]).any() for key in after)
