"""Linux's seccomp: a process gives up starting others, and all of the network, for good, without being root.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst; the numbers are those of its tables of system
calls. Landlock (`landlock.py`) knows neither processes nor UDP, and what C code starts no hook of Python sees.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys

NO_NEW_PRIVILEGES, SET_FILTER, ALL_THREADS = 38, 1, 1
ALLOW, REFUSE, UNKNOWN = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST = 0, 4, 16  # where these are in what a filter is shown
THREAD, UNIX = 0x10000, 1
FOREIGN = 0x40000000  # calls of the x32 interface begin here, and mean the same as others

# Machine -> its name for the kernel, and the numbers of its calls.
NEVER = ("fork", "vfork", "execve", "execveat", "ptrace", "io_uring_setup")
CALLS = {
    "x86_64": (0xC000003E, {"seccomp": 317, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322,
                            "clone3": 435, "ptrace": 101, "io_uring_setup": 425, "socket": 41}),
    "aarch64": (0xC00000B7, {"seccomp": 277, "clone": 220, "execve": 221, "execveat": 281,
                             "clone3": 435, "ptrace": 117, "io_uring_setup": 425, "socket": 198}),
}  # fmt: skip


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def give_up_root() -> None:
    """Give up what root may beyond others, in this thread and those it starts."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).capset(ctypes.byref(_Header(0x20080522, 0)), (ctypes.c_uint32 * 6)())


def stay_alone() -> bool:
    """Let this process, all its threads, have no children and no network from now on; false where that cannot be.

    Programs and forks are refused with PermissionError, so is every new socket but those between processes of one
    machine. Sockets that are open stay so.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in CALLS:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    machine, calls = CALLS[platform.machine()]
    steps = _steps(machine, calls)
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    numbers = (ctypes.c_long(number) for number in (calls["seccomp"], SET_FILTER, ALL_THREADS))
    return libc.syscall(*numbers, ctypes.byref(program)) == 0


def _steps(machine: int, calls: dict[str, int]) -> list[tuple[int, int, int, int]]:
    """The filter, as (code, steps to skip where it holds, where it does not, value)."""
    steps = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, machine), (RETURN, 0, 0, REFUSE), (LOAD, 0, 0, NUMBER)]
    steps += [(AT_LEAST, 0, 1, FOREIGN), (RETURN, 0, 0, REFUSE)]
    for name in NEVER:
        if name in calls:
            steps += [(EQUAL, 0, 1, calls[name]), (RETURN, 0, 0, REFUSE)]
    steps += [(EQUAL, 0, 1, calls["clone3"]), (RETURN, 0, 0, UNKNOWN)]  # its flags cannot be seen; libc takes clone
    for name, test, value in (("clone", ANY_BIT, THREAD), ("socket", EQUAL, UNIX)):
        steps += [(EQUAL, 0, 4, calls[name]), (LOAD, 0, 0, FIRST), (test, 0, 1, value)]
        steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return [*steps, (RETURN, 0, 0, ALLOW)]
