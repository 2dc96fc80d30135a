"""The numbers by which weights are chosen."""

import pytest
import torch

from lic_lab.models.presets import build
from lic_lab.training.objective import balanced, rate_distortion
from lic_lab.training.recipe import Recipe
from lic_lab.training.validation import fingerprint, score, validate


def test_a_row_is_the_mean_over_pictures_at_every_rung_whatever_is_measured_at_once():
    torch.manual_seed(0)
    model, x = build("charm", "tiny"), torch.rand(11, 3, 64, 64)  # two portions: eight and three
    row = validate(model, x, Recipe())
    with torch.no_grad():
        for rung, lmbda in enumerate(model.lambdas):
            terms = rate_distortion(x, model(x, float(rung)), torch.full((11,), lmbda))
            assert row["bpp"][rung] == pytest.approx(float(terms.bpp.mean()), abs=1e-3)
            assert row["psnr_db"][rung] == pytest.approx(float(terms.psnr.mean()), abs=1e-2)
        costs = [
            float(balanced(rate_distortion(x, model(x, float(k)), torch.full((11,), v)), torch.full((11,), v)))
            for k, v in enumerate(model.lambdas)
        ]
    assert row["objective"] == pytest.approx(sum(costs) / len(costs), abs=1e-3)
    assert "score" not in row


def test_the_score_is_measured_where_it_chooses():
    row = validate(build("bisic", "tiny"), torch.rand(1, 2, 3, 64, 64), Recipe(select="score"))
    assert 0 < row["score"] < 1


def test_the_score_weighs_rate_psnr_and_ssim():
    assert score(0.0, 40.0, 1.0) == pytest.approx(1)
    assert score(2.0, 10.0, -0.5) == 0
    assert score(0.4, 34.2, 0.92) == pytest.approx((0.6 + 2.5 * 0.71 + 1.5 * 0.92) / 5)


def test_a_model_that_learns_for_ms_ssim_is_chosen_by_it():
    torch.manual_seed(0)
    model, x = build("charm", "tiny", lambdas=(0.01,)), torch.rand(2, 3, 192, 192)
    recipe = Recipe(distortion="ms-ssim", crops=((1.0, 192, 1),))
    with torch.no_grad():
        lmbda = torch.full((2,), 0.01)
        cost = float(balanced(rate_distortion(x, model(x, 0.0), lmbda, "ms-ssim"), lmbda))
    assert validate(model, x, recipe)["objective"] == pytest.approx(cost, rel=1e-3)


def test_other_pictures_have_another_fingerprint_and_the_same_ones_the_same():
    x = torch.rand(2, 3, 8, 12)
    other = x.clone()
    other[1, 2, 7, 11] += 1 / 255
    found = [fingerprint(y) for y in (x, other, x[:1], x.flip(0), x.reshape(2, 3, 12, 8), x[:, None])]
    assert len(set(found)) == len(found) and all(len(digits) == 16 for digits in found)
    assert fingerprint(x.clone().contiguous(memory_format=torch.channels_last)) == found[0]
