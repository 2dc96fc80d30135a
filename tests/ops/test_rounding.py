import pytest
import torch

from lic_lab.ops.rounding import add_noise, lower_bound, round_ste


@pytest.mark.parametrize("op", [add_noise, round_ste, lambda x: lower_bound(x, 0.11)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_shape_and_type_stay(op, dtype):
    y = op(torch.randn(2, 3, 5, dtype=dtype))
    assert y.shape == (2, 3, 5)
    assert y.dtype == dtype


def test_noise_is_uniform_over_one_bin():
    noise = add_noise(torch.zeros(200_000), generator=torch.Generator().manual_seed(0))
    assert -0.5 <= noise.min() < -0.499
    assert 0.499 < noise.max() < 0.5
    assert noise.mean().abs() < 0.003  # standard error 0.0006
    assert noise.var() == pytest.approx(1 / 12, rel=0.01)


def test_noise_repeats_with_the_same_generator():
    x = torch.randn(10)
    first, second = (add_noise(x, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)


def test_rounding_is_exactly_that_of_torch():
    x = torch.cat([torch.randn(10_000) * scale for scale in (0.3, 3, 1e3, 1e7)] + [torch.arange(-5, 5) + 0.5])
    assert torch.equal(round_ste(x), x.round())


def test_the_gradient_goes_straight_through_noise_and_rounding():
    for op in (add_noise, round_ste):
        x = torch.randn(7, requires_grad=True)
        weights = torch.randn(7)
        (op(x) * weights).sum().backward()
        assert torch.equal(x.grad, weights)


@pytest.mark.parametrize(
    ("value", "upstream", "passed"),
    [
        (0.5, 1.0, 1.0),  # above: everything passes
        (0.5, -1.0, -1.0),
        (0.1, 1.0, 0.0),  # below, and descent would go further down: nothing passes
        (0.1, -1.0, -1.0),  # below, and descent would come back up: passes
        (0.25, 1.0, 1.0),  # on the bound
    ],
)
def test_the_bound_lets_a_gradient_pass_that_leads_back_up(value, upstream, passed):
    x = torch.tensor([value], requires_grad=True)
    y = lower_bound(x, 0.25)
    y.backward(torch.tensor([upstream]))
    assert y.item() == max(value, 0.25)
    assert x.grad.item() == passed


def test_descent_leaves_a_plain_clamp_stuck_but_not_the_bound():
    for op, end in ((lower_bound, 0.5), (lambda x, bound: x.clamp(min=bound), -1.0)):
        x = torch.tensor([-1.0], requires_grad=True)
        for _ in range(200):
            (gradient,) = torch.autograd.grad((op(x, 0.1) - 0.5) ** 2, x)
            x = (x - 0.1 * gradient).detach().requires_grad_()
        assert x.item() == pytest.approx(end, abs=0.01)
