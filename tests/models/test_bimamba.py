"""What is special to BiMamba: blocks at three scales, no leak to the decoder, and a context that scans both ways.

What every model has to keep is in test_every_model.py.
"""

import pytest
import torch

from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.scan2d import BiScanBlock
from lic_lab.blocks.ssm import SelectiveSSM
from lic_lab.entropy.hyper import MiddleLatent
from lic_lab.entropy.raster import RasterContext
from lic_lab.entropy.wires import Estimate
from lic_lab.errors import LicLabError
from lic_lab.models.bimamba import ConvBlock, bi_scan_macs
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.complexity import complexity
from lic_lab.probes.macs import count_macs
from lic_lab.probes.receptive_field import receptive_field

PUBLISHED = {  # parameters, counted from the public code of BiMamba
    "analysis": 5_127_680,
    "synthesis": 5_127_363,
    "latent.analysis": 2_396_736,
    "latent.synthesis": 8_142_240,
}
SWITCHES = [
    {"block": "forward"},
    {"block": "conv"},
    {"block": "none"},
    {"scales": (4, 8)},
    {"scales": ()},
    {"context": "forward"},
    {"context": "conv"},
    {"context": "raster"},
    {"context": "none"},
    {"hyperprior": False},
    {"hyperprior": False, "context": "none"},
    {"middle": 6},
    {"middle": 6, "context": "raster"},
    {"shortcut": None},
    {"lambdas": (0.013,)},
]


def tiny(**switches):
    torch.manual_seed(0)
    return PRESETS["bimamba"]["tiny"](**switches).eval()


def photo(height: int, width: int) -> torch.Tensor:
    """A smooth picture with some noise, (1, 3, height, width)."""
    noise, x = torch.Generator().manual_seed(0), torch.zeros(1, 3, height, width)
    for side in (3, 9, 33):
        coarse = torch.rand(1, 3, side, side, generator=noise)
        x += torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False) / 3
    return x.clamp(0, 1)


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def count(module, kind: type) -> int:
    return sum(isinstance(m, kind) for m in module.modules())


class Watch(Estimate):
    """Notes mean and scale of every step, and holds z fixed so that only y can speak."""

    def __init__(self):
        super().__init__(training=False)
        self.seen = []

    def factorized(self, z, density, shape):
        return torch.zeros(shape)

    def gaussian(self, y, mean, scale, part="y"):
        self.seen.append(torch.cat([mean, scale]))
        return super().gaussian(y, mean, scale, part)


# Size


def test_the_transforms_have_the_published_sizes_and_the_whole_is_within_3_percent():
    model = build("bimamba", "paper")
    assert {path: parameters(model.get_submodule(path)) for path in PUBLISHED} == PUBLISHED
    blocks = [m for transform in (model.analysis, model.synthesis) for m in transform if isinstance(m, BiScanBlock)]
    assert len(blocks) == 6 and sum(map(parameters, blocks)) == 3_466_368
    assert parameters(model) == pytest.approx(26_336_355, rel=0.03)


def test_the_lab_size_keeps_its_budget():
    found, charm = (complexity(build(name, "lab")) for name in ("bimamba", "charm"))
    assert 2e6 <= found.parameters <= 6e6
    assert found.encode_kmac <= 40 and found.decode_kmac <= 1.25 * charm.decode_kmac  # what it is put on, and a quarter


def test_work_grows_with_the_pixels():
    small, large = (complexity(tiny(), side, side) for side in (128, 256))
    assert large.encode_kmac == pytest.approx(small.encode_kmac, rel=1e-3)
    assert large.decode_kmac == pytest.approx(small.decode_kmac, rel=1e-3)


# Data flow


