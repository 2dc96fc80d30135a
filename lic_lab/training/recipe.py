"""How a model is trained: one record, written whole into the card of the weights."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from lic_lab.errors import LicLabError
from lic_lab.training.objective import DISTORTIONS, MS_SSIM_MIN_CROP

SCHEDULES = ("cosine", "constant", "step", "exponential", "plateau")
WITH_MILESTONES = ("step", "exponential")
OPTIMIZERS = ("adam", "soap")
PRECISIONS = ("bf16", "fp16", "fp32")
SELECTIONS = ("objective", "score")


@dataclass(frozen=True)
class Recipe:
    """Everything about a training that is not the model or the data.

    steps: optimiser steps.   crops: stages of (share of the steps at their end, crop side in pixels, crops per step).
    accumulate: parts into which a process cuts its share of the crops of a step; the numbers stay the same.
    optimizer: "adam", or "soap", which takes a third more time a step and needs fewer of them (`training.soap`).
    lr: its peak learning rate, after `warmup` steps of linear growth, a tenth of all at most.   fresh: how many
    times faster those layers learn that the weights begun with have not (all alike without such weights).
    schedule: "cosine" to lr / 50 at the last step; "constant"; "step", times `factor` at each of the steps in
    `milestones`; "exponential", times `factor` for every `period` steps after the first of `milestones`; "plateau",
    times `factor` when the validation objective has not fallen for more than `patience` validations.
    soft: share of the steps in which noise stands for rounding; in those behind it symbols are rounded as in a file,
    and only what decodes learns (`entropy.wires.Hard`).
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
    optimizer: str = "adam"
    lr: float = 5e-4
    fresh: float = 1.0
    warmup: int = 300
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    period: int = 10_000
    patience: int = 10
    weight_decay: float = 0.0
    soft: float = 1.0
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
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise LicLabError(f"no {name} called {getattr(self, name)!r}: there are {', '.join(allowed)}")
        for name, (low, whole) in _RANGES.items():
            _check_number(name, getattr(self, name), low, whole)
        if self.ema >= 1:
            raise LicLabError(f"ema is below 1, got {self.ema!r}")
        if self.soft > 1:
            raise LicLabError(f"soft is a share of the steps, 1 at most, got {self.soft!r}")
        if not isinstance(self.deterministic, bool):
            raise LicLabError(f"deterministic is true or false, got {self.deterministic!r}")
        if not isinstance(self.milestones, tuple):
            raise LicLabError(f"milestones are a list of steps, got {self.milestones!r}")
        for number in self.milestones:
            _check_number("a milestone", number, 0, True)
        if self.schedule == "step" and not self.milestones:
            raise LicLabError("schedule 'step' needs the steps at which the learning rate falls: give milestones")
        if self.milestones and self.schedule not in WITH_MILESTONES:
            raise LicLabError(f"milestones have no part in schedule {self.schedule!r}: use step, or leave them out")
        self._check_crops()

    def _check_crops(self) -> None:
        _check_stages(self.crops)
        smallest = min(side for _, side, _ in self.crops)
        if self.distortion == "ms-ssim" and smallest < MS_SSIM_MIN_CROP:
            raise LicLabError(
                f"MS-SSIM needs crops of {MS_SSIM_MIN_CROP} pixels or more, got {smallest}: give a larger crop"
            )

    @property
    def crops_per_step(self) -> float:
        """Crops of a step, averaged over the stages."""
        ends = [0.0, *(end for end, *_ in self.crops)]
        shares = [end - begin for begin, end in pairwise(ends)]
        return sum(share * batch for share, (*_, batch) in zip(shares, self.crops, strict=True)) / sum(shares)

    def crop_at(self, step: int) -> tuple[int, int]:
        """Give (crop side, crops per step) at one step."""
        share = step / self.steps
        return next(((side, batch) for end, side, batch in self.crops if share < end), self.crops[-1][1:])

    def rate_at(self, step: int, objectives: Sequence[float] = (), anew: Collection[int] = ()) -> float:
        """Give the learning rate at one step; objectives: of the validations so far, for "plateau".

        anew: numbers of those objectives that are of other pictures than the one before.
        """
        warm = min(1.0, (step + 1) / max(min(self.warmup, self.steps // 10), 1))
        return self.lr * warm * self._fall(step, objectives, anew)

    def _fall(self, step: int, objectives: Sequence[float], anew: Collection[int]) -> float:
        """What is left of the peak rate at one step, from 1 down."""
        if self.schedule == "cosine":
            return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        if self.schedule == "step":
            return self.factor ** sum(step >= milestone for milestone in self.milestones)
        if self.schedule == "exponential":
            return self.factor ** (max(0, step - (self.milestones or (0,))[0]) / self.period)
        return self.factor ** _plateaus(objectives, self.patience, anew) if self.schedule == "plateau" else 1.0

    def soft_at(self, step: int) -> bool:
        """Say whether noise stands for rounding at one step."""
        return step < self.soft * self.steps

    def lambda_share_at(self, step: int) -> float:
        """Give the share of lambda that counts at one step: 1 except while `lambda_warmup` lasts."""
        return min(1.0, max(1e-6, step / self.lambda_warmup)) if self.lambda_warmup else 1.0


_CHOICES = {
    "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "distortion": DISTORTIONS, "precision": PRECISIONS,
    "select": SELECTIONS,
}  # fmt: skip
_RANGES = {  # the least that is allowed, "positive" standing for more than nothing; and whether the number is whole
    "steps": (1, True), "accumulate": (1, True), "lr": ("positive", False), "fresh": ("positive", False),
    "warmup": (0, True), "factor": ("positive", False), "period": (1, True), "patience": (1, True),
    "weight_decay": (0, False), "lambda_warmup": (0, True), "clip": ("positive", False), "ema": (0, False),
    "soft": (0, False), "seed": (0, True), "every": (1, True), "keep_every": (0, True),
}  # fmt: skip


def _check_number(name: str, value, low, whole: bool) -> None:
    kinds = (int,) if whole else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not number or (value <= 0 if low == "positive" else value < low):
        what = "whole number" if whole else "number"
        asked = f"positive {what}" if low in ("positive", 1) else f"{what} from {low} on"
        raise LicLabError(f"{name} is a {asked}, got {value!r}")


def _check_stages(stages) -> None:
    """Refuse whatever is not a tuple of stages of crops, one after the other."""
    if not isinstance(stages, tuple) or not stages:
        raise LicLabError(f"crops are stages of (share of the steps, side, crops per step), got {stages!r}")
    end = 0.0
    for stage in stages:
        if not isinstance(stage, tuple) or len(stage) != 3:
            raise LicLabError(f"a stage of crops is (share of the steps, side, crops per step), got {stage!r}")
        _check_number("the share of the steps at which a stage of crops ends", stage[0], "positive", False)
        _check_number("the side of a crop", stage[1], 1, True)
        _check_number("crops per step", stage[2], 1, True)
        if not end < stage[0] <= 1:
            raise LicLabError(f"stages of crops end at rising shares of the steps, got {stage[0]:g} after {end:g}")
        end = stage[0]


def _plateaus(objectives: Sequence[float], patience: int, anew: Collection[int]) -> int:
    """How often the best value stood for more than `patience` values; the count begins anew after each time.

    At the numbers in `anew` it begins anew too, with another best value.
    """
    best, since, falls = math.inf, 0, 0
    for number, value in enumerate(objectives):
        best = math.inf if number in anew else best
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


def recipe_for(
    preset: str, *, crop: int | None = None, batch_size: int | None = None, base: Recipe | None = None, **changes
) -> Recipe:
    """Give the recipe of a preset, or `base`, with changes; crop, batch_size: in every stage.

    A value of None changes nothing; milestones alone mean schedule "step".
    Raises LicLabError for presets and fields that do not exist, with the near ones, and for values that cannot be.
    """
    if base is None and preset not in RECIPES:
        raise LicLabError(f"no recipe for preset {preset!r}: there are {', '.join(RECIPES)}")
    base = base or RECIPES[preset]
    _check_names(changes)
    changes = {name: _tuples(value) for name, value in changes.items() if value is not None}
    if changes.get("milestones"):
        changes.setdefault("schedule", "step")
    if changes.get("schedule") in SCHEDULES and changes["schedule"] not in WITH_MILESTONES:
        changes.setdefault("milestones", ())  # those of the old schedule have no part in the new one
    stages = changes.pop("crops", base.crops)
    _check_stages(stages)
    stages = tuple(
        (end, side if crop is None else crop, batch if batch_size is None else batch_size)
        for end, side, batch in stages
    )
    return replace(base, crops=stages, **changes)


def recipe_of(record: Mapping) -> Recipe:
    """Give the recipe that a state or a card holds; fields that it does not know stay as they are by default."""
    known = {field.name for field in fields(Recipe)}
    return Recipe(**{name: _tuples(value) for name, value in record.items() if name in known})


def _check_names(changes: Mapping, also: tuple[str, ...] = ()) -> None:
    known = [field.name for field in fields(Recipe)] + list(also)
    for name in changes:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise LicLabError(f"a recipe has no {name!r}: {hint}")


def read_changes(path: str | Path) -> dict:
    """Read changes to a recipe from a .toml or .json file, as `recipe_for` takes them: fields, crop, batch_size.

    Raises LicLabError for a file that is missing or not such a table.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise LicLabError(f"{path} is no recipe: {error}") from error
    if not isinstance(found, Mapping):
        raise LicLabError(f"{path} is no recipe: it must name fields, as in steps = 2000")
    changes = {name.replace("-", "_"): value for name, value in found.items()}
    _check_names(changes, ("crop", "batch_size"))
    return changes


def _tuples(value):
    """Files know lists only."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
