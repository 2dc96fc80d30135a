"""The .lic file: everything a decoder must know before the first symbol, in at most 23 bytes, then the symbol stream.

    magic         3   b"LIC"
    version       1   format version in the upper six bits, determinism level (1..3) in the lower two
    codec         1   which architecture wrote the file; the number of views is part of it
    fingerprint   4   which weights
    width      1..3   varint: seven bits to a byte, low bits first
    height     1..3   varint; padding is derived, not stored
    rate          2   rate point exactly as the decoder will use it, little-endian
    checksum      4   CRC-32 of the header above and all integer symbols, little-endian
    check         2   lower half of the CRC-32 of the whole file but these two bytes, little-endian
    payload           one stream of `fast.Encoder`, to the end of the file

The two checks answer different questions. The last can be asked at once: is this the file that was written? The other
only after decoding: are these the symbols that were encoded? On a machine that computes differently a perfect file can
pass the one and fail the other; and what slips past the 16 bits of the one is caught by the 32 of the other.
"""

import zlib
from dataclasses import dataclass

from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.limits import max_pixels

MAGIC = b"LIC"
VERSION = 2  # 1 had coarser activations in its entropy networks
MAX_SIDE = (1 << 21) - 1
"""Largest width or height that three varint bytes hold, in pixels."""

LEVELS = {
    1: "the same kind of machine",
    2: "any machine with the same weights",
    3: "no promise but this check",
}
"""Where a file decodes to the same symbols, by determinism level."""

_FOREIGN = [
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavi", "an AVIF picture"),
    (4, b"ftyphei", "a HEIF picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftyp", "an MP4 film"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"BPG\xfb", "a BPG picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"BM", "a BMP picture"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
]


@dataclass(frozen=True)
class Header:
    """What a .lic file says about itself; raises LicLabError for values that do not fit.

    codec: 0..255, the architecture, from 128 on for private use.   fingerprint: 4 bytes that name the weights.
    width, height: pixels, 1..2097151.   rate: 0..65535, the rate point in the codec's own steps.
    level: 1..3, see `LEVELS`.
    """

    codec: int
    fingerprint: bytes
    width: int
    height: int
    rate: int = 0
    level: int = 1

    def __post_init__(self):
        limits = {
            "codec": (0, 255),
            "width": (1, MAX_SIDE),
            "height": (1, MAX_SIDE),
            "rate": (0, 65535),
            "level": (1, 3),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise LicLabError(f"a .lic file cannot say {name} {getattr(self, name)}: it must be {low}..{high}")
        if len(self.fingerprint) != 4:
            raise LicLabError(f"a weight fingerprint has 4 bytes, not {len(self.fingerprint)}")

    def to_bytes(self) -> bytes:
        """Write the header up to the checksum: 13..17 bytes."""
        return (
            MAGIC
            + bytes([VERSION << 2 | self.level, self.codec])
            + self.fingerprint
            + _varint(self.width)
            + _varint(self.height)
            + self.rate.to_bytes(2, "little")
        )


def pack(header: Header, payload: bytes, checksum: int) -> bytes:
    """Write a whole .lic file.

    payload: the stream of `fast.Encoder.finish`; checksum: the encoder's checksum of its symbols.
    Raises LicLabError for a picture above `max_pixels()`, which nobody could read back.
    """
    _check_pixels(header)
    said = header.to_bytes()
    said += _covering(header, checksum).to_bytes(4, "little")
    return said + _half_crc(said, payload) + payload


def unpack(data: bytes) -> tuple[Header, bytes, int]:
    """Read a .lic file: header, payload, and the stored checksum, to be given to `verify` once the symbols are decoded.

    Raises CorruptStreamError, in one line that says which, for foreign files, future versions, and any file that is not
    what was written; LicLabError for an honest picture above `max_pixels()`.
    """
    data = bytes(data)
    if not data.startswith(MAGIC):
        raise CorruptStreamError(f"this is not a .lic file: it looks like {_looks_like(data)}")
    if len(data) > 3 and data[3] >> 2 != VERSION:
        mend = "update lic_lab, or get the file again" if data[3] >> 2 > VERSION else "encode the picture again"
        raise CorruptStreamError(
            f"this .lic file has format version {data[3] >> 2} and this lic_lab reads {VERSION}: {mend}"
        )
    width, at = _read_varint(data, 9)
    height, at = _read_varint(data, at)
    begin = at + 8
    if len(data) < begin or data[begin - 2 : begin] != _half_crc(data[: begin - 2], data[begin:]):
        raise CorruptStreamError("this .lic file is damaged or incomplete: get it again from where it was written")
    try:
        header = Header(data[4], data[5:9], width, height, int.from_bytes(data[at : at + 2], "little"), data[3] & 3)
    except LicLabError as error:
        raise CorruptStreamError(f"this .lic file is damaged: {error}") from error
    _check_pixels(header)
    return header, data[begin:], int.from_bytes(data[at + 2 : at + 6], "little")


def verify(header: Header, stored: int, checksum: int) -> None:
    """Compare the symbols that were decoded with those that were encoded; CorruptStreamError where they differ.

    stored: from `unpack`; checksum: the decoder's checksum of its symbols.
    """
    if stored != _covering(header, checksum):
        raise CorruptStreamError(
            "the symbols decoded are not those that were encoded: the file is damaged, or was written on a machine "
            f"that computes differently (it promises to decode on {LEVELS[header.level]})"
        )


def _covering(header: Header, checksum: int) -> int:
    return zlib.crc32(header.to_bytes(), checksum)


def _half_crc(said: bytes, payload: bytes) -> bytes:
    return zlib.crc32(payload, zlib.crc32(said)).to_bytes(4, "little")[:2]


def _check_pixels(header: Header) -> None:
    if header.width * header.height > max_pixels():
        raise LicLabError(
            f"a picture of {header.width} x {header.height} is above the limit of {max_pixels() / 1e6:g} megapixels; "
            "set LIC_LAB_MAX_PIXELS to allow it"
        )


def _varint(value: int) -> bytes:
    """Write an integer >= 0 seven bits at a time, low bits first; the top bit says that more follows."""
    more = []
    while value > 127:
        more.append(value & 127 | 128)
        value >>= 7
    return bytes([*more, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint of at most three bytes at a position; gives the value and the position after it."""
    value = 0
    for i, byte in enumerate(data[at : at + 3]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise CorruptStreamError("this .lic file is damaged or incomplete: its header ends too early")


def _looks_like(data: bytes) -> str:
    """Guess what a file that is not ours might be, for a person to read."""
    if not data:
        return "an empty file"
    for at, signature, name in _FOREIGN:
        if data[at:].startswith(signature):
            return name
    if MAGIC.startswith(data):
        return "the first bytes of one"
    start = data[:512]
    if all(32 <= byte < 127 or byte in b"\t\n\r" for byte in start):
        return "text"
    return "none of the formats known here"
