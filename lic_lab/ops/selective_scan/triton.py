"""The selective scan on a GPU by the kernels of `triton_kernels.py`; Triton comes with torch where there is CUDA."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lic_lab.ops.selective_scan.inputs import Inputs

STEPS = 128  # of a tile; the state is kept once per tile


@cache
def _imported():
    try:
        from lic_lab.ops.selective_scan import triton_kernels
    except Exception as error:
        return None, f"triton cannot be imported ({type(error).__name__}: {error})"
    return triton_kernels, ""


def refuses(inputs: Inputs) -> str:
    """Why the Triton kernel cannot do this, or "" if it can."""
    if not inputs.u.is_cuda:
        return f"triton needs a GPU, got {inputs.u.device.type}"
    if inputs.u.dtype != torch.float32:
        return f"the triton kernel computes in float32, got {str(inputs.u.dtype).removeprefix('torch.')}"
    return _imported()[1]


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n), differentiable once.

    Memory: beyond inputs, outputs and their gradients, one state per 128 steps. The gradients at B and C are sums
    over channels in whatever order the GPU takes them: their last bits differ from run to run.
    """
    i = inputs
    tensors = (i.steps(), i.u, i.A, i.B, i.C, i.first_state())
    y, last = _Scan.apply(*tensors, i.needs_gradients())
    return i.finished(y), last


def _sizes(u: Tensor, A: Tensor, B: Tensor) -> tuple[tuple[int, ...], dict[str, int]]:
    (_, d, l), n = u.shape, A.shape[1]
    return (d, l, n, B.shape[1]), {"N": 1 << (n - 1).bit_length(), "T": STEPS}


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, step, u, A, B, C, h0, keep):
        kernels, _ = _imported()
        step, u, A, B, C = (x.contiguous() for x in (step, u, A, B, C))
        sizes, blocks = _sizes(u, A, B)
        (b, d, l), n = u.shape, A.shape[1]
        y, h = torch.empty_like(u), h0.clone(memory_format=torch.contiguous_format)
        kept = u.new_empty(b, d, -(-l // STEPS), n) if keep else u.new_empty(1)
        kernels.forward[(b * d,)](step, u, A, B, C, h, y, kept, *sizes, KEEP=keep, **blocks)
        if keep:
            ctx.save_for_backward(step, u, A, B, C, kept)
        return y, h

    @staticmethod
    @once_differentiable
    def backward(ctx, gy, glast):
        kernels, _ = _imported()
        step, u, A, B, C, kept = ctx.saved_tensors
        sizes, blocks = _sizes(u, A, B)
        (b, d, _), n = u.shape, A.shape[1]
        gy, gh = gy.contiguous(), glast.clone(memory_format=torch.contiguous_format)
        gstep, gu, gA = torch.empty_like(u), torch.empty_like(u), u.new_empty(b, d, n)
        gB, gC = torch.zeros_like(B), torch.zeros_like(C)
        kernels.backward[(b * d,)](step, u, A, B, C, kept, gy, gh, gstep, gu, gA, gB, gC, *sizes, **blocks)
        return gstep, gu, gA.sum(0), gB, gC, gh, None
