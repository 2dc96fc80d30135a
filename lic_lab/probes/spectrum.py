"""Which frequencies a transform keeps: the Fourier spectrum of what each of its blocks gives, on a log scale.

The procedure of CMamba's Figure 1, after Park and Kim, "How do vision transformers work?", ICLR 2022, Fig. 2: log
amplitude before any averaging, the mean over pictures and channels, its diagonal from zero frequency outwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.probes.features import block_features
from lic_lab.probes.rings import tilt
from lic_lab.types import Map

EPSILON = 1e-6  # added to amplitudes, so that the logarithm of nothing is a number
SIDE = 512  # pixels of the square that is cut out of every picture, where pictures are that large
RULES = ("square", "whole")


@dataclass(frozen=True)
class BlockSpectrum:
    """The spectrum of what one block gives, averaged over pictures.

    path, name: of the block in the model.   amplitude: mean log amplitude (h, w), natural logarithm, zero frequency at
    (h // 2, w // 2); None where pictures differ in size.   absolute: its diagonal (n,), from zero frequency to the
    highest.   deltas: the highest frequency minus zero frequency, one for each picture.   tilts: high minus low
    frequencies without zero, see `probes.rings.tilt`, one for each picture.   block: path of the block that this is a
    path inside of, "" for a block.
    """

    path: str
    name: str
    amplitude: np.ndarray | None
    absolute: np.ndarray
    deltas: tuple[float, ...]
    tilts: tuple[float, ...] = ()
    block: str = ""

    @property
    def frequencies(self) -> np.ndarray:
        """Where the samples of the diagonal are, in units of pi: 0 to 1, as the figure is labelled.

        Of an even side of h positions, the last sample is really at (h / 2 - 1) / (h / 2).
        """
        return np.linspace(0, 1, len(self.absolute))

    @property
    def relative(self) -> np.ndarray:
        """The diagonal minus its value at zero frequency: (n,), 0 first, negative where frequencies are lost."""
        return self.absolute - self.absolute[0]

    @property
    def delta(self) -> float:
        """Mean over the pictures of highest minus zero frequency: nearer to 0, more of the high frequencies is kept."""
        return float(np.mean(self.deltas))

    @property
    def spread(self) -> float:
        """Standard deviation of delta over the pictures (of a sample, n - 1); 0 for a single picture."""
        return float(np.std(self.deltas, ddof=1)) if len(self.deltas) > 1 else 0.0

    @property
    def silent(self) -> bool:
        """Whether there is nothing to look at: amplitudes within 100 times the 1e-6 whose curve is flat by itself."""
        return float(np.mean(self.absolute)) < np.log(100 * EPSILON)

    @property
    def tilt(self) -> float:
        """Mean over the pictures of high minus low frequencies: what delta says, but without zero frequency."""
        return float(np.mean(self.tilts))


def log_amplitude(features: Map) -> Tensor:
    """Give the mean over batch and channels of ln(|FFT2| + 1e-6): (b, c, h, w) -> (h, w), float64.

    The transform is not normalised; zero frequency is moved to (h // 2, w // 2).
    """
    height, width = features.shape[-2:]
    half = torch.log(torch.fft.rfft2(features.double()).abs() + EPSILON).mean((0, 1))  # columns 0 ... w // 2
    other = half[:, 1 : (width + 1) // 2].flip(0, 1).roll(1, 0)  # a real map has the same amplitude at -f as at f
    return torch.cat([half, other], dim=1).roll((height // 2, width // 2), (0, 1))


def diagonal(amplitude: Tensor, rule: str = "square") -> Tensor:
    """Read the diagonal of a shifted spectrum (h, w) from zero frequency outwards: (n,).

    rule: "square", the samples h/2 ... h - 1 of a square map, n = h/2; or "whole", for any sides: n = min(h, w)/2
    samples at (h/2 + k h/(2n), w/2 + k w/(2n)), bilinear, the diagonal in frequencies and not in indices. Raises
    LicLabError for a map that is not square under the first rule, one of a single row or column, or another rule.
    """
    height, width = amplitude.shape
    if rule not in RULES:
        raise LicLabError(f"unknown rule {rule!r}: use {' or '.join(RULES)}")
    if min(height, width) < 2:
        raise LicLabError(f"a map of {height} x {width} has no diagonal: use larger pictures")
    if rule == "square":
        if height != width:
            raise LicLabError(f"a map of {height} x {width} is not square: cut a square picture, or use rule 'whole'")
        return amplitude.diagonal()[height // 2 :]
    n = min(height, width) // 2
    steps = torch.arange(n, dtype=torch.float64)
    return _bilinear(amplitude, height // 2 + steps * (height / (2 * n)), width // 2 + steps * (width / (2 * n)))


def _bilinear(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Read a map (h, w) at places between its positions; beyond the last row or column, that one counts."""
    top, left = rows.floor().long(), columns.floor().long()
    down, right = (top + 1).clamp(max=values.shape[0] - 1), (left + 1).clamp(max=values.shape[1] - 1)
    v, h = rows - top, columns - left
    upper = values[top, left] * (1 - h) + values[top, right] * h
    lower = values[down, left] * (1 - h) + values[down, right] * h
    return upper * (1 - v) + lower * v


def feature_spectrum(features: Map, rule: str = "square", *, name: str = "features") -> BlockSpectrum:
    """Give the spectrum of feature maps (b, c, h, w) that are there already; rule: see `diagonal`."""
    amplitude = log_amplitude(features)
    curve = diagonal(amplitude, rule)
    tilts = (tilt(amplitude.numpy()) if min(amplitude.shape) >= 8 else float("nan"),)
    return BlockSpectrum(name, name, amplitude.numpy(), curve.numpy(), (float(curve[-1] - curve[0]),), tilts)


def model_spectra(
    model: Codec, pictures: Sequence[np.ndarray], *, rule: str = "square", side: int | None = None,
    insides: bool = False, progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[BlockSpectrum]:  # fmt: skip
    """Give the spectrum of every block of a model's analysis, in the order of the data flow, averaged over pictures.

    pictures: uint8 (h, w, 3), or pairs (2, h, w, 3).   rule: "square" cuts a square of `side` pixels out of the middle
    of each, 512 or the largest multiple of 64 that all of them have; "whole" takes all of it, padded as for coding,
    see `diagonal`.   insides: true for the paths inside hybrid blocks too, see `probes.features.inside`.   progress:
    told before each picture how many of how many are done.
    Where a shortcut goes past the blocks, the last one is their sum, the latent. Of a large picture the transform sees
    the whole, not strips. Raises LicLabError for pictures that are too small, a side that the model would pad, and a
    model in training.
    """
    if model.training:
        raise LicLabError("a spectrum is taken of a model in evaluation mode: call model.eval() first")
    if rule == "square":
        if side and side % model.multiple:
            near = max(side // model.multiple, 1) * model.multiple
            raise LicLabError(
                f"a square of {side} pixels would be padded: use a multiple of {model.multiple} pixels, such as {near}"
            )
        side = side or min(
            SIDE, min(min(picture.shape[-3:-1]) for picture in pictures) // model.multiple * model.multiple
        )
        pictures = [centre(picture, side) for picture in pictures]
    looked = []
    for number, picture in enumerate(pictures):
        progress(number, len(pictures))
        looked.append(_look(model, picture, rule, insides))
    return [_averaged([found[i] for found in looked]) for i in range(len(looked[0]))]


def last_block(found: Sequence[BlockSpectrum]) -> BlockSpectrum:
    """Give the last block whose map is larger than the latent: the one before the last strided convolution.

    found: from `model_spectra` of squares. Where no map is larger, the last block of all.
    """
    blocks = [one for one in found if not one.block]
    larger = [one for one in blocks if len(one.absolute) > len(blocks[-1].absolute)]
    return (larger or blocks)[-1]


def centre(picture: np.ndarray, side: int) -> np.ndarray:
    """Cut a square of `side` pixels out of the middle of a picture (h, w, 3), or of both views (2, h, w, 3).

    Raises LicLabError where there is no such square, or it has no side.
    """
    height, width = picture.shape[-3:-1]
    if not 0 < side <= min(height, width):
        raise LicLabError(f"a picture of {width} x {height} has no square of {side or 64} pixels: use larger pictures")
    top, left = (height - side) // 2, (width - side) // 2
    return picture[..., top : top + side, left : left + side, :]


def _look(model: Codec, picture: np.ndarray, rule: str, insides: bool) -> list[BlockSpectrum]:
    """The spectra of all blocks for one picture."""
    found = block_features(model, picture, insides=insides)
    return [replace(feature_spectrum(one.maps, rule), path=one.path, name=one.name, block=one.block) for one in found]


def _averaged(found: list[BlockSpectrum]) -> BlockSpectrum:
    """One block over several pictures; curves of other lengths are read at the frequencies of the shortest."""
    one = min(found, key=lambda spectrum: len(spectrum.absolute))
    curve = np.mean([np.interp(one.frequencies, each.frequencies, each.absolute) for each in found], axis=0)
    alike = len({each.amplitude.shape for each in found}) == 1
    amplitude = np.mean([each.amplitude for each in found], axis=0) if alike else None
    deltas, tilts = (tuple(getattr(each, name)[0] for each in found) for name in ("deltas", "tilts"))
    return replace(one, amplitude=amplitude, absolute=curve, deltas=deltas, tilts=tilts)
