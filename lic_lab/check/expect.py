"""What an answer to a task must look like before its numbers are judged: functions, tensors, numbers, gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lic_lab.check.exercises import NotYet


def functions(answer, names: str) -> tuple[Callable, ...]:
    """Give the functions of an answer, asked for by `names`, "haar and unhaar"; raises NotYet for anything else."""
    wanted = names.split(" and ")
    parts = answer if isinstance(answer, tuple) else (answer,)
    if len(parts) != len(wanted) or not all(callable(part) for part in parts):
        raise NotYet(f"give {'two functions' if len(wanted) == 2 else 'a function'}, {', '.join(wanted)}")
    return parts


def tensor(got, what: str, shape, dtype: torch.dtype | None = None) -> Tensor:
    """Give a tensor of this shape, and of this type where one is named; raises NotYet for anything else."""
    if not isinstance(got, Tensor):
        raise NotYet(f"{what} is of type {type(got).__name__}: give a torch tensor of shape {tuple(shape)}")
    if tuple(got.shape) != tuple(shape):
        raise NotYet(f"{what} has shape {tuple(got.shape)} where {tuple(shape)} is expected")
    if dtype not in (None, got.dtype):
        raise NotYet(f"{what} is {got.dtype} where the map is {dtype}: keep the type of what comes in")
    return got


def number(got, what: str) -> float:
    """Give a number as a float; raises NotYet for anything else, with its name."""
    if isinstance(got, bool) or np.ndim(got) != 0 or not isinstance(got, float | int | np.number | np.ndarray | Tensor):
        raise NotYet(f"{what} gives one number, not {type(got).__name__}")
    return float(got)


def check_gradient(mine: Callable, theirs: Callable, x: Tensor, what: str, *, tol: float = 1e-9) -> None:
    """Hold the gradient of a number at x, any shape, against that of another; raises NotYet where it is another.

    mine, theirs: from x to a tensor of one number.   what: it is the gradient of.
    """
    wanted = torch.autograd.grad(theirs(y := x.detach().clone().requires_grad_()), y)[0]
    total = mine(y := x.detach().clone().requires_grad_())
    got = torch.autograd.grad(total, y, allow_unused=True)[0] if total.requires_grad else None
    if got is None:
        raise NotYet(f"there is no gradient {what}: stay with torch, and detach nothing that it must pass")
    if not torch.allclose(got, wanted, atol=tol):
        raise NotYet(f"the gradient {what} is off by {float((got - wanted).abs().max()):.2g}: is every value used?")
