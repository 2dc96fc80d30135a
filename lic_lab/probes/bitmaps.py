"""Where the bits of a file go: what every symbol in it cost, put back to its channel and position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lic_lab.coding import container
from lic_lab.coding.container import Header
from lic_lab.coding.fast import Decoder
from lic_lab.coding.tables import Tables
from lic_lab.entropy.density import FactorizedDensity
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.types import Map

EXACT = 2**24  # whole numbers up to here are float32 numbers


@dataclass(frozen=True)
class BitMap:
    """What the symbols of one file cost, in bits, by the integer tables that coded them.

    y: (views, latent, h/16, w/16).   side: of everything coded before y, by view, (views,).   payload_bits: of the
    stream as written; it exceeds the sum of the symbols by what ends a stream, some four bytes.
    """

    y: Tensor
    side: Tensor
    payload_bits: int

    @property
    def by_view(self) -> Tensor:
        """Bits of each view, side latent included: (views,)."""
        return self.y.sum(dim=(1, 2, 3)) + self.side

    @property
    def channels(self) -> Tensor:
        """Bits of each channel of y, over all positions: (views, latent)."""
        return self.y.sum(dim=(2, 3))

    @property
    def positions(self) -> Tensor:
        """Bits of each position, the side latent spread evenly over them: (views, h/16, w/16)."""
        at = self.y.sum(dim=1)
        return at + self.side[:, None, None] / at[0].numel()


def bits_by_group(model: Codec, found: BitMap) -> dict[str, float]:
    """Add up the bits of a file by what is coded together: "side" and each slice of channels, "1 to 16", ...

    In coding order, all views together. A model without slices has one, of all channels.
    """
    slices = getattr(model.latent.context, "slices", (len(found.channels[0]),))
    groups, first = {"side": float(found.side.sum())}, 0
    for size in slices:
        groups[f"{first + 1} to {first + size}"] = float(found.channels[:, first : first + size].sum())
        first += size
    return groups


class Witness(Decoder):
    """A decoder that notes, step by step, what it read: symbols, the table of each, their bits, and what is left.

    symbols, tables, bits: one array per step, shaped like the step's symbols.   left: words of four bytes that are
    still to be read after each step; the last one is the state.
    """

    def __init__(self, data: bytes):
        super().__init__(data)
        self.symbols: list[np.ndarray] = []
        self.tables: list[np.ndarray] = []
        self.bits: list[np.ndarray] = []
        self.left: list[int] = []

    def pop(self, tables: Tables, indices: np.ndarray) -> np.ndarray:
        symbols = super().pop(tables, indices)
        self.symbols.append(symbols)
        self.tables.append(np.array(indices))
        self.bits.append(tables.symbol_bits(symbols, indices))
        self.left.append(self._coder.num_words())
        return symbols


def witnessed(model: Codec, data: bytes) -> tuple[Header, Map, Witness]:
    """Decode the latent of a .lic file; give header, y_hat as `Codec.decode_latent` does, and what was noted."""
    witnesses: list[Witness] = []

    def decoder(payload: bytes) -> Witness:
        witnesses.append(Witness(payload))
        return witnesses[0]

    header, y_hat = model.decode_latent(data, decoder=decoder)
    return header, y_hat, witnesses[0]


class _Places:
    """A wire that codes nothing and notes, step by step, which elements of y it is given; None for other parts."""

    dtype = torch.float32
    blind = True

    def __init__(self):
        self.steps: list[Tensor | None] = []

    def factorized(self, z: Map, density: FactorizedDensity, shape: tuple[int, ...]) -> Map:
        self.steps.append(None)
        return torch.zeros(shape, device=z.device)

    def gaussian(self, y: Map, mean: Map, scale: Map, part: str = "y") -> Map:
        self.steps.append(y if part == "y" else None)
        return torch.zeros_like(mean)


@torch.no_grad()
def bit_map(model: Codec, data: bytes) -> BitMap:
    """Decode a .lic file of a model and say what each of its symbols cost.

    Raises what `Codec.decode_latent` raises, and LicLabError for views whose latent has more than `EXACT` numbers: of
    256 channels, those above 16 megapixels.
    """
    _, y_hat, seen = witnessed(model, data)
    views, size = len(y_hat), y_hat[0].numel()
    y, side = torch.zeros(views, size, dtype=torch.float64), torch.zeros(views, dtype=torch.float64)
    for where, noted in zip(coding_order(model, y_hat), seen.bits, strict=True):
        bits = torch.from_numpy(noted).reshape(views, -1)
        if where is None:
            side += bits.sum(1)
        else:
            y.scatter_(1, where, bits)
    return BitMap(y.view(y_hat.shape), side, 8 * len(container.unpack(data)[1]))


@torch.no_grad()
def coding_order(model: Codec, y: Map) -> list[Tensor | None]:
    """Say which elements of y (b, latent, h, w) each coding step of a model codes; None for a step of another part.

    Gives int64 (b, elements), numbers in y[0].flatten(). Raises LicLabError for more than `EXACT` elements in y[0].
    """
    size = y[0].numel()
    if size > EXACT:
        raise LicLabError(f"a latent of {size} numbers is too large to be mapped: use a smaller picture")
    numbers = torch.arange(size, dtype=torch.float32, device=y.device).view_as(y[0]).expand_as(y)
    places = _Places()  # walks the same steps, with the number of each element in place of its value
    model.latent(numbers, places, (len(y), *y.shape[-2:]))
    return [None if where is None else where.flatten(1).long().cpu() for where in places.steps]
