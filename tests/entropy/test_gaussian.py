"""Gaussian tables cost what the Gaussian says, and every integer has a price."""

import math

import numpy as np
import pytest
import torch

from lic_lab.entropy import gaussian


def test_scales_grow_evenly_from_0_11_to_256():
    ladder = gaussian.scale_ladder()
    assert len(ladder) == 128 and ladder[0] == pytest.approx(0.11) and ladder[-1] == pytest.approx(256)
    assert np.ptp(np.diff(np.log(ladder))) < 1e-12


def test_a_scale_gets_the_nearest_table():
    scales = torch.tensor([-3.0, 0.0, 0.11, 1.0, 255.0, 1e6], dtype=torch.float64)
    index = gaussian.table_index(scales)
    nearest = np.abs(
        np.log(gaussian.scale_ladder())[None] - np.log(np.clip(scales.numpy(), 0.11, 256))[:, None]
    ).argmin(1)
    assert index.tolist() == nearest.tolist()


@pytest.mark.parametrize("scale", [0.11, 0.3, 1.0, 7.0, 200.0])
def test_likelihoods_are_a_distribution_over_the_integers(scale):
    k = torch.arange(-2000, 2001)
    assert gaussian.likelihood(k, torch.full(k.shape, scale)).sum() == pytest.approx(1, abs=1e-4)


def test_the_likelihood_is_the_integral_over_the_bin():
    k, scale = torch.tensor([0.0, 1.3, -2.0]), torch.tensor([0.5, 1.0, 3.0])
    normal = torch.distributions.Normal(0, scale.double())
    assert torch.allclose(gaussian.likelihood(k, scale).double(), normal.cdf(k + 0.5) - normal.cdf(k - 0.5), atol=1e-6)


def test_the_tables_cost_within_a_tenth_of_a_percent_of_the_entropy():
    rng, tables = np.random.default_rng(0), gaussian.tables()
    index = np.repeat(np.arange(20, 128), 2000)
    scale = gaussian.scale_ladder()[index]
    symbols = np.rint(rng.normal(0, scale)).astype(np.int32)
    estimate = gaussian.likelihood(torch.from_numpy(symbols), torch.from_numpy(scale))
    assert tables.cost_bits(symbols, index) == pytest.approx(float(-torch.log2(estimate).sum()), rel=1e-3)


@pytest.mark.parametrize("symbol", [3, -3, 17, -90, 5000])
def test_the_escape_estimate_is_what_the_table_charges(symbol):
    scale = gaussian.scale_ladder()[40:60]
    charged = gaussian.tables().symbol_bits(np.full(20, symbol, np.int32), np.arange(40, 60))
    estimate = torch.maximum(
        gaussian.likelihood(torch.full((20,), float(symbol)), torch.from_numpy(scale), floor=0.0),
        gaussian.table_likelihood(torch.full((20,), float(symbol)), torch.from_numpy(scale)),
    )
    assert np.abs(charged + np.log2(estimate.numpy())).max() < 2.1


def test_a_scale_below_the_floor_can_still_be_raised():
    scale = torch.tensor([0.01], requires_grad=True)
    (-torch.log2(gaussian.likelihood(torch.tensor([2.0]), scale))).sum().backward()
    assert scale.grad < 0 or math.isclose(scale.grad.item(), 0) is False


@pytest.fixture
def residuals():
    noise = torch.Generator().manual_seed(0)
    return 3 * torch.randn(5000, generator=noise), 0.11 + 4 * torch.rand(5000, generator=noise)


def cost(residual, rounded, scale, price):
    return price * (residual - rounded) ** 2 - torch.log2(gaussian.likelihood(rounded, scale))


@pytest.mark.parametrize("price", [2.0, 9.0, 30.0])
def test_thrifty_rounding_costs_no_more_than_rounding_to_nearest(residuals, price):
    residual, scale = residuals
    thrifty, nearest = (gaussian.thrifty_round(residual, scale, p) for p in (price, None))
    assert (cost(residual, thrifty, scale, price) <= cost(residual, nearest, scale, price) + 1e-4).all()
    assert (thrifty != nearest).any() and (thrifty.abs() <= nearest.abs()).all()


def test_where_error_is_dear_thrift_is_rounding_to_nearest(residuals):
    assert torch.equal(gaussian.thrifty_round(*residuals, 1e9), torch.round(residuals[0]))
    assert torch.equal(gaussian.thrifty_round(*residuals, None), torch.round(residuals[0]))
