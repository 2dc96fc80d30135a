"""Contexts, each walked by the three wires: what is estimated is written, what is written is read."""

import pytest
import torch

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy.checkerboard import CheckerboardContext
from lic_lab.entropy.hyper import HyperLatent, MeanScale
from lic_lab.entropy.slices import SliceContext
from lic_lab.entropy.wires import Decode, Encode, Estimate

FEATURES = {
    "mean scale": (24, MeanScale),
    "slices": (10, lambda: SliceContext((4, 8), 10, hidden=(12, 8))),
    "checkerboard": (10, lambda: CheckerboardContext(12, 10, hidden=16)),
}


@pytest.fixture(params=list(FEATURES))
def latent(request):
    torch.manual_seed(0)
    features, context = FEATURES[request.param]
    model = HyperLatent(12, 6, (12, 12, features), context()).eval()
    if request.param == "mean scale":
        torch.nn.init.constant_(model.synthesis[-1].bias[12:], 2.0)
    return model


@pytest.fixture
def y():
    return 2 * torch.randn(1, 12, 8, 12, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_decoder_rebuilds_exactly_the_latent_the_encoder_kept(latent, y):
    coder = Encoder()
    kept = latent(y, Encode(coder), (8, 12))
    decoder = Decoder(coder.finish())
    assert torch.equal(latent(None, Decode(decoder), (8, 12)), kept)
    decoder.close()
    assert decoder.checksum == coder.checksum


@torch.no_grad()
def test_the_bytes_cost_what_the_estimate_promised(latent, y):
    estimate, coder = Estimate(training=False), Encoder()
    latent(y, estimate, (8, 12)), latent(y, Encode(coder), (8, 12))
    assert 8 * len(coder.finish()) == pytest.approx(sum(estimate.parts.values()).item(), rel=0.01, abs=64)


@torch.no_grad()
def test_rounding_moves_the_latent_by_half_a_step_at_most(latent, y):
    y_hat = latent(y, Estimate(training=False), (8, 12))
    assert (y_hat - y).abs().max() <= 1.0 + 1e-4  # half for rounding, half for the predicted residual


@torch.no_grad()
def test_maps_of_bits_add_up_to_the_parts(latent, y):
    wire = Estimate(training=False, keep_maps=True)
    latent(y, wire, (8, 12))
    for part, maps in wire.maps.items():
        assert sum(m.sum() for m in maps).item() == pytest.approx(wire.parts[part].item(), rel=1e-5)


@torch.no_grad()
def test_anchors_know_nothing_of_each_other_and_the_rest_knows_its_neighbours():
    torch.manual_seed(0)
    context, hyper = CheckerboardContext(2, 3, hidden=8, kernel=3), torch.randn(1, 3, 6, 6)

    class Watch(Estimate):
        def gaussian(self, y, mean, scale):
            self.parts.setdefault("seen", []).append(torch.cat([mean, scale]))
            return torch.round(y - mean) + mean

    def seen(y):
        wire = Watch(training=False)
        context(y, hyper, wire)
        return wire.parts["seen"]

    y = torch.zeros(1, 2, 6, 6)
    before = seen(y)
    for row, column in ((2, 2), (2, 3)):
        nudged = y.clone()
        nudged[0, 1, row, column] += 5
        first, second = (torch.equal(a, b) for a, b in zip(before, seen(nudged), strict=True))
        assert first  # no anchor parameter moves, whoever was nudged
        assert second == ((row + column) % 2 == 1)  # the others notice anchors, never each other


def test_gradients_reach_the_latent_and_every_layer(latent, y):
    latent.train()
    y.requires_grad_()
    for parameter in latent.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    latent.analysis[-1].weight.data *= 50  # an untrained z would round to zero, and silence what reads it
    wire = Estimate(training=True)
    (latent(y, wire, (8, 12)).square().mean() + sum(wire.parts.values()).sum()).backward()
    assert y.grad.abs().min() > 0
    assert not [n for n, p in latent.named_parameters() if p.grad is None or not p.grad.any()]
