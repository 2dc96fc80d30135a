"""The selective scan, the recurrence inside a Mamba block, and the choice among the ways to compute it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.ops.selective_scan.inputs import Inputs, checked

__all__ = ["backends", "selective_scan"]


def _asks(module: str) -> Callable[[Inputs], str]:
    return lambda inputs: import_module(module, __package__).refuses(inputs)


@dataclass(frozen=True)
class Backend:
    """Where a backend's `scan(inputs)` is, and what it answers when it cannot: a reason, or "" if it can."""

    module: str
    refuses: Callable[[Inputs], str] = lambda inputs: ""


BACKENDS = {  # fastest first; nothing is imported before it is asked
    "shapes": Backend(".shapes", refuses=_asks(".shapes")),
    "mamba_ssm": Backend(".cuda", refuses=_asks(".cuda")),
    "triton": Backend(".triton", refuses=_asks(".triton")),
    "numba": Backend(".fast_cpu", refuses=_asks(".fast_cpu")),
    "chunked": Backend(".chunked"),
    "associative": Backend(".associative"),
    "reference": Backend(".reference"),
    "exact": Backend(".exact", refuses=_asks(".exact")),  # after one that never refuses: only by name
}


def backends(device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> dict[str, str]:
    """Every backend by name, fastest first, with the reason why it cannot run on such tensors, or "" if it can."""
    x = torch.zeros(1, 1, 1, device=device, dtype=dtype)
    inputs = checked(Inputs(x, x, x[0], x, x))
    return {name: backend.refuses(inputs) for name, backend in BACKENDS.items()}


def _chosen(name: str, inputs: Inputs) -> Backend:
    if name not in ("auto", *BACKENDS):
        raise LicLabError(f"no scan backend is called {name!r}; there are auto, {', '.join(BACKENDS)}")
    if not BACKENDS["shapes"].refuses(inputs):
        return BACKENDS["shapes"]  # whoever is named would find no numbers
    if name == "auto":
        return next(backend for backend in BACKENDS.values() if not backend.refuses(inputs))
    if reason := BACKENDS[name].refuses(inputs):
        raise LicLabError(f"scan backend {name!r} cannot run here: {reason}; leave backend='auto' to choose another")
    return BACKENDS[name]


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    initial_state: Tensor | None = None,
    return_last_state: bool = False,
    backend: str = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Run h[t] = exp(delta[t] A) h[t-1] + delta[t] B[t] u[t], y[t] = (C[t] h[t] + D u[t]) silu(z[t]) over a sequence.

    u, delta, z: (b, d, l). A: (d, n), negative where the state shall forget. B, C: (b, n, l), or (b, g, n, l) for g
    groups of d / g neighbouring channels. D, delta_bias: (d). initial_state: (b, d, n). With delta_softplus the step is
    softplus(delta + delta_bias). Any length, also 0 and 1, any strides; float16 and bfloat16 are computed in float32.

    Returns y (b, d, l) in the type of u; with return_last_state also the last state (b, d, n), in float32 or float64.
    backend: "auto" takes the first of `backends()` that does not refuse. Gradients reach every tensor; second
    derivatives only by "chunked", "associative" and "reference". "exact" is for coding: float64 in, rounded to grids,
    without gradients, the same bits on every machine; never chosen by "auto". Tensors without numbers (meta, fake) give
    such tensors, whatever the name.

    Raises LicLabError where shapes, types or devices disagree, or a named backend cannot run: it says why.
    Source: Mamba, arXiv 2312.00752, Algorithm 2; arguments as mamba_ssm's selective_scan_fn.
    """
    optional = D, z, delta_bias, delta_softplus, initial_state, return_last_state
    inputs = checked(Inputs(u, delta, A, B, C, *optional))
    chosen = _chosen(backend, inputs)
    if inputs.u.numel() * inputs.A.numel() == 0:
        chosen = BACKENDS["reference"]  # nothing to compute, and shapes to be right about
    scan = import_module(chosen.module, __package__).scan
    with nullcontext() if inputs.u.is_meta else torch.autocast(inputs.u.device.type, enabled=False):
        y, last = scan(inputs)
    y = y.to(u.dtype)
    return (y, last) if return_last_state else y
