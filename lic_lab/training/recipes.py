"""From a model's name and folders of pictures to a file of trained weights with its card."""

from __future__ import annotations

import math
import os
import platform
import re
import shlex
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lic_lab.datasets.crops import CropBank, center_crops, split
from lic_lab.datasets.pairs import PairBank, center_pairs, split_pairs
from lic_lab.errors import LicLabError
from lic_lab.files import alone_in
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_weights, save_model, trainings
from lic_lab.models.presets import build
from lic_lab.training.control import Control
from lic_lab.training.loop import Trainer, read_state, refuse_other
from lic_lab.training.processes import Processes
from lic_lab.training.progress import Progress
from lic_lab.training.recipe import RECIPES, Recipe, recipe_for, recipe_of

VALIDATED = 48  # pictures at most
LOCK = ".lock"


def train(
    name: str, data: Iterable[str | Path], *, out: str | Path, preset: str | None = None, lmbda: float | None = None,
    switches: Mapping | None = None, validation: Iterable[str | Path] = (), epochs: int | None = None,
    lr_epochs: tuple[int, ...] = (), start_from: str | Path | None = None, anew: tuple[str, ...] = (),
    resume: bool = False,
    threads: int | None = None, device: str | None = None, memory: float = 4e9,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
    watch: Callable[[Progress], None] = lambda progress: None, control: Control | None = None,
    ready: Callable[[Trainer], None] = lambda trainer: None, **changes,
) -> Path:  # fmt: skip
    """Train one model on the pictures of some folders; give the path of its best weights, `out`/NAME.safetensors.

    A stereo model learns from the pairs of a folder, or from pairs made of its single pictures (`datasets.pairs`).
    preset: "lab" by default.   lmbda: one fixed trade-off instead of the model's whole ladder.   switches: constructor
    arguments instead of the preset's (`presets.build`).   validation: folders; without any, every 25th picture is held
    out.   epochs: instead of steps, how often every picture is taken; lr_epochs: instead of milestones.
    start_from: weights whose layers are taken over where place and shapes agree (`warm_start`); the others are `fresh`,
    as are all those in the modules named in `anew`. A run that is resumed has begun: only the same may be named again.
    device: "cpu" or "cuda".
    memory: bytes of pictures to hold, see `CropBank`.   changes: to the preset's `Recipe`, and crop= or batch_size= for
    all its stages.   resume: go on from the state in `out`; what is not said anew stays as it was there.
    progress(done, total, text) is called for every picture read, then after every step, as watch(Progress) is; control
    pauses, resumes and stops; ready(trainer) may look at model and validation pictures before the first step.
    Ctrl-C saves the state and stops. Pictures that cannot be read are left out, each with a warning.

    `out` holds state.pt, history.json, train.log, TensorBoard's events, NAME.safetensors (the best on the validation
    pictures) and NAME.last.safetensors.
    Raises LicLabError for unknown names, unusable folders, a folder that already holds a run, a state of another model,
    other data or another seed, and DivergedError for a loss that is no number.
    """
    out, data, validation = Path(out), list(data), list(validation)
    if not resume and (out / "state.pt").exists():
        raise LicLabError(f"{out} already holds a training run: resume it, or choose another folder")
    if anew and not (start_from or resume):
        raise LicLabError("anew is of layers that the weights begun with have: name these weights (start_from)")
    before = read_state(out) if resume else {}
    old = before.get("about", {})
    _refuse_other_beginning(out, old, start_from, anew)
    about = {"model": name, "preset": preset or old.get("preset", "lab")}
    about["switches"] = dict(switches or old.get("switches", {}))
    for key, folders in (("data", data), ("validation", validation)):
        about[key] = [Path(os.path.abspath(folder)).name for folder in folders]  # "." has no name
    about |= {key: old[key] for key in ("start_from", "anew", "before") if key in old}
    refuse_other(out / "state.pt", old, about)
    lambdas = _lambdas(lmbda, before)
    plan = _plan(before, about["preset"], changes, epochs, lr_epochs)
    recipe = plan(None)
    processes = Processes(device)
    try:
        with _one_run(out, processes.main), _settings(threads, recipe.deterministic):
            torch.manual_seed(recipe.seed)
            model = build(name, about["preset"], lambdas=lambdas, **about["switches"])
            fresh = set(before.get("fresh", ()))
            if start_from and not resume:
                fresh = set(model.state_dict()) - warm_start(model, start_from, anew)
                about |= {"start_from": Path(start_from).name, "before": lineage(start_from)}
                about |= {"anew": list(anew)} if anew else {}
            bank, held = _pictures(model.views == 2, data, validation, recipe, memory=memory, progress=progress)
            recipe = plan(bank.used)
            trainer = Trainer(model, recipe, bank, held, out, processes=processes, about=about, fresh=fresh)
            trainer.keep = partial(_keep, trainer)
            if resume:
                trainer.resume()

            def tell(now: Progress) -> None:
                progress(now.step, recipe.steps, now.text)
                watch(now)

            ready(trainer)
            trained = trainer.run(tell, control)
            if processes.main:
                trainer.keep(trained, "last")
                if not (out / f"{name}.safetensors").exists():  # stopped early, or the disk was full
                    trainer.keep(trained, "best")
    finally:
        processes.leave()
    return out / f"{name}.safetensors"


