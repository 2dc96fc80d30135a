"""Blocks on their own: shapes, inverses, and the formulas of their papers."""

import pytest
import torch

from lic_lab.blocks.gain import Gain
from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.shortcut import color_dct_basis, dct_matrix
from lic_lab.blocks.transforms import conv_analysis, conv_synthesis
from lic_lab.errors import LicLabError


def test_gdn_divides_by_the_energy_of_all_channels():
    torch.manual_seed(0)
    gdn, x = GDN(4), torch.randn(2, 4, 5, 3)
    with torch.no_grad():
        gdn.gamma += 0.2 * torch.rand(4, 4)
    beta, gamma = gdn.beta.detach() ** 2, gdn.gamma.detach() ** 2
    expected = torch.empty_like(x)
    for i in range(4):
        expected[:, i] = x[:, i] / torch.sqrt(beta[i] + sum(gamma[i, j] * x[:, j] ** 2 for j in range(4)))
    assert torch.allclose(gdn(x), expected, atol=1e-5)


def test_inverse_gdn_multiplies_by_the_same_energy():
    x = torch.randn(1, 6, 4, 4)
    assert torch.allclose(GDN(6)(x) * GDN(6, inverse=True)(x), x * x, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3, 16])
def test_the_dct_is_orthonormal(n):
    assert torch.allclose(dct_matrix(n) @ dct_matrix(n).t(), torch.eye(n), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 24, 256, 400, 768])
def test_the_color_dct_basis_is_orthonormal_and_starts_with_the_mean(channels):
    basis = color_dct_basis(channels)
    assert basis.shape == (channels, 3, 16, 16)
    assert torch.allclose(basis.flatten(1) @ basis.flatten(1).t(), torch.eye(channels), atol=1e-5)
    assert basis[0].std() < 1e-6


def test_more_channels_than_the_block_has_are_refused():
    with pytest.raises(ValueError, match="768"):
        color_dct_basis(769)


def test_at_the_start_the_shortcut_is_a_dct_codec():
    analysis, synthesis = (f((4, 4, 4), 768, shortcut="dct") for f in (conv_analysis, conv_synthesis))
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        assert torch.allclose(synthesis(analysis(x)), x, atol=1e-4)


@pytest.mark.parametrize("shortcut", [None, "dct"])
def test_transforms_go_down_sixteen_times_and_up_again(shortcut):
    y = conv_analysis((4, 6, 8), 10, shortcut=shortcut)(torch.rand(2, 3, 64, 32))
    assert y.shape == (2, 10, 4, 2)
    assert conv_synthesis((4, 6, 8), 10, shortcut=shortcut)(y).shape == (2, 3, 64, 32)


def test_an_unknown_shortcut_is_named():
    with pytest.raises(LicLabError, match="'wavelet'"):
        conv_analysis((4,), 4, shortcut="wavelet")


def test_gains_start_from_theory_and_undo_each_other():
    gain, inverse = Gain(5, [0.001, 0.01, 0.1])(torch.tensor([0.0, 1.5, 2.0]))
    assert gain.shape == inverse.shape == (3, 5, 1, 1)
    assert torch.allclose(gain * inverse, torch.ones_like(gain))
    assert gain[0, 0].item() == pytest.approx((0.001 / 4e-4) ** 0.5, rel=1e-5)
    assert gain[1, 0].item() == pytest.approx((10**-1.5 / 4e-4) ** 0.5, rel=1e-5)  # geometric between rungs
