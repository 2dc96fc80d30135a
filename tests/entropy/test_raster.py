"""Serial contexts: who sees whom, in how many steps, and that one parallel pass computes what the walk does.

What they share with the other contexts (files, estimates, gradients) is in `test_contexts.py`.
"""

import pytest
import torch

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy import raster
from lic_lab.entropy.raster import RasterContext, ScanRasterContext, fronts
from lic_lab.entropy.wires import Decode, Encode, Estimate
from lic_lab.errors import LicLabError
from lic_lab.probes.causality import Causality

CONTEXTS = {
    "5x5": lambda: RasterContext(3, 4, hidden=8),
    "3x3": lambda: RasterContext(3, 4, hidden=8, kernel=3),
    "scan": lambda: ScanRasterContext(3, 4, width=8, state=4),
}
SIZES = [(1, 1), (1, 6), (6, 1), (2, 3), (5, 7)]


@pytest.fixture(params=CONTEXTS)
def context(request):
    torch.manual_seed(0)
    return CONTEXTS[request.param]().eval()


def maps(h, w, batch=1):
    generator = torch.Generator().manual_seed(h * w)
    return 2 * torch.randn(batch, 3, h, w, generator=generator), torch.randn(batch, 4, h, w, generator=generator)


class Watch(Estimate):
    """Notes mean and scale of every step; the latent comes back as it is, so that positions differ by a nudge alone."""

    def __init__(self, *, training=False):
        super().__init__(training=training)
        self.seen = []

    def gaussian(self, y, mean, scale, part="y"):
        self.seen.append(torch.cat([mean, scale], dim=1))
        return y


@torch.no_grad()
def watched(context, y, hyper):
    """Mean and scale of every position, (2 latent, h * w), put together from the steps."""
    wire = Watch()
    assert torch.equal(context(y, hyper, wire), y)
    params = torch.cat(wire.seen, dim=-1)[0]
    if isinstance(context, RasterContext):
        params[:, torch.cat(fronts(*y.shape[-2:], context.kernel))] = params.clone()
    return params


# Shape


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_fronts_visit_every_site_once_and_none_sees_its_own_front(size, kernel):
    steps, (h, w), reach = fronts(*size, kernel), size, kernel // 2
    assert sorted(torch.cat(steps).tolist()) == list(range(h * w))
    coded = {}
    for t, sites in enumerate(steps):
        coded |= dict.fromkeys(sites.tolist(), t)
    for r in range(h):
        for c in range(w):
            window = [(r + i, c + j) for i in range(-reach, 1) for j in range(-reach, reach + 1) if (i, j) < (0, 0)]
            past = [i * w + j for i, j in window if i >= 0 and 0 <= j < w]
            assert all(coded[site] < coded[r * w + c] for site in past)


def test_a_kodak_latent_takes_as_many_steps_as_it_has_fronts():
    steps = fronts(32, 48, 5)
    assert len(steps) == 48 + 3 * 31
    assert max(map(len, steps)) == 16


@pytest.mark.parametrize("kernel", [1, 4])
def test_a_window_without_middle_or_past_is_refused(kernel):
    with pytest.raises(LicLabError, match="use 3, 5 or 7"):
        RasterContext(3, 4, hidden=8, kernel=kernel)


# Inverse


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_the_decoder_rebuilds_a_latent_of_any_size(context, size):
    y, hyper = maps(*size)
    coder = Encoder()
    kept = context(y, hyper.double(), Encode(coder))
    decoder = Decoder(coder.finish())
    decoded = context(None, hyper.double(), Decode(decoder))
    decoder.close()
    assert torch.equal(decoded, kept) and decoded.shape == y.shape and decoded.dtype == torch.float64
    assert (kept - y).abs().max() <= 0.5 + 1e-6


@torch.no_grad()
def test_threads_change_no_bit(context):
    y, hyper = maps(9, 11)
    threads, files = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            coder = Encoder()
            context(y, hyper.double(), Encode(coder))
            files.append(coder.finish())
    finally:
        torch.set_num_threads(threads)
    assert files[0] == files[1]


