"""The selective scan as a parallel prefix: log2(l) levels of whole-tensor operations, in plain torch on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from lic_lab.ops.selective_scan.inputs import Inputs, per_channel


def prefix(decay: Tensor, x: Tensor) -> Tensor:
    """h[t] = decay[t] h[t-1] + x[t] along the first axis, from h = 0; both (l, ...) with l >= 1.

    Two steps in a row are one step (a2 a1, a2 x1 + x2). Pairs are joined, the half-length problem solved by the same
    function, and the places between filled in: 3 l operations. Nothing is divided, so no decay is too strong for it.

    Source: Blelloch, "Prefix sums and their applications", CMU-CS-90-190, Sec. 1.4.
    """
    length = len(x)
    if length == 1:
        return x
    a1, a2, x1, x2 = decay[: length - 1 : 2], decay[1::2], x[: length - 1 : 2], x[1::2]
    second = prefix(a1 * a2, torch.addcmul(x2, a2, x1))  # h[1], h[3], ...
    later = torch.addcmul(x[2::2], decay[2::2], second[: (length - 1) // 2])
    first = torch.cat([x[:1], later])  # h[0], h[2], ...
    pairs = torch.stack([first[: length // 2], second], dim=1).flatten(0, 1)
    return torch.cat([pairs, first[length // 2 :]]) if length % 2 else pairs


def states(steps: Tensor, u: Tensor, A: Tensor, B: Tensor, C: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """What the states say, (b, d, l), and the last of them (b, d, n), starting from h; all l states exist at once."""
    B, C = (per_channel(x, u.shape[1]).movedim(-1, 0) for x in (B, C))  # (l, b, d, n)
    steps, u = (x.movedim(-1, 0)[..., None] for x in (steps, u))  # (l, b, d, 1)
    decay = torch.exp(steps * A)
    x = steps * u * B
    every = prefix(decay, torch.cat([torch.addcmul(x[:1], decay[:1], h), x[1:]]))
    return (every * C).sum(-1).movedim(0, -1), every[-1]


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n); memory for some ten times all states (b, d, l, n) with gradients."""
    y, last = states(inputs.steps(), inputs.u, inputs.A, inputs.B, inputs.C, inputs.first_state())
    return inputs.finished(y), last
