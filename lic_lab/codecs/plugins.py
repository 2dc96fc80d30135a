"""Codecs that live in one file outside the package, named by LIC_LAB_CODECS: `lic_lab.outside` is the door.

Such a file defines subclasses of `ImageCodec` (or `PairCodec`) and lists the codecs themselves: CODECS = [Mine()].
What they write begins with the bytes of `signature`, by which it is recognised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

from lic_lab import outside
from lic_lab.codecs import learned
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.pair import PairCodec
from lic_lab.codecs.rate import Ladder
from lic_lab.datasets.images import SUFFIXES
from lic_lab.errors import LicLabError
from lic_lab.outside import Outside

SHORTEST = 3  # bytes of a signature; fewer begin other people's files too


@dataclass
class Plugins:
    """Codecs from outside by name, and what could not be taken: (file or module, why and the mend), models included."""

    codecs: dict[str, ImageCodec] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def plugins() -> Plugins:
    """Give the codecs of all files and packages named, as they are now; what is broken is a fault, and is left out."""
    found = _plugins(outside.modules())
    more = [(name, f"{name}: {fault}") for name, fault in learned.faults()]
    return Plugins(found.codecs, [*found.faults, *more])


def by_signature(data: bytes) -> ImageCodec | None:
    """Give the codec from outside whose files begin as these bytes do, if there is one."""
    return next((codec for codec in plugins().codecs.values() if data.startswith(codec.signature)), None)


@cache
def _plugins(modules: tuple[Outside, ...]) -> Plugins:
    found = Plugins()
    for source in modules:
        try:
            if source.reason:
                raise LicLabError(source.reason)
            codecs = source.table("CODECS", list)
            if not codecs and not getattr(source.module, "PRESETS", None):
                raise LicLabError("it holds neither CODECS nor PRESETS: write CODECS = [YourCodec()] at its end")
        except LicLabError as error:
            found.faults.append((source.name, f"{source.name}: {error}"))
            continue
        for codec in codecs:
            try:
                _check(codec, found.codecs)
            except Exception as error:  # a stranger's properties may raise anything
                kind = "" if isinstance(error, LicLabError) else f"{type(codec).__name__}, {type(error).__name__}: "
                found.faults.append((source.name, f"{source.name}: {kind}{' '.join(str(error).split())[:200]}"))
            else:
                codec.origin = source.origin
                found.codecs[codec.name] = codec
    return found


def _check(codec, others: dict[str, ImageCodec]) -> None:
    """Refuse what could not be used like any other codec, and give it the label it does not have."""
    if not isinstance(codec, ImageCodec):
        if isinstance(codec, type):
            raise LicLabError(f"CODECS holds the class {codec.__name__}: list an object, with brackets behind its name")
        raise LicLabError(f"CODECS holds a {type(codec).__name__}, which is no codec: derive it from ImageCodec")
    who = type(codec).__name__
    if codec.views != (2 if isinstance(codec, PairCodec) else 1):
        raise LicLabError(f"views of {who} is {codec.views}: derive a codec of pairs from PairCodec, and leave views")
    wanted = ("name", "suffix", "ladder", "default_quality", "signature")
    if lost := [name for name in wanted if getattr(codec, name, None) in (None, "", b"")]:
        raise LicLabError(f"{who} lacks {' and '.join(lost)}: set it in the class")
    if lost := [name for name in ("_encode", "_decode") if getattr(type(codec), name) is getattr(ImageCodec, name)]:
        raise LicLabError(f"{who} lacks the method {' and '.join(lost)}: write it")
    _check_name(codec, others)
    codec.label = getattr(codec, "label", None) or codec.name
    if codec.kind not in ("classical", "learned"):
        raise LicLabError(f"kind of {codec.name} is {codec.kind!r}: it is 'classical' or 'learned'")
    suffix = codec.suffix
    if not isinstance(suffix, str) or not suffix.startswith(".") or len(suffix) < 2 or suffix != suffix.lower():
        raise LicLabError(
            f"suffix of {codec.name} is {suffix!r}: write it in small letters with its point, as in '.dct8'"
        )
    if suffix in (".lic", *SUFFIXES):
        raise LicLabError(f"suffix of {codec.name} is {suffix}, that of other files: take one of your own, as '.dct8'")
    _check_ladder(codec)
    _check_signature(codec, others)
    for said, text in (("settings", codec.settings), ("missing()", codec.missing())):
        if not isinstance(text, str) or "\n" in text:
            found = "a method, which wants @property above it" if callable(text) else repr(text)
            raise LicLabError(f"{said} of {codec.name} is {found}: give one line of text")


def _check_name(codec: ImageCodec, others: dict[str, ImageCodec]) -> None:
    from lic_lab.codecs import builtin

    if not isinstance(codec.name, str) or not outside.NAME.fullmatch(codec.name):
        raise LicLabError(f"name {codec.name!r} will not do: use small letters, digits and - between them")
    if codec.name in {**builtin(), **learned.names(), **others}:
        raise LicLabError(f"there is a codec or a model called {codec.name!r} already: give yours another name")


def _check_ladder(codec: ImageCodec) -> None:
    if not isinstance(codec.ladder, Ladder):
        raise LicLabError(
            f"ladder of {codec.name} is a {type(codec.ladder).__name__}: make it with rate.steps or rate.geometric"
        )
    low, high = codec.quality_range
    if not all(map(math.isfinite, (low, high))) or not low <= codec.default_quality <= high:
        raise LicLabError(
            f"default_quality of {codec.name} is {codec.default_quality}: take one from {low:g} to {high:g}"
        )


def _check_signature(codec: ImageCodec, others: dict[str, ImageCodec]) -> None:
    """Refuse a beginning that a known format has, or that has one of these at its beginning."""
    from lic_lab.codecs.identify import STARTS

    mine = codec.signature
    if not isinstance(mine, bytes) or len(mine) < SHORTEST:
        raise LicLabError(
            f"signature of {codec.name} is {mine!r}: take {SHORTEST} bytes or more to begin its files with, as b'DCT8'"
        )
    known = [*STARTS, *((0, other.signature, name) for name, other in others.items())]
    for at, theirs, name in known:
        both = min(at + len(theirs), len(mine)) - at
        if at < len(mine) and mine[at:][:both] == theirs[:both]:
            raise LicLabError(
                f"files of {codec.name} would begin as those of {name} do, with {mine!r}: choose other bytes"
            )
