"""What gates and partitions have chosen is what the model really does."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.ops.color import tensor_to_image
from lic_lab.probes.gates import (
    GATES,
    filter_errors,
    forced_gate,
    partitions,
    used_gate,
    wavelet_attention,
    without_post_filter,
)


@pytest.fixture
def moved():
    """A small asymmetric model whose gate and post-quantisation filter do something, and a picture."""
    torch.manual_seed(0)
    model = build("asymmetric", "tiny")
    torch.nn.init.normal_(model.attention.spatial[-1].weight, std=100)
    torch.nn.init.normal_(model.post_filter.own.weight, std=0.3)
    return model, torch.rand(1, 3, 100, 70)


def test_the_gate_is_what_the_latent_is_multiplied_by():
    torch.manual_seed(0)
    model, x = build("asymmetric", "tiny"), torch.rand(2, 3, 100, 70)
    torch.nn.init.normal_(model.attention.spatial[-1].weight, std=100)
    found = wavelet_attention(model, x)["attention"]
    model_without = build("asymmetric", "tiny", attention=False)
    model_without.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        assert torch.allclose(model.analyse(x), model_without.analyse(x) * found.gate, atol=1e-5)
    assert found.gate.min() >= 0.3 and found.gate.max() <= 1 and found.gate.std() > 0.01
    assert torch.allclose(found.bands.sum(0), torch.ones(model.channels))


def test_a_gate_that_is_off_lets_the_latent_through(moved):
    model, x = moved
    without = build("asymmetric", "tiny", attention=False)
    without.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad(), forced_gate(model, "off"):
        assert torch.equal(model.analyse(x), without.analyse(x))


def test_the_mean_gate_keeps_what_each_channel_gets_and_drops_the_places(moved):
    model, x = moved
    gate = wavelet_attention(model, x)["attention"].gate
    with torch.no_grad():
        with forced_gate(model, "off"):
            y = model.analyse(x)
        with forced_gate(model, "mean"):
            flat = model.analyse(x)
    assert torch.allclose(flat, y * gate.mean((2, 3), keepdim=True), atol=1e-6)
    assert not torch.allclose(flat, y * gate, atol=1e-3)


@pytest.mark.parametrize("gate", GATES)
def test_the_gate_that_is_said_to_be_used_is_the_one_that_is(moved, gate):
    model, x = moved
    with torch.no_grad():
        with forced_gate(model, "off"):
            y = model.analyse(x)
        with forced_gate(model, gate):
            assert torch.allclose(model.analyse(x), y * used_gate(model, x, gate), atol=1e-6)


@pytest.mark.parametrize("gate", [0.5, torch.linspace(0.3, 1, 24)[:, None, None], torch.rand(1, 1, 8, 8)])
def test_any_gate_that_fits_can_be_forced(moved, gate):
    model, x = moved
    with torch.no_grad():
        with forced_gate(model, "off"):
            y = model.analyse(x)
        with forced_gate(model, gate):
            assert torch.allclose(model.analyse(x), y * gate)


def test_after_the_block_the_gate_is_the_trained_one_again_also_after_an_error(moved):
    model, x = moved
    with torch.no_grad():
        before = model.analyse(x)
        with pytest.raises(ZeroDivisionError), forced_gate(model, "off"):
            raise ZeroDivisionError
        with forced_gate(model, "trained"):
            assert torch.equal(model.analyse(x), before)
        assert torch.equal(model.analyse(x), before)


def test_a_file_does_not_say_which_gate_wrote_it(moved):
    model, x = moved
    pictures = {}
    for gate in GATES:
        with forced_gate(model, gate):
            data = model.compress(x, 1.0)
            inside = model.decompress(data)
        assert torch.equal(model.decompress(data), inside)
        pictures[gate] = tensor_to_image(inside).tobytes()
    assert len(set(pictures.values())) == len(GATES)


def test_the_filter_off_changes_the_picture_and_no_byte(moved):
    model, x = moved
    data, with_filter = model.compress(x, 1.0), model.decompress(model.compress(x, 1.0))
    with without_post_filter(model):
        assert model.compress(x, 1.0) == data
        assert not torch.equal(model.decompress(data), with_filter)
    assert torch.equal(model.decompress(data), with_filter)


def test_a_filter_that_was_never_trained_changes_no_error():
    torch.manual_seed(0)
    before, after = filter_errors(build("asymmetric", "tiny"), torch.rand(2, 3, 64, 64), 1.0)
    assert before.shape == (2, 24, 4, 4) and torch.equal(before, after)


def test_rounding_to_the_nearest_errs_by_half_a_step_and_the_filter_by_half_a_step_more(moved):
    model, x = moved
    before, after = filter_errors(model, x, 1.0, thrifty=False)
    assert before.abs().max() <= 0.5 + 1e-4
    assert 0 < (after - before).abs().max() <= 0.5 + 1e-4


def test_thrifty_rounding_errs_more(moved):
    model, x = moved
    thrifty, nearest = (filter_errors(model, 2 * x - 0.5, 2.0, thrifty=t).before.square().mean() for t in (True, False))
    assert thrifty > nearest


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: forced_gate(model, "on"), "no gate 'on': use one of trained, mean, off"),
        (lambda model: forced_gate(build("charm", "tiny"), "off"), "no wavelet attention"),
        (lambda model: without_post_filter(build("charm", "tiny")), "no post-quantisation filter"),
        (
            lambda model: forced_gate(model, torch.rand(7, 1, 1)),
            r"shape \(7, 1, 1\) does not fit a latent \(1, 24, 4, 4\)",
        ),
    ],
)
def test_what_cannot_be_overruled_is_refused(call, words):
    model = build("asymmetric", "tiny")
    with pytest.raises(LicLabError, match=words), call(model):
        model.analyse(torch.rand(1, 3, 64, 64))


def test_every_partition_says_which_channels_go_to_the_convolutions():
    model, x = build("csm", "tiny"), torch.rand(2, 3, 64, 64)
    found = partitions(model, x)
    assert list(found) == [f"analysis.deep.{n}.partition" for n in (1, 3, 5)]
    assert [near.shape for near in found.values()] == [(2, 8), (2, 12), (2, 16)]
    assert all((near.sum(1) == near.shape[1] // 2).all() for near in found.values())


def test_a_fixed_partition_takes_the_first_channels():
    for near in partitions(build("csm", "tiny", partition="fixed"), torch.rand(1, 3, 64, 64)).values():
        assert near[0].tolist() == [True] * (near.shape[1] // 2) + [False] * (near.shape[1] // 2)


def test_a_scored_channel_goes_where_its_score_sends_it():
    model = build("csm", "tiny", partition="learned")
    part = model.analysis.deep[1].partition
    with torch.no_grad():
        part.prior.copy_(torch.tensor([0.0, 5, 0, 5, 0, 5, 0, 5]))
    assert partitions(model, torch.rand(1, 3, 64, 64))["analysis.deep.1.partition"][0].tolist() == [False, True] * 4


@pytest.mark.parametrize(("look", "words"), [(wavelet_attention, "no wavelet attention"), (partitions, "no channel")])
def test_a_model_that_chooses_nothing_is_refused(look, words):
    with pytest.raises(LicLabError, match=words):
        look(build("charm", "tiny"), torch.rand(1, 3, 64, 64))
