"""Several codecs on the same pictures, at one size."""

from dataclasses import replace
from pathlib import Path

import click

from lic_lab.cli.arguments import PATH, check_out, names
from lic_lab.files import json_text
from lic_lab.terminal import bar, console, say

SHOWN = 10
"""So many sheets are named at the end; of a folder's hundreds nobody reads more."""


@click.command(short_help="Encode pictures, or stereo pairs, with several codecs at one size.")
@click.argument("pictures", nargs=-1, type=PATH)
@click.option(
    "--codecs", metavar="A,B,...", help="Which ones; by default the learned one and the usual classical ones."
)
@click.option("--bpp", type=float, default=0.25, show_default=True, help="Ceiling in bits per pixel, for every codec.")
@click.option("--out", type=PATH, metavar="DIR", help="Keep the coded files, the numbers and a sheet per picture here.")
@click.option("--stereo", is_flag=True, help="PICTURES are a left and a right view, or folders of stereo pairs.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON instead of a table.")
def compare(pictures, codecs, bpp, out, stereo, as_json):
    """Encode PICTURES (files, folders; without any, the bundled ones) with several codecs at one size.

    \b
    lic-lab compare
    lic-lab compare photo.png --codecs charm,jpeg,avif --bpp 0.2 --out comparison
    lic-lab compare left.png right.png --stereo --codecs bisic,hevc-pair,pair:charm

    For curves over many rates: lic-lab evaluate.
    """
    from lic_lab.evaluation import sweep
    from lic_lab.evaluation.report import comparison_table

    if out:
        check_out(out)
    images = sweep.gather_pairs(pictures) if stereo else sweep.gather_images(pictures)
    chosen = sweep.gather_codecs(names(codecs), views=2 if stereo else 1)
    rows, stopped = [], False
    try:
        with bar("comparing") as progress:
            for found in sweep.compare_each(images, chosen, bpp=bpp, progress=progress):
                if out and found:
                    _keep(images[found[0].image], found, rows, out)
                # the pixels of hundreds of pictures and codecs would fill the memory
                rows += [replace(row, reconstruction=row.reconstruction[:0].copy()) for row in found]
    except KeyboardInterrupt:
        stopped = True
    if as_json:
        click.echo(json_text([row.numbers() for row in rows]), nl=False)
    elif rows:
        console().print(comparison_table(rows, f"At most {bpp:g} bits per pixel, whole files"))
    sheets = [_sheet(out, name).name for name in dict.fromkeys(row.image for row in rows)] if out else []
    if sheets:
        named = ", ".join(sheets[:SHOWN]) + (f" and {len(sheets) - SHOWN} more" if len(sheets) > SHOWN else "")
        say(f"{len(rows)} coded files and numbers.json are in {out}; see {named}")
    if stopped:
        done = len({row.image for row in rows})
        say(f"interrupted: these are the numbers of {done} of {len(images)} {chosen[0].thing}s")
        raise click.exceptions.Exit(130)


def _keep(image, found, before, out: Path) -> None:
    """Write the coded files of one picture, its sheet, and the numbers so far."""
    from lic_lab.datasets.images import write_image
    from lic_lab.evaluation.sweep import write_files
    from lic_lab.plots.grid import picture_grid

    write_files(found, out, earlier=before)
    write_image(_sheet(out, found[0].image), picture_grid(image, found))


def _sheet(out: Path, name: str) -> Path:
    return out / f"{name}.sheet.png"
