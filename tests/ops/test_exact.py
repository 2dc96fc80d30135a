"""Functions made of single IEEE operations: close to torch's, and the same bits however they are computed."""

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lic_lab.ops import exact
from lic_lab.ops.exact import GRID, LIMIT, exp, exp_negative, sigmoid, silu, snap, softplus

FUNCTIONS = {exp: torch.exp, sigmoid: torch.sigmoid, silu: F.silu, softplus: F.softplus}


def line(first, last, points=200_001):
    return torch.linspace(first, last, points, dtype=torch.float64)


# One number after the other, in Python's floats: the slow twins


def exp_negative_of_one(x):
    v = max(x, -16.0) / 32
    p = 1.0
    for divisor in (5, 4, 3, 2, 1):
        p = p * v * (1 / divisor) + 1.0
    for _ in range(5):
        p = p * p
    return p


def exp_of_one(x):
    small = exp_negative_of_one(-abs(x))
    return small if x < 0 else 1 / small


def sigmoid_of_one(x):
    small = exp_negative_of_one(-abs(x))
    return (small if x < 0 else 1.0) / (1 + small)


def silu_of_one(x):
    return x * sigmoid_of_one(x)


def softplus_of_one(x):
    small = exp_negative_of_one(-abs(x))
    s = small / (2 + small)
    series = 0.0
    for odd in (13, 11, 9, 7, 5, 3, 1):
        series = series * (s * s) + 1 / odd
    return max(x, 0.0) + 2 * s * series


TWINS = {
    exp_negative: exp_negative_of_one, exp: exp_of_one, sigmoid: sigmoid_of_one, silu: silu_of_one,
    softplus: softplus_of_one,
}  # fmt: skip


@pytest.mark.parametrize("function", TWINS)
def test_a_tensor_and_a_lone_python_float_give_the_same_bits(function):
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([40 * torch.rand(4099, generator=generator, dtype=torch.float64) - 20, line(-17, 17, 1001)])
    x = torch.cat([x, torch.tensor([0.0, 1e-300, -1e-300, 1e300, -1e300, 2.0**-12, -16.0, 16.0], dtype=torch.float64)])
    x = -x.abs() if function is exp_negative else x
    assert function(x).tolist() == [TWINS[function](value) for value in x.tolist()]


