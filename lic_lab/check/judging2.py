"""What judges scans in assignment A2: systems that are drawn, numbers and gradients held against the library's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lic_lab.check.drawn import normal
from lic_lab.check.exercises import NotYet
from lic_lab.ops.selective_scan import selective_scan

NAMES = "u", "delta", "A", "B", "C", "D"


class Watch(TorchDispatchMode):
    """Count the operations of torch inside the block, and the numbers in the largest tensor that one of them made.

    operations, largest: so far. Views count as operations and make nothing.
    """

    def __init__(self):
        super().__init__()
        self.operations, self.largest = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        self.operations += 1
        if not function.is_view:
            tensors = made if isinstance(made, tuple | list) else (made,)
            self.largest = max([self.largest, *(x.numel() for x in tensors if isinstance(x, Tensor))])
        return made


def over_time(delta: Tensor) -> Tensor:
    """Give steps with time first, ready to be multiplied by A (d, n)."""
    return delta.movedim(-1, 0)[..., None]  # (b, d, l) -> (l, b, d, 1)


def writes(B: Tensor) -> Tensor:
    """Give what is written into the state with time first, the same for every channel."""
    return B.movedim(-1, 0)[:, :, None]  # (b, n, l) -> (l, b, 1, n)


def held(A: Tensor, B: Tensor, delta: Tensor) -> Tensor:
    """Give B discretised by the zero-order hold, (exp(x) - 1) / x delta B with x = delta A, as (l, b, d, n)."""
    x = over_time(delta) * A
    safe = torch.where(x == 0, 1, x)
    return over_time(delta) * torch.where(x == 0, 1, torch.expm1(safe) / safe) * writes(B)


def system(rng, b: int, d: int, n: int, l: int) -> list[Tensor]:
    """u, A, B, delta, C, D of a selective system: float64, A < 0 < delta."""
    A, delta = -torch.from_numpy(rng.uniform(0.1, 4, (d, n))), torch.from_numpy(rng.uniform(0.01, 1, (b, d, l)))
    return [normal(rng, b, d, l), A, normal(rng, b, n, l), delta, normal(rng, b, n, l), normal(rng, d)]


def close(got: Tensor, right: Tensor, what: str, hint: str) -> None:
    """Hold float64 numbers against the right ones, to 1e-9 of the largest."""
    apart = (got.double() - right).abs()
    if not apart.max() <= 1e-9 * max(1.0, float(right.abs().max())):
        at = np.unravel_index(int(apart.nan_to_num(math.inf).argmax()), apart.shape)
        where = ", ".join(str(int(i)) for i in at)
        raise NotYet(f"{what}[{where}] is {float(got[at]):.6g} and should be {float(right[at]):.6g}: {hint}")


def scan_inputs(rng, b: int, d: int, n: int, l: int) -> tuple[Tensor, ...]:
    """u, delta, A, B, C, D as `selective_scan` takes them."""
    u, A, B, delta, C, D = system(rng, b, d, n, l)
    return u, delta, A, B, C, D


def check_gradients(mine: Callable, inputs: tuple[Tensor, ...], rng, theirs: Callable | None = None) -> None:
    """Hold the gradients of a weighted sum of outputs against the library's, for every input."""
    theirs = theirs or (lambda *x: selective_scan(*x, backend="reference"))
    weights, grads = None, []
    for scan in (theirs, mine):
        leaves = [x.clone().requires_grad_() for x in inputs]
        y = scan(*leaves)
        weights = normal(rng, *y.shape) if weights is None else weights
        if not y.requires_grad:
            raise NotYet("there is no gradient: stay with torch, and detach nothing that it must pass")
        try:
            grads.append(torch.autograd.grad((weights * y).sum(), leaves, allow_unused=True))
        except RuntimeError as error:
            raise NotYet("the way back fails: a tensor that it needs was changed in place; make a new one") from error
    for name, right, got in zip(NAMES, *grads, strict=True):
        if got is None:
            raise NotYet(f"no gradient reaches {name}: use the tensor itself, no copy of its numbers")
        close(got, right, f"the gradient of {name}", "get the output right first; then detach and overwrite nothing")


def fixed_system(rng, b: int, d: int, n: int, l: int) -> tuple[Tensor, ...]:
    """u (b, d, l), delta (d), A (d, n), B, C (n), D (d): one system for all tokens."""
    u, A, B, delta, C, D = system(rng, b, d, n, l)
    return u, delta[0, :, 0], A, B[0, :, 0], C[0, :, 0], D


def as_scan(u, delta, A, B, C, D) -> Tensor:
    """Give the library's output for one system that is the same for all tokens (`fixed_system`)."""
    b, _, l = u.shape
    B, C = (x[None, :, None].expand(b, -1, l) for x in (B, C))
    return selective_scan(u, delta[None, :, None].expand_as(u), A, B, C, D, backend="chunked")
