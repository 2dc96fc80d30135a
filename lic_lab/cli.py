"""The command line `lic-lab`: argument parsing only; every command calls one room of the house.

Heavy rooms are imported inside the commands, so that `lic-lab --help` answers at once.
"""

import json
import warnings
from pathlib import Path

import click

from lic_lab.errors import LicLabError
from lic_lab.terminal import OneLineGroup, bar, console, say, spinner

PATH = click.Path(path_type=Path)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lic-lab", message="lic-lab %(version)s")
@click.pass_context
def main(ctx):
    """Learned image compression, beside the classical codecs, in real bytes.

    \b
    lic-lab encode photo.png photo.lic --bpp 0.25     a picture to a file
    lic-lab decode photo.lic photo.decoded.png        and back
    lic-lab compare photo.png --out comparison        several codecs at one size
    lic-lab list                                      what can run here

    Every command has its own --help.
    """
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    warnings.filterwarnings("always", category=UserWarning, module=r"lic_lab|__main__")
    warnings.showwarning = lambda message, *_, **__: say(f"note: {message}")


@main.command(short_help="Encode a picture, or a stereo pair, as a file of a given size or quality.")
@click.argument("sources", metavar="PICTURE [RIGHT]", type=PATH, nargs=-1, required=True)
@click.argument("target", metavar="FILE", type=PATH)
@click.option("--codec", metavar="NAME", help="Which one; see `lic-lab list`. By default charm, or bisic for a pair.")
@click.option("--bpp", type=float, help="Ceiling in bits per pixel of the whole file (over both views of a pair).")
@click.option("--max-bytes", type=int, help="Ceiling in bytes.")
@click.option("--psnr", type=float, help="Smallest file that reaches this PSNR in dB.")
@click.option("--lambda", "lmbda", type=float, help="Trade-off of R + lambda 255^2 MSE (learned codecs).")
@click.option("--quality", type=float, help="The codec's own number.")
def encode(sources, target, codec, **targets):
    """Encode PICTURE, or the left and the RIGHT view of a stereo pair, as FILE, with at most one target.

    \b
    lic-lab encode photo.png photo.lic --bpp 0.25
    lic-lab encode photo.png photo.avif --codec avif --max-bytes 20000
    lic-lab encode left.png right.png pair.lic --bpp 0.25
    """
    from lic_lab import load
    from lic_lab.datasets.images import write_bytes
    from lic_lab.datasets.stereo import named_as_pair
    from lic_lab.metrics.rate import bpp

    if len(sources) > 2:
        raise LicLabError(f"one file holds a picture or a stereo pair, not {len(sources)} pictures: encode them apart")
    for source in sources:
        _check_target(source, target)
    if target.exists() and any(named_as_pair(source, target) for source in sources):
        raise LicLabError(f"{target} is there already and named as the other view: name the file to write at the end")
    codec = codec or ("charm", "bisic")[len(sources) - 1]
    coder = load(codec)
    if coder.views != len(sources):
        what = ("one picture: lic-lab encode photo.png photo.lic", "pairs: lic-lab encode left.png right.png pair.lic")
        raise LicLabError(f"{codec} codes {what[coder.views - 1]}, or name another codec with --codec")
    if target.suffix.lower() != coder.suffix:
        raise LicLabError(
            f"{codec} writes {coder.suffix} files: call it {target.with_suffix(coder.suffix).name!r}, or name another "
            "codec with --codec"
        )
    image = coder.read_source(sources if coder.views > 1 else sources[0])
    given = {name: value for name, value in targets.items() if value is not None}
    with spinner(f"encoding {' and '.join(source.name for source in sources)} with {codec}"):
        data = coder.compress(image, **given)
    write_bytes(target, data)
    click.echo(f"{target}: {len(data):,} bytes, {bpp(data, *image.shape[-3:-1], coder.views):.4f} bpp")


