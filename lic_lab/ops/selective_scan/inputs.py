"""What every backend of the selective scan is given, checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from lic_lab.errors import LicLabError


@dataclass(frozen=True)
class Inputs:
    """The arguments of `selective_scan`, of one floating type (float32 or float64) and on one device.

    u, delta, z (b, d, l); A (d, n); B, C (b, g, n, l) for g groups of d / g channels each; D, delta_bias (d);
    initial_state (b, d, n). What is absent is None.
    """

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor | None = None
    z: Tensor | None = None
    delta_bias: Tensor | None = None
    delta_softplus: bool = False
    initial_state: Tensor | None = None
    wants_last_state: bool = False

    def needs_gradients(self) -> bool:
        """Whether a backward pass may follow."""
        return torch.is_grad_enabled() and any(x.requires_grad for x in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are there, by name."""
        named = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in named if isinstance(value, Tensor)}

    def steps(self) -> Tensor:
        """The step sizes: delta with its bias and its softplus, (b, d, l)."""
        delta = self.delta if self.delta_bias is None else self.delta + self.delta_bias[:, None]
        return F.softplus(delta) if self.delta_softplus else delta

    def first_state(self) -> Tensor:
        """The state before the first step, zero unless given: (b, d, n)."""
        if self.initial_state is not None:
            return self.initial_state
        return self.u.new_zeros(*self.u.shape[:2], self.A.shape[1])

    def finished(self, y: Tensor) -> Tensor:
        """Add D u to what the states said, and gate it: (b, d, l)."""
        y = y if self.D is None else y + self.D[:, None] * self.u
        return y if self.z is None else y * F.silu(self.z)


def per_channel(x: Tensor, channels: int) -> Tensor:
    """B or C of every channel: (b, g, n, l) -> (b, d, n, l)."""
    return x.expand(-1, channels, -1, -1) if x.shape[1] == 1 else x.repeat_interleave(channels // x.shape[1], dim=1)


def checked(inputs: Inputs) -> Inputs:
    """Give B and C their group axis and all tensors one type, at least float32; LicLabError where shapes disagree."""
    named = inputs.tensors()
    for name, tensor in named.items():
        if not tensor.is_floating_point():
            raise LicLabError(f"selective_scan: {name} is {tensor.dtype}; give real floating-point tensors")
        if tensor.device != inputs.u.device:
            raise LicLabError(f"selective_scan: {name} is on {tensor.device} and u on {inputs.u.device}; move one")
    grouped = {name: named[name][:, None] if named[name].ndim == 3 else named[name] for name in ("B", "C")}
    _check_shapes(named | grouped)
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in named.values()), torch.float32)
    return replace(inputs, **{name: tensor.to(dtype) for name, tensor in (named | grouped).items()})


def _check_shapes(named: dict[str, Tensor]) -> None:
    if named["u"].ndim != 3 or named["A"].ndim != 2:
        raise LicLabError(
            "selective_scan: u must be (batch, channels, length) and A (channels, states); "
            f"got {tuple(named['u'].shape)} and {tuple(named['A'].shape)}"
        )
    (b, d, l), n = named["u"].shape, named["A"].shape[1]
    groups = named["B"].shape[1] if named["B"].ndim == 4 else 1
    if groups == 0 or d % groups:
        raise LicLabError(f"selective_scan: {d} channels cannot be shared out to the {groups} groups of B")
    expected = {"u": (b, d, l), "delta": (b, d, l), "z": (b, d, l), "A": (d, n), "initial_state": (b, d, n)}
    expected |= {"B": (b, groups, n, l), "C": (b, groups, n, l), "D": (d,), "delta_bias": (d,)}
    for name, tensor in named.items():
        if tuple(tensor.shape) != expected[name]:
            raise LicLabError(
                f"selective_scan: {name} is {tuple(tensor.shape)}, but u {(b, d, l)} and A {(d, n)} "
                f"ask for {expected[name]}"
            )
