"""Each view by itself: what a .pair file holds, and what becomes of wrong ones."""

import numpy as np
import pytest

import lic_lab
from lic_lab import codecs
from lic_lab.codecs import identify, separate
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.separate import Separate, join, split
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.rate import bpp


@pytest.fixture(scope="module")
def pair():
    left, right, _ = motorcycle()
    return np.stack([left, right])[:, 200:261, 300:383].copy()


@pytest.fixture(scope="module")
def codec():
    return codecs.load("pair:jpeg")


@pytest.mark.parametrize(
    ("length", "extra"), [(1, 6), (127, 6), (128, 7), (16383, 7), (16384, 8), (1 << 21, 9)], ids=str
)
def test_a_file_has_few_bytes_beside_those_of_its_views(length, extra):
    left, right = bytes(length), b"right"
    data = join(left, right)
    assert len(data) == extra + length + 5 and split(data) == (left, right)


def test_both_views_are_whole_files_of_the_codec_at_one_quality(codec, pair):
    data = codec.encode(pair, 40)
    assert split(data) == tuple(codecs.load("jpeg").encode(view, 40) for view in pair)
    assert np.array_equal(codec.decode(data), [codecs.load("jpeg").decode(view) for view in split(data)])


def test_name_knob_and_kind_are_those_of_the_codec(codec):
    jpeg = codecs.load("jpeg")
    assert (codec.name, codec.label, codec.suffix, codec.kind) == ("pair:jpeg", "JPEG, each view", ".pair", "classical")
    assert codec.ladder is jpeg.ladder and codec.default_quality == jpeg.default_quality
    assert jpeg.settings in codec.settings and codec.missing() == ""


@pytest.mark.parametrize("name", ["webp", "charm"])
def test_searching_writes_what_encoding_writes(name, pair):
    codec = codecs.load(f"pair:{name}")
    assert codec.encoder_for(pair)(codec.default_quality) == codec.encode(pair, codec.default_quality)


def test_a_search_analyses_each_view_once(pair, monkeypatch):
    codec = codecs.load("pair:charm")
    calls = []
    analyse = codec.mono.model.analyse
    monkeypatch.setattr(codec.mono.model, "analyse", lambda x: calls.append(x) or analyse(x))
    tried = []
    data = codec.compress(tuple(pair), bpp=0.8, progress=tried.append)
    assert len(tried) > 1 and len(calls) == 2 and 0.7 < bpp(data, 61, 83, views=2) <= 0.8


def test_learned_codecs_take_their_lambda_and_classical_ones_say_that_they_have_none(codec, pair):
    learned = codecs.load("pair:charm")
    assert (
        learned.kind == "learned" and identify.identify(learned.compress(tuple(pair), lmbda=0.01)).name == "pair:charm"
    )
    assert split(learned.compress(tuple(pair), lmbda=0.01))[1] == learned.mono.compress(pair[1], lmbda=0.01)
    with pytest.raises(LicLabError, match="jpeg has no lambda"):
        codec.compress(tuple(pair), lmbda=0.01)


def test_weights_of_ones_own_are_named_by_their_file(tmp_path, pair):
    from lic_lab.models.checkpoints import save_model

    save_model(lic_lab.build("charm", preset="tiny"), tmp_path / "mine.safetensors", name="charm", preset="tiny")
    codec = codecs.load(f"pair:{tmp_path / 'mine.safetensors'}")
    assert codec.name == "pair:mine" and codec.decode(codec.encode(pair, 0.5)).shape == pair.shape


def test_a_codec_that_is_not_there_is_told_as_without_the_prefix():
    with pytest.raises(LicLabError, match="no codec called 'jpg': did you mean 'jpeg'"):
        codecs.load("pair:jpg")
    with pytest.raises(LicLabError, match=r"no weights at .*none\.safetensors"):
        codecs.load("pair:none.safetensors")


def test_a_codec_of_pairs_has_no_single_views(codec):
    learned = LearnedCodec(lic_lab.build("charm"), "twins")
    learned.views = 2
    for inner in (codec, codecs.stereo()["hevc-pair"], learned):
        with pytest.raises(LicLabError, match=f"{inner.name} codes stereo pairs itself: leave out"):
            Separate(inner)
    with pytest.raises(LicLabError, match="pair:jpeg codes stereo pairs itself"):
        codecs.load("pair:pair:jpeg")


def test_pairs_are_not_listed_view_by_view():
    assert not any(row.name.startswith(separate.PREFIX) for row in codecs.list_codecs())


def test_a_description_says_what_each_view_takes(codec, pair):
    data = codec.encode(pair, 40)
    left, right = split(data)
    assert identify.describe(data)["views"] == f"left {len(left):,} bytes, right {len(right):,} bytes"


def test_views_of_two_sizes_are_an_error(codec, pair):
    jpeg = codecs.load("jpeg")
    data = join(jpeg.encode(pair[0], 50), jpeg.encode(pair[1, :60], 50))
    with pytest.raises(CorruptStreamError, match=r"views of this \.pair file have sizes 83 x 61 and 83 x 60"):
        codec.decode(data)


def test_a_file_of_another_codec_is_an_error_that_names_the_view(codec, pair):
    jpeg, webp = (codecs.load(name).encode(pair[0], 50) for name in ("jpeg", "webp"))
    for data, side in ((join(webp, webp), "left"), (join(jpeg, webp), "right")):
        with pytest.raises(CorruptStreamError, match=rf"the {side} view of this \.pair file: .* look like WEBP"):
            codec.decode(data)


@pytest.mark.parametrize("ask", [identify.identify, identify.describe, split], ids=lambda ask: ask.__name__)
@pytest.mark.parametrize(
    "data",
    [
        b"PAIR",
        b"PAIR\1",
        b"PAIR\1\3abc",
        b"PAIR\1\0abc",
        b"PAIR\1\xff\xff\xff\xff\xff\xff",
        b"PAIR\1\xff\xff\xff\xff\x7fabc",
        b"PAIR\2\3abcabc",
    ],
)
def test_heads_that_hold_no_two_files_are_an_error(ask, data):
    with pytest.raises(CorruptStreamError, match=r"this \.pair file"):
        ask(data)


def test_pairs_within_pairs_are_refused_however_deep(codec):
    data = b"PAIR\1\1a"
    for _ in range(3):
        data = join(data, b"right")
    with pytest.raises(CorruptStreamError, match="a pair itself"):
        identify.identify(data)
    with pytest.raises(CorruptStreamError):
        identify.identify(b"PAIR\1\x90\x4e" * 10_000)
