"""What a file holds, what a model consists of, what can run here."""

import json
from difflib import get_close_matches
from pathlib import Path

import click

from lic_lab.errors import LicLabError
from lic_lab.terminal import console, spinner


@click.command(short_help="Say what a coded file holds, or what a model consists of.")
@click.argument("thing", metavar="FILE_OR_MODEL")
@click.option("--preset", default="lab", show_default=True, help="Size of the model.")
@click.option("--height", type=click.IntRange(1), default=512, show_default=True, help="Rows of the picture.")
@click.option("--width", type=click.IntRange(1), default=768, show_default=True, help="Columns of the picture.")
@click.option("--json", "as_json", is_flag=True, help="Print what there is to say of a model as JSON.")
def info(thing, preset, height, width, as_json):
    """Say what a coded FILE holds, or what a MODEL consists of, costs and sees, stage by stage.

    \b
    lic-lab info photo.lic
    lic-lab info charm --preset lab
    lic-lab info charm --height 1080 --width 1920 --json
    lic-lab info data/weights/charm.safetensors     the card: training, data, Kodak
    """
    from lic_lab import list_presets

    path = Path(thing)
    if as_json and path.is_file():
        raise LicLabError("--json describes models: leave it out for a file")
    if path.suffix == ".safetensors":
        from lic_lab.evaluation.cards import card_markdown

        click.echo(card_markdown(thing), nl=False)
    elif path.is_file():
        from lic_lab.codecs.identify import describe

        for name, value in describe(path.read_bytes()).items():
            click.echo(f"{name + ':':16}{value}")
    elif thing in list_presets():
        from lic_lab.probes.summary import summarize

        with spinner(f"looking into {thing}"):
            found = summarize(thing, preset, height=height, width=width)
        click.echo(json.dumps(found.record(), indent=1)) if as_json else console().print(found.printed())
    else:
        near = get_close_matches(thing, list_presets(), n=1)
        hint = f": did you mean {near[0]!r}?" if near else f"; the models are {', '.join(list_presets())}"
        raise LicLabError(f"{thing!r} is neither a file nor a model{hint}")


@click.command("list", short_help="List codecs and presets, with the reason where one cannot run.")
@click.option("--check", "checked", metavar="NAME", help="Ask this codec for what every codec promises, one by one.")
def list_(checked):
    """List the codecs, whether they can run here and if not why, and the presets of the models.

    Codecs and models of your own are listed too: LIC_LAB_CODECS names their files.

    \b
    lic-lab list
    lic-lab list --check jpeg
    LIC_LAB_CODECS=dct8.py lic-lab list --check dct8
    """
    from lic_lab import list_codecs, list_presets, load
    from lic_lab.evaluation.report import codec_table

    if checked:
        _check(load(checked))
        return
    console().print(codec_table(list_codecs()))
    for name, presets in list_presets().items():
        click.echo(f"model {name}: presets {', '.join(presets)}")


def _check(codec) -> None:
    """Print every claim with yes, or no and what is wrong; exit with 1 where one does not hold."""
    from lic_lab.codecs.conformance import examine

    broken = 0
    for claim in examine(codec):
        broken += bool(claim.wrong)
        click.echo(
            f"{'NO ' if claim.wrong else 'yes'}  {claim.says}" + (f"\n     {claim.wrong}" if claim.wrong else "")
        )
    click.echo(f"{codec.name} breaks {broken} of its promises" if broken else f"{codec.name} keeps every promise")
    if broken:
        raise click.exceptions.Exit(1)
