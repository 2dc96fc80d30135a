import pytest
import torch
from rich.console import Console
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import save_model
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.complexity import MOST_PARTS, Pass, Stage, complexity, complexity_table, passes_text


def test_the_analysis_of_the_hyperprior_costs_what_it_costs_by_hand():
    found = complexity(build("hyperprior", "tiny"), 64, 128)
    convolutions = 25 * (3 * 8 / 4 + 8 * 12 / 16 + 12 * 16 / 64 + 16 * 24 / 256)  # MACs per pixel, four halvings
    norms = 8 * 8 / 4 + 12 * 12 / 16 + 16 * 16 / 64
    shortcut = 24 * 3 * 16 * 16 / 256
    assert found.kmac(found.stages[0].encode_macs) == pytest.approx((convolutions + norms + shortcut) / 1000)


@pytest.fixture(scope="module", params=["hyperprior", "charm"])
def model(request):
    torch.manual_seed(0)
    return build(request.param, "tiny")


def test_the_totals_are_what_a_real_file_takes(model):
    """Real tensors, real bytes: the probe sends only shapes, and a wire of its own."""
    found, x = complexity(model, 70, 130), torch.rand(1, 3, 70, 130)
    data = model.compress(x)  # makes the tables, which are not counted
    for kmac, work in (
        (found.encode_kmac, lambda: model.compress(x)),
        (found.decode_kmac, lambda: model.decompress(data)),
    ):
        with FlopCounterMode(display=False) as counter:
            work()
        assert counter.get_total_flops() / 2 / (70 * 130) / 1000 == pytest.approx(kmac, rel=1e-12)


def test_what_both_sides_need_is_in_both_totals(model):
    found = complexity(model)
    encode = {stage.name: stage.encode_macs for stage in found.stages if stage.encode_macs}
    decode = {stage.name: stage.decode_macs for stage in found.stages if stage.decode_macs}
    shared = encode.keys() & decode.keys()
    assert encode.keys() - shared == {"analysis", "hyper analysis"} and decode.keys() - shared == {"synthesis"}
    assert "hyper synthesis" in shared and all(encode[name] == decode[name] for name in shared)
    assert found.encode_kmac == pytest.approx(sum(encode.values()) / 512 / 768 / 1000)


def test_every_parameter_belongs_to_one_stage(model):
    found = complexity(model)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert "elsewhere" not in {stage.path for stage in found.stages}
    model.stray = nn.Parameter(torch.zeros(11))
    try:
        last = complexity(model).stages[-1]
    finally:
        del model.stray
    assert (last.path, last.parameters, last.encode_macs, last.decode_macs) == ("elsewhere", 11, 0, 0)


def test_shapes_are_those_of_the_picture_asked_for(model):
    shapes = {stage.name: stage.shape for stage in complexity(model, 512, 768).stages}
    assert shapes["analysis"] == shapes["context"] == (24, 32, 48)
    assert shapes["hyper analysis"] == (8, 8, 12)
    assert shapes["synthesis"] == (3, 512, 768)


def test_a_convolutional_model_costs_the_same_per_pixel_at_any_size_and_pays_for_padding(model):
    small, large, padded = complexity(model, 64, 64), complexity(model, 512, 768), complexity(model, 33, 64)
    assert small.decode_kmac == pytest.approx(large.decode_kmac)
    assert padded.decode_kmac == pytest.approx(small.decode_kmac * 64 / 33)


def test_the_coding_passes_are_the_steps_of_the_wire():
    found = complexity(build("hyperprior", "tiny"), 64, 128)
    assert found.passes == (Pass("z", (8, 1, 2)), Pass("y", (24, 4, 8))) and found.encode_passes == 2
    found = complexity(build("charm", "tiny"), 64, 128)
    assert [step.shape for step in found.passes] == [(8, 1, 2), (4, 4, 8), (8, 4, 8), (12, 4, 8)]
    assert passes_text(found.passes) == "z 8 x 1 x 2; y 4 x 4 x 8, 8 x 4 x 8, 12 x 4 x 8"


def test_passes_of_one_shape_are_counted_and_a_long_list_loses_its_middle():
    repeated = [Pass("z", (8, 1, 2)), *[Pass("y", (320, 1))] * 1536]
    assert passes_text(repeated) == "z 8 x 1 x 2; y 1,536 of 320 x 1"
    growing = passes_text([Pass("y", (size, 4)) for size in range(1, 21)])
    assert growing == "y 1 x 4, 2 x 4, 3 x 4, 4 x 4, ..., 19 x 4, 20 x 4"


def test_the_size_of_the_weight_file_is_that_of_the_file(model, tmp_path):
    name = type(model).__name__.lower()
    save_model(model, tmp_path / "weights", name=name, preset="tiny")
    assert 0 <= (tmp_path / "weights").stat().st_size - complexity(model).file_bytes < 300  # its name and ladder


