"""Rings of a spectrum: every frequency is in one of them, and what they hold adds up to the whole."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.probes.rings import band_pass, energy_shares, radius, ring_mask, ring_profile, tilt


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def wave(side, down, across):
    rows, columns = np.mgrid[0:side, 0:side]
    return torch.from_numpy(np.cos(2 * np.pi * (down * rows + across * columns) / side))


def test_a_radius_is_in_units_of_pi_with_zero_where_the_shift_puts_it():
    far = radius(8, 12)
    assert far[4, 6] == 0 and far[0, 6] == 1 and far[4, 0] == 1
    assert far[4, 9] == pytest.approx(0.5) and far[0, 0] == pytest.approx(2**0.5)
    assert radius(5, 5)[2, 2] == 0


@pytest.mark.parametrize("size", [(16, 16), (15, 9), (8, 24)])
def test_the_profile_is_the_mean_of_each_ring_and_leaves_no_frequency_out(size):
    amplitude = noise(*size).numpy()
    where, means = ring_profile(amplitude)
    number = np.maximum(np.rint(radius(*size) * min(size) / 2), 1).astype(int)
    number[size[0] // 2, size[1] // 2] = 0
    assert where[0] == 0 and means[0] == amplitude[size[0] // 2, size[1] // 2]
    for k, mean in zip(np.rint(where * min(size) / 2).astype(int), means, strict=True):
        assert mean == pytest.approx(amplitude[number == k].mean())
    assert len(where) == len(np.unique(number))


def test_a_slope_of_the_spectrum_is_the_tilt():
    far = radius(64, 64)
    assert tilt(-2.0 * far) == pytest.approx(-2 * (far[far >= 0.75].mean() - far[(far > 0) & (far <= 0.25)].mean()))
    assert tilt(np.full((16, 16), 3.0)) == 0


def test_zero_frequency_does_not_count_in_the_tilt():
    amplitude = noise(16, 16).numpy()
    other = amplitude.copy()
    other[8, 8] += 100
    assert tilt(other) == tilt(amplitude)


def test_a_map_too_small_for_low_frequencies_has_no_tilt():
    with pytest.raises(LicLabError, match="4 x 4 has no frequency under"):
        tilt(np.zeros((4, 4)))


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (-0.1, 0.5), (0.7, 0.2)])
def test_an_empty_ring_is_refused(low, high):
    with pytest.raises(LicLabError, match="holds nothing"):
        ring_mask(8, 8, low, high)


@pytest.mark.parametrize("size", [(16, 16), (15, 9)])
def test_rings_that_leave_nothing_out_add_up_to_the_map(size):
    features = noise(2, 3, *size)
    edges = (0, 0.2, 0.5, 1.0, 1.5)
    parts = [band_pass(features, low, high) for low, high in pairwise(edges)]
    assert torch.allclose(sum(parts), features)
    assert all(part.shape == features.shape and not torch.allclose(part, features) for part in parts)


def test_a_ring_passes_a_wave_inside_it_and_stops_one_outside():
    inside, outside = wave(32, 4, 4), wave(32, 12, 0)  # at 0.354 and at 0.75
    assert torch.allclose(band_pass(inside + outside, 0.25, 0.5), inside, atol=1e-9)
    assert band_pass(outside, 0.25, 0.5).abs().max() < 1e-9


def test_the_energy_of_two_waves_is_shared_by_the_squares_of_their_heights_and_a_constant_has_none():
    f = wave(32, 4, 0) + 3 * wave(32, 12, 0) + 100
    power = torch.fft.fftshift(torch.fft.fft2(f).abs().square())
    before = power.clone()
    assert float(energy_shares(power, 0.2, 0.5)) == pytest.approx(0.1)
    assert float(energy_shares(power, 0.5, 1.0)) == pytest.approx(0.9)
    assert torch.equal(power, before)
    assert float(energy_shares(torch.zeros(8, 8), 0, 1)) == 0
