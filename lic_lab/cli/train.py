"""From folders of pictures to trained weights."""

import os
import re
import warnings
from pathlib import Path

import click

from lic_lab.cli.arguments import PATH
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, say

LISTS = ("--crop", "--patch-size", "--lr-epoch", "--milestones")
WITHOUT_EFFECT = {
    "num_workers": "pictures are held in memory, nobody has to load them",
    "test_batch_size": "validation pictures are taken eight at a time",
    "aux_learning_rate": "the density has no quantiles to be trained",
    "skip_epoch": "choose --steps",
    "save": "states and weights are always saved",
    "dataset_name": "the layout of a folder is recognised",
}


class ListCommand(click.Command):
    """Takes `--lr_epoch 35 38` as `--lr-epoch 35,38`, which is how the published training scripts are called."""

    def parse_args(self, ctx, args):
        """Join the numbers that follow an option of `LISTS`."""
        joined, taking = [], False
        for word in args:
            number = re.fullmatch(r"\d+", word)
            if taking and number and re.fullmatch(r"[\d,]+", joined[-1]):
                joined[-1] += f",{word}"
                continue
            taking = word.replace("_", "-") in LISTS or (taking and bool(number))
            joined.append(word)
        return super().parse_args(ctx, joined)


class Stages(click.ParamType):
    """Stages of crops between commas, each as share:side:crops."""

    name = "SHARE:SIDE:CROPS,..."

    def convert(self, value, param, ctx):
        """Give a tuple of tuples; click tells what is none."""
        try:
            parts = [part.split(":") for part in value.split(",")] if isinstance(value, str) else value
            return tuple((float(share), int(side), int(crops)) for share, side, crops in parts)
        except ValueError:
            self.fail(f"{value!r} is no list of stages, as in 0.8:128:8,1:256:2")


class Numbers(click.ParamType):
    """Whole numbers between commas."""

    name = "N,N,..."

    def convert(self, value, param, ctx):
        """Give a tuple; click tells what is no number."""
        try:
            return value if isinstance(value, tuple) else tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers")


POSITIVE = click.IntRange(1)


@click.command(
    cls=ListCommand,
    short_help="Train a model on folders of pictures.",
    context_settings={"token_normalize_func": lambda name: name.replace("_", "-")},
)
@click.argument("words", metavar="MODEL DATA...", nargs=-1)
@click.option(
    "-d", "--dataset", "--dataset-path", "data", multiple=True, type=PATH, metavar="DIR", help="Instead of DATA."
)
@click.option("-v", "--val-dataset", "validation", multiple=True, type=PATH, metavar="DIR", help="Validate on these.")
@click.option("-m", "--model", "--model-name", "model", metavar="NAME", help="Instead of MODEL.")
@click.option("--preset", help="Size of the model: tiny, lab (the default), paper; see `lic-lab list`.")
@click.option("--set", "switches", multiple=True, metavar="KEY=VALUE",
              help="Another constructor argument of the model, as pool=max of cmamba.")  # fmt: skip
@click.option("--N", "last_width", type=POSITIVE, help="Channels of the last stage; the others in proportion.")
@click.option(
    "--lambda", "lmbda", type=float, help="One fixed trade-off; without it, the model's whole ladder of rates."
)
@click.option("--lambda-as", "convention", type=click.Choice(["mse", "ms-ssim", "bisic", "asymmetric"]),
              help="How --lambda is written; by default as the loss is.")  # fmt: skip
