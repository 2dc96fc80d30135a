"""Codecs x pictures -> rows of numbers, every one measured on the real file and on what it decodes to."""

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.bundled import bundled_paths
from lic_lab.datasets.images import list_images, read_image, write_bytes
from lic_lab.datasets.stereo import find_pairs, motorcycle, read_pair
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import MS_SSIM_MIN_SIDE, ms_ssim, psnr
from lic_lab.metrics.rate import bpp as bits_per_pixel

USUAL = {
    1: ("charm", "jpeg", "jpeg2000", "webp", "avif"),
    2: ("bisic", "hevc-pair", "pair:charm", "pair:jpeg", "pair:jpeg2000", "pair:webp", "pair:avif"),
}
"""The codecs that are compared unless others are named: of pictures, and of stereo pairs."""


BUNDLED = "motorcycle"
"""The name of the stereo pair that is always there."""


@dataclass(frozen=True)
class Row:
    """One picture, or one stereo pair, through one codec.

    codec, image: their names.   quality: the codec's own number.   bytes: of the whole file.   bpp: 8 * bytes /
    (height * width), of a pair over both views.   psnr_db, ms_ssim (0..1, NaN where a side is under 161 pixels): of the
    decoded uint8 picture, of a pair the mean of its views.
    encode_seconds: uint8 picture to bytes, once, at that quality.   decode_seconds: back again; both on the wall clock,
    without files, loading of weights, and the search for the quality.   reconstruction: uint8 (h, w, 3), or (2, h, w,
    3).   data: the file.   suffix: how its name ends.   view_psnr_db: of the left and the right view, () of a picture.
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
    view_psnr_db: tuple[float, ...] = ()

    def numbers(self) -> dict:
        """Everything that fits in a JSON file; a NaN becomes None, and `view_psnr_db` is there for pairs only."""
        names = ("codec", "image", "quality", "bytes", "bpp", "psnr_db", "ms_ssim", "encode_seconds", "decode_seconds")
        values = {name: getattr(self, name) for name in names}
        values = {name: None if value != value else value for name, value in values.items()}
        return values | ({"view_psnr_db": list(self.view_psnr_db)} if self.view_psnr_db else {})


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


def gather_pairs(sources: Iterable[str | Path] = ()) -> dict[str, np.ndarray]:
    """Read stereo pairs as name -> uint8 (2, h, w, 3): of two files, or of folders, see `datasets.stereo.find_pairs`.

    The word "motorcycle" stands for the pair that comes with scikit-image, which is also taken without sources. Raises
    LicLabError for what cannot be read, for folders without pairs, and for a file without a second one.
    """
    paths = [Path(source) for source in sources]
    bundled = [path for path in paths if path.name == BUNDLED and not path.exists()]
    paths = [path for path in paths if path not in bundled]
    pairs = {BUNDLED: read_pair(motorcycle())} if bundled or not paths else {}
    if missing := [path for path in paths if not path.exists()]:
        raise LicLabError(f"no such file or folder: {str(missing[0])!r}")
    files = [path for path in paths if not path.is_dir()]
    if files and (len(files), len(paths)) != (2, 2):
        raise LicLabError(
            f"stereo pairs are a left and a right view, or folders of pairs, got {len(paths)} names: see --help"
        )
    if files:
        pairs[_new_name(files[0].stem, pairs)] = read_pair(files)
        return pairs
    for path in paths:
        inside = find_pairs(path)
        if not inside:
            raise LicLabError(
                f"there are no stereo pairs in {str(path)!r}: see lic_lab.datasets.stereo.NAMINGS for names"
            )
        for both in inside:
            try:
                pairs[_new_name(both.name.replace("/", "-"), pairs)] = read_pair(both)
            except LicLabError as error:
                raise LicLabError(f"the pair {both.name!r} in {path}: {error}") from error
    return pairs


def gather_codecs(names: Iterable[str] = (), *, views: int = 1) -> list[ImageCodec]:
    """Load codecs by name; without names the usual ones, where those that cannot run here are left out with a warning.

    views: 1 for codecs of pictures, 2 for codecs of stereo pairs.
    Raises LicLabError for a named codec that does not exist, cannot run here, or codes the other thing.
    """
    if names := list(dict.fromkeys(names)):
        return [fitting(registry.load(name), views) for name in names]
    found = []
    for name in USUAL[views]:
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

    images: name -> uint8 (h, w, 3), or name -> uint8 (2, h, w, 3) for codecs of stereo pairs.   codecs: loaded ones or
    names.   progress: told (done, total, "codec, picture") before each. A codec that cannot make a picture so small is
    left out there, with a warning that says how small it can. Raises LicLabError where none can, and for a codec of
    pictures given pairs or the other way round.
    """
    codecs = [registry.load(codec) if isinstance(codec, str) else codec for codec in codecs]
    for image in images.values():
        for codec in codecs:
            fitting(codec, image.ndim - 2)
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

    A codec of stereo pairs takes uint8 (2, h, w, 3). Raises LicLabError where the target cannot be met.
    """
    quality = find_quality(codec, image, **target)
    start = time.perf_counter()
    data = codec.encode(image, quality)
    encoded = time.perf_counter()
    decoded_image = codec.decode(data)
    decoded = time.perf_counter()
    height, width = image.shape[-3:-1]
    views = list(zip(*(a.reshape(-1, height, width, 3) for a in (image, decoded_image)), strict=True))
    large = min(height, width) >= MS_SSIM_MIN_SIDE
    return Row(
        codec=codec.name,
        image=name,
        quality=quality,
        bytes=len(data),
        bpp=bits_per_pixel(data, height, width, codec.views),
        psnr_db=codec.psnr_db(image, decoded_image),
        ms_ssim=fmean(ms_ssim(a, b) for a, b in views) if large else math.nan,
        encode_seconds=encoded - start,
        decode_seconds=decoded - encoded,
        reconstruction=decoded_image,
        data=data,
        suffix=codec.suffix,
        view_psnr_db=tuple(psnr(a, b) for a, b in views) if codec.views > 1 else (),
    )


def find_quality(codec: ImageCodec, image: np.ndarray, **target) -> float:
    """The codec's own quality number that `compress` settles on for a target.

    Raises LicLabError as `compress` does, and for a pair given to a codec of pictures or the other way round.
    """
    fitting(codec, image.ndim - 2)
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
    paths = [folder / f"{row.image}.{row.codec.replace(':', '-')}{row.suffix}" for row in rows]
    for path, row in zip(paths, rows, strict=True):
        write_bytes(path, row.data)
    numbers = folder / "numbers.json"
    write_bytes(numbers, json.dumps([row.numbers() for row in rows], indent=1).encode())
    return [*paths, numbers]


def fitting(codec: ImageCodec, views: int) -> ImageCodec:
    """Give the codec, if it codes as many views as there are: 1, or 2 in a stereo pair; else raise LicLabError."""
    if codec.views > views:
        raise LicLabError(f"{codec.name} codes stereo pairs, and single pictures are measured here: name another codec")
    if codec.views < views:
        raise LicLabError(
            f"{codec.name} codes single pictures, and stereo pairs are measured here: use pair:{codec.name}"
        )
    return codec


def _warm_up(codec: ImageCodec) -> None:
    """One small picture there and back, so that loading and just-in-time compilation are not measured."""
    ramp = np.linspace(0, 255, 64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    codec.decode(codec.encode(ramp if codec.views == 1 else np.stack([ramp, ramp[:, ::-1]]), codec.default_quality))


def _new_name(stem: str, taken: Mapping) -> str:
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
