"""Contexts, each walked by the three wires: what is estimated is written, what is written is read."""

from functools import partial

import pytest
import torch

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.entropy.hyper import BareLatent, HyperLatent, MeanScale, MiddleLatent
from lic_lab.entropy.raster import RasterContext, ScanRasterContext
from lic_lab.entropy.slices import SliceContext, conv_step
from lic_lab.entropy.ssm_context import mixer, ssm_step, two_pass_step
from lic_lab.entropy.wires import Decode, Encode, Estimate, Hard
from lic_lab.errors import LicLabError

SMALL = {"width": 8, "state": 4, "expand": 1}
STEPS = {
    "slices": partial(conv_step, hidden=(12, 8), kernels=(3, 3, 1)),
    "scanned slices": partial(ssm_step, **SMALL),
    "scanned slices, deep residual": partial(ssm_step, **SMALL, kernel=3, residual=(8,)),
    "convolved slices, no residual": partial(ssm_step, **SMALL, kind="conv", residual=None),
    "checkerboard": partial(two_pass_step, **SMALL),
    "gated checkerboard of four routes": partial(two_pass_step, **SMALL, kind="vss", gated=True),
    "forward checkerboard": partial(two_pass_step, **SMALL, kind="forward"),
    "local checkerboard": partial(two_pass_step, **SMALL, kind="none", residual=None),
}
WHOLE = {
    "slices read again": partial(ReadAgain, (4, 8), 10, hidden=(12, 8), far=partial(mixer, "bi", state=4, expand=1)),
    "slices read again, near": partial(ReadAgain, (4, 8), 10, hidden=(12, 8)),
    "slices read again through a gate": partial(ReadAgain, (4, 8), 10, hidden=(12, 8), gated=True),
}
SERIAL = {
    "raster": partial(RasterContext, 12, 10, hidden=8),
    "scanned raster": partial(ScanRasterContext, 12, 10, **SMALL),
}

ENCODERS = ("analysis", "to_middle", "to_side")  # what gives latents, where a decoder reads them


AT_ONCE = ["mean scale", "no side", "three scales", *STEPS, *WHOLE]


