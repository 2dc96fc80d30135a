"""The post-quantisation filter: identity at first, bounded always, and able to learn."""

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.post_filter import PostFilter
from lic_lab.ops.wavelets import dwt2, idwt2

SIZES = [(8, 8), (5, 7), (1, 6), (1, 1)]


def latent(seed: int, batch: int = 4, side: int = 12) -> torch.Tensor:
    """A smooth latent of a few steps, the kind whose rounding error its neighbours know: (batch, 4, side, side)."""
    noise = torch.randn(batch, 4, side // 3, side // 3, generator=torch.Generator().manual_seed(seed))
    return 1.5 * F.interpolate(noise, (side, side), mode="bicubic", align_corners=False)


def randomised(**options) -> PostFilter:
    torch.manual_seed(0)
    block = PostFilter(4, hidden=8, **options)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0, 1)
    return block


@pytest.mark.parametrize("wavelet", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_it_starts_as_the_identity(size, wavelet):
    y_hat = torch.randn(2, 4, *size) * 20
    assert torch.equal(PostFilter(4, hidden=8, wavelet=wavelet)(y_hat), y_hat)


@pytest.mark.parametrize("wavelet", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_it_never_moves_a_value_by_more_than_half_a_step(size, wavelet):
    block, y_hat = randomised(wavelet=wavelet), torch.randn(2, 4, *size) * 50
    moved = block.correction(y_hat)
    assert moved.shape == y_hat.shape
    assert 0.01 < moved.abs().max() <= 0.5
    assert torch.equal(block(y_hat), y_hat + moved)


def test_the_correction_is_the_formula_written_out():
    block, y_hat = randomised(), 3 * torch.randn(2, 4, 6, 8)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter *= 0.1
    refined = idwt2(tuple(net(torch.asinh(band)) for net, band in zip(block.refined, dwt2(y_hat), strict=True)), (6, 8))
    terms = block.own(torch.asinh(y_hat)) + block.mixed(torch.asinh(y_hat)) + refined
    assert torch.allclose(block.correction(y_hat), 0.5 * torch.tanh(terms), atol=1e-6)
    block.refined = None
    assert not torch.allclose(block.correction(y_hat), 0.5 * torch.tanh(terms), atol=1e-3)


@pytest.mark.parametrize("wavelet", [True, False])
def test_the_error_has_a_gradient_for_every_parameter_of_the_filter_and_for_nothing_else(wavelet):
    block, y = randomised(wavelet=wavelet), latent(0).requires_grad_()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter *= 0.2
    block.error(y, y + 0.3 * torch.sin(9 * y)).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())
    assert y.grad is None


def test_at_the_start_the_last_layers_already_have_a_gradient():
    block, y = PostFilter(4, hidden=8), latent(0)
    block.error(y, y.round()).sum().backward()
    assert all(net[-1].weight.grad.abs().sum() > 0 for net in (block.mixed, *block.refined))


def test_the_error_counts_squared_steps_of_each_picture():
    y = latent(0)
    assert torch.allclose(PostFilter(4).error(y, y.round()), ((y.round() - y) ** 2).mean((1, 2, 3)))


@pytest.mark.parametrize("wavelet", [True, False])
def test_training_takes_away_part_of_the_rounding_error_of_latents_not_seen(wavelet):
    torch.manual_seed(0)
    block, unseen = PostFilter(4, hidden=8, wavelet=wavelet), latent(999)
    optimizer = torch.optim.Adam(block.parameters(), 1e-2)
    for step in range(60):
        y = latent(step)
        optimizer.zero_grad()
        block.error(y, y.round()).mean().backward()
        optimizer.step()
    before = ((unseen.round() - unseen) ** 2).mean()
    with torch.no_grad():
        assert block.error(unseen, unseen.round()).mean() < 0.9 * before
