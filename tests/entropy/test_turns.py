"""A context in which two views take turns: decodable, priced right, and told of the other view as soon as it can be."""

import copy
import pickle
from functools import partial

import pytest
import torch

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.entropy.twins import TwinSearch
from lic_lab.entropy.wires import Decode, Encode, Estimate
from lic_lab.ops.checkerboard import CHECKERBOARD
from lic_lab.ops.turns import TURNS
from lic_lab.probes.causality import Causality

SLICES, FEATURES, SIZE = (2, 4), 12, (6, 8)
ORDERS = {"turns": TURNS, "checkerboard": CHECKERBOARD}


@pytest.fixture(params=ORDERS)
def order(request):
    return ORDERS[request.param]


def context(order):
    """A small one whose weights are large enough for every path to be seen."""
    torch.manual_seed(0)
    twins = partial(TwinSearch, reach=32) if order is TURNS else None
    made = ReadAgain(SLICES, FEATURES, hidden=(10, 8), order=order, twins=twins).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for step, size in zip(made.steps, SLICES, strict=True):
            step.params.bias[size:] += 2  # untrained scales are far too small
    return made


@pytest.fixture
def y():
    return 3 * torch.randn(2, sum(SLICES), *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def hyper():
    return torch.randn(2, FEATURES, *SIZE, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_the_decoder_rebuilds_both_latents_and_the_bytes_cost_what_was_promised(order, y, hyper):
    made, coder, estimate = context(order), Encoder(), Estimate(training=False)
    kept = made(y, hyper.double(), Encode(coder))
    data = coder.finish()
    decoder = Decoder(data)
    assert torch.equal(made(None, hyper.double(), Decode(decoder)), kept)
    decoder.close()
    made(y, hyper, estimate)
    assert estimate.parts["y"].shape == (2,)
    assert 8 * len(data) == pytest.approx(estimate.parts["y"].sum().item(), rel=0.01, abs=64)


def test_nobody_is_told_of_what_is_decoded_with_or_after_it(order, y, hyper):
    made = context(order)
    look = Causality(lambda y, wire: made(y, hyper, wire), y)
    assert len(look.step.unique()) == order.passes * len(SLICES)
    for view in (0, 1):
        symbols = [(view, *(look.step[view] == step).nonzero()[0].tolist()) for step in look.step.unique().tolist()]
        assert look.leaks(symbols) == []


def test_a_row_that_follows_is_told_of_the_whole_same_row_of_the_other_view(y, hyper):
    made = context(TURNS)
    look = Causality(lambda y, wire: made(y, hyper, wire), y)
    for view in (0, 1):
        row = 3 - view  # the view that follows there
        heard = look.heard((view, 0, row, 0 if view else 7))[1 - view, : SLICES[0]].amax(
            0
        )  # by a symbol of the first slice
        assert (heard[row] > 0).all(), "some column of the row is not heard"


def test_every_weight_learns(order, y, hyper):
    made, wire = context(order).train(), Estimate(training=True)
    (made(y, hyper, wire).square().sum() + wire.parts["y"].sum()).backward()
    silent = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


def test_a_context_can_be_copied_and_pickled(order, y, hyper):
    made = context(order)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        wires = Estimate(training=False), Estimate(training=False)
        with torch.no_grad():
            assert torch.equal(other(y, hyper, wires[0]), made(y, hyper, wires[1]))
