"""A spectrum is what numpy says it is, step by step; noise is flat, and what is blurred falls."""

import numpy as np
import pytest
import torch
from skimage.filters import gaussian

from lic_lab.errors import LicLabError
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.spectrum import (
    centre,
    diagonal,
    feature_spectrum,
    last_block,
    log_amplitude,
    model_spectra,
)


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def by_hand(features):
    """The published steps in numpy: (b, c, h, h) -> the curve from zero frequency outwards, (h / 2,)."""
    spectrum = np.fft.fftshift(np.log(np.abs(np.fft.fft2(features)) + 1e-6), axes=(-2, -1)).mean(axis=(0, 1))
    half = features.shape[-1] // 2
    return np.array([spectrum[half + k, half + k] for k in range(half)])


def test_the_curve_is_what_numpy_computes():
    features = noise(2, 5, 32, 32)
    found = feature_spectrum(features)
    expected = by_hand(features.numpy())
    assert np.allclose(found.absolute, expected, atol=1e-10)
    assert np.allclose(found.relative, expected - expected[0]) and found.relative[0] == 0
    assert found.delta == pytest.approx(expected[-1] - expected[0])
    assert found.frequencies[0] == 0 and found.frequencies[-1] == 1 and len(found.frequencies) == 16


@pytest.mark.parametrize(("height", "width"), [(5, 7), (7, 4), (6, 5)])
def test_zero_frequency_lies_at_half_of_odd_and_even_sides_and_the_others_in_order_around_it(height, width):
    """Every frequency as the sum that defines it, none of them moved by anybody's fftshift."""
    features = noise(1, 1, height, width).numpy()[0, 0]
    rows, columns = np.mgrid[0:height, 0:width]
    found = log_amplitude(torch.from_numpy(features)[None, None]).numpy()
    for k in range(-(height // 2), (height + 1) // 2):
        for m in range(-(width // 2), (width + 1) // 2):
            turned = np.exp(-2j * np.pi * (k * rows / height + m * columns / width))
            expected = np.log(abs((features * turned).sum()) + 1e-6)
            assert found[height // 2 + k, width // 2 + m] == pytest.approx(expected, abs=1e-9), (k, m)


def test_white_noise_is_flat():
    found = feature_spectrum(noise(8, 512, 32, 32))
    assert np.abs(found.absolute[1:] - found.absolute[1:].mean()).max() < 0.06  # of some 3.2
    assert abs(found.absolute[1:-1].mean() - (np.log(32) - 0.5772 / 2)) < 0.02  # E ln|z| of a complex Gaussian


def test_a_blur_falls_as_the_transfer_function_of_the_blur_says():
    sharp = noise(1, 64, 64, 64)
    kernel = np.zeros((64, 64))
    kernel[32, 32] = 1
    kernel = gaussian(kernel, 1.2, mode="wrap")
    blurred = torch.fft.ifft2(torch.fft.fft2(sharp) * torch.fft.fft2(torch.from_numpy(kernel))).real
    one, other = feature_spectrum(sharp), feature_spectrum(blurred)
    transfer = np.log(np.abs(np.fft.fft2(kernel)).diagonal()[:32])
    assert np.allclose(other.absolute - one.absolute, transfer, atol=1e-2)
    assert other.delta < one.delta - 5 and (np.diff(transfer) < 0).all()


def test_the_logarithm_comes_before_the_average():
    """Two maps, one of them e times as large: the mean of logarithms is half of one more, not the log of the mean."""
    features = noise(1, 1, 16, 16)
    both = torch.cat([features, np.e * features])
    assert torch.allclose(log_amplitude(both), log_amplitude(features) + 0.5, atol=1e-4)


def test_both_rules_agree_on_even_squares():
    amplitude = log_amplitude(noise(1, 3, 48, 48))
    assert torch.allclose(diagonal(amplitude, "whole"), diagonal(amplitude, "square"))


def test_the_second_rule_goes_by_frequency_not_by_index():
    """A plane a row + b column is read exactly by bilinear interpolation, in min(h, w) / 2 even steps."""
    height, width = 32, 48
    rows, columns = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    found = diagonal(3 * rows - 2 * columns, "whole")
    steps = torch.arange(16).double()
    assert torch.allclose(found, 3 * (16 + steps) - 2 * (24 + 1.5 * steps))


@pytest.mark.parametrize(
    ("shape", "rule", "words"),
    [((8, 12), "square", "not square"), ((8, 8), "round", "unknown rule"), ((1, 8), "whole", "no diagonal")],
)
def test_what_has_no_diagonal_is_refused(shape, rule, words):
    with pytest.raises(LicLabError, match=words):
        diagonal(torch.zeros(shape), rule)


def pictures(views, count=2, height=150, width=140):
    rng = np.random.default_rng(1)
    shape = (height, width, 3) if views == 1 else (2, height, width, 3)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("name", PRESETS)
def test_every_model_gives_a_spectrum_of_every_block_averaged_over_pictures(name):
    model = build(name, "tiny")
    both = pictures(model.views)
    found = model_spectra(model, both)
    alone = [model_spectra(model, [picture]) for picture in both]
    assert found[0].amplitude.shape == (64, 64) and found[-1].amplitude.shape == (8, 8)  # 128 in the middle
    assert found[0].path == "analysis.deep.0" and len({block.path for block in found}) == len(found) >= 6
    for block, one, other in zip(found, *alone, strict=True):
        assert block.deltas == (one.delta, other.delta) and block.delta == pytest.approx((one.delta + other.delta) / 2)
        assert np.allclose(block.absolute, (one.absolute + other.absolute) / 2)


def test_the_last_spectrum_is_that_of_the_latent():
    model, (picture,) = build("charm", "tiny"), pictures(1, 1, 128, 128)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = by_hand(model.analyse(x).double().numpy())
    assert np.allclose(model_spectra(model, [picture])[-1].absolute, expected, atol=1e-5)


def test_whole_pictures_of_several_sizes_have_curves_and_no_common_map():
    found = model_spectra(build("charm", "tiny"), [*pictures(1, 1, 128, 192), *pictures(1, 1, 192, 256)], rule="whole")
    assert all(block.amplitude is None and len(block.deltas) == 2 for block in found)
    assert len(found[0].absolute) == 32  # of the shorter side of the smaller one


def test_looking_leaves_no_hooks():
    model = build("charm", "tiny")
    model_spectra(model, pictures(1))
    assert not any(module._forward_hooks for module in model.modules())


def test_a_square_is_cut_out_of_the_middle():
    picture = np.arange(10 * 6 * 3, dtype=np.uint8).reshape(10, 6, 3)
    assert np.array_equal(centre(picture, 4), picture[3:7, 1:5])
    with pytest.raises(LicLabError, match="no square of 7 pixels"):
        centre(picture, 7)
    with pytest.raises(LicLabError, match="use larger pictures"):
        model_spectra(build("charm", "tiny"), pictures(1, 1, 63, 200))


def test_a_model_in_training_is_refused():
    with pytest.raises(LicLabError, match=r"model\.eval"):
        model_spectra(build("charm", "tiny").train(), pictures(1))


@pytest.mark.parametrize(("side", "near"), [(100, 64), (130, 128), (65, 64)])
def test_a_side_that_the_model_would_pad_is_refused(side, near):
    with pytest.raises(
        LicLabError, match=f"a square of {side} pixels would be padded: .* of 64 pixels, such as {near}$"
    ):
        model_spectra(build("charm", "tiny"), pictures(1), side=side)
    assert model_spectra(build("charm", "tiny"), pictures(1), side=near)[0].amplitude.shape == (near // 2, near // 2)


def test_paths_inside_of_blocks_are_listed_before_their_block_and_change_nothing_else():
    torch.manual_seed(0)
    model, both = build("cmamba", "tiny"), pictures(1)
    plain, found = model_spectra(model, both), model_spectra(model, both, insides=True)
    assert [one.path for one in found if not one.block] == [one.path for one in plain]
    for one, other in zip(plain, (one for one in found if not one.block), strict=True):
        assert one.deltas == other.deltas and np.array_equal(one.amplitude, other.amplitude)
    within = [one for one in found if one.block == "analysis.deep.1"]
    assert [one.name for one in within] == ["SSM adds", "SSM path", "CNN adds", "CNN path", "fusion", "block adds"]
    assert all(len(one.deltas) == len(one.tilts) == 2 for one in found)


def test_a_constant_moves_delta_and_not_the_tilt():
    features = noise(1, 8, 32, 32)
    one, other = feature_spectrum(features), feature_spectrum(features + 3)
    assert other.delta < one.delta - 3 and other.tilt == pytest.approx(one.tilt)


def test_the_spread_is_that_of_a_sample_of_pictures():
    found = model_spectra(build("charm", "tiny"), pictures(1, 3))[0]
    assert found.spread == pytest.approx(np.std(found.deltas, ddof=1)) and found.spread > 0
    assert feature_spectrum(noise(1, 1, 16, 16)).spread == 0


def test_nothing_is_silent_and_hardly_anything_is_not():
    features = noise(1, 4, 16, 16)
    assert feature_spectrum(0 * features).silent and feature_spectrum(1e-9 * features).silent
    assert not feature_spectrum(1e-4 * features).silent and not feature_spectrum(features).silent


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (6, 5), (7, 4), (2, 2)])
def test_half_of_the_transform_is_enough_for_a_real_map(height, width):
    features = noise(2, 3, height, width)
    whole = np.fft.fftshift(np.log(np.abs(np.fft.fft2(features.numpy())) + 1e-6), axes=(-2, -1)).mean((0, 1))
    assert np.allclose(log_amplitude(features).numpy(), whole, atol=1e-10)


def test_the_last_block_is_the_last_one_larger_than_the_latent():
    found = model_spectra(build("charm", "tiny"), pictures(1, 1, 128, 128), insides=True)
    one = last_block(found)
    assert one.name == "GDN" and one.amplitude.shape == (16, 16)
    assert last_block(found[-2:]).path == found[-1].path


def test_progress_is_told_before_each_picture():
    told = []
    model_spectra(build("charm", "tiny"), pictures(1, 3), progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3)]
