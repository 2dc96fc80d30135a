"""A wire for an encoder that takes its time: the same steps, walked with a rounding that a gradient can pass."""

from __future__ import annotations

import torch
from torch import Tensor

from lic_lab.entropy import gaussian
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.entropy.wires import Estimate
from lic_lab.types import Map

_EDGE = 1e-5  # how near to an integer a value may come before it stands still


class Refine(Estimate):
    """Count bits of a latent that is being refined: every value is drawn, softly, from the two integers around it.

    sides: latents that the model derives from y ("z", "m"), by name, to be refined beside it; what is missing is filled
    in with what the model says.   temperature: 0.5 hardly prefers the nearer integer, 0.1 nearly rounds, None leaves
    values as they are.   generator: a CPU generator, so that every device draws the same.
    Source: Yang, Bamler, Mandt, "Improving inference for neural image compression", NeurIPS 2020, Sec. 3.3 (stochastic
    Gumbel annealing). Ours: symbols are what is annealed, since a mean decides what integers lie around a latent.
    """

    def __init__(self, sides: dict[str, Map], temperature: float | None, generator: torch.Generator):
        super().__init__(training=False)
        self.sides, self.temperature, self.generator = sides, temperature, generator

    def factorized(self, z: Map, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        z, median = self._own("z", z), density.median[None, :, None, None]
        z_soft = self._soft(z - median) + median
        self._add("z", density.likelihood(z_soft))
        return z_soft

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        symbols = self._soft(self._own(part, y) - mean)
        self._add(part, gaussian.likelihood(symbols, scale))
        return symbols + mean

    def _soft(self, x: Tensor) -> Tensor:
        return x if self.temperature is None else soft_round(x, self.temperature, self.generator)

    def _own(self, part: str, said: Map) -> Map:
        return said if part == "y" else self.sides.setdefault(part, said.detach().clone())


def soft_round(x: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Give each value of x, any shape, a random place between its two integers, nearer to the nearer one when cool.

    With f above the lower integer, the odds of the upper one are exp((atanh f - atanh(1 - f)) / temperature), and the
    draw is a relaxed (concrete) one of the same temperature, so that it has a gradient.
    """
    lower = x.detach().floor()
    f = (x - lower).clamp(_EDGE, 1 - _EDGE)
    odds = torch.log(f * (1 + f) / ((1 - f) * (2 - f))) / (2 * temperature)
    u = torch.rand(x.shape, generator=generator).clamp(1e-6, 1 - 1e-6).to(x.device)
    return lower + torch.sigmoid((odds + torch.logit(u)) / temperature)
