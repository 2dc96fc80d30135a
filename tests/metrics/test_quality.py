from math import inf, isclose, isnan, log10, nan

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import BACKBONE, lpips, ms_ssim, ms_ssim_db, psnr, ssim

METRICS = [psnr, ssim, ms_ssim, lpips]


def picture(h=176, w=200):
    """Smooth waves with some texture, so that every scale of SSIM has something to compare."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:h, :w]
    waves = [127 + 80 * np.sin(x / (9 + c) + y / 13) for c in range(3)]
    return (np.stack(waves, axis=-1) + rng.normal(0, 12, (h, w, 3))).clip(0, 255).astype(np.uint8)


def noisy(image, sigma):
    return (image + np.random.default_rng(1).normal(0, sigma, image.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory):
    """The convolutions of an AlexNet with seeded weights, and a torch home where they lie as if downloaded."""
    from torchvision.models import alexnet

    torch.manual_seed(0)
    network, home = alexnet(weights=None), tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    weights = {name: value for name, value in network.state_dict().items() if name.startswith("features")}
    torch.save(weights, home / "hub" / "checkpoints" / BACKBONE)
    return network.features, home


@pytest.fixture
def backbone(alexnet, monkeypatch):
    """Weights that are wrong for judging pictures, but enough to follow the arithmetic of LPIPS."""
    features, home = alexnet
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return features


def test_equal_pictures_are_perfect():
    image = picture()
    assert psnr(image, image) == inf
    assert ssim(image, image) == pytest.approx(1, abs=1e-6)
    assert ms_ssim(image, image) == pytest.approx(1, abs=1e-6)


def test_more_noise_is_worse():
    image = picture()
    for metric in (psnr, ssim, ms_ssim):
        scores = [metric(image, noisy(image, sigma)) for sigma in (2, 8, 32)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[2] * 1.1


def test_psnr_of_an_error_of_one_level_everywhere_is_48_db():
    a = np.full((2, 3, 3), 254, np.uint8)
    assert psnr(a, a + 1) == psnr(a + 1, a) == pytest.approx(20 * log10(255))
    assert psnr(np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)) == 0


def test_psnr_and_ssim_are_those_of_scikit_image():
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = picture(), noisy(picture(), 10)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b), rel=1e-12)
    # The same Gaussian window; scikit-image, too, leaves out a border of half a window.
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255)
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, **options), abs=1e-5)


def slow_ms_ssim(a, b):
    """Wang, Simoncelli and Bovik 2003, eq. 7, one channel at a time in float64."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def blur(x):
        for axis in (0, 1):
            x = correlate1d(x, window / window.sum(), axis=axis)
        return x[5:-5, 5:-5]

    scores = []
    for x, y in zip(np.moveaxis(a / 1.0, 2, 0), np.moveaxis(b / 1.0, 2, 0), strict=True):
        score = 1.0
        for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
            mx, my = blur(x), blur(y)
            vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
            contrast = (2 * cov + 7.65**2 * 1.0) / (vx + vy + 7.65**2)
            luminance = (2 * mx * my + 2.55**2) / (mx**2 + my**2 + 2.55**2)
            last = weight == 0.1333
            score *= np.mean(luminance * contrast if last else contrast) ** weight
            h, w = (side // 2 * 2 for side in x.shape)
            x, y = (z[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)) for z in (x, y))
        scores.append(score)
    return np.mean(scores)


@pytest.mark.parametrize("sigma", [3, 25])
def test_ms_ssim_is_what_the_paper_says(sigma):
    a, b = picture(176, 208), noisy(picture(176, 208), sigma)  # even down to the fifth scale
    assert ms_ssim(a, b) == pytest.approx(slow_ms_ssim(a, b), abs=2e-6)


def test_ms_ssim_in_db_is_minus_ten_log_of_what_is_missing():
    assert ms_ssim_db(0.9) == pytest.approx(10)
    assert ms_ssim_db(0.99) == pytest.approx(20)
    assert ms_ssim_db(1.0) == inf
    assert isnan(ms_ssim_db(nan))  # what was not measured is not perfect


@pytest.mark.filterwarnings("ignore::UserWarning")  # torchvision about an old way to ask for a network
def test_lpips_follows_the_weights_it_is_given(backbone):
    """The whole of it once more: unit feature vectors at five depths, squared differences, learned weights, mean."""
    import lpips as package

    a, b = picture(64, 80), noisy(picture(64, 80), 20)
    learned = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
    mean, spread = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = (((torch.tensor(z) / 127.5 - 1 - mean) / spread).permute(2, 0, 1)[None] for z in (a, b))
    expected, weights = 0.0, iter(learned.lins)
    with torch.inference_mode():
        for number, layer in enumerate(backbone):
            x, y = layer(x), layer(y)
            if number in (1, 4, 7, 9, 11):  # after each ReLU
                difference = (x / x.norm(dim=1, keepdim=True) - y / y.norm(dim=1, keepdim=True)) ** 2
                expected += (difference * next(weights).model[-1].weight).sum(dim=1).mean().item()
    assert lpips(a, a) == 0
    assert isclose(lpips(a, b), expected, rel_tol=1e-3)
    assert expected > 1e-4


def test_lpips_says_what_is_missing_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr("socket.socket", None)
    with pytest.raises(LicLabError, match=f"AlexNet: download https://.*{BACKBONE}") as error:
        lpips(picture(64, 64), picture(64, 64))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_lpips_refuses_a_damaged_backbone(tmp_path, monkeypatch):
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / BACKBONE).write_bytes(b"<html>not found</html>")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    with pytest.raises(LicLabError, match="LPIPS cannot use"):
        lpips(picture(64, 64), picture(64, 64))


@pytest.mark.parametrize(("metric", "side"), [(ssim, 11), (ms_ssim, 161), (lpips, 31)])
def test_a_picture_too_small_for_a_metric_is_refused_with_the_size_it_needs(metric, side, backbone):
    with pytest.raises(LicLabError, match=f"needs sides of {side} pixels or more, got 200 x {side - 1}"):
        metric(picture(side - 1, 200), picture(side - 1, 200))
    assert np.isfinite(metric(picture(side, 200), noisy(picture(side, 200), 5)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "other",
    [
        np.zeros((176, 199, 3), np.uint8),
        np.zeros((176, 200, 4), np.uint8),
        np.zeros((176, 200), np.uint8),
        np.zeros((176, 200, 3), np.float32),
    ],
)
def test_pictures_that_do_not_match_are_refused(metric, other):
    for pair in ((picture(), other), (other, picture())):
        with pytest.raises(LicLabError):
            metric(*pair)
