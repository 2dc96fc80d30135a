"""Dual wavelet attention: the range of its gate, its parts, and maps of any size."""

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.wavelet import DWAN
from lic_lab.ops.wavelets import dwt2, idwt2

SIZES = [(8, 8), (7, 5), (1, 6), (1, 1)]


@pytest.fixture
def dwan():
    """Attention that has left its start: large weights, so that gates reach both ends."""
    torch.manual_seed(0)
    block = DWAN(6)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0, 2)
    return block


@pytest.mark.parametrize("size", SIZES)
def test_the_gate_stays_between_three_tenths_and_one(dwan, size):
    x = torch.randn(2, 6, *size) * 30
    look = dwan.look(x)
    assert look.gate.shape == look.spatial.shape == x.shape
    assert 0.3 <= look.gate.min() and look.gate.max() <= 1
    assert torch.equal(dwan(x), x * look.gate)
    if size == (8, 8):
        assert look.gate.min() < 0.35 and look.gate.max() > 0.95  # both ends are in reach


def test_the_gate_is_the_formula_written_out(dwan):
    x = torch.randn(2, 6, 4, 6)
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    bands = [(a + b + c + d) / 2, (a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]  # ll, lh, hl, hh
    means = torch.cat([band.abs().mean((2, 3)) for band in bands], dim=1)
    channel = dwan.channel[2](torch.relu(dwan.channel[0](means)))[:, :, None, None]
    weights = torch.exp(dwan.band_logits) / torch.exp(dwan.band_logits).sum(0)
    weighted = torch.cat([band * weight[:, None, None] for band, weight in zip(bands, weights, strict=True)], dim=1)
    spatial = F.interpolate(dwan.spatial(weighted), size=(4, 6), mode="bilinear", align_corners=False)
    expected = 0.3 + 0.7 / (1 + torch.exp(-channel - spatial))
    assert torch.allclose(dwan.look(x).gate, expected, atol=1e-5)


def test_both_halves_of_the_attention_decide(dwan):
    x = torch.randn(1, 6, 8, 8)
    look = dwan.look(x)
    assert look.channel.shape == (1, 6, 1, 1) and look.channel.std() > 0
    assert look.spatial.std((2, 3)).min() > 0
    corner = x.clone()
    corner[..., :2, :2] += 5  # detail far away reaches this place through the channel term alone
    other = dwan.look(corner)
    assert torch.equal(other.spatial[..., 6:, 6:], look.spatial[..., 6:, 6:])
    assert not torch.equal(other.gate[..., 6:, 6:], look.gate[..., 6:, 6:])


def test_bands_share_one_and_a_band_without_weight_has_no_say_in_the_spatial_term(dwan):
    assert torch.allclose(dwan.look(torch.randn(1, 6, 8, 8)).bands.sum(0), torch.ones(6))
    with torch.no_grad():
        dwan.band_logits.copy_(torch.tensor([[0.0], [-1e4], [0.0], [0.0]]).expand(4, 6))
    ll, lh, hl, hh = dwt2(torch.randn(1, 6, 8, 8))
    x, y, z = (idwt2(bands, (8, 8)) for bands in ((ll, lh, hl, hh), (ll, -lh, hl, hh), (ll, lh, -hl, hh)))
    assert torch.allclose(dwan.look(x).spatial, dwan.look(y).spatial, atol=1e-4)
    assert not torch.allclose(dwan.look(x).spatial, dwan.look(z).spatial, atol=1e-2)


def test_it_starts_nearly_open_and_alike_everywhere():
    gate = DWAN(6).look(torch.randn(2, 6, 7, 9) * 5).gate
    assert gate.min() > 0.97 and gate.std() < 1e-6


def test_every_parameter_gets_a_gradient(dwan):
    with torch.no_grad():  # less extreme, so that no sigmoid is flat
        for parameter in dwan.parameters():
            parameter *= 0.1
    dwan(torch.randn(2, 6, 7, 8)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in dwan.parameters())


@pytest.mark.parametrize("size", SIZES)
def test_the_haar_bands_give_the_map_back(size):
    x = torch.randn(2, 6, *size, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(idwt2(dwt2(x), size), x, atol=1e-6)


def test_half_precision_leaves_the_gate_in_float32(dwan):
    with torch.autocast("cpu", torch.bfloat16):
        look = dwan.look(torch.randn(1, 6, 8, 8))
    assert look.gate.dtype == torch.float32
