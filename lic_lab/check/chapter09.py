"""Exercises of chapter 09: the price of a symbol, what a context may read, fronts of a raster scan, and a decoder."""

import math

import numpy as np

from lic_lab.check.exercises import NotYet, exercise


@exercise("09.1", "The bits of integers under Gaussians of given means and scales, together")
def _(answer):
    random = np.random.default_rng(0)
    for count, scale in ((1, 0.5), (6, 1.5), (12, 4.0)):
        mean, scales = random.normal(0, 2, count), scale * random.uniform(0.6, 1.6, count)
        k = np.rint(random.normal(mean, scales)).astype(int)
        bits, right = np.asarray(answer(k.copy(), mean.copy(), scales.copy()), float), _bits(k, mean, scales)
        if bits.size != 1:
            raise NotYet(f"{count} integers gave numbers of shape {bits.shape}: add the bits up")
        got = float(bits.sum())
        if abs(got - right) < 1e-6 * max(1, right):
            continue
        said = f"{count} integers gave {got:.4g} bits where {right:.4g} are right"
        if abs(got - right * math.log(2)) < 1e-6 * right:
            raise NotYet(f"{said}: a natural logarithm gives nats; bits need log2")
        if abs(got - _bits(k, mean, np.sqrt(scales))) < 1e-6 * max(1, right):
            raise NotYet(f"{said}: scale is the standard deviation, not the variance")
        if abs(got - _density_bits(k, mean, scales)) < 1e-6 * max(1, abs(right)):
            raise NotYet(f"{said}: that is the density at k; a probability is the area from k - 1/2 to k + 1/2")
        if count > 1 and abs(got - right / count) < 1e-6 * right:
            raise NotYet(f"{said}: that is the mean; add the bits up")
        raise NotYet(f"{said}: p = Phi((k + 1/2 - mean) / scale) - Phi((k - 1/2 - mean) / scale), and -log2 p summed")


def _bits(k, mean, scale) -> float:
    def below(z):
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    areas = [below((i + 0.5 - m) / s) - below((i - 0.5 - m) / s) for i, m, s in zip(k, mean, scale, strict=True)]
    return -sum(math.log2(area) for area in areas)


