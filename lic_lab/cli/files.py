"""Pictures to files and back."""

import time
from contextlib import contextmanager

import click

from lic_lab.cli.arguments import PATH, check_target
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, spinner


@click.command(short_help="Encode a picture, a folder of them, or a stereo pair, at a given size or quality.")
@click.argument("sources", metavar="PICTURE [RIGHT]", type=PATH, nargs=-1)
@click.argument("target", metavar="FILE", type=PATH)
@click.option("--codec", metavar="NAME", help="Which one; see `lic-lab list`. By default charm, or bisic for a pair.")
@click.option("--bpp", type=float, help="Ceiling in bits per pixel of the whole file (over both views of a pair).")
@click.option("--max-bytes", type=int, help="Ceiling in bytes.")
@click.option("--psnr", type=float, help="Smallest file that reaches this PSNR in dB.")
@click.option("--lambda", "lmbda", type=float, help="Trade-off of R + lambda 255^2 MSE (learned codecs).")
@click.option("--quality", type=float, help="The codec's own number.")
@click.option(
    "--effort",
    type=int,
    default=0,
    metavar="0-9",
    help="Refine the file for seconds to minutes first (learned codecs).",
)
def encode(sources, target, codec, effort, **targets):
    """Encode PICTURE, or the left and the RIGHT view of a stereo pair, as FILE, with at most one target.

    \b
    lic-lab encode photo.png photo.lic --bpp 0.25
    lic-lab encode photo.png photo.lic --psnr 32 --effort 5
    lic-lab encode photo.png photo.avif --codec avif --max-bytes 20000
    lic-lab encode left.png right.png pair.lic --bpp 0.25
    lic-lab encode pictures/ coded/ --bpp 0.25        every picture of a folder; again, it goes on where it was
    """
    from lic_lab import load
    from lic_lab.codecs.effort import split
    from lic_lab.datasets.stereo import named_as_pair
    from lic_lab.files import write_bytes
    from lic_lab.metrics.rate import bpp

    if not sources:
        raise LicLabError("name a picture and the file to write: lic-lab encode photo.png photo.lic")
    if len(sources) > 2:
        raise LicLabError(f"one file holds a picture or a stereo pair, not {len(sources)} pictures: encode them apart")
    given = {name: value for name, value in targets.items() if value is not None}
    codec, named = split(codec or ("charm", "bisic")[len(sources) - 1])
    effort = effort or named
    if len(sources) == 1 and sources[0].is_dir():
        from lic_lab.cli.folders import encode_folder

        encode_folder(sources[0], target, load(codec).with_effort(effort), given)
        return
    for source in sources:
        if not source.exists():
            raise LicLabError(f"no such file or folder: {str(source)!r}")
        check_target(source, target)
    if target.exists() and any(named_as_pair(source, target) for source in sources):
        raise LicLabError(f"{target} is there already and named as the other view: name the file to write at the end")
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
    with _shown(f"encoding {' and '.join(source.name for source in sources)} with {codec}", effort) as watch:
        data = coder.with_effort(effort, watch).compress(image, **given)
    write_bytes(target, data)
    click.echo(f"{target}: {len(data):,} bytes, {bpp(data, *image.shape[-3:-1], coder.views):.4f} bpp")


@contextmanager
def _shown(text: str, effort: int):
    """A spinner, or where there is an effort a bar over its steps; gives what `with_effort` shall tell of them."""
    if not effort:
        with spinner(text):
            yield None
        return
    files, began = 0, time.monotonic()
    with bar(text) as tell:

        def watch(done: int, total: int, doing: str) -> None:
            nonlocal files, began
            if not done:  # a search writes several files
                files, began = files + 1, time.monotonic()
            left = (time.monotonic() - began) / max(done, 1) * (total - done)
            tell(done, total, f"{doing}, file {files}" + (f", about {left:.0f} s left of it" if done else ""))

        yield watch


@click.command(short_help="Decode a file of any codec, or a folder of them, to pictures.")
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
    lic-lab decode coded/ decoded/                    every file of a folder, as PNG
    """
    from lic_lab import load
    from lic_lab.codecs.identify import identify
    from lic_lab.datasets.images import lossless_format, write_image

    if source.is_dir():
        from lic_lab.cli.folders import decode_folder

        if len(targets) != 1:
            raise LicLabError("a folder is decoded into one folder: give one name")
        decode_folder(source, targets[0], load(codec) if codec else None)
        return
    for target in targets:
        check_target(source, target)
        lossless_format(target)
    data = source.read_bytes()
    with spinner(f"decoding {source.name}"):
        coder = load(codec) if codec else identify(data)
        if not coder.views == len(targets) == len(set(targets)):
            what = ("one picture: give one name", "a left and a right view: give two names")[coder.views - 1]
            raise LicLabError(f"{coder.name} decodes to {what}")
        decoded = coder.decompress(data)
    for target, image in zip(targets, decoded if coder.views > 1 else [decoded], strict=True):
        write_image(target, image)
        click.echo(f"{target}: {image.shape[1]} x {image.shape[0]} pixels")
