import io

import numpy as np
import pytest
from PIL import Image

from lic_lab.codecs.jxl import HALVED, Jxl, percent, size
from lic_lab.errors import CorruptStreamError, LicLabError


def from_quality(quality):
    """JxlEncoderDistanceFromQuality, written the other way round from ours."""
    return 0.1 + (100 - quality) * 0.09 if quality >= 30 else 53 / 3000 * quality**2 - 23 / 20 * quality + 25


@pytest.mark.parametrize("distance", [25, 14, 10, 6.41, 6.4, 6.39, 3.5, 1, 0.11])
def test_distance_survives_the_way_through_libjxls_quality(distance):
    assert 0 <= percent(distance) < 100
    assert from_quality(percent(distance)) == pytest.approx(distance)


def test_the_ladder_is_searched_from_where_libjxl_stops_halving_the_picture():
    ladder = Jxl().ladder
    assert ladder.quality(ladder.seam) < HALVED <= ladder.quality(ladder.seam - 1)


def test_more_effort_is_another_file(picture):
    if reason := Jxl().missing():
        pytest.skip(reason)
    assert Jxl(effort=9).encode(picture, 2) != Jxl(effort=7).encode(picture, 2)


SIZES = [(1, 1), (8, 16), (255, 300), (256, 256), (300, 360), (513, 9), (9, 512), (64, 128), (720, 1280), (10, 8000)]


@pytest.mark.parametrize("boxes", [False, True], ids=["bare", "in boxes"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_size_is_read_from_the_head_alone(height, width, boxes):
    pytest.importorskip("pillow_jxl")
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(buffer, "JXL", effort=1, use_container=boxes)
    data = buffer.getvalue()
    assert (data[:2] != b"\xff\x0a") == boxes
    assert size(data) == size(data[:64]) == (height, width)


def box(name, content, *, long=False):
    length = len(content) + (16 if long else 8)
    head = b"\0\0\0\1" + name + length.to_bytes(8, "big") if long else length.to_bytes(4, "big") + name
    return head + content


def test_a_codestream_in_parts_is_put_together_to_read_its_size():
    stream = b"\xff\x0a" + (0b1_00111_011_0 >> 1).to_bytes(2, "little")
    whole = size(stream)
    parts = [box(b"jxlp", bytes([0, 0, 0, i]) + stream[i : i + 1], long=i == 2) for i in range(4)]
    assert size(box(b"JXL ", b"\r\n\x87\n") + b"".join(parts)) == whole
    assert size(b"\0\0\0\0jxlc" + stream) == whole  # a length of nothing: to the end


@pytest.mark.parametrize("data", [b"", b"no picture", bytes(100), box(b"jxlc", b""), b"\0\0\0\2jxlc" + bytes(20)])
def test_bytes_without_such_a_head_are_no_jxl_file(data):
    with pytest.raises(CorruptStreamError, match="not an undamaged"):
        size(data)


def test_a_picture_above_the_limit_is_refused_before_it_is_decoded(picture, monkeypatch):
    if reason := Jxl().missing():
        pytest.skip(reason)
    data = Jxl().encode(picture, 2)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", str(picture.shape[0] * picture.shape[1] - 1))
    monkeypatch.setattr(Image, "open", None)  # would decode it
    with pytest.raises(LicLabError, match="megapixels, the limit is"):
        Jxl().decode(data)
