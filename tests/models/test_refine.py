"""Effort buys better files of the same format: never worse in R + lambda D, the same from the same seed."""

import math

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.models import refine
from lic_lab.models.checkpoints import load_model, shipped
from lic_lab.models.presets import PRESETS
from lic_lab.ops.color import image_to_tensor

CASES = [(name, size) for name, sizes in PRESETS.items() for size in sizes if size.startswith("tiny")]
VARIANTS = [("asymmetric", {"context": "ssm-raster"}), ("asymmetric", {"hyperprior": False})]


@pytest.fixture(autouse=True)
def short(monkeypatch, request):
    """Few steps, where a test does not ask how much is gained."""
    if "gain" not in request.node.name:
        monkeypatch.setattr(refine, "STEPS", (0, 5, *refine.STEPS[2:]))


def picture(model, height: int, width: int) -> torch.Tensor:
    """A crop of a photograph, or two that overlap: 8-bit levels in [0, 1]."""
    x = image_to_tensor(bundled_images()["chelsea"])[..., 90:, 120:]
    views = [x[..., :height, shift : shift + width] for shift in (0, 5)[: model.views]]
    return views[0] if model.views == 1 else torch.stack(views, dim=1)


def cost(model, x: torch.Tensor, data: bytes, rate: float) -> float:
    """R + lambda 255^2 MSE of a whole file and of the 8-bit picture that it decodes to."""
    error = 255 * x - (model.decompress(data) * 255).round()
    lmbda = model.lambda_for_rate(torch.tensor([rate])).item()
    return 8 * len(data) / (x.numel() / 3) + lmbda * error.square().mean().item()


def built(name: str, preset: str = "tiny", **switches):
    torch.manual_seed(0)
    return lic_lab.build(name, preset, **switches)


@pytest.mark.parametrize(("name", "preset"), CASES)
@pytest.mark.parametrize(("size", "rate"), [((1, 1), 0.0), ((37, 53), 1.3), ((64, 70), 2.0)])
def test_effort_never_costs_more_and_decodes_to_the_same_size(name, preset, size, rate):
    model = built(name, preset)
    x = picture(model, *size)
    quick, slow = model.compress(x, rate), model.compress(x, rate, effort=1)
    assert model.decompress(slow).shape == x.shape
    assert cost(model, x, slow, rate) <= cost(model, x, quick, rate) + 1e-6


@pytest.mark.parametrize(("name", "switches"), VARIANTS)
def test_serial_contexts_and_models_without_side_latents_are_refined_too(name, switches):
    model = built(name, **switches)
    x = picture(model, 40, 40)
    assert cost(model, x, model.compress(x, 1.0, effort=1), 1.0) <= cost(model, x, model.compress(x, 1.0), 1.0)


def test_a_fixed_rate_model_is_refined_for_its_only_lambda():
    model = built("hyperprior", lambdas=(0.01,))
    x = picture(model, 50, 50)
    assert cost(model, x, model.compress(x, effort=1), 0.0) <= cost(model, x, model.compress(x), 0.0)


@pytest.mark.skipif("charm" not in shipped(), reason="the weights of charm are not here")
@pytest.mark.parametrize("rate", [1.0, 6.0])
def test_trained_weights_gain_half_a_percent_at_effort_2(rate):
    model = load_model("charm")
    x = picture(model, 128, 128)
    quick, slow = (cost(model, x, model.compress(x, rate, effort=effort), rate) for effort in (0, 2))
    assert slow < 0.995 * quick


def test_what_was_refined_is_what_the_decoder_finds():
    model = built("charm")
    x, step = picture(model, 60, 60), 4096
    start = refine.Latents(model.analyse(x).detach(), {})
    found = refine.refine(model, x, start, step, 5)
    with torch.no_grad():
        data, y_hat = model.write(found, step, (60, 60), None)
    assert torch.equal(model.decode_latent(data)[1], y_hat)
    assert set(found.sides) == {"z"} and not torch.equal(found.y, start.y)


def test_refining_lowers_what_it_descends_on():
    model, costs = built("charm"), []
    x = picture(model, 64, 64)
    with torch.no_grad():
        start = refine.Latents(model._scaled(model.analyse(x), model.rate_points(4096)), {})
    for steps in (0, 40):
        found = refine.refine(model, x, start, 4096, steps)
        with torch.no_grad():
            costs.append(cost(model, x, model.write(found, 4096, (64, 64), None)[0], 1.0))
    assert costs[1] < costs[0]


def test_the_same_seed_writes_the_same_file_and_the_callers_random_numbers_are_left_alone():
    model = built("charm")
    x = picture(model, 61, 83)
    state = torch.random.get_rng_state()
    assert model.compress(x, 1.0, effort=1) == model.compress(x, 1.0, effort=1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_weights_stay_untouched_and_get_no_gradient():
    model = built("cmamba")
    before = model.fingerprint()
    model.compress(picture(model, 40, 40), 1.0, effort=1)
    assert model.fingerprint() == before and all(p.grad is None for p in model.parameters())


def test_every_step_is_told_and_the_last_is_the_number_announced():
    model, told = built("charm"), []
    model.compress(picture(model, 20, 20), 1.0, effort=1, progress=lambda *step: told.append(step[:2]))
    assert told == [(done, 5) for done in range(6)]


def test_a_latent_that_runs_away_leaves_effort_0s_file(monkeypatch):
    model = built("charm")
    x = picture(model, 40, 40)
    monkeypatch.setattr(refine, "RATE", math.inf)
    assert model.compress(x, 1.0, effort=1) == model.compress(x, 1.0)


def test_large_pictures_are_refined_in_strips(monkeypatch):
    model = built("hyperprior")
    x = picture(model, 200, 70)
    whole = model.compress(x, 1.0, effort=1)
    monkeypatch.setattr("lic_lab.models.base.STRIP_PIXELS", 2**13)
    strips = model.compress(x, 1.0, effort=1)
    assert cost(model, x, strips, 1.0) == pytest.approx(cost(model, x, whole, 1.0), rel=0.02)


@pytest.mark.parametrize("effort", [-1, 10, 1.5, True, "3", None])
def test_other_efforts_are_refused_in_one_line(effort):
    with pytest.raises(LicLabError, match="effort is a whole number from 0 to 9"):
        built("charm").compress(torch.zeros(1, 3, 8, 8), effort=effort)


def test_more_effort_means_more_steps():
    assert len(refine.STEPS) == 10 and np.all(np.diff(refine.STEPS) > 0)