def test_looking_leaves_no_trace(model):
    before, x = {k: v.clone() for k, v in model.state_dict().items()}, torch.rand(1, 3, 64, 64)
    data = model.compress(x)
    complexity(model)
    assert all(torch.equal(v, before[k]) and type(v) is torch.Tensor for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.compress(x) == data


@pytest.mark.parametrize("name", PRESETS)
def test_the_parts_of_a_transform_add_up_to_it(name):
    found = complexity(build(name, "tiny"), 64, 128)
    opened = [stage for stage in found.stages if stage.parts]
    assert [stage.path for stage in opened] == ["analysis", "synthesis"]
    for stage in opened:
        for what in ("parameters", "encode_macs", "decode_macs"):
            assert sum(getattr(part, what) for part in stage.parts) == getattr(stage, what)
        assert stage.parts[-1].shape == stage.shape


@pytest.mark.parametrize("name", PRESETS)
def test_a_model_fits_on_a_screen(name):
    found = complexity(build(name, "lab"), 64, 64)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(complexity_table(found, name))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert len(lines) <= 36 and max(map(len, lines)) <= 80


class Block(nn.Module):
    """A block with a name of its own, as models have them."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


def parts_with(model: Codec, *steps: nn.Module) -> list[Stage]:
    """The parts of the model's analysis after these steps were put in its place."""
    model.analysis = nn.Sequential(*steps)
    found = complexity(model, 64, 64)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    return list(found.stages[0].parts)


def test_repeated_blocks_are_one_part_and_an_activation_belongs_to_the_layer_before_it():
    halves = [nn.Conv2d(3, 6, 5, 2, 2), nn.ReLU(), nn.Sequential(Block(6), Block(6), Block(6)), nn.Conv2d(6, 24, 8, 8)]
    first, blocks, last = parts_with(build("hyperprior", "tiny"), *halves)
    assert (first.name, first.shape, first.encode_macs) == ("conv 5x5 s2", (6, 32, 32), 32 * 32 * 3 * 6 * 25)
    assert (blocks.name, blocks.shape, blocks.parameters) == ("3 Block", (6, 32, 32), 3 * (6 * 6 * 9 + 6))
    assert (blocks.path, last.name) == ("analysis.2.0 ... analysis.2.2", "conv 8x8 s8")


def test_more_parts_than_fit_are_drawn_together_by_scale():
    steps = [step for width in (3, 6, 6, 6) for step in (nn.Conv2d(width, 6, 2, 2), Block(6), nn.Conv2d(6, 6, 1))]
    assert len(steps) > MOST_PARTS
    parts = parts_with(build("hyperprior", "tiny"), *steps[:-1], nn.Conv2d(6, 24, 1))
    assert [part.shape for part in parts] == [(6, 32, 32), (6, 16, 16), (6, 8, 8), (24, 4, 4)]
    assert parts[0].name == "conv 2x2 s2 + Block + conv 1x1"


def test_what_a_transform_does_outside_of_its_blocks_is_its_rest():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(3, 24, 16, 16)
            self.mix = nn.Parameter(torch.eye(24))

        def forward(self, x):
            return torch.einsum("bchw,cd->bdhw", self.down(x), self.mix)

    model = build("hyperprior", "tiny")
    model.analysis = Odd()
    down, rest = complexity(model, 64, 64).stages[0].parts
    assert (down.name, down.parameters) == ("down: conv 16x16 s16", 24 * (3 * 256 + 1))
    assert (rest.name, rest.parameters, rest.encode_macs) == ("the rest", 24 * 24, 16 * 24 * 24)


def test_a_shortcut_is_known_to_run_beside_the_others(model):
    analysis = complexity(model).stages[0]
    assert [part.name for part in analysis.parts if part.beside] == ["DCT shortcut"]


def test_a_large_picture_has_whole_shapes_although_strips_would_do(model):
    shapes = {stage.name: stage.shape for stage in complexity(model, 4096, 2048).stages}
    assert shapes["analysis"] == (24, 256, 128) and shapes["synthesis"] == (3, 4096, 2048)
    assert type(model).halo == model.halo == 64


def test_the_table_shows_every_stage_every_part_and_the_totals(model):
    console, found = Console(width=80), complexity(model)
    with console.capture() as capture:
        console.print(complexity_table(found, "a [title]"))
    lines = [line.split() for line in capture.get().splitlines()]
    total = ["total", *"3 x 512 x 768".split(), f"{found.parameters:,}"]
    assert [*total, f"{found.encode_kmac:.2f}", f"{found.decode_kmac:.2f}"] in lines
    names = [each.name.split() for stage in found.stages for each in (stage, *stage.parts)]
    assert all(any(line[: len(name)] == name for line in lines) for name in names)
    assert "a [title]" in capture.get()


@pytest.mark.parametrize(("name", "switches"), [("bimamba", {"hyperprior": False}), ("csm", {"partition": "learned"})])
def test_parameters_that_are_expanded_do_not_stop_the_count(name, switches):
    model = build(name, "tiny", **switches)
    found = complexity(model, 64, 64)
    assert found.parameters == sum(p.numel() for p in model.parameters()) and found.decode_kmac > 0
    assert all(p.requires_grad for p in model.parameters())  # as before
