"""What every codec of this house promises, asked of one: `lic-lab list --check NAME`, and the tests of our own codecs.

Each claim is a function of a codec and a small picture; it gives "" where it holds, or what is wrong and what to try.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.outside import line_within

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (1, 40), (37, 1), (17, 33), (64, 65)]
"""Heights and widths that padding and blocks have to get right."""

RECOGNISABLE = 20  # dB at three quarters of the ladder; a grey picture of the sizes above has less
JUNK = (b"", b"\0", b"just some text, no picture", bytes(range(256)) * 9)
FLIPS = 25  # single bits that are turned round

Check = Callable[[ImageCodec, np.ndarray], str]


class Claim(NamedTuple):
    """One promise, kept (`wrong` is "") or not."""

    says: str
    wrong: str


def examine(codec: ImageCodec) -> Iterator[Claim]:
    """Ask a codec for every claim, on a small bundled picture or two views of it; gives each as soon as it is known.

    Whatever the codec raises is a promise not kept. Raises LicLabError for a codec that cannot run here.
    """
    if reason := codec.missing():
        raise LicLabError(f"{codec.name} cannot run on this machine: {reason}")
    picture = sample(codec.views)
    for says, check in CLAIMS.items():
        try:
            wrong = check(codec, picture.copy())
        except Exception as error:  # also what is no LicLabError
            wrong = f"{type(error).__name__}{_where(error, codec)}: {' '.join(str(error).split())}"
        yield Claim(says, wrong)


def sample(views: int = 1) -> np.ndarray:
    """Give a cat's face, uint8 (61, 83, 3): both sides odd, no multiple of any block; of two views (2, 61, 83, 3)."""
    face = bundled_images()["chelsea"][100:161, 137:223]
    return face[:, 3:].copy() if views == 1 else np.stack([face[:, 3:], face[:, :-3]])


def any_size(codec: ImageCodec, picture: np.ndarray) -> str:
    """A picture of any size from 1 x 1 comes back in that size, and can be recognised."""
    quality = codec.ladder.quality(int(0.75 * codec.ladder.count))
    for height, width in SIZES:
        image = np.ascontiguousarray(picture[..., :height, :width, :])
        decoded = codec.decode(codec.encode(image, quality))
        if decoded.shape != image.shape:
            return f"{width} x {height} pixels come back as {decoded.shape}: store the size, cut off the padding"
        if codec.psnr_db(image, decoded) < RECOGNISABLE:
            found = codec.psnr_db(image, decoded)
            return f"{width} x {height} pixels come back with {found:.1f} dB: repeat the last row and column as padding"
    return ""


def extremes(codec: ImageCodec, picture: np.ndarray) -> str:
    """Black stays black and white stays white, or nearly so."""
    for what, value in (("black", 0), ("white", 255)):
        image = np.full_like(picture, value)
        decibels = codec.psnr_db(image, codec.decode(codec.encode(image, codec.default_quality)))
        if decibels < RECOGNISABLE:
            return f"a {what} picture comes back with {decibels:.1f} dB: clip to 0 ... 255 before .astype(np.uint8)"
    return ""


def same_file(codec: ImageCodec, picture: np.ndarray) -> str:
    """The same pixels give the same file, however they lie in memory."""
    given = picture.copy()
    first = codec.encode(picture, codec.default_quality)
    if not np.array_equal(picture, given):
        return "it writes into the picture that it is given: work on a copy"
    flipped = np.flip(np.flip(picture, -2).copy(), -2)
    if any(
        codec.encode(other, codec.default_quality) != first for other in (picture, np.asfortranarray(picture), flipped)
    ):
        return "the same picture gives another file: take time, chance and the order of sets out of it"
    return ""


def ladder_rises(codec: ImageCodec, picture: np.ndarray) -> str:
    """Files and PSNR grow along the ladder, and both ends of it can be written."""
    last = codec.ladder.count - 1
    places = list(dict.fromkeys(round(share * last) for share in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)))
    files = [codec.encode(picture, codec.ladder.quality(place)) for place in places]
    sizes = [len(file) for file in files]
    decibels = [codec.psnr_db(picture, codec.decode(file)) for file in files]
    if sizes != sorted(sizes) or (last and sizes[0] == sizes[-1]):
        return f"files along the ladder have {sizes} bytes: order it from the smallest file to the largest"
    if decibels != sorted(decibels):
        return f"PSNR along the ladder is {', '.join(f'{db:.1f}' for db in decibels)} dB: more bytes must not be worse"
    return ""


