"""HEVC of two views: prediction between them, a file that other decoders read, and one that notices its damage."""

import numpy as np
import pytest
from PIL import Image

from lic_lab import codecs
from lic_lab.codecs import hevc_pair
from lic_lab.codecs.hevc_pair import END_UNIT, HevcPair, seal, unseal
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr


@pytest.fixture
def codec():
    pytest.importorskip("av")
    return codecs.load("hevc-pair")


@pytest.fixture(scope="module")
def pair():
    left, right, _ = motorcycle()
    return np.stack([left, right])[:, 150:347, 300:501].copy()


def test_the_right_view_costs_less_when_the_left_one_shows_the_same(codec, pair):
    single = len(hevc_pair._stream(pair[:1], {**hevc_pair.X265, "qp": 32}))
    strangers, related, copies = (
        len(codec.encode(np.stack([left, pair[1]]), 32)) - single for left in (pair[0, ::-1], pair[0], pair[1])
    )
    assert copies < 0.3 * related and related < 0.75 * strangers


def test_a_shift_of_hundreds_of_pixels_is_found(codec, monkeypatch):
    picture = motorcycle().left[150:310]
    shifted = np.stack([picture[:, :500], picture[:, 200:700]])
    found = len(codec.encode(shifted, 32))
    monkeypatch.setitem(hevc_pair.X265, "merange", 57)  # as the preset has it
    assert found < 0.9 * len(codec.encode(shifted, 32))


def test_other_decoders_show_both_views_in_their_size_and_colours(codec, pair):
    from av import CodecContext

    image = np.ascontiguousarray(pair[:, :37, :51])
    data = codec.encode(image, 10)
    decoder = CodecContext.create("hevc", "r")
    packets = [*decoder.parse(data), *decoder.parse(None), None]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    assert len(frames) == 2
    for frame, view in zip(frames, image, strict=True):
        assert (frame.height, frame.width) == (37, 51)
        assert int(frame.color_range) == 2 and int(frame.colorspace) in (5, 6)  # FFmpeg's for full, and for BT.601
        assert psnr(np.moveaxis(frame.to_ndarray(), 0, 2), np.array(Image.fromarray(view).convert("YCbCr"))) > 44


@pytest.mark.parametrize("size", [(1, 1), (15, 15), (16, 40), (40, 3)])
def test_only_small_pictures_are_padded(codec, pair, size):
    _, rows, columns = unseal(codec.encode(np.ascontiguousarray(pair[:, : size[0], : size[1]]), 30))
    assert (rows, columns) == tuple(max(16 - side, 0) for side in size)


def test_any_flipped_bit_is_noticed(codec, pair):
    data = codec.encode(np.ascontiguousarray(pair[:, :40, :40]), 40)
    for place in np.random.default_rng(1).integers(0, 8 * len(data), 300):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        if damaged[-6] != data[-6]:  # two bits at the head of the number say nothing
            continue
        with pytest.raises(CorruptStreamError):
            codec.decode(bytes(damaged))


@pytest.mark.parametrize("added", [(0, 0), (15, 0), (0, 15), (7, 8)])
def test_the_last_unit_has_11_bytes_and_no_start_code_inside(added):
    for stream in (b"", b"stream", bytes(100)):
        data = seal(stream, *added)
        assert unseal(data) == (stream, *added) and len(data) == len(stream) + 11
        assert data[-11:-6] == END_UNIT and min(data[-6:]) >= 0x80


def test_streams_that_hold_something_else_are_an_error(codec, pair):
    stream, _, _ = unseal(codec.encode(pair, 40))
    one = hevc_pair._stream(pair[:1], hevc_pair.X265)
    three = hevc_pair._stream(pair[[0, 1, 0]], hevc_pair.X265)
    for wrong in (one, three, stream + stream, stream[:9], stream[:60], b"", b"no stream"):
        with pytest.raises(CorruptStreamError) as caught:
            codec.decode(seal(wrong, 0, 0))
        assert "\n" not in str(caught.value)


def test_nothing_is_said_on_the_terminal(codec, pair, capfd):
    data = codec.encode(np.ascontiguousarray(pair[:, :40, :40]), 30)
    codec.decode(data)
    broken = seal(unseal(data)[0][:-200], 0, 0)
    with pytest.raises(CorruptStreamError):
        codec.decode(broken[:60] + broken[-11:])
    assert capfd.readouterr() == ("", "")


def test_files_say_nothing_of_the_encoder(codec, pair):
    assert b"x265" not in codec.encode(pair, 40)
    assert codec.settings.startswith("x265 ") and codec.settings.split()[1][0].isdigit()


def test_without_its_wheel_the_codec_says_which_to_install(monkeypatch, pair):
    monkeypatch.setattr(hevc_pair, "find_spec", lambda name: None)
    assert "pip install av" in HevcPair().missing()
    with pytest.raises(LicLabError, match="cannot run on this machine: PyAV is not installed"):
        HevcPair().encode(pair, 30)


def test_a_wheel_without_the_encoder_is_told_from_none(monkeypatch):
    av_codec = pytest.importorskip("av.codec")

    def unknown(name, mode):
        raise av_codec.codec.UnknownCodecError(name)

    monkeypatch.setattr(av_codec, "Codec", unknown)
    assert "no HEVC encoder" in HevcPair().missing()
