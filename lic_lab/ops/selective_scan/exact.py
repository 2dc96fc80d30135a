"""The selective scan whose result has the same bits on every machine, for state spaces inside a probability model.

A decoder finds the encoder's tables only if it computes the same numbers, on another device, with another number of
threads and other instructions. Here every number is a multiple of a grid, held in float64; every product and sum is
either exact, whatever its order and whether or not it is fused, or one correctly rounded operation of its own.

    number                     grid    limit   bits    what follows                         bits
    u, B, C, D, A              2^-12   2^10    22
    delta, bias, z             2^-20   2^10    30      delta + bias                         31, exact
    step, softplus of that     2^-20   2^5     25      step A                               47, exact
    decay, exp of that         2^-20   1       20      decay h + write                      51, exact, then rounded
    x, step u                  2^-20   2^10    30      x B                                  52, exact, then rounded
    write, x B                 2^-20   2^10    30
    h, decay h + write         2^-20   2^10    30      h for reading, on the grid 2^-16     26
    y before D                                         C h, summed over up to 32 states     53, exact
    y, that + D u              2^-20   2^10    30
    gate, silu of z            2^-16   2^6     22      y gate                               52, exact, then rounded

What exceeds a limit stays there. exp, softplus and silu are the formulas of `lic_lab.ops.exact`. The state keeps four
bits more than can be read from it, because its roundings add up over as many steps as it remembers.

Source: the recurrence of Mamba, arXiv 2312.00752, Eq. 2a-2b; the aim as in Balle et al., "Integer networks for data
compression with latent-variable models", ICLR 2019, which has no recurrence.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lic_lab.ops.exact import exp_negative, silu, snap, softplus
from lic_lab.ops.selective_scan import workers
from lic_lab.ops.selective_scan.inputs import Inputs, per_channel

KERNELS = ".exact_kernels"
FINE = 2.0**20  # the grid of all that happens inside the recurrence
READ = 2.0**16  # the grid on which the states are read
STEP_LIMIT = 2.0**5
GATE_LIMIT = 2.0**6
STATES = 32  # products of 48 bits, the sum of which fits 53
CHUNK = 64  # steps of the loop whose decays are computed at once


def refuses(inputs: Inputs) -> str:
    """Why these inputs have no exact scan, or "" if they have; it looks at A and, without softplus, at delta."""
    i, n = inputs, inputs.A.shape[1]
    if i.u.dtype != torch.float64:
        kind = str(i.u.dtype).removeprefix("torch.")
        return f"float64 asks for exact arithmetic, and {kind} for that of training: give all tensors as float64"
    if i.needs_gradients():
        return "its roundings have no gradient: call it under torch.no_grad(), or train in float32"
    if n > STATES:
        return f"a sum of {n} products does not fit the 53 bits of float64: use at most {STATES} states"
    if bool((i.A > 0).any()):
        return "A must be negative or zero: its exponential is computed for decay only"
    if not i.delta_softplus and bool((i.steps() < 0).any()):
        return "steps must not be negative: use delta_softplus"
    return ""


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n), both on the grid 2^-20, in float64.

    A sequence in pieces, each from the last state of the one before, gives the bits of the whole.
    """
    kernels = workers.imported(KERNELS)[0] if inputs.u.device.type == "cpu" else None
    with torch.no_grad():
        prepared = _on_grids(inputs)
        return loop(prepared) if kernels is None else _compiled(prepared, kernels)


def _on_grids(i: Inputs) -> Inputs:
    """Snap what is small. u, delta and z are left to those who walk over them."""
    zeros = i.u.new_zeros(i.u.shape[1])
    D, bias = (zeros if x is None else x for x in (i.D, i.delta_bias))
    first = snap(i.first_state(), FINE)
    return replace(
        i, A=snap(i.A), B=snap(i.B), C=snap(i.C), D=snap(D), delta_bias=snap(bias, FINE), initial_state=first
    )


def loop(i: Inputs) -> tuple[Tensor, Tensor]:
    """The scan step after step, in plain torch on any device: the slow twin of the compiled kernel."""
    u, step = snap(i.u), snap(i.delta, FINE) + i.delta_bias[:, None]
    step = snap(softplus(step) if i.delta_softplus else step, FINE, STEP_LIMIT)
    x, h, out = snap(step * u, FINE), i.initial_state, []
    parts = (tensor.split(CHUNK, dim=-1) for tensor in (step, x, i.B, i.C))
    for step, x, B, C in zip(*parts, strict=True):
        decays = snap(exp_negative(step[:, :, None] * i.A[..., None]), FINE, 1.0)  # (b, d, n, t)
        writes = snap(x[:, :, None] * per_channel(B, u.shape[1]), FINE)
        states = []
        for decay, write in zip(decays.unbind(-1), writes.unbind(-1), strict=True):
            h = snap(decay * h + write, FINE)
            states.append(h)
        states = snap(torch.stack(states, dim=-1), READ)
        out.append((states * per_channel(C, u.shape[1])).sum(2))
    y = snap(torch.cat(out, dim=-1) + i.D[:, None] * u, FINE)
    y = y if i.z is None else snap(y * snap(silu(snap(i.z, FINE)), READ, GATE_LIMIT), FINE)
    return y + 0.0, h + 0.0  # makes 0 of -0, which the kernel never has


def _compiled(i: Inputs, kernels) -> tuple[Tensor, Tensor]:
    h, y = i.initial_state.contiguous(), torch.empty_like(i.u)
    z = i.u.new_empty(0, 0, 0) if i.z is None else i.z
    dense = i.B.contiguous(), i.C.contiguous(), i.D, i.delta_bias
    arrays = [x.numpy() for x in (i.u.detach(), i.delta.detach(), i.A, *dense, z.detach(), h, y)]
    (b, d, _), groups = i.u.shape, i.B.shape[1]
    blocks = -(-d // groups // kernels.LANES)

    def work(first, stop):
        kernels.scan(*arrays, i.delta_softplus, first, stop)

    workers.share(work, b * groups * blocks, i.A.shape[1] * i.u.numel())
    return y, h
