"""The selective state-space model of Mamba, reading a sequence from its first token to its last."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lic_lab.blocks.exact import CausalConv1d, ExactLinear, is_coding
from lic_lab.ops import exact
from lic_lab.ops.selective_scan import selective_scan
from lic_lab.types import Tokens

STEPS = (1e-3, 0.1)  # step sizes at the start, log-uniform between these


class Scan(nn.Module):
    """Run the recurrence; a module without parameters, so that its backend can be set and its work be counted.

    Shapes as `ops.selective_scan`: u, delta, gate (b, d, l); A (d, n); B, C (b, g, n, l); D, bias (d) -> (b, d, l).
    carry: its `initial_state` and `return_last_state`, where a sequence comes in pieces.
    """

    def __init__(self, state: int):
        super().__init__()
        self.state, self.backend = state, "auto"

    def forward(self, u, delta, A_log, B, C, D, bias, gate=None, **carry) -> Tensor | tuple[Tensor, Tensor]:
        backend = "exact" if is_coding(u, A_log) else self.backend
        A = -exact.exp(A_log.to(torch.promote_types(u.dtype, torch.float32)))
        return selective_scan(u, delta, A, B, C, D, gate, bias, delta_softplus=True, backend=backend, **carry)

    def macs(self, shape: tuple[int, ...]) -> int:
        """Count 3 multiply-accumulates per state and step for u (b, d, l): decay, write, read."""
        return 3 * math.prod(shape) * self.state


class Memory(NamedTuple):
    """What is kept between two pieces of a sequence: the last inputs (b, d, conv - 1) and the state (b, d, n)."""

    inputs: Tensor
    state: Tensor


class Selection(nn.Module):
    """Scan a sequence under the control of its own tokens: u_t chooses what is forgotten, written and read at step t.

    u (b, d, l), gate (b, d, l) or None -> (b, d, l).   [r_t, B_t, C_t] = x_proj u_t,  delta_t = softplus(dt_proj r_t),
    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t,  y_t = (C_t h_t + D u_t) silu(gate_t),  with A = -exp(A_log).
    Legend: d = inner, n = state, r = rank of the step size.   carry: see `Scan`.
    Source: Gu and Dao, "Mamba", arXiv 2312.00752, Algorithm 2.
    """

    def __init__(self, inner: int, state: int, rank: int):
        super().__init__()
        self.x_proj = ExactLinear(inner, rank + 2 * state, bias=False)
        self.dt_proj = ExactLinear(rank, inner)
        self.A_log = nn.Parameter(decay_start(inner, state))
        self.D = nn.Parameter(torch.ones(inner))
        self.scan, self.sizes = Scan(state), (rank, state, state)
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        self.dt_proj.bias = nn.Parameter(step_start(inner))

    def forward(self, u: Tensor, gate: Tensor | None = None, **carry) -> Tensor | tuple[Tensor, Tensor]:
        steps, B, C = self.x_proj(u.transpose(1, 2)).split(self.sizes, dim=-1)  # (b, l, r), (b, l, n) twice
        delta = self.dt_proj(steps).transpose(1, 2)  # (b, d, l), the bias included
        return self.scan(u, delta, self.A_log, B.transpose(1, 2), C.transpose(1, 2), self.D, None, gate, **carry)


class SelectiveSSM(Selection):
    """Mix tokens by a selective state-space model: each channel carries a state that the tokens themselves control.

    Tokens (b, l, dim) -> same; token t sees the tokens 0 ... t. Parameters have the names and shapes of
    `mamba_ssm.Mamba`, whose weights can be loaded. Exact on float64 input (see `blocks.exact`).
    The scan has expand * dim channels; rank is ceil(dim / 16) unless given.
    Source: Gu and Dao, "Mamba", arXiv 2312.00752, Sec. 3.4.
    """

    def __init__(self, dim: int, *, state: int = 16, expand: int = 2, conv: int = 4, rank: int | None = None):
        inner = expand * dim
        super().__init__(inner, state, rank or math.ceil(dim / 16))
        self.in_proj = ExactLinear(dim, 2 * inner, bias=False)
        self.conv1d = CausalConv1d(inner, conv)
        self.out_proj = ExactLinear(inner, dim, bias=False)

    def forward(self, x: Tokens) -> Tokens:
        u, gate = self.in_proj(x).transpose(1, 2).chunk(2, dim=1)  # each (b, d, l)
        u = exact.silu(self.conv1d(u))
        return self.out_proj(super().forward(u, gate).transpose(1, 2))

    def resume(self, x: Tokens, memory: Memory | None = None) -> tuple[Tokens, Memory]:
        """Read the next piece of a sequence, (b, l, dim) -> same, and say what the piece after it will need.

        memory: of the piece before, None at the start. Pieces give what the whole gives; when coding, to the bit.
        """
        u, gate = self.in_proj(x).transpose(1, 2).chunk(2, dim=1)
        kept = self.conv1d.kernel_size[0] - 1
        u = torch.cat([memory.inputs, u], dim=-1) if memory else nn.functional.pad(u, (kept, 0))  # (b, d, kept + l)
        near, state = exact.silu(self.conv1d(u)[..., kept:]), memory.state if memory else None
        y, state = super().forward(near, gate, initial_state=state, return_last_state=True)
        return self.out_proj(y.transpose(1, 2)), Memory(u[..., u.shape[-1] - kept :], state)


def decay_start(channels: int, state: int) -> Tensor:
    """Give log(1 ... state) for every channel, (channels, state): decays of S4D-Real, Mamba Sec. 3.6."""
    return torch.log(torch.arange(1, state + 1, dtype=torch.float32)).repeat(channels, 1)


def step_start(channels: int) -> Tensor:
    """Give biases (channels,) whose softplus is log-uniform in [0.001, 0.1]: Mamba Sec. 3.6."""
    low, high = (math.log(s) for s in STEPS)
    steps = torch.exp(low + (high - low) * torch.rand(channels))
    return steps + torch.log(-torch.expm1(-steps))  # the inverse of softplus
