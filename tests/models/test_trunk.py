"""Models on the trunk of charm: they begin as that codec, and what they add travels in files like the rest."""

import pytest
import torch

from lic_lab.coding.fast import Decoder
from lic_lab.entropy.checkerboard import ReadAgain
from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import load_weights, save_model
from lic_lab.models.presets import build
from lic_lab.probes.causality import Causality, model_causality
from lic_lab.probes.contexts import contexts_of, withheld
from lic_lab.training.recipes import warm_start

SMALL = {
    "charm": {},
    "bimamba": {"scales": (4, 8)},
    "cmamba": {"depths": (1, 0, 1)},
    "csm": {"depths": (1, 0, 1)},
    "bisic": {"context": "turns"},
    "asymmetric": {"expand": (2, 2, 2)},
}
MODELS = [name for name in SMALL if name != "charm"]
BEGIN_AS_CHARM = [name for name in MODELS if name != "asymmetric"]


def small(name, **switches):
    """A model of charm's tiny widths on charm's tiny trunk, the same each time."""
    torch.manual_seed(7)
    widths = {"widths": (8, 12, 16), "hyper": 8, "features": (16, 16, 16), "slices": (4, 8, 12), "trunk": (16, 16)}
    widths = {} if name == "charm" else widths
    return build(name, "tiny", **widths | SMALL[name] | switches)


def views(name, height=75, width=93):
    torch.manual_seed(3)
    x = torch.nn.functional.interpolate(torch.rand(2, 3, height // 8, width // 8), (height, width), mode="bicubic")
    return x[None].clamp(0, 1) if name == "bisic" else x[:1].clamp(0, 1)


@pytest.fixture
def charm(tmp_path):
    """Weights of charm after a shake, so that every layer of it says something."""
    model = small("charm")
    shake(model)
    save_model(model, tmp_path / "charm.safetensors", name="charm", preset="tiny")
    return tmp_path / "charm.safetensors"


def shake(model, *, seed=0, by=0.1):
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p += by * torch.randn_like(p) * (p.std() if p.numel() > 1 and p.std() > 0 else 0.3)


@torch.no_grad()
def test_asymmetric_begins_with_the_analysis_and_the_entropy_model_of_charm(charm):
    theirs, model, x = load_weights(charm), small("asymmetric", attention=False), views("asymmetric")
    warm_start(model, charm)
    assert torch.equal(model.analyse(x), theirs.analyse(x))
    assert torch.allclose(model(x, 1.0).bpp, theirs(x, 1.0).bpp, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", BEGIN_AS_CHARM)
def test_a_model_on_the_trunk_begins_as_charm(name, charm):
    theirs, model, x = load_weights(charm), small(name), views(name)
    assert len(warm_start(model, charm)) == len(theirs.state_dict())
    each = [theirs.compress(view[None], rate=1.0) for view in x.flatten(0, -4)]
    mine = model.compress(x, rate=1.0)
    if isinstance(model.latent.context, ReadAgain):  # the symbols are those of charm, in another order
        assert len(payload(model, mine)) == pytest.approx(sum(len(payload(theirs, file)) for file in each), abs=8)
    else:
        assert payload(model, mine) == payload(theirs, each[0])
    decoded = torch.cat([theirs.decompress(file) for file in each])
    assert torch.allclose(model.decompress(mine).flatten(0, -4), decoded, atol=1e-6)


def payload(model, file: bytes) -> bytes:
    """What the coder wrote: the latent, whatever model it is of."""
    seen = []
    model.decode_latent(file, decoder=lambda payload: (seen.append(bytes(payload)), Decoder(payload))[1])
    return seen[0]


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_what_is_added_changes_the_file_and_the_file_decodes(name, charm):
    model, x = small(name), views(name)
    warm_start(model, charm)
    before = model.compress(x, rate=1.0)
    shake(model, seed=1)
    after = model.compress(x, rate=1.0)
    promised = model(x, 1.0)
    assert after != before
    error = (model.decompress(after) - promised.x_hat.clamp(0, 1)).abs()
    assert error.median() < 1e-5 and error.mean() < 1e-3  # a value half-way between two integers may go either way
    assert 8 * len(after) == pytest.approx(promised.bpp.sum().item() * x.numel() / 3, rel=0.02, abs=300)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_on_the_trunk_gets_a_gradient(name):
    model, x = small(name), views(name, 64, 64)
    shake(model, seed=2)
    with torch.no_grad():
        model.latent.analysis[-1].weight *= 30  # or all of z is rounded to nothing, and its synthesis sees nothing
    out = model.train()(x, torch.ones(1))
    (out.bpp.sum() + out.x_hat.square().sum() + sum(term.sum() for term in out.extra.values())).backward()
    silent = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not [key for key in silent if not key.startswith("gain")], silent


@torch.no_grad()
@pytest.mark.parametrize("name, contexts", [
    ("bimamba", ("slices", "neighbours", "scan")), ("bisic", ("slices", "neighbours", "other view")),
])  # fmt: skip
def test_what_is_told_on_the_trunk_can_be_withheld(name, contexts):
    model, x = small(name), views(name, 64, 64)
    shake(model, seed=5)
    assert contexts_of(model) == contexts
    before = model.compress(x, 1.0)
    for context in contexts:
        with withheld(model, context):
            silent = model.compress(x, 1.0)
            assert silent != before and model.decompress(silent).shape == x.shape


def test_widths_that_do_not_go_with_a_trunk_are_refused():
    with pytest.raises(LicLabError, match="4 widths are needed without a trunk"):
        build("bisic", "lab", trunk=None)


def test_slices_that_are_read_again_share_one_look_afar():
    model = small("bimamba")
    context = model.latent.context
    assert isinstance(context, ReadAgain)
    assert all(step.far[0] is context.far for step in context.steps)
    keys = [key for key in model.state_dict() if ".far." in key]
    assert keys and all(key.startswith("latent.context.far.") for key in keys)


@torch.no_grad()
def test_views_take_turns_so_each_hears_of_half_the_rows_of_the_other_before_its_own():
    model = small("bisic")
    shake(model, seed=4)
    hyper, y = torch.randn(2, 16, 6, 8), torch.randn(2, 24, 6, 8)
    look = Causality(lambda y, wire: model.latent.context(y, hyper, wire), y)
    for first, row in ((0, 2), (1, 3)):  # the left view goes first in even rows, the right one in odd ones
        told = look.told((first, 1, row, 2))  # a symbol of the first slice
        assert told[1 - first, :4, row].any()
        assert not look.told((1 - first, 1, row, 2))[first, :4, row].any()


def test_turns_without_a_trunk_are_refused():
    with pytest.raises(LicLabError, match="'turns' needs a trunk"):
        build("bisic", "tiny", context="turns")


@pytest.mark.parametrize("name", MODELS)
def test_nobody_is_told_of_a_symbol_before_it_is_decoded(name):
    model = small(name)
    shake(model, seed=6)
    assert model_causality(model, views(name, 64, 64)).leaks() == []
