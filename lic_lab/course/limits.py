"""What a submission may use, and the watch over it from outside: the process that grades looks, the answer cannot."""

from __future__ import annotations

import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 2**20
PROCESSES = 16
"""As many processes may a submission have; a kernel is one, and answers may start none."""


@dataclass(frozen=True)
class Limits:
    """seconds: of one cell.   minutes: of a submission.   memory, disk, output: bytes, of a submission in all.

    A cell may take longer than all parts of any task together (`check.tasks`), so that an answer without an end costs
    its part of a task. Cells without a name, given or the student's own, call answers too: they are interrupted before
    they are over the limit, and the cells behind them run. Only an answer or points over the limit, or a cell that
    cannot be interrupted, costs the submission.
    """

    seconds: float = 500
    minutes: float = 20
    memory: int = 4096 * MIB
    disk: int = 512 * MIB
    output: int = 16 * MIB

    @property
    def given(self) -> float:
        """Seconds until a cell is interrupted that was given out between the tasks, to try an answer.

        Few, as one answer without an end may be tried in several cells, and all of them count in `minutes`.
        """
        return self.seconds / 10

    @property
    def own(self) -> float:
        """Seconds until a cell that a student added is interrupted; a training of the student's own may be in it."""
        return 0.9 * self.seconds


class Watch(threading.Thread):
    """Looks ten times a second at a process and those it started, and ends them all where they use too much.

    reason: why they were ended, in words; empty while all is well.
    """

    def __init__(self, pid: int, folder: Path, limits: Limits):
        super().__init__(daemon=True, name=f"watch over {pid}")
        self.reason = ""
        self._process, self._folder, self._limits = psutil.Process(pid), folder, limits
        self._over, self._begun, self._cell = threading.Event(), time.monotonic(), ("", time.monotonic())
        self._printed = 0

    def enter(self, cell: str) -> None:
        """A cell starts; its name is for the reason."""
        self._cell = cell, time.monotonic()

    @property
    def cell(self) -> str:
        """The cell that runs or ran last."""
        return self._cell[0]

    def printed(self, size: int) -> bool:
        """Count bytes of output; false where there were too many, and everything was ended."""
        self._printed += size
        if self._printed > self._limits.output:
            self.stop(f"{self.cell} put out more than {self._limits.output / MIB:g} MiB")
        return not self.reason

    def stop(self, reason: str) -> None:
        """End the process and those it started; the first reason stays."""
        self.reason = self.reason or reason
        end(self._process)

    def finish(self) -> None:
        """Look no longer, and leave no process behind."""
        self._over.set()
        end(self._process)

    def run(self) -> None:
        """Look until it is over."""
        turn = 0
        while not self._over.wait(0.1):
            turn += 1
            with suppress(psutil.Error, OSError):
                if reason := self._too_much(every=turn % 5 == 0):
                    self.stop(reason)

    def _too_much(self, every: bool) -> str:
        """What is used too much of; files and the processes that were started are looked at now and then only."""
        limits, (cell, since), now = self._limits, self._cell, time.monotonic()
        if cell and now - since > limits.seconds:
            return f"{cell} ran longer than {limits.seconds:g} seconds"
        if now - self._begun > 60 * limits.minutes:
            return f"it ran longer than {limits.minutes:g} minutes in all, and was in {cell or 'its start'}"
        processes = [self._process, *self._process.children(recursive=True)] if every else [self._process]
        if sum(map(memory_of, processes)) > limits.memory:
            return f"{cell or 'its start'} took more memory than {limits.memory / MIB:g} MiB"
        if len(processes) > PROCESSES:
            return f"{cell} started more than {PROCESSES} processes"
        if every and size_of(self._folder) + size_of_nameless(self._process.pid) > limits.disk:
            return f"{cell} wrote more than {limits.disk / MIB:g} MiB of files"
        return ""


def memory_of(process: psutil.Process) -> int:
    """The most bytes of memory that a process has held so far, where the system tells; else those it holds."""
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def size_of_nameless(pid: int) -> int:
    """Bytes of the files that a process holds open and that no folder has a name for, where the system tells."""
    total = 0
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found = path.stat()
                total += found.st_size if stat.S_ISREG(found.st_mode) and not found.st_nlink else 0
    return total


def end(process: psutil.Process) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.Error):
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()


def sweep(mark: str) -> None:
    """Kill what carries a mark in its environment: processes that left the family of the one that started them."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("LIC_LAB_SUBMISSION") == mark:
                process.kill()
