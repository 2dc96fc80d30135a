"""From a model's name and folders of pictures to a file of trained weights with its card."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from lic_lab.datasets.crops import CropBank, center_crops, split
from lic_lab.datasets.pairs import PairBank, center_pairs, split_pairs
from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import save_model
from lic_lab.models.presets import build
from lic_lab.training.loop import Progress, Recipe, Trainer

RECIPES = {
    "tiny": Recipe(steps=2_000, crops=((1.0, 64, 8),), every=500),
    "lab": Recipe(steps=28_000, crops=((0.8, 128, 8), (1.0, 256, 2)), lr=7e-4, every=1000),
    "paper": Recipe(steps=2_000_000, crops=((1.0, 256, 8),), lr=1e-4, bf16=False, every=10_000),
}
RECIPES |= {f"{size}-main": recipe for size, recipe in RECIPES.items()}  # serial contexts are trained alike
"""How each preset is trained unless told otherwise."""


def train(
    name: str, data: list[str | Path], *, out: str | Path, preset: str = "lab", lmbda: float | None = None,
    steps: int | None = None, batch_size: int | None = None, crop: int | None = None, lr: float | None = None,
    seed: int = 0, threads: int | None = None, resume: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Path:  # fmt: skip
    """Train one model on the pictures of some folders; give the path of the weights, `out`/NAME.safetensors.

    A stereo model learns from the pairs of a folder, or from pairs made of its single pictures (`datasets.pairs`).
    Every 25th picture is held out for validation.   lmbda: one fixed trade-off instead of the model's whole ladder.
    steps, batch_size, crop, lr: instead of the preset's recipe.   resume: go on from the state in `out`.
    progress(done, total, text) is called after every step. Ctrl-C saves the state and stops.
    Pictures that cannot be read are left out, each with a warning.
    Raises LicLabError for unknown names, unusable folders, a folder that already holds a run, or a loss that diverged.
    """
    out = Path(out)
    if not resume and (out / "state.pt").exists():
        raise LicLabError(f"{out} already holds a training run: resume it, or choose another folder")
    if resume and not (out / "state.pt").exists():
        raise LicLabError(f"there is no training run to resume in {out}")
    if threads:
        torch.set_num_threads(threads)
    recipe = _recipe(preset, steps=steps, lr=lr, seed=seed, crop=crop, batch_size=batch_size)
    torch.manual_seed(seed)
    model = build(name, preset, lambdas=None if lmbda is None else (lmbda,))
    stereo = model.views == 2  # pairs from single pictures too
    training, held = (split_pairs if stereo else split)(data)
    if not held:
        what = "pairs or pictures" if stereo else "pictures"
        raise LicLabError(f"{len(training)} {what} are too few: give at least 13, so that one can be held out")
    side = max(c for _, c, _ in recipe.crops)
    bank = (PairBank if stereo else CropBank)(training, smallest=side, seed=seed)
    for reason in bank.skipped:
        warnings.warn(f"left out: {reason}", stacklevel=2)
    trainer = Trainer(model, recipe, bank, _validation(held, side, center_pairs if stereo else center_crops), out)
    if resume:
        trainer.resume()

    def watch(now: Progress) -> None:
        progress(now.step, recipe.steps, f"loss {now.loss:.3f}  {now.bpp:.3f} bpp  {now.psnr:.2f} dB")

    trained = trainer.run(watch)
    path = out / f"{name}.safetensors"
    save_model(trained, path, name=name, preset=preset, card=card(trainer, name, preset, data))
    return path


def _validation(held: list, side: int, crops: Callable[[list, int], Tensor]) -> Tensor:
    """Cut validation crops twice as large as training crops where pictures allow: a codec is used on large pictures."""
    try:
        return crops(held, 2 * side)
    except LicLabError:
        return crops(held, side)


def _recipe(preset: str, *, crop: int | None, batch_size: int | None, **given) -> Recipe:
    if preset not in RECIPES:
        raise LicLabError(f"no recipe for preset {preset!r}: there are {', '.join(RECIPES)}")
    recipe = replace(RECIPES[preset], **{key: value for key, value in given.items() if value is not None})
    stages = [(end, crop or side, batch_size or batch) for end, side, batch in recipe.crops]
    return replace(recipe, crops=tuple(stages))


def card(trainer: Trainer, name: str, preset: str, data: list[str | Path]) -> dict:
    """Say where weights come from: recipe, data (the pictures that were used), time, machine, validation curve."""
    names = " ".join(Path(folder).name for folder in data)
    steps, seed = trainer.recipe.steps, trainer.recipe.seed
    return {
        "command": f"lic-lab train {name} {names} --preset {preset} --steps {steps} --seed {seed} --out DIR",
        "data": [Path(folder).name for folder in data],
        "pictures": {"training": trainer.bank.used, "validation": len(trainer.validation)},
        "recipe": asdict(trainer.recipe),
        "steps": trainer.progress.step,
        "hours": round(trainer.progress.seconds / 3600, 2),
        "hardware": f"{torch.get_num_threads()} thread(s), {platform.machine()} CPU, torch {torch.__version__}",
        "lambdas": list(trainer.model.lambdas),
        "validation": trainer.progress.history,
    }
