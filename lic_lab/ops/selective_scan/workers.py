"""Compiled kernels at work: imported where they can be, and run on as many threads as torch uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from importlib import import_module

import torch

SMALL = 1 << 19  # states to visit below which a second thread costs more than it brings


@cache
def imported(module: str):
    """A module of Numba kernels in this folder and "", or None and the reason why it cannot be had."""
    try:
        kernels = import_module(module, __package__)
    except Exception as error:  # a Numba that does not fit this NumPy raises more than ImportError
        return None, f"numba cannot be imported ({type(error).__name__}: {error})"
    if import_module("numba").config.DISABLE_JIT:
        return None, "numba is told not to compile (NUMBA_DISABLE_JIT)"
    return kernels, ""


@lru_cache(maxsize=1)
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="selective-scan")  # a forked child makes its own


def share(work: Callable[[int, int], None], tasks: int, size: int) -> None:
    """Run work(first, stop) over all tasks, on torch's number of threads unless the whole, `size` states, is small."""
    threads = min(torch.get_num_threads(), tasks)
    if threads == 1 or size < SMALL:
        return work(0, tasks)
    parts = min(tasks, 4 * threads)
    bounds = [tasks * i // parts for i in range(parts + 1)]
    list(_pool(threads, os.getpid()).map(work, bounds[:-1], bounds[1:]))
