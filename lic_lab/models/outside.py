"""Models that live outside the package: PRESETS of the files that `lic_lab.outside` finds, as in `models.presets`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lic_lab.errors import LicLabError
from lic_lab.outside import NAME, Outside, modules

PRIVATE = range(128, 256)
"""The `code` numbers that models from outside may write into their files; those of this package are below."""


@dataclass
class Models:
    """The models from outside.

    presets: as `presets.PRESETS`.   sources: name -> where it comes from.   faults: (module, what cannot be taken).
    """

    presets: dict[str, dict[str, Callable]] = field(default_factory=dict)
    sources: dict[str, Outside] = field(default_factory=dict)
    faults: list[tuple[Outside, str]] = field(default_factory=list)


def models() -> Models:
    """Give the models of all modules; a name or a number that is taken, and what is no model, is a fault."""
    return _models(modules())


def weights_beside(name: str) -> Path | None:
    """Give where the weights of a model from outside belong: NAME.safetensors beside its file; None of other models."""
    source = models().sources.get(name)
    return source.path.parent / f"{name}.safetensors" if source and source.path else None


def origin_of(model) -> str:
    """Give file and checksum of the code of a model from outside; "" of other models, and of changed code."""
    found = models()
    makers = {next(iter(sizes.values())).func: name for name, sizes in found.presets.items()}
    return found.sources[makers[type(model)]].origin if type(model) in makers else ""


@cache
def _models(found: tuple[Outside, ...]) -> Models:
    from lic_lab.models.presets import PRESETS

    models = Models()
    taken = {next(iter(sizes.values())).func.code: name for name, sizes in PRESETS.items()}
    for source in (source for source in found if source.module):
        try:
            table = source.table("PRESETS", dict)
        except LicLabError as error:
            models.faults.append((source, str(error)))
            continue
        for name, sizes in table.items():
            known = PRESETS | models.presets
            if fault := _unnamed(name, known) or _unsized(sizes) or _numbered(name, sizes, taken):
                models.faults.append((source, f"model {name!r}: {fault}"))
                continue
            models.presets[name], models.sources[name] = dict(sizes), source
            taken[next(iter(sizes.values())).func.code] = name
    return models


def _unnamed(name, known) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return "a name has small letters, digits and - between them: give it another"
    return "there is a model of this name already: give it another" if name in known else ""


def _unsized(sizes) -> str:
    from lic_lab.models.base import Codec

    if not isinstance(sizes, dict) or not sizes:
        return "it has no sizes: write {'tiny': partial(YourModel, ...)}"
    makers = [getattr(make, "func", None) for make in sizes.values()]
    if not all(isinstance(maker, type) and issubclass(maker, Codec) for maker in makers):
        return "a size is functools.partial(YourModel, ...), and YourModel a subclass of lic_lab.models.base.Codec"
    return "" if len(set(makers)) == 1 else "its sizes are of different classes: give each class a name of its own"


def _numbered(name: str, sizes: dict, taken: dict[int, str]) -> str:
    code = getattr(next(iter(sizes.values())).func, "code", None)
    if not isinstance(code, int) or code not in PRIVATE:
        return f"its code is {code}: set code to a number from {PRIVATE[0]} to {PRIVATE[-1]}, which are for private use"
    return f"its code {code} is that of {taken[code]}: choose another" if code in taken else ""
