"""Whole folders of pictures to files and back; what is there already is left as it is."""

import warnings
from collections.abc import Callable
from pathlib import Path

import click

from lic_lab.cli.arguments import check_out
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, reason, say


def encode_folder(source: Path, target: Path, codec, given: dict) -> None:
    """Encode every picture of a folder as target/NAME.SUFFIX; given: what each aims at, as `compress` takes it."""
    from lic_lab.datasets.images import list_images, read_image
    from lic_lab.files import write_bytes
    from lic_lab.metrics.rate import bpp

    if target.suffix.lower() == codec.suffix:
        raise LicLabError(
            f"a folder is encoded into a folder, and {str(target)!r} is named as a file: leave the ending"
        )
    if codec.views > 1:
        raise LicLabError(f"{codec.name} codes stereo pairs, and a folder is encoded picture by picture: name another")
    codec.check_target(**given)
    pictures = list_images(source)
    if not pictures:
        raise LicLabError(f"there are no pictures in {str(source)!r}")

    def write(picture: Path, file: Path) -> str:
        image = read_image(picture)
        data = codec.compress(image, **given)
        write_bytes(file, data)
        return f"{file}: {len(data):,} bytes, {bpp(data, *image.shape[:2]):.4f} bpp"

    _each(pictures, _targets(source, pictures, target, codec.suffix), write, "encoding")


def decode_folder(source: Path, target: Path, codec) -> None:
    """Decode every file of a folder as target/NAME.png; codec: the one that wrote them, None to recognise each."""
    from lic_lab.codecs.identify import identify
    from lic_lab.datasets.images import write_image

    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise LicLabError(f"there are no files in {str(source)!r}")

    def write(file: Path, picture: Path) -> str:
        data = file.read_bytes()
        coder = codec or identify(data)
        if coder.views > 1:
            raise LicLabError(f"{file} holds two views: decode it alone, with two names")
        image = coder.decompress(data)
        write_image(picture, image)
        return f"{picture}: {image.shape[1]} x {image.shape[0]} pixels"

    _each(files, _targets(source, files, target, ".png"), write, "decoding")


def _targets(source: Path, files: list[Path], target: Path, suffix: str) -> list[Path]:
    """Where each file goes, in a folder that is made; refused where two would be one file."""
    if target.exists() and (not target.is_dir() or target.samefile(source)):
        what = "the input itself" if target.is_dir() else "a file"
        raise LicLabError(f"{str(target)!r} is {what}: name another folder for the output")
    stems = [file.stem for file in files]
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        raise LicLabError(f"two files of {str(source)!r} are called {twice[0]!r}: rename one, or move it elsewhere")
    check_out(target)
    target.mkdir(parents=True, exist_ok=True)
    return [target / (stem + suffix) for stem in stems]


def _each(sources: list[Path], targets: list[Path], write: Callable[[Path, Path], str], title: str) -> None:
    """Write what is not there yet; what cannot be written is left out with a warning, and the exit code is 1 then."""
    lost, there = 0, sum(target.exists() for target in targets)
    with bar(title) as progress:
        for done, (source, target) in enumerate(zip(sources, targets, strict=True)):
            progress(done, len(sources), source.name)
            if target.exists():
                continue
            try:
                progress.answer(write(source, target))
            except (LicLabError, OSError, MemoryError) as error:
                lost += 1
                warnings.warn(f"{source} is left out: {reason(error)}", stacklevel=2)
    if there:
        say(f"{there} of {len(sources)} were in {targets[0].parent} already and stay as they are")
    if lost:
        raise click.exceptions.Exit(1)
