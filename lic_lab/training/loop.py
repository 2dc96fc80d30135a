"""The training loop, short enough to read in one sitting."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from threading import Event

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lic_lab.datasets.crops import CropBank
from lic_lab.entropy.wires import Estimate, Hard
from lic_lab.errors import DivergedError, LicLabError
from lic_lab.files import write_whole
from lic_lab.models.base import Codec
from lic_lab.ops.rounding import share_of_noise
from lic_lab.training.control import Control, patient_signals
from lic_lab.training.log import Log
from lic_lab.training.objective import balanced, rate_distortion
from lic_lab.training.processes import Processes
from lic_lab.training.progress import PICTURES, Progress
from lic_lab.training.recipe import Recipe, recipe_of
from lic_lab.training.soap import SOAP
from lic_lab.training.validation import fingerprint, validate

SKIPS = 50  # steps that fp16 may pass over in a row, each halving its scale


class Trainer:
    """Train one codec: model, moving average, optimiser and random state, saved together and resumed together.

    Resuming walks on with the same numbers as if nothing had happened: the state holds the random generators too.
    The numbers do not depend on how a step is cut into parts and spread over processes: each draws what the whole step
    would draw, and takes its share.

    validation: pictures (n, 3, h, w), or pairs.   folder: for state.pt and what `Log` writes.   keep(model, name): is
    called with the averaged model to write "best", "last" or "step-00010000".   processes: where to run.
    about: what the run is of, by name; it is stored, and a resumed run must be of the same.
    fresh: names of parameters that learn `recipe.fresh` times as fast as the others.
    """

    def __init__(
        self, model: Codec, recipe: Recipe, bank: CropBank, validation: Tensor, folder: Path, *,
        keep: Callable[[Codec, str], None] = lambda model, name: None, processes: Processes | None = None,
        about: Mapping | None = None, fresh: Collection[str] = (),
    ):  # fmt: skip
        self.recipe, self.bank, self.validation, self.folder = recipe, bank, validation, Path(folder)
        self.keep, self.processes, self.about = keep, processes or Processes(), dict(about or {})
        for _, _, batch in recipe.crops:  # refuses what cannot be shared before anything is done
            self.processes.share(batch, recipe.accumulate)
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.device = self.processes.device
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.runner = self.processes.wrap(self.model, idle=recipe.soft < 1)
        self.average = AveragedModel(self.model, multi_avg_fn=_moving_average(recipe.ema))
        self.fresh = sorted({name for name, _ in self.model.named_parameters()}.intersection(fresh))
        if recipe.fresh != 1 and not self.fresh:
            raise LicLabError(
                "fresh is of layers that the weights begun with have not: there are none, so leave it out"
            )
        kind = {"adam": torch.optim.Adam, "soap": SOAP}[recipe.optimizer]
        self.optimizer = kind(self._groups(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.progress, self._skipped = Progress(steps=recipe.steps), 0
        self._random = self._random_state()

    def _groups(self) -> list[dict]:
        """Part the parameters into those that learn as the recipe says, and those that are `fresh`."""
        named, fresh = list(self.model.named_parameters()), set(self.fresh)
        known, new = ([p for name, p in named if (name in fresh) is wanted] for wanted in (False, True))
        groups = {"params": known, "pace": 1.0}, {"params": new, "pace": self.recipe.fresh}
        return [group for group in groups if group["params"]]

    def run(self, watch: Callable[[Progress], None] = lambda progress: None, control: Control | None = None) -> Codec:
        """Train to the last step and give the averaged model; `watch` is called after every step.

        control: pauses the training, or stops it, which saves the state and gives the model so far. Ctrl-C and SIGTERM
        wait for the end of the step, save the state and raise KeyboardInterrupt; a second one does not wait.
        Raises LicLabError where the loss stops being a number; the last saved state stays as it was.
        """
        control, began, before = control or Control(), time.monotonic(), self.progress.seconds
        self.log = Log(self.folder, active=self.processes.main, step=self.progress.step)
        self.log.say(f"from step {self.progress.step} of {self.recipe.steps}: {asdict(self.recipe)}")
        try:
            with patient_signals() as signalled, self._own_randomness():
                stopped = control.stopped
                while self.progress.step < self.recipe.steps and not stopped:
                    self._step()
                    self.progress.seconds = before + time.monotonic() - began
                    if self.progress.step % self.recipe.every == 0 or self.progress.step == self.recipe.steps:
                        self._validate()
                    if self.recipe.keep_every and self.progress.step % self.recipe.keep_every == 0:
                        self._try(lambda: self.keep(self.average.module.eval(), f"step-{self.progress.step:08}"))
                    began += self._attend(watch, control, signalled)
                    interrupted, stopped = self.processes.any(signalled.is_set(), control.stopped)
                    if interrupted:
                        self._save_and_say("interrupted")
                        raise KeyboardInterrupt
            self._save_and_say("stopped" if stopped else "done")
            return self.average.module.eval()
        finally:
            self.log.close()

    def _attend(self, watch: Callable[[Progress], None], control: Control, signalled: Event) -> float:
        """Tell the watcher, and wait while paused; give the seconds of waiting. An interrupt here loses nothing."""
        try:
            if self.processes.main:
                watch(self.progress)
            return control.wait(signalled)
        except KeyboardInterrupt:
            self._save_and_say("interrupted")
            raise

    def _save_and_say(self, what: str) -> None:
        self.save()
        self.log.say(f"{what} at step {self.progress.step}")

    def _step(self) -> None:
        step, recipe, began = self.progress.step, self.recipe, time.monotonic()
        rate = recipe.rate_at(step, [row["objective"] for row in self.progress.history], self.progress.turns)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["pace"]
        side, batch = recipe.crop_at(step)
        draw = self.bank.draw(batch, side, self.generator)
        rates = torch.rand(batch, generator=self.generator) * (self.model.rates - 1)
        parts, sums = self.processes.share(batch, recipe.accumulate), 0.0
        noise = self._random_state()
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        for number, part in enumerate(parts):
            self._set_random_state(noise)  # every part draws the noise of the whole step, and takes its share
            with share_of_noise(part, batch), self.processes.silent(self.runner, number < len(parts) - 1):
                sums = sums + self._part([draw[i] for i in part], side, rates[list(part)], len(parts))
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        loss, bpp, psnr, *terms = self.processes.mean(sums)
        norm = float(norm)
        self._refuse_nan("loss", loss)
        self._skipped = 0 if math.isfinite(norm) else self._skipped + 1
        if not self.scaler.is_enabled() or self._skipped > SKIPS:  # it skips such steps and lowers its scale
            self._refuse_nan("gradient", norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update_parameters(self.model)
        self.progress.step = step + 1
        self.progress.terms = dict(zip(self._terms, terms, strict=True))
        self.progress.gradient, self.progress.rate = norm, rate
        self._smooth(loss=loss, bpp=bpp, psnr=psnr, speed=batch / (time.monotonic() - began))
        self._note()

    def _part(self, places: list, side: int, rate: Tensor, parts: int) -> Tensor:
        """Add the gradient of some of the crops of a step; give loss, bpp, dB and the model's terms, over `parts`."""
        x = self.bank.cut(places, side).to(self.device)  # (b, 3, side, side), or pairs (b, 2, 3, side, side)
        x = x.flatten(0, -4).contiguous(memory_format=torch.channels_last).view_as(x)
        rate = rate.to(self.device)
        lmbda = self.model.lambda_for_rate(rate)
        with self.processes.autocast(self.recipe.precision):
            output = self.runner(x, rate, self._wire())
        share = self.recipe.lambda_share_at(self.progress.step)
        terms = rate_distortion(x, output, lmbda * share, self.recipe.distortion)
        extra = self._extra(output.extra)
        loss = balanced(terms, lmbda) + sum(extra.values())
        self.scaler.scale(loss / parts).backward()
        self._terms = list(extra)
        return torch.stack([loss, terms.bpp.mean(), terms.psnr.mean(), *extra.values()]).detach() / parts

    def _wire(self) -> Estimate:
        """What stands for coding in this step: noise, or behind the soft share of the steps what would be written."""
        if self.recipe.soft_at(self.progress.step):
            return Estimate(training=True)
        return Hard(error_price=self.model.error_price)

    def _extra(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weigh what the model adds to the objective, as long as its schedule says."""
        schedule = {name: self.model.extra_weights[name] for name in terms}
        return {
            name: weight * terms[name].mean()
            for name, (weight, until) in schedule.items()
            if self.progress.step < until
        }

    def _refuse_nan(self, what: str, value: float) -> None:
        """Stop before a weight is touched, so that no state with NaN in it is ever saved."""
        if not math.isfinite(value):
            saved = (self.folder / "state.pt").exists()
            raise DivergedError(
                f"the {what} is not a number at step {self.progress.step}: lower lr ({self.recipe.lr:g}) and "
                + (f"resume from {self.folder}" if saved else "begin again")
            )

    def _smooth(self, **values: float) -> None:
        share = max(1 / self.progress.step, 0.02)  # the plain mean at first: the first crops tell no more than others
        for name, new in values.items():
            old = getattr(self.progress, name)
            setattr(self.progress, name, new if math.isnan(old) else old + share * (new - old))

    def _note(self) -> None:
        now = self.progress
        values = {"loss": now.loss, "bpp": now.bpp, "psnr_db": now.psnr, "gradient_norm": now.gradient}
        self.log.step(now.step, values | {"crops_per_second": now.speed, "learning_rate": now.rate} | now.terms)

    def _validate(self) -> None:
        """Add a row to the history, keep the averaged weights where they are the best so far, and save the state."""
        now, model = self.progress, self.average.module.eval()
        row = {"step": now.step, "seconds": round(now.seconds), "loss": round(now.loss, 5)}
        row |= validate(model, self.validation, self.recipe, device=self.device, log=self.log, step=now.step)
        now.history.append(row)
        self._try(lambda: self.log.validation(row, now.history))
        better = not now.best or self._merit(row) > self._merit(now.best)
        if better and math.isfinite(self._merit(row)) and self._try(lambda: self.keep(model, "best")):
            now.best = row
        self._try(self.save)

    def _try(self, write: Callable[[], None]) -> bool:
        """Write in the middle of a run; a full disk is said, and the training goes on, for it may be mended."""
        if not self.processes.main:
            return True
        try:
            write()
        except (LicLabError, OSError) as error:
            self.log.say(str(error))
            warnings.warn(f"{error}; the training goes on and will try again", stacklevel=2)
            return False
        return True

    def _merit(self, row: dict) -> float:
        """What makes weights better: the score where the recipe asks for it, else a lower objective."""
        return row.get("score", math.nan) if self.recipe.select == "score" else -row["objective"]

    @cached_property
    def _pictures(self) -> str:
        """What tells the validation pictures from others."""
        return fingerprint(self.validation)

    def save(self) -> None:
        """Write the whole state to `state.pt` under a temporary name first, so that a kill loses nothing."""
        if not self.processes.main:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
            "recipe": asdict(self.recipe),
            "lambdas": self.model.lambdas,
            "about": self.about,
            "fresh": self.fresh,
            "validation": self._pictures,
            "random": (self._random_state()[0], self.generator.get_state()),
            "random_cuda": self._random_state()[1],
        }
        write_whole(self.folder / "state.pt", lambda path: torch.save(state, path))

    def resume(self) -> bool:
        """Take up the state of an earlier run in this folder, if there is one; say whether there was.

        Raises LicLabError for a state that cannot be read, or of another model, preset, lambda or distortion.
        """
        file = self.folder / "state.pt"
        if not file.exists():
            return False
        state = read_state(self.folder)
        refuse_other(file, state.get("about", {}), self.about)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise LicLabError(f"{file} belongs to another model or preset: choose another folder") from error
        if state.get("lambdas", self.model.lambdas) != self.model.lambdas:
            raise LicLabError(f"{file} was trained for lambda {state['lambdas']}, not {self.model.lambdas}")
        if set(self.fresh) != set(state.get("fresh", ())):
            raise LicLabError(f"{file} has other fresh layers than this run: choose another folder")
        for key, usual, how in ("distortion", "mse", "for"), ("optimizer", "adam", "with"):
            was, wanted = state["recipe"].get(key, usual), getattr(self.recipe, key)
            if was != wanted:
                raise LicLabError(f"{file} was trained {how} {was}, not {wanted}: choose another folder")
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group, now in zip(self.optimizer.param_groups, self._groups(), strict=True):
            group["pace"] = now["pace"]  # as the recipe has it by now
        if state.get("scaler") and self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        known = {item.name for item in fields(Progress)}  # a newer version may tell more
        told = {name: value for name, value in state["progress"].items() if name in known}
        self.progress = Progress(**told | {"steps": self.recipe.steps})
        if self.progress.step > self.recipe.steps:
            raise LicLabError(
                f"{file} has taken {self.progress.step} steps already: give so many or more, not {self.recipe.steps}"
            )
        self._take_leg(recipe_of(state["recipe"]), state.get("validation", self._pictures))
        self._random = (state["random"][0], state.get("random_cuda"))
        self.generator.set_state(state["random"][1])
        return True

    def _take_leg(self, before: Recipe, pictures: str) -> None:
        """Note what is another recipe than before, and that validation is on other pictures (`pictures`: those before).

        What was the best by another measure, or on other pictures, may not be any more, and is forgotten.
        """
        old, new = asdict(before), asdict(self.recipe)
        changed = {name: [old[name], new[name]] for name in new if old[name] != new[name]}
        if pictures != self._pictures:
            changed[PICTURES] = [pictures, self._pictures]
            warnings.warn(
                "the validation pictures are others than before, by another crop or another content of the folders: "
                "the best weights so far are not compared with, and those of the next validation replace them",
                stacklevel=3,
            )
        if pictures != self._pictures or before.select != self.recipe.select:
            self.progress.best = {}
        if changed:
            self.progress.legs.append({"step": self.progress.step, **changed})

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Draw from the run's own generators, wherever those of the process are, and leave these as they were."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            self._set_random_state(self._random)
            self._random = None
            try:
                yield
            finally:
                self._random = self._random_state()

    def _random_state(self) -> tuple[Tensor, Tensor | None]:
        """The generators that noise comes from, of the CPU and of the device: those of the process during a run."""
        if getattr(self, "_random", None) is not None:
            return self._random
        return torch.get_rng_state(), torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None

    def _set_random_state(self, state: tuple[Tensor, Tensor | None]) -> None:
        torch.set_rng_state(state[0])
        if self.device.type == "cuda" and state[1] is not None:
            torch.cuda.set_rng_state(state[1], self.device)


def _moving_average(decay: float) -> Callable:
    """An exponential average that forgets its beginning: over n steps, a decay of (1 + n) / (10 + n) at most.

    Otherwise a run of 200 steps with a decay of 0.999 would give the weights it began with.
    """

    def update(averages: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        now = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(now)(averages, current, steps)

    return update


def refuse_other(file: Path, theirs: Mapping, mine: Mapping) -> None:
    """Raise LicLabError where a state is of something else than a run; what it does not say may be anything."""
    for key, value in mine.items():
        if theirs.get(key, value) != value:
            folders = key in ("data", "validation")
            mend = "name these again, or choose another folder" if folders else "choose another folder, or --start-from"
            raise LicLabError(f"{file} is of {key} {theirs[key]}, not {value}: {mend}")


def read_state(folder: str | Path) -> dict:
    """Read the state of a run; raises LicLabError where there is none, or none that can be read."""
    file = Path(folder) / "state.pt"
    if not file.exists():
        raise LicLabError(f"there is no training run to resume in {folder}")
    try:
        state = torch.load(file, weights_only=True, map_location="cpu")
        if not {"model", "average", "optimizer", "progress", "recipe", "random"} <= set(state):
            raise ValueError("it is of another program")
    except Exception as error:  # pickle, zip and torch have a type each for what is damaged
        raise LicLabError(f"{file} cannot be read: the run cannot be resumed, choose another folder") from error
    return state
