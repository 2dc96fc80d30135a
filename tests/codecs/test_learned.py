import numpy as np
import pytest
import torch

import lic_lab
from lic_lab import codecs
from lic_lab.codecs import learned
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.models import checkpoints
from lic_lab.ops.color import tensor_to_image


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return lic_lab.build("charm", "tiny")


@pytest.fixture(scope="module")
def codec(model):
    return LearnedCodec(model, "charm", label="ChARM", preset="tiny")


class Fixed(torch.nn.Module):
    """A model of one rate that cannot share its analysis: it writes every pixel."""

    rates = 1

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def compress(self, x, rate):
        return bytes(x.shape[2:]) + (x * 255).round().to(torch.uint8).numpy().tobytes()

    def decompress(self, data):
        height, width = data[:2]
        levels = np.frombuffer(data[2:], np.uint8).reshape(1, 3, height, width)
        return torch.from_numpy(levels.copy()) / 255

    def rate_for_lambda(self, lmbda):
        return 0.0

    def fingerprint(self):
        return b"\1\2\3\4"


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 1), (61, 83)])
def test_a_picture_of_any_size_comes_back_in_its_size(codec, picture, size):
    image = picture[: size[0], : size[1]]
    decoded = codec.decompress(codec.compress(image))
    assert decoded.shape == image.shape and decoded.dtype == np.uint8


def test_what_is_decoded_is_what_the_model_decodes(codec, model, picture):
    data = codec.encode(picture, 1.5)
    x_hat = model.decompress(data)[0].permute(1, 2, 0)
    assert np.array_equal(codec.decode(data), (x_hat * 255).round().to(torch.uint8).numpy())


def test_the_knob_is_the_rate_point_in_steps_of_a_4096th(codec, model):
    assert codec.ladder.count == (model.rates - 1) * 4096 + 1
    assert codec.quality_range == (0, model.rates - 1) and codec.default_quality == (model.rates - 1) / 2
    assert codec.ladder.quality(1) == 1 / 4096


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.98])
def test_a_ceiling_is_filled_to_within_2_percent(codec, picture, share):
    image = np.tile(picture, (3, 3, 1))  # enough bytes for 2 percent to be some
    least, most = (len(codec.encode(image, q)) for q in codec.quality_range)
    ceiling = round(least + share * (most - least))
    seen = []
    data = codec.compress(image, max_bytes=ceiling, progress=seen.append)
    assert 0.98 * ceiling <= len(data) <= ceiling
    assert len(seen) <= 12


def test_the_smallest_file_is_named_where_the_ceiling_is_lower(codec, picture):
    least = len(codec.encode(picture, 0))
    with pytest.raises(LicLabError, match=f"smallest file has {least} bytes"):
        codec.compress(picture, max_bytes=least - 1)


def test_psnr_is_reached(codec, picture):
    low, high = (psnr(picture, codec.decode(codec.encode(picture, q))) for q in codec.quality_range)
    wanted = (low + high) / 2
    assert wanted <= psnr(picture, codec.decode(codec.compress(picture, psnr=wanted)))


def test_lambda_is_the_models_own_way_to_a_rate(codec, model, picture):
    lmbda = (model.lambdas[0] * model.lambdas[1]) ** 0.5
    assert codec.compress(picture, lmbda=lmbda) == codec.encode(picture, model.rate_for_lambda(lmbda))
    with pytest.raises(LicLabError, match="outside what this model was trained for"):
        codec.compress(picture, lmbda=99)


def test_a_search_analyses_once_and_writes_what_encode_would(codec, model, picture, monkeypatch):
    calls = []
    analyse = model.analyse
    monkeypatch.setattr(model, "analyse", lambda x: calls.append(1) or analyse(x))
    seen = []
    codec.compress(picture, max_bytes=len(codec.encode(picture, 0.3)), progress=seen.append)
    assert len(seen) > 1 and len(calls) == 2  # one for encode above, one for the whole search
    assert all(trial.data == codec.encode(picture, trial.quality) for trial in seen)


