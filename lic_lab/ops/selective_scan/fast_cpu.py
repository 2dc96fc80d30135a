"""The selective scan on a CPU by the kernels of `fast_cpu_kernels.py`: layouts, threads and the autograd function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from lic_lab.ops.selective_scan import workers
from lic_lab.ops.selective_scan.inputs import Inputs

LANES = 16  # channels to a vector
LOG2E = 1.4426950408889634
KERNELS = ".fast_cpu_kernels"


def refuses(inputs: Inputs) -> str:
    """Why the compiled CPU kernel cannot do this, or "" if it can."""
    if inputs.u.device.type != "cpu":
        return f"the numba kernel runs on the CPU, got {inputs.u.device.type}"
    if inputs.u.dtype != torch.float32:
        return f"the numba kernel computes in float32, got {str(inputs.u.dtype).removeprefix('torch.')}"
    return workers.imported(KERNELS)[1]


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n), differentiable once.

    Memory: beyond inputs, outputs and their gradients, one state per 64 steps for the backward pass.
    Threads: as many as torch uses. On how many depend the last bits of the gradients at B and C, nothing else.
    """
    i = inputs
    tensors = (i.u, i.delta, i.A, i.B, i.C, i.D, i.z, i.delta_bias, i.initial_state)
    return _Scan.apply(*tensors, i.delta_softplus, i.needs_gradients())


def _flat(x: Tensor | None):
    """The memory that a tensor spans, as one NumPy row."""
    if x is None or x.numel() == 0:
        return _memory(0).numpy()
    span = 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return x.detach().as_strided((span,), (1,)).numpy()


def _walkable(x: Tensor | None) -> Tensor | None:
    """A (b, d, l) tensor whose channels or steps lie side by side, as the kernels need it: x itself or a copy."""
    return x if x is None or 1 in x.stride()[1:] else x.contiguous()


def _strides(*tensors: Tensor | None) -> tuple[tuple[int, int, int], ...]:
    return tuple((0, 0, 0) if x is None else x.stride() for x in tensors)


def _padded(x: Tensor, n: int, l: int) -> Tensor:
    """B or C with zeros after its states and steps: (b, g, n', l') -> (b, g, n, l), without a copy where it fits."""
    return x.contiguous() if x.shape[2:] == (n, l) else F.pad(x, (0, l - x.shape[3], 0, n - x.shape[2]))


def _memory(*shape: int) -> Tensor:
    """Room for float32, which is all that the kernels know, whatever torch's default is."""
    return torch.empty(shape, dtype=torch.float32)


def _zeros(*shape: int) -> Tensor:
    """Zeros by NumPy, which leaves them to the system. Torch's threads would write them, and then keep the cores busy
    for milliseconds, waiting for more to do, while ours are to run."""
    return torch.from_numpy(np.zeros(shape, np.float32))


def _by_block(x: Tensor) -> Tensor:
    """Channels in blocks of sixteen, side by side: (r, c, n) -> (r, k, n, 16)."""
    x = F.pad(x, (0, 0, 0, -x.shape[1] % LANES))
    return x.unflatten(1, (-1, LANES)).transpose(2, 3).contiguous()


def _by_channel(x: Tensor, channels: int) -> Tensor:
    """The inverse of `_by_block`: (r, k, n, 16) -> (r, c, n)."""
    return x.transpose(2, 3).flatten(1, 2)[:, :channels]


def _run(kernel: Callable, *arguments) -> None:
    try:
        kernel(*arguments)
    except OSError:  # compiled, but not kept: the disk is full, or was closed for writing since
        kernel(*arguments)


