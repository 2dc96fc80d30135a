"""Rate control for a codec that takes its time: quick files show the way, thorough ones are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from lic_lab.codecs.rate import CLOSE_DB, CLOSE_RATIO, Trial, Trials, largest_within, smallest_reaching
from lic_lab.errors import LicLabError

TRIES = 5  # thorough files at most, usually two
_NAME = re.compile(r"(.+)@effort(\d+)")


def split(name: str) -> tuple[str, int]:
    """Read "charm@effort5" as ("charm", 5), and any name without such an end as (name, 0)."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 0)


def largest_thorough(quick: Trials, thorough: Trials, max_bytes: int, name: str) -> Trial:
    """The best thorough file found of at most `max_bytes` bytes; the best quick one where no thorough one is so small.

    quick, thorough: files of one picture, by effort 0 and by the effort asked for. Raises as `rate.largest_within`.
    """
    found = _near(
        thorough,
        start=lambda gain: largest_within(quick, max(math.floor(max_bytes * math.exp(-gain)), 1), name).position,
        end=0,
        gain=lambda t: math.log(len(t.data) / len(quick[t.position].data)),
        room=lambda t: math.log(max_bytes / len(t.data)),
        near=2 * (1 - CLOSE_RATIO),
    )
    return found or largest_within(quick, max_bytes, name)


def smallest_thorough(quick: Trials, thorough: Trials, psnr_db: float, name: str) -> Trial:
    """The smallest thorough file found of at least `psnr_db` dB; the smallest quick one where no thorough one has them.

    quick, thorough: as above. Raises as `rate.smallest_reaching`.
    """
    found = _near(
        thorough,
        start=lambda gain: smallest_reaching(quick, psnr_db + gain, name).position,
        end=quick.ladder.count - 1,
        gain=lambda t: quick[t.position].psnr_db - t.psnr_db,
        room=lambda t: t.psnr_db - psnr_db,
        near=10 * CLOSE_DB,
    )
    return found or smallest_reaching(quick, psnr_db, name)


def _near(
    thorough: Trials, *, start: Callable[[float], int], end: int, gain: Callable[[Trial], float],
    room: Callable[[Trial], float], near: float,
) -> Trial | None:  # fmt: skip
    """The thorough file that leaves the least room, at least 0, below a ceiling or above a floor; None without one.

    Work gains about as much at one position as at the next. So what it gained at the last one (`gain`) moves the target
    of the quick search, whose answer (`start`) is where to work next. A miss makes it aim a little to the safe side.
    end: the position to try where the quick files do not reach the target.   near: room that is small enough to stop.
    """
    gained, misses = 0.0, 0
    for _ in range(TRIES):
        try:
            position = start(gained)
        except LicLabError:
            position = end
        if position in thorough.seen:
            break
        trial = thorough[position]
        if 0 <= room(trial) <= near:
            break
        misses += room(trial) < 0
        gained = gain(trial) + max(misses - 1, 0) * near / 2
    fitting = [trial for trial in thorough.seen.values() if room(trial) >= 0]
    return min(fitting, key=room) if fitting else None