# Reference


@pytest.mark.parametrize("size", SIZES)
def test_the_parallel_pass_computes_what_the_walk_does(context, size, monkeypatch):
    y, hyper = maps(*size)
    walked = watched(context, y, hyper)
    monkeypatch.setattr(raster, "add_noise", lambda y: y)
    parallel = Watch(training=True)
    context(y, hyper, parallel)
    assert len(parallel.seen) == 1
    assert torch.allclose(parallel.seen[0][0].flatten(1), walked, atol=1e-5)


# Causality


def told(context, size, at):
    """Whose parameters move with the symbol at (channel, row, column): bool, by position (h, w)."""
    y, hyper = maps(*size)
    look = Causality(lambda y, wire: context(y, hyper, wire), y)
    assert look.leaks([(0, *at)]) == []  # in the order in which the wire is called
    return look.told((0, *at))[0].any(0)


@pytest.mark.parametrize("row, column", [(0, 0), (2, 3), (2, 6), (4, 6)])
def test_no_parameter_at_or_before_a_position_depends_on_it_in_raster_order(context, row, column):
    moved, here = told(context, (5, 7), (1, row, column)).flatten(), row * 7 + column
    assert not moved[: here + 1].any()
    if here + 1 < 35:
        assert moved[here + 1] or (column == 6 and isinstance(context, RasterContext))  # a new row is far from its end
    assert moved.any() or here == 34


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_window_knows_its_past_and_nothing_else(kernel):
    torch.manual_seed(0)
    context, reach = RasterContext(3, 4, hidden=16, kernel=kernel), kernel // 2
    expected = torch.zeros(7, 9, dtype=torch.bool)
    expected[4 : 4 + reach, 4 - reach : 5 + reach] = True  # whom (3, 4) is above of
    expected[3, 5 : 5 + reach] = True  # and to the left of
    assert torch.equal(told(context, (7, 9), (0, 3, 4)), expected)


def test_the_state_remembers_the_first_position_until_the_last():
    torch.manual_seed(0)
    context, (y, hyper) = CONTEXTS["scan"](), maps(6, 8)
    nudged = y.clone()
    nudged[0, :, 0, 0] += 9
    moved = (watched(context, y, hyper) != watched(context, nudged, hyper)).any(0)
    assert moved[1:].all()


def test_memory_of_the_recurrence_does_not_grow():
    torch.manual_seed(0)
    context, kept = CONTEXTS["scan"](), []
    resume = context.ssm.resume

    def spy(tokens, memory):
        read, after = resume(tokens, memory)
        kept.append((tokens.shape[1], sum(x.numel() for x in after)))
        return read, after

    context.ssm.resume = spy
    watched(context, *maps(4, 5))
    assert kept == [(1, 16 * 3 + 16 * 4)] * 20  # three inputs and four states for each of 16 channels


# Gradient


def test_training_reads_noise_and_evaluation_reads_what_is_decoded(context, monkeypatch):
    (y, hyper), calls = maps(3, 4), []
    monkeypatch.setattr(raster, "add_noise", lambda y: calls.append(y) or y)
    with torch.no_grad():
        context(y, hyper, Estimate(training=False))
        assert not calls
        context(y, hyper, Estimate(training=True))
    assert len(calls) == 1


def test_gradients_of_a_batch_reach_latent_hyper_features_and_every_layer(context):
    y, hyper = (x.requires_grad_() for x in maps(4, 5, batch=3))
    for training in (False, True):
        wire = Estimate(training=training)
        assert context(y, hyper, wire).shape == y.shape and wire.parts["y"].shape == (3,)
    wire.parts["y"].sum().backward()
    assert y.grad.abs().min() > 0 and hyper.grad.abs().sum() > 0
    assert not [name for name, p in context.named_parameters() if not p.grad.abs().sum() > 0]
