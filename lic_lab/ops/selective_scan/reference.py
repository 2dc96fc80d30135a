"""The selective scan as it is written down: one step after the other. The slow twin of every other backend."""

from __future__ import annotations

import torch
from torch import Tensor

from lic_lab.ops.selective_scan.inputs import Inputs, per_channel


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n), differentiable any number of times, in the type of the inputs.

    Source: Mamba, arXiv 2312.00752, Eq. 2a-2b; B is discretised by Euler's rule, as in its code.
    """
    steps, h = inputs.steps(), inputs.first_state()
    B, C = (per_channel(x, inputs.u.shape[1]).unbind(-1) for x in (inputs.B, inputs.C))  # l times (b, d, n)
    out = []
    for step, u, write, read in zip(steps.unbind(-1), inputs.u.unbind(-1), B, C, strict=True):
        h = torch.exp(step[..., None] * inputs.A) * h + (step * u)[..., None] * write  # forget a little, write a little
        out.append((h * read).sum(-1))
    y = torch.stack(out, dim=-1) if out else torch.zeros_like(inputs.u)
    return inputs.finished(y), h
