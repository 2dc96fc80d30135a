import warnings

import numpy as np
import pytest
import torch

from lic_lab import codecs
from lic_lab.codecs import zoo
from lic_lab.coding import container
from lic_lab.errors import CorruptStreamError, LicLabError

pytest.importorskip("compressai")


def untrained(architecture: str, seed: int = 0, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from compressai.zoo import image_models

        torch.manual_seed(seed)
        return image_models[architecture](pretrained=False, **arguments)


def loud(model):
    """Untrained latents round to zero, which any coder codes; these do not."""
    with torch.no_grad():
        for transform in (model.g_a, getattr(model, "h_a", model.g_a)):
            [m for m in transform.modules() if isinstance(m, torch.nn.Conv2d)][-1].weight *= 60
    return model


@pytest.fixture(scope="module")
def codec():
    return zoo.wrap(untrained("bmshj2018-hyperprior", quality=1), "hyper", label="Hyper")


@pytest.mark.parametrize(
    ("architecture", "quality"),
    [
        ("bmshj2018-factorized", 1),
        ("mbt2018-mean", 1),
        ("mbt2018", 1),
        ("cheng2020-anchor", 1),
        ("cheng2020-attn", 1),
        ("bmshj2018-hyperprior-vbr", 0),
        ("mbt2018-mean-vbr", 0),
        ("mbt2018-vbr", 0),
    ],
)
def test_architectures_of_the_zoo_come_back_from_one_whole_file(architecture, quality, picture):
    codec = zoo.wrap(loud(untrained(architecture, quality=quality)), architecture)
    image = picture[:33, :51]
    data = codec.compress(image)
    model, rung = codec.model(codec.default_quality), zoo._rung(codec.model(1), codec.default_quality)
    x = zoo.pad_to_multiple(zoo.image_to_tensor(image), model.downsampling_factor)
    out = model.compress(x, **rung)
    strings = sum(len(s) for group in out["strings"] for s in group)
    assert strings < len(data) <= strings + 40  # header, shape, lengths: all counted, none of it large
    theirs = model.decompress(out["strings"], out["shape"], **rung)
    expected = (theirs["x_hat"][0, :, :33, :51].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(codec.decompress(data), expected)


@torch.no_grad()
def test_what_is_decoded_is_what_their_forward_pass_gives(picture):
    for architecture, quality in (("bmshj2018-hyperprior", 1), ("mbt2018-mean", 1), ("mbt2018-vbr", 0)):
        codec = zoo.wrap(loud(untrained(architecture, quality=quality)), architecture)
        model, rung = codec.model(3), zoo._rung(codec.model(3), 3)
        x_hat = model(zoo.pad_to_multiple(zoo.image_to_tensor(picture), 64), **rung)["x_hat"]
        expected = zoo.tensor_to_image(x_hat[..., : picture.shape[0], : picture.shape[1]].clamp(0, 1))
        decoded = codec.decode(codec.encode(picture, min(3, codec.ladder.count)))
        assert np.abs(decoded.astype(int) - expected).max() <= 1


def test_tables_that_depend_on_the_rate_are_made_for_every_rate_and_files_name_them(picture):
    from compressai.models.vbr import MeanScaleHyperpriorVbr

    torch.manual_seed(0)
    model = loud(MeanScaleHyperpriorVbr(16, 24, vr_entbttlnck=True))
    with torch.no_grad():
        model.gayn2zqstep[-2].bias += 3  # steps of z above the least, so that they differ from rate to rate
    codec, x = zoo.wrap(model, "vr"), zoo.pad_to_multiple(zoo.image_to_tensor(picture), 64)
    files = {quality: codec.encode(picture, quality) for quality in (1, 4, 8, 1)}
    for quality, data in files.items():
        with torch.no_grad():
            model.update(force=True, scale=model.Gain[quality - 1])
            theirs = model.compress(x, s=quality - 1)["strings"]
        assert zoo.unpack(container.unpack(data)[1])[0] == theirs
        assert codec.decode(data).shape == picture.shape
    assert len({container.unpack(data)[0].fingerprint for data in files.values()}) == 3


def test_a_subclass_of_ones_own_is_a_codec_too(picture):
    from compressai.models import MeanScaleHyperprior

    class Mine(MeanScaleHyperprior):
        def update(self, *arguments):  # without the arguments of later versions
            return super().update(force=True)

    torch.manual_seed(0)
    codec = zoo.wrap(loud(Mine(16, 24)), "mine")
    assert codec.settings.startswith("Mine, weights ")
    assert codec.decompress(codec.compress(picture)).shape == picture.shape


def test_tables_older_than_the_weights_are_made_anew(picture):
    model = loud(untrained("bmshj2018-factorized", quality=1))
    model.update()
    with torch.no_grad():
        model.entropy_bottleneck.quantiles *= 3  # as a few more steps of training would
    stale = model.entropy_bottleneck._quantized_cdf.shape
    zoo.wrap(model, "trained on")
    assert model.entropy_bottleneck._quantized_cdf.shape != stale


def test_shapes_of_nested_latents_are_kept(picture):
    from compressai.models import Elic2022Official

    torch.manual_seed(0)
    codec = zoo.wrap(Elic2022Official(N=32, M=40, groups=[8, 32]), "elic")
    assert codec.decompress(codec.compress(picture)).shape == picture.shape


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (61, 83)])
def test_a_picture_of_any_size_comes_back_in_its_size(codec, picture, size):
    image = picture[: size[0], : size[1]]
    assert codec.decompress(codec.compress(image)).shape == image.shape


