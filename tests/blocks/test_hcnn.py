"""Hierarchical convolutions: shapes, receptive fields, and what they save."""

import pytest
import torch

from lic_lab.blocks.gdn import GDN
from lic_lab.blocks.hcnn import DSC, HCNN, LightUp, LNPReLU, MBConv, SplitChain, normalise
from lic_lab.errors import LicLabError


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def residual_block(n: int, kernel: int) -> int:
    """Parameters of the base paper's RB_k: 1x1 to n/2, k x k, 1x1 back, each with a bias."""
    half = n // 2
    return (n * half + half) + (kernel**2 * half * half + half) + (half * n + n)


def msrb(n: int) -> int:
    """Parameters of the base paper's multi-scale residual block: two pairs of RB_3 and RB_5, two GDN, three fusions."""
    pair, gdn, fuse = residual_block(n, 3) + residual_block(n, 5), n * n + n, 2 * n * n + n
    return 2 * pair + 2 * gdn + 3 * fuse


def touched(module: torch.nn.Module, channels: int, side: int = 21) -> int:
    """Rows that one value in the middle can change."""
    x = torch.zeros(1, channels, side, side)
    nudged = x.clone()
    nudged[..., side // 2, side // 2] = 1.0
    with torch.no_grad():
        return int((module(nudged) - module(x)).abs().amax((0, 1, 3)).gt(0).sum())


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (5, 3), (1, 7)])
@pytest.mark.parametrize("block", [MBConv, SplitChain, HCNN, LNPReLU, lambda c: HCNN(c, kernels=(3,), expand=2)])
def test_a_block_keeps_the_shape_of_its_map(block, size):
    x = torch.randn(2, 5, *size)
    assert block(5)(x).shape == x.shape


def test_a_chain_of_filters_sees_three_then_seven_then_thirteen_pixels():
    torch.manual_seed(0)
    assert [touched(SplitChain(8, kernels=(3, 5, 7)[:n]), 8) for n in (1, 2, 3)] == [3, 7, 13]
    assert touched(HCNN(8), 8) == 15


def test_half_of_every_step_is_kept_and_all_of_the_last():
    torch.manual_seed(0)
    chain, fused = SplitChain(7), []
    chain.fuse.register_forward_pre_hook(lambda _, inputs: fused.append(inputs[0]))
    x = torch.randn(1, 7, 9, 9)
    chain(x)
    first = chain.steps[0](x)  # 7 channels: 4 stay, 3 go on
    second = chain.steps[1](first[:, 4:])  # 3 channels: 2 stay, 1 goes on
    expected = torch.cat([first[:, :4], second[:, :2], chain.steps[2](second[:, 2:])], dim=1)
    assert torch.equal(fused[0], expected)


def test_too_few_channels_for_the_chain_are_refused():
    with pytest.raises(LicLabError, match="more channels"):
        SplitChain(3)


def test_a_separable_convolution_is_the_dense_one_with_the_product_of_its_kernels():
    torch.manual_seed(0)
    separable, x = DSC(3, 5, 5, stride=2), torch.randn(2, 3, 11, 8)
    dense = separable[1].weight * separable[0].weight.transpose(0, 1)  # (5, 3, 1, 1) * (1, 3, 5, 5)
    expected = torch.nn.functional.conv2d(x, dense, separable[1].bias, stride=2, padding=2)
    assert torch.allclose(separable(x), expected, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: DSC(8, 4), lambda: HCNN(8), lambda: LightUp(8, 3, inner=5)])
def test_every_parameter_of_a_block_gets_a_gradient(make):
    torch.manual_seed(0)
    block = make()
    block(torch.randn(2, 8, 9, 10)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())


def test_layer_norm_makes_every_position_its_own_statistics():
    torch.manual_seed(0)
    norm, x = LNPReLU(6), torch.randn(2, 6, 4, 5)
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / torch.sqrt(x.var(1, correction=0, keepdim=True) + 1e-5)
    assert torch.allclose(norm(x), torch.where(scaled > 0, scaled, 0.25 * scaled), atol=1e-5)
    assert torch.allclose(norm(x)[:1], norm(x[:1]), atol=1e-6)  # other pictures of the batch have no say


def test_the_norm_is_chosen_by_name():
    assert isinstance(normalise("ln-prelu", 4, inverse=True), LNPReLU)
    assert normalise("gdn", 4, inverse=True).inverse
    with pytest.raises(LicLabError, match="'batch'"):
        normalise("batch", 4)


def test_layer_norm_and_prelu_save_98_percent_of_the_parameters_of_gdn():
    saved = 1 - parameters(LNPReLU(128)) / parameters(GDN(128))
    print(f"LN + PReLU {parameters(LNPReLU(128)):,}, GDN {parameters(GDN(128)):,}: {saved:.1%} fewer")
    assert saved == pytest.approx(0.977, abs=0.001)


def test_a_stage_saves_about_60_percent_of_the_parameters_of_the_block_it_replaces():
    assert msrb(128) == 29 * 128**2 + 13 * 128 == 476_800
    assert parameters(HCNN(128)) == 180_640
    saved = {n: 1 - parameters(HCNN(n)) / msrb(n) for n in (64, 128, 192)}
    print("HCNN against MSRB:", {n: f"{share:.1%} fewer" for n, share in saved.items()})
    assert saved[128] > 0.6 and all(0.59 < share < 0.65 for share in saved.values())


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 5)])
def test_a_light_step_doubles_rows_and_columns(size):
    assert LightUp(6, 4, inner=5)(torch.randn(2, 6, *size)).shape == (2, 4, 2 * size[0], 2 * size[1])


def test_a_light_step_costs_what_its_docstring_says():
    from torch.utils.flop_counter import FlopCounterMode

    def products(module: torch.nn.Module) -> float:
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 32, 8, 8))
        return counter.get_total_flops() / 2 / 16**2

    dense = torch.nn.ConvTranspose2d(32, 16, 5, stride=2, padding=2, output_padding=1)
    assert products(LightUp(32, 16)) == 32 * 16 + 25 * 16 + 16 * 16
    assert products(dense) == 6.25 * 32 * 16
