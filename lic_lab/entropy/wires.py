"""Three ways to walk the same entropy model: Estimate adds bits, Encode pushes symbols, Decode pops them.

Every step hands its latent to the wire and gets back what the *decoder* will hold. A step cannot look at anything
else, so training, writing and reading cannot drift apart. `dtype` says what a wire gives back: on Encode and Decode it
is float64, and float64 is what makes the layers of `blocks.exact` compute without rounding differences.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lic_lab.entropy import gaussian
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.errors import DivergedError
from lic_lab.ops.exact import snap
from lic_lab.ops.rounding import add_noise, round_ste
from lic_lab.types import Map

_INT32 = 2**31 - 1


class Estimate:
    """Count bits without writing any: with uniform noise in training, on rounded values otherwise.

    parts: bits per picture (b,), by name.   maps: bits per latent element (b, c, h, w), one per step, in coding
    order, where `keep_maps` asks for them.   error_price: see `gaussian.thrifty_round`; not used in training.
    """

    dtype = torch.float32
    encoder_learns = True  # whether a gradient goes back to what gave y

    def __init__(self, *, training: bool, keep_maps: bool = False, error_price: float | None = None):
        self.training, self.keep_maps, self.error_price = training, keep_maps, error_price
        self.parts: dict[str, Tensor] = {}
        self.maps: dict[str, list[Map]] = {}

    def factorized(self, z: Map, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        """Code the side latent z by a density per channel; give z_hat, shaped `shape` = (b, c, h, w)."""
        median = density.median[None, :, None, None]
        z_hat = round_ste(z - median) + median
        self._add("z", density.likelihood(add_noise(z) if self.training else z_hat))
        return z_hat

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        """Code round(y - mean) by N(0, scale^2), element by element; give y_hat, shaped like the mean."""
        residual = y - mean
        if self.training:
            self._add(part, gaussian.likelihood(add_noise(residual), scale))
            return round_ste(residual) + mean
        rounded = gaussian.thrifty_round(residual, scale, self.error_price)
        least = gaussian.table_likelihood(rounded, scale)  # the tables price what the Gaussian thinks impossible
        self._add(part, torch.maximum(gaussian.likelihood(rounded, scale, floor=0.0), least))
        return rounded + mean

    def _add(self, part: str, likelihood: Map) -> None:
        bits = -torch.log2(likelihood)
        self.parts[part] = self.parts.get(part, 0) + bits.flatten(1).sum(1)
        if self.keep_maps:
            self.maps.setdefault(part, []).append(bits)


class Hard(Estimate):
    """Count the bits of what would be written, with a gradient for all that a decoder has: the encoder stands still.

    Noise lets an encoder learn, but it is not what a file holds: few values of a narrow Gaussian are ever far enough
    from zero to be sent, and a thrifty encoder sends fewer. Here the decoder learns what to expect of it.
    Chains of positions (`entropy.raster`) see noise for what is decoded before, as in training.
    Source: Guo et al., "Soft then hard: rethinking the quantization in neural image compression", ICML 2021, Sec. 3.
    """

    encoder_learns = False

    def __init__(self, *, error_price: float | None = None):
        super().__init__(training=True, error_price=error_price)

    def factorized(self, z: Map, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        median = density.median[None, :, None, None]
        z_hat = torch.round(z.detach() - median) + median
        self._add("z", density.likelihood(z_hat))
        return z_hat

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        residual = y.detach() - mean
        rounded = gaussian.thrifty_round(residual.detach(), scale.detach(), self.error_price)
        symbols = residual + (rounded - residual).detach()  # the mean learns to be near what is sent
        self._add(part, gaussian.likelihood(symbols, scale))
        return symbols + mean


class Encode:
    """Push the symbols of one picture into a coder of `lic_lab.coding` (anything with `push`).

    sides: latents by name ("z", "m"), sent in place of what the model derives from y; see `entropy.refining`.
    """

    dtype = torch.float64

    def __init__(self, coder, *, error_price: float | None = None, sides: dict[str, Map] | None = None):
        self.coder, self.error_price, self.sides = coder, error_price, sides or {}

    def factorized(self, z: Map, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        median = _column(density.median)
        symbols = _integers(self.sides.get("z", z).double() - median)
        self.coder.push(_numpy(symbols), density.tables, _channel_index(shape))
        return symbols + median

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        y, mean = self.sides.get(part, y), snap(mean)
        symbols = _integers(gaussian.thrifty_round(y.double() - mean, scale, self.error_price))
        self.coder.push(_numpy(symbols), gaussian.tables(), _numpy(gaussian.table_index(scale)))
        return symbols + mean


class Decode:
    """Pop the symbols of one picture from a coder of `lic_lab.coding` (anything with `pop`)."""

    dtype = torch.float64

    def __init__(self, coder):
        self.coder = coder

    def factorized(self, z: None, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        symbols = self.coder.pop(density.tables, _channel_index(shape))
        median = _column(density.median)
        return torch.from_numpy(symbols).to(median.device, torch.float64) + median

    def gaussian(self, y: None, mean: Map, scale: Map, part: str = "y") -> Map:
        symbols = self.coder.pop(gaussian.tables(), _numpy(gaussian.table_index(scale)))
        return torch.from_numpy(symbols).to(mean.device, torch.float64) + snap(mean)


Wire = Estimate | Encode | Decode


def _column(median: Tensor) -> Tensor:
    return snap(median)[None, :, None, None]


def _integers(x: Tensor) -> Tensor:
    if not torch.isfinite(x).all():
        raise DivergedError("the latent holds NaN or infinity: the weights are damaged or training diverged")
    return torch.round(x).clamp(-_INT32, _INT32)


def _numpy(x: Tensor) -> np.ndarray:
    return x.detach().to("cpu", torch.int32).numpy()


def _channel_index(shape: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.arange(shape[1], dtype=np.int32)[None, :, None, None], shape))
