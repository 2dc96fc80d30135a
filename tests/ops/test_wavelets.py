import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.wavelets import WAVELETS, dwt2, idwt2, wavedec2, waverec2

NAMES = st.sampled_from(sorted(WAVELETS))
SIDES = st.integers(1, 300)

# Ours -> PyWavelets' name, its border mode, and how many extra coefficients it puts in front.
PYWAVELETS = {"haar": ("haar", "symmetric", 0), "5/3": ("bior2.2", "reflect", 1), "9/7": ("bior4.4", "reflect", 2)}


def random_map(h, w, dtype=torch.float64):
    return torch.randn(2, h, w, dtype=dtype, generator=torch.Generator().manual_seed(h * 1000 + w))


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, NAMES)
def test_bands_have_half_the_size_and_give_the_map_back(h, w, wavelet):
    x = random_map(h, w)
    bands = dwt2(x, wavelet)
    assert {tuple(band.shape) for band in bands} == {(2, (h + 1) // 2, (w + 1) // 2)}
    torch.testing.assert_close(idwt2(bands, (h, w), wavelet), x, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, NAMES, st.integers(1, 6))
def test_a_pyramid_gives_the_map_back_also_beyond_a_single_pixel(h, w, wavelet, levels):
    x = random_map(h, w)
    pyramid = wavedec2(x, levels, wavelet)
    assert len(pyramid) == levels + 1
    torch.testing.assert_close(waverec2(pyramid, (h, w), wavelet), x, rtol=0, atol=1e-11)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_float32_pictures_come_back_to_a_thousandth_of_a_level(wavelet):
    x = torch.rand(3, 65, 97, generator=torch.Generator().manual_seed(0))
    back = waverec2(wavedec2(x, 4, wavelet), (65, 97), wavelet)
    assert (back - x).abs().max() < 1e-3 / 255


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 50), st.integers(2, 50), NAMES)  # PyWavelets cannot reflect a single sample
def test_bands_are_those_of_pywavelets(h, w, wavelet):
    x = random_map(h, w)
    name, mode, skip = PYWAVELETS[wavelet]
    ll, details = pywt.dwt2(x.numpy(), name, mode)
    low, high = ((h + 1) // 2, (w + 1) // 2), (h // 2, w // 2)  # how many coefficients carry something
    sizes = low, (high[0], low[1]), (low[0], high[1]), high
    for ours, theirs, (rows, columns) in zip(dwt2(x, wavelet), (ll, *details), sizes, strict=True):
        expected = theirs[:, skip : skip + rows, skip : skip + columns]
        np.testing.assert_allclose(ours[:, :rows, :columns].numpy(), expected, rtol=0, atol=1e-10)


def test_the_pyramid_has_the_order_of_pywavelets():
    x = random_map(32, 48)
    ours = wavedec2(x, 2)
    theirs = pywt.wavedec2(x.numpy(), "haar", level=2)
    for bands, expected in zip(ours[1:], theirs[1:], strict=True):
        for band, values in zip(bands, expected, strict=True):
            np.testing.assert_allclose(band.numpy(), values, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, NAMES)
def test_a_constant_has_no_detail_and_twice_its_value_in_ll(h, w, wavelet):
    ll, *details = dwt2(torch.full((h, w), 3.0, dtype=torch.float64), wavelet)
    torch.testing.assert_close(ll, torch.full_like(ll, 6.0), rtol=1e-12, atol=0)
    assert max(band.abs().max() for band in details) < 1e-12


def test_haar_keeps_the_energy():
    x = random_map(64, 32)
    assert sum((band**2).sum() for band in dwt2(x, "haar")) == pytest.approx((x**2).sum().item(), rel=1e-12)


def test_a_horizontal_edge_shows_in_lh_and_a_vertical_one_in_hl():
    step = torch.zeros(8, 8)
    step[3:] = 1
    _, lh, hl, _ = dwt2(step, "haar")
    assert lh.abs().sum() > 0 and hl.abs().sum() == 0
    _, lh, hl, _ = dwt2(step.T, "haar")
    assert lh.abs().sum() == 0 and hl.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dwt2(torch.zeros(4, 4), "db2"), "no wavelet 'db2': choose one of haar"),
        (lambda: dwt2(torch.zeros(4, 0)), "at least one row"),
        (lambda: idwt2(dwt2(torch.zeros(4, 4)), (5, 4)), r"bands for 5 x 4 are \(3, 2\)"),
        (lambda: wavedec2(torch.zeros(4, 4), 0), "at least one level"),
    ],
)
def test_what_cannot_be_transformed_is_refused(call, message):
    with pytest.raises(LicLabError, match=message):
        call()


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_gradients_pass_both_ways(wavelet):
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dwt2(x, wavelet), x)
    assert torch.autograd.gradcheck(lambda x: idwt2(dwt2(2 * x, wavelet), (3, 5), wavelet), x)
