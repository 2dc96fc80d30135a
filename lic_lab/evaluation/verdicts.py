"""What a few numbers allow to say about their mean: an interval by Student's t, and a sentence that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from lic_lab.errors import LicLabError

LEVEL = 0.95


@dataclass(frozen=True)
class Verdict:
    """The mean of n numbers, and the interval that holds the true mean in `level` of all repetitions.

    low, high: NaN of a single number, which says nothing about its spread.
    Source: Student, "The probable error of a mean", Biometrika 1908; normal and independent numbers are assumed.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float = LEVEL

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    @property
    def words(self) -> str:
        """What follows for percentages of cost, of which negative ones are better."""
        if self.n < 2:
            return "one number has no spread: nothing follows"
        if not self.sure:
            return f"no difference that {self.n} numbers can show"
        return "costs more" if self.mean > 0 else "costs less"

    def __str__(self) -> str:
        ends = "no interval" if self.n < 2 else f"{self.low:+.2f} ... {self.high:+.2f}"
        return f"{self.mean:+.2f} ({ends})"


def verdict(values: Iterable[float], *, level: float = LEVEL) -> Verdict:
    """Judge whether the mean of some differences is away from zero, by Student's t.

    values: one for each repetition, such as percent of cost against the full model of the same seed.   level: of the
    interval, between 0 and 1. Raises LicLabError for no numbers, numbers that are none, and another level.
    """
    values = [float(value) for value in values]
    if not values or not all(map(math.isfinite, values)):
        raise LicLabError("a verdict needs finite numbers, one at least: leave out the runs that failed")
    if not 0 < level < 1:
        raise LicLabError(f"a level is between 0 and 1, got {level:g}: use 0.95")
    mean, n = fmean(values), len(values)
    if n < 2:
        return Verdict(mean, math.nan, math.nan, n, level)
    from scipy.stats import t

    reach = float(t.ppf((1 + level) / 2, n - 1)) * stdev(values) / math.sqrt(n)
    return Verdict(mean, mean - reach, mean + reach, n, level)
