import re

import numpy as np
import pytest
from PIL import Image

from lic_lab.codecs import rate
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.pillow import Jpeg
from lic_lab.errors import CorruptStreamError, LicLabError


class Bits(ImageCodec):
    """Keeps so many leading bits of every sample; a file is as long as what is kept."""

    name, label, suffix, ladder, default_quality = "bits", "Bits", ".bits", rate.steps(0, 8), 4

    def _encode(self, image, quality):
        if image.shape[0] == 13:
            raise RuntimeError("thirteen\nrows  are\tunlucky")
        kept = image & np.uint8(0xFF00 >> quality & 0xFF)
        return bytes([*image.shape[:2]]) + kept.tobytes() + bytes(int(quality))

    def _decode(self, data):
        height, width = data[:2]
        return np.frombuffer(data[2 : 2 + 3 * height * width], np.uint8).reshape(height, width, 3)


@pytest.fixture
def codec():
    return Bits()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def test_anything_read_image_takes_can_be_compressed(codec, noise, tmp_path):
    Image.fromarray(noise).save(tmp_path / "noise.png")
    expected = codec.encode(noise, 8)
    for source in (noise, Image.fromarray(noise), noise / 255.0, tmp_path / "noise.png"):
        assert codec.compress(source, quality=8) == expected


def test_no_target_means_the_default_quality(codec, noise):
    assert codec.compress(noise) == codec.encode(noise, 4)


def test_a_file_that_is_decompressed_is_decoded(codec, noise):
    assert np.array_equal(codec.decompress(codec.compress(noise, quality=8)), noise)


def test_psnr_and_bytes_are_targets_too(codec, noise):
    assert codec.compress(noise, max_bytes=110) == codec.encode(noise, 3)
    assert codec.compress(noise, bpp=8 * 110 / 35) == codec.encode(noise, 3)
    assert codec.compress(noise, psnr=99) == codec.encode(noise, 8)


def test_progress_is_told_of_every_file(codec, noise):
    seen = []
    data = codec.compress(noise, max_bytes=110, progress=seen.append)
    assert data in [trial.data for trial in seen] and len(seen) >= 2


@pytest.mark.parametrize("seed", range(5))
def test_what_a_refusal_says_is_possible_is_possible(codec, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (7 + seed, 11, 3), np.uint8)
    for coder, target, impossible in ((codec, "bpp", 0.01), (Jpeg(), "psnr", 90)):
        with pytest.raises(LicLabError, match="; ask for at") as told:
            coder.compress(noise, **{target: impossible})
        possible = re.search(r"([\d.]+) (bpp\)|dB); ask for", str(told.value))[1]
        assert coder.compress(noise, **{target: float(possible)})


def test_a_ceiling_below_one_byte_is_one_byte(codec):
    with pytest.raises(LicLabError, match="smallest file has 5 bytes"):
        codec.compress(np.zeros((1, 1, 3), np.uint8), bpp=0.25)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"bpp": 1, "psnr": 30}, "give one target, not bpp= and psnr="),
        ({"quality": 3, "max_bytes": 9, "lmbda": 0.01}, "one target, not quality= and max_bytes= and lmbda="),
        ({"bpp": 0}, "bpp= is a positive number, got 0"),
        ({"max_bytes": -5}, "positive"),
        ({"psnr": float("nan")}, "positive number, got nan"),
        ({"bpp": "much"}, "positive number, got 'much'"),
        ({"bpp": True}, "positive number, got True"),
        ({"quality": 9}, "quality of bits runs from 0 to 8, got 9"),
        ({"quality": 2.5}, "whole number from 0 to 8"),
        ({"lmbda": 0.01}, "bits has no lambda: give quality=, bpp=, max_bytes= or psnr="),
        ({"max_bytes": 100}, r"smallest file has 107 bytes \(24.46 bpp\)"),
    ],
)
def test_bad_targets_are_refused_in_one_line(codec, noise, targets, words):
    with pytest.raises(LicLabError, match=words) as caught:
        codec.compress(noise, **targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), "cat.png"])
def test_encode_takes_8_bit_rgb_only(codec, image):
    with pytest.raises(LicLabError, match=r"encodes uint8 \(h, w, 3\)"):
        codec.encode(image, 4)


def test_pictures_without_pixels_or_beyond_the_limit_are_refused(codec, monkeypatch):
    with pytest.raises(LicLabError, match="no pixels"):
        codec.encode(np.zeros((0, 5, 3), np.uint8), 4)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "30")
    with pytest.raises(LicLabError, match="megapixels, the limit is 3e-05"):
        codec.encode(np.zeros((5, 7, 3), np.uint8), 4)


def test_what_an_encoder_raises_becomes_one_line(codec):
    with pytest.raises(LicLabError, match="cannot encode this 2 x 13 picture: thirteen rows are unlucky"):
        codec.encode(np.zeros((13, 2, 3), np.uint8), 4)


def test_what_a_decoder_raises_becomes_a_corrupt_stream(codec):
    with pytest.raises(CorruptStreamError, match=r"not an undamaged \.bits file"):
        codec.decode(b"\x05\x07abc")
    with pytest.raises(LicLabError, match="decodes the bytes of a file, got str"):
        codec.decode("photo.bits")


def test_an_absent_codec_says_why_whatever_is_asked_of_it(codec, noise, monkeypatch):
    monkeypatch.setattr(Bits, "missing", lambda self: "its program is not here: install it")
    for ask in (lambda: codec.encode(noise, 4), lambda: codec.compress(noise), lambda: codec.decode(b"x")):
        with pytest.raises(LicLabError, match="bits cannot run on this machine: its program is not here: install it"):
            ask()


def test_a_machine_without_room_is_not_a_damaged_file(codec, noise, monkeypatch):
    data = codec.encode(noise, 4)

    def fail(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(codec, "_decode", fail)
    monkeypatch.setattr(codec, "_encode", fail)
    with pytest.raises(LicLabError, match=r"cannot decode this \.bits file: not enough memory") as told:
        codec.decode(data)
    assert not isinstance(told.value, CorruptStreamError)
    with pytest.raises(LicLabError, match="picture: not enough memory: use a smaller picture"):
        codec.encode(noise, 4)
