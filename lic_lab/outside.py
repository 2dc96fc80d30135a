"""Codecs and models that live outside the package: the files that the environment's LIC_LAB_CODECS names.

Such a file is plain Python and may hold two tables: CODECS, a list of codecs ready to use, and PRESETS, models
and their sizes; `codecs.plugins` and `models.outside` take these. Installed packages declare such a module as an
entry point of the group `lic_lab_codecs`. One that is broken is told about, and the others go on.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from lic_lab.errors import LicLabError

VARIABLE = "LIC_LAB_CODECS"
GROUP = "lic_lab_codecs"
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
"""What a codec or a model may be called: other signs mean something in names (@effort5, pair:, commas, paths)."""


@dataclass(frozen=True)
class Outside:
    """One file or installed module from outside.

    name: for people, "dct8.py".   origin: the same with a checksum of its text, so that changed code is told apart.
    path: the file, None of a compiled module.   module: None where it cannot be imported.   reason: why not, or "".
    """

    name: str
    origin: str
    path: Path | None = None
    module: ModuleType | None = None
    reason: str = ""

    def table(self, name: str, kind: type):
        """Give CODECS or PRESETS of the module, empty where it has none; raises LicLabError for one of another type."""
        found = getattr(self.module, name, kind())
        if not isinstance(found, kind):
            raise LicLabError(f"its {name} is a {type(found).__name__}: make it a {kind.__name__}")
        return found


def modules() -> tuple[Outside, ...]:
    """Import what LIC_LAB_CODECS and installed packages name, once for each version of a file; within one, ().

    LIC_LAB_CODECS: files, or folders of .py files (names that begin with _ are left out), with `os.pathsep` between.
    """
    named = [word for word in os.environ.get(VARIABLE, "").split(os.pathsep) if word.strip()]
    files = [file for word in named for file in _files(Path(word.strip()).expanduser())]
    return _modules(tuple(dict.fromkeys((str(file.resolve()), _version(file)) for file in files)))


def _files(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    return sorted(path for path in named.glob("*.py") if not path.name.startswith("_"))


def _version(file: Path) -> str:
    try:
        return f"{zlib.crc32(file.read_bytes()):08x}"
    except OSError:
        return ""


_importing = False


@cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _modules(files: tuple[tuple[str, str], ...]) -> tuple[Outside, ...]:
    global _importing
    if _importing:  # a file that asks for codecs while it is read gets those that come with the package
        return ()
    _importing = True
    try:
        return (*(_from_file(*file) for file in files), *(_from_package(point) for point in _installed()))
    finally:
        _importing = False


@cache
def _from_file(place: str, version: str) -> Outside:
    path = Path(place)
    if not path.is_file():
        return Outside(path.name, "", path, reason=f"{VARIABLE} names {place}, and no file or folder is there: mend it")
    name = f"lic_lab_outside_{re.sub(r'[^0-9A-Za-z]', '_', path.stem)}_{version}"
    loader = SourceFileLoader(name, place)
    module = module_from_spec(spec_from_loader(name, loader))
    sys.modules[name] = module  # pickles and dataclasses look there
    return _imported(Outside(path.name, f"{path.name} {version}", path, module), lambda: loader.exec_module(module))


@cache
def _from_package(point: EntryPoint) -> Outside:
    release = f" {point.dist.version}" if point.dist else ""
    source = Outside(f"{point.value} of {point.dist.name if point.dist else 'a package'}", f"{point.value}{release}")
    return _imported(source, point.load)


def _imported(source: Outside, load: Callable[[], ModuleType | None]) -> Outside:
    """The module, or one line that says where and why it cannot be imported."""
    try:
        module = load() or source.module
    except (Exception, SystemExit) as error:  # a stranger's file may raise anything
        what = " ".join(str(error).split())[:200]
        kind = type(error).__name__ + line_within(error, source.path)
        reason = f"cannot be imported, {kind}: {what or 'without a word'}"
        return Outside(source.name, source.origin, source.path, reason=reason)
    file = getattr(module, "__file__", None)
    return Outside(source.name, source.origin, source.path or (Path(file) if file else None), module)


def line_within(error: BaseException, file: str | Path | None) -> str:
    """Say " in line 12": the last line of this file that the error came through, or that could not be read; or ""."""
    if isinstance(error, SyntaxError):
        return f" in line {error.lineno}"
    at, lines = error.__traceback__, []
    while at:
        if at.tb_frame.f_code.co_filename == str(file):
            lines.append(at.tb_lineno)
        at = at.tb_next
    return f" in line {lines[-1]}" if lines else ""
