"""Linux's Landlock: a process gives up files, TCP and signals for good, without being root.

Source: the kernel's Documentation/userspace-api/landlock.rst. Three system calls by ctypes: the package `landlock` on
PyPI knows the files only, neither TCP (version 4 of the interface) nor signals (version 6).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the numbers of the calls, alike on all architectures
NO_NEW_PRIVILEGES = 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
NEWEST = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version -> how many rights over files there are


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of the interface that this system offers; 0 without Landlock."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(CREATE, None, 0, 1))


def restrict(read: Iterable[str | Path], write: Iterable[str | Path]) -> int:
    """Restrict this thread, and those it starts, for good; give the version of the interface, 0 where there is none.

    read: files and folders that may be read and run.   write: those that may be changed too. All else is refused with
    PermissionError: opening, making, removing; from version 4 every TCP connection, from version 6 signals to
    processes that are not restricted. What is open already stays so. Raises OSError where the kernel refuses.
    """
    found = version()
    if not found:
        return 0
    everything = (1 << NEWEST.get(found, 16)) - 1
    rules = _Ruleset(everything, 3 if found >= 4 else 0, 3 if found >= 6 else 0)
    size = 24 if found >= 6 else 16 if found >= 4 else 8
    ruleset = _checked(_call(CREATE, ctypes.byref(rules), size, 0))
    for paths, rights in ((read, READ), (write, everything)):
        for path in paths:
            _allow(ruleset, path, rights & everything)
    if ctypes.CDLL(None, use_errno=True).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "privileges cannot be given up")
    _checked(_call(RESTRICT, ruleset, 0))
    os.close(ruleset)
    return found


def _allow(ruleset: int, path: str | Path, rights: int) -> None:
    """Add one path to a ruleset; one that is not there is left out."""
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights &= -1 if os.path.isdir(path) else OF_A_FILE
        beneath = _Beneath(rights, parent)
        _checked(_call(ADD_RULE, ruleset, 1, ctypes.byref(beneath), 0))
    finally:
        os.close(parent)


def _call(number: int, *arguments) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(ctypes.c_long(number), *(a if not isinstance(a, int) else ctypes.c_long(a) for a in arguments))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
