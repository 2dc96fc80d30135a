import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lic_lab.coding import container
from lic_lab.coding.container import Header, pack, unpack, verify
from lic_lab.errors import CorruptStreamError, LicLabError

HEADER = Header(codec=3, fingerprint=b"\x01\xab\xcd\xef", width=768, height=512, rate=4096, level=2)
PAYLOAD = bytes(range(40))
HEADERS = st.builds(
    Header,
    codec=st.integers(0, 255),
    fingerprint=st.binary(min_size=4, max_size=4),
    width=st.integers(1, 70_000),
    height=st.integers(1, 900),
    rate=st.integers(0, 65535),
    level=st.integers(1, 3),
)


@given(HEADERS, st.binary(max_size=100), st.integers(0, 2**32 - 1))
def test_header_payload_and_checksum_come_back(header, payload, checksum):
    back, payload_back, stored = unpack(pack(header, payload, checksum))
    assert (back, payload_back) == (header, payload)
    verify(back, stored, checksum)


def test_the_largest_picture_costs_23_bytes_and_the_smallest_19(monkeypatch):
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "5_000_000_000")
    assert len(pack(Header(255, b"\xff" * 4, 65535, 65535, 65535, 3), b"", 2**32 - 1)) == 23
    assert len(pack(Header(1, bytes(4), 1, 1), b"", 0)) == 19


def test_the_bytes_are_those_of_the_released_format():
    golden = "4c49430a03" + "01abcdef" + "8006" + "8004" + "0010" + GOLDEN_CHECKS
    assert pack(HEADER, PAYLOAD, 0x12345678).hex() == golden + PAYLOAD.hex()


def test_every_flipped_bit_is_seen_at_once():
    data = pack(HEADER, PAYLOAD, 5)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptStreamError):
            unpack(bytes(flipped))


def test_every_truncation_and_every_extra_byte_is_seen_at_once():
    data = pack(HEADER, PAYLOAD, 5)
    for other in [data[:n] for n in range(len(data))] + [data + bytes([n]) for n in range(256)]:
        with pytest.raises(CorruptStreamError):
            unpack(other)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.sampled_from([b"", b"LIC", b"LIC\x05", pack(HEADER, b"", 0)[:-2]]))
def test_any_bytes_are_refused_in_one_line(data, start):
    try:
        _, _, stored = unpack(start + data)
    except LicLabError as error:
        assert "\n" not in str(error)
    else:  # one in 65536 passes the first check, and then has the second before it
        assert 0 <= stored < 2**32


def test_other_symbols_or_another_header_fail_the_checksum_with_the_level_in_words():
    _, _, stored = unpack(pack(HEADER, PAYLOAD, 5))
    with pytest.raises(CorruptStreamError, match="any machine with the same weights"):
        verify(HEADER, stored, 6)
    with pytest.raises(CorruptStreamError, match="not those that were encoded"):
        verify(Header(3, b"\x01\xab\xcd\xef", 768, 511, 4096, 2), stored, 5)


FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF", "AVIF": "AVIF"}


@pytest.mark.parametrize(("format", "name"), [*FORMATS.items(), ("JPEG2000", "JPEG 2000")])
def test_pictures_of_other_formats_are_refused_by_name(format, name):
    file = io.BytesIO()
    try:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(file, format=format)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {format}")
    with pytest.raises(CorruptStreamError, match=f"looks like an? {name} picture"):
        unpack(file.getvalue())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty file"),
        (b"<html>\n", "text"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"LI", "the first bytes of one"),
        (b"\0\1\2\3", "none of the formats"),
        (struct.pack(">I4s4s", 24, b"ftyp", b"heic"), "a HEIF picture"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
    ],
)
def test_other_files_are_refused_by_what_they_look_like(data, said):
    with pytest.raises(CorruptStreamError, match=rf"not a .lic file: it looks like {said}"):
        unpack(data)


def test_a_later_version_is_refused_by_its_number():
    data = bytearray(pack(HEADER, PAYLOAD, 5))
    data[3] = (container.VERSION + 1) << 2 | 1
    with pytest.raises(CorruptStreamError, match=rf"version {container.VERSION + 1} .* update lic_lab"):
        unpack(bytes(data))
    data[3] = 1 << 2 | 1
    with pytest.raises(CorruptStreamError, match=r"version 1 .* encode the picture again"):
        unpack(bytes(data))


def test_pictures_above_the_limit_are_neither_written_nor_read(monkeypatch):
    huge = Header(1, bytes(4), 8001, 8000)
    with pytest.raises(LicLabError, match=r"8001 x 8000 is above the limit of 64 megapixels.*LIC_LAB_MAX_PIXELS"):
        pack(huge, b"", 0)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "64_008_000")
    data = pack(huge, b"", 0)
    assert unpack(data)[0] == huge
    monkeypatch.delenv("LIC_LAB_MAX_PIXELS")
    with pytest.raises(LicLabError, match="above the limit"):
        unpack(data)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "lots")
    with pytest.raises(LicLabError, match="whole number"):
        unpack(data)


@pytest.mark.parametrize(
    "change", [{"codec": 256}, {"width": 0}, {"height": 2**21}, {"rate": -1}, {"level": 0}, {"fingerprint": b"abc"}]
)
def test_a_header_that_does_not_fit_is_refused(change):
    with pytest.raises(LicLabError):
        Header(**({"codec": 1, "fingerprint": b"abcd", "width": 5, "height": 5} | change))


GOLDEN_CHECKS = "fcd4300e38dd"
