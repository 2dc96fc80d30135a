"""What is special to CSM: channels that are divided anew for every picture, in all three stages, and its switches."""

from functools import partial

import pytest
import torch

from lic_lab.blocks.partition import AdaptiveChannelPartition, watched_choices
from lic_lab.blocks.scan2d import SS2D
from lic_lab.errors import LicLabError
from lic_lab.models.csm import CSM
from lic_lab.probes.complexity import complexity

tiny = partial(
    CSM, (8, 12, 16), (1, 1, 1), 24, 8, (16, 16, 16), slices=(4, 8, 12), context_width=8, kernel=1, state=4, expand=1
)
SWITCHES = {
    "as published": {},
    "order learned": {"partition": "learned"},
    "order fixed": {"partition": "fixed"},
    "scans only": {"paths": "ssm"},
    "convolutions only": {"paths": "cnn"},
    "a quarter near": {"share": 0.25},
    "fused by 3x3": {"fuse": "3x3"},
    "convolved context": {"context": "conv"},
    "no context": {"context": "none"},
    "no residual prediction": {"residual": False},
    "no hyperprior": {"hyperprior": False},
    "neither": {"hyperprior": False, "context": "none"},
    "ladder and shortcut": {"lambdas": (0.001, 0.01), "shortcut": "dct"},
}