@click.option("--Lambda", "bisic_lambda", type=float, help="As BiSIC writes it: R + Lambda MSE on [0, 1].")
@click.option("--lambda-rd", "asymmetric_lambda", type=float, help="As Asymmetric does: MSE on [-1, 1] + lambda R.")
@click.option("--type", "--loss", "distortion", type=click.Choice(["mse", "ms-ssim"]), help="Distortion.")
@click.option("--steps", type=POSITIVE, help="Training steps.")
@click.option("-e", "--epochs", type=POSITIVE, help="Instead of steps: how often every picture is taken.")
@click.option("--batch-size", type=POSITIVE, help="Crops per step, over all processes and parts.")
@click.option("--accumulate", type=POSITIVE, help="Parts of a process's share of a step, to save memory.")
@click.option("--crop", "--patch-size", type=Numbers(), help="Side of a crop in pixels.")
@click.option("--crops", type=Stages(), help="Stages: until which share of the steps, side, crops per step.")
@click.option("--optimizer", help="adam or soap: fewer steps, each a third slower.")
@click.option("-lr", "--lr", "--learning-rate", "lr", type=float, help="Peak learning rate.")
@click.option("--fresh", type=float, help="How many times faster layers learn that --start-from has not.")
@click.option("--schedule", help="cosine, constant, step, exponential or plateau.")
@click.option("--lr-epoch", "lr_epochs", type=Numbers(), help="Epochs at which the rate falls.")
@click.option("--milestones", type=Numbers(), help="Steps at which the rate falls.")
@click.option("--factor", type=float, help="What the rate falls by.")
@click.option("--period", type=POSITIVE, help="Steps of an exponential fall by --factor.")
@click.option("--patience", type=POSITIVE, help="Validations without a gain that may pass before the rate falls.")
@click.option("--warmup", type=click.IntRange(0), help="Steps of linear growth of the learning rate.")
@click.option("--lambda-warmup", type=click.IntRange(0), help="Steps over which lambda grows from nothing.")
@click.option("--weight-decay", type=float, help="Of all weights.")
@click.option("--clip", "--clip-max-norm", type=float, help="Of the gradient's norm.")
@click.option("--ema", type=float, help="Of the averaged weights; 0 keeps the last ones.")
@click.option("--soft", type=float, help="Share of the steps with noise for rounding; then only what decodes learns.")
@click.option("--precision", help="bf16, fp16 or fp32.")
@click.option("--seed", type=int, help="Of weights, crops and noise; 0 by default.")
@click.option("--deterministic", is_flag=True, default=None, help="The same bits from run to run on a GPU too.")
@click.option("--every", type=POSITIVE, help="Steps between validations and saved states.")
@click.option("--keep-every", type=POSITIVE, help="Steps between weights that are kept.")
@click.option("--select", help="Best weights by validation objective, or by score of bpp, PSNR and SSIM.")
@click.option("--recipe", type=PATH, metavar="FILE", help="A .toml or .json file with fields of a Recipe.")
@click.option("--threads", type=POSITIVE, help="CPU threads; by default as many as torch takes.")
@click.option(
    "--memory",
    type=click.FloatRange(0),
    metavar="GB",
    help="Of pictures to hold (4); more are read from disk.",
)
@click.option("--cuda", is_flag=True, help="Train on a GPU.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1.")
@click.option("--out", "--save-path", "--output-path", type=PATH, metavar="DIR",
              help="Folder for the weights, the log and the state.")  # fmt: skip
@click.option("--resume", "--continue-train", is_flag=True, help="Go on from the state in DIR.")
@click.option("--start-from", "--checkpoint", "--load-model-path", "start_from", type=PATH,
              metavar="FILE", help="Weights to begin with, of any model; or a run's folder, to resume it.")  # fmt: skip
@click.option("--anew", multiple=True, metavar="NAME",
              help="Modules whose layers begin anew though --start-from has them: analysis.deep.6.")  # fmt: skip
