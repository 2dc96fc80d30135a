"""How files are written here: whole or not at all, under names that any system takes, by one command at a time."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

from filelock import FileLock, Timeout

from lic_lab.errors import LicLabError


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename: a kill, or a full disk, leaves the old file as it was.

    Raises LicLabError where the folder is missing, or the file cannot be written.
    """
    path = Path(path)
    draft = path.parent / f".{crc32(os.fsencode(path.name)):08x}.{os.getpid()}.part"  # path.name may be as long as any
    try:
        write(draft)
        draft.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save hides the reason of a full disk in a RuntimeError
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        full = getattr(error, "errno", errno.ENOSPC) == errno.ENOSPC
        mend = ": free some space, then go on" if full else ""
        raise LicLabError(f"cannot write {str(path)!r} ({reason}){mend}") from error
    finally:
        with suppress(OSError):  # it is gone where all went well, and was never there where the folder is missing
            draft.unlink()


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file as `write_whole` does: a reader never sees half of it."""
    write_whole(path, lambda draft: draft.write_bytes(data))


def write_json(path: str | Path, content) -> None:
    """Write what `json_text` gives, as `write_whole` does."""
    write_bytes(path, json_text(content).encode())


def json_text(content) -> str:
    """Give JSON that every reader takes, with null for NaN and infinity, as the PSNR of equal pictures is."""
    return json.dumps(_finite(content), indent=1, allow_nan=False) + "\n"


def _finite(value):
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def safe_name(text: str) -> str:
    """Make any name one of a file in this folder: "pair:mine/best" -> "pair-mine-best"."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", text).strip(". ") or "unnamed"


@contextmanager
def alone_in(folder: str | Path, name: str, busy: str) -> Iterator[None]:
    """Hold the lock `name` in a folder, made where it is missing: the system lets go of it too, if we are killed.

    The file of the lock stays behind: whoever deletes one may delete another's.
    busy: what to say where another command holds it.
    Raises LicLabError with that, and for a folder that cannot be used.
    """
    lock = FileLock(Path(folder) / name, timeout=0)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise LicLabError(busy) from None
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise unusable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def unusable(folder: str | Path, error: Exception) -> LicLabError:
    """What to raise for a folder with which something did not go."""
    return LicLabError(f"cannot use the folder {str(folder)!r}: {getattr(error, 'strerror', None) or error}")
