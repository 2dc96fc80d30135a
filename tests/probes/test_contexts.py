"""Withholding a context: the step no longer hears it, files still decode, and afterwards everything is as before."""

import pytest
import torch

from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.ops.checkerboard import anchor_mask
from lic_lab.probes.contexts import contexts_of, withheld
from lic_lab.probes.decoding import decoding_steps

CASES = [
    ("charm", {}, "slices"),
    ("cmamba", {}, "slices"),
    ("cmamba", {}, "scan"),
    ("asymmetric", {}, "neighbours"),
    ("asymmetric", {}, "scan"),
    ("bisic", {}, "slices"),
    ("bisic", {}, "neighbours"),
    ("bisic", {"context": "raster"}, "neighbours"),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[2]}-{len(case[1])}")
def case(request):
    name, switches, what = request.param
    torch.manual_seed(0)
    model = build(name, "tiny", **switches)
    with torch.no_grad():  # the first layers start with small weights: a context must be worth hearing
        for parameter in model.latent.context.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    shape = (1, 3, 64, 96) if model.views == 1 else (1, 2, 3, 64, 96)
    return model, torch.rand(shape), what


def test_a_file_written_without_a_context_decodes_without_it(case):
    model, x, what = case
    with withheld(model, what):
        data = model.compress(x, model.rates - 1.0)
        silent = decoding_steps(model, data)
        assert torch.equal(silent.latent(len(silent.steps)), silent.y_hat)
    assert data != model.compress(x, model.rates - 1.0)


def test_afterwards_the_model_writes_what_it_wrote_before(case):
    model, x, what = case
    before = model.compress(x, 1.0)
    with withheld(model, what):
        pass
    assert model.compress(x, 1.0) == before


class Noting(Estimate):
    """Notes the means and scales of every step, and gives back the latent as it is given."""

    def __init__(self):
        super().__init__(training=False)
        self.params = []

    def gaussian(self, y, mean, scale, part="y"):
        self.params.append(torch.cat([mean, scale]))
        return y.clone()


def said_of(model, y, features=16):
    wire = Noting()
    hyper = torch.linspace(-1, 1, features).view(1, features, 1, 1).expand(1, features, 4, 4)
    with torch.no_grad():
        model.latent.context(y, hyper, wire)
    return wire.params


def test_a_step_hears_no_slice_before_it_where_slices_are_withheld():
    torch.manual_seed(0)
    model = build("charm")
    y = torch.randn(1, 24, 4, 4)
    other = torch.cat([y[:, :4] + 1, y[:, 4:]], dim=1)
    assert not torch.equal(said_of(model, y)[1], said_of(model, other)[1])
    with withheld(model, "slices"):
        assert torch.equal(said_of(model, y)[1], said_of(model, other)[1])


def test_the_second_pass_hears_no_anchor_where_neighbours_are_withheld():
    torch.manual_seed(0)
    model = build("asymmetric")
    y = torch.randn(1, model.channels, 4, 4)
    anchors = anchor_mask(4, 4)
    said = [said_of(model, board, 2 * model.channels)[1] for board in (y, y + anchors)]
    assert not torch.equal(*said)
    with withheld(model, "neighbours"):
        silent = [said_of(model, board, 2 * model.channels)[1] for board in (y, y + anchors)]
        assert torch.equal(*silent) and silent[0].std() > 0


def test_contexts_are_named_by_what_is_there():
    assert contexts_of(build("hyperprior")) == ()
    assert contexts_of(build("charm")) == ("slices",)
    assert contexts_of(build("asymmetric")) == ("slices", "neighbours", "scan")
    assert contexts_of(build("bisic", context="none")) == ("slices",)


def test_a_context_that_is_not_there_is_refused():
    with (
        pytest.raises(LicLabError, match=r"Charm has no context 'scan' to withhold: it has slices"),
        withheld(build("charm"), "scan"),
    ):
        pass