class _Layout:
    """The arguments in the order and the layouts of the kernels; groups count as rows. See the legend there."""

    def __init__(self, u, delta, A, B, C, D, z, bias):
        (self.b, self.d, self.l), self.n = u.shape, A.shape[1]
        self.groups = B.shape[1]
        self.rows, self.c, self.states = self.b * self.groups, self.d // self.groups, self.n + self.n % 2
        self.blocks, self.padded = -(-self.c // LANES), self.l + -self.l % LANES
        self.shape = (self.groups, self.c, self.l, self.states)
        B, C = (_padded(x.detach(), self.states, self.padded) for x in (B, C))
        self.walked = u, delta, z = [_walkable(x) for x in (u, delta, z)]
        D, bias = (self.vector(_zeros(self.d) if x is None else x.detach()) for x in (D, bias))
        A = self.state(A.detach() * LOG2E, self.groups)
        self.arrays = [_flat(x) for x in (u, delta, A, B, C, D, z, bias)]

    def vector(self, x: Tensor) -> Tensor:
        """(d) -> (g, k, 1, 16)."""
        return _by_block(x.reshape(self.groups, self.c, 1))

    def state(self, x: Tensor | None, rows: int) -> Tensor:
        """(d, n) or (b, d, n) -> (rows, k, states, 16), zeros for None."""
        if x is None:
            return _zeros(rows, self.blocks, self.states, LANES)
        return _by_block(F.pad(x.reshape(rows, self.c, self.n), (0, self.n % 2)))

    def unstate(self, x: Tensor) -> Tensor:
        """(r, k, states, 16) -> (b, d, n)."""
        return _by_channel(x, self.c).reshape(self.b, self.d, -1)[..., : self.n]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, D, z, bias, h0, soft, keep):
        kernels, _ = workers.imported(KERNELS)
        at = _Layout(u, delta, A, B, C, D, z, bias)
        h, y = at.state(h0, at.rows), torch.empty_like(at.walked[0])
        chunks = -(-at.l // kernels.STEPS)
        kept = _memory(at.rows, at.blocks, chunks, at.states, LANES) if keep else _memory(0)
        results, strides = [_flat(x) for x in (h, y, kept)], _strides(*at.walked, y)

        def work(first, stop):
            scratch = _flat(_memory(kernels.scratch_size(at.states)))
            _run(kernels.forward, *at.arrays, *results, scratch, strides, at.shape, soft, first, stop)

        workers.share(work, at.rows * at.blocks, at.states * u.numel())
        if keep:
            ctx.save_for_backward(u, delta, A, B, C, D, z, bias, kept)
        ctx.soft, ctx.given = soft, h0 is not None
        return y, at.unstate(h)

    @staticmethod
    @once_differentiable
    def backward(ctx, gy, glast):
        kernels, _ = workers.imported(KERNELS)
        *tensors, kept = ctx.saved_tensors
        u, D, bias = tensors[0], tensors[5], tensors[7]
        at = _Layout(*tensors)
        # What a job adds to B and C has a place of its own: the sums do not depend on which thread came first.
        parts = min(at.blocks, -(-2 * torch.get_num_threads() // at.rows))
        gy, gh = _walkable(gy), at.state(glast, at.rows)
        gu, gdelta, gz = (None if x is None else torch.empty_like(x) for x in at.walked)
        gA, gskip = _zeros(*gh.shape), _zeros(at.rows, at.blocks, 2, LANES)
        gBC = _zeros(at.rows, parts, at.states // 2, at.padded, 2, 2)
        arrays = [_flat(x) for x in (kept, gy)]
        sizes = _strides(*at.walked, gy, gu, gdelta, gz), at.shape, ctx.soft, parts
        results = [_flat(x) for x in (gh, gu, gdelta, gz, gA, gBC, gskip)]

        def work(first, stop):
            scratch = _flat(_memory(kernels.scratch_size(at.states)))
            _run(kernels.backward, *at.arrays, *arrays, *results, scratch, *sizes, first, stop)

        workers.share(work, at.rows * parts, at.states * u.numel())
        gBC = gBC.sum(1).movedim(3, 0).movedim(-1, 3).flatten(2, 3)  # (2, r, n, p)
        gB, gC = gBC[..., : at.n, : at.l].unflatten(1, (at.b, at.groups))
        gD, gbias = _by_channel(gskip, at.c).reshape(at.b, at.d, 2).sum(0).unbind(-1)
        return (
            *(gu, gdelta, at.unstate(gA).sum(0), gB, gC),
            *(None if D is None else gD, gz, None if bias is None else gbias),
            *(at.unstate(gh) if ctx.given else None, None, None),
        )
