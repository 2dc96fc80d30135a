"""Codecs on data sets, measured and told: tables, curves, pictures."""

from pathlib import Path

import click

from lic_lab.cli.arguments import PATH, check_out, check_own, names
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, console, say

NO_EFFECT = {  # flags of the systems this laboratory grew out of
    "real": "every number here is of a real file",
    "compute_metrics": "metrics are always computed; --metrics chooses",
    "batch_size": "pictures are coded one at a time, as decoding is",
    "choose_entropy_estimation": "real bytes and the estimate are both measured",
    "network": "weights say what they are weights of",
    "clip_max_norm": "nothing is trained here",
}


def _old(*flags, **options):
    return click.option(*flags, hidden=True, **options)


@click.command(short_help="Measure codecs on data sets: tables, curves, BD-rates; a killed run continues.")
@click.argument("words", metavar="CODECS DATASET...", nargs=-1)
@click.option(
    "--checkpoint",
    "--ckpts",
    "--model_dir",
    "checkpoints",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Weights (.safetensors), called by their folder; may be repeated.",
)
@click.option(
    "--data",
    "--test-dir",
    "--dataset_dir",
    "folders",
    multiple=True,
    metavar="DIR",
    help="A data set, the same as DATASET; may be repeated.",
)
@click.option(
    "--out",
    "--output-dir",
    "--output_dir",
    "--out_dir",
    type=PATH,
    metavar="DIR",
    default="evaluation",
    show_default=True,
    help="Folder for everything. What it holds is taken over; whatever else was measured in it on the same pictures "
    "stands in the tables too.",
)
@click.option(
    "--qualities",
    multiple=True,
    metavar="[CODEC=]A,B,...",
    help="The codec's own numbers; may be repeated for several codecs.",
)
@click.option("--lambda", "lambdas", multiple=True, type=float, help="Trade-off of learned codecs; may be repeated.")
@click.option("--targets", metavar="A,B,...", help="Rates (bpp) to come near where no qualities are given.")
@click.option(
    "--metrics",
    metavar="A,B,...",
    help="Only these beside PSNR: ssim, ms_ssim, lpips, estimated_bpp, peak_memory_mb (which costs some time: rows "
    "without it are measured anew).",
)
@click.option("--anchor", metavar="CODEC", help="BD-rates against this one only, measured or published:NAME.")
@click.option("--published", multiple=True, metavar="NAME", help="Published curves to show beside; may be repeated.")
@click.option(
    "--columns",
    multiple=True,
    type=click.Choice(["bimamba", "bisic", "asymmetric"]),
    help="Also tables as that system writes them; may be repeated.",
)
@click.option("--stereo", is_flag=True, help="DATASETs are stereo pairs, as they are for weights of a stereo model.")
@click.option("--box", default="", metavar="NAME", help="Only this part of each picture: instereo2k, cityscapes, ...")
@click.option("--name", "--data_name", "called", default="", help="Make all DATASETs one, called so.")
@click.option("--save-reconstructions", is_flag=True, help="Keep what the files decode to, as PNG.")
@click.option("--device", metavar="NAME", help="Where learned codecs run: cpu, cuda.")
@click.option("--resume/--no-resume", default=True, show_default=True, help="Take over what DIR holds, or not.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON instead of tables.")
@_old("--kodak", multiple=True)
@_old("--tecnick", multiple=True)
@_old("--cuda", is_flag=True)
@_old("--real", is_flag=True)
@_old("--compute-metrics", "--compute_metrics", is_flag=True)
@_old("--batch-size", "--batch_size", "--test-batch-size", type=int)
@_old("--choose_entropy_estimation", is_flag=True)
@_old("--network")
@_old("--clip_max_norm", type=float)
def evaluate(words, checkpoints, folders, kodak, tecnick, out, columns, stereo, as_json, device, cuda, **options):
    """Measure CODECS (names with commas between) on every DATASET: a folder, pictures, or a word as kodak.

    Files are really written and decoded. All rows are kept at once: the same command goes on where a killed one
    stopped. Flags of the seed systems are understood too (--test-dir, --ckpts, --dataset_dir, --cuda, --real, ...).

    \b
    lic-lab evaluate charm,jpeg,avif kodak --out evaluation --anchor jpeg
    lic-lab evaluate jpeg,webp pictures/ --qualities jpeg=10,30,50,70 --qualities webp=5,30,60,90
    lic-lab evaluate --checkpoint runs/mine/charm.safetensors --data pictures/ --columns bimamba
    lic-lab evaluate bisic,pair:jpeg motorcycle --stereo
    """
    from lic_lab.evaluation import export
    from lic_lab.evaluation.checkpoints import by_name, load_checkpoints
    from lic_lab.evaluation.evaluate import evaluate as measure
    from lic_lab.evaluation.journal import ROWS
    from lic_lab.evaluation.sources import gather_datasets
    from lic_lab.files import safe_name

    for flag in (flag for flag in NO_EFFECT if options.pop(flag)):
        say(f"note: --{flag.replace('_', '-')} has no effect: {NO_EFFECT[flag]}")
    called, box, anchor, published = (options.pop(name) for name in ("called", "box", "anchor", "published"))
    asked = _asked(**options)
    codecs, found = _words(words, checkpoints, list(folders))
    weights, codecs = _weights(codecs, checkpoints)
    loaded = load_checkpoints(weights, taken=codecs)
    stereo = stereo or _are_stereo(loaded)
    if "bisic" in columns and not stereo:
        raise LicLabError("--columns bisic is for stereo pairs: add --stereo, or take bimamba")
    named = [("kodak", folder) for folder in kodak] + [("tecnick", folder) for folder in tecnick]
    sets = gather_datasets(found, named=named, stereo=stereo, called=called, box=box)
    check_out(out)
    reports = [f"{safe_name(found)}/README.md" for found in sets] if len(sets) > 1 else []
    check_own(out, ROWS, "rows.csv", "average.csv", "README.md", *reports)
    chosen = _codecs(loaded, codecs, 2 if stereo else 1, "cuda" if cuda else device)
    shown = _shown(anchor, published, chosen, sets)
    with bar("measuring") as progress:
        rows = measure(chosen, sets, out=out, others=True, progress=progress, tell=say, **asked)
    for name in columns:
        export.write_layout(name, out, rows)
    say(f"{len(rows)} files are in {out / 'rows.csv'} and average.csv")
    _tell(rows, sets, out, as_json, loaded=by_name(chosen), panels="bimamba" in columns, **shown)


