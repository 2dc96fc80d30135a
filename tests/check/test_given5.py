"""What A5 gives: tables for means in eighths, latents nobody has listed, and two contexts that decode."""

import numpy as np
import pytest

from lic_lab.check import given5
from lic_lab.check.judging5 import coded


def test_a_symbol_costs_what_its_gaussian_says():
    from scipy.stats import norm

    y, mean, scale = np.arange(-3, 5), np.full(8, 0.375), np.full(8, given5.LADDER[33])
    exact = -np.log2(norm.cdf(y + 0.5, mean, scale) - norm.cdf(y - 0.5, mean, scale))
    assert given5.symbol_bits(y, mean, scale) == pytest.approx(exact, abs=0.02)


def test_moving_symbols_and_means_together_changes_no_price():
    y, mean, scale = np.array([0, 3, -7]), np.array([0.25, 2.5, -6.125]), np.array([0.5, 2.0, 9.0])
    for step in (-40, 1, 17):
        assert np.array_equal(given5.symbol_bits(y + step, mean + step, scale), given5.symbol_bits(y, mean, scale))


def test_means_count_in_eighths_and_scales_as_the_nearest_table():
    whole, index = given5.tables_of(np.array([0.0, 0.99, -0.1, 2.06]), np.array([0.01, 0.1, 64.0, 1e9]))
    assert whole.tolist() == [0, 1, -1, 2]
    assert (index // 64).tolist() == [0, 0, 7, 0] and (index % 64).tolist() == [0, 0, 63, 63]


def test_every_latent_has_sixteen_channels_of_symbols_up_to_sixty():
    for y in given5.latents().values():
        assert len(y) == given5.CHANNELS and y.dtype == np.int64 and np.abs(y).max() <= 60 and not y.flags.writeable


def test_an_unseen_crop_is_the_same_for_one_seed_and_in_no_latent():
    one, same, other = (given5.unseen("coffee", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other) and one.shape == (16, 16, 16)
    listed = given5.latents()["coffee"]
    places = np.lib.stride_tricks.sliding_window_view(listed, one.shape)
    assert not (places == one).all((-3, -2, -1)).any()


@pytest.mark.parametrize("fit", [given5.no_context, given5.neighbour_mean])
def test_a_given_context_decodes_and_costs_what_was_estimated(fit):
    y, *train = (y[:, :10, :12] for y in given5.latents().values())
    found = coded(y, fit(train), passes=2)
    assert 8 * found.bytes == pytest.approx(found.bits, rel=0.01, abs=40)
