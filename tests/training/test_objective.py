import math

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.training.objective import (
    MS_SSIM_LAMBDAS,
    MSE_LAMBDAS,
    balanced,
    lambda_from,
    lambda_of_ms_ssim,
    ms_ssim,
    rate_distortion,
)
from lic_lab.types import Output


@pytest.fixture
def pair():
    """Two pictures of 4 x 8, black, reconstructed too bright by 0.1 and by 0.2, for 64 and for 16 bits."""
    x_hat = torch.tensor([0.1, 0.2])[:, None, None, None].expand(2, 3, 4, 8).clone().requires_grad_()
    return torch.zeros(2, 3, 4, 8), Output(x_hat, {"z": torch.tensor([24.0, 6.0]), "y": torch.tensor([40.0, 10.0])})


def test_the_terms_are_one_number_for_each_picture_in_their_units(pair):
    terms = rate_distortion(*pair, torch.tensor([0.01, 0.02]))
    assert terms.bpp.tolist() == pytest.approx([64 / 32, 16 / 32])
    assert terms.mse.tolist() == pytest.approx([0.01, 0.04])
    assert terms.cost.tolist() == pytest.approx([2 + 0.01 * 255**2 * 0.01, 0.5 + 0.02 * 255**2 * 0.04])
    assert terms.psnr.tolist() == pytest.approx([20, 10 * math.log10(25)])


def test_the_balanced_loss_is_the_mean_cost_over_the_root_of_lambda(pair):
    lmbda = torch.tensor([0.004, 0.016])
    terms = rate_distortion(*pair, lmbda)
    assert balanced(terms, lmbda).item() == pytest.approx((terms.cost[0] / 1 + terms.cost[1] / 2).item() / 2)


def test_the_gradient_leads_to_the_picture(pair):
    x, output = pair
    lmbda = torch.tensor([0.004, 0.004])
    balanced(rate_distortion(x, output, lmbda), lmbda).backward()
    by_hand = 0.004 * 255**2 * 2 * output.x_hat.detach() / (3 * 4 * 8) / 2
    assert torch.allclose(output.x_hat.grad, by_hand)


def test_reconstructions_in_half_precision_are_compared_in_single(pair):
    x, output = pair
    half = Output(output.x_hat.detach().bfloat16(), output.parts)
    assert rate_distortion(x, half, torch.tensor([0.01, 0.01])).cost.dtype == torch.float32


# MS-SSIM


@pytest.mark.parametrize("size", [(176, 192), (161, 200), (256, 256)])
def test_ms_ssim_is_that_of_pytorch_msssim_and_so_is_its_gradient(size):
    from pytorch_msssim import ms_ssim as library

    torch.manual_seed(0)
    x = torch.rand(2, 3, *size)
    ours, theirs = ((x + 0.2 * torch.rand_like(x)).clamp(0, 1).requires_grad_() for _ in range(2))
    theirs.data.copy_(ours.data)
    a, b = ms_ssim(x, ours), library(x, theirs, data_range=1, size_average=False)
    assert torch.allclose(a, b, atol=1e-5)
    a.sum().backward(), b.sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)


def test_a_negative_of_a_picture_still_has_a_gradient():
    from pytorch_msssim import ms_ssim as library

    torch.manual_seed(0)
    x = torch.rand(1, 3, 176, 176)
    negative = (1 - x).requires_grad_()
    ms_ssim(x, negative).sum().backward()
    assert torch.isfinite(negative.grad).all() and negative.grad.abs().max() > 0
    assert ms_ssim(x, negative - 0.1 * negative.grad / negative.grad.abs().max()) < ms_ssim(x, negative)
    theirs = (1 - x).requires_grad_()
    library(x, theirs, data_range=1).backward()
    assert not theirs.grad.any()  # the reason why training does not use it


def test_ms_ssim_of_small_crops_is_refused():
    with pytest.raises(LicLabError, match="MS-SSIM needs crops of 176 pixels or more, got 128"):
        ms_ssim(torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128))


def test_the_objective_for_ms_ssim_is_rate_plus_its_own_lambda_of_one_minus_it_for_pictures_and_for_pairs():
    torch.manual_seed(0)
    x, x_hat, lmbda = torch.rand(2, 2, 3, 176, 176), torch.rand(2, 2, 3, 176, 176), torch.tensor([0.0018, 0.0483])
    output = Output(x_hat, {"y": torch.tensor([1000.0, 2000.0])})
    terms = rate_distortion(x, output, lmbda, "ms-ssim")
    for k, weight in enumerate((2.40, 60.50)):
        likeness = (ms_ssim(x[k, :1], x_hat[k, :1]) + ms_ssim(x[k, 1:], x_hat[k, 1:])) / 2
        assert terms.cost[k].item() == pytest.approx((output.bpp[k] + weight * (1 - likeness)).item(), rel=1e-5)
    one = rate_distortion(x[:, 0], Output(x_hat[:, 0], output.parts), lmbda, "ms-ssim")
    assert one.cost.shape == (2,) and torch.allclose(one.mse, ((x - x_hat)[:, 0] ** 2).mean((1, 2, 3)))


# Conventions


def test_the_field_s_pairs_of_lambdas_lie_on_the_law_within_a_percent():
    for mse, similarity in zip(MSE_LAMBDAS, MS_SSIM_LAMBDAS, strict=True):
        assert lambda_of_ms_ssim(mse) == pytest.approx(similarity, rel=0.01)
        assert lambda_from(similarity, "ms-ssim") == pytest.approx(mse, rel=0.01)


def test_every_convention_weighs_rate_against_distortion_as_its_own_formula_does(pair):
    x, output = pair
    terms = rate_distortion(x, output, torch.tensor([1.0, 1.0]))
    bisic = terms.bpp + 2048 * terms.mse
    assert torch.allclose(rate_distortion(x, output, torch.full((2,), lambda_from(2048, "bisic"))).cost, bisic)
    asymmetric = 4 * terms.mse + 0.05 * terms.bpp  # on [-1, 1] an error is twice as large
    cost = rate_distortion(x, output, torch.full((2,), lambda_from(0.05, "asymmetric"))).cost
    assert torch.allclose(asymmetric / cost, torch.full((2,), 0.05))
    assert lambda_from(0.0018, "mse") == 0.0018


@pytest.mark.parametrize(("value", "convention"), [(0.0, "mse"), (-1.0, "bisic"), (1.0, "bismic")])
def test_a_lambda_that_means_nothing_is_refused(value, convention):
    with pytest.raises(LicLabError, match="lambda"):
        lambda_from(value, convention)