def test_blocks_work_at_a_half_a_quarter_and_an_eighth_in_both_transforms():
    model, sides = tiny(), []
    for transform in (model.analysis, model.synthesis):
        for module in transform.modules():
            if isinstance(module, BiScanBlock):
                module.register_forward_hook(lambda block, inputs, output: sides.append(64 // output.shape[-1]))
    with torch.no_grad():
        model(photo(64, 64))
    assert sides == [2, 4, 8, 8, 4, 2]


def test_a_latent_sees_the_whole_picture_and_without_scans_its_surroundings():
    sees = receptive_field(tiny().analysis)
    assert sees.rows is None and sees.columns is None
    for switch in ({"block": "conv"}, {"block": "none"}):
        sees = receptive_field(tiny(**switch).analysis)
        assert sees.rows is not None and sees.rows < 128


def test_z_y_and_on_demand_a_middle_latent_are_coded():
    x = photo(128, 192)
    with torch.no_grad():
        assert tiny()(x).parts.keys() == {"z", "y"}
        assert tiny(middle=6)(x).parts.keys() == {"z", "m", "y"}
        assert tiny(hyperprior=False)(x).parts.keys() == {"y"}
    shapes = {step.part: step.shape for step in complexity(tiny(middle=6), 128, 192).passes}
    assert shapes["z"] == (8, 2, 3) and shapes["m"] == (6, 4, 6) and shapes["y"] == (12, 48)


@pytest.mark.parametrize(("context", "passes"), [("bi", 6), ("conv", 6), ("raster", 12 + 2 * 7), ("none", 1)])
def test_slices_take_two_passes_and_a_raster_one_a_wavefront(context, passes):
    steps = [step for step in complexity(tiny(context=context), 128, 192).passes if step.part == "y"]
    assert len(steps) == passes
    assert sum(torch.Size(step.shape).numel() for step in steps) == 24 * 8 * 12


# Leaks


@torch.no_grad()
def test_rounding_z_before_the_hyper_synthesis_changes_nothing():
    model, x = tiny(), photo(64, 128)
    model.latent.analysis[-1].weight *= 30  # a z that does not round to zero
    before, file, seen = model(x), model.compress(x), []
    model.latent.synthesis.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.latent.analysis.register_forward_hook(lambda _, inputs, z: torch.round(z))
    after = model(x)
    assert seen[0].any() and torch.equal(seen[0], torch.round(seen[0]))  # medians are zero before training
    assert torch.equal(before.x_hat, after.x_hat) and torch.equal(before.bits, after.bits)
    assert model.compress(x) == file


@torch.no_grad()
def test_a_z_too_small_to_be_sent_tells_the_decoder_nothing():
    model, steps = tiny(), []
    model.latent.analysis[-1].weight *= 1e-3  # the leak of the published code: nothing is sent, all arrives
    model.latent.analysis[-1].bias *= 1e-3
    model.latent.synthesis[0].weight *= 1e3
    for x in (photo(64, 64), 1 - photo(64, 64)):
        wire = Watch()
        wire.factorized = Estimate(training=False).factorized
        model(x, wire=wire)
        steps.append(wire.seen[0])  # the first pass knows z_hat alone
    assert torch.equal(*steps)


@torch.no_grad()
def test_the_hyper_analysis_sees_signs():
    model, seen = tiny(), []
    model.latent.analysis.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(photo(64, 64))
    assert seen[0].min() < 0 < seen[0].max()


@pytest.mark.parametrize("context", ["bi", "forward", "conv", "raster"])
@torch.no_grad()
def test_the_context_reads_what_was_decoded_and_not_what_was_meant(context):
    model, first, second = tiny(context=context), Watch(), Watch()
    y = 3 * torch.randn(1, 24, 4, 8, generator=torch.Generator().manual_seed(1))
    y_hat = model.latent(y, first, (1, 4, 8))
    assert (y_hat - y).abs().max() > 0.1
    model.latent(y_hat, second, (1, 4, 8))  # nothing is left to round
    assert all(map(torch.equal, first.seen, second.seen))


@torch.no_grad()
def test_a_scan_tells_the_others_of_an_anchor_far_behind_and_far_ahead():
    y = torch.zeros(1, 24, 12, 12)
    nudged = y.clone()
    nudged[0, 0, 6, 6] += 9  # an anchor of the first slice
    for context, ahead in (("bi", True), ("forward", False), ("conv", False)):
        model, before, after = tiny(context=context), Watch(), Watch()
        for name, parameter in model.latent.named_parameters():
            if name.endswith("params.weight"):
                parameter *= 10  # as training makes them: whispers would drown in the rounding of a scale
        model.latent(y, before, (1, 12, 12)), model.latent(nudged, after, (1, 12, 12))
        moved = (before.seen[1] != after.seen[1]).any(0).any(0)  # of 72 others, in raster order
        assert moved[-1] == (context != "conv") and moved[0] == ahead


# Switches


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_every_ablation_writes_files_that_decode_and_cost_what_was_promised(switch):
    model, kept, x = tiny(**switch), [], photo(97, 120)
    model.synthesis.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    data = model.compress(x)
    assert model.decompress(data).shape == x.shape
    with torch.no_grad():
        promised = model(x).bits.item()
    assert 8 * len(data) == pytest.approx(promised, rel=0.03, abs=8 * 64)
    # The estimate computes in float32, the decoder exactly: they agree but for what rounds the other way.
    assert ((kept[0] - kept[1]).abs() > 0.01).float().mean() < 0.02


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_no_ablation_has_a_parameter_without_a_gradient(switch):
    model = tiny(**switch).train()
    with torch.no_grad():  # zero-started layers hide what is before them in the first step only
        for parameter in model.parameters():
            parameter += 1e-2 * torch.randn_like(parameter)
        if switch.get("hyperprior", True):  # an untrained z rounds to zero, and silences what reads it
            side = model.latent.to_side if switch.get("middle") else model.latent.analysis
            side[-1].weight *= 50
    rates = torch.linspace(0, model.rates - 1, 3)
    output = model(torch.cat([photo(128, 128) * scale for scale in (0.3, 0.6, 1.0)]), rates)
    (output.bits.sum() + 1e4 * (output.x_hat - 0.5).square().sum()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_switches_take_away_what_they_name():
    assert count(tiny().analysis, SelectiveSSM) == 6
    assert count(tiny(block="forward").analysis, SelectiveSSM) == 3
    assert count(tiny(block="conv", context="conv"), SelectiveSSM) == 0
    assert count(tiny(block="conv").analysis, ConvBlock) == 3
    assert (count(tiny(scales=(4, 8)).synthesis, BiScanBlock), count(tiny(scales=(4, 8)).synthesis, GDN)) == (2, 1)
    assert all(m.inverse for m in tiny(block="none").synthesis.modules() if isinstance(m, GDN))
    assert not any(m.inverse for m in tiny(block="none").analysis.modules() if isinstance(m, GDN))
    assert count(tiny(context="forward").latent, SelectiveSSM) == count(tiny().latent, SelectiveSSM) / 2 == 6
    assert count(tiny(context="raster"), RasterContext) == 1
    assert count(tiny(middle=6), MiddleLatent) == 1
    assert tiny(hyperprior=False).latent.density is None


@pytest.mark.parametrize(("width", "state", "expand"), [(192, 16, 2), (80, 8, 1), (8, 4, 1)])
def test_the_convolutions_that_replace_a_scan_do_its_work(width, state, expand):
    x, block = torch.zeros(1, width, 16, 16), BiScanBlock(width, state=state, expand=expand)
    macs = bi_scan_macs(width, state=state, expand=expand)
    with torch.no_grad():
        scan, conv = (
            count_macs(module, {}, lambda module=module: module(x)).macs["elsewhere"] / 256
            for module in (block, ConvBlock(width, macs=macs))
        )
    assert macs == pytest.approx(scan, rel=0.02)
    assert conv == pytest.approx(scan, rel=0.02 if width > 8 else 0.2)  # a narrow one cannot be cut finely


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        ({"block": "attention"}, "unknown block 'attention': use bi, forward, conv, none"),
        ({"context": "vss"}, "unknown context 'vss': use bi, forward, conv, raster, none"),
        ({"scales": (1, 2)}, "unknown scale 1: use 2, 4, 8"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(switch, says):
    with pytest.raises(LicLabError, match=says):
        tiny(**switch)