@pytest.fixture(params=[*AT_ONCE, *SERIAL])
def latent(request):
    torch.manual_seed(0)
    if request.param == "mean scale":
        model = HyperLatent(12, 6, (12, 12, 24), MeanScale()).eval()
        torch.nn.init.constant_(model.synthesis[-1].bias[12:], 2.0)
        return model
    slices = partial(SliceContext, (4, 8), 10, STEPS.get(request.param, STEPS["slices"]))
    context = (SERIAL | WHOLE).get(request.param, slices)()
    for name, bias in context.named_parameters():
        if name.endswith(
            ("params.bias", "params.2.bias")
        ):  # scales near that of y: in the tails the tables are coarser than the estimate
            torch.nn.init.constant_(bias[len(bias) // 2 :], 2.0)
    if request.param == "no side":
        return BareLatent(10, context).eval()
    if request.param == "three scales":
        return MiddleLatent(12, 6, (12, 12, 10), context, middle=4).eval()
    return HyperLatent(12, 6, (12, 12, 10), context).eval()


@pytest.fixture
def y():
    return 2 * torch.randn(1, 12, 8, 12, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_decoder_rebuilds_exactly_the_latent_the_encoder_kept(latent, y):
    coder = Encoder()
    kept = latent(y, Encode(coder), (1, 8, 12))
    decoder = Decoder(coder.finish())
    assert torch.equal(latent(None, Decode(decoder), (1, 8, 12)), kept)
    decoder.close()
    assert decoder.checksum == coder.checksum


@torch.no_grad()
def test_the_bytes_cost_what_the_estimate_promised(latent, y):
    estimate, coder = Estimate(training=False), Encoder()
    latent(y, estimate, (1, 8, 12)), latent(y, Encode(coder), (1, 8, 12))
    assert 8 * len(coder.finish()) == pytest.approx(sum(estimate.parts.values()).item(), rel=0.01, abs=64)


@torch.no_grad()
def test_rounding_moves_the_latent_by_half_a_step_at_most(latent, y):
    y_hat = latent(y, Estimate(training=False), (1, 8, 12))
    assert (y_hat - y).abs().max() <= 1.0 + 1e-4  # half for rounding, half for the predicted residual


@torch.no_grad()
def test_maps_of_bits_add_up_to_the_parts(latent, y):
    wire = Estimate(training=False, keep_maps=True)
    latent(y, wire, (1, 8, 12))
    for part, maps in wire.maps.items():
        assert sum(m.sum() for m in maps).item() == pytest.approx(wire.parts[part].item(), rel=1e-5)


class Watch(Estimate):
    """Notes the parameters of every pass."""

    def __init__(self):
        super().__init__(training=False)
        self.seen = []

    def gaussian(self, y, mean, scale, part="y"):
        self.seen.append(torch.cat([mean, scale]))
        return torch.round(y - mean) + mean


def seen(context, y, hyper):
    wire = Watch()
    context(y, hyper, wire)
    return wire.seen


@torch.no_grad()
@pytest.mark.parametrize("kind", ["none", "bi", "vss"])
def test_anchors_know_nothing_of_each_other_and_the_rest_knows_its_neighbours(kind):
    torch.manual_seed(0)
    step = partial(two_pass_step, width=8, state=4, expand=1, kind=kind, kernel=3)
    context, hyper, y = SliceContext((2,), 3, step), torch.randn(1, 3, 6, 6), torch.zeros(1, 2, 6, 6)
    before = seen(context, y, hyper)
    for row, column in ((2, 2), (2, 3)):
        nudged = y.clone()
        nudged[0, 1, row, column] += 5
        first, second = (torch.equal(a, b) for a, b in zip(before, seen(context, nudged, hyper), strict=True))
        assert first  # no anchor parameter moves, whoever was nudged
        assert second == ((row + column) % 2 == 1)  # the others notice anchors, never each other


@torch.no_grad()
@pytest.mark.parametrize("step", [ssm_step, partial(two_pass_step, kind="vss"), two_pass_step])
def test_a_scan_carries_news_to_all_four_corners(step):
    torch.manual_seed(0)
    context = SliceContext((2, 2), 3, partial(step, width=8, state=4, expand=1))
    hyper, y = torch.randn(1, 3, 8, 8), torch.zeros(1, 4, 8, 8)
    nudged = y.clone()
    nudged[0, 0, 3, 5] += 5
    moved = (seen(context, nudged, hyper)[-1] - seen(context, y, hyper)[-1]).abs().flatten(0, 1).amax(0)
    assert moved.min() > 0  # parameters of the last pass, at every position


@torch.no_grad()
def test_a_convolution_in_place_of_the_scan_stays_near():
    torch.manual_seed(0)
    context = SliceContext((2, 2), 3, partial(ssm_step, width=8, kind="conv", residual=None))
    hyper, y = torch.randn(1, 3, 12, 12), torch.zeros(1, 4, 12, 12)
    nudged = y.clone()
    nudged[0, 0, 6, 6] += 5
    moved = (seen(context, nudged, hyper)[-1] - seen(context, y, hyper)[-1]).abs().flatten(0, 1).amax(0)
    assert moved[3:10, 3:10].min() > 0
    moved[3:10, 3:10] = 0
    assert not moved.any()


def test_an_unknown_mixer_is_refused_with_the_known_ones():
    with pytest.raises(LicLabError, match="vss, bi, forward, conv, none"):
        ssm_step(4, 2, width=8, kind="attention")


def woken(latent, wire, y):
    """The names of the parameters that get a gradient from what is coded and from its bits; y may get one, too."""
    latent.train()
    y.requires_grad_()
    for parameter in latent.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    for name in ENCODERS:
        if hasattr(latent, name):  # an untrained z would round to zero, and silence what reads it
            getattr(latent, name)[-1].weight.data *= 50
    (latent(y, wire, (1, 8, 12)).square().mean() + sum(wire.parts.values()).sum()).backward()
    return {name for name, p in latent.named_parameters() if p.grad is not None and p.grad.any()}


def test_gradients_reach_the_latent_and_every_layer(latent, y):
    assert woken(latent, Estimate(training=True), y) == {name for name, _ in latent.named_parameters()}
    assert y.grad.abs().min() > 0


PRICE = 4.0  # at which thrift leaves out a good part of what would be sent


@pytest.mark.parametrize("latent", AT_ONCE, indirect=True)
@torch.no_grad()
def test_a_hard_wire_keeps_what_the_encoder_keeps_and_counts_its_bits(latent, y):
    wire, coder = Hard(error_price=PRICE), Encoder()
    kept = latent(y, wire, (1, 8, 12))
    assert torch.allclose(kept, latent(y, Estimate(training=False, error_price=PRICE), (1, 8, 12)), atol=1e-5)
    latent(y, Encode(coder, error_price=PRICE), (1, 8, 12))
    assert sum(wire.parts.values()).item() == pytest.approx(8 * len(coder.finish()), rel=0.01, abs=64)
    assert not torch.allclose(kept, latent(y, Hard(), (1, 8, 12)), atol=0.1)  # without thrift


@pytest.mark.parametrize("latent", AT_ONCE, indirect=True)
def test_a_hard_wire_moves_all_that_decodes_and_nothing_that_encodes(latent, y):
    moved = woken(latent, Hard(error_price=PRICE), y)
    assert moved == {name for name, _ in latent.named_parameters() if not name.startswith(ENCODERS)}
    assert y.grad is None
