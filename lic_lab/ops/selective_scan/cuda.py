"""The selective scan by mamba-ssm's CUDA kernel, where that package is installed."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from lic_lab.ops.selective_scan.inputs import Inputs


@cache
def _imported():
    """mamba-ssm's function, or the reason why it cannot be had (its binary may not fit this torch, or any version)."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except Exception as error:
        return None, f"mamba-ssm cannot be imported ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})"
    return selective_scan_fn, ""


def refuses(inputs: Inputs) -> str:
    """Why mamba-ssm's kernel cannot do this, or "" if it can."""
    if not inputs.u.is_cuda:
        return f"mamba-ssm's kernel needs a CUDA device, got {inputs.u.device.type}"
    if inputs.u.dtype == torch.float64:
        return "mamba-ssm's kernel computes in float32, got float64"
    if inputs.initial_state is not None:
        return "mamba-ssm's kernel takes no initial state"
    if inputs.wants_last_state and inputs.needs_gradients():
        return "mamba-ssm's kernel gives no gradient at the last state"
    if inputs.A.shape[1] > 256:
        return f"mamba-ssm's kernel holds at most 256 states, got {inputs.A.shape[1]}"
    return _imported()[1]


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n); the latter has no gradient."""
    kernel, _ = _imported()
    i = inputs
    return kernel(
        *(i.u, i.delta, i.A, i.B, i.C, i.D, i.z, i.delta_bias),
        delta_softplus=i.delta_softplus,
        return_last_state=True,
    )
