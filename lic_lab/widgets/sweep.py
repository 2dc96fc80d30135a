"""One picture through several codecs at a ladder of file sizes, computed once so that a slider only looks up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike

import numpy as np
from PIL import Image as Pillow

from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.rate import Trials, ceiling_in_bytes, largest_within
from lic_lab.errors import LicLabError
from lic_lab.evaluation.checkpoints import by_name
from lic_lab.evaluation.sweep import gather_codecs
from lic_lab.metrics.quality import MS_SSIM_MIN_SIDE, ms_ssim, psnr
from lic_lab.metrics.rate import bpp as bits_per_pixel
from lic_lab.plots.palette import style
from lic_lab.widgets.viewer import Shown

RATES = (0.12, 0.16, 0.2, 0.25, 0.32, 0.4, 0.5, 0.65, 0.8, 1.0)  # bpp, about a quarter more each time


@dataclass(frozen=True)
class Point:
    """One codec at one stop: its file, what the file decodes to, and the numbers of both.

    bytes and bpp of the whole file; psnr_db; ms_ssim 0..1, NaN under 161 pixels; reconstruction uint8 (h, w, 3).
    """

    codec: str
    image: str
    bytes: int
    bpp: float
    psnr_db: float
    ms_ssim: float
    reconstruction: np.ndarray = field(repr=False)
    shown: Shown = field(repr=False)


@dataclass(frozen=True)
class Stop:
    """One place of the slider: what a file may weigh, and the best that every codec makes of it.

    ceiling_bpp, ceiling_bytes: for the whole file. points: by codec. too_large: codec -> bytes of the smallest file
    it can write, for those that cannot meet the ceiling.
    """

    ceiling_bpp: float
    ceiling_bytes: int
    points: dict[str, Point]
    too_large: dict[str, int]


def gathered(codecs: Sequence[str | PathLike | ImageCodec]) -> list[ImageCodec]:
    """Load what is named, as the command line does: a weight file is called by its folder. Each comes once.

    Raises LicLabError for two of one name, see `check_names`, and as `gather_codecs` does.
    """
    names = [str(codec) for codec in codecs if isinstance(codec, (str, PathLike))]
    loaded = dict(zip(dict.fromkeys(names), gather_codecs(names), strict=True)) if names else {}
    found = [codec if isinstance(codec, ImageCodec) else loaded[str(codec)] for codec in codecs]
    found = list(dict.fromkeys(found))
    check_names(found)
    return found


def check_names(codecs: Sequence[ImageCodec]) -> None:
    """Raise LicLabError for two codecs of one name: pictures and numbers of one would stand under the other's."""
    if len(by_name(codecs)) < len(codecs):  # what it lets pass are rungs of one curve, and here each is a codec
        raise LicLabError("weights for one lambda each share a name: give one of them, or weights for all rates")


def check_rate(bpp: float) -> None:
    """Raise LicLabError for what is no size of a file in bits per pixel."""
    if not isinstance(bpp, Real) or not 0 < bpp < math.inf:
        raise LicLabError(f"bpp is the size of the files in bits per pixel, a number above 0, not {bpp!r}")


def sweep(
    image: np.ndarray,
    codecs: Sequence[ImageCodec],
    rates: Sequence[float] = RATES,
    *,
    name: str = "picture",
    step: Callable[[str], None] = lambda doing: None,
) -> list[Stop]:
    """Let every codec write the best file it can at each of `rates`, and measure it.

    image: uint8 (h, w, 3). rates: ceilings in bpp, the same for every codec; a codec's files of one stop serve the next
    ones, so ten stops cost far less than ten searches. step: called after each codec and stop with what was done.
    Stops that no codec can meet are left out. Raises LicLabError where none is left, where a codec refuses the
    picture, for no rates or such as are no sizes, and for two codecs of one name.
    """
    check_names(codecs)
    if not len(rates):
        raise LicLabError("there is no file size to stop at: give rates= in bits per pixel")
    for rate in rates:
        check_rate(rate)
    height, width = image.shape[:2]
    trials = {codec.name: Trials(image, codec.ladder, codec.encoder_for(image)) for codec in codecs}
    stops = []
    for rate in sorted(rates):
        stop = Stop(rate, max(ceiling_in_bytes(rate, height, width), 1), {}, {})
        for codec in codecs:
            _fill(stop, codec, trials[codec.name], name)
            step(f"{style(codec.name).label} at {rate:g} bpp")
        if stop.points:
            stops.append(stop)
    if not stops:
        least = min(stop.too_large.values())
        raise LicLabError(
            f"no codec here can code this {width} x {height} picture at {max(rates):g} bpp (the smallest file has "
            f"{least} bytes): take a larger picture or higher rates"
        )
    return stops


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Scale a picture down (Lanczos) to at most `longest` pixels on its longer side; a smaller one stays as it is.

    Raises LicLabError for less than one pixel.
    """
    if not longest >= 1:
        raise LicLabError(f"longest is the longer side of a picture in pixels, 1 or more, not {longest!r}")
    if max(image.shape[:2]) <= longest:
        return image
    picture = Pillow.fromarray(image)
    picture.thumbnail((longest, longest), Pillow.Resampling.LANCZOS, reducing_gap=None)
    return np.asarray(picture)


def measured(codec: ImageCodec, image: np.ndarray, data: bytes, decoded: np.ndarray, name: str = "picture") -> Point:
    """Measure a file that a codec wrote of a picture and what it decodes to, both uint8 (h, w, 3)."""
    height, width = image.shape[:2]
    rate, db = bits_per_pixel(data, height, width), psnr(image, decoded)
    quality = ms_ssim(image, decoded) if min(height, width) >= MS_SSIM_MIN_SIDE else math.nan
    shown = Shown.of(decoded, codec.name, f"{len(data):,} bytes · {db:.2f} dB")
    return Point(codec.name, name, len(data), rate, db, quality, decoded, shown)


def smallest(trials: Trials) -> int:
    """Give the bytes of the smallest file that was tried."""
    return min(len(trial.data) for trial in trials.seen.values())


def _fill(stop: Stop, codec: ImageCodec, trials: Trials, name: str) -> None:
    """Add the codec's best file within the ceiling to a stop, or what its smallest weighs."""
    try:
        data = largest_within(trials, stop.ceiling_bytes, codec.name).data
    except LicLabError:
        if not trials.seen:
            raise  # not a file that is too large, but no file at all
        stop.too_large[codec.name] = smallest(trials)
    else:
        stop.points[codec.name] = measured(codec, trials.image, data, codec.decode(data), name)