@pytest.mark.parametrize("where", ["analyse", "compress"])
def test_a_search_without_enough_memory_says_so(codec, model, picture, monkeypatch, where):
    def fail(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(model, where, fail)
    with pytest.raises(LicLabError, match=r"charm cannot encode this .* picture: not enough memory"):
        codec.compress(picture, bpp=0.5)


def test_settings_name_preset_and_weights(codec, model):
    assert codec.settings.startswith(f"charm tiny, weights {model.fingerprint().hex()}, 0.")


def test_a_fixed_rate_model_has_one_quality():
    codec, image = LearnedCodec(Fixed(), "fixed"), np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    data = codec.compress(image, max_bytes=200)
    assert data == codec.compress(image) and np.array_equal(codec.decompress(data), image)
    assert codec.quality_range == (0, 0)
    with pytest.raises(LicLabError, match="smallest file has 137 bytes"):
        codec.compress(image, max_bytes=100)


@pytest.mark.parametrize("kept", [0, 3, 10, 30, -1])
def test_truncated_files_are_an_error(codec, picture, kept):
    with pytest.raises(CorruptStreamError) as caught:
        codec.decode(codec.encode(picture, 1)[:kept])
    assert "\n" not in str(caught.value)


def test_a_file_of_other_weights_is_refused_by_name(codec, picture):
    torch.manual_seed(1)
    stranger = LearnedCodec(lic_lab.build("charm", "tiny"), "charm")
    with pytest.raises(LicLabError, match="load the weights that wrote"):
        stranger.decode(codec.encode(picture, 1))


def test_trained_weights_are_loaded_by_their_file(model, picture, tmp_path):
    checkpoints.save_model(model, tmp_path / "mine.safetensors", name="charm", preset="tiny")
    codec = codecs.load(str(tmp_path / "mine.safetensors"))
    assert codec.name == "mine" and codec.kind == "learned"
    assert codec.decompress(codec.compress(picture)).shape == picture.shape


def test_models_without_weights_say_how_to_train_them(monkeypatch):
    monkeypatch.setattr(checkpoints, "shipped", lambda: ["charm"])
    reasons = learned.names()
    assert reasons["charm"] == "" and "lic-lab train hyperprior" in reasons["hyperprior"]


# Stereo


@pytest.fixture(scope="module")
def stereo():
    torch.manual_seed(0)
    return learned.wrap(lic_lab.build("bisic"), "bisic", "tiny")


@pytest.fixture(scope="module")
def views():
    left = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8).repeat(9, 0).repeat(9, 1)[:50, :70]
    return left, np.roll(left, -4, axis=1)


def test_a_stereo_model_takes_and_gives_left_and_right(stereo, views):
    data = stereo.compress(views, quality=1.0)
    left, right = stereo.decompress(data)
    assert left.shape == right.shape == (50, 70, 3) and left.dtype == np.uint8
    x = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)[None].float() / 255
    assert data == stereo.model.compress(x, 1.0)
    assert np.array_equal(right, tensor_to_image(stereo.model.decompress(data)[0, 1]))


def test_a_rate_target_counts_both_views(stereo, views):
    low, high = (len(stereo.compress(views, quality=quality)) for quality in (0.0, 2.0))
    bpp = 8 * (low + high) / 2 / (2 * 50 * 70)
    data = stereo.compress(views, bpp=bpp)
    assert 0.95 * bpp <= 8 * len(data) / (2 * 50 * 70) <= bpp


def test_a_search_analyses_the_pair_once(stereo, views, monkeypatch):
    calls, analyse = [], stereo.model.analyse
    monkeypatch.setattr(stereo.model, "analyse", lambda x: calls.append(1) or analyse(x))
    stereo.compress(views, max_bytes=len(stereo.compress(views, quality=1.0)))
    assert len(calls) == 2  # one for each `compress`


def test_how_many_views_a_model_codes_is_known_without_building_it():
    for name in lic_lab.list_presets():
        assert learned.views(name) == lic_lab.build(name).views == (2 if name == "bisic" else 1)


def test_one_picture_is_no_pair_and_a_pair_is_no_picture(stereo, views):
    with pytest.raises(LicLabError, match="give both views"):
        stereo.compress(views[0])
    with pytest.raises(LicLabError):
        learned.wrap(lic_lab.build("charm"), "charm").compress(views)


def test_a_tensor_of_the_models_own_shape_is_a_pair_too(stereo, views):
    x = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)[None].float() / 255
    assert stereo.compress(x, quality=1.0) == stereo.compress(views, quality=1.0)


def test_the_limit_of_pixels_is_for_both_views_in_writing_and_in_reading(stereo, views, monkeypatch):
    data = stereo.compress(views, quality=1.0)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", str(2 * 50 * 70 - 1))
    for attempt in (lambda: stereo.compress(views, quality=1.0), lambda: stereo.decompress(data)):
        with pytest.raises(LicLabError, match="LIC_LAB_MAX_PIXELS"):
            attempt()
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", str(2 * 50 * 70))
    assert stereo.decompress(data)[0].shape == (50, 70, 3)


def test_how_many_views_a_file_holds_is_told_by_its_codec_number():
    assert [learned.views_of_code(code) for code in (1, 2, 7, 255, 99)] == [1, 1, 2, 1, 1]