def _refuse_other_beginning(out: Path, about: Mapping, start_from: str | Path | None, anew: Iterable[str]) -> None:
    """Raise LicLabError where a run that is resumed is told to begin with other weights or layers than it did.

    about: what the state says of the run; empty where there is none, or an old one that says nothing.
    """
    if not about:
        return
    began, modules = about.get("start_from", "new weights"), sorted(about.get("anew", ()))
    mend = "leave {} out to resume it, or choose another folder"
    if start_from and Path(start_from).name != began:
        mend = mend.format("start_from")
        raise LicLabError(f"the run in {out} began with {began}, not with {Path(start_from).name}: {mend}")
    if anew and sorted(anew) != modules:
        mend = mend.format("anew")
        raise LicLabError(f"in {out}, {', '.join(modules) or 'nothing'} began anew, not {', '.join(anew)}: {mend}")


def _lambdas(lmbda: float | None, before: Mapping) -> tuple[float, ...] | None:
    """The one trade-off that is asked for, or those that a run has; None for the preset's ladder."""
    if lmbda is not None and not 0 < lmbda < math.inf:
        raise LicLabError(f"lambda is a positive number, got {lmbda!r}")
    return (lmbda,) if lmbda is not None else tuple(before["lambdas"]) if before else None


def _plan(
    before: Mapping, preset: str, changes: dict, epochs: int | None, lr_epochs: tuple
) -> Callable[[int | None], Recipe]:
    """The recipe of a run, once it is known how many pictures an epoch has (None: not yet)."""
    base = recipe_of(before["recipe"]) if before else None
    if epochs and changes.get("steps"):
        raise LicLabError("steps and epochs say the same: give one of them")
    if lr_epochs and (changes.get("milestones") or changes.get("schedule") not in (None, "step")):
        raise LicLabError("the epochs at which the rate falls are milestones of schedule 'step': leave the others out")
    if base and changes.get("seed") not in (None, base.seed):
        raise LicLabError(f"this run has seed {base.seed}, not {changes['seed']}: choose another folder")
    first = {key: value for key, value in changes.items() if not (lr_epochs and key == "schedule")}

    def plan(pictures: int | None) -> Recipe:
        recipe = recipe_for(preset, base=base, **first)
        if pictures is None:
            return recipe
        epoch = pictures / recipe.crops_per_step  # in steps: an epoch takes as many crops as there are pictures
        steps = {"steps": max(1, round(epochs * epoch))} if epochs else {}
        falls = {"milestones": tuple(round(e * epoch) for e in lr_epochs)} if lr_epochs else {}
        return recipe_for(preset, base=base, **first | steps | falls)

    return plan


