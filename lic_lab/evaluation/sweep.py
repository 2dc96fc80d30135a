"""Codecs x pictures -> rows of numbers, every one measured on the real file and on what it decodes to."""

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.bundled import bundled_paths
from lic_lab.datasets.images import list_images, read_image, write_bytes
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import MS_SSIM_MIN_SIDE, ms_ssim, psnr
from lic_lab.metrics.rate import bpp as bits_per_pixel

USUAL = ("charm", "jpeg", "jpeg2000", "webp", "avif")
"""The codecs that are compared unless others are named."""


@dataclass(frozen=True)
class Row:
    """One picture through one codec.

    codec, image: their names.   quality: the codec's own number.   bytes: of the whole file.   bpp: 8 * bytes /
    (height * width).   psnr_db, ms_ssim (0..1, NaN where a side is under 161 pixels): of the decoded uint8 picture.
    encode_seconds: uint8 picture to bytes, once, at that quality.   decode_seconds: back again; both on the wall clock,
    without files, loading of weights, and the search for the quality.   reconstruction: uint8 (h, w, 3).   data: the
    file.   suffix: how its name ends.
    """

    codec: str
    image: str
    quality: float
    bytes: int
    bpp: float
    psnr_db: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float
    reconstruction: np.ndarray
    data: bytes
    suffix: str

    def numbers(self) -> dict:
        """Everything that fits in a JSON file; a NaN becomes None."""
        names = ("codec", "image", "quality", "bytes", "bpp", "psnr_db", "ms_ssim", "encode_seconds", "decode_seconds")
        values = {name: getattr(self, name) for name in names}
        return {name: None if value != value else value for name, value in values.items()}


def gather_images(sources: Iterable[str | Path] = ()) -> dict[str, np.ndarray]:
    """Read pictures, and all pictures of folders, as name -> uint8 (h, w, 3); two of one name get a number.

    Without sources, the bundled pictures that are stored without loss: on the others JPEG would meet its own traces.
    Raises LicLabError for what cannot be read and for folders without pictures.
    """
    paths = [Path(source) for source in sources]
    if not paths:
        paths = [path for path in bundled_paths().values() if path.suffix == ".png"]
    images = {}
    for path in paths:
        inside = list_images(path) if path.is_dir() else [path]
        if not inside:
            raise LicLabError(f"there are no pictures in {str(path)!r}")
        for file in inside:
            images[_new_name(file.stem, images)] = read_image(file)
    return images


def gather_codecs(names: Iterable[str] = ()) -> list[ImageCodec]:
    """Load codecs by name; without names the usual ones, where those that cannot run here are left out with a warning.

    Raises LicLabError for a named codec that does not exist or cannot run here.
    """
    if names := list(dict.fromkeys(names)):
        return [registry.load(name) for name in names]
    found = []
    for name in USUAL:
        try:
            found.append(registry.load(name))
        except LicLabError as reason:
            warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
    return found


def compare(
    images: Mapping[str, np.ndarray],
    codecs: Iterable[ImageCodec | str],
    *,
    bpp: float = 0.25,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
) -> list[Row]:
    """Encode every picture with every codec at one size: at most `bpp` bits per pixel of the whole file.

    images: name -> uint8 (h, w, 3).   codecs: loaded ones or names.   progress: told (done, total, "codec, picture")
    before each. A codec that cannot make a picture so small is left out there, with a warning that says how small it
    can. Raises LicLabError where none can.
    """
    codecs = [registry.load(codec) if isinstance(codec, str) else codec for codec in codecs]
    pairs = [(name, codec) for name in images for codec in codecs]
    for codec in codecs:
        _warm_up(codec)
    rows = []
    for done, (name, codec) in enumerate(pairs):
        progress(done, len(pairs), f"{codec.name}, {name}")
        try:
            rows.append(measure(codec, name, images[name], bpp=bpp))
        except LicLabError as reason:
            warnings.warn(f"{codec.name} is left out on {name}: {reason}", stacklevel=2)
    progress(len(pairs), len(pairs), "done")
    if not rows:
        raise LicLabError(f"no codec here reaches {bpp:g} bpp on these pictures: ask for more bits per pixel")
    return rows


def measure(codec: ImageCodec, name: str, image: np.ndarray, **target) -> Row:
    """Encode and decode one uint8 picture (h, w, 3), for a target as `compress` takes it (`bpp=0.25`), and measure.

    Raises LicLabError where the target cannot be met.
    """
    quality = find_quality(codec, image, **target)
    start = time.perf_counter()
    data = codec.encode(image, quality)
    encoded = time.perf_counter()
    decoded_image = codec.decode(data)
    decoded = time.perf_counter()
    height, width = image.shape[:2]
    return Row(
        codec=codec.name,
        image=name,
        quality=quality,
        bytes=len(data),
        bpp=bits_per_pixel(data, height, width),
        psnr_db=psnr(image, decoded_image),
        ms_ssim=ms_ssim(image, decoded_image) if min(height, width) >= MS_SSIM_MIN_SIDE else math.nan,
        encode_seconds=encoded - start,
        decode_seconds=decoded - encoded,
        reconstruction=decoded_image,
        data=data,
        suffix=codec.suffix,
    )


def find_quality(codec: ImageCodec, image: np.ndarray, **target) -> float:
    """The codec's own quality number that `compress` settles on for a target; raises LicLabError as it does."""
    if target.keys() == {"quality"}:
        return target["quality"]
    tried = {}
    data = codec.compress(image, progress=lambda trial: tried.update({trial.data: trial.quality}), **target)
    if tried:
        return tried[data]
    return codec.quality_for_lambda(target["lmbda"]) if "lmbda" in target else codec.default_quality


def write_files(rows: Iterable[Row], folder: str | Path) -> list[Path]:
    """Write the coded file of every row as folder/picture.codec.suffix, and all numbers as folder/numbers.json.

    The folder is made where it is missing. Returns the paths, numbers.json last.
    """
    folder, rows = Path(folder), list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{row.image}.{row.codec}{row.suffix}" for row in rows]
    for path, row in zip(paths, rows, strict=True):
        write_bytes(path, row.data)
    numbers = folder / "numbers.json"
    write_bytes(numbers, json.dumps([row.numbers() for row in rows], indent=1).encode())
    return [*paths, numbers]


def _warm_up(codec: ImageCodec) -> None:
    """One small picture there and back, so that loading and just-in-time compilation are not measured."""
    ramp = np.linspace(0, 255, 64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    codec.decompress(codec.compress(ramp))


def _new_name(stem: str, taken: Mapping) -> str:
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