@pytest.mark.parametrize("function", TWINS)
def test_neither_length_nor_strides_nor_threads_change_a_bit(function):
    x = -10 * torch.rand(3, 50_001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole, threads = function(x), torch.get_num_threads()
    assert torch.equal(function(x[:, 1::7]), whole[:, 1::7])
    assert torch.equal(function(x.T.contiguous()), whole.T)
    try:
        torch.set_num_threads(3)
        assert torch.equal(function(x), whole)
    finally:
        torch.set_num_threads(threads)


# Close to torch's own


def test_the_exponential_of_what_is_negative_is_close_everywhere():
    x = line(-40, 0)
    assert (exp_negative(x) - torch.exp(x)).abs().max() < 1.2e-7  # e^-16 stands for all beyond
    near = x[x > -16]
    assert (exp_negative(near) - torch.exp(near)).abs().max() < 1e-8


def test_the_exponential_of_what_is_near_zero_is_close_in_proportion():
    x = line(-2, 2)
    assert (exp(x) / torch.exp(x) - 1).abs().max() < 1e-8


@pytest.mark.parametrize(("function", "within", "beyond"), [(sigmoid, 1e-8, 1.2e-7), (softplus, 2e-8, 1.2e-7)])
def test_gates_and_steps_are_close(function, within, beyond):
    x = line(-16, 16)
    wanted = torch.logaddexp(x, torch.zeros_like(x)) if function is softplus else torch.sigmoid(x)
    assert (function(x) - wanted).abs().max() < within
    far = torch.cat([line(-1000, -16), line(16, 1000)])
    wanted = far.clamp(min=0) if function is softplus else (far > 0).double()
    assert (function(far) - wanted).abs().max() < beyond


def test_silu_is_close_on_the_grid_of_activations_however_far():
    x = snap(line(-LIMIT, LIMIT))
    assert (snap(silu(x)) - F.silu(x)).abs().max() <= 0.5 / GRID + 1e-6


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_types_get_torchs_own(function, dtype):
    x = line(-20, 20, 1001).to(dtype)
    assert torch.equal(function(x), FUNCTIONS[function](x))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_overflows_and_nan_is_not_swallowed(function):
    x = torch.tensor([1e308, -1e308, math.inf, -math.inf], dtype=torch.float64)
    finite = function(x[:2])
    assert torch.isfinite(finite).all()
    assert torch.isnan(function(torch.tensor([math.nan], dtype=torch.float64))).all()


def test_values_stay_in_their_ranges():
    x = torch.cat([line(-1000, 1000), line(-1, 1)])
    assert (exp_negative(-x.abs()) > 0).all() and (exp_negative(-x.abs()) <= 1).all()
    assert (sigmoid(x) > 0).all() and (sigmoid(x) <= 1).all()
    assert (softplus(x) > 0).all() and (softplus(x) >= x).all()


# Grid


@given(x=st.floats(-5000, 5000), bits=st.integers(0, 20))
def test_snap_rounds_to_the_nearest_multiple_ties_to_even(x, bits):
    got = snap(torch.tensor([x], dtype=torch.float64), 2.0**bits, 2.0**10).item()
    assert got == min(max(round(Fraction(x) * 2**bits) / 2**bits, -1024), 1024)


# Gradient


@pytest.mark.parametrize("function", FUNCTIONS)
def test_finite_differences_confirm_the_gradient(function):
    x = torch.tensor([-15.0, -3.0, -0.7, -1e-3, 1e-3, 0.4, 2.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,), eps=1e-7, atol=1e-5, rtol=1e-5)


# Sums: over any axis, in any order


@pytest.mark.parametrize("count", [1, 2, 1536, 5000, 40_000])
def test_a_softmax_does_not_depend_on_the_order_of_what_it_adds_up(count):
    generator = torch.Generator().manual_seed(count)
    for draw in range(20):
        x = (1 + draw) * torch.randn(count, dtype=torch.float64, generator=generator)
        order = torch.randperm(count, generator=generator)
        assert torch.equal(exact.softmax(x, 0)[order], exact.softmax(x[order], 0))


def test_an_exact_softmax_is_a_softmax():
    x = 4 * torch.randn(3, 500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for dim in (0, 1, -1):
        assert torch.allclose(exact.softmax(x, dim), torch.softmax(x, dim), rtol=1e-4, atol=2e-7)
    peak = torch.full((2**15,), -30.0, dtype=torch.float64)
    peak[7] = 0.0
    assert exact.softmax(peak, 0)[7] == 1.0  # what is far below counts as nothing, however much of it there is
    for same in (0.0, -0.0, 1e300, -1e300):
        assert torch.allclose(
            exact.softmax(torch.full((6,), same, dtype=torch.float64), 0), torch.tensor(1 / 6).double()
        )


@pytest.mark.parametrize("count", [1, 3, 1536, 100_000])
def test_a_product_does_not_depend_on_the_order_of_what_it_adds_up(count):
    generator = torch.Generator().manual_seed(count)
    for scale in (1e-9, 1.0, 300.0, 1e9):
        a = scale * torch.randn(2, 3, count, dtype=torch.float64, generator=generator)
        b = torch.randn(2, count, 4, dtype=torch.float64, generator=generator).exp()
        order = torch.randperm(count, generator=generator)
        assert torch.equal(exact.matmul(a, b), exact.matmul(a[..., order], b[:, order]))


def test_every_partial_sum_of_a_product_fits_53_bits():
    """The worst there is: everything as large as it can be."""
    for count in (3, 4, 5, 1000, 2**17, 2**17 + 1):
        a = torch.full((1, count), 1024.0, dtype=torch.float64)
        bits = (53 - math.ceil(math.log2(count))) // 2
        largest, _ = exact.in_units(a, -1, bits)
        assert largest.max() <= 2**bits and largest.max() ** 2 * count <= 2**53
        assert torch.equal(exact.matmul(a, a.T), torch.tensor([[1024.0**2 * count]], dtype=torch.float64))


def test_an_exact_product_is_a_product_and_no_row_suffers_from_another():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(4, 300, dtype=torch.float64, generator=generator).softmax(1)
    a[0] = 0.0
    a[0, 5] = 1.0  # a peak beside rows that are nearly flat
    b = torch.randn(300, 5, dtype=torch.float64, generator=generator)
    assert torch.allclose(exact.matmul(a, b), a @ b, rtol=1e-4, atol=1e-5)
    flat = torch.full((2, 100_000), 1e-5, dtype=torch.float64)
    flat[0] = 0.0
    flat[0, 0] = 1.0
    assert torch.allclose(exact.matmul(flat, torch.ones(100_000, 1).double()), torch.ones(2, 1).double(), rtol=1e-4)


def test_numbers_in_units_are_whole_and_their_unit_is_a_power_of_two():
    x = torch.tensor([[0.3, -0.7], [5e5, 1.0], [0.0, 0.0], [1e-9, -1e-9]], dtype=torch.float64)
    number, unit = exact.in_units(x, -1, 20)
    assert torch.equal(number, number.round()) and number.abs().max() <= 2**20
    assert torch.equal(torch.frexp(unit).mantissa, torch.full((4, 1), 0.5).double())
    assert torch.allclose((number * unit)[0], x[0], atol=1e-6)
    assert (number * unit)[1, 0] == exact.LIMIT