def _words(words: tuple, checkpoints: tuple, folders: list) -> tuple[list[str], list[str]]:
    """Tell codecs from data sets: the first word holds the codecs, unless weights were named and it is a data set."""
    from lic_lab.evaluation.sources import is_dataset

    words = list(words)
    if not all(word.strip(" ,") for word in words):
        raise LicLabError("an empty word names neither codecs nor pictures: see lic-lab list for codecs")
    if checkpoints:
        more = [word for word in words if word.endswith(".safetensors")]  # --ckpts FILE FILE ...
        words = [word for word in words if word not in more]
        named = [] if not words or is_dataset(words[0]) else names(words.pop(0))
        return more + named, words + folders
    if not words:
        return [], folders
    return names(words[0]), words[1:] + folders


def _weights(named: list[str], checkpoints: tuple) -> tuple[list, list[str]]:
    """Tell weight files from names that the registry knows, "pair:" before a weight file among these."""
    from lic_lab.evaluation.checkpoints import is_checkpoint

    files = list(filter(is_checkpoint, named))
    return [*checkpoints, *files], [name for name in named if name not in files]


def _are_stereo(loaded: list) -> bool:
    """Say whether all weights are those of stereo models, so that nobody needs to say --stereo."""
    found = bool(loaded) and all(codec.views == 2 for codec in loaded)
    if found:
        say("note: these are weights of a stereo model, so DATASETs are taken for stereo pairs")
    return found


