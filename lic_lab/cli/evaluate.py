"""Codecs on data sets, measured and told: tables, curves, pictures."""

import json
from pathlib import Path

import click

from lic_lab.cli.arguments import PATH, names
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
    help="Folder for everything; what is in it is taken over.",
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
    help="Only these beside PSNR: ssim, ms_ssim, lpips, estimated_bpp, peak_memory_mb (which costs some time).",
)
@click.option("--anchor", metavar="CODEC", help="BD-rates against this one only, measured or published:NAME.")
@click.option("--published", multiple=True, metavar="NAME", help="Published curves to show beside; may be repeated.")
@click.option(
    "--columns",
    multiple=True,
    type=click.Choice(["bimamba", "bisic", "asymmetric"]),
    help="Also tables as that system writes them; may be repeated.",
)
@click.option("--stereo", is_flag=True, help="DATASETs are stereo pairs.")
@click.option("--box", default="", metavar="NAME", help="Only this part of each picture: instereo2k, cityscapes, ...")
@click.option("--name", "--data_name", "called", default="", help="Make all DATASETs one, called so.")
@click.option("--save-reconstructions", is_flag=True, help="Keep what the files decode to, as PNG.")
@click.option("--device", metavar="NAME", help="Where learned codecs run: cpu, cuda.")
@click.option("--resume/--no-resume", default=True, show_default=True, help="Take over what DIR holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON instead of tables.")
@_old("--kodak", "--tecnick", "folders_too", multiple=True)
@_old("--cuda", is_flag=True)
@_old("--real", is_flag=True)
@_old("--compute-metrics", "--compute_metrics", is_flag=True)
@_old("--batch-size", "--batch_size", "--test-batch-size", type=int)
@_old("--choose_entropy_estimation", is_flag=True)
@_old("--network")
@_old("--clip_max_norm", type=float)
def evaluate(words, checkpoints, folders, folders_too, out, columns, stereo, as_json, device, cuda, **options):
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
    from lic_lab.evaluation.checkpoints import by_name
    from lic_lab.evaluation.evaluate import evaluate as measure
    from lic_lab.evaluation.sources import gather_datasets

    if out.exists() and not out.is_dir():
        raise LicLabError(f"{str(out)!r} is a file: name a folder for the output")
    for flag in (flag for flag in NO_EFFECT if options.pop(flag)):
        say(f"note: --{flag.replace('_', '-')} has no effect: {NO_EFFECT[flag]}")
    codecs, found = _words(words, checkpoints, [*folders, *folders_too])
    sets = gather_datasets(found, stereo=stereo, called=options.pop("called"), box=options.pop("box"))
    chosen = _codecs(codecs, checkpoints, 2 if stereo else 1, "cuda" if cuda else device)
    shown = _shown(options.pop("anchor"), options.pop("published"), chosen, sets)
    if "bisic" in columns and not stereo:
        raise LicLabError("--columns bisic is for stereo pairs: add --stereo, or take bimamba")
    asked = _asked(**options)
    with bar("measuring") as progress:
        rows = measure(chosen, sets, out=out, progress=progress, tell=say, **asked)
    for name in columns:
        export.write_layout(name, out, rows)
    say(f"{len(rows)} files are in {out / 'rows.csv'} and average.csv")
    _tell(rows, sets, out, as_json, loaded=by_name(chosen), panels="bimamba" in columns, **shown)


def _words(words: tuple, checkpoints: tuple, folders: list) -> tuple[list[str], list[str]]:
    """Tell codecs from data sets: the first word holds the codecs, unless weights were named and it is a data set."""
    from lic_lab.evaluation.sources import is_dataset

    words = list(words)
    if checkpoints:
        more = [word for word in words if word.endswith(".safetensors")]  # --ckpts FILE FILE ...
        words = [word for word in words if word not in more]
        named = [] if not words or is_dataset(words[0]) else names(words.pop(0))
        return more + named, words + folders
    if not words:
        return [], folders
    return names(words[0]), words[1:] + folders


def _codecs(named: list[str], checkpoints: tuple, views: int, device: str | None) -> list:
    from lic_lab.evaluation.checkpoints import load_checkpoints
    from lic_lab.evaluation.sweep import fitting, gather_codecs

    weights = [*checkpoints, *(name for name in named if name.endswith(".safetensors"))]
    others = [name for name in named if not name.endswith(".safetensors")]
    found = [fitting(codec, views) for codec in load_checkpoints(weights)]
    if others or not found:
        found += gather_codecs(others, views=views)
    return _moved(found, device) if device else found


def _moved(codecs: list, device: str) -> list:
    """Move learned codecs to a device."""
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        say(f"note: --device {device} has no effect: torch finds no GPU here")
        return codecs
    for model in (getattr(getattr(codec, "mono", codec), "model", None) for codec in codecs):
        if isinstance(model, torch.nn.Module):
            model.to(device)
    return codecs


def _asked(*, qualities, lambdas, targets, metrics, save_reconstructions, resume) -> dict:
    """What was asked of `evaluate`, by the names of its arguments."""
    asked = {"lambdas": lambdas, "save": save_reconstructions, "resume": resume}
    ladders = {}
    for text in qualities:
        codec, _, values = text.rpartition("=")
        ladders[codec] = _numbers(values, "--qualities")
    if ladders:
        asked["qualities"] = ladders
    if targets:
        asked["targets"] = _numbers(targets, "--targets")
    if metrics is not None:
        asked["metrics"] = names(metrics)
    return asked


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [int(word) if word.lstrip("-").isdecimal() else float(word) for word in names(text)]
    except ValueError as error:
        raise LicLabError(f"{option} takes numbers with commas between, got {text!r}") from error


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
    from lic_lab.plots.report import write_report

    if as_json:
        click.echo(json.dumps([{k: None if v != v else v for k, v in row.items()} for row in rows], indent=1))
    for dataset, pictures in sets.items():
        mine = [row for row in rows if row["dataset"] == dataset]
        if not mine:
            continue
        if not as_json:
            console().print(average_table(mine, dataset))
            if len({row["codec"] for row in mine}) > 1:
                console().print(bd_rate_table(mine))
        folder = out if len(sets) == 1 else out / dataset
        write_report(folder, mine, images=pictures, **how)
        say(f"curves, tables and pictures are in {folder / 'README.md'}")
