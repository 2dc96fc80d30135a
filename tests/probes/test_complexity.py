import pytest
import torch
from rich.console import Console
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lic_lab.models.checkpoints import save_model
from lic_lab.models.presets import build
from lic_lab.probes.complexity import complexity, complexity_table, count_macs


def macs(module, *shape):
    """The MACs of one module for an input of that shape."""
    return count_macs(module, {"it": module}, lambda: module(torch.zeros(shape))).macs["it"]


@pytest.mark.parametrize(
    ("layer", "by_hand"),
    [
        (nn.Conv2d(8, 6, 5, stride=2, padding=2), (8 * 12) * 6 * 8 * 25),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (16 * 24) * 8 * 9),
        (nn.Conv2d(8, 4, 3, padding=1, groups=2), (16 * 24) * 4 * 4 * 9),
        (nn.ConvTranspose2d(8, 3, 5, stride=2, padding=2, output_padding=1), (16 * 24) * 8 * 3 * 25),
        (nn.Linear(24, 5), (8 * 16) * 24 * 5),
        (nn.LeakyReLU(), 0),
    ],
)
def test_a_layer_costs_what_it_costs_by_hand(layer, by_hand):
    assert macs(layer, 1, 8, 16, 24) == by_hand
    assert macs(layer, 3, 8, 16, 24) == 3 * by_hand


def test_the_stages_of_a_stack_and_what_is_outside_of_them_add_up():
    stack = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 5, 1))
    stages = {"first": stack[0], "last": stack[3]}
    count = count_macs(stack, stages, lambda: stack(torch.zeros(1, 3, 6, 7)))
    assert count.macs == {"first": 42 * 4 * 3 * 9, "last": 42 * 5 * 2, "elsewhere": 42 * 2 * 4}
    assert count.shapes == {"first": (4, 6, 7), "last": (5, 6, 7)}


def test_a_stage_that_runs_twice_is_counted_twice():
    conv = nn.Conv2d(2, 2, 1)
    count = count_macs(conv, {"conv": conv}, lambda: conv(conv(torch.zeros(1, 2, 3, 3))))
    assert count.macs == {"conv": 2 * 9 * 4, "elsewhere": 0}


class Scan(nn.Module):
    """A scan that says what it costs; the convolution inside is how it happens to be computed here."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.inside(x)

    def macs(self, shape):
        return 7 * shape[0] * shape[2] * shape[3]


def test_a_module_that_says_its_macs_is_taken_at_its_word():
    scan = Scan()
    assert macs(scan, 2, 4, 5, 6) == 7 * 2 * 30
    stack = nn.Sequential(nn.Conv2d(3, 4, 1), scan, nn.Conv2d(4, 1, 1))
    assert macs(stack, 1, 3, 5, 6) == 30 * (12 + 7 + 4)


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
    assert complexity(build("hyperprior", "tiny"), 64, 128).passes == ((8, 1, 2), (24, 4, 8))
    assert complexity(build("charm", "tiny"), 64, 128).passes == ((8, 1, 2), (4, 4, 8), (8, 4, 8), (12, 4, 8))


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


def test_the_table_shows_every_stage_and_the_totals(model):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(complexity_table(model, "a [title]"))
    lines = [line.split() for line in capture.get().splitlines()]
    found = complexity(model)
    total = ["total", *"3 x 512 x 768".split(), f"{found.parameters:,}"]
    assert [*total, f"{found.encode_kmac:.2f}", f"{found.decode_kmac:.2f}"] in lines
    assert all(any(line[: len(name)] == name for line in lines) for name in (s.name.split() for s in found.stages))
    assert f"{len(found.passes)} coding passes" in capture.get() and max(map(len, capture.get().splitlines())) <= 80