def _density_bits(k, mean, scale) -> float:
    return float(-np.log2(np.exp(-(((k - mean) / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))).sum())


@exercise("09.2", "The mask of a 3 x 3 window: what is decoded when a position's turn comes")
def _(answer):
    board = np.add.outer(np.arange(4), np.arange(5)) % 2
    raster = np.arange(20).reshape(4, 5)
    shuffled = np.random.default_rng(0).permutation(20).reshape(4, 5) // 3
    places = ((1, 2), (0, 0), (3, 4), (2, 0))
    for name, when in (("a checkerboard", board), ("raster order", raster), ("some other order", shuffled)):
        for row, column in places:
            got, right = np.asarray(answer(when.copy(), row, column)), _readable(when, row, column)
            said = f"{name}, row {row}, column {column}"
            if got.shape != (3, 3):
                raise NotYet(f"{said}: the mask has the shape {got.shape}, the window is 3 x 3 at the border too")
            if np.array_equal(got.astype(bool), right):
                continue
            if got[1, 1]:
                raise NotYet(f"{said}: the middle is what is being decoded; reading it is cheating")
            if np.array_equal(got.astype(bool), _readable(when, row, column, same=True)):
                raise NotYet(f"{said}: values of the same pass are decoded at once, none knows another")
            raise NotYet(f"{said}: {int(got.sum())} are marked, {int(right.sum())} are inside the map and earlier")


def _readable(when: np.ndarray, row: int, column: int, *, same: bool = False) -> np.ndarray:
    """The right mask; same: the wrong one in which values of the same pass may be read."""
    mask, (h, w) = np.zeros((3, 3), bool), when.shape
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = row + dy, column + dx
            if 0 <= y < h and 0 <= x < w and (dy or dx):
                mask[dy + 1, dx + 1] = when[y, x] < when[row, column] + same
    return mask


@exercise("09.3", "The earliest pass of every position in a raster context with a 5 x 5 window")
def _(answer):
    for h, w in ((1, 6), (4, 5), (5, 3), (3, 12)):
        got, right = np.asarray(answer(h, w)), _fronts(h, w)
        if got.shape != (h, w):
            raise NotYet(f"a map of {h} x {w} gave a table of {got.shape}: one number for each position")
        if np.array_equal(got, right):
            continue
        said = f"in a map of {h} x {w}"
        if np.array_equal(got, np.arange(h * w).reshape(h, w)):
            raise NotYet(f"{said} that is one position at a time: which ones do not wait for each other?")
        if (broken := _waits_for(got)) is not None:
            row, column = broken
            raise NotYet(f"{said} row {row}, column {column} comes no later than a position that its window reads")
        raise NotYet(f"{said} it takes {int(got.max()) + 1} passes where {int(right.max()) + 1} do, counted from 0")


def _window(row: int, column: int, w: int):
    """The positions of a 5 x 5 window that a raster scan has passed, inside the map."""
    above = [(row - dy, column + dx) for dy in (1, 2) for dx in range(-2, 3)]
    return [(y, x) for y, x in (*above, (row, column - 1), (row, column - 2)) if y >= 0 and 0 <= x < w]


def _fronts(h: int, w: int) -> np.ndarray:
    """The table by its definition: one pass after the last position that is waited for."""
    when = np.zeros((h, w), int)
    for row in range(h):
        for column in range(w):
            when[row, column] = max((when[place] + 1 for place in _window(row, column, w)), default=0)
    return when


def _waits_for(when: np.ndarray) -> tuple[int, int] | None:
    """The first position whose table number is not after all that it reads."""
    for row, column in np.ndindex(when.shape):
        if any(when[place] >= when[row, column] for place in _window(row, column, when.shape[1])):
            return row, column
    return None


@exercise("09.4", "A decoder: every value from its left neighbour and the next number of the stream")
def _(answer):
    random = np.random.default_rng(0)
    for h, w in ((1, 4), (3, 5), (6, 2)):
        y = random.normal(0, 4, (h, w)).cumsum(1)
        coder, kept = _coded(y)
        got = np.asarray(answer(coder.pop, h, w), float)
        if got.shape != (h, w):
            raise NotYet(f"a map of {h} x {w} came back as {got.shape}")
        if np.allclose(got, kept) and coder.right:
            continue
        said = f"a map of {h} x {w}"
        if coder.next != h * w:
            raise NotYet(f"{said} was read with {coder.next} pops instead of {h * w}: one for each value")
        if np.allclose(got, coder.residuals.reshape(h, w)):
            raise NotYet(f"{said}: that is what was popped; add the mean that was subtracted")
        if not coder.right:
            raise NotYet(f"{said}: pop was told another mean than the encoder used; the left neighbour as decoded")
        raise NotYet(f"{said} differs at {int((~np.isclose(got, kept)).sum())} places: value = pop(mean) + mean")


class _Stream:
    """What the exercise pops from: it counts, and notes whether the means are those of the encoder."""

    def __init__(self, residuals: np.ndarray, means: np.ndarray):
        self.residuals, self.means, self.next, self.right = residuals.ravel(), means.ravel(), 0, True

    def pop(self, mean):
        if self.next >= len(self.residuals):
            raise NotYet("the stream is at its end: there is one number for each value, and no more")
        self.right &= bool(np.isclose(float(mean), self.means[self.next]))
        self.next += 1
        return int(self.residuals[self.next - 1])


def _coded(y: np.ndarray) -> tuple[_Stream, np.ndarray]:
    """Code a map from left to right: its stream, and what the decoder will hold."""
    kept, means = np.zeros_like(y), np.zeros_like(y)
    for column in range(y.shape[1]):
        means[:, column] = kept[:, column - 1] if column else 0.0
        kept[:, column] = np.rint(y[:, column] - means[:, column]) + means[:, column]
    return _Stream(np.rint(y - means).astype(int), means), kept
