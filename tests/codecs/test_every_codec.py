"""What holds for every classical codec that this machine has; each test runs once per codec."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from lic_lab import codecs
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (1, 40), (37, 1), (17, 33), (64, 65)]
HERE = [name for name, codec in codecs.classical().items() if not codec.missing()]
SLOW = {"heif", "jxl-e9", "vvc", "vtm"}  # not searched: the search is the same code for all


@pytest.fixture(params=HERE, scope="module")
def codec(request):
    return codecs.load(request.param)


@pytest.fixture(params=[name for name in HERE if name not in SLOW], scope="module")
def quick(request):
    return codecs.load(request.param)


@pytest.fixture(scope="module")
def coded(codec, picture):
    return codec.encode(picture, codec.default_quality)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_picture_of_any_size_comes_back_in_its_size(codec, picture, size):
    image = np.ascontiguousarray(picture[: size[0], : size[1]])
    decoded = codec.decode(codec.encode(image, codec.ladder.quality(int(0.75 * codec.ladder.count))))
    assert decoded.shape == image.shape and decoded.dtype == np.uint8
    assert psnr(image, decoded) > 24


def test_a_strip_of_memory_in_any_order_is_the_same_picture(codec, picture, coded):
    for other in (np.asfortranarray(picture), np.flip(np.flip(picture, 1).copy(), 1)):
        assert codec.encode(other, codec.default_quality) == coded


def test_the_same_picture_gives_the_same_file(codec, picture, coded):
    assert codec.encode(picture, codec.default_quality) == coded


def test_file_and_psnr_grow_along_the_ladder(codec, picture):
    places = np.linspace(0.1, 0.9, 5) * (codec.ladder.count - 1)
    files = [codec.encode(picture, codec.ladder.quality(int(place))) for place in places]
    decibels = [psnr(picture, codec.decode(file)) for file in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files) and len(files[0]) < len(files[-1])
    assert decibels == sorted(decibels) and decibels[-1] - decibels[0] > 5


def test_both_ends_of_the_ladder_can_be_written(codec, picture):
    smallest, largest = (codec.encode(picture, quality) for quality in codec.ladder.ends)
    assert len(smallest) < len(largest)
    assert psnr(picture, codec.decode(smallest)) < psnr(picture, codec.decode(largest))


@pytest.mark.parametrize("share", [0.25, 0.6])
def test_ceilings_hold_and_are_made_use_of(quick, picture, share):
    small, large = (len(quick.encode(picture, q)) for q in quick.ladder.ends)
    ceiling = int(small + share * (large - small))
    data = quick.compress(picture, max_bytes=ceiling)
    assert 0.75 * ceiling < len(data) <= ceiling
    same = quick.compress(picture, bpp=bpp(ceiling, *picture.shape[:2]))
    assert same == data


def test_psnr_is_reached(quick, picture):
    for wanted in (28, 36):
        data = quick.compress(picture, psnr=wanted)
        assert wanted <= psnr(picture, quick.decode(data)) < wanted + 2


def test_impossible_targets_name_the_best(quick, picture):
    with pytest.raises(LicLabError, match=r"smallest file has \d+ bytes") as caught:
        quick.compress(picture, max_bytes=8)
    least = int(re.search(r"has (\d+) bytes", str(caught.value))[1])
    assert len(quick.compress(picture, max_bytes=least)) == least


def test_settings_say_encoder_version_and_chroma(codec):
    assert re.search(r"\d+\.\d+", codec.settings) and re.search(r"4:[24]:[04]", codec.settings)
    assert "\n" not in codec.settings and len(codec.settings) < 120
    if codec.name.startswith(("avif", "heif", "vvc")):
        assert "tune" in codec.settings


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_an_error(codec, coded, kept):
    with pytest.raises(CorruptStreamError) as caught:
        codec.decode(coded[: int(kept * len(coded))])
    assert "\n" not in str(caught.value)


def test_a_file_without_its_last_byte_is_an_error(codec, coded):
    with pytest.raises(CorruptStreamError):
        codec.decode(coded[:-1])


@pytest.mark.parametrize("junk", [b"", b"\0", b"just some text, no picture", bytes(range(256)) * 9], ids=len)
def test_foreign_bytes_are_an_error(codec, junk):
    with pytest.raises(CorruptStreamError, match="not an undamaged"):
        codec.decode(junk)


def test_a_picture_of_another_format_is_an_error(codec, picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    with pytest.raises(CorruptStreamError):
        codec.decode(buffer.getvalue())


def test_flipped_bits_never_do_more_than_a_wrong_picture_or_an_error(codec, coded):
    places = np.random.default_rng(0).integers(0, len(coded), 25)
    for place in places:
        damaged = bytearray(coded)
        damaged[place] ^= 1 << place % 8
        try:
            assert codec.decode(bytes(damaged)).dtype == np.uint8
        except LicLabError as error:
            assert "\n" not in str(error)


def test_a_file_that_claims_too_many_pixels_is_refused_before_it_is_decoded(codec, coded, monkeypatch):
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "5000")  # the picture has 5063
    with pytest.raises(LicLabError, match=r"megapixels, the limit is 0\.005"):
        codec.decode(coded)


def test_files_carry_no_metadata(codec, coded):
    assert not any(mark in coded for mark in (b"Exif\0", b"ICC_PROFILE", b"http://ns.adobe.com", b"8BIM"))
