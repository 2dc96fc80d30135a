"""Whether numbers made by hand are the library's: the assertion of the notebooks, with the largest difference."""

from __future__ import annotations

import numpy as np


def check_same(mine, theirs, tol: float = 1e-5) -> None:
    """Print the largest difference between two sets of numbers; raise AssertionError where it exceeds `tol`.

    mine, theirs: arrays, tensors, numbers or nested lists of them of one shape, or bytes, which must be equal.
    tol: the largest difference allowed, in the unit of the numbers; 0 asks for equality. NaN is the same as NaN only.
    The error says the shapes, or the first place where the two differ.
    """
    if isinstance(mine, bytes | bytearray | memoryview | str) or isinstance(
        theirs, bytes | bytearray | memoryview | str
    ):
        return _same_bytes(mine, theirs)
    mine, theirs = _numbers(mine), _numbers(theirs)
    assert mine.shape == theirs.shape, f"the shapes differ: mine {mine.shape}, theirs {theirs.shape}"
    assert mine.size, f"nothing to compare: both are empty, of shape {mine.shape}"
    apart = _apart(mine, theirs)
    most, count = apart.max(), mine.size
    wrong = np.argwhere(apart > tol)
    assert not len(wrong), (
        f"{len(wrong)} of {count} numbers differ by more than {tol:g}, at most by {most:.2g}; "
        f"first {_place(wrong[0])}mine {mine[tuple(wrong[0])]:.6g}, theirs {theirs[tuple(wrong[0])]:.6g}"
    )
    print(f"largest difference {most:.2g} over {count:,} number{'s' if count > 1 else ''}: the same")


def _same_bytes(mine, theirs) -> None:
    """The same for bytes and texts: equal in every place."""
    kinds = [str if isinstance(side, str) else bytes for side in (mine, theirs)]
    known = all(isinstance(side, bytes | bytearray | memoryview | str) for side in (mine, theirs))
    assert known and kinds[0] is kinds[1], f"mine is {type(mine).__name__}, theirs is {type(theirs).__name__}"
    unit = "character" if kinds[0] is str else "byte"
    mine, theirs = (side if isinstance(side, str) else bytes(side) for side in (mine, theirs))
    first = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
    assert first is None, f"{unit} {first} differs: mine {mine[first]!r}, theirs {theirs[first]!r}"
    assert len(mine) == len(theirs), f"the lengths differ: mine {len(mine):,} {unit}s, theirs {len(theirs):,}"
    assert mine, "nothing to compare: both are empty"
    print(f"{len(mine):,} {unit}{'s' if len(mine) > 1 else ''}: the same")


def _numbers(values) -> np.ndarray:
    """Anything numeric as an array; a tensor is taken off its graph and its device."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    elif isinstance(values, list | tuple):
        values = [_numbers(value) for value in values]
    found = np.asarray(values)
    assert found.dtype.kind in "biufc", f"these are no numbers but {found.dtype}"
    return found


def _apart(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """|mine - theirs| in every place: 0 where both are NaN or the same infinity, infinite where only one is."""
    if mine.dtype.kind in "biu" and theirs.dtype.kind in "biu":  # uint8 would wrap around
        wide = np.result_type(mine, theirs, np.int64)
        mine, theirs = mine.astype(wide), theirs.astype(wide)
        return np.maximum(mine, theirs) - np.minimum(mine, theirs)
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        apart = np.abs(mine.astype(np.result_type(mine, np.float64)) - theirs)
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


def _place(index: np.ndarray) -> str:
    return f"at [{', '.join(map(str, index))}]: " if len(index) else ""