def test_a_family_of_models_is_searched_by_its_qualities(picture):
    made = []

    def model_for(quality):
        made.append(quality)
        return untrained("bmshj2018-factorized", quality=1, seed=quality)

    codec = zoo.ZooCodec("family", model_for, qualities=3)
    sizes = {q: len(codec.encode(picture, q)) for q in (1, 2, 3)}
    assert len(codec.compress(picture, max_bytes=max(sizes.values()))) <= max(sizes.values())
    assert sorted(made) == [1, 2, 3]  # each was made once
    for quality in (1, 2, 3):
        assert container.unpack(codec.encode(picture, quality))[0].rate == quality


def test_settings_name_model_and_weights(codec):
    assert codec.settings.startswith("ScaleHyperprior, weights ") and codec.kind == "learned"


@pytest.mark.parametrize("kept", [0, 5, 20, 60, -1])
def test_truncated_files_are_an_error(codec, picture, kept):
    with pytest.raises(CorruptStreamError):
        codec.decode(codec.encode(picture, 1)[:kept])


def test_a_file_of_other_weights_is_refused_by_name(codec, picture):
    other = zoo.wrap(untrained("bmshj2018-hyperprior", quality=1, seed=9), "hyper")
    with pytest.raises(LicLabError, match="load the weights that wrote it"):
        other.decode(codec.encode(picture, 1))


def test_a_file_of_our_own_models_is_refused(codec):
    data = container.pack(container.Header(2, b"abcd", 8, 8), b"", 0)
    with pytest.raises(LicLabError):
        codec.decode(data)


@pytest.mark.parametrize("shape", [(10**6, 10**6), (1000, 2), (2, 1000), [(10**6,), 3], {"y": (500, 500)}, 10**6])
def test_a_latent_larger_than_its_picture_is_refused(codec, picture, shape):
    header, payload, _ = container.unpack(codec.encode(picture, 1))
    strings, _ = zoo.unpack(payload)
    forged = zoo.pack([strings, shape])
    with pytest.raises(CorruptStreamError, match="latent larger than its picture"):
        codec.decode(container.pack(header, forged, zoo.zlib.crc32(forged)))


def test_a_model_without_the_three_methods_is_refused():
    with pytest.raises(LicLabError, match=r"Linear has no compress\(\)"):
        zoo.wrap(torch.nn.Linear(2, 2), "linear")


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[b"abc"], [b""]],
        (4, 7),
        torch.Size([2, 300]),
        {"y": (1, 2), "hyper": {"z": [0]}},
        [b"x" * 70_000, 2**40, "word"],
    ],
)
def test_what_is_packed_comes_back(value):
    assert zoo.unpack(zoo.pack(value)) == value


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\x41\x05ab", b"\x01\x09", zoo.pack([1]) + b"\0", b"\x48" + b"\xff" * 8]
)
def test_broken_lists_are_an_error(data):
    with pytest.raises(CorruptStreamError):
        zoo.unpack(data)


@pytest.mark.parametrize("value", [-1, 1.5, None, [torch.zeros(2)]])
def test_what_has_no_bytes_is_refused(value):
    with pytest.raises(LicLabError, match="has no bytes here"):
        zoo.pack(value)


def test_the_published_zoo_is_loaded_by_name_and_fetched_late(monkeypatch, picture):
    codec = codecs.load("compressai:cheng2020-attn")
    assert codec.quality_range == (1, 6) and "cheng2020-attn, trained for mse" in codec.settings
    assert codecs.load("compressai:mbt2018@ms-ssim").settings.startswith("CompressAI mbt2018, trained for ms-ssim")

    def offline(**arguments):
        raise OSError("no network")

    monkeypatch.setitem(__import__("compressai.zoo").zoo.image_models, "cheng2020-attn", offline)
    with pytest.raises(
        LicLabError, match=r"at quality 3 cannot be fetched \(no network\): connect once, or put them into"
    ):
        codec.compress(picture)


def test_unknown_architectures_and_metrics_are_refused():
    with pytest.raises(LicLabError, match=r"CompressAI has no 'mbt2019': there are .*mbt2018"):
        zoo.pretrained("mbt2019")
    with pytest.raises(LicLabError, match="mse or ms-ssim, not 'psnr'"):
        zoo.pretrained("mbt2018", metric="psnr")
