"""From a model's name and folders of pictures to a file of trained weights with its card."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lic_lab.datasets.crops import CropBank, center_crops, split
from lic_lab.datasets.pairs import PairBank, center_pairs, split_pairs
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_weights, save_model
from lic_lab.models.presets import build
from lic_lab.training.control import Control
from lic_lab.training.loop import Progress, Trainer
from lic_lab.training.processes import Processes
from lic_lab.training.recipe import RECIPES, Recipe, recipe_for


def train(
    name: str, data: Iterable[str | Path], *, out: str | Path, preset: str = "lab", lmbda: float | None = None,
    switches: Mapping | None = None, validation: Iterable[str | Path] = (), epochs: int | None = None,
    lr_epochs: tuple[int, ...] = (), start_from: str | Path | None = None, resume: bool = False,
    threads: int | None = None, device: str | None = None, memory: float = 4e9,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
    watch: Callable[[Progress], None] = lambda progress: None, control: Control | None = None, **changes,
) -> Path:  # fmt: skip
    """Train one model on the pictures of some folders; give the path of its best weights, `out`/NAME.safetensors.

    A stereo model learns from the pairs of a folder, or from pairs made of its single pictures (`datasets.pairs`).
    validation: folders; without any, every 25th picture is held out.   lmbda: one fixed trade-off instead of the
    model's whole ladder.   switches: constructor arguments instead of the preset's (`presets.build`).
    epochs: instead of steps, how often every picture is taken; lr_epochs: instead of milestones.   start_from: weights
    whose tensors are taken over where name and shape agree.   resume: go on from the state in `out`.
    device: "cpu" or "cuda".   memory: bytes of pictures to hold, see `CropBank`.   changes: to the preset's `Recipe`,
    and crop= or batch_size= for all its stages.
    progress(done, total, text) is called for every picture read, then after every step, as watch(Progress) is; control
    pauses, resumes and stops.
    Ctrl-C saves the state and stops. Pictures that cannot be read are left out, each with a warning.

    `out` holds state.pt, history.json, train.log, TensorBoard's events, NAME.safetensors (the best on the validation
    pictures) and NAME.last.safetensors.
    Raises LicLabError for unknown names, unusable folders, a folder that already holds a run, or a loss that diverged.
    """
    out, data = Path(out), list(data)
    if not resume and (out / "state.pt").exists():
        raise LicLabError(f"{out} already holds a training run: resume it, or choose another folder")
    if resume and not (out / "state.pt").exists():
        raise LicLabError(f"there is no training run to resume in {out}")
    if threads:
        torch.set_num_threads(threads)
    recipe = recipe_for(preset, **changes)
    torch.use_deterministic_algorithms(recipe.deterministic, warn_only=True)
    torch.manual_seed(recipe.seed)
    model = build(name, preset, lambdas=None if lmbda is None else (lmbda,), **(switches or {}))
    taken = warm_start(model, start_from) if start_from and not resume else 0
    bank, held = _pictures(model.views == 2, data, list(validation), recipe, memory=memory, progress=progress)
    recipe = recipe_for(preset, **changes | _in_steps(epochs, lr_epochs, bank.used / recipe.crops[-1][2]))
    processes = Processes(device)
    keep = partial(_keep, out=out, name=name, preset=preset)
    trainer = Trainer(
        model, recipe, bank, held, out, keep=lambda *which: keep(*which, about=about()), processes=processes
    )
    about = partial(card, trainer, name, preset, data, start_from=start_from if taken else None)
    try:
        if resume:
            trainer.resume()

        def tell(now: Progress) -> None:
            progress(now.step, recipe.steps, now.text)
            watch(now)

        trained = trainer.run(tell, control)
        if processes.main:
            trainer.keep(trained, "last")
            if not trainer.progress.best:  # stopped before the first validation
                trainer.keep(trained, "best")
    finally:
        processes.leave()
    return out / f"{name}.safetensors"


def _in_steps(epochs: int | None, lr_epochs: tuple[int, ...], epoch: float) -> dict:
    """What was said in epochs, in steps: an epoch takes as many crops as there are pictures."""
    steps = {"steps": max(1, round(epochs * epoch))} if epochs else {}
    falls = {"schedule": "step", "milestones": tuple(round(e * epoch) for e in lr_epochs)} if lr_epochs else {}
    return steps | falls


def _pictures(
    stereo: bool, data: list, validation: list, recipe: Recipe, *, memory: float, progress: Callable
) -> tuple[CropBank, Tensor]:
    """Read what to learn from, and cut what to validate on."""
    listed = split_pairs if stereo else split
    training, held = listed(data)
    if validation:
        others = [file for part in listed(validation) for file in part]
        training, held = training + held, others
    if not held:
        what = "pairs or pictures" if stereo else "pictures"
        raise LicLabError(f"{len(training)} {what} are too few: give at least 13, so that one can be held out")
    side = max(c for _, c, _ in recipe.crops)
    kind = PairBank if stereo else CropBank
    tell = lambda done, total: progress(done, total, "reading pictures")  # noqa: E731
    bank = kind(training, smallest=side, seed=recipe.seed, memory=memory, progress=tell)
    for reason in bank.skipped:
        warnings.warn(f"left out: {reason}", stacklevel=3)
    crops = center_pairs if stereo else center_crops
    with suppress(LicLabError):  # twice as large as training crops where pictures allow: codecs are used on large ones
        return bank, crops(held, 2 * side)
    return bank, crops(held, side)


def warm_start(model: Codec, path: str | Path) -> int:
    """Take over every tensor of a weight file whose name and shape a model has too; give how many.

    The file may be of another model: what they share, such as the transforms' convolutions, need not be learned again.
    Raises LicLabError for a file that is not one of `save_model`, and where nothing fits.
    """
    theirs, mine = load_weights(path).state_dict(), model.state_dict()
    fitting = {key: value for key, value in theirs.items() if key in mine and mine[key].shape == value.shape}
    if not fitting:
        raise LicLabError(f"nothing in {path} fits this model: leave it out")
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def _keep(model: Codec, which: str, *, out: Path, name: str, preset: str, about: dict) -> None:
    path = out / (f"{name}.safetensors" if which == "best" else f"{name}.{which}.safetensors")
    save_model(model, path, name=name, preset=preset, card=about)


def card(trainer: Trainer, name: str, preset: str, data: list, start_from: str | Path | None = None) -> dict:
    """Say where weights come from: recipe, data (the pictures that were used), time, machine, validation curve."""
    now, device = trainer.progress, trainer.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    shared = f"{trainer.processes.count} processes, " if trainer.processes.count > 1 else ""
    return {
        "command": _command(trainer, name, preset, data, start_from),
        "data": [Path(folder).name for folder in data],
        "pictures": {"training": trainer.bank.used, "validation": len(trainer.validation)},
        "recipe": asdict(trainer.recipe),
        "steps": now.step,
        "hours": round(now.seconds / 3600, 2),
        "hardware": f"{shared}{torch.get_num_threads()} thread(s), {where}, torch {torch.__version__}",
        "lambdas": list(trainer.model.lambdas),
        "validation": now.history,
    }


def _command(trainer: Trainer, name: str, preset: str, data: list, start_from: str | Path | None) -> str:
    """The command line that trains alike: whatever differs from the preset's recipe is in it."""
    usual, used = asdict(RECIPES[preset]), asdict(trainer.recipe)
    words = ["lic-lab train", name, *(Path(folder).name for folder in data), "--preset", preset]
    if trainer.model.rates == 1:
        words += ["--lambda", f"{trainer.model.lambdas[0]:g}"]
    words += [f"--set {key}={value}" for key, value in trainer.model.switches.items()]
    words += ["--start-from", Path(start_from).name] if start_from else []
    if used["crops"] != usual["crops"]:
        sides, batches = {side for _, side, _ in used["crops"]}, {batch for *_, batch in used["crops"]}
        words += [f"--crop {min(sides)}"] if len(sides) == 1 else []
        words += [f"--batch-size {min(batches)}"] if len(batches) == 1 else []
    changed = [key for key in used if key not in ("crops", "steps", "seed") and used[key] != usual[key]]
    words += [f"--{key.replace('_', '-')} {_word(used[key])}" for key in changed]
    return " ".join([*words, f"--steps {used['steps']} --seed {used['seed']} --out DIR"])


def _word(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
