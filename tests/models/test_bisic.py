"""BiSIC: the published sizes, two views in one file, and what is promised of exchanging them."""

import copy

import pytest
import torch

from lic_lab.blocks.stereo import AcrossViews, MutualAttention
from lic_lab.coding.container import unpack
from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.bisic import BiSIC
from lic_lab.models.checkpoints import save_model
from lic_lab.models.presets import PRESETS, build

SMALL = PRESETS["bisic"]["tiny"].keywords


def small(**changes):
    """The preset `tiny` with other switches; its zero-started layers are shaken, so that every path can be seen."""
    torch.manual_seed(0)
    model = BiSIC((8, 8, 8, 16), 24, 8, (16, 16, 24), **SMALL | changes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model


def pair(height=64, width=96, seed=0):
    torch.manual_seed(seed)
    coarse = torch.rand(2, 3, 9, 13)
    views = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    views[1] = 0.8 * views[0].roll(-4, dims=-1) + 0.2 * views[1]
    return views.clamp(0, 1)[None]


def count(module):
    return sum(p.numel() for p in module.parameters())


# Sizes


def test_the_fast_variant_has_the_published_size_up_to_the_weights_that_nothing_reaches():
    """85,895,075: ours has no kernels for taps without anchors, no biases of keys, and another density of z."""
    model = build("bisic", "paper")
    keys = 5 * 4 * 96 + 4 * (128 - 96)  # four blocks of width 192, one of 256
    assert count(model) == pytest.approx(85_895_075, rel=0.01)
    assert count(model.analysis) == 2_808_384 + 5_529_984 + 2 * (6_234_432 - 4 * 96)
    assert count(model.synthesis) == 2_808_195 + 5_529_984 + 2 * (6_234_432 - 4 * 96)
    hyper = count(model.latent.analysis) + count(model.latent.synthesis)
    assert hyper == 21_579_264 - 192 * 61
    near = sum(count(step.places.near) for step in model.latent.context.steps)
    assert near == 921_984 - 6 * 32 * 64 * 3 * 13  # 13 of 25 taps
    assert count(model.latent.context) == 11_081_472 + 613_280 + 8_102_400 + 1_982_400 + near - 4 * 128
    published = 85_895_075 - 6 * 32 * 64 * 3 * 13 - keys - 192 * 61
    assert count(model) - count(model.latent.density) == published


def test_the_main_variant_has_the_published_size_up_to_the_same_weights():
    model = build("bisic", "paper-main")
    near = sum(count(step.places.near) for step in model.latent.context.steps)
    assert near == 461_184 - 12 * 16 * 32 * 3 * 13
    assert count(model.latent.context) == 2_771_840 + 1_167_584 + 7_180_416 + 3_436_224 + near - 4 * 64
    assert count(model) == pytest.approx(78_210_787, rel=0.01)


def test_the_lab_size_is_what_a_laptop_takes():
    assert 2e6 <= count(build("bisic", "lab")) <= 6.2e6
    assert 2e6 <= count(build("bisic", "lab-main")) <= 6e6


# The file


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (37, 131)])
@pytest.mark.parametrize("context", ["checkerboard", "raster", "none"])
def test_one_file_gives_both_views_back(context, size):
    model, x = small(context=context), pair(*size)
    data = model.compress(x, 1.0)
    x_hat = model.decompress(data)
    assert x_hat.shape == x.shape == (1, 2, 3, *size)
    header, payload, _ = unpack(data)
    assert (header.codec, header.width, header.height) == (7, size[1], size[0]) and len(data) - len(payload) <= 23
    with torch.no_grad():
        assert torch.allclose(model(x, 1.0).x_hat.clamp(0, 1), x_hat, atol=0.05)


def test_bits_per_pixel_count_the_pixels_of_both_views():
    model, x = small(), pair(60, 90)
    with torch.no_grad():
        output = model(x.repeat(3, 1, 1, 1, 1), torch.tensor([0.0, 1.0, 2.0]))
    assert output.x_hat.shape == (3, 2, 3, 60, 90) and output.bits.shape == (3,)
    assert torch.allclose(output.bpp, output.bits / (2 * 60 * 90))
    assert output.bpp[0] < output.bpp[2]


def test_the_bits_of_each_view_are_there_for_who_asks():
    model, x = small(), pair()
    wire = Estimate(training=False)
    with torch.no_grad():
        output = model(x, 1.0, wire)
    assert {name: bits.shape for name, bits in wire.parts.items()} == {"z": (2,), "y": (2,)}
    assert sum(bits.sum() for bits in wire.parts.values()).item() == pytest.approx(output.bits.item(), rel=1e-6)


@pytest.mark.parametrize(
    "shape", [(1, 3, 64, 64), (2, 2, 3, 64, 64), (1, 1, 3, 64, 64), (1, 3, 3, 64, 64), (2, 3, 64, 64)]
)
def test_anything_but_one_pair_is_refused(shape):
    with pytest.raises(LicLabError, match=r"one pair shaped \(1, 2, 3, h, w\), got"):
        small().compress(torch.rand(shape))


