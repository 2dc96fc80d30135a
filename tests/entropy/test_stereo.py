"""The context of a pair: decodable, priced right, and blind to whatever is not decoded yet, in either view."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.stereo import AcrossViews, MutualAttention, other_view, own_view
from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy import raster
from lic_lab.entropy.slices import corrected
from lic_lab.entropy.stereo import MeansAndScales, StereoContext, spatial
from lic_lab.entropy.wires import Decode, Encode, Estimate
from lic_lab.errors import LicLabError
from lic_lab.ops.checkerboard import anchor_mask, merge, split
from lic_lab.ops.windows import checkerboard_taps
from lic_lab.probes.causality import Causality

SLICES, FEATURES, SIZE = (2, 2, 4), 12, (6, 8)


def context(name="checkerboard", *, layer=AcrossViews, mix=True, residual=(), tied=False):
    """A small one whose weights are large enough for every path to be seen."""
    torch.manual_seed(0)
    layer = partial(layer, tied=True) if tied else layer
    made = StereoContext(
        SLICES, FEATURES, mix=MutualAttention(8, heads=2, depth=1, light=True) if mix else None, channel=(8,),
        places=spatial(name, hidden=(10,), layer=layer, kernel=5), residual=residual,
    ).eval()  # fmt: skip
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return made


@pytest.fixture(params=["checkerboard", "raster", "none"])
def name(request):
    return request.param


@pytest.fixture
def y():
    return 3 * torch.randn(2, sum(SLICES), *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def hyper():
    return torch.randn(2, FEATURES, *SIZE, generator=torch.Generator().manual_seed(2))


class Watch(Estimate):
    """Notes the parameters of every step."""

    def __init__(self, training=False):
        super().__init__(training=training)
        self.seen = []

    def gaussian(self, y, mean, scale, part="y"):
        self.seen.append((mean.clone(), scale.clone()))
        return super().gaussian(y, mean, scale, part)


def watched(made, y, hyper):
    wire = Watch()
    made(y, hyper, wire)
    return wire


def probed(made, y, hyper):
    """Who sees whom in a context."""
    return Causality(lambda y, wire: made(y, hyper, wire), y)


# Inverse


@torch.no_grad()
@pytest.mark.parametrize("residual", [(), (6,), None])
def test_the_decoder_rebuilds_both_latents_exactly(name, residual, y, hyper):
    made, coder = context(name, residual=residual), Encoder()
    kept = made(y, hyper.double(), Encode(coder))
    decoder = Decoder(coder.finish())
    assert torch.equal(made(None, hyper.double(), Decode(decoder)), kept)
    decoder.close()


@torch.no_grad()
def test_what_is_sent_decides_everything_not_what_was_rounded(name, y, hyper):
    """Two latents that round to the same symbols are one file and one y_hat: no context has looked at the rest."""
    made = context(name, residual=None)
    first, second = Encoder(), Encoder()
    y_hat = made(y, hyper.double(), Encode(first))
    again = made(y_hat + 0.4 * (torch.rand_like(y_hat) - 0.5), hyper.double(), Encode(second))
    assert torch.equal(y_hat, again) and first.finish() == second.finish()


# Bits


@torch.no_grad()
def test_the_bytes_cost_what_the_estimate_promised(name, y, hyper):
    made, estimate, coder = context(name), Estimate(training=False), Encoder()
    with torch.no_grad():
        for module in made.modules():
            if hasattr(module, "scale"):
                module.scale[-1].bias.fill_(3.0)  # untrained scales are far too small
    made(y, hyper, estimate), made(y, hyper.double(), Encode(coder))
    assert 8 * len(coder.finish()) == pytest.approx(estimate.parts["y"].sum().item(), rel=0.01, abs=64)


def test_bits_are_counted_view_by_view(name, y, hyper):
    made, estimate = context(name), Estimate(training=False)
    made(y, hyper, estimate)
    assert estimate.parts["y"].shape == (2,)
    louder = y.clone()
    louder[1] *= 4
    after = Estimate(training=False)
    made(louder, hyper, after)
    assert after.parts["y"][1] > 1.2 * estimate.parts["y"][1]


# Passes


@torch.no_grad()
def test_the_number_of_passes_is_that_of_the_paper(y, hyper):
    """Two a slice for the fast variant, one a slice without neighbours, one a wavefront and slice for the main one."""
    fronts = (SIZE[1] - 1) + 3 * (SIZE[0] - 1) + 1
    for name, passes in (("checkerboard", 2), ("none", 1), ("raster", fronts)):
        assert len(watched(context(name), y, hyper).seen) == passes * len(SLICES)


def test_both_views_are_decoded_in_the_same_pass(name, y, hyper):
    left, right = probed(context(name), y, hyper).step
    assert torch.equal(left, right)


# Causality


@pytest.mark.parametrize("view", [0, 1])
def test_no_parameter_of_either_view_depends_on_what_is_decoded_with_or_after_it(name, view, y, hyper):
    look = probed(context(name), y, hyper)
    symbols = [(view, *place[1:]) for place in look.one_of_each_step()]  # both views are coded in each
    assert len(symbols) > 2 and look.leaks(symbols) == []


@pytest.mark.parametrize("name", ["checkerboard", "raster"])
def test_later_slices_and_later_neighbours_of_both_views_do_listen(name, y, hyper):
    look = probed(context(name), y, hyper)
    first = (0, *(look.step[0] == 0).nonzero()[0].tolist())  # the first symbol of the left view
    left, right = (look.step[view][told] for view, told in enumerate(look.told(first)))
    listeners = set(left.tolist()) & set(right.tolist())
    assert min(listeners) <= 2  # its neighbours, within the slice
    assert int(look.step[0, SLICES[0]].min()) in listeners  # and the next slice, from its beginning


@torch.no_grad()
def test_without_a_look_across_the_other_view_changes_nothing(name, y, hyper):
    made = context(name, layer=own_view, mix=False)
    before, nudged = watched(made, y, hyper), y.clone()
    nudged[1] += torch.randn_like(nudged[1])
    after = watched(made, nudged, hyper)
    assert all(
        torch.equal(p[0], q[0]) for a, b in zip(before.seen, after.seen, strict=True) for p, q in zip(a, b, strict=True)
    )


@torch.no_grad()
def test_a_tied_context_does_not_know_left_from_right(name, y, hyper):
    made = context(name, tied=True)
    first, second = Estimate(training=False), Estimate(training=False)
    y_hat = made(y, hyper, first)
    assert torch.allclose(made(other_view(y), other_view(hyper), second), other_view(y_hat), atol=1e-4)
    assert torch.allclose(second.parts["y"], first.parts["y"].flip(0), rtol=1e-4)


# What each network is given


def tokens(x):
    return x.flatten(2).transpose(1, 2)


@torch.no_grad()
def test_a_checkerboard_step_is_what_its_equations_say(y, hyper):
    """The second slice of a pair, written out: who is given which half of the hyper features, and whose neighbours."""
    made = context()
    step, wire = made.steps[1], Watch()
    seen = torch.cat([hyper, 2 * torch.randn(2, SLICES[0], *SIZE)], dim=1)
    kept = step(y[:, 2:4], seen, wire)

    told = made.mix(step.channel(seen[:, FEATURES:]))
    means, scales = torch.cat([hyper[:, :6], told], 1), torch.cat([hyper[:, 6:], told], 1)
    code = step.places
    for given, net in ((means, code.first.mean), (scales, code.first.scale)):
        anchors, _ = split(net(tokens(given)).transpose(1, 2).unflatten(2, SIZE))
        assert torch.allclose(wire.seen[0][0 if given is means else 1], anchors, atol=1e-5)

    board = anchor_mask(*SIZE)
    known = torch.round(y[:, 2:4] - code.first.mean(tokens(means)).transpose(1, 2).unflatten(2, SIZE))
    known = (known + code.first.mean(tokens(means)).transpose(1, 2).unflatten(2, SIZE)) * board
    kernels = []
    for layer in (code.near.own, code.near.from_right, code.near.from_left):  # (4, 2 * 12) -> (4, 2, 5, 5)
        kernel = torch.zeros(4, 2, 5, 5)
        for place, (row, column) in enumerate(checkerboard_taps(5)):
            kernel[:, :, row + 2, column + 2] = layer.weight.view(4, 2, 12)[:, :, place]
        kernels.append(kernel)
    own, right, left = (F.conv2d(known, kernel, padding=2) for kernel in kernels)
    near = own + torch.stack([right[1], left[0]]) + code.near.own.bias[:, None, None]
    for number, (given, net) in enumerate(((means, code.second.mean), (scales, code.second.scale))):
        _, others = split(net(tokens(torch.cat([given, near], 1))).transpose(1, 2).unflatten(2, SIZE))
        assert torch.allclose(wire.seen[1][number], others, atol=1e-5)

    halves = zip(split(y[:, 2:4]), wire.seen, strict=True)
    values = merge(*(torch.round(half - mean) + mean for half, (mean, _) in halves), SIZE)
    assert torch.allclose(kept, corrected(step.residual, means, values), atol=1e-5)


def test_networks_start_with_small_means_and_scales_near_one():
    torch.manual_seed(0)
    params = MeansAndScales(12, (10,), 4)
    mean, scale = params(torch.randn(2, 200, 12), torch.randn(2, 200, 12))
    assert mean.shape == scale.shape == (2, 4, 200)
    assert mean.abs().mean() < 0.05 and mean.mean().abs() < 0.02
    assert (scale - 1).abs().mean() < 0.05


# Training


def test_the_parallel_pass_of_training_computes_what_the_walk_does(y, hyper, monkeypatch):
    made = context("raster", residual=None)
    y_hat = made(y, hyper, Estimate(training=False)).detach()  # nothing is left to round: noise is all that differs
    means, _ = probed(made, y_hat, hyper).parameters(y_hat)
    parallel = Watch(training=True)
    monkeypatch.setattr(raster, "add_noise", lambda y: y)
    made(y_hat, hyper, parallel)
    assert len(parallel.seen) == len(SLICES)
    for (mean, _), expected in zip(parallel.seen, means.split(SLICES, dim=1), strict=True):
        assert torch.allclose(mean, expected.flatten(2), atol=1e-4)


def test_every_weight_learns(name, y, hyper):
    made, wire = context(name).train(), Estimate(training=True)
    (made(y, hyper, wire).square().mean() + wire.parts["y"].sum()).backward()
    assert not [n for n, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_the_mixer_of_slices_is_one_for_all_of_them_and_stored_once():
    for made in (context(), copy.deepcopy(context())):
        assert sum(name.startswith("mix.") for name in made.state_dict()) > 0
        assert not any("mix" in name for name in made.steps.state_dict())
        assert all(step.mix[0] is made.mix for step in made.steps)


def test_an_unknown_spatial_context_is_refused():
    with pytest.raises(LicLabError, match="use checkerboard, raster, none"):
        spatial("hexagons", hidden=(4,), layer=own_view, kernel=5)
