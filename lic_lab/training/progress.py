"""How far a run is: what a watcher is told after every step, and what a state keeps of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

PICTURES = "validation_pictures"  # of a leg: fingerprints of those before, and of those from there on


@dataclass
class Progress:
    """What a watcher of the training is told after every step.

    loss, bpp, psnr (dB): means of about the last fifty steps, on training crops.   terms: what the model adds to it.
    speed: crops per second.   gradient: its norm in the last step, before clipping.   rate: the learning rate there.
    history: a row per validation.   best: the row of the best weights so far, if any.
    legs: where the run was resumed with another recipe or other validation pictures: its step, and what changed.
    """

    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    bpp: float = math.nan
    psnr: float = math.nan
    speed: float = math.nan
    gradient: float = math.nan
    rate: float = math.nan
    terms: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)
    legs: list[dict] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The numbers in one line, for a progress bar."""
        extra = "".join(f"  {name} {value:.3g}" for name, value in self.terms.items())
        return f"loss {self.loss:.3f}  {self.bpp:.3f} bpp  {self.psnr:.2f} dB{extra}  {self.speed:.1f} crops/s"

    @property
    def turns(self) -> list[int]:
        """The numbers of the validations that are the first ones on other pictures."""
        steps = [leg["step"] for leg in self.legs if PICTURES in leg]
        return [sum(row["step"] <= step for row in self.history) for step in steps]