def _codecs(loaded: list, named: list[str], views: int, device: str | None) -> list:
    from lic_lab.evaluation.sweep import fitting, gather_codecs

    found = [fitting(codec, views) for codec in loaded]
    if named or not found:
        found += gather_codecs(named, views=views)
    return _moved(found, device) if device else found


def _moved(codecs: list, device: str) -> list:
    """Move learned codecs to a device."""
    import torch

    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise LicLabError(f"--device is cpu, cuda, or one of several as cuda:1, got {device!r}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        say(f"note: --device {device} has no effect: torch finds no GPU here")
        return codecs
    for model in (getattr(getattr(codec, "mono", codec), "model", None) for codec in codecs):
        if isinstance(model, torch.nn.Module):
            try:
                model.to(device)
            except RuntimeError as error:
                raise LicLabError(f"--device {device} cannot be used: {str(error).splitlines()[0]}") from error
    return codecs


def _asked(*, qualities, lambdas, targets, metrics, save_reconstructions, resume) -> dict:
    """What was asked of `evaluate`, by the names of its arguments."""
    asked = {"lambdas": lambdas, "save": save_reconstructions, "resume": resume}
    ladders = {}
    for text in qualities:
        codec, _, values = text.rpartition("=")
        if codec in ladders:
            whose = f"for {codec}" if codec else "without a codec's name"
            raise LicLabError(f"--qualities stands twice {whose}: put all numbers into one, with commas between")
        ladders[codec] = _numbers(values, "--qualities")
    if ladders:
        asked["qualities"] = ladders
    if targets is not None:
        asked["targets"] = _numbers(targets, "--targets")
    if metrics is not None:
        asked["metrics"] = names(metrics)
    return asked


def _numbers(text: str, option: str) -> list[float]:
    try:
        found = [int(word) if word.lstrip("-").isdecimal() else float(word) for word in names(text)]
    except ValueError:
        found = []
    if not found:
        raise LicLabError(f"{option} takes numbers with commas between, got {text!r}")
    return found


def _shown(anchor: str | None, published: tuple, chosen: list, sets: dict) -> dict:
    """What the report is to show, refused before anything is measured where it cannot."""
    from lic_lab.evaluation import reference

    published = [name if name.startswith(reference.PREFIX) else reference.PREFIX + name for name in published]
    theirs = bool(anchor) and anchor.startswith(reference.PREFIX)
    for dataset, pictures in sets.items():
        where = reference.dataset_of({"image": name, "dataset": dataset} for name in pictures)
        for name in published:
            reference.find(name, where)
        if theirs:
            reference.check_anchor(reference.find(anchor, where))
    measured = [codec.name for codec in chosen]
    if anchor and not theirs and anchor not in measured:
        raise LicLabError(
            f"the anchor {anchor!r} is not measured: name one of {', '.join(measured)}, or published:NAME"
        )
    return {"anchor": anchor, "published": published}


def _tell(rows: list, sets: dict, out: Path, as_json: bool, **how) -> None:
    """Print the tables, and write the report of each data set, in a folder of its own where there are several."""
    from lic_lab.evaluation.report import average_table, bd_rate_table
    from lic_lab.files import json_text, safe_name
    from lic_lab.plots.report import write_report

    if as_json:
        click.echo(json_text(rows), nl=False)
    for dataset, pictures in sets.items():
        mine = [row for row in rows if row["dataset"] == dataset]
        if not mine:
            continue
        if not as_json:
            console().print(average_table(mine, dataset))
            if len({row["codec"] for row in mine}) > 1:
                console().print(bd_rate_table(mine))
        folder = out if len(sets) == 1 else out / safe_name(dataset)
        write_report(folder, mine, images=pictures, **how)
        say(f"curves, tables and pictures are in {folder / 'README.md'}")
