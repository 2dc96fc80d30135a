"""The selective scan of tensors that hold no numbers, for tables of shapes and counts of operations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from lic_lab.ops.selective_scan.inputs import Inputs


def refuses(inputs: Inputs) -> str:
    """Why there is something to compute, or "" if there is not."""
    if inputs.u.is_meta or isinstance(inputs.u, FakeTensor):
        return ""
    return "it computes nothing: for tensors on the meta device or of a FakeTensorMode only"


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Output (b, d, l) and last state (b, d, n) as empty tensors without a history."""
    return torch.empty_like(inputs.u), inputs.u.new_empty(*inputs.u.shape[:2], inputs.A.shape[1])
