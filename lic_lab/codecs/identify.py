"""Which codec wrote these bytes? Told by the bytes alone; the name of a file proves nothing."""

from __future__ import annotations

from lic_lab import codecs
from lic_lab.codecs import hevc_pair, learned, plugins, separate, vvc
from lic_lab.codecs.base import ImageCodec
from lic_lab.coding import container
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.rate import bpp

# (position, bytes there, codec), of every format that some classical codec here reads.
SIGNATURES = [
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (4, b"jP  ", "jpeg2000"),
    (8, b"WEBP", "webp"),
    (4, b"ftypavif", "avif"),
    (4, b"ftyphei", "heif"),  # heic, or heix for 4:4:4
    (4, b"ftypmif1", "heif"),
    (4, b"JXL ", "jxl"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"BPG\xfb", "bpg"),
    (-11, hevc_pair.END_UNIT, "hevc-pair"),
    (-11, vvc.SIZE_UNIT, "vvc"),  # at the end; a file of VTM looks the same, so name that codec yourself
]
STARTS = [
    *((at, signature, name) for at, signature, name in SIGNATURES if at >= 0),
    (0, container.MAGIC, "models of this package"),
    (0, separate.MAGIC, "pairs"),
]
"""The same as far as they are at the beginning, with the files of this package: not for codecs from outside."""


def identify(data: bytes) -> ImageCodec:
    """Give the codec that reads these bytes of a whole file, ready to use.

    A codec from outside (`codecs.plugins`) knows its files by its signature, and never takes those of another codec.
    Raises CorruptStreamError for bytes of no format known here, LicLabError where their codec cannot run on this
    machine, or where a .lic file was written by weights that do not come with this installation.
    """
    if data.startswith(separate.MAGIC):  # first of all: it ends as its right view does
        return _identify_views(data)
    for at, signature, name in SIGNATURES:
        if data[at:][: len(signature)] == signature:
            return codecs.load(name)
    if codec := plugins.by_signature(data):
        return codecs.load(codec.name)
    header, _, _ = container.unpack(data)  # says what is wrong with it, and what else it might be
    for codec in (codecs.load(name) for name, reason in learned.names().items() if not reason):
        if codec.model.code == header.codec and codec.model.fingerprint() == header.fingerprint:
            return codec
    raise LicLabError(
        f"this .lic file was written by {learned.name_of_code(header.codec)} with weights {header.fingerprint.hex()}, "
        "which do not come with this installation: name the codec that wrote it, or its .safetensors file"
    )


def _identify_views(data: bytes) -> ImageCodec:
    left, _ = separate.split(data)
    codec = None if left.startswith(separate.MAGIC) else identify(left)
    if codec is None or codec.views != 1:
        raise CorruptStreamError("the left view of this .pair file is a pair itself: it was put together wrongly")
    return separate.Separate(codec)


def describe(data: bytes) -> dict[str, str]:
    """What a coded file says about itself, in words for a person, in the order to show them.

    A .lic file is described by its header even where its weights are missing; other files are decoded for it. Raises as
    `identify` does.
    """
    if data.startswith(container.MAGIC):
        return _describe_lic(data)
    codec = identify(data)
    height, width = codec.decode(data).shape[-3:-1]
    said = {"codec": f"{codec.name} ({codec.label})", **_size(data, height, width, codec.views)}
    if data.startswith(separate.MAGIC):
        left, right = separate.split(data)
        said["views"] = f"left {len(left):,} bytes, right {len(right):,} bytes"
    return said


def _describe_lic(data: bytes) -> dict[str, str]:
    header, payload, _ = container.unpack(data)
    views = learned.views_of_code(header.codec)
    try:
        codec = identify(data).name
    except CorruptStreamError:
        raise
    except LicLabError:
        codec = f"{learned.name_of_code(header.codec)}, with weights that do not come with this installation"
    return {
        "codec": codec,
        "weights": header.fingerprint.hex(),
        **_size(data, header.height, header.width, views),
        "header": f"{len(data) - len(payload)} bytes",
        "rate point": f"{header.rate / learned.RATE_STEPS:.4f}",
        "decodes on": container.LEVELS[header.level],
    }


def _size(data: bytes, height: int, width: int, views: int) -> dict[str, str]:
    return {
        "picture": ("two views of " if views == 2 else "") + f"{width} x {height} pixels",
        "file": f"{len(data):,} bytes, {bpp(data, height, width, views):.4f} bpp",
    }