@contextmanager
def _one_run(out: Path, main: bool) -> Iterator[None]:
    """Let no second run write into the folder at the same time."""
    if not main:
        yield
        return
    new = not out.exists()
    try:
        with alone_in(out, LOCK, f"another training is writing into {out}: wait for it, or choose another folder"):
            yield
    finally:
        if new and out.exists() and [path.name for path in out.iterdir()] == [LOCK]:  # nothing came of it
            shutil.rmtree(out)


@contextmanager
def _settings(threads: int | None, deterministic: bool) -> Iterator[None]:
    """Set what is set for the whole process, and put it back: a notebook goes on afterwards."""
    if threads is not None and threads < 1:
        raise LicLabError(f"threads are a positive whole number, got {threads!r}")
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads or before[0])
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses
    torch.use_deterministic_algorithms(deterministic or before[1], warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=True)


def _pictures(
    stereo: bool, data: list, validation: list, recipe: Recipe, *, memory: float, progress: Callable
) -> tuple[CropBank, Tensor]:
    """Read what to learn from, and cut what to validate on."""
    listed = split_pairs if stereo else split
    training, held = listed(data)
    if validation:
        others = [file for part in listed(validation) for file in part]
        training, held = training + held, others
        seen = {str(path) for path in training} & {str(path) for path in held}
        if seen:
            warnings.warn(f"{len(seen)} of {len(held)} validation pictures are learned from too: no test", stacklevel=4)
    what = "pairs or pictures" if stereo else "pictures"
    if not held:
        raise LicLabError(f"{len(training)} {what} are too few: give at least 13, so that one can be held out")
    side = max(c for _, c, _ in recipe.crops)
    kind = PairBank if stereo else CropBank
    tell = lambda done, total: progress(done, total, "reading pictures")  # noqa: E731
    bank = kind(training, smallest=side, seed=recipe.seed, memory=memory, progress=tell)
    for reason in bank.skipped:
        warnings.warn(f"left out: {reason}", stacklevel=4)
    if unused := len(training) - len(bank.skipped) - bank.used:
        why = "are too small, or do not fit into memory" if stereo else "are smaller than a crop"
        warnings.warn(f"{unused} of {len(training)} {what} are not used: they {why}", stacklevel=4)
    crops, held = center_pairs if stereo else center_crops, held[:: -(-len(held) // VALIDATED)]
    with suppress(LicLabError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said below, or not at all
        large = crops(held, 2 * side)  # codecs are used on large pictures
        if len(large) == len(held):
            return bank, large
    return bank, crops(held, side)


def warm_start(model: Codec, path: str | Path, anew: tuple[str, ...] = ()) -> set[str]:
    """Take over every layer of a weight file whose place and shapes a model has too; give the names of these tensors.

    The file may be of another model: what they share, such as the transforms' convolutions, need not be learned again.
    A place is a name without its numbers, in the order of analysis, latent or synthesis: blocks that one of the two has
    in between move the numbers behind them, and do not hinder.
    anew: modules of the model, such as "analysis.deep.6", whose layers keep what they are.
    Raises LicLabError for a file that is not one of `save_model`, where nothing fits, and for a name that nothing has.
    """
    begun = load_weights(path)
    theirs, mine = begun.state_dict(), model.state_dict()
    (old, old_places), (new, new_places) = _layers(theirs), _layers(mine)
    fitting = {}
    for block in SequenceMatcher(None, old_places, new_places, autojunk=False).get_matching_blocks():
        for i in range(block.size):
            fitting |= {mine: theirs[key] for key, mine in zip(old[block.a + i], new[block.b + i], strict=True)}
    inside = tuple(f"{name}." for name in anew)
    for name, start in zip(anew, inside, strict=True):
        if not any(key.startswith(start) for key in mine):
            raise LicLabError(f"no layers are in {name!r}: take a name of `model.named_modules()`")
    fitting = {key: values for key, values in fitting.items() if not key.startswith(inside)}
    if not fitting:
        raise LicLabError(f"nothing in {path} fits this model: they are of preset {begun.preset!r}, take that or none")
    model.load_state_dict(fitting, strict=False)
    return set(fitting)


def lineage(path: str | Path) -> list[dict]:
    """Say how the weights of a file were made, the oldest first: "weights", "command", "note", "steps" and "hours".

    Also "validation", the curve that led to them: [{"step": 500, "objective": 0.76}, ...]. What a card does not say
    is left out. Raises LicLabError for a file that is not one of `save_model`.
    """
    model = load_weights(path)
    run = {key: model.card[key] for key in ("command", "note", "steps", "hours") if key in model.card}
    if curve := [{key: row[key] for key in ("step", "objective")} for row in model.card.get("validation", [])]:
        run["validation"] = curve
    return [*trainings(model)[:-1], {"weights": model.fingerprint().hex(), **run}]


def _layers(state: Mapping[str, Tensor]) -> tuple[list[list[str]], list[tuple]]:
    """Give the names of each layer's tensors, and the place of each layer with their shapes, part after part."""
    layers: dict[str, list[str]] = {}
    for key in sorted(state, key=lambda key: key.partition(".")[0]):
        layers.setdefault(key.rpartition(".")[0], []).append(key)
    places = [(re.sub(r"\d+", "#", layer), *((k.rpartition(".")[2], state[k].shape) for k in keys))
              for layer, keys in layers.items()]  # fmt: skip
    return list(layers.values()), places


def _keep(trainer: Trainer, model: Codec, which: str) -> None:
    name, preset = trainer.about["model"], trainer.about["preset"]
    path = trainer.folder / (f"{name}.safetensors" if which == "best" else f"{name}.{which}.safetensors")
    save_model(model, path, name=name, preset=preset, card=card(trainer))


def card(trainer: Trainer) -> dict:
    """Say where weights come from: recipe, data (the pictures that were used), time, machine, validation curve."""
    now, device = trainer.progress, trainer.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    shared = f"{trainer.processes.count} processes, " if trainer.processes.count > 1 else ""
    return {
        **({"before": trainer.about["before"]} if "before" in trainer.about else {}),
        "command": command(trainer),
        **({"resumed": now.legs} if now.legs else {}),
        "data": trainer.about["data"],
        "pictures": {"training": trainer.bank.used, "validation": len(trainer.validation)},
        "recipe": asdict(trainer.recipe),
        "steps": now.step,
        "hours": round(now.seconds / 3600, 2),
        "hardware": f"{shared}{torch.get_num_threads()} thread(s), {where}, torch {torch.__version__}",
        "lambdas": list(trainer.model.lambdas),
        "validation": now.history,
    }


_OPTIONS = {"distortion": "type"}  # fields of a recipe that the command line calls otherwise


def command(trainer: Trainer) -> str:
    """Give the command line that trains alike: whatever differs from the preset's recipe is in it."""
    about, used = trainer.about, asdict(trainer.recipe)
    usual = asdict(RECIPES[about["preset"]])
    words = ["lic-lab", "train", about["model"], *about["data"], "--preset", about["preset"]]
    words += [word for folder in about["validation"] for word in ("--val-dataset", folder)]
    if trainer.model.rates == 1:
        words += ["--lambda", repr(trainer.model.lambdas[0]), "--lambda-as", "mse"]
    switches = {key: value if isinstance(value, str) else repr(value) for key, value in about["switches"].items()}
    words += [word for key, value in switches.items() for word in ("--set", f"{key}={value}")]
    words += ["--start-from", about["start_from"]] if "start_from" in about else []
    words += [word for name in about.get("anew", ()) for word in ("--anew", name)]
    for key in used:
        if key in ("steps", "seed") or used[key] == usual[key]:
            continue
        option = f"--{_OPTIONS.get(key, key).replace('_', '-')}"
        words += [option] if used[key] is True else [option, _word(used[key])]
    words += ["--steps", str(used["steps"]), "--seed", str(used["seed"]), "--out", "DIR"]
    return shlex.join(words)


def _word(value) -> str:
    """A value as the command line reads it: 35,38 and 0.8:128:8,1.0:256:2."""
    if not isinstance(value, tuple):
        return str(value)
    return ",".join(":".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in value)
