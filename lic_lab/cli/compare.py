"""Several codecs on the same pictures, at one size."""

import json
from pathlib import Path

import click

from lic_lab.cli.arguments import PATH, names
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, console, say


@click.command(short_help="Encode pictures, or stereo pairs, with several codecs at one size.")
@click.argument("pictures", nargs=-1, type=PATH)
@click.option(
    "--codecs", metavar="A,B,...", help="Which ones; by default the learned one and the usual classical ones."
)
@click.option("--bpp", type=float, default=0.25, show_default=True, help="Ceiling in bits per pixel, for every codec.")
@click.option("--out", type=PATH, metavar="DIR", help="Keep the coded files, the numbers and a sheet per picture here.")
@click.option("--stereo", is_flag=True, help="PICTURES are a left and a right view, or folders of stereo pairs.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON instead of a table.")
@click.option("--curves", is_flag=True, help="Measure from 0.1 to 1.2 bpp, print BD-rates; DIR gets rd.csv, rd.png.")
def compare(pictures, codecs, bpp, out, stereo, as_json, curves):
    """Encode PICTURES (files, folders; without any, the bundled ones) with several codecs at one size.

    \b
    lic-lab compare
    lic-lab compare photo.png --codecs charm,jpeg,avif --bpp 0.2 --out comparison
    lic-lab compare kodak/ --codecs jpeg,charm,jpeg2000 --curves --out curves
    lic-lab compare left.png right.png --stereo --codecs bisic,hevc-pair,pair:charm
    """
    from lic_lab.evaluation import sweep
    from lic_lab.evaluation.report import comparison_table

    if out and out.exists() and not out.is_dir():
        raise LicLabError(f"{str(out)!r} is a file: name a folder for the output")
    images = sweep.gather_pairs(pictures) if stereo else sweep.gather_images(pictures)
    chosen = sweep.gather_codecs(names(codecs), views=2 if stereo else 1)
    if curves:
        return _curves(images, chosen, out, as_json)
    with bar("comparing") as progress:
        rows = sweep.compare(images, chosen, bpp=bpp, progress=progress)
    if as_json:
        click.echo(json.dumps([row.numbers() for row in rows], indent=1))
    else:
        console().print(comparison_table(rows, f"At most {bpp:g} bits per pixel, whole files"))
    if out:
        _keep(images, rows, out)


def _curves(images, chosen, out: Path | None, as_json: bool) -> None:
    """Measure curves, print the BD-rates, and keep rows and picture in `out`."""
    from lic_lab.evaluation import curves
    from lic_lab.evaluation.report import bd_rate_table
    from lic_lab.plots.rd import rd_figure

    with bar("measuring") as progress:
        rows = curves.measure_curves(images, chosen, progress=progress)
    click.echo(json.dumps(rows, indent=1)) if as_json else console().print(bd_rate_table(rows, len(images)))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        curves.write_rows(rows, out / "rd.csv")
        title = f"Mean of {len(images)} pictures, real files"
        rd_figure(curves.mean_points(rows), title=title).savefig(out / "rd.png", dpi=110)
        say(f"{len(rows)} files were measured: {out / 'rd.csv'}, {out / 'rd.png'}")


def _keep(images, rows, out: Path) -> None:
    """Write the coded files, the numbers, and one sheet per picture."""
    from lic_lab.datasets.images import write_image
    from lic_lab.evaluation.sweep import write_files
    from lic_lab.plots.grid import picture_grid

    write_files(rows, out)
    sheets = {row.image: out / f"{row.image}.sheet.png" for row in rows}
    for name, sheet in sheets.items():
        write_image(sheet, picture_grid(images[name], [row for row in rows if row.image == name]))
    say(
        f"{len(rows)} coded files and numbers.json are in {out}; see {', '.join(path.name for path in sheets.values())}"
    )
