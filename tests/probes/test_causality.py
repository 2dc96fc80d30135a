"""Who sees whom: leaks are found where there are some, and no model of the library has any."""

import pytest
import torch
from torch import nn

from lic_lab.entropy.raster import fronts
from lic_lab.errors import LicLabError
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.causality import Causality, Leak, model_causality

SIZE = (5, 6)


class Window(nn.Module):
    """A convolution that says mean and scale, with some taps shut; all positions in one call."""

    def __init__(self, taps):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.conv.weight.data *= torch.tensor(taps, dtype=torch.float32).view(3, 3)

    def forward(self, y, wire):
        return wire.gaussian(y, *self.conv(y).chunk(2, dim=1))


CAUSAL, OPEN, FUTURE = [1, 1, 1, 1, 0, 0, 0, 0, 0], [1] * 9, [1, 1, 1, 1, 0, 1, 0, 0, 0]
RASTER = torch.arange(SIZE[0] * SIZE[1]).view(1, 1, *SIZE)


def found(taps, step=RASTER):
    return Causality(Window(taps), 3 * torch.randn(1, 1, *SIZE, generator=torch.Generator().manual_seed(1)), step=step)


def shaken(name, preset="tiny", **switches):
    """A model without zeros, for fresh layers of zeros would hide a path."""
    torch.manual_seed(0)
    model = build(name, preset, **switches)
    with torch.no_grad():
        for parameter in model.latent.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def test_what_a_symbol_hears_is_its_window_by_gradient_and_by_hand():
    look, at = found(OPEN), (0, 0, 2, 3)
    y = look.y_hat.clone().requires_grad_()
    mean, scale = look.walk.conv(y).chunk(2, dim=1)
    by_hand = sum(torch.autograd.grad(p[at], y, retain_graph=True)[0].abs() for p in (mean, scale))
    assert torch.equal(look.heard(at), by_hand)
    assert torch.equal(
        look.heard(at)[0, 0].nonzero().unique(dim=0), torch.cartesian_prod(*(torch.arange(3) + 1, torch.arange(3) + 2))
    )


def test_telling_and_hearing_are_two_sides_of_one_thing():
    look = found(CAUSAL)
    told = torch.stack([look.told((0, 0, *divmod(k, 6))).flatten() for k in range(30)])
    heard = torch.stack([look.heard((0, 0, *divmod(k, 6))).flatten() > 0 for k in range(30)])
    assert torch.equal(told, heard.T) and told.any()


def test_a_masked_window_does_not_leak_in_raster_order_and_an_open_one_does():
    everywhere = [(0, 0, r, c) for r in range(5) for c in range(6)]
    assert found(CAUSAL).leaks(everywhere) == []
    leaks = found(OPEN).leaks([(0, 0, 2, 3)])
    itself = Leak((0, 0, 2, 3), (0, 0, 2, 3))
    assert itself in leaks and len(leaks) == 5  # itself, the one to the left, three above
    assert found(FUTURE).leaks([(0, 0, 2, 3)]) == [Leak((0, 0, 2, 3), (0, 0, 2, 2))]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_rectifier_hides_a_leak_from_one_side_only(sign):
    y = torch.zeros(1, 1, *SIZE)
    look = Causality(lambda y, wire: wire.gaussian(y, torch.relu(sign * y - 1), torch.ones_like(y)), y, step=RASTER)
    assert look.leaks([(0, 0, 2, 3)]) == [Leak((0, 0, 2, 3), (0, 0, 2, 3))]
    assert not look.heard((0, 0, 2, 3)).any()  # and from the gradient altogether


def test_without_an_order_everything_that_comes_in_one_call_is_coded_together():
    assert found(CAUSAL, step=None).step.unique().tolist() == [0]
    assert found(CAUSAL, step=None).leaks()


@pytest.mark.parametrize("name, preset", [(n, p) for n in PRESETS for p in PRESETS[n] if p.startswith("tiny")])
def test_no_parameter_of_any_model_depends_on_what_is_decoded_with_it_or_after_it(name, preset):
    model = shaken(name, preset)
    x = torch.rand((1, 3, 64, 64) if model.views == 1 else (1, 2, 3, 64, 64))
    look = model_causality(model, x)
    assert look.leaks() == []
    if look.step.max() > 0:
        assert look.told(look.one_of_each_step()[0]).any()  # or the test would see nothing at all


@pytest.mark.parametrize("switch", [{"context": "raster"}, {"context": "none"}, {"middle": 4}, {"hyperprior": False}])
def test_variants_and_middle_latents_are_causal_too(switch):
    model = shaken("bimamba", **switch)
    assert model_causality(model, torch.rand(1, 3, 64, 64)).leaks() == []


def test_the_steps_of_a_raster_context_are_its_wavefronts():
    model = build("bimamba", "tiny", context="raster")
    look = model_causality(model, torch.rand(1, 3, 64, 64))
    expected = torch.empty(16, dtype=torch.int64)
    for number, sites in enumerate(fronts(4, 4, 3)):
        expected[sites] = number
    assert torch.equal(look.step, expected.view(1, 1, 4, 4).expand_as(look.step))


def test_side_latents_stay_as_they_were_so_that_only_one_thing_moves():
    model = build("hyperprior", "tiny")
    look = model_causality(model, torch.rand(1, 3, 64, 64))
    assert not look.told((0, 0, 1, 1)).any()  # z would have told everybody


def test_a_hyper_synthesis_that_reads_the_unrounded_side_latent_is_found():
    model = shaken("charm")
    latent = model.latent

    def walk(reads_rounded):
        def go(y, wire):
            z = latent.analysis(y)
            z_hat = wire.factorized(z, latent.density, z.shape)
            return latent.context(y, latent.synthesis(z_hat if reads_rounded else z), wire)

        return go

    y_hat = 3 * torch.randn(1, model.channels, 4, 4)
    honest, spoilt = (Causality(walk(rounded), y_hat) for rounded in (True, False))
    assert honest.leaks() == [] and spoilt.leaks()


def test_a_walk_that_leaves_symbols_out_is_refused():
    with pytest.raises(LicLabError, match="does not hand every symbol to the wire once"):
        Causality(lambda y, wire: wire.gaussian(y[..., :1], y[..., :1], y[..., :1]), torch.zeros(1, 1, 4, 4))
