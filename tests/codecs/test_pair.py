"""What holds for every codec of stereo pairs that this machine has; each test runs once per codec."""

import re
from statistics import fmean

import numpy as np
import pytest

import lic_lab
from lic_lab import codecs
from lic_lab.codecs.identify import describe, identify
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.evaluation import sweep
from lic_lab.evaluation.evaluate import evaluate
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (1, 40), (37, 1), (15, 16), (17, 33), (64, 65)]
HERE = [name for name, codec in codecs.stereo().items() if not codec.missing()] + ["pair:jpeg", "pair:webp"]


@pytest.fixture(params=HERE, scope="module")
def codec(request):
    return codecs.load(request.param)


@pytest.fixture(scope="module")
def pair():
    """A piece of the Motorcycle pair, 2 x 61 x 83: both sides odd."""
    left, right, _ = motorcycle()
    return np.stack([left, right])[:, 200:261, 300:383].copy()


@pytest.fixture(scope="module")
def coded(codec, pair):
    return codec.encode(pair, codec.default_quality)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_pair_of_any_size_comes_back_in_its_size(codec, pair, size):
    image = np.ascontiguousarray(pair[:, : size[0], : size[1]])
    decoded = codec.decode(codec.encode(image, codec.ladder.quality(int(0.75 * codec.ladder.count))))
    assert decoded.shape == image.shape and decoded.dtype == np.uint8
    assert min(psnr(a, b) for a, b in zip(image, decoded, strict=True)) > 24


def test_left_comes_back_left(codec, pair, coded):
    left, right = codec.decompress(coded)
    assert psnr(left, pair[0]) > psnr(left, pair[1]) + 5 and psnr(right, pair[1]) > psnr(right, pair[0]) + 5


def test_a_pair_of_views_a_strip_of_memory_in_any_order_and_an_array_are_the_same(codec, pair, coded):
    assert codec.compress(tuple(pair)) == coded
    assert codec.encode(np.asfortranarray(pair), codec.default_quality) == coded
    assert codec.encode(pair, codec.default_quality) == coded


def test_file_and_psnr_grow_along_the_ladder(codec, pair):
    places = np.linspace(0.1, 0.9, 5) * (codec.ladder.count - 1)
    files = [codec.encode(pair, codec.ladder.quality(int(place))) for place in places]
    decibels = [codec.psnr_db(pair, codec.decode(file)) for file in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files) and len(files[0]) < len(files[-1])
    assert decibels == sorted(decibels) and decibels[-1] - decibels[0] > 5


def test_both_ends_of_the_ladder_can_be_written(codec, pair):
    smallest, largest = (codec.encode(pair, quality) for quality in codec.ladder.ends)
    assert len(smallest) < len(largest)
    assert codec.psnr_db(pair, codec.decode(smallest)) < codec.psnr_db(pair, codec.decode(largest))


def test_a_ceiling_in_bits_per_pixel_counts_the_pixels_of_both_views(codec, pair):
    small, large = (len(codec.encode(pair, q)) for q in codec.ladder.ends)
    ceiling = int(small + 0.4 * (large - small))
    data = codec.compress(tuple(pair), bpp=8 * ceiling / (2 * 61 * 83))
    assert 0.75 * ceiling < len(data) <= ceiling
    assert codec.compress(tuple(pair), max_bytes=ceiling) == data


def test_the_mean_psnr_of_the_views_is_reached(codec, pair):
    left, right = codec.decompress(codec.compress(tuple(pair), psnr=32))
    assert 32 <= fmean([psnr(pair[0], left), psnr(pair[1], right)]) < 34


def test_impossible_targets_name_the_best(codec, pair):
    with pytest.raises(LicLabError, match=r"smallest file has \d+ bytes \([\d.]+ bpp\)") as caught:
        codec.compress(tuple(pair), max_bytes=8)
    least, said = re.search(r"has (\d+) bytes \(([\d.]+)", str(caught.value)).groups()
    assert len(codec.compress(tuple(pair), max_bytes=int(least))) == int(least)
    assert float(said) == pytest.approx(bpp(int(least), 61, 83, views=2), rel=1e-3)


