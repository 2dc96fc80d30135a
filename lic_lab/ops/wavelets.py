"""Haar, 5/3 and 9/7 wavelets by lifting: each step adds to one half of the samples what the other half predicts,
so the inverse is the same steps backwards with the sign changed, exact at every length.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from lic_lab.errors import LicLabError

Bands = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Lifting:
    """One wavelet: predict and update steps in turn, then a factor for each half.

    steps: (left, right) weights of the two neighbours; the 1st, 3rd ... change the odd samples, the 2nd, 4th ... even.
    low, high: what the even and the odd samples are multiplied with at the end.
    mirror: beyond an end, reflect about the last sample (else the missing difference is zero).
    """

    steps: tuple[tuple[float, float], ...]
    low: float
    high: float
    mirror: bool = True


# Cohen, Daubechies and Feauveau 9/7 in the factors of Daubechies and Sweldens 1998, Sec. 7.7; K is their zeta.
_ALPHA, _BETA, _GAMMA, _DELTA = -1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971
_K = 1.149604398860241

WAVELETS = {
    "haar": Lifting(steps=((-1, 0), (0, 0.5)), low=sqrt(2), high=-1 / sqrt(2), mirror=False),
    "5/3": Lifting(steps=((-0.5, -0.5), (0.25, 0.25)), low=sqrt(2), high=-1 / sqrt(2)),
    "9/7": Lifting(steps=((_ALPHA,) * 2, (_BETA,) * 2, (_GAMMA,) * 2, (_DELTA,) * 2), low=_K, high=-1 / _K),
}


def dwt2(x: Tensor, wavelet: str = "haar") -> Bands:
    """Split a map into four half-size bands (ll, lh, hl, hh).

    x (..., h, w), float -> each band (..., ceil(h/2), ceil(w/2)). First letter: filter along the width; second: along
    the height (PyWavelets: cA, cH, cV, cD). Scale and signs are those of PyWavelets' haar, bior2.2 and bior4.4: the
    low-pass gain for a constant is sqrt(2) per direction. Beyond the borders the map is mirrored about its last sample
    (PyWavelets "reflect", as in JPEG 2000); Haar needs that only at odd sizes, where it repeats the last sample.
    At an odd size the last row (column) of the high bands is zero and carries nothing.
    Raises LicLabError for an unknown wavelet or an empty map.
    Source: Sweldens 1996 (lifting); Le Gall and Tabatabai 1988 (5/3); Antonini et al. 1992 (9/7); ITU-T T.800, Annex F.
    """
    lifting = _lifting(wavelet)
    if x.ndim < 2 or 0 in x.shape[-2:]:
        raise LicLabError(f"a wavelet transform needs at least one row and one column, got {tuple(x.shape)}")
    low, high = _analyse(x, lifting)  # along the width: (..., h, ceil(w/2))
    (ll, lh), (hl, hh) = _analyse(low.mT, lifting), _analyse(high.mT, lifting)
    return ll.mT, lh.mT, hl.mT, hh.mT


def idwt2(bands: Bands, size: tuple[int, int], wavelet: str = "haar") -> Tensor:
    """Undo `dwt2`: four bands (..., ceil(h/2), ceil(w/2)) and size (h, w) -> (..., h, w).

    Exact but for float rounding. Raises LicLabError for an unknown wavelet or bands that do not fit the size.
    """
    lifting = _lifting(wavelet)
    height, width = size
    expected = ((height + 1) // 2, (width + 1) // 2)
    for band in bands:
        if tuple(band.shape[-2:]) != expected:
            raise LicLabError(f"bands for {height} x {width} are {expected}, got {tuple(band.shape[-2:])}")
    ll, lh, hl, hh = (band.mT for band in bands)
    low, high = _synthesise(ll, lh, height, lifting).mT, _synthesise(hl, hh, height, lifting).mT
    return _synthesise(low, high, width, lifting)


def wavedec2(x: Tensor, levels: int, wavelet: str = "haar") -> list:
    """Repeat `dwt2` on the ll band: x (..., h, w) -> [ll, (lh, hl, hh) coarsest, ..., (lh, hl, hh) finest].

    The order is that of `pywt.wavedec2`. Raises LicLabError for levels < 1.
    """
    if levels < 1:
        raise LicLabError(f"a wavelet pyramid has at least one level, got {levels}")
    pyramid = []
    for _ in range(levels):
        x, *details = dwt2(x, wavelet)
        pyramid.insert(0, tuple(details))
    return [x, *pyramid]


def waverec2(pyramid: list, size: tuple[int, int], wavelet: str = "haar") -> Tensor:
    """Undo `wavedec2`: its list and the size (h, w) of the original -> (..., h, w)."""
    x, *details = pyramid
    sizes = [tuple(size)]
    for _ in details[1:]:
        sizes.insert(0, tuple((side + 1) // 2 for side in sizes[0]))
    for bands, level_size in zip(details, sizes, strict=True):
        x = idwt2((x, *bands), level_size, wavelet)
    return x


def _lifting(wavelet: str) -> Lifting:
    if wavelet not in WAVELETS:
        raise LicLabError(f"no wavelet {wavelet!r}: choose one of {', '.join(WAVELETS)}")
    return WAVELETS[wavelet]


def _analyse(x: Tensor, lifting: Lifting) -> tuple[Tensor, Tensor]:
    """Along the last axis: (..., n) -> low and high, each (..., ceil(n/2))."""
    if x.shape[-1] == 1:  # no neighbours: a constant
        return x * sqrt(2), torch.zeros_like(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    for number, weights in enumerate(lifting.steps):
        if number % 2 == 0:
            odd = odd + _predict(even, odd.shape[-1], weights)
        else:
            even = even + _update(odd, even.shape[-1], weights, lifting.mirror)
    high = odd * lifting.high
    if x.shape[-1] % 2:
        high = torch.cat([high, torch.zeros_like(even[..., :1])], dim=-1)
    return even * lifting.low, high


def _synthesise(low: Tensor, high: Tensor, n: int, lifting: Lifting) -> Tensor:
    """Undo `_analyse`: low and high (..., ceil(n/2)) -> (..., n)."""
    if n == 1:
        return low / sqrt(2)
    even, odd = low / lifting.low, high[..., : n // 2] / lifting.high
    for number, weights in reversed(list(enumerate(lifting.steps))):
        if number % 2 == 0:
            odd = odd - _predict(even, odd.shape[-1], weights)
        else:
            even = even - _update(odd, even.shape[-1], weights, lifting.mirror)
    if n % 2:
        odd = torch.cat([odd, torch.zeros_like(even[..., :1])], dim=-1)
    return torch.stack([even, odd], dim=-1).flatten(-2)[..., :n]


def _predict(even: Tensor, count: int, weights: tuple[float, float]) -> Tensor:
    """For each odd sample, the weighted even samples to its left and right."""
    left, right = weights
    if right == 0:
        return left * even[..., :count]
    beyond = torch.cat([even, even[..., -1:]], dim=-1)  # at an even length the last odd sample sees its left one twice
    return left * beyond[..., :count] + right * beyond[..., 1 : count + 1]


def _update(odd: Tensor, count: int, weights: tuple[float, float], mirror: bool) -> Tensor:
    """For each even sample, the weighted odd samples to its left and right."""
    left, right = weights
    first, last = odd[..., :1], odd[..., -1:]
    beyond = torch.cat([first, odd, last] if mirror else [0 * first, odd, 0 * last], dim=-1)
    return left * beyond[..., :count] + right * beyond[..., 1 : count + 1]
