"""A look inside a model."""

from pathlib import Path

import click

from lic_lab.cli.arguments import PATH, check_out
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, say

WHAT = ("spectrum", "correlation", "bits", "field", "attention", "partition", "disparity")
NO_RATE = ("spectrum", "field", "partition")  # they look at transforms, before any rate is chosen


@click.command(short_help="Look into a model: spectrum, latent correlation, bits, receptive field, attention.")
@click.argument("what", type=click.Choice(WHAT))
@click.argument("model", metavar="MODEL_OR_WEIGHTS")
@click.argument("pictures", nargs=-1, type=PATH)
@click.option("--preset", help="Size of an untrained model; without it, the weights that come with MODEL.")
@click.option("--rate", type=float, help="Rate point, 0 for the smallest files; the middle of the ladder without.")
@click.option("--rule", type=click.Choice(["square", "whole"]), default="square", show_default=True,
              help="Spectra of a square out of the middle, or of whole pictures.")  # fmt: skip
@click.option("--side", type=click.IntRange(64), help="Pixels of that square; 512 where pictures are large enough.")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for the numbers and the figures.")
def probe(what, model, pictures, preset, out, **options):
    """Look into MODEL (a name, or a .safetensors file) on PICTURES (files, folders; without any, the bundled ones).

    \b
    lic-lab probe spectrum charm kodak/ --out looks        which frequencies each block keeps
    lic-lab probe correlation runs/first/charm.safetensors photo.png --out looks
    lic-lab probe bits charm photo.png --rate 2 --out looks     where the bits of a file go
    lic-lab probe field cmamba --preset tiny --out looks   which pixels the latent depends on
    lic-lab probe attention asymmetric --preset tiny --out looks      gates; of bisic, what one view asks the other
    lic-lab probe partition csm --preset tiny --out looks  which channels are convolved, which scanned
    lic-lab probe disparity bisic --out looks              from mutual attention, beside the truth of one pair
    """
    check_out(out)
    _check_effect(what, model, pictures, preset, **options)
    from lic_lab.evaluation.sweep import gather_images, gather_pairs
    from lic_lab.files import write_json
    from lic_lab.plots.looks import Subject, look_into

    net, name = _model(model, preset)
    images = (gather_pairs if net.views == 2 else gather_images)(pictures)
    with bar(what) as progress:
        look = look_into(what, Subject(net, name, images, progress=progress, **options))
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{what}.json", look.numbers)
    for file, figure in look.figures.items():
        figure.savefig(out / f"{file}.png", dpi=110)
    for line in look.said:
        click.echo(line)
    say(f"numbers and figures: {', '.join(str(out / file) for file in (f'{what}.json', *_png(look.figures)))}")


def _check_effect(what: str, model: str, pictures: tuple, preset: str | None, *, rate, rule: str, side) -> None:
    """Refuse what would have no effect: a person who gives it expects one."""
    if pictures and what == "disparity":
        raise LicLabError("disparity is measured on the one pair whose truth is known: leave PICTURES out")
    if rate is not None and what in NO_RATE:
        raise LicLabError(f"{what} does not depend on the rate: leave --rate out")
    if side and (what != "spectrum" or rule == "whole"):
        raise LicLabError("--side is of the square of a spectrum: leave it out, or take --rule square")
    if preset and Path(model).suffix == ".safetensors":
        raise LicLabError(f"{Path(model).name} says itself of what preset it is: leave --preset out")


def _png(figures) -> list[str]:
    return [f"{name}.png" for name in figures]


def _model(model: str, preset: str | None):
    """The model and what to call it, trained unless a preset is asked for."""
    from lic_lab.models.checkpoints import load_model, load_weights
    from lic_lab.models.presets import build

    if Path(model).suffix == ".safetensors":
        return load_weights(model), Path(model).stem
    return (build(model, preset), f"{model}, untrained {preset}") if preset else (load_model(model), model)
