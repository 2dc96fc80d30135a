"""The exact layers: the same bits in any order of summation, and close to the float layers they stand for."""

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.exact import exact_conv, exact_up
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
