"""The blind test: which of two pictures is closer to the original, before anybody says who made them."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import numpy as np
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import MS_SSIM_MIN_SIDE, ms_ssim, psnr
from lic_lab.plots.views import Picture, Table
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.explorer import Explorer
from lic_lab.widgets.panel import visible_errors

OPEN = "not yet"
SIDES = ("A", "B")
METRICS = ("PSNR", "MS-SSIM")


class BlindTest(Explorer):
    """Look at pairs of pictures without knowing who made them, vote, and only then see names and numbers.

    pairs: title -> (original, {name: picture, name: picture}), all uint8 (h, w, 3) of one size.   seed: of the order in
    which pairs, and A and B within each, are shown. A vote stays with its pair and can be changed; the line below says
    how often the votes and the two metrics agree. Raises LicLabError for no pair, for other than two pictures, and for
    pictures of different sizes.
    """

    def __init__(self, pairs: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]], *, seed: int = 0):
        if not pairs or any(len(two) != 2 for _, two in pairs.values()):
            raise LicLabError("a blind test needs pairs: give title -> (original, {name: picture, name: picture})")
        for title, (original, two) in pairs.items():
            if any(picture.shape != original.shape for picture in two.values()):
                raise LicLabError(f"the pictures of {title!r} differ in size: give three of one size")
        random = np.random.default_rng(seed)
        self.pairs, self.votes = {}, {}
        for title in random.permutation(list(pairs)).tolist():
            original, two = pairs[title]
            names = random.permutation(list(two)).tolist()
            self.pairs[title] = (original, {side: (name, two[name]) for side, name in zip(SIDES, names, strict=True)})
        self.titles, self.measured = list(self.pairs), {}
        super().__init__(
            self.look,
            name="Blind test",
            vote=choose((OPEN, *SIDES), "Closer is"),
            pair=slide(range(1, len(self.pairs) + 1), "Pair", 1, "{} of " + str(len(self.pairs))),
        )

    @visible_errors
    def on_move(self, change=None) -> None:
        """Show another pair with the vote that it has, or what a vote was about; say how the votes stand."""
        title = self.titles[self.controls["pair"].value - 1]
        if change is not None and change.owner is self.controls["pair"]:
            with self.controls["vote"].hold_trait_notifications():
                self.controls["vote"].value = self.votes.get(title, OPEN)
        else:
            self.votes[title] = self.controls["vote"].value
        self.put(self.ask(self.values))
        self.status.say(self.score())

    def look(self, vote: str, pair: int) -> list:
        """Give A, the original and B; and what they are, once there is a vote."""
        title = self.titles[pair - 1]
        original, sides = self.pairs[title]
        wide = max(original.shape[1], 160)  # one pixel of the page for each of the picture
        a, b = (Picture(sides[s][1], self.heading(s, sides[s][0], vote), alt=f"Picture {s}", width=wide) for s in SIDES)
        views = [a, Picture(original, "original", width=wide), b]
        return views if vote == OPEN else [*views, self.reveal(title, vote)]

    @staticmethod
    def heading(side: str, name: str, vote: str) -> str:
        """Name a picture by its letter only, until there is a vote."""
        return side if vote == OPEN else f"{side}: {name}"

    def numbers(self, title: str) -> dict[str, tuple[float, float]]:
        """Give PSNR in dB and MS-SSIM (NaN for small pictures) of both sides of a pair."""
        if title not in self.measured:
            original, sides = self.pairs[title]
            large = min(original.shape[:2]) >= MS_SSIM_MIN_SIDE
            self.measured[title] = {
                side: (psnr(original, picture), ms_ssim(original, picture) if large else math.nan)
                for side, (_, picture) in sides.items()
            }
        return self.measured[title]

    def reveal(self, title: str, vote: str) -> Table:
        """List names and numbers of a pair, the better of each in bold, the vote marked."""
        found, sides = self.numbers(title), self.pairs[title][1]
        rows = [
            (sides[s][0], f"{found[s][0]:.2f}", "—" if math.isnan(found[s][1]) else f"{found[s][1]:.4f}") for s in SIDES
        ]
        wins = {(SIDES.index(winner(found, k)), k + 1) for k in (0, 1) if winner(found, k)}
        badges = [f"{side}{' ✓' * (side == vote)}" for side in SIDES]
        return Table(("Picture", "PSNR, dB", "MS-SSIM"), rows, f"{title}; you chose {vote}", wins, badges=badges)

    def poster(self) -> bytes:
        """Give what is shown now as a PNG of few colours: three photographs would be large."""
        sheet, buffer = Pillow.open(io.BytesIO(super().poster())), io.BytesIO()
        sheet.quantize(256, Pillow.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def score(self) -> str:
        """Say how many votes there are, and how many of them each metric would have cast alike, where it has a view."""
        votes = {title: vote for title, vote in self.votes.items() if vote != OPEN}
        if not votes:
            return ""
        said = ", ".join(f"{name} {self.agreement(votes, k)}" for k, name in enumerate(METRICS))
        return f"{len(votes)} of {len(self.pairs)} voted: {said}."

    def agreement(self, votes: Mapping[str, str], k: int) -> str:
        """Say with how many votes a metric agrees, of those where it calls one picture better; or why it calls none."""
        best = {title: side for title in votes if (side := winner(self.numbers(title), k))}
        if best:
            return f"agrees with {sum(votes[title] == side for title, side in best.items())} of {len(best)}"
        numbers = [number[k] for title in votes for number in self.numbers(title).values()]
        return (
            f"not measured (under {MS_SSIM_MIN_SIDE} pixels)" if all(map(math.isnan, numbers)) else "finds both equal"
        )


def winner(found: Mapping[str, tuple[float, float]], k: int) -> str:
    """Give the side whose number is larger, "" where neither is."""
    a, b = (found[side][k] for side in SIDES)
    return "A" if a > b else "B" if b > a else ""
