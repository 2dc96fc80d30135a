"""What answers may not do, on every system: an audit hook, which Python offers no way to take back.

It refuses with PermissionError to change files outside a folder, to read what is hidden, to start or end processes and
to use the network, and writes down attempts on what is not the answer's own. Source: PEP 578.

A hook is no wall: C code does not ask it (ctypes, a library's own files). Where there is Landlock, that is the wall and
the hook says in words what was tried; elsewhere the hook is all there is.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterable

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = {os.devnull, "/dev/tty", "/dev/zero"}
HARMLESS_PROGRAMS = {"uname", "ldconfig", "fc-list", "gcc", "cc", "ld", "lscpu", "sysctl", "file", "nproc"}
"""What libraries start to learn about the machine: refused, but nothing is held against the answer."""

# Event -> where in its arguments the paths are, each with the place of the folder they are relative to (None: none),
# and what was tried, in words.
CHANGES = {
    "os.remove": ([(0, 1)], "delete"),
    "os.rmdir": ([(0, 1)], "delete"),
    "shutil.rmtree": ([(0, 1)], "delete"),
    "os.rename": ([(0, 2), (1, 3)], "move"),
    "os.link": ([(0, 2), (1, 3)], "link"),
    "os.symlink": ([(1, 2)], "link"),
    "os.mkdir": ([(0, 2)], "make"),
    "os.truncate": ([(0, None)], "overwrite"),
    "os.chmod": ([(0, 2)], "change"),
    "os.chown": ([(0, 3)], "change"),
    "os.chflags": ([(0, None)], "change"),
    "os.utime": ([(0, 3)], "change"),
    "os.setxattr": ([(0, None)], "change"),
    "os.removexattr": ([(0, None)], "change"),
}
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")
STARTS += ("pty.spawn", "os.startfile", "os.startfile/2", "_winapi.CreateProcess")
ENDS = ("os.kill", "os.killpg")
NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
READS = ("os.listdir", "os.scandir")
QUIETLY = ("resource.setrlimit", "resource.prlimit", "gc.get_objects", "gc.get_referrers", "gc.get_referents")


def arm(inside: Iterable[str], hidden: Iterable[str], libraries: Iterable[str], tell: Callable[[str], None]) -> None:
    """Put the hook up in this process, for good.

    inside: folders where everything is allowed.   hidden: folders that may not be read either.   libraries: folders of
    installed code, which may do by itself what is refused without anything being held against the answer.
    tell: called with one line for every attempt that counts; where it raises, the process ends.
    """
    sys.addaudithook(_hook(_roots(inside), _roots(hidden), _roots(libraries), tell))


def _roots(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(os.path.realpath(folder) for folder in folders)


def _hook(inside, hidden, libraries, tell) -> Callable:
    """The hook; all that it needs is in its closure, so that no module of ours can be changed to disarm it."""
    devices, harmless, getframe, exit_now = frozenset(DEVICES), frozenset(HARMLESS_PROGRAMS), sys._getframe, os._exit
    standard = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
    own_file, exists = __file__, os.path.lexists

    def refuse(words: str, counts: bool):
        if counts:
            try:
                tell(words)
            except BaseException:
                exit_now(70)  # an attempt that cannot be written down ends everything
        raise PermissionError(f"an answer may not {words}")

    def below(path: str, folders) -> bool:
        return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)

    def by_a_library() -> bool:
        """Whether the code that asks is installed and no answer, the standard library between them left out."""
        frame = getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            is_standard = name.startswith("<frozen ") or (name.startswith(standard) and "site-packages" not in name)
            if not is_standard and name != own_file:
                return below(name, libraries)
            frame = frame.f_back
        return False

    def change(paths, words: str) -> None:
        for path in paths:
            if path is None or path in devices or below(path, inside):
                continue
            innocent = by_a_library() and below(path, libraries)
            refuse(f"{words} {path}", counts=exists(path) and not innocent)

    def opened(path, mode, flags) -> None:
        if isinstance(path, int):
            return
        writes = (flags or 0) & WRITES or (isinstance(mode, str) and set(mode) & set("wax+"))
        if writes:
            change([_place(path)], "write to")
        else:
            read(path)

    def read(path) -> None:
        if path is None or isinstance(path, int):
            return
        place = _place(path)
        if below(place, hidden) and not below(place, inside) and not below(place, libraries):
            refuse(f"read {place}", counts=False)

    def start(event: str, args) -> None:
        program = _program(args[0]) if args else "another process"
        refuse(f"start a process ({program})", counts=program not in harmless)

    table: dict[str, Callable] = {"open": lambda args: opened(*args[:3])}
    for event, (places, words) in CHANGES.items():
        table[event] = lambda args, places=places, words=words: change(_places(args, places), words)
    for event in STARTS:
        table[event] = lambda args, event=event: start(event, args)
    for event in ENDS:
        table[event] = lambda args: refuse(f"send a signal to a process ({args[0]})", counts=True)
    for event in NETWORK:
        table[event] = lambda args: refuse("use the network", counts=False)
    for event in READS:
        table[event] = lambda args: read(args[0])
    for event in QUIETLY:
        table[event] = lambda args, event=event: None if by_a_library() else refuse(f"use {event}", counts=False)

    def hook(event: str, args: tuple) -> None:
        judge = table.get(event)
        if judge is not None:
            judge(args)

    return hook


def _place(path) -> str:
    """Where a path leads, links resolved."""
    return os.path.realpath(os.fsdecode(path))


def _places(args: tuple, where) -> list[str | None]:
    """The paths in an event's arguments, made absolute, with links resolved but for the last part.

    A link itself is what is removed, renamed or made, so only its folder is resolved. None for open files.
    """
    found = []
    for at, base in where:
        path = args[at]
        if isinstance(path, int):
            found.append(None)
            continue
        path = os.fsdecode(path)
        folder = args[base] if base is not None and len(args) > base else -1
        if isinstance(folder, int) and folder >= 0 and not os.path.isabs(path):
            path = os.path.join(_folder_of(folder), path)
        head, tail = os.path.split(os.path.abspath(path))
        found.append(os.path.join(os.path.realpath(head), tail))
    return found


def _folder_of(descriptor: int) -> str:
    """The folder that is open under a number; one that cannot be told counts as the root."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return os.sep


def _program(named) -> str:
    """The name of the program that is to be started, without its folder."""
    first = named if isinstance(named, (str, bytes)) else "another process"
    return os.path.basename(os.fsdecode(first).split()[0]) if first else "another process"
