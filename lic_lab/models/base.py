"""What every model can do: estimate in `forward`, write in `compress`, read in `decompress`. Written once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lic_lab.blocks.gain import Gain
from lic_lab.coding import container
from lic_lab.coding.container import Header
from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.entropy import gaussian
from lic_lab.entropy.wires import Decode, Encode, Estimate
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.limits import check_pixels
from lic_lab.models import refine
from lic_lab.models.plain import plain_torch
from lic_lab.models.refine import Latents
from lic_lab.ops.geometry import by_strips, crop_to, pad_to_multiple
from lic_lab.types import Image, Map, Output

STRIP_PIXELS = 2**21  # larger pictures go through the transforms in strips, so that memory does not grow with them
ERROR_PRICE = 30.0
"""Bits that an encoder pays to avoid one squared step of error (`gaussian.thrifty_round`). Measured on the validation
crops of `charm`, BD-rate against rounding to nearest: -1.5 % at 44, -1.6 % at 30, -1.4 % at 22, -0.9 % at 16."""
LOUD = 2.0  # filters overshoot 1 a little; what is above this was never divided by 255
RATE_STEPS = 4096  # rate points are stored as multiples of 1/4096 of a rung
DETERMINISM = 2  # level of `coding.container`: same weights decode on any instruction set or device


class Codec(nn.Module):
    """A learned codec: `analysis`, a `latent` entropy model and `synthesis`, tied together here and nowhere else.

    A subclass sets `code` (its number in the file), the three modules, and calls `super().__init__` with the ladder
    of lambdas (ascending) and the number of latent channels. One lambda means a fixed-rate model without gains.

    A stereo codec has two `views`: its pictures are (b, 2, 3, h, w), its transforms get (2b, 3, h, w), see
    `blocks.stereo`, and everything below counts (b * views) maps.
    """

    code: int  # written into every file: 1 ... 127, and 128 ... 255 for models from outside the package
    views = 1
    stride = 16  # x (b, 3, h, w) -> y (b, latent, h/16, w/16)
    halo: int | None = None  # rows (a multiple of 64) that a transform looks beyond a strip; None: it needs the whole
    sees_all = False  # whether scans or pools see a whole picture; of a large one they see a strip and its halo
    extra_weights: ClassVar[dict[str, tuple[float, int]]] = {}  # of `extra_terms`: the weight, and until which step
    efforts = len(refine.STEPS)  # `compress` takes an effort from 0 to one less
    multiple = 64  # pictures are padded to this, so that z has whole rows and columns
    switches: ClassVar[dict] = {}  # constructor arguments that differ from the preset's, see `presets.build`

    def __init__(self, latent: int, lambdas: list[float]):
        super().__init__()
        self.post_filter: nn.Module | None = None  # mends y_hat, in quantisation steps, before synthesis
        self.channels, self.lambdas = latent, list(lambdas)
        self.gain = Gain(latent, self.lambdas) if len(self.lambdas) > 1 else None
        self.error_price = ERROR_PRICE if self.gain else None  # without gains, a step has no known worth

    @property
    def rates(self) -> int:
        """Number of rungs on the ladder of lambdas; rate points go from 0 to rates - 1."""
        return len(self.lambdas)

    def rate_for_lambda(self, lmbda: float) -> float:
        """Give the rate point that minimises R + lambda 255^2 MSE; raises LicLabError for lambdas off the ladder."""
        low, high = self.lambdas[0], self.lambdas[-1]
        if not low <= lmbda <= high:
            raise LicLabError(f"lambda {lmbda:g} is outside what this model was trained for: {low:g} to {high:g}")
        logs = [math.log(v) for v in self.lambdas]
        i = max(k for k in range(len(logs)) if logs[k] <= math.log(lmbda) + 1e-12)
        return float(i) if i == len(logs) - 1 else i + (math.log(lmbda) - logs[i]) / (logs[i + 1] - logs[i])

    def lambda_for_rate(self, rate: Tensor) -> Tensor:
        """Give lambda at each rate point (b,), interpolated geometrically between rungs."""
        logs = torch.log(torch.tensor(self.lambdas, dtype=torch.float32, device=rate.device))
        below = rate.floor().clamp(0, max(len(logs) - 2, 0)).long()
        above = (below + 1).clamp(max=len(logs) - 1)
        return torch.exp(torch.lerp(logs[below], logs[above], (rate - below).float()))

    def forward(self, x: Image, rate: float | Tensor | None = None, wire: Estimate | None = None) -> Output:
        """Estimate reconstruction and bits; noise stands for rounding in training mode.

        x: (b, 3, h, w) in [0, 1].   rate: one rate point, or one per picture (b,); None means the middle of the ladder.
        wire: to look at what is coded, see `entropy.wires`.
        Raises LicLabError for an x or a rate of another shape, and outside training for levels up to 255.
        """
        self._check_input(x, rate)
        wire = wire or Estimate(training=self.training, error_price=self.error_price)
        size, rate = x.shape[-2:], self._rate(rate, len(x))
        with torch.set_grad_enabled(torch.is_grad_enabled() and wire.encoder_learns):
            y = self._scaled(self.analyse(x), rate)
        y_hat = self.walk(y, wire, (len(rate), *self._latent_size(*size)))
        x_hat = self._reconstruct(y_hat, rate, size)
        parts = {name: bits.unflatten(0, (-1, self.views)).sum(1) for name, bits in wire.parts.items()}
        return Output(x_hat, parts, self.extra_terms(y, y_hat) if self.training else {})

    def likelihoods(self, x: Image, rate: float | Tensor | None = None) -> tuple[Image, dict[str, Tensor]]:
        """Give the reconstruction of `forward`, and the likelihoods of all symbols of each picture, by part: (b, n).

        -log2 of them, summed, are the bits of `Output.parts`.
        """
        wire = Estimate(training=self.training, keep_maps=True, error_price=self.error_price)
        x_hat = self(x, rate, wire).x_hat
        bits = {part: torch.cat([m.flatten(1) for m in maps], dim=1) for part, maps in wire.maps.items()}
        return x_hat, {part: torch.exp2(-b).reshape(len(x), -1) for part, b in bits.items()}

    def extra_terms(self, y: Map, y_hat: Map) -> dict[str, Tensor]:
        """Give what training minimises beside R + lambda D: terms (b,) by name; y and y_hat in quantisation steps."""
        return {}

    @plain_torch()
    @torch.no_grad()
    def compress(
        self, x: Image, rate: float | None = None, *, y: Map | None = None, effort: int = 0,
        progress: refine.Progress | None = None,
    ) -> bytes:  # fmt: skip
        """Write one picture (1, 3, h, w) in [0, 1], or one pair (1, 2, 3, h, w), as the bytes of a whole .lic file.

        y: the answer of `analyse(x)`, to try several rates without repeating the analysis.   effort: 0 for one pass; up
        to 9 refines the latent of this picture for as many steps as `refine.STEPS` says, and never writes a file of
        larger R + lambda 255^2 MSE, see `refine.best_file`.   progress: told of those steps.
        Raises LicLabError for more than one picture, a rate outside the ladder, or weights that give NaN.
        """
        one = (1, 3) if self.views == 1 else (1, self.views, 3)
        if x.dim() != len(one) + 2 or x.shape[:-2] != one:
            what = "one picture" if self.views == 1 else "one pair"
            raise LicLabError(f"compress takes {what} shaped {(*one, 'h', 'w')}, got {tuple(x.shape)}".replace("'", ""))
        self._refuse_training("compress")
        step, effort = self._rate_step(rate), refine.check_effort(effort)
        self._check_pixels(*x.shape[-2:])
        latents = Latents(self._scaled(self.analyse(x) if y is None else y, self.rate_points(step)), sides={})
        if effort:
            return refine.best_file(self, x, latents, step, effort, progress=progress)
        return self.write(latents, step, x.shape[-2:], self.error_price)[0]

    def write(self, latents: Latents, step: int, size: tuple[int, int], price: float | None) -> tuple[bytes, Map]:
        """Code latents at the rate point `step` / 4096 as a whole file; give it, and the y_hat that it decodes to.

        size: (h, w) of the picture.   price: see `gaussian.thrifty_round`.
        """
        coder = Encoder()
        wire = Encode(coder, sides=latents.sides, error_price=price)
        y_hat = self.walk(latents.y, wire, (self.views, *self._latent_size(*size)))
        header = Header(self.code, self.fingerprint(), size[1], size[0], step, DETERMINISM)
        return container.pack(header, coder.finish(), coder.checksum), y_hat

    @plain_torch()
    @torch.no_grad()
    def decompress(self, data: bytes) -> Image:
        """Read the bytes of a whole .lic file back into a picture (1, 3, h, w), or a pair, clamped to [0, 1].

        Raises CorruptStreamError for anything that is not an undamaged file, LicLabError for other weights' files.
        """
        self._refuse_training("decompress")
        header, y_hat = self.decode_latent(data)
        rate = self.rate_points(header.rate)
        return self._reconstruct(y_hat, rate, (header.height, header.width)).clamp(0, 1)

    @plain_torch()
    @torch.no_grad()
    def decode_latent(self, data: bytes, *, decoder: Callable[[bytes], Decoder] = Decoder) -> tuple[Header, Map]:
        """Read the header and the latent (views, latent, h/16, w/16) in quantisation steps, float64.

        decoder: makes what takes the symbols out of the payload, so that they can be looked at.
        """
        header, payload, checksum = container.unpack(data)
        if header.codec != self.code or header.fingerprint != self.fingerprint():
            from lic_lab.models.presets import name_of  # which knows all models, this one too

            wrote = f"{name_of(header.codec)} with weights {header.fingerprint.hex()}"
            own = f"{name_of(self.code)} with weights {self.fingerprint().hex()}"
            raise LicLabError(f"this file was written by {wrote}, and this is {own}: load the weights that wrote it")
        self._check_pixels(header.height, header.width)
        size = self._latent_size(header.height, header.width)
        if self.views * self.channels * math.prod(size) > gaussian.tables().most_symbols(len(payload)):
            raise CorruptStreamError(
                f"{len(data)} bytes cannot hold {header.width}x{header.height} pixels: the file is damaged or cut off"
            )
        symbols = decoder(payload)
        y_hat = self._code_latent(None, self.rate_points(header.rate), Decode(symbols), size)
        symbols.close()
        container.verify(header, checksum, symbols.checksum)
        return header, y_hat

    def analyse(self, x: Image) -> Map:
        """Give the latent before gain and rounding: (b, 3, h, w) -> (b, latent, H/16, W/16), H W padded to 64.

        Pairs (b, 2, 3, h, w) give (2b, latent, H/16, W/16).
        """
        x = pad_to_multiple(x if self.views == 1 else x.flatten(0, 1), self.multiple)
        return self._in_strips(self.analysis, x, 1, Fraction(1, self.stride))

    def _code_latent(self, y: Map | None, rate: Tensor, wire, size: tuple[int, int]) -> Map:
        """Walk the entropy model on y times the gain."""
        return self.walk(None if y is None else self._scaled(y, rate), wire, (len(rate), *size))

    def walk(self, y: Map | None, wire, size: tuple[int, int, int]) -> Map:
        """Walk the entropy model on y in quantisation steps, with autocast off: bits are counted in float32."""
        with torch.autocast(self._device.type, enabled=False):
            return self.latent(y, wire, size)

    def _scaled(self, y: Map, rate: Tensor) -> Map:
        """Give y in quantisation steps of the rate point: (b, latent, h, w) -> same, float32."""
        return y.float() * self.gain(rate)[0] if self.gain else y.float()

    def _reconstruct(self, y_hat: Map, rate: Tensor, size: tuple[int, int]) -> Image:
        """Give the picture of a latent in quantisation steps; nothing here touches the bytes, so float32 will do."""
        y_hat = y_hat.to(next(self.parameters()).dtype)
        if self.post_filter:
            y_hat = self.post_filter(y_hat)
        if self.gain:
            y_hat = y_hat * self.gain(rate)[1]
        x_hat = crop_to(self._in_strips(self.synthesis, y_hat, self.stride, self.stride), *size).float()
        return x_hat if self.views == 1 else x_hat.unflatten(0, (-1, self.views))

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def _in_strips(self, transform: nn.Module, x: Map, pixels: int, scale: Fraction | int) -> Map:
        """Run a transform on strips of about `STRIP_PIXELS`, where it may and must; elements of x are `pixels` wide."""
        rows = max(self.multiple, STRIP_PIXELS // (x.shape[-1] * pixels) // self.multiple * self.multiple) // pixels
        if self.halo is None or self.training or rows >= x.shape[-2]:
            return transform(x)
        if x.requires_grad:  # `refine`: a gradient through all strips at once would take the memory of the whole
            transform = partial(checkpoint, transform, use_reentrant=False)
        return by_strips(transform, x, rows=rows, halo=self.halo // pixels, scale=scale)

    def _latent_size(self, height: int, width: int) -> tuple[int, int]:
        return tuple(math.ceil(n / self.multiple) * self.multiple // self.stride for n in (height, width))

    def _rate_step(self, rate: float | None) -> int:
        rate = (self.rates - 1) / 2 if rate is None else float(rate)
        if not 0 <= rate <= self.rates - 1:
            raise LicLabError(f"rate point {rate:g} is off the ladder: this model has 0 to {self.rates - 1}")
        return round(rate * RATE_STEPS)

    def _rate(self, rate: float | Tensor | None, batch: int) -> Tensor:
        """Give the rate points of all maps, (batch * views,): a pair has one for both views."""
        device = self._device
        if isinstance(rate, Tensor) and rate.dim():
            return rate.to(device, torch.float32).repeat_interleave(self.views)
        return torch.full((batch * self.views,), self._rate_step(rate) / RATE_STEPS, device=device)

    def rate_points(self, step: int) -> Tensor:
        """Give the rate point that a file calls `step`, for each map of one picture or pair: (views,)."""
        return self._rate(step / RATE_STEPS, 1)

    def _check_input(self, x: Image, rate: float | Tensor | None) -> None:
        one = ("b", 3, "h", "w") if self.views == 1 else ("b", self.views, 3, "h", "w")
        shape = tuple(x.shape)
        if len(shape) != len(one) or shape[1:-2] != one[1:-2] or not x.is_floating_point():
            asked = ", ".join(map(str, one))
            raise LicLabError(f"x is floating-point ({asked}) in [0, 1], got {str(x.dtype).split('.')[-1]} {shape}")
        if not self.training and x.max() > LOUD:
            raise LicLabError(f"x is in [0, 1], got values up to {x.max():g}: divide it by 255")
        if isinstance(rate, Tensor) and rate.dim() and tuple(rate.shape) != shape[:1]:
            raise LicLabError(f"rate is one number, or one for each of {shape[0]}, got shape {tuple(rate.shape)}")

    def _check_pixels(self, height: int, width: int) -> None:
        what = "this picture" if self.views == 1 else f"this pair of {width} x {height} pixels"
        check_pixels(self.views * height, width, what)

    def _refuse_training(self, what: str) -> None:
        if self.training:
            raise LicLabError(f"{what} needs a model in evaluation mode: call model.eval() first")

    def fingerprint(self) -> bytes:
        """Give 4 bytes that name these very weights and tables; remembered until a parameter changes."""
        state = self.state_dict()
        key = tuple((t.data_ptr(), t._version) for t in state.values())
        if getattr(self, "_fingerprint", (None,))[0] != key:
            digest = hashlib.sha256(type(self).__name__.encode())
            if self.switches:  # some have no weights that would tell
                digest.update(repr(sorted(self.switches.items())).encode())
            for name, tensor in sorted(state.items()):
                digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
            for tables in self.coding_tables():
                digest.update(b"".join(a.tobytes() for _, a in sorted(tables.to_arrays().items())))
            self._fingerprint = (key, digest.digest()[:4])
        return self._fingerprint[1]

    def coding_tables(self):
        """Give every integer table a file of this model depends on."""
        sides = [self.latent.density.tables] if self.latent.density else []
        return [*sides, gaussian.tables()]
