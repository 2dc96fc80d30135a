"""The selective scan chunk after chunk: a parallel prefix inside, the state handed on; plain torch on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lic_lab.ops.selective_scan import associative
from lic_lab.ops.selective_scan.inputs import Inputs

CHUNK = 128  # steps; more need more memory, fewer more calls


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n). The states of one chunk exist at a time, in the backward pass, too."""
    h, out = inputs.first_state(), []
    parts = (x.split(CHUNK, dim=-1) for x in (inputs.steps(), inputs.u, inputs.B, inputs.C))
    for steps, u, B, C in zip(*parts, strict=True):
        y, h = checkpoint(
            associative.states, steps, u, inputs.A, B, C, h, use_reentrant=False, preserve_rng_state=False
        )
        out.append(y)
    return inputs.finished(torch.cat(out, dim=-1)), h