def test_settings_say_encoder_version_and_chroma(codec):
    assert re.search(r"\d+\.\d+", codec.settings) and re.search(r"4:[24]:[04]", codec.settings)
    assert "\n" not in codec.settings and len(codec.settings) < 120


@pytest.mark.parametrize("kept", [0.005, 0.02, 0.3, 0.55, 0.7, 0.99])
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


def test_flipped_bits_never_do_more_than_a_wrong_picture_or_an_error(codec, coded):
    for place in np.random.default_rng(0).integers(0, len(coded), 25):
        damaged = bytearray(coded)
        damaged[place] ^= 1 << place % 8
        try:
            assert codec.decode(bytes(damaged)).shape[0] == 2
        except LicLabError as error:
            assert "\n" not in str(error)


def test_both_views_together_may_not_have_too_many_pixels(codec, coded, pair, monkeypatch):
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "10125")  # the pair has 10126, each view half of them
    for call in (lambda: codec.decode(coded), lambda: codec.encode(pair, codec.default_quality)):
        with pytest.raises(LicLabError, match=r"megapixels, the limit is 0\.010125"):
            call()


@pytest.mark.parametrize("make", [lambda pair: pair[0], lambda pair: pair / 255.0, lambda pair: pair[:, :, :, 0], list])
def test_what_is_no_pair_of_8_bit_pictures_is_refused_with_the_way_out(codec, pair, make):
    with pytest.raises(
        LicLabError, match=r"encodes pairs, uint8 \(2, h, w, 3\), got .*: use compress\(\(left, right\)\)"
    ):
        codec.encode(make(pair), codec.default_quality)


def test_views_of_two_sizes_are_no_pair(codec, pair):
    with pytest.raises(LicLabError, match="83 x 61 and 83 x 60"):
        codec.compress((pair[0], pair[1, :60]))


def test_the_bytes_alone_tell_the_codec(codec, pair, coded):
    assert identify(coded).name == codec.name and identify(coded).views == 2
    assert np.array_equal(identify(coded).decode(coded), codec.decode(coded))
    said = describe(coded)
    assert said["codec"] == f"{codec.name} ({codec.label})" and said["picture"] == "two views of 83 x 61 pixels"
    assert said["file"] == f"{len(coded):,} bytes, {8 * len(coded) / pair[..., 0].size:.4f} bpp"


def test_a_codec_of_pairs_is_not_measured_on_single_pictures(codec, pair):
    images = {"left": pair[0]}
    for call in (
        lambda: sweep.gather_codecs([codec.name]),
        lambda: sweep.compare(images, [codec]),
        lambda: sweep.compare(images, ["jpeg", codec.name]),
        lambda: sweep.measure(codec, "left", pair[0], quality=codec.default_quality),
        lambda: evaluate([codec.name], images),
    ):
        with pytest.raises(LicLabError, match=f"{codec.name} codes stereo pairs, and single pictures are") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_the_list_says_how_many_views_a_codec_takes():
    rows = {row.name: row for row in lic_lab.list_codecs()}
    assert rows["jpeg"].views == 1
    for name, codec in codecs.stereo().items():
        assert rows[name][1:] == ("classical", not codec.missing(), codec.missing(), codec.label, 2, "")
    for name in (row.name for row in rows.values() if row.kind == "learned"):
        assert rows[name].views == getattr(lic_lab.build(name), "views", 1)


def test_the_psnr_of_a_pair_is_the_mean_of_its_views_neither_the_worse_nor_that_of_all_pixels(codec):
    pair = np.full((2, 20, 30, 3), 100, np.uint8)
    off = pair + np.array([1, 10], np.uint8)[:, None, None, None]
    each = psnr(pair[0], off[0]), psnr(pair[1], off[1])
    assert codec.psnr_db(pair, off) == pytest.approx(sum(each) / 2)
    assert each[1] + 5 < codec.psnr_db(pair, off) < each[0] - 5


def test_views_given_one_after_the_other_are_asked_for_together(codec, pair):
    with pytest.raises(LicLabError, match=r"as \(left, right\)"):
        codec.compress(pair[0], pair[1])
