"""What each idea of a model is worth: its variants trained alike, measured on real files, compared seed by seed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from lic_lab.codecs.learned import wrap
from lic_lab.errors import DivergedError, LicLabError
from lic_lab.evaluation.evaluate import evaluate
from lic_lab.evaluation.means import Gap, gap, mean_curves
from lic_lab.evaluation.sweep import gather_images, gather_pairs
from lic_lab.evaluation.variants import FULL, Costs, chosen
from lic_lab.files import write_bytes
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_weights
from lic_lab.models.presets import build
from lic_lab.training import recipes

POINTS = 5  # rates at which a ladder is measured, evenly from its lowest to its highest rung
METRICS = ("ms_ssim",)  # beside size, PSNR and seconds
WORK = ("parameters", "encode_kmac", "decode_kmac")
MEASURES = ("psnr_db", "ms_ssim_db", "objective", "decode_seconds")
"""What a variant is compared with `full` by, in percent: rate at equal PSNR or MS-SSIM (BD-rate; of one fixed rate, R +
lambda D of the files), the estimated R + lambda D of held-out crops, and the time of decoding."""


@dataclass
class Run:
    """One variant trained from one seed, and what became of it.

    work: parameters, encode_kmac and decode_kmac (thousands of multiply-accumulates per pixel; None where nobody
    counted).   failed: why there are no numbers, "" where there are.   objective: of the weights used, estimated on
    held-out crops of the training pictures.   train_seconds: of the training loop.   rows: one per file measured, as
    `evaluate` gives them.   lmbda: the trade-off of a fixed-rate model.
    """

    variant: str
    seed: int
    switches: dict
    work: dict
    failed: str = ""
    objective: float | None = None
    train_seconds: float | None = None
    rows: list[dict] = field(default_factory=list)
    lmbda: float | None = None

    def mean(self, name: str, *, middle: bool = False) -> float | None:
        """Average a column over the files, or over those of the middle rate only; None where there are none."""
        qualities = sorted({row["quality"] for row in self.rows})
        wanted = qualities[len(qualities) // 2 :][:1] if middle else qualities
        values = [row[name] for row in self.rows if row["quality"] in wanted and row[name] is not None]
        return fmean(values) if values else None

    @property
    def cost(self) -> float:
        """R + lambda 255^2 MSE of the files at the trained lambda, R in bits per pixel, averaged over pictures."""
        squares = (255**2 * 10 ** (-row["psnr_db"] / 10) for row in self.rows)
        return fmean(row["bpp"] + self.lmbda * square for row, square in zip(self.rows, squares, strict=True))


@dataclass(frozen=True)
class Spread:
    """The mean of some numbers, and how far they lie apart: sample standard deviation, least and most.

    std: None of one number, and where one is not finite, as the PSNR of a picture without an error.
    """

    mean: float
    std: float | None
    least: float
    most: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread | None:
        """Give the spread of the numbers that are there, None where there are none."""
        there = [value for value in values if value is not None]
        if not there:
            return None
        finite = len(there) > 1 and all(map(math.isfinite, there))
        return cls(fmean(there), stdev(there) if finite else None, min(there), max(there), len(there))


@dataclass
class Ablation:
    """All runs of an ablation.

    settings: what all runs have in common.   runs: in the order they were trained.
    """

    settings: dict
    runs: list[Run]

    @property
    def variants(self) -> list[str]:
        """The names of the variants, `full` first."""
        return list(dict.fromkeys(run.variant for run in self.runs))

    @property
    def gap_name(self) -> str:
        """What `gaps` are in percent of: BD-rate of PSNR, or the cost R + lambda D of models of one fixed rate."""
        return "BD-rate" if self.settings["lambda"] is None else "R + lambda D"

    def of(self, variant: str) -> list[Run]:
        """Give the runs of a variant, one for each seed."""
        return [run for run in self.runs if run.variant == variant]

    def gaps(self, variant: str, measure: str = "psnr_db") -> dict[int, float]:
        """Give seed -> percent more than `full` of the same seed; negative is better. Without those that have none.

        measure: one of MEASURES.
        """
        full = {run.seed: run for run in self.of(FULL)}
        found = {run.seed: _gap(full[run.seed], run, measure) for run in self.of(variant) if run.seed in full}
        return {seed: value for seed, value in found.items() if value is not None}

    def between_seeds(self, measure: str = "psnr_db") -> Spread | None:
        """How far `full` lies from itself, in percent, from each seed to each later one; None of a single seed."""
        return Spread.of([_gap(one, other, measure) for one, other in combinations(self.of(FULL), 2)])

    def why_no_spread(self) -> str:
        """Say why `between_seeds` gives no number for PSNR, or for R + lambda D; "" where it gives one."""
        if self.between_seeds():
            return ""
        if len(self.of(FULL)) < 2:
            return "One seed"
        done = [run for run in self.of(FULL) if not run.failed]
        if len(done) < 2:
            return f"{FULL} has numbers from {len(done)} of {len(self.of(FULL))} seeds"
        one, other = done[:2]
        names = f"seed {one.seed}", f"seed {other.seed}"
        return f"The curves of {FULL} cannot be compared ({' and '.join(names)}: {_compared(one, other, names).note})"

    def summary(self) -> list[dict]:
        """Give one record per variant: switches, spreads over the seeds, work, mean times, and what failed."""
        return [self._summed(variant) for variant in self.variants]

    def _summed(self, variant: str) -> dict:
        runs = self.of(variant)
        done = [run for run in runs if not run.failed]
        record = {"variant": variant, "switches": runs[0].switches, "seeds": len(done)}
        record["gap_pct"] = None if variant == FULL else Spread.of(list(self.gaps(variant).values()))
        record["objective"] = Spread.of([run.objective for run in done])
        for name in ("bpp", "psnr_db", "ms_ssim"):  # one point of the curve, to give an idea of where it is
            record[name] = Spread.of([run.mean(name, middle=True) for run in done])
        record |= runs[0].work
        for name in ("encode_seconds", "decode_seconds"):
            record[name] = _mean([run.mean(name) for run in done])
        record["train_seconds"] = _mean([run.train_seconds for run in done])
        return record | {"failed": {run.seed: run.failed for run in runs if run.failed}}

    def record(self) -> dict:
        """Give everything as numbers, strings, lists and dictionaries, for JSON."""
        shown = [{k: asdict(v) if isinstance(v, Spread) else v for k, v in row.items()} for row in self.summary()]
        noise = self.between_seeds()
        return {
            "settings": self.settings,
            "gap": f"{self.gap_name}, percent, against {FULL} of the same seed; negative is better",
            "between_seeds_of_full_pct": asdict(noise) if noise else None,
            "variants": shown,
            "runs": [asdict(run) | {"gap_pct": self.gaps(run.variant).get(run.seed)} for run in self.runs],
        }


def _mean(values: Sequence[float | None]) -> float | None:
    spread = Spread.of(values)
    return spread.mean if spread else None


def _gap(full: Run, run: Run, measure: str = "psnr_db") -> float | None:
    """How much more a run costs than another, in percent; None where one failed or the two cannot be compared."""
    if measure not in MEASURES:
        raise LicLabError(f"no measure of ablations is called {measure!r}: use {', '.join(MEASURES)}")
    if full.failed or run.failed:
        return None
    if measure in ("objective", "decode_seconds"):
        one, other = (side.objective if measure == "objective" else side.mean(measure) for side in (full, run))
        return None if None in (one, other) else 100 * (other / one - 1)
    if run.lmbda is not None:
        return 100 * (run.cost / full.cost - 1) if measure == "psnr_db" else None
    try:
        value = _compared(full, run, measure=measure).bd_rate_pct
    except LicLabError:  # pictures too small for MS-SSIM
        return None
    return value if value == value else None


def _compared(full: Run, run: Run, names: tuple[str, str] = ("full", "run"), measure: str = "psnr_db") -> Gap:
    """Compare the curves of two runs; names: what notes call them. Raises LicLabError where one has no curve."""
    sides = zip(names, (full, run), strict=True)
    curves = mean_curves([row | {"codec": name} for name, side in sides for row in side.rows], measure)
    return gap(curves[names[0]], curves[names[1]])


def ablate(
    name: str, data: Sequence[str | Path], *, out: str | Path, preset: str = "tiny",
    variants: Sequence[str] | Mapping[str, Mapping] | None = None, seeds: Sequence[int] = (0, 1, 2),
    lmbda: float | None = None, pictures: Mapping[str, np.ndarray] | Sequence[str | Path] = (),
    costs: Costs | None = None, progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
    threads: int | None = None, **budget,
) -> Ablation:  # fmt: skip
    """Train every variant of a model from every seed with one budget, and measure each on the same test pictures.

    data: folders of training pictures.   out: gets VARIANT/seed-N with a training and its measurements; what is
    finished there is not done again, what was interrupted goes on.   variants: some names of `variants.VARIANTS`, or
    own ones with their switches; None means all of the model's.   lmbda: one fixed rate; then R + lambda D is compared,
    for a BD-rate needs a curve.   pictures: to test on, arrays by name, or files and folders; else the bundled ones.
    costs: counts the work of a model, see `variants.Costs`.   budget: steps, crop, batch_size, lr and whatever else
    `training.recipes.train` takes, the same for all.
    A run whose loss stops being a number is kept as failed, and the others go on; delete its folder to try it again.
    Raises LicLabError for unknown names, folders that cannot be used, `out` of another ablation, and test pictures that
    are training pictures.
    """
    known = chosen(name, preset, variants, costs=costs)
    if not (seeds := list(dict.fromkeys(seeds))):
        raise LicLabError("an ablation needs a seed: give one, or three for a spread")
    models = {variant: build(name, preset, **switches) for variant, switches in known.items()}  # refuses wrong switches
    images = _pictures(pictures, data, models[FULL].views)
    works = {variant: _work(model, costs) for variant, model in models.items()}
    budget = {key: value for key, value in budget.items() if value is not None}
    settings = {"model": name, "preset": preset, "lambda": lmbda, "data": sorted(Path(f).name for f in data)}
    settings |= json.loads(json.dumps(budget, default=os.fspath))  # paths as text
    cases = [(variant, seed) for seed in seeds for variant in known]  # a first comparison is there early
    places = [
        _Place(Path(out) / variant / f"seed-{seed}", settings | {"switches": known[variant], "seed": seed})
        for variant, seed in cases
    ]
    for place in places:
        place.check()
    runs = []
    for number, ((variant, seed), place) in enumerate(zip(cases, places, strict=True)):
        run = Run(variant, seed, dict(known[variant]), works[variant], lmbda=lmbda)
        tell = _share(progress, number, len(cases), f"{variant}, seed {seed}")
        place.train(run, data, progress=tell, threads=threads, **budget)
        place.measure(run, images, tell)
        runs.append(run)
    progress(len(cases), len(cases), "done")
    return Ablation(settings | {"seeds": seeds, "pictures": list(images)}, runs)


def _work(model: Codec, costs: Costs | None) -> dict:
    """Parameters of a model, and its multiply-accumulates where somebody counts them."""
    if costs is None:
        return {"parameters": sum(p.numel() for p in model.parameters()), "encode_kmac": None, "decode_kmac": None}
    found = costs(model)
    return {name: getattr(found, name) for name in WORK}


def _pictures(pictures, data: Sequence[str | Path], views: int) -> dict[str, np.ndarray]:
    """The test pictures, or pairs, by name; none of them from a folder that is trained on."""
    if isinstance(pictures, Mapping):
        return dict(pictures)
    folders = {Path(folder).resolve() for folder in data}
    for path in map(Path, pictures):
        if folders & {path.resolve(), *path.resolve().parents}:
            raise LicLabError(f"{path} is trained on: test on other pictures")
    return (gather_pairs if views == 2 else gather_images)(pictures)


def _share(progress: Callable, number: int, total: int, title: str) -> Callable[[int, int, str], None]:
    """Tell the progress of one run as that of all, in steps."""
    return lambda done, steps, text: progress(number * steps + done, total * steps, f"{title}: {text}")


@dataclass
class _Place:
    """The folder of one run: settings.json at its beginning, what `train` writes, and trained.json at its end."""

    folder: Path
    settings: dict

    def check(self) -> None:
        """Refuse a folder where something else was trained."""
        self.settings = json.loads(json.dumps(self.settings))  # as it is read back
        file = self.folder / "settings.json"
        begun = any((self.folder / name).exists() for name in ("state.pt", "trained.json"))
        before = _read(file) if begun and file.is_file() else self.settings
        for key in self.settings | before:
            if self.settings.get(key) != before.get(key):
                raise LicLabError(
                    f"{self.folder} was trained with {key} {before.get(key)}, not {self.settings.get(key)}: give the "
                    "same, or another folder"
                )

    def train(self, run: Run, data: Sequence[str | Path], **options) -> None:
        """Train what is not trained yet, and note how that went."""
        file = self.folder / "trained.json"
        if not file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / "settings.json", self.settings)
            _write(file, self._trained(run, data, options))
        for name, value in _read(file).items():
            setattr(run, name, value)

    def _trained(self, run: Run, data: Sequence[str | Path], options: dict) -> dict:
        own = {"preset": self.settings["preset"], "lmbda": run.lmbda, "switches": run.switches, "seed": run.seed}
        resume = (self.folder / "state.pt").exists()
        try:
            recipes.train(self.settings["model"], data, out=self.folder, resume=resume, **own, **options)
        except DivergedError as error:  # others, of folders, sizes, states, are to be mended before anything else
            return {"failed": str(error)}
        seconds = _read(self.folder / "history.json")[-1]["seconds"]
        return {"objective": self._model().card["validation"][-1]["objective"], "train_seconds": seconds}

    def measure(self, run: Run, images: Mapping[str, np.ndarray], tell: Callable) -> None:
        """Write real files of every picture at rates along the ladder; what was measured before is taken over."""
        if run.failed:
            return
        model = self._model()
        codec = wrap(model, self.settings["model"], self.settings["preset"])
        rates = np.linspace(0, model.rates - 1, POINTS if model.rates > 1 else 1).tolist()
        try:
            run.rows = evaluate([codec], images, out=self.folder / "measured", qualities=rates, metrics=METRICS)
        except DivergedError as error:
            run.failed = str(error)
        tell(1, 1, "measured")

    def _model(self) -> Codec:
        return load_weights(self.folder / f"{self.settings['model']}.safetensors")


def _write(file: Path, record: Mapping) -> None:
    write_bytes(file, json.dumps(record, indent=1).encode())


def _read(file: Path):
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise LicLabError(f"{file} is damaged: delete its folder to train that run again") from error