# The views


@torch.no_grad()
def test_tied_and_exchanged_views_give_exchanged_views_and_as_many_bytes():
    """codec(right, left) = exchanged codec(left, right); the untied one knows left from right."""
    x, model = pair(), small(tied=True)
    exchanged = x.flip(1)
    data, turned = model.compress(x, 1.0), model.compress(exchanged, 1.0)
    assert torch.allclose(model.decompress(turned), model.decompress(data).flip(1), atol=1e-5)
    assert torch.equal(model.decode_latent(turned)[1], model.decode_latent(data)[1].flip(0))
    assert len(turned) == pytest.approx(len(data), abs=4)  # the same symbols in another order
    untied = small()
    assert not torch.allclose(untied(exchanged, 1.0).x_hat, untied(x, 1.0).x_hat.flip(1), atol=1e-4)


@torch.no_grad()
def test_the_two_views_of_equal_pictures_cost_alike_in_a_tied_model():
    x = pair()
    x[:, 1] = x[:, 0]
    wire = Estimate(training=False)
    output = small(tied=True)(x, 1.0, wire)
    assert torch.allclose(output.x_hat[:, 0], output.x_hat[:, 1], atol=1e-5)
    assert wire.parts["y"][0].item() == pytest.approx(wire.parts["y"][1].item(), rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(
    "switches, looks",
    [
        ({}, True),
        ({"cross": False, "attention": False, "stereo_context": False}, False),
        ({"cross": True, "attention": False, "stereo_context": False}, True),
        ({"cross": False, "attention": True, "stereo_context": False}, True),
        ({"cross": False, "attention": False, "stereo_context": True}, True),
    ],
)
def test_a_view_is_coded_with_a_look_at_the_other_through_every_door_that_is_open(switches, looks):
    model, x = small(**switches), pair()
    other = x.clone()
    other[:, 1] = pair(seed=1)[:, 1]
    wires = [Estimate(training=False), Estimate(training=False)]
    outputs = [model(pictures, 1.0, wire) for pictures, wire in zip((x, other), wires, strict=True)]
    same = wires[0].parts["y"][0] == wires[1].parts["y"][0] and torch.equal(*(o.x_hat[:, 0] for o in outputs))
    assert bool(same) != looks


def test_two_dimensional_kernels_and_no_attention_leave_no_weights_behind():
    plain = small(cross=False, attention=False, stereo_context=False)
    assert not [m for m in plain.modules() if isinstance(m, (AcrossViews, MutualAttention))]
    assert [m for m in small().modules() if isinstance(m, MutualAttention)]


@pytest.mark.parametrize(
    "switches",
    [
        {"context": "none"}, {"channel": None}, {"residual": None}, {"hyperprior": False}, {"tied": True},
        {"light": False}, {"rows": True}, {"query": "other"}, {"cross": False}, {"attention": False},
        {"stereo_context": False}, {"branches": 2}, {"context": "raster", "stereo_context": False},
    ],
)  # fmt: skip
def test_every_ablation_codes_learns_and_wastes_no_weight(switches):
    model, x = small(**switches), pair()
    assert model.decompress(model.compress(x)).shape == x.shape
    model.train()
    output = model(x.repeat(2, 1, 1, 1, 1), torch.tensor([0.5, 1.5]))
    (output.bpp.mean() + 100 * (output.x_hat - x).square().mean()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_attention_is_shared_by_all_slices_also_in_a_copy():
    twin = copy.deepcopy(small())
    steps = twin.latent.context.steps
    assert all(step.mix[0] is twin.latent.context.mix for step in steps)


def test_words_that_are_no_switch_are_refused():
    with pytest.raises(LicLabError, match="unknown spatial context"):
        small(context="spiral")
    with pytest.raises(LicLabError, match="multiple of 4, not 10"):
        small(context_width=10)


@pytest.mark.parametrize("switches", [{"query": "other"}, {"heads": 4, "context_width": 16}])
def test_a_switch_without_weights_is_not_stored_as_if_it_were_the_preset(switches, tmp_path):
    """Its files would decode to something else, or not at all, with weights that fit."""
    with pytest.raises((LicLabError, RuntimeError)):
        save_model(
            BiSIC(*PRESETS["bisic"]["tiny"].args, **SMALL | switches), tmp_path / "x", name="bisic", preset="tiny"
        )
    with pytest.raises(LicLabError, match="a switch without weights differs"):
        save_model(
            BiSIC(*PRESETS["bisic"]["tiny"].args, **SMALL | {"query": "other"}),
            tmp_path / "x",
            name="bisic",
            preset="tiny",
        )
    assert not (tmp_path / "x").exists()
