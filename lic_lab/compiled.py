"""Loops that Numba compiles, wherever in the house they are: one way, so that all of them are kept on disk alike."""

from __future__ import annotations

from collections.abc import Callable

import numba

_OPTIONS = {"nogil": True, "error_model": "numpy"}  # the interpreter lock is released; x / 0 is infinite, as in NumPy

helper = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)
"""Compile a function that only other compiled ones call."""


def compiled(function: Callable, signature=None) -> Callable:
    """Compile a function for whatever it is called with, or at once for a signature; kept on disk if possible."""
    try:
        return numba.njit(signature, cache=True, **_OPTIONS)(function)
    except (RuntimeError, OSError):  # no folder to keep it in, or a full one: each process compiles
        return numba.njit(signature, **_OPTIONS)(function)
