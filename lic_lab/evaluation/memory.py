"""How long one piece of work takes, and how much memory it needs at its peak, in one run."""

from __future__ import annotations

import ctypes
import math
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

MB = 1e6  # bytes
_PROCESS = Path("/proc/self")
_PAUSE = 0.005  # seconds between two looks, where the system does not remember the peak itself


class Run(NamedTuple):
    """What the work gave, wall-clock seconds, and the peak of its memory in MB (10^6 bytes) or NaN."""

    result: Any
    seconds: float
    peak_mb: float


def timed(task: Callable[[], object], *, memory: bool = False, programs: bool = False) -> Run:
    """Run the task once.

    memory: how far resident memory rises above what this process held before, plus the same on a GPU in use (weights
    and libraries that are loaded already are not in it). programs: the task starts programs, whose memory counts too.

    On Linux the kernel remembers the exact peak, and free memory is given back to it before, so that the number does
    not depend on what ran earlier; the price is in the seconds, which then hold the fetching of fresh pages, as in a
    new process: 5 ms on a picture of 768 x 512 with JPEG. Elsewhere, and for programs, memory is looked at every 5 ms
    (needs psutil, else NaN): a shorter peak is missed. On other systems than glibc's, what an earlier task left in the
    allocator is used again unseen.
    """
    if not memory:
        start = time.perf_counter()
        result = task()
        return Run(result, time.perf_counter() - start, math.nan)
    _give_back()
    exact, gpu = _reset_peak(), _gpu_peak()
    looking = _Looking(own=not exact, programs=programs) if programs or not exact else None
    before = _status_mb("VmRSS") if exact else 0.0
    start = time.perf_counter()
    try:
        result = task()
        seconds = time.perf_counter() - start
    finally:
        seen = looking.end() if looking else 0.0
    own = max(_status_mb("VmHWM") - before, 0.0) if exact else 0.0
    return Run(result, seconds, own + seen + gpu())


class _Looking(threading.Thread):
    """Looks again and again at the memory of this process, less that at the start, and of the programs it started."""

    def __init__(self, *, own: bool, programs: bool):
        super().__init__(daemon=True)
        self.most, self.over = 0.0, threading.Event()
        try:
            import psutil
        except ImportError:
            self.most, self.look = math.nan, None
            return
        self.psutil, self.process = psutil, psutil.Process()
        self.own, self.programs, self.before = own, programs, 0.0
        self.before = self._own() if own else 0.0
        self.look = self._mb
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            self.most = max(self.most, self.look())
            self.over.wait(_PAUSE)

    def end(self) -> float:
        """Stop looking; gives the most that was seen, in MB."""
        if self.look is None:
            return self.most
        self.over.set()
        self.join()
        return max(self.most, self.look())

    def _own(self) -> float:
        return self.process.memory_info().rss / MB

    def _mb(self) -> float:
        total = self._own() - self.before if self.own else 0.0
        if self.programs:
            for child in self.process.children(recursive=True):
                with suppress(self.psutil.Error):  # it has just ended
                    total += child.memory_info().rss / MB
        return total


def _reset_peak() -> bool:
    """Make Linux forget the peak so far; false where it cannot."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
        return _status_mb("VmHWM") - _status_mb("VmRSS") < 1
    except (OSError, TypeError):
        return False


def _status_mb(name: str) -> float:
    return int(re.search(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text())[1]) * 1024 / MB


def _give_back() -> None:
    """Give memory that the allocator keeps for later back to the system."""
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim():
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own


def _gpu_peak() -> Callable[[], float]:
    """Begin to watch the GPU, if one is in use; the function returned gives the MB it rose by."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return lambda: 0.0
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    return lambda: (torch.cuda.max_memory_allocated() - before) / MB
