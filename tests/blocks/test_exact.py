"""The exact layers: the same bits in any order of summation, and close to the float layers they stand for."""

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.exact import (
    CausalConv1d,
    ChannelNorm,
    ExactLayerNorm,
    ExactLinear,
    exact_conv,
    exact_up,
)
from lic_lab.ops.exact import GRID, LIMIT, snap


@pytest.fixture(params=[exact_conv, exact_up])
def layer(request):
    torch.manual_seed(0)
    return request.param(24, 16, 5)


def picture(seed: int = 1) -> torch.Tensor:
    return torch.randn(1, 24, 9, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 20


def test_float32_input_runs_the_stock_layer(layer):
    x = picture().float()
    stock = type(layer).__mro__[2]
    assert torch.equal(layer(x), stock.forward(layer, x))


def test_float64_input_stays_close_to_the_stock_layer(layer):
    x = picture()
    assert torch.allclose(layer(x).float(), layer(x.float()), atol=0.02)


def test_the_result_does_not_depend_on_the_order_of_the_channels(layer):
    x, order = snap(picture()), torch.randperm(24, generator=torch.Generator().manual_seed(2))
    straight = layer(x)
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:, order] if layer.weight.shape[1] == 24 else layer.weight[order])
    assert torch.equal(straight, layer(x[:, order]))


def test_unfold_and_matmul_give_the_same_bits():
    torch.manual_seed(0)
    layer, x = exact_conv(24, 16, 3), snap(picture())
    weight, bias, grid = layer._on_grid()
    columns = F.unfold(snap(x, grid), 3, padding=1)[0]  # (24 * 9, l)
    halves = [weight.flatten(1)[:, s] @ columns[s] for s in (slice(0, 100), slice(100, None))]
    other = (halves[1] + halves[0] + bias[:, None]).reshape(1, 16, 9, 7)
    assert torch.equal(layer(x), other)


def test_new_weights_are_noticed(layer):
    before = layer(picture())
    with torch.no_grad():
        layer.weight.mul_(2)
    assert not torch.equal(before, layer(picture()))


def test_the_grid_is_idempotent_and_bounded():
    x = torch.tensor([0.1, -0.1, 1e9, -1e9, 0.5 / GRID, 1.5 / GRID])
    assert torch.equal(snap(snap(x)), snap(x))
    assert snap(x).abs().max() == LIMIT
    assert snap(x)[4] == 0 and snap(x)[5] == 2 / GRID  # ties to even, as IEEE says


def test_a_layer_too_large_for_53_bits_is_refused():
    with pytest.raises(ValueError, match="does not fit 53 bits"):
        exact_conv(8000, 1, 3)(torch.zeros(1, 8000, 1, 1, dtype=torch.float64))


# The layers of state-space models: name -> layer and the shape of its input.
OTHERS = {
    "linear": (lambda: ExactLinear(24, 10), (2, 9, 24)),
    "linear without bias": (lambda: ExactLinear(24, 10, bias=False), (2, 9, 24)),
    "causal convolution": (lambda: CausalConv1d(24, 4), (2, 24, 9)),
    "depthwise convolution": (lambda: exact_conv(24, 24, 3, groups=24), (2, 24, 5, 7)),
    "grouped convolution": (lambda: exact_conv(24, 48, 3, groups=4), (2, 24, 5, 7)),
    "norm of tokens": (lambda: ExactLayerNorm(24), (2, 9, 24)),
    "norm of channels": (lambda: ChannelNorm(24), (2, 24, 5, 7)),
}


@pytest.fixture(params=list(OTHERS))
def other(request):
    torch.manual_seed(0)
    make, shape = OTHERS[request.param]
    layer = make()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return layer, torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_coding_stays_close_to_training(other, scale):
    layer, x = other
    trained, coded = layer((scale * x).float()).double(), layer(scale * x)
    assert coded.dtype == torch.float64
    assert (coded - trained).abs().max() < 2e-3 * trained.abs().max()


def test_training_in_float64_is_left_to_the_stock_layer(other):
    layer, x = other
    x = x.requires_grad_()
    assert torch.autograd.gradcheck(layer.double(), (x,), fast_mode=True)


def test_what_is_far_too_large_is_bounded_and_not_refused(other):
    layer, x = other
    assert torch.isfinite(layer(1e30 * x)).all()


def test_a_norm_does_not_depend_on_the_order_of_the_channels():
    torch.manual_seed(0)
    norm, x = ExactLayerNorm(300), torch.randn(7, 300, dtype=torch.float64) * torch.logspace(-5, 5, 7)[:, None]
    order = torch.randperm(300)
    assert torch.equal(norm(x)[:, order], norm(x[:, order]))


def test_a_norm_of_equal_values_is_its_bias():
    assert not ExactLayerNorm(8)(torch.zeros(1, 8, dtype=torch.float64)).any()
    assert not ExactLayerNorm(8)(torch.full((1, 8), 3.25, dtype=torch.float64)).any()


def test_a_causal_convolution_sees_the_past_only():
    conv, x = CausalConv1d(2, 4), torch.randn(1, 2, 9)
    nudged = x.clone()
    nudged[..., 4] += 1
    moved = (conv(nudged) != conv(x)).any(1)[0]
    assert moved.tolist() == [False] * 4 + [True] * 4 + [False]


def test_fewer_summands_leave_a_finer_grid():
    layer, x = ExactLinear(4, 1), torch.full((1, 4), 2.0**-18, dtype=torch.float64)
    assert layer(x).item() != layer(0 * x).item()  # a grid of 2**-12 would have swallowed it
    small, large = (exact_conv(n, 1, 3)._on_grid()[2] for n in (8, 2000))
    assert small > large >= GRID
