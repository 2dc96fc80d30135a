"""Soft rounding stays between the two integers, prefers the nearer one as it cools, and lets a gradient through."""

import numpy as np
import torch

from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.entropy.refining import Refine, soft_round
from lic_lab.entropy.wires import Decode, Encode


def draws(value: float, temperature: float, number: int = 20_000) -> torch.Tensor:
    return soft_round(torch.full((number,), value), temperature, torch.Generator().manual_seed(0))


def test_what_is_drawn_lies_between_the_two_integers():
    x = torch.linspace(-3, 3, 4001)
    soft = soft_round(x, 0.3, torch.Generator().manual_seed(0))
    assert (soft >= x.floor()).all() and (soft <= x.floor() + 1).all()


def test_cold_draws_are_the_nearest_integer():
    assert (draws(2.3, 0.1) - 2).abs().mean() < 0.01 and (draws(-1.2, 0.1) + 1).abs().mean() < 0.01


def test_the_middle_is_drawn_to_both_sides_alike():
    assert abs((draws(0.5, 0.2) > 0.5).float().mean() - 0.5) < 0.02


def test_the_odds_are_those_of_the_paper():
    f, t = 0.4, 0.5  # P(upper) / P(lower) = exp((atanh f - atanh(1 - f)) / t)
    odds = np.exp((np.arctanh(f) - np.arctanh(1 - f)) / t)
    upper = (draws(f, t) > 0.5).float().mean().item()  # a relaxed draw is nearer to the one it stands for
    assert abs(upper - odds / (1 + odds)) < 0.02


def test_the_same_seed_draws_the_same():
    assert torch.equal(draws(0.4, 0.3, 50), draws(0.4, 0.3, 50))


def test_a_gradient_reaches_the_value_and_integers_stand_still_without_breaking_it():
    x = torch.tensor([0.3, 0.5, 2.0, -4.0], requires_grad=True)
    soft_round(x, 0.5, torch.Generator().manual_seed(0)).sum().backward()
    assert torch.isfinite(x.grad).all() and (x.grad[:2] > 0).all()


def test_side_latents_are_filled_in_once_and_then_kept():
    sides, density, z = {}, FactorizedDensity(2), torch.tensor([0.3, 1.7]).reshape(1, 2, 1, 1)
    for said in (z, z + 5):
        wire = Refine(sides, None, torch.Generator())
        assert torch.equal(wire.factorized(said, density, said.shape), z)
    assert list(sides) == ["z"] and wire.parts["z"] > 0


def test_without_a_temperature_nothing_is_rounded():
    y, mean = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    y_hat = Refine({}, None, torch.Generator()).gaussian(y, mean, torch.ones_like(mean))
    assert torch.allclose(y_hat, y, atol=1e-6)


def test_encode_sends_the_side_latents_it_is_given():
    density, said, meant = FactorizedDensity(1).eval(), torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 3.0)
    coder = Encoder()
    Encode(coder, sides={"z": meant}).factorized(said, density, said.shape)
    read = Decode(Decoder(coder.finish())).factorized(None, density, said.shape)
    assert torch.equal(read, meant.double())
