"""What holds for every classical codec that this machine has; each test runs once per codec."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from lic_lab import codecs
from lic_lab.codecs.conformance import CLAIMS
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp

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


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_every_codec_promises_is_kept(codec, picture, claim):
    assert CLAIMS[claim](codec, picture) == ""


def test_file_and_psnr_grow_along_the_ladder(codec, picture):
    places = np.linspace(0.1, 0.9, 5) * (codec.ladder.count - 1)
    files = [codec.encode(picture, codec.ladder.quality(int(place))) for place in places]
    decibels = [psnr(picture, codec.decode(file)) for file in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files) and len(files[0]) < len(files[-1])
    assert decibels == sorted(decibels) and decibels[-1] - decibels[0] > 5


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


def test_a_picture_of_another_format_is_an_error(codec, picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    with pytest.raises(CorruptStreamError):
        codec.decode(buffer.getvalue())


def test_files_carry_no_metadata(codec, coded):
    assert not any(mark in coded for mark in (b"Exif\0", b"ICC_PROFILE", b"http://ns.adobe.com", b"8BIM"))
