"""Data sets: what there is, how to get it, whether it is complete."""

import json
import sys

import click

from lic_lab.cli.arguments import PATH
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, console, say


@click.group(short_help="List, download and check data sets.")
def data():
    """List, download and check the data sets of the field.

    \b
    lic-lab data list                       what there is, and under which terms
    lic-lab data download kodak             fetch it, or go on where it broke off
    lic-lab data check pictures/            can everything be read, is anything twice
    """


@data.command("list", short_help="List the data sets, or say everything about one.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def list_(name, as_json):
    """List the data sets; of NAME, say licence, citation, source, files and the steps to get it.

    \b
    lic-lab data list
    lic-lab data list cityscapes
    lic-lab data list clic                  those whose names begin so
    """
    from dataclasses import asdict

    from lic_lab.datasets.catalog import CATALOG, dataset

    chosen = [found for key, found in CATALOG.items() if key.startswith(name or "")]
    if name in CATALOG or not chosen:
        chosen = [dataset(name)]
    if as_json:
        click.echo(json.dumps([asdict(found) for found in chosen], indent=1))
    elif name in CATALOG:
        _describe(chosen[0])
    else:
        console().print(_table(chosen))


@data.command(short_help="Download data sets: resumed, checked, unpacked.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--to", "root", type=PATH, metavar="DIR", help="Folder that gets a folder NAME; by default a cache.")
@click.option("--accept-licence", is_flag=True, help="You have read the licence that is shown, and agree.")
@click.option(
    "--from", "archives", type=PATH, multiple=True, metavar="FILE", help="An archive you have already; may be repeated."
)
def download(names, root, accept_licence, archives):
    """Download data sets into DIR/NAME, where commands find them by name or path.

    Interrupted, it goes on where it stopped when the same command is run again. Without --to, DIR is $LIC_LAB_DATA, or
    lic_lab in the user's cache folder.

    \b
    lic-lab data download kodak
    lic-lab data download clic-pro-valid --to data --accept-licence
    lic-lab data download cityscapes --from leftImg8bit_trainvaltest.zip --from rightImg8bit_trainvaltest.zip
    """
    from lic_lab.datasets.bundled import download_folder
    from lic_lab.datasets.catalog import dataset

    chosen = [dataset(name) for name in names]
    if archives and len(chosen) > 1:
        raise LicLabError("--from is for one data set: name only that")
    for found in chosen:
        if found.by_hand and not archives:
            _describe(found)
            raise LicLabError(f"{found.name} has to be fetched by hand: follow the steps above")
        _ask(found, accept_licence)
    for found in chosen:
        _download(found, (root or download_folder()) / found.name, archives)


@data.command(short_help="Check a folder of pictures or pairs, or a downloaded data set.")
@click.argument("folder", metavar="FOLDER_OR_NAME", type=PATH)
@click.option("--as", "name", metavar="NAME", help="The data set it should be; by default its record or name says it.")
@click.option("--crop", type=click.IntRange(1), default=256, show_default=True, help="Side of the training crops.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
def check(folder, name, crop, as_json):
    """Decode every picture of a folder and say what is missing, broken, too small, or there twice.

    It ends with exit code 2 where the folder is not what it should be.

    \b
    lic-lab data check kodak
    lic-lab data check pictures/ --crop 384
    lic-lab data check ~/street --as cityscapes
    """
    from lic_lab.datasets.catalog import CATALOG, dataset, located

    if not folder.exists():
        if (word := str(folder)) in CATALOG and not located(word):
            raise LicLabError(f"{word} is not on this machine: lic-lab data download {word}")
        folder = located(word) or folder
    _check(folder, dataset(name) if name else None, crop, as_json)


def _ask(found, accepted: bool) -> None:
    """Show the licence; where it binds, go on only with consent."""
    say(f"{found.name}: {found.licence} ({found.page})")
    if not found.consent or accepted:
        return
    if not _at_terminal():
        raise LicLabError(f"{found.name} comes under terms: read them, and add --accept-licence")
    if not click.confirm("Do you accept these terms?", err=True):
        raise LicLabError("nothing was downloaded")


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _download(found, folder, archives) -> None:
    from lic_lab.datasets.download import download

    try:
        with bar("downloading", in_bytes=True) as progress:
            files = download(found, folder, archives=archives, progress=progress)
    except KeyboardInterrupt:
        say("interrupted; what came so far is kept: run the same command to go on")
        raise click.exceptions.Exit(130) from None
    for file, entry in zip(found.files, files, strict=True):
        if not file.sha256:
            say(f"nobody has published a checksum of {file.name}; this one has SHA-256 {entry['sha256']}")
    _check(folder, found, 256, False)
    click.echo(f"{found.name} is in {folder}; please cite: {found.citation}")


def _check(folder, found, crop: int, as_json: bool) -> None:
    """Look through a folder, print what is there, and end with an error where it is not what it should be."""
    from lic_lab.datasets.check import check_folder

    with bar("checking") as progress:
        report = check_folder(folder, found, crop=crop, progress=progress)
    if as_json:
        click.echo(json.dumps(report.numbers(), indent=1))
    else:
        _print(report)
    if report.problems:
        count = len(report.problems)
        raise LicLabError(f"{folder} has {count} problem{'s' * (count > 1)}, the first: {report.problems[0]}")


def _print(report, most: int = 10) -> None:
    """What is there, then problems and remarks, of each as many as can be read."""
    from rich.filesize import decimal

    most_common = [f"{count} of {width} x {height}" for (width, height), count in report.sizes.most_common(3)]
    more = f" and {len(report.sizes) - 3} other sizes" if len(report.sizes) > 3 else ""
    size = f"; {', '.join(most_common)}{more}" if most_common else ""
    pairs = f", {report.pairs:,} pairs" if report.pairs else ""
    click.echo(f"{report.folder}: {report.pictures:,} pictures{pairs}, {decimal(report.bytes)}{size}")
    for kind, lines in (("problem", report.problems), ("note", report.remarks)):
        for line in lines[:most]:
            click.echo(f"{kind}: {line}")
        if len(lines) > most:
            click.echo(f"{kind}: {len(lines) - most} more like these; --json has all")
    if not report.problems:
        click.echo(f"complete: {report.name}" if report.name else "everything can be read")


def _table(chosen):
    """One row for each data set."""
    from rich.filesize import decimal
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, right in (("name", 0), ("for", 0), ("pictures", 1), ("size", 1), ("how", 0), ("licence", 0)):
        table.add_column(column, justify="right" if right else "left", no_wrap=column != "licence")
    for found in chosen:
        count = f"{'~' * (not found.exact)}{found.count:,}{' pairs' * (found.views == 2)}"
        how = "by hand" if found.by_hand else "downloads"
        use = f"{found.use}, stereo" if found.views == 2 else found.use
        table.add_row(found.name, use, count, decimal(found.size) if found.size else "?", how, found.licence)
    return table


def _describe(found) -> None:
    """Everything about one data set."""
    from rich.filesize import decimal

    from lic_lab.datasets.catalog import located

    here = located(found.name)
    unit = "pairs" if found.views == 2 else "pictures"
    facts = {
        "for": found.use,
        "holds": f"{'about ' * (not found.exact)}{found.count:,} {unit}; {found.layout}",
        "size": f"{decimal(found.size)}" if found.size else "unknown",
        "licence": found.licence,
        "cite": found.citation,
        "page": found.page,
        "curves": f"published ones are called {found.published}" if found.published else "",
        "note": found.remark,
        "here": str(here) if here else "no",
    }
    click.echo(f"{found.name}: {found.title}")
    for name, text in facts.items():
        if text:
            click.echo(f"  {name + ':':9}{text}")
    for file in found.files[:3] if not found.by_hand else ():
        click.echo(
            f"  {'file:':9}{file.url}\n{'':11}SHA-256 {file.sha256 or 'not published; the first download is recorded'}"
        )
    if len(found.files) > 3:
        click.echo(f"{'':11}and {len(found.files) - 3} more; --json has all")
    if found.by_hand:
        for number, step in enumerate(found.steps, 1):
            click.echo(f"  step {number}:  {step}")