@main.command(short_help="Decode a file of any codec to a picture, or to the two views of a stereo pair.")
@click.argument("source", metavar="FILE", type=PATH)
@click.argument("targets", metavar="PICTURE [RIGHT]", type=PATH, nargs=-1, required=True)
@click.option(
    "--codec", metavar="NAME", help="Which one wrote it, where its bytes do not say; weights as .safetensors."
)
def decode(source, targets, codec):
    """Decode FILE, of any codec that can run here, as PICTURE without loss (.png, .bmp, .tif, .ppm).

    \b
    lic-lab decode photo.lic photo.decoded.png
    lic-lab decode pair.lic left.decoded.png right.decoded.png
    """
    from lic_lab import load
    from lic_lab.codecs.identify import identify
    from lic_lab.datasets.images import lossless_format, write_image

    for target in targets:
        _check_target(source, target)
        lossless_format(target)
    data = source.read_bytes()
    with spinner(f"decoding {source.name}"):
        coder = load(codec) if codec else identify(data)
        if coder.views != len(set(targets)):
            what = ("one picture: give one name", "a left and a right view: give two names")[coder.views - 1]
            raise LicLabError(f"{coder.name} decodes to {what}")
        decoded = coder.decompress(data)
    for target, image in zip(targets, decoded if coder.views > 1 else [decoded], strict=True):
        write_image(target, image)
        click.echo(f"{target}: {image.shape[1]} x {image.shape[0]} pixels")


@main.command(short_help="Encode pictures, or stereo pairs, with several codecs at one size.")
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
    chosen = sweep.gather_codecs(_names(codecs), views=2 if stereo else 1)
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


@main.command(short_help="Say what a coded file holds, or what a model consists of.")
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
        raise LicLabError(f"{thing!r} is neither a file nor a model; the models are {', '.join(list_presets())}")


@main.command("list", short_help="List codecs and presets, with the reason where one cannot run.")
def list_():
    """List the codecs, whether they can run here and if not why, and the presets of the models."""
    from lic_lab import list_codecs, list_presets
    from lic_lab.evaluation.report import codec_table

    console().print(codec_table(list_codecs()))
    for name, presets in list_presets().items():
        click.echo(f"model {name}: presets {', '.join(presets)}")


@main.command(short_help="Train a model on folders of pictures.")
@click.argument("model")
@click.argument("data", nargs=-1, required=True, type=PATH)
@click.option("--preset", default="lab", show_default=True, help="Size of the model.")
@click.option(
    "--lambda", "lmbda", type=float, help="One fixed trade-off; without it, the model's whole ladder of rates."
)
@click.option("--steps", type=click.IntRange(1), help="Training steps.")
@click.option("--batch-size", type=click.IntRange(1), help="Crops per step.")
@click.option("--crop", type=click.IntRange(64), help="Side of a crop in pixels.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; by default as many as torch takes.")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for the weights, the log and the state.")
@click.option("--resume", is_flag=True, help="Go on from the state in DIR.")
def train(model, data, out, **options):
    """Train MODEL on the pictures of the DATA folders; bisic on their stereo pairs, or on pairs made of pictures.

    \b
    lic-lab train charm pictures/ --preset tiny --steps 2000 --out runs/first
    lic-lab train charm pictures/ --preset tiny --steps 4000 --out runs/first --resume
    """
    from lic_lab.training import recipes

    given = {name: value for name, value in options.items() if value is not None}
    with bar("training") as progress:
        path = recipes.train(model, list(data), out=out, progress=progress, **given)
    click.echo(f"weights: {path}")


@main.command(short_help="Time the scan, the coder and whole pictures beside their peers.")
@click.option("--section", "sections", multiple=True, help="Only this part; may be repeated.")
@click.option("--quick", is_flag=True, help="Smaller sizes and fewer repeats.")
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write the numbers here too.")
def bench(sections, quick, json_file):
    """Time the scan, the coder and whole pictures beside their peers, in one run.

    \b
    lic-lab bench --quick
    lic-lab bench --section coder --json bench.json
    """
    from lic_lab.evaluation.bench import run_bench

    if json_file:
        _check_folder(json_file)
    run_bench(sections=sections or None, quick=quick, json_file=json_file)


def _check_target(source: Path, target: Path) -> None:
    """Before any work: the output must not be the input, and must have a folder to go to."""
    if target.exists() and source.exists() and target.samefile(source):
        raise LicLabError(f"{str(target)!r} is the input itself: give the output another name")
    _check_folder(target)


def _check_folder(target: Path) -> None:
    if target.is_dir():
        raise LicLabError(f"{str(target)!r} is a folder: name a file for the output")
    if not target.parent.is_dir():
        raise LicLabError(f"there is no folder {str(target.parent)!r} for the output: make it first")


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


if __name__ == "__main__":
    main()
