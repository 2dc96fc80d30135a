"""How long things take, side by side: in turns, after a warm-up, with the spread and the machine stated."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lic_lab.errors import LicLabError


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall clock of every run of one task, in the order they ran."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run, seconds."""
        return median(self.seconds)

    @property
    def fastest(self) -> float:
        """The fastest run, seconds: what is left when nothing else disturbs."""
        return min(self.seconds)

    @property
    def slowest(self) -> float:
        """The slowest run, seconds."""
        return max(self.seconds)


def side_by_side(tasks: Mapping[str, Callable[[], object]], *, runs: int = 5, warm_up: int = 1) -> dict[str, Timing]:
    """Run every task `runs` times, in turns, so that whatever else the machine does falls on all of them alike.

    The first `warm_up` rounds are not counted. Each round begins one task later than the last, so that nobody always
    follows the same neighbour. Raises LicLabError for fewer than one run.
    """
    if runs < 1 or warm_up < 0:
        raise LicLabError(f"a timing needs at least one run and no negative warm-up; got {runs} and {warm_up}")
    names, seconds = list(tasks), {name: [] for name in tasks}
    for turn in range(warm_up + runs):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            begin = time.perf_counter()
            tasks[name]()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - begin)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def machine() -> dict[str, str | int | float]:
    """What a reader of a timing must know: processor, cores this process may use, threads, versions, other load."""
    import torch

    about = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        about["gpu"] = torch.cuda.get_device_name()
    if hasattr(os, "getloadavg"):
        about["load"] = round(os.getloadavg()[0], 2)  # processes that want a core, this one included
    return about


def _processor() -> str:
    if (info := Path("/proc/cpuinfo")).exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
