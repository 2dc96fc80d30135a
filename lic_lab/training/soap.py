"""SOAP: Adam along the axes in which the gradients of a layer really vary, so that fewer steps lead as far."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

LARGEST = 512  # an axis with more than these keeps its own directions: turning it would cost more than it brings


class SOAP(torch.optim.Optimizer):
    """Run Adam in the eigenbases of what the gradients of each weight had in common, taken anew every few steps.

    A weight is seen as (outputs, taps, inputs), each axis with a basis of its own; vectors are moved as by Adam.
    lr: as Adam's, for a step is as long.   betas: decay of the mean, and of the square and the statistics.
    every: steps between two turns of the bases.   weight_decay: of the squared weights, as in `torch.optim.Adam`.
    Source: Vyas et al., "SOAP: Improving and stabilizing Shampoo using Adam", arXiv 2409.11321, Algorithm 3; found to
    need fewer steps in learned compression by Zhang and Zhu, arXiv 2601.20769. Ours: the first gradient, which gives
    the first bases, is stepped along as well, and the mean is kept in the turned axes, which saves a turn a step.
    """

    def __init__(
        self, params: Iterable, lr: float = 5e-4, betas: tuple[float, float] = (0.95, 0.95), *,
        every: int = 10, weight_decay: float = 0.0, eps: float = 1e-8,
    ):  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "every": every, "weight_decay": weight_decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Move every weight that has a gradient; closure has no part."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)

    def _move(self, weight: Tensor, group: dict) -> None:
        gradient = layered(weight.grad)  # (outputs, taps, inputs)
        if group["weight_decay"]:
            gradient = gradient.add(layered(weight), alpha=group["weight_decay"])
        state = self.state[weight]
        if not state:
            state |= {"step": 0, "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
            first = {axis: covariance(gradient, axis) for axis in turned_axes(weight)}
            state["statistics"] = {axis: torch.zeros_like(s) for axis, s in first.items()}
            state["bases"] = {axis: _eigenvectors(s) for axis, s in first.items()}
        state["step"] += 1
        faded, faded_square = (beta ** state["step"] for beta in group["betas"])
        turned = turn(gradient, state["bases"])
        state["mean"].lerp_(turned, 1 - group["betas"][0])
        state["square"].mul_(group["betas"][1]).addcmul_(turned, turned, value=1 - group["betas"][1])
        scale = (state["square"] / (1 - faded_square)).sqrt_().add_(group["eps"])
        move = turn(state["mean"] / scale, state["bases"], back=True)
        weight.add_(unlayered(move, weight), alpha=-group["lr"] / (1 - faded))
        for axis, statistics in state["statistics"].items():
            statistics.lerp_(covariance(gradient, axis), 1 - group["betas"][1])
        if state["step"] % group["every"] == 0:
            self._renew(state)

    @staticmethod
    def _renew(state: dict) -> None:
        """Turn the bases after their statistics by a round of power iteration, and the mean with them."""
        now = {axis: torch.linalg.qr(s @ state["bases"][axis])[0] for axis, s in state["statistics"].items()}
        state["mean"] = turn(state["mean"], {axis: state["bases"][axis].mT @ basis for axis, basis in now.items()})
        state["bases"] = now


def layered(weight: Tensor) -> Tensor:
    """View a weight (outputs, inputs, ...) as (outputs, taps, inputs), which is how channels_last keeps it."""
    if weight.ndim < 2:
        return weight.view(1, 1, -1)
    return weight.movedim(1, -1).flatten(1, -2) if weight.ndim > 2 else weight.unsqueeze(1)


def unlayered(x: Tensor, weight: Tensor) -> Tensor:
    """Undo `layered`: (outputs, taps, inputs) -> the shape of the weight."""
    if weight.ndim < 3:
        return x.view_as(weight)
    return x.unflatten(1, weight.shape[2:]).movedim(-1, 1)


def turned_axes(weight: Tensor) -> list[int]:
    """Give the axes of the layered weight that get a basis: of vectors none, and none that is single or too large."""
    return [axis for axis, size in enumerate(layered(weight).shape) if 1 < size <= LARGEST and weight.ndim > 1]


def _eigenvectors(symmetric: Tensor) -> Tensor:
    """In float64: in float32 LAPACK gives up, or gives NaN, on the many equal eigenvalues of gates that are shut."""
    return torch.linalg.eigh(symmetric.double()).eigenvectors.flip(1).to(symmetric.dtype)  # the strongest first


def covariance(x: Tensor, axis: int) -> Tensor:
    """Sum the outer products of what lies along one axis of x (o, t, i): (n, n) for n = x.shape[axis]."""
    if axis == 1 and _few_taps(x):
        return torch.bmm(x, x.mT).sum(0)
    flat = x.movedim(axis, -1).flatten(0, 1)  # (the rest, n)
    return flat.mT @ flat


def turn(x: Tensor, bases: dict[int, Tensor], *, back: bool = False) -> Tensor:
    """Give x (o, t, i) in the coordinates of orthonormal bases, {axis: (n, n) with a direction a column}, or `back`."""
    for axis, basis in bases.items():
        basis = basis.mT if back else basis
        if axis == 0:
            x = (basis.mT @ x.flatten(1)).view_as(x)
        elif axis == 1 and _few_taps(x):
            x = torch.bmm(basis.mT.expand(len(x), -1, -1), x)
        else:
            x = x @ basis if axis == 2 else torch.einsum("oti,tu->oui", x, basis).contiguous()
    return x


def _few_taps(x: Tensor) -> bool:
    """Say whether taps are better turned output by output: one product for all needs copies, which take longer."""
    return x.shape[1] <= x.shape[2]
