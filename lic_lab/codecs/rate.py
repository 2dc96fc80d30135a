"""Rate control, once for every codec: bisection over a codec's knob, on real files.

A knob is a `Ladder` of positions, from the smallest file to the largest. Nothing is estimated: every position that is
looked at is encoded, once, and counted in bytes. Encoders whose files do not always grow with the knob are allowed
(`wobble`): the answer is always a file that was really seen to meet the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np

from lic_lab.errors import LicLabError
from lic_lab.metrics.rate import bpp

FINE = 256  # ladders longer than this stop early, once a file is as close to the target as below
CLOSE_RATIO = 0.995  # bytes: at least this part of the ceiling
CLOSE_DB = 0.005  # PSNR: at most this far above the target
NEAR_RATIO, NEAR_DB = 1.25, 2.0  # a target that is missed by no more may be met elsewhere: flat pictures have no order
AROUND = 40  # positions that are tried then


@dataclass(frozen=True)
class Ladder:
    """The settings of a knob, ordered from the smallest file to the largest.

    count: number of positions.   quality: position 0 ... count - 1 -> the codec's own quality number; a function that
    can be pickled, as codecs are where processes share the work.
    wobble: over how many neighbouring positions the file size or PSNR of this encoder may run backwards.
    seam: the position from which the encoder works in another way, so that files just below it may be larger and worse;
    a search looks there first and then stays on one side. None where there is no seam.
    """

    count: int
    quality: Callable[[int], float]
    wobble: int = 0
    seam: int | None = None

    @property
    def fine(self) -> bool:
        """Whether a search may stop early, because a near file is as good as the exact one."""
        return self.count > FINE

    @property
    def ends(self) -> tuple[float, float]:
        """Quality of the smallest and of the largest file; the first may be the larger number (QP, distance, ratio)."""
        return self.quality(0), self.quality(self.count - 1)


def steps(first: float, last: float, step: float = 1, *, wobble: int = 0) -> Ladder:
    """Even steps from `first` to `last`, which may be lower than `first` (QP); whole numbers stay whole."""
    number = round(abs(last - first) / step) + 1
    signed = math.copysign(step, last - first)
    whole = all(float(value).is_integer() for value in (first, step))
    return Ladder(number, partial(_even, first, signed, int if whole else float), wobble)


def geometric(first: float, last: float, ratio: float, *, wobble: int = 0) -> Ladder:
    """Steps of about `ratio` from `first` to `last`, each the same factor; values of four digits.

    Raises LicLabError unless the ratio is above 1, and the ends are above 0 and differ.
    """
    if ratio <= 1 or min(first, last) <= 0 or first == last:
        raise LicLabError(
            f"no ladder goes from {first:g} to {last:g} by a ratio of {ratio:g}: take two ends above 0, a ratio above 1"
        )
    number = math.ceil(abs(math.log(last / first)) / math.log(ratio)) + 1
    factor = (last / first) ** (1 / (number - 1))
    return Ladder(number, partial(_by_factor, first, factor), wobble)


def _even(first: float, step: float, kind: type, position: int) -> float:
    return kind(first + step * position)


def _by_factor(first: float, factor: float, position: int) -> float:
    return float(f"{first * factor**position:.4g}")


@dataclass(frozen=True)
class Trial:
    """One file that was really written: knob position, quality, the bytes, and PSNR in dB where it was asked for."""

    position: int
    quality: float
    data: bytes
    psnr_db: float | None = None


Progress = Callable[[Trial], None]


class Trials:
    """Every file tried so far for one picture, by position; indexing encodes what has not been tried yet.

    image: uint8 (h, w, 3), or (2, h, w, 3) of a stereo pair.   encode: quality -> bytes.   psnr_db: bytes -> dB of what
    they decode to, or None where it is not wanted.   progress: called with every new Trial.
    """

    def __init__(self, image: np.ndarray, ladder: Ladder, encode, psnr_db=None, progress: Progress | None = None):
        self.image, self.ladder = image, ladder
        self.encode, self.psnr_db, self.progress = encode, psnr_db, progress
        self.seen: dict[int, Trial] = {}

    @property
    def thing(self) -> str:
        """What messages call what is coded: "picture" or "pair"."""
        return "pair" if self.image.ndim == 4 else "picture"

    def __getitem__(self, position: int) -> Trial:
        if position not in self.seen:
            quality = self.ladder.quality(position)
            data = self.encode(quality)
            db = None if self.psnr_db is None else self.psnr_db(data)
            self.seen[position] = Trial(position, quality, data, db)
            if self.progress:
                self.progress(self.seen[position])
        return self.seen[position]

    def look(self, positions) -> None:
        """Try these positions too, where they exist."""
        for position in positions:
            if 0 <= position < self.ladder.count:
                self[position]


def largest_within(trials: Trials, max_bytes: int, name: str) -> Trial:
    """The best file of at most `max_bytes` bytes: the highest position found that keeps to the ceiling.

    On fine ladders the search ends once a file fills 99.5 % of the ceiling. Raises LicLabError where even the smallest
    file is larger, and names it.
    """
    low = _bisect(
        trials,
        below=lambda t: len(t.data) <= max_bytes,
        height=lambda t: math.log(len(t.data)),
        goal=math.log(max_bytes * (1 + CLOSE_RATIO) / 2),
        close=lambda t: CLOSE_RATIO * max_bytes <= len(t.data) <= max_bytes,
    )
    if not trials.ladder.fine:
        trials.look(range(low + 2, low + 2 + trials.ladder.wobble))
    if low < 0 and trials.ladder.wobble:  # then position 0 is not always the smallest
        trials.look(range(0, trials.ladder.count // 10, max(1, trials.ladder.count // 80)))
    fitting = _meeting(trials, lambda t, slack: len(t.data) <= max_bytes * NEAR_RATIO**slack)
    if not fitting:
        least = min(len(t.data) for t in trials.seen.values())
        *views, height, width, _ = trials.image.shape
        what = f"{width} x {height} {trials.thing}"
        raise LicLabError(
            f"{name} cannot code this {what} in {max_bytes} bytes: its smallest file has {least} bytes "
            f"({_rounded_up(bpp(least, height, width, *views)):.4g} bpp); ask for at least that"
        )
    return max(fitting, key=lambda t: t.position)


def smallest_reaching(trials: Trials, psnr_db: float, name: str) -> Trial:
    """The smallest file found with at least `psnr_db` dB; on fine ladders the search ends within 0.005 dB above.

    Raises LicLabError where the best file stays below, and names its PSNR.
    """
    low = _bisect(
        trials,
        below=lambda t: t.psnr_db < psnr_db,
        height=lambda t: t.psnr_db,
        goal=psnr_db + CLOSE_DB / 2,
        close=lambda t: psnr_db <= t.psnr_db <= psnr_db + CLOSE_DB,
    )
    if not trials.ladder.fine:
        reach = trials.ladder.wobble
        trials.look([*range(low - reach, low), *range(low + 2, low + 2 + reach)])
    reaching = _meeting(trials, lambda t, slack: t.psnr_db >= psnr_db - NEAR_DB * slack)
    if not reaching:
        best = max(t.psnr_db for t in trials.seen.values())
        raise LicLabError(
            f"{name} cannot reach {psnr_db:g} dB on this {trials.thing}: its best file has "
            f"{math.floor(100 * best) / 100:.2f} dB; ask for at most that"
        )
    return min(reaching, key=lambda t: (len(t.data), t.position))


def _rounded_up(value: float, digits: int = 4) -> float:
    """To so many digits, never down: what a message names must do when it is asked for."""
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - digits)
    return math.ceil(value / unit) * unit


def _meeting(trials: Trials, meets: Callable[[Trial, bool], bool]) -> list[Trial]:
    """The files that meet a target; where one does only with slack, after a look at positions of the whole ladder."""
    if not any(meets(t, False) for t in trials.seen.values()) and any(meets(t, True) for t in trials.seen.values()):
        trials.look(range(0, trials.ladder.count, max(1, trials.ladder.count // AROUND)))
    return [t for t in trials.seen.values() if meets(t, False)]


def _bisect(trials: Trials, below, height, goal: float, close) -> int:
    """The position `low` such that trials up to it are `below` and the next one is not; -1 or count - 1 at the ends.

    The ends of a ladder are looked at only when what lies between points there: they can be slow. Fine ladders take
    turns between interpolation (fast on smooth curves) and halving (sure on all), and end at a `close` trial; `goal` is
    the height in the middle of what is close.
    """
    low, high = -1, trials.ladder.count
    fine = trials.ladder.fine
    for turn in count():
        if high - low <= 1:
            break
        guess = (low + high) // 2
        if turn == 0 and trials.ladder.seam is not None:
            guess = trials.ladder.seam
        elif fine and turn == 2 and (low < 0 or high == trials.ladder.count):
            guess = 0 if low < 0 else high - 1  # an end at last, before halving towards it takes many files
        elif fine and turn % 2 and low >= 0 and high < trials.ladder.count:
            guess = _interpolate(low, high, height(trials[low]), height(trials[high]), goal)
        trial = trials[guess]
        low, high = (guess, high) if below(trial) else (low, guess)
        if fine and close(trial):
            break
    return low


def _interpolate(low: int, high: int, left: float, right: float, goal: float) -> int:
    """Where a straight line through both ends meets the goal, strictly between them."""
    share = (goal - left) / (right - left) if math.isfinite(right - left) and right > left else 0.5
    return min(max(low + round(share * (high - low)), low + 1), high - 1)


def ceiling_in_bytes(bpp_ceiling: float, height: int, width: int, views: int = 1) -> int:
    """The most whole bytes that stay at or under `bpp_ceiling` bits per pixel, over both views of a stereo pair."""
    return math.floor(bpp_ceiling * views * height * width / 8 * (1 + 1e-12))
