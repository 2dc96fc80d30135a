"""Codecs x pictures -> rows of numbers, every one measured on the real file and on what it decodes to."""

import math
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from lic_lab import codecs as registry
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.external import ExternalCodec
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.separate import Separate
from lic_lab.datasets.bundled import bundled_paths
from lic_lab.datasets.images import list_images, read_image
from lic_lab.datasets.stereo import PairFiles, find_pairs, motorcycle, read_pair
from lic_lab.errors import LicLabError
from lic_lab.evaluation.checkpoints import by_name, is_checkpoint, load_checkpoints
from lic_lab.evaluation.memory import timed
from lic_lab.files import safe_name, write_bytes, write_json
from lic_lab.metrics.quality import LPIPS_MIN_SIDE, MS_SSIM_MIN_SIDE, SSIM_MIN_SIDE, lpips, ms_ssim, psnr, ssim
from lic_lab.metrics.rate import bpp as bits_per_pixel
from lic_lab.ops.color import image_to_tensor

USUAL = {
    1: ("charm", "jpeg", "jpeg2000", "webp", "avif"),
    2: ("bisic", "hevc-pair", "pair:charm", "pair:jpeg", "pair:jpeg2000", "pair:webp", "pair:avif"),
}
"""The codecs that are compared unless others are named: of pictures, and of stereo pairs."""


BUNDLED = "motorcycle"
"""The name of the stereo pair that is always there."""

QUALITIES = {"ssim": (ssim, SSIM_MIN_SIDE), "ms_ssim": (ms_ssim, MS_SSIM_MIN_SIDE), "lpips": (lpips, LPIPS_MIN_SIDE)}
METRICS = (*QUALITIES, "estimated_bpp", "peak_memory_mb")
"""What `measure` can measure beside size, PSNR and seconds."""

FULL = 0.8
"""Share of a ceiling that a codec's largest file must fill, or `compare` says that it is none of that size."""


