import copy

import pytest
import torch
from torch import nn

from lic_lab.training.soap import LARGEST, SOAP

SHAPES = {
    "vector": (7,),
    "matrix": (6, 5),
    "one tap": (6, 5, 1, 1),
    "depthwise": (8, 1, 3, 3),
    "kernel": (6, 4, 3, 3),
    "few taps": (6, 12, 3, 3),
}


def gradients(shape, steps, seed=0):
    """As of a layer whose gradients have a few directions in common, and some elements that never get one."""
    draw = torch.Generator().manual_seed(seed)
    common = torch.randn(3, *shape, generator=draw, dtype=torch.float64)
    for _ in range(steps):
        strength = torch.randn(3, generator=draw, dtype=torch.float64) * torch.tensor([3.0, 1.0, 0.1])
        gradient = torch.tensordot(strength, common, 1)
        gradient = gradient + 0.05 * torch.randn(shape, generator=draw, dtype=torch.float64)
        gradient[-1] = 0
        yield gradient


def moved(optimizer_of, shape, steps=25, layout=torch.contiguous_format, **options):
    torch.manual_seed(1)
    weight = torch.randn(shape, dtype=torch.float64)
    weight = nn.Parameter(weight.contiguous(memory_format=layout) if weight.ndim == 4 else weight)
    optimizer = optimizer_of([weight], **options)
    for gradient in gradients(shape, steps):
        weight.grad = gradient.contiguous(memory_format=layout) if gradient.ndim == 4 else gradient
        optimizer.step()
    return weight.detach()


class Slow(torch.optim.Optimizer):
    """Algorithm 3 of the paper: every axis by its own tensordot, the mean in the weights' own axes."""

    def __init__(self, params, lr=5e-4, betas=(0.95, 0.95), every=10, weight_decay=0.0, eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "every": every, "decay": weight_decay, "eps": eps})
        self.count = 0

    @torch.no_grad()
    def step(self):
        (group,), self.count = self.param_groups, self.count + 1
        for weight in group["params"]:
            (beta, beta_square), state, axes = group["betas"], self.state[weight], range(weight.ndim)
            g = weight.grad + group["decay"] * weight
            if weight.ndim > 2:  # taps are one axis
                g = g.reshape(*g.shape[:2], -1)
                axes = [axis for axis in range(3) if g.shape[axis] > 1]
            axes = [] if weight.ndim == 1 else axes

            def outer(axis, g=g):
                rest = [a for a in range(g.ndim) if a != axis]
                return torch.tensordot(g, g, (rest, rest))

            def project(x, back=False, state=state, axes=axes):
                for axis in axes:
                    x = torch.tensordot(x, state["Q"][axis], ([axis], [1 if back else 0])).movedim(-1, axis)
                return x

            if not state:
                state |= {"M": torch.zeros_like(g), "V": torch.zeros_like(g), "L": {a: 0 * outer(a) for a in axes}}
                state["Q"] = {a: torch.linalg.eigh(outer(a))[1].flip(1) for a in axes}
            state["M"] = beta * state["M"] + (1 - beta) * g
            state["V"] = beta_square * state["V"] + (1 - beta_square) * project(g) ** 2
            mean, square = state["M"] / (1 - beta**self.count), state["V"] / (1 - beta_square**self.count)
            step = project(project(mean) / (square.sqrt() + group["eps"]), back=True)
            weight -= group["lr"] * step.reshape(weight.shape)
            for a in axes:
                state["L"][a] = beta_square * state["L"][a] + (1 - beta_square) * outer(a)
                if self.count % group["every"] == 0:
                    state["Q"][a] = torch.linalg.qr(state["L"][a] @ state["Q"][a])[0]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_steps_are_those_of_the_published_algorithm(shape, layout):
    options = {"lr": 0.01, "weight_decay": 0.1}
    torch.testing.assert_close(moved(SOAP, shape, layout=layout, **options), moved(Slow, shape, **options))


@pytest.mark.parametrize("shape", [(7,), (LARGEST + 1, 1, 1, 1)], ids=["a vector", "an axis that is too large"])
def test_what_has_no_basis_is_moved_as_by_adam(shape):
    torch.testing.assert_close(moved(SOAP, shape), moved(torch.optim.Adam, shape, lr=5e-4, betas=(0.95, 0.95)))


def test_a_large_axis_keeps_its_own_directions_while_the_other_is_turned():
    tall = (LARGEST + 1, 4)
    weight = nn.Parameter(torch.zeros(tall))
    optimizer = SOAP([weight])
    weight.grad = torch.randn(tall)
    optimizer.step()
    assert list(optimizer.state[weight]["bases"]) == [2]


def test_gates_that_are_shut_do_not_break_the_bases():
    weight = nn.Parameter(torch.zeros(64, 128))
    optimizer = SOAP([weight], lr=0.1, every=2)
    for step in range(6):
        gradient = torch.randn(64, 128, generator=torch.Generator().manual_seed(step)) * 1e-3
        weight.grad = gradient * (torch.arange(64) % 7 == 0)[:, None] * (torch.arange(128) < 20)
        optimizer.step()
    assert weight.isfinite().all()
    shut = torch.cat([weight[1::7].flatten(), weight[:, 20:].flatten()]).abs()  # never had a gradient but by rounding
    assert shut.max() < 0.1 * weight.abs().max()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_stay_what_they_are(shape):
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape)
    before = weight.grad.clone()
    SOAP([weight]).step()
    assert torch.equal(weight.grad, before)


def test_a_weight_whose_taps_lie_apart_in_memory_moves_too():
    weight = nn.Parameter(torch.zeros(4, 3, 2, 5).transpose(2, 3))
    weight.grad = torch.randn(weight.shape)
    SOAP([weight]).step()
    assert weight.all()


def test_weights_without_a_gradient_stay_where_they_are():
    weight = nn.Parameter(torch.ones(3, 3))
    SOAP([weight]).step()
    assert torch.equal(weight, torch.ones(3, 3))


def descend(optimizer_of, steps=150):
    """Fit a matrix whose errors count unequally, along directions that are no rows or columns."""
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(12, 12))[0]
    weigh, target = turn @ torch.diag(10.0 ** -torch.linspace(0, 3, 12)) @ turn.T, torch.randn(12, 12)
    weight = nn.Parameter(torch.zeros(12, 12))
    optimizer = optimizer_of([weight], lr=0.05)
    for _ in range(steps):
        loss = (weigh @ (weight - target)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_directions_that_are_no_single_weights_are_found_faster_than_by_adam():
    assert descend(SOAP) < 0.5 * descend(torch.optim.Adam)


def test_a_stored_state_goes_on_with_the_same_numbers():
    torch.manual_seed(0)
    first = nn.Conv2d(4, 6, 3)
    optimizer, x = SOAP(first.parameters(), every=2), torch.randn(2, 4, 8, 8)

    def steps(layer, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            layer(x).square().mean().backward()
            optimizer.step()

    steps(first, optimizer, 3)
    second = copy.deepcopy(first)
    again = SOAP(second.parameters(), every=2)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(first, optimizer, 3)
    steps(second, again, 3)
    assert all(map(torch.equal, first.parameters(), second.parameters()))