@click.option("-n", "--num-workers", hidden=True)
@click.option("--test-batch-size", hidden=True)
@click.option("--aux-learning-rate", hidden=True)
@click.option("--skip-epoch", "skip_epoch", hidden=True)
@click.option("--save", "--savecheckpoint", "save", is_flag=True, hidden=True)
@click.option("--dataset-name", hidden=True)
def train(words, **options):
    """Train MODEL on the pictures of the DATA folders; bisic on their stereo pairs, or on pairs made of pictures.

    \b
    lic-lab train charm pictures/ --preset tiny --steps 2000 --out runs/first
    lic-lab train charm pictures/ --steps 4000 --out runs/first --resume
    lic-lab train cmamba pictures/ --start-from charm.safetensors --out runs/warm
    lic-lab train csm -d pictures/ --lambda 0.0025 --epochs 40 --lr_epoch 35 38 --cuda --save_path runs/csm
    torchrun --nproc-per-node 2 -m lic_lab.cli train charm pictures/ --out runs/two
    tensorboard --logdir runs

    The flags of the five systems' own training scripts are taken, in their spelling too.
    """
    given = {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
    main = os.environ.get("RANK", "0") == "0"  # of several processes, one talks
    if not main:
        warnings.simplefilter("ignore")
    for name in WITHOUT_EFFECT.keys() & given.keys():
        given.pop(name)
        if main:
            say(f"note: --{name.replace('_', '-')} has no effect here: {WITHOUT_EFFECT[name]}")
    model, data = _model_and_data(list(words), given)
    given = _run(given)
    given = _size(model, given)
    from lic_lab.training import recipe, recipes

    lmbda = _lambda(given)
    changes = recipe.read_changes(given.pop("recipe")) if "recipe" in given else {}
    try:
        with bar("training") as progress:
            path = recipes.train(model, data, lmbda=lmbda, progress=progress, **changes | given)
    except KeyboardInterrupt:
        if main and (given["out"] / "state.pt").exists():
            say(f"interrupted; the state is saved: the same command with --resume goes on from {given['out']}")
            raise click.exceptions.Exit(130) from None
        raise
    except LicLabError:
        if main:
            raise
        raise click.exceptions.Exit(2) from None  # the main process says it
    if main:
        click.echo(f"weights: {path}")


def _model_and_data(words: list[str], given: dict) -> tuple[str, list[Path]]:
    """The model's name and the folders, wherever they stand; a folder with `train` and `test` in it is both."""
    name = given.pop("model", None) or (words.pop(0) if words else None)
    data = [*map(Path, words), *given.pop("data", ())]
    if not name or not data:
        raise LicLabError("name a model and folders of pictures: lic-lab train charm pictures/ --out runs/first")
    if name in ("BiSIC", "BiSIC_Fast"):  # the published code's names of its two variants
        given.setdefault("preset", {"BiSIC": "lab-main", "BiSIC_Fast": "lab"}[name])
    if len(data) == 1 and (data[0] / "train").is_dir():  # its test set is for testing, not for choosing weights
        held = next((data[0] / part for part in ("valid", "val") if (data[0] / part).is_dir()), None)
        if "validation" not in given and held:
            given["validation"] = (held,)
        say(f"note: learning from {data[0] / 'train'}" + (f", validating on {held}" if held else ""))
        data = [data[0] / "train"]
    return name.lower().removesuffix("_fast"), data


def _run(given: dict) -> dict:
    """Which folder the run is in, and whether it begins or goes on."""
    start = given.get("start_from")
    if start and (start.is_dir() or start.name == "state.pt"):
        folder = start if start.is_dir() else start.parent
        if given.setdefault("out", folder) != folder:
            raise LicLabError(f"a run goes on in its own folder: leave out --out, or copy {folder} first")
        given = {key: value for key, value in given.items() if key != "start_from"} | {"resume": True}
    if "out" not in given:
        raise LicLabError("name a folder for weights, log and state: --out runs/first")
    if given.pop("cuda", False):
        given.setdefault("device", "cuda")
    if "memory" in given:
        given["memory"] *= 1e9
    crop = given.get("crop")
    if crop:
        if len(set(crop)) > 1:
            raise LicLabError(f"crops are square: give one number, not {' and '.join(map(str, crop))}")
        if crop[0] < 16:
            raise LicLabError(f"a crop has sides of 16 pixels or more, got {crop[0]}")
        given["crop"] = crop[0]
    return given


def _size(model: str, given: dict) -> dict:
    """Put --set and --N into one table of switches."""
    import ast

    switches = {}
    for text in given.pop("switches", ()):
        key, given_one, value = text.partition("=")
        if not given_one:
            raise LicLabError(f"--set takes KEY=VALUE, got {text!r}: lic-lab info {model} names the switches")
        try:
            switches[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            switches[key] = value
    if width := given.pop("last_width", None):
        from lic_lab.models.presets import widths_for

        switches["widths"] = widths_for(model, given.get("preset", "lab"), width)
    if "lambdas" in switches:
        raise LicLabError("the ladder is no switch: give one fixed trade-off with --lambda")
    return given | ({"switches": switches} if switches else {})


def _lambda(given: dict) -> float | None:
    """The trade-off, on the scale of R + lambda 255^2 MSE."""
    from lic_lab.training.objective import lambda_from

    usual = given.pop("convention", None) or given.get("distortion", "mse")
    ways = {"lmbda": usual, "bisic_lambda": "bisic", "asymmetric_lambda": "asymmetric"}
    found = {name: given.pop(name) for name in ways if name in given}
    if len(found) > 1:
        raise LicLabError("give lambda once: --lambda, --Lambda or --lambda-rd")
    if not found:
        return None
    (name, value), *_ = found.items()
    lmbda = lambda_from(value, ways[name])
    if ways[name] != "mse":
        say(f"note: {value:g} is lambda {lmbda:.6g} of R + lambda 255^2 MSE")
    return lmbda