@dataclass(frozen=True)
class Row:
    """One picture, or one stereo pair, through one codec.

    codec, image: their names.   quality: the codec's own number.   bytes: of the whole file.   bpp: 8 * bytes /
    (height * width), of a pair over both views.   psnr_db, ms_ssim (0..1, NaN where a side is under 161 pixels): of the
    decoded uint8 picture, of a pair the mean of its views.
    encode_seconds: uint8 picture to bytes, once, at that quality.   decode_seconds: back again; both on the wall clock,
    without files, loading of weights, and the search for the quality.   reconstruction: uint8 (h, w, 3), or (2, h, w,
    3).   data: the file.   suffix: how its name ends.   view_psnr_db: of the left and the right view, () of a picture.
    The rest is NaN, or (), unless `measure` was asked for it.   ssim, lpips: as ms_ssim.   estimated_bpp: what a
    learned codec's entropy model expects of the same picture at the same quality.   peak_memory_mb: of encoding or of
    decoding, whichever needs more, see `memory.timed`.   view_ms_ssim: of both views.
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
    ssim: float = math.nan
    lpips: float = math.nan
    estimated_bpp: float = math.nan
    peak_memory_mb: float = math.nan
    view_ms_ssim: tuple[float, ...] = ()

    def numbers(self) -> dict:
        """What `compare` measures, by name; a NaN becomes None, and `view_psnr_db` is there for pairs only."""
        names = ("codec", "image", "quality", "bytes", "bpp", "psnr_db", "ms_ssim", "encode_seconds", "decode_seconds")
        values = {name: getattr(self, name) for name in names}
        values = {name: None if value != value else value for name, value in values.items()}
        return values | ({"view_psnr_db": list(self.view_psnr_db)} if self.view_psnr_db else {})


def gather_images(sources: Iterable[str | Path] = ()) -> dict[str, np.ndarray]:
    """Read pictures, and all pictures of folders, as name -> uint8 (h, w, 3); two of one name get a number.

    Without sources, the bundled pictures that are stored without loss: on the others JPEG would meet its own traces.
    What cannot be read is left out with a warning. Raises LicLabError for names where nothing is, for folders without
    pictures, and where nothing can be read.
    """
    paths = [Path(source) for source in sources]
    if not paths:
        paths = [path for path in bundled_paths().values() if path.suffix == ".png"]
    files = []
    for path in paths:
        inside = list_images(path) if path.is_dir() else [path]
        if not inside:
            raise LicLabError(f"there are no pictures in {str(path)!r}")
        if not inside[0].exists():
            raise LicLabError(f"no such picture or folder: {str(path)!r}")
        files += inside
    images = {}
    for file, image in readable(files, read_image):
        images[new_name(file.stem, images)] = image
    return images


def readable(sources: Iterable, read: Callable) -> Iterator[tuple[object, np.ndarray]]:
    """Give (source, what `read` makes of it) of all that can be read; the others are left out with a warning.

    Raises LicLabError where none can be.
    """
    sources, bad = list(sources), []
    for source in sources:
        try:
            image = read(source)
        except LicLabError as error:
            bad.append(error)
            warnings.warn(f"left out: {error}", stacklevel=3) if len(sources) > 1 else None
        else:
            yield source, image
    if len(bad) == len(sources):
        raise LicLabError(f"none of the {len(bad)} can be read; the first: {bad[0]}" if len(bad) > 1 else bad[0])


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
        pairs[new_name(files[0].stem, pairs)] = read_pair(files)
        return pairs
    for path in paths:
        inside = find_pairs(path)
        if not inside:
            raise LicLabError(
                f"there are no stereo pairs in {str(path)!r}: see lic_lab.datasets.stereo.NAMINGS for names"
            )
        for both, pair in readable(inside, partial(_named_pair, folder=path)):
            pairs[new_name(both.name.replace("/", "-"), pairs)] = pair
    return pairs


def _named_pair(both: PairFiles, folder: Path) -> np.ndarray:
    try:
        return read_pair(both)
    except LicLabError as error:
        raise LicLabError(f"the pair {both.name!r} in {folder}: {error}") from error


def gather_codecs(names: Iterable[str] = (), *, views: int = 1) -> list[ImageCodec]:
    """Load codecs by name; without names the usual ones, where those that cannot run here are left out with a warning.

    A .safetensors file is called by its folder, as `load_checkpoints` does: no two share a name.
    views: 1 for codecs of pictures, 2 for codecs of stereo pairs.
    Raises LicLabError for a named codec that does not exist, cannot run here, or codes the other thing, and for two of
    one name.
    """
    if names := list(dict.fromkeys(names)):
        weights = list(filter(is_checkpoint, names))
        named = {name: registry.load(name) for name in names if name not in weights}
        for name in weights:  # one by one: at one size, weights for one lambda each are no curve
            named |= {name: load_checkpoints([name], [codec.name for codec in named.values()])[0]}
        by_name(named.values())  # refuses what is left of equal names: rows and files could not be told apart
        return [fitting(named[name], views) for name in names]
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
    return [row for rows in compare_each(images, codecs, bpp=bpp, progress=progress) for row in rows]


def compare_each(
    images: Mapping[str, np.ndarray],
    codecs: Iterable[ImageCodec | str],
    *,
    bpp: float = 0.25,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
) -> Iterator[list[Row]]:
    """Give the rows of `compare` picture after picture, for folders whose reconstructions do not fit in memory."""
    codecs = [registry.load(codec) if isinstance(codec, str) else codec for codec in codecs]
    for image in images.values():
        for codec in codecs:
            fitting(codec, image.ndim - 2)
    for reason in too_small(("ms_ssim",), images):
        warnings.warn(reason, stacklevel=3)
    for codec in codecs:
        warm_up(codec)
    found, total = 0, len(images) * len(codecs)
    for number, (name, image) in enumerate(images.items()):
        rows = []
        for done, codec in enumerate(codecs, number * len(codecs)):
            progress(done, total, f"{codec.name}, {name}")
            try:
                rows.append(measure(codec, name, image, bpp=bpp))
            except LicLabError as reason:
                warnings.warn(f"{codec.name} is left out on {name}: {reason}", stacklevel=3)
                continue
            if rows[-1].bpp < FULL * bpp and rows[-1].quality == codec.ladder.quality(codec.ladder.count - 1):
                short = f"{codec.name} fills no {bpp:g} bpp on {name}: its largest file has {rows[-1].bpp:.2f}"
                warnings.warn(f"{short}, so this is no comparison at one size", stacklevel=3)
        found += len(rows)
        yield rows
    progress(total, total, "done")
    if not found:
        raise LicLabError(f"no codec here reaches {bpp:g} bpp on these pictures: ask for more bits per pixel")


def too_small(metrics: Iterable[str], images: Mapping[str, np.ndarray]) -> list[str]:
    """Say of each metric, in a line, how many pictures are too small for it; nothing where none is."""
    said = []
    for metric in (metric for metric in metrics if metric in QUALITIES):
        least = QUALITIES[metric][1]
        small = [name for name, image in images.items() if min(image.shape[-3:-1]) < least]
        if small:
            said.append(f"no {metric} of {len(small)} of {len(images)}, as {small[0]}: it needs {least} pixels a side")
    return said


def measure(
    codec: ImageCodec, name: str, image: np.ndarray, *, metrics: Collection[str] = ("ms_ssim",), **target
) -> Row:
    """Encode and decode one uint8 picture (h, w, 3), for a target as `compress` takes it (`bpp=0.25`), and measure.

    A codec of stereo pairs takes uint8 (2, h, w, 3). metrics: of METRICS. Raises LicLabError where the target cannot
    be met, and where "lpips" is asked for without its weights.
    """
    quality = find_quality(codec, image, **target)
    how = {"memory": "peak_memory_mb" in metrics, "programs": isinstance(_one_view(codec), ExternalCodec)}
    coded = timed(lambda: codec.encode(image, quality), **how)
    back = timed(lambda: codec.decode(coded.result), **how)
    if back.result.shape != image.shape:
        raise LicLabError(
            f"{codec.name} decodes a {codec.thing} of shape {image.shape} to {back.result.shape}: cut off what was "
            f"padded, and ask lic-lab list --check {codec.name}"
        )
    height, width = image.shape[-3:-1]
    views = list(zip(*(a.reshape(-1, height, width, 3) for a in (image, back.result)), strict=True))
    large = [metric for metric in metrics if metric in QUALITIES and min(height, width) >= QUALITIES[metric][1]]
    found = {metric: tuple(QUALITIES[metric][0](a, b) for a, b in views) for metric in large}
    nan = (math.nan,)
    return Row(
        codec=codec.name,
        image=name,
        quality=quality,
        bytes=len(coded.result),
        bpp=bits_per_pixel(coded.result, height, width, codec.views),
        psnr_db=codec.psnr_db(image, back.result),
        ms_ssim=fmean(found.get("ms_ssim", nan)),
        encode_seconds=coded.seconds,
        decode_seconds=back.seconds,
        reconstruction=back.result,
        data=coded.result,
        suffix=codec.suffix,
        view_psnr_db=tuple(psnr(a, b) for a, b in views) if codec.views > 1 else (),
        ssim=fmean(found.get("ssim", nan)),
        lpips=fmean(found.get("lpips", nan)),
        estimated_bpp=estimated_bpp(codec, image, quality) if "estimated_bpp" in metrics else math.nan,
        peak_memory_mb=max(coded.peak_mb, back.peak_mb),
        view_ms_ssim=found.get("ms_ssim", ()) if codec.views > 1 else (),
    )


@torch.no_grad()
def estimated_bpp(codec: ImageCodec, image: np.ndarray, quality: float) -> float:
    """What the entropy model of a learned codec expects the picture to cost, in bits per pixel of all views.

    It is `model(x, rate)` of the same picture at the same rate, without header and checksum; NaN for other codecs.
    """
    mono = _one_view(codec)
    if not isinstance(mono, LearnedCodec):
        return math.nan
    rate = quality if mono.model.rates > 1 else 0.0
    device = next(mono.model.parameters()).device
    views = [image_to_tensor(view).to(device) for view in image.reshape(-1, *image.shape[-3:])]
    inputs = views if mono.views == 1 else [torch.stack(views, dim=1)]  # "pair:" codes each view by itself
    return fmean(float(mono.model(x, rate).bpp) for x in inputs)


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


def write_files(rows: Iterable[Row], folder: str | Path, *, earlier: Iterable[Row] = ()) -> list[Path]:
    """Write the coded file of every row as folder/picture.codec.suffix, and all numbers as folder/numbers.json.

    The folder is made where it is missing.   earlier: rows whose files are there; their numbers come first. Returns the
    paths of what was written, numbers.json last.
    """
    folder, rows = Path(folder), list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{row.image}.{safe_name(row.codec)}{row.suffix}" for row in rows]
    for path, row in zip(paths, rows, strict=True):
        write_bytes(path, row.data)
    numbers = folder / "numbers.json"
    write_json(numbers, [row.numbers() for row in (*earlier, *rows)])
    return [*paths, numbers]


def fitting(codec: ImageCodec, views: int) -> ImageCodec:
    """Give the codec, if it codes as many views as there are: 1, or 2 in a stereo pair; else raise LicLabError."""
    if codec.views > views:
        raise LicLabError(
            f"{codec.name} codes stereo pairs, and single pictures are measured here: add --stereo, or name another"
        )
    if codec.views < views:
        raise LicLabError(
            f"{codec.name} codes single pictures, and stereo pairs are measured here: use pair:{codec.name}"
        )
    return codec


def device_of(codec: ImageCodec) -> str:
    """Where a codec computes: "cpu", or what torch calls the place of its weights, as "cuda"."""
    model = getattr(_one_view(codec), "model", None)
    return next(model.parameters()).device.type if isinstance(model, torch.nn.Module) else "cpu"


def _one_view(codec: ImageCodec) -> ImageCodec:
    return codec.mono if isinstance(codec, Separate) else codec


def warm_up(codec: ImageCodec) -> None:
    """One small picture there and back, so that loading and just-in-time compilation are not measured."""
    ramp = np.linspace(0, 255, 64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    codec.decode(codec.encode(ramp if codec.views == 1 else np.stack([ramp, ramp[:, ::-1]]), codec.default_quality))


def new_name(stem: str, taken: Mapping) -> str:
    """Give the stem, or the stem with the first number from 2 on that is not taken."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