def ceiling_holds(codec: ImageCodec, picture: np.ndarray) -> str:
    """A file for a ceiling of bytes keeps to it, and is refused in one line where none is so small."""
    sizes = [len(codec.encode(picture, quality)) for quality in codec.ladder.ends]
    ceiling = sum(sizes) // 2
    if len(codec.compress(picture, max_bytes=ceiling)) > ceiling:
        return f"a file for {ceiling} bytes has more: raise the wobble of its ladder"
    return _refused(
        lambda: codec.compress(picture, max_bytes=min(8, sizes[0] - 1)), LicLabError, "a ceiling of 8 bytes"
    )


def says_what(codec: ImageCodec, picture: np.ndarray) -> str:
    """Its settings are one line that can stand beside numbers."""
    line = codec.settings
    return "" if line and "\n" not in line and len(line) < 160 else f"settings is {line!r}: say it in one line"


def recognised(codec: ImageCodec, picture: np.ndarray) -> str:
    """Its files are known by their bytes alone as files of this kind."""
    from lic_lab.codecs.identify import identify

    data = codec.encode(picture, codec.default_quality)
    found = identify(data)
    if found.suffix != codec.suffix or not np.array_equal(found.decode(data), codec.decode(data)):
        return f"its file is taken for one of {found.name}: choose another signature"
    return ""


def cut_off(codec: ImageCodec, picture: np.ndarray) -> str:
    """A file that is cut off is refused in one line, even by its last byte."""
    data = codec.encode(picture, codec.default_quality)
    for kept in (int(0.02 * len(data)), int(0.3 * len(data)), int(0.7 * len(data)), len(data) - 1):
        if wrong := _refused(lambda: codec.decode(data[:kept]), CorruptStreamError, f"{kept} of {len(data)} bytes"):  # noqa: B023
            return wrong
    return ""


def not_its_own(codec: ImageCodec, picture: np.ndarray) -> str:
    """Bytes of something else are refused in one line."""
    for junk in JUNK:
        if wrong := _refused(lambda: codec.decode(junk), CorruptStreamError, f"junk of {len(junk)} bytes"):  # noqa: B023
            return wrong
    return ""


def damage(codec: ImageCodec, picture: np.ndarray) -> str:
    """A bit turned round does no more than a wrong picture or one line."""
    data = codec.encode(picture, codec.default_quality)
    for place in np.random.default_rng(0).integers(0, len(data), FLIPS):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        try:
            codec.decode(bytes(damaged))
        except LicLabError as error:
            if "\n" in str(error):
                return f"a bit turned round in byte {place} is told in several lines: use one"
    return ""


def too_large(codec: ImageCodec, picture: np.ndarray) -> str:
    """A file of more pixels than LIC_LAB_MAX_PIXELS allows is refused before it is decoded."""
    data = codec.encode(picture, codec.default_quality)
    with patch.dict(os.environ, LIC_LAB_MAX_PIXELS="5000"):  # the picture has 5063
        try:
            codec.decode(data)
        except LicLabError as error:
            return "" if "limit" in str(error) else f"it is refused for another reason: {error}"
    return "it is decoded: call check_pixels(height, width, 'this file') of lic_lab.limits once the size is read"


CLAIMS: dict[str, Check] = {
    "a picture of any size comes back in its size": any_size,
    "black stays black, and white stays white": extremes,
    "the same picture gives the same file": same_file,
    "file and PSNR grow along the ladder, ends included": ladder_rises,
    "a ceiling of bytes holds, an impossible one is refused": ceiling_holds,
    "settings are one line": says_what,
    "its files are known by their bytes": recognised,
    "a file that is cut off is refused in one line": cut_off,
    "bytes of something else are refused in one line": not_its_own,
    "damage makes a wrong picture or one line, no more": damage,
    "too many pixels are refused before they are decoded": too_large,
}
"""What is promised -> how it is asked."""


def _where(error: BaseException, codec: ImageCodec) -> str:
    """The line of the codec's own file in which the error, or what became this one line, was raised."""
    file = getattr(sys.modules.get(type(codec).__module__), "__file__", None)
    return line_within(error.__cause__ or error, file)


def _refused(act: Callable[[], object], kind: type[LicLabError], what: str) -> str:
    """What is wrong unless `act` raises an error of this kind in one line."""
    try:
        act()
    except kind as error:
        return f"{what}: the message has several lines: use one" if "\n" in str(error) else ""
    return f"{what} pass without a word: check a length, or a checksum (zlib.crc32), and raise"
