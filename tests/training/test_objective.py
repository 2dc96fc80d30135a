import math

import pytest
import torch

from lic_lab.training.objective import balanced, rate_distortion
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
