"""What is special to CMamba: content decides between paths, and the context scans what is already decoded."""

from functools import partial

import pytest
import torch

from lic_lab.blocks.hybrid import ContentAdaptive
from lic_lab.blocks.scan2d import SS2D
from lic_lab.entropy.wires import Estimate
from lic_lab.models.cmamba import CMamba
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.complexity import complexity

tiny = partial(PRESETS["cmamba"]["tiny"])
X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_published_size_is_that_of_the_specification():
    found = complexity(CMamba())
    assert found.parameters == pytest.approx(52.4e6, rel=0.03)
    assert found.encode_kmac == pytest.approx(479, rel=0.03) and found.decode_kmac == pytest.approx(474, rel=0.03)


@pytest.mark.parametrize(
    "switch",
    [
        {"paths": "ssm"},
        {"paths": "cnn"},
        {"fusion": "sum"},
        {"pool": "avg"},
        {"context": "conv"},
        {"context": "none"},
        {"residual": None},
        {"residual": (8, 8), "kernel": 3},
        {"hyperprior": False},
        {"slices": (24,)},
        {"slices": (12, 12)},
        {"slices": (2, 2, 2, 2, 2, 2, 2, 2, 4, 4)},
        {"shortcut": None},
        {"lambdas": (0.013,)},
    ],
    ids=str,
)
def test_every_ablation_writes_files_that_decode(switch):
    torch.manual_seed(0)
    model = tiny(**switch).eval()
    kept = []
    model.synthesis.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    data = model.compress(X[..., :50, :33])
    assert model.decompress(data).shape == (1, 3, 50, 33)
    with torch.no_grad():
        model(X[..., :50, :33])
    # The estimate computes in float32, the decoder exactly: they agree but for what rounds the other way.
    assert ((kept[0] - kept[1]).abs() > 0.01).float().mean() < 0.02


def test_switches_take_away_what_they_name():
    whole, no_scan = tiny(), tiny(paths="cnn", context="conv")
    assert any(isinstance(module, SS2D) for module in whole.modules())
    assert not any(isinstance(module, SS2D) for module in no_scan.modules())
    assert tiny(hyperprior=False).latent.density is None


@torch.no_grad()
def test_both_weights_of_every_module_can_be_looked_at():
    model, seen = build("cmamba", "tiny"), []
    for module in model.modules():
        if isinstance(module, ContentAdaptive):
            module.register_forward_hook(lambda block, inputs, _: seen.append(block.weights(inputs[0])))
    model(X)
    assert len(seen) == 6  # one a stage, in both transforms
    assert all(torch.allclose(alpha + beta, torch.ones_like(alpha)) for alpha, beta in seen)


@torch.no_grad()
def test_all_positions_of_a_slice_are_one_pass():
    model, wire = build("cmamba", "tiny"), Estimate(training=False, keep_maps=True)
    model(X, wire=wire)
    assert [tuple(m.shape[1:]) for m in wire.maps["y"]] == [(4, 4, 4), (8, 4, 4), (12, 4, 4)]


@torch.no_grad()
def test_residual_prediction_moves_the_latent_by_half_a_step_at_most():
    torch.manual_seed(0)
    model = build("cmamba", "tiny")
    for name, parameter in model.latent.named_parameters():
        if ".residual" in name:
            parameter += 5 * torch.randn_like(parameter)
    y = 4 * torch.randn(1, 24, 4, 4)
    y_hat = model.latent(y, Estimate(training=False), (1, 4, 4))
    assert 0.5 < (y_hat - y).abs().max() <= 1.0 + 1e-4  # half by rounding, half by the guess
