"""The training loop, short enough to read in one sitting."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lic_lab.datasets.crops import CropBank
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.training.objective import balanced, rate_distortion


@dataclass
class Recipe:
    """How a model is trained; every field is written to the card of the weights.

    crops: stages of (share of the steps, crop side in pixels, crops per batch).
    lr: peak learning rate; linear warm-up, then cosine decay to lr / 50 at the last step.
    """

    steps: int = 30_000
    crops: tuple[tuple[float, int, int], ...] = ((1.0, 128, 8),)
    lr: float = 5e-4
    warmup: int = 300
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    bf16: bool = True
    every: int = 1000  # steps between validations and saved states

    def rate_at(self, step: int) -> float:
        """Give the learning rate at one step."""
        done = min(step / max(self.steps, 1), 1.0)
        warm = min(1.0, (step + 1) / max(self.warmup, 1))
        return self.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def crop_at(self, step: int) -> tuple[int, int]:
        """Give (crop side, crops per batch) at one step."""
        share = step / max(self.steps, 1)
        for end, side, batch in self.crops:
            if share < end:
                return side, batch
        return self.crops[-1][1:]


@dataclass
class Progress:
    """What a watcher of the training is told after every step; `history` holds a row per validation."""

    step: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    bpp: float = math.nan
    psnr: float = math.nan
    history: list[dict] = field(default_factory=list)


class Trainer:
    """Train one codec: model, moving average, optimiser and random state, saved together and resumed together.

    Resuming walks on with the same numbers as if nothing had happened: the state holds the random generators too.
    """

    def __init__(self, model: Codec, recipe: Recipe, bank: CropBank, validation: Tensor, folder: Path):
        self.recipe, self.bank, self.validation, self.folder = recipe, bank, validation, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.model = model.to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.lr)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.progress = Progress()

    def run(self, watch: Callable[[Progress], None] = lambda progress: None) -> Codec:
        """Train to the last step and give the averaged model; `watch` is called after every step.

        Ctrl-C waits for the end of the step, saves the state and raises KeyboardInterrupt; a second one does not wait.
        Raises LicLabError where the loss stops being a number; the last saved state stays as it was.
        """
        started, before = time.monotonic(), self.progress.seconds
        with _patient() as interrupted:
            while self.progress.step < self.recipe.steps:
                self._step()
                self.progress.seconds = before + time.monotonic() - started
                if self.progress.step % self.recipe.every == 0 or self.progress.step == self.recipe.steps:
                    self._validate()
                    self.save()
                try:
                    watch(self.progress)
                    if interrupted():
                        raise KeyboardInterrupt
                except KeyboardInterrupt:  # between steps, so that what is saved is whole
                    self.save()
                    raise
        return self.average.module.eval()

    def _step(self) -> None:
        step, recipe = self.progress.step, self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        side, batch = recipe.crop_at(step)
        x = self.bank.sample(batch, side, self.generator)  # (batch, 3, side, side), or pairs (batch, 2, 3, side, side)
        x = x.flatten(0, -4).contiguous(memory_format=torch.channels_last).view_as(x)
        rate = torch.rand(batch, generator=self.generator) * (self.model.rates - 1)
        lmbda = self.model.lambda_for_rate(rate)
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            output = self.model(x, rate)
        terms = rate_distortion(x, output, lmbda)
        loss = balanced(terms, lmbda) + sum(self._extra(output.extra, step).values())
        self._refuse_nan("loss", loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._refuse_nan("gradient", torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip))
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.progress.step = step + 1
        self._smooth(loss=loss, bpp=terms.bpp.mean(), psnr=terms.psnr.mean())

    def _extra(self, terms: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Weigh what the model adds to the objective, as long as its schedule says."""
        schedule = {name: self.model.extra_weights[name] for name in terms}
        return {name: weight * terms[name].mean() for name, (weight, until) in schedule.items() if step < until}

    def _refuse_nan(self, what: str, value: Tensor) -> None:
        """Stop before a weight is touched, so that no state with NaN in it is ever saved."""
        if not torch.isfinite(value):
            raise LicLabError(
                f"the {what} is not a number at step {self.progress.step}: lower lr ({self.recipe.lr:g}) and resume "
                f"from {self.folder}"
            )

    def _smooth(self, **values: Tensor) -> None:
        for name, value in values.items():
            old, new = getattr(self.progress, name), float(value.detach())
            setattr(self.progress, name, new if math.isnan(old) else 0.98 * old + 0.02 * new)

    @torch.no_grad()
    def _validate(self) -> None:
        """Add a row to the history: rates, distortions and the balanced objective of the averaged model."""
        model, points = self.average.module.eval(), []
        for rung in range(self.model.rates):
            lmbda = torch.full((len(self.validation),), self.model.lambdas[rung])
            terms = rate_distortion(self.validation, model(self.validation, float(rung)), lmbda)
            points.append((float(terms.bpp.mean()), float(terms.psnr.mean()), float(balanced(terms, lmbda))))
        row = {
            "step": self.progress.step,
            "seconds": round(self.progress.seconds),
            "loss": round(self.progress.loss, 5),
        }
        row |= {"objective": round(sum(p[2] for p in points) / len(points), 5)}
        row |= {"bpp": [round(p[0], 4) for p in points], "psnr_db": [round(p[1], 3) for p in points]}
        self.progress.history.append(row)
        _write(self.folder / "history.json", lambda path: path.write_text(json.dumps(self.progress.history, indent=1)))

    def save(self) -> None:
        """Write the whole state to `state.pt` under a temporary name first, so that a kill loses nothing."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
            "recipe": asdict(self.recipe),
            "lambdas": self.model.lambdas,
            "random": (torch.get_rng_state(), self.generator.get_state()),
        }
        _write(self.folder / "state.pt", lambda path: torch.save(state, path))

    def resume(self) -> bool:
        """Take up the state of an earlier run in this folder, if there is one; say whether there was.

        Raises LicLabError for a state that cannot be read, or of another model, preset or lambda.
        """
        file = self.folder / "state.pt"
        if not file.exists():
            return False
        try:
            state = torch.load(file, weights_only=True)
        except Exception as error:  # pickle, zip and torch have a type each for what is damaged
            raise LicLabError(f"{file} cannot be read: the run cannot be resumed, choose another folder") from error
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise LicLabError(f"{file} belongs to another model or preset: choose another folder") from error
        if state.get("lambdas", self.model.lambdas) != self.model.lambdas:
            raise LicLabError(f"{file} was trained for lambda {state['lambdas']}, not {self.model.lambdas}")
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        torch.set_rng_state(state["random"][0])
        self.generator.set_state(state["random"][1])
        return True


@contextmanager
def _patient() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait to be asked for; a second one interrupts at once, as does any where signals cannot be caught."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False

    def note(*_) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note) or signal.default_int_handler
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)
