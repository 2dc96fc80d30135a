"""How a model is trained: one record, written whole into the card of the weights."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path

from lic_lab.errors import LicLabError
from lic_lab.training.objective import DISTORTIONS, MS_SSIM_MIN_CROP

SCHEDULES = ("cosine", "constant", "step", "exponential", "plateau")
PRECISIONS = ("bf16", "fp16", "fp32")
SELECTIONS = ("objective", "score")


@dataclass(frozen=True)
class Recipe:
    """Everything about a training that is not the model or the data.

    steps: optimiser steps.   crops: stages of (share of the steps at their end, crop side in pixels, crops per step).
    accumulate: parts into which a process cuts its share of the crops of a step; the numbers stay the same.
    lr: peak learning rate of Adam, after `warmup` steps of linear growth, a tenth of all at most.   schedule: "cosine" to lr / 50 at the last
    step; "constant"; "step", times `factor` at each of the steps in `milestones`; "exponential", times `factor` for
    every `period` steps after the first of `milestones`; "plateau", times `factor` when the validation objective has
    not fallen for `patience` validations.
    distortion: "mse" or "ms-ssim".   lambda_warmup: steps over which lambda grows from nothing (0: none), as in
    BiMamba's public code.   clip: of the gradient's norm.   ema: decay of the averaged weights (0: the last ones),
    less in the first steps.
    precision: of the transforms, "bf16", "fp16" or "fp32"; bits are always counted in float32.
    every: steps between validations and saved states.   keep_every: steps between weights that are kept (0: none).
    select: what makes weights the best, the lowest validation "objective" or the highest "score" (Asymmetric's, of
    bpp, PSNR and SSIM).   deterministic: the same bits from run to run on a GPU too, where that is slower.
    """

    steps: int = 30_000
    crops: tuple[tuple[float, int, int], ...] = ((1.0, 128, 8),)
    accumulate: int = 1
    lr: float = 5e-4
    warmup: int = 300
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    period: int = 10_000
    patience: int = 10
    weight_decay: float = 0.0
    distortion: str = "mse"
    lambda_warmup: int = 0
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    precision: str = "bf16"
    deterministic: bool = False
    every: int = 1000
    keep_every: int = 0
    select: str = "objective"

    def __post_init__(self):
        known = {"schedule": SCHEDULES, "distortion": DISTORTIONS, "precision": PRECISIONS, "select": SELECTIONS}
        for name, allowed in known.items():
            if getattr(self, name) not in allowed:
                raise LicLabError(f"no {name} called {getattr(self, name)!r}: there are {', '.join(allowed)}")
        for name in ("steps", "accumulate", "lr", "clip", "factor", "period", "patience", "every"):
            if not getattr(self, name) > 0:
                raise LicLabError(f"{name} is a positive number, got {getattr(self, name)!r}")
        if not 0 <= self.ema < 1:
            raise LicLabError(f"ema is from 0 to below 1, got {self.ema!r}")
        if self.schedule == "step" and not self.milestones:
            raise LicLabError("schedule 'step' needs the steps at which the learning rate falls: give milestones")
        smallest = min(side for _, side, _ in self.crops)
        if self.distortion == "ms-ssim" and smallest < MS_SSIM_MIN_CROP:
            raise LicLabError(
                f"MS-SSIM needs crops of {MS_SSIM_MIN_CROP} pixels or more, got {smallest}: give a larger crop"
            )

    def crop_at(self, step: int) -> tuple[int, int]:
        """Give (crop side, crops per step) at one step."""
        share = step / self.steps
        return next(((side, batch) for end, side, batch in self.crops if share < end), self.crops[-1][1:])

    def rate_at(self, step: int, objectives: Sequence[float] = ()) -> float:
        """Give the learning rate at one step; objectives: of the validations so far, for "plateau"."""
        warm = min(1.0, (step + 1) / max(min(self.warmup, self.steps // 10), 1))
        return self.lr * warm * self._fall(step, objectives)

    def _fall(self, step: int, objectives: Sequence[float]) -> float:
        """What is left of the peak rate at one step, from 1 down."""
        if self.schedule == "cosine":
            return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        if self.schedule == "step":
            return self.factor ** sum(step >= milestone for milestone in self.milestones)
        if self.schedule == "exponential":
            return self.factor ** (max(0, step - (self.milestones or (0,))[0]) / self.period)
        return self.factor ** _plateaus(objectives, self.patience) if self.schedule == "plateau" else 1.0

    def lambda_share_at(self, step: int) -> float:
        """Give the share of lambda that counts at one step: 1 except while `lambda_warmup` lasts."""
        return min(1.0, max(1e-6, step / self.lambda_warmup)) if self.lambda_warmup else 1.0


def _plateaus(objectives: Sequence[float], patience: int) -> int:
    """How often the best value stood for more than `patience` values; the count begins anew after each time."""
    best, since, falls = math.inf, 0, 0
    for value in objectives:
        best, since = (value, 0) if value < best else (best, since + 1)
        if since > patience:
            falls, since = falls + 1, 0
    return falls


RECIPES = {
    "tiny": Recipe(steps=2_000, crops=((1.0, 64, 8),), every=500),
    "lab": Recipe(steps=28_000, crops=((0.8, 128, 8), (1.0, 256, 2)), lr=7e-4, every=1000),
    "paper": Recipe(steps=2_000_000, crops=((1.0, 256, 8),), lr=1e-4, precision="fp32", every=10_000),
}
RECIPES |= {f"{size}-main": recipe for size, recipe in RECIPES.items()}  # serial contexts are trained alike
"""How each preset is trained unless told otherwise."""


def recipe_for(preset: str, *, crop: int | None = None, batch_size: int | None = None, **changes) -> Recipe:
    """Give the recipe of a preset with changes; crop, batch_size: in every stage.   A value of None changes nothing.

    Raises LicLabError for presets and fields that do not exist, with the near ones, and for values that cannot be.
    """
    if preset not in RECIPES:
        raise LicLabError(f"no recipe for preset {preset!r}: there are {', '.join(RECIPES)}")
    known = [field.name for field in fields(Recipe)]
    for name in changes:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise LicLabError(
                f"a recipe has no {name!r}: " + (f"did you mean {near[0]!r}?" if near else ", ".join(known))
            )
    changes = {name: _tuples(value) for name, value in changes.items() if value is not None}
    stages = changes.pop("crops", RECIPES[preset].crops)
    stages = tuple((end, crop or side, batch_size or batch) for end, side, batch in stages)
    return replace(RECIPES[preset], crops=stages, **changes)


def read_changes(path: str | Path) -> dict:
    """Read changes to a recipe from a .toml or .json file, as `recipe_for` takes them.

    Raises LicLabError for a file that is missing or not such a table.
    """
    path = Path(path)
    try:
        found = (
            tomllib.loads(path.read_text("utf-8")) if path.suffix == ".toml" else json.loads(path.read_text("utf-8"))
        )
    except (OSError, ValueError) as error:
        raise LicLabError(f"{path} is no recipe: {error}") from error
    if not isinstance(found, Mapping):
        raise LicLabError(f"{path} is no recipe: it must name fields, as in steps = 2000")
    return dict(found)


def _tuples(value):
    """Files know lists only."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