def make(**options) -> CSM:
    torch.manual_seed(0)
    return tiny(**options).eval()


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Something smooth with a little noise, (1, 3, height, width) in [0, 1]."""
    noise = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 3, 3, generator=noise)
    x = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (x + 0.05 * torch.randn(x.shape, generator=noise)).clamp(0, 1)


@torch.no_grad()
@pytest.mark.parametrize("switch", SWITCHES)
def test_with_any_switch_it_decodes_what_it_wrote(switch):
    model, x, kept = make(**SWITCHES[switch]), picture(37, 53), []
    model.latent.register_forward_hook(lambda latent, inputs, y_hat: kept.append(y_hat))
    data = model.compress(x)
    assert model.decompress(data).shape == x.shape
    assert torch.equal(kept[0], kept[1]) and kept[0].abs().sum() > 0
    assert 8 * len(data) == pytest.approx(model(x).bits.item(), rel=0.03, abs=8 * 64)


@pytest.mark.parametrize("switch", SWITCHES)
def test_with_any_switch_every_parameter_gets_a_gradient(switch):
    model = make(**SWITCHES[switch]).train()
    with torch.no_grad():  # zero-started layers hide what is before them in the first step only
        for parameter in model.parameters():
            parameter += 1e-2 * torch.randn_like(parameter)
        if model.latent.density:
            model.latent.analysis[-1].bias += 3.0  # so that z does not round to nothing
    output = model(torch.cat([picture(64, 64, seed) for seed in range(2)]), torch.full((2,), (model.rates - 1) / 2))
    (output.bits.sum() + output.x_hat.square().sum()).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


@torch.no_grad()
def test_channels_are_chosen_anew_for_every_picture_and_in_fixed_mode_never():
    pictures = torch.cat([picture(64, 64, 1), 0.2 * picture(64, 64, 2), torch.rand(1, 3, 64, 64)])
    differing = {}
    for mode in ("adaptive", "learned", "fixed"):
        model = make(partition=mode)
        with watched_choices(model) as choices:
            model(pictures)
        assert len(choices) == 6  # one block in each of three stages, there and back
        for choice, width in zip(choices, (8, 12, 16, 16, 12, 8), strict=True):
            assert choice.near.shape == choice.far.shape == (3, width // 2)
            assert torch.equal(choice.order.sort(dim=1).values, torch.arange(width).expand(3, -1))
        differing[mode] = [len(set(map(tuple, choice.near.sort(dim=1).values.tolist()))) for choice in choices]
    assert max(differing["adaptive"][:3]) > 1 and max(differing["adaptive"][3:]) > 1
    assert differing["learned"] == differing["fixed"] == [1] * 6


@torch.no_grad()
def test_the_decoder_repeats_the_choice_from_the_file_alone():
    model, x, other = make(), picture(64, 64, 1), torch.rand(1, 3, 64, 64)
    seen = []
    for data in (model.compress(x), model.compress(other), model.compress(x)):
        with watched_choices(model) as choices:
            model.decompress(data)
        seen.append([choice.order for choice in choices])
    with watched_choices(model.synthesis) as choices:
        model(x)  # the encoder's own idea of the picture
    assert all(map(torch.equal, seen[0], seen[2])) and not all(map(torch.equal, seen[0], seen[1]))
    assert all(map(torch.equal, seen[0], [choice.order for choice in choices]))


def test_all_three_stages_scan_on_the_way_down_and_up():
    model, shapes = make(), {"analysis": [], "synthesis": []}
    for name, seen in shapes.items():
        for module in getattr(model, name).modules():
            if isinstance(module, SS2D):
                module.register_forward_hook(lambda _, inputs, output, seen=seen: seen.append(tuple(output.shape[1:])))
    with torch.no_grad():
        model(picture(64, 128))
    assert shapes["analysis"] == [(4, 32, 64), (6, 16, 32), (8, 8, 16)]
    assert shapes["synthesis"] == shapes["analysis"][::-1]


def test_one_path_alone_has_nothing_of_the_other():
    for paths, scans in (("ssm", True), ("cnn", False)):
        model = make(paths=paths)
        blocks = [m for m in (model.analysis, model.synthesis) for m in m.modules()]
        assert any(isinstance(m, SS2D) for m in blocks) == scans
        inside = [m for m in model.analysis[1].modules() if isinstance(m, torch.nn.Conv2d)]
        assert any(m.kernel_size == (3, 3) and m.groups == 1 for m in inside) != scans


@torch.no_grad()
def test_scans_carry_a_pixel_across_the_picture_and_convolutions_do_not():
    x = picture(64, 256)
    nudged = x.clone()
    nudged[..., :4, :4] = 1 - nudged[..., :4, :4]
    moved = {}
    for paths in ("ssm", "cnn"):
        model = make(paths=paths).double()
        change = (model.analysis(nudged.double()) - model.analysis(x.double())).abs().amax((0, 1))
        moved[paths] = int(change.gt(0).sum())
        assert change[0, 0] > 0
    assert moved["ssm"] == 4 * 16
    assert moved["cnn"] <= 4 * 5  # 2 + 4 + 8 pixels of the strides and 2 (2 + 4 + 8) of the blocks: under 5 x 16


def test_no_partition_feeds_the_probability_tables():
    assert not [m for m in make().latent.modules() if isinstance(m, AdaptiveChannelPartition)]


def test_the_defaults_have_the_20_million_parameters_of_the_specification_and_cost_less_than_the_code():
    found = complexity(CSM(), 256, 256)
    assert found.parameters == pytest.approx(20.0e6, rel=0.03)
    assert found.parameters < 76.56e6 / 3 and found.encode_kmac + found.decode_kmac < 1780  # both of TCM


def test_every_width_is_an_argument():
    model = CSM((6, 10, 14), (1, 2, 1), 18, 5, (7, 9, 11), slices=(5, 13), context_width=6, kernel=1, state=3, expand=1)
    assert model.eval().decompress(model.compress(picture(20, 70))).shape == (1, 3, 20, 70)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"paths": "rnn"}, "'rnn'"),
        ({"partition": "random"}, "'random'"),
        ({"context": "bi"}, "'bi'"),
        ({"share": 2}, "share of 2"),
        ({"fuse": "5x5"}, "'5x5'"),
        ({"shortcut": "fft"}, "'fft'"),
    ],
)
def test_unknown_switches_are_refused_by_name(options, hint):
    with pytest.raises(LicLabError, match=hint):
        make(**options)
