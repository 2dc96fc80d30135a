"""Every codec by name, classical and learned, and what each needs where it is not there."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from lic_lab.codecs.base import ImageCodec
from lic_lab.errors import LicLabError

__all__ = ["CodecRow", "ImageCodec", "list_codecs", "load"]


class CodecRow(NamedTuple):
    """One line of `list_codecs`: available says whether `load(name)` works here, reason why not and what to do.

    views: 1, or 2 for a codec of stereo pairs.   origin: "" for what comes with the package, or the file and its
    checksum. A file from outside that is broken, or holds something that is, has a row of kind "outside".
    """

    name: str
    kind: str
    available: bool
    reason: str
    label: str
    views: int = 1
    origin: str = ""


def list_codecs() -> list[CodecRow]:
    """List every codec that `load` knows, learned ones first, those of your own files (`codecs.plugins`) last.

    Other kinds of names are not listed: `load("compressai:mbt2018-mean")` reaches CompressAI's zoo, see `codecs.zoo`,
    and with "@PATH" behind it a checkpoint, see `codecs.zoo_files`; `load("pair:jpeg")` codes each view of a stereo
    pair by any codec of pictures, see `codecs.separate`; `load("charm@effort5")` takes its time, see `codecs.effort`.
    """
    from lic_lab.codecs import learned
    from lic_lab.codecs.plugins import plugins

    outside, origins = plugins(), learned.origins()
    rows = [
        CodecRow(name, "learned", not reason, reason, name, learned.views(name), origins.get(name, ""))
        for name, reason in learned.names().items()
    ]
    for name, codec in (builtin() | outside.codecs).items():
        reason = codec.missing()
        rows.append(CodecRow(name, codec.kind, not reason, reason, codec.label, codec.views, codec.origin))
    return rows + [CodecRow(name, "outside", False, reason, name) for name, reason in outside.faults]


def load(name: str) -> ImageCodec:
    """Give a codec ready to use.

    name: one of `list_codecs()`, "compressai:ARCHITECTURE" for CompressAI's zoo and "compressai:ARCHITECTURE@PATH" for
    a checkpoint of one's own (`codecs.zoo_files`), or the path of a .safetensors file of trained weights; any of these
    behind "pair:", where it codes single pictures, for each view of a stereo pair by itself; a learned codec
    of this package before "@effort1" ... "@effort9", where it shall take its time (`ImageCodec.with_effort`).
    Raises LicLabError for an unknown name, with the near ones, and for a codec that cannot run here, with the reason.
    """
    from lic_lab.codecs import effort, learned, separate, zoo, zoo_files
    from lic_lab.codecs.plugins import plugins

    name, worked = effort.split(str(name))
    if worked:
        return load(name).with_effort(worked)
    if name.startswith(separate.PREFIX):
        return separate.Separate(load(name.removeprefix(separate.PREFIX)))
    if name in learned.names() or name.endswith(".safetensors"):
        return learned.load(name)
    if name.startswith(zoo.PREFIX):
        architecture, _, rest = name.removeprefix(zoo.PREFIX).partition("@")
        if rest in ("", *zoo.METRICS):
            return zoo.pretrained(architecture, metric=rest or "mse")
        return zoo_files.checkpoint(architecture, rest)
    codec = builtin().get(name) or plugins().codecs.get(name)
    if codec is None:
        raise LicLabError(_unknown(name))
    if reason := codec.missing():
        raise LicLabError(f"{name} cannot run on this machine: {reason}")
    return codec


@cache
def classical() -> dict[str, ImageCodec]:
    """Name -> codec of every classical codec of pictures, whether it can run here or not."""
    from lic_lab.codecs.bpg import Bpg
    from lic_lab.codecs.heif import Heif
    from lic_lab.codecs.jxl import Jxl
    from lic_lab.codecs.pillow import Avif, Jpeg, Jpeg2000, Webp
    from lic_lab.codecs.vvc import Vtm, Vvenc

    codecs = [
        Jpeg(),
        Jpeg("jpeg-444", "JPEG 4:4:4", chroma="4:4:4"),
        Jpeg2000(),
        Webp(),
        Avif(),
        Avif("avif-default", "AVIF default tune", tune=""),
        Avif("avif-420", "AVIF 4:2:0", chroma="4:2:0"),
        Avif("avif-420-default", "AVIF 4:2:0 default tune", chroma="4:2:0", tune=""),
        Heif(),
        Jxl(),
        Jxl("jxl-e9", "JPEG XL effort 9", effort=9),
        Vvenc(),
        Vtm(),
        Bpg(),
    ]
    return {codec.name: codec for codec in codecs}


def builtin() -> dict[str, ImageCodec]:
    """Name -> codec of everything that is not learned and comes with the package, of pictures and of pairs."""
    return classical() | stereo()


@cache
def stereo() -> dict[str, ImageCodec]:
    """Name -> codec of every codec of stereo pairs that is not learned, whether it can run here or not."""
    from lic_lab.codecs.hevc_pair import HevcPair

    return {codec.name: codec for codec in [HevcPair()]}


def _unknown(name: str) -> str:
    rows = list_codecs()
    near = get_close_matches(name.lower(), [row.name for row in rows if row.kind != "outside"], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    if broken := [row.reason for row in rows if row.kind == "outside"]:
        return f"no codec called {name!r}: {hint}A file that LIC_LAB_CODECS names is at fault: {broken[0]}"
    return f"no codec called {name!r}: {hint}there are {', '.join(row.name for row in rows if row.available)}"
