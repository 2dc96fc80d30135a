"""One protocol for every codec, classical or learned: a picture in, the bytes of a whole file out, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from lic_lab.codecs import effort as thoroughly
from lic_lab.codecs import rate
from lic_lab.codecs.rate import Ladder, Progress, Trial, Trials
from lic_lab.datasets.images import read_image
from lic_lab.errors import CorruptStreamError, LicLabError, lack
from lic_lab.limits import check_pixels
from lic_lab.metrics.quality import psnr as picture_psnr

TARGETS = ("quality", "bpp", "max_bytes", "psnr", "lmbda")


class ImageCodec:
    """Something that turns a picture into a file and back, and that is charged for every byte of it.

    name: what `load` is asked for ("jpeg").   label: for people ("JPEG").   kind: "classical" or "learned".
    suffix: of its files (".jpg").   ladder: its knob, from the smallest file to the largest.
    default_quality: taken by `compress` where no target is given.   settings: encoder, version, chroma, tune.
    views: 1; a codec of stereo pairs, with 2, is a `codecs.pair.PairCodec`.   quick: the same codec without effort, if
    this one takes its time (`with_effort`).   origin: "" for what comes with the package, or where a codec from outside
    comes from (`codecs.plugins`), whose files begin with its `signature`.
    A codec supplies `_encode`, `_decode` and `settings`; `missing` where it is not always there.
    """

    views = 1
    quick: ImageCodec | None = None
    origin = ""
    signature = b""

    name: str
    label: str
    kind = "classical"
    suffix: str
    ladder: Ladder
    default_quality: float

    @property
    def settings(self) -> str:
        """Encoder, version, chroma format and tune in one line: what has to be said beside every number.

        Measurements are taken over only where it is the same. A codec from outside that says nothing of its own is
        described by its file and a checksum of its text.
        """
        return f"{self.label}, {self.origin}"

    @property
    def quality_range(self) -> tuple[float, float]:
        """Lowest and highest quality number; which of the two gives the smaller file is said by `ladder.ends`."""
        return tuple(sorted(self.ladder.ends))

    def missing(self) -> str:
        """Why this codec cannot run on this machine, and the mend; "" where it can."""
        return ""

    def encode(self, image: np.ndarray, quality: float) -> bytes:
        """Encode a uint8 picture (h, w, 3) of any size from 1 x 1 as the bytes of a whole file, without metadata.

        quality: the codec's own number within `quality_range`. Raises LicLabError for anything else.
        """
        self._check_here()
        self._check_picture(image)
        self._check_quality(quality)
        with self._in_words(image):
            data = self._encode(np.ascontiguousarray(image), quality)
        if not isinstance(data, bytes):
            raise LicLabError(f"{self.name} is at fault: its _encode must give bytes, and gave {type(data).__name__}")
        if not data.startswith(self.signature):
            raise LicLabError(f"{self.name} is at fault: its files must begin with its signature, {self.signature!r}")
        return data

    def decode(self, data: bytes) -> np.ndarray:
        """Decode the bytes of a whole file into a uint8 picture (h, w, 3).

        Raises CorruptStreamError for bytes that are not an undamaged file of this codec, LicLabError where they ask
        for more than `limits.max_pixels()`.
        """
        self._check_here()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise LicLabError(f"{self.name} decodes the bytes of a file, got {type(data).__name__}")
        if bytes(data[: len(self.signature)]) != self.signature:
            raise CorruptStreamError(f"these bytes are no {self.suffix} file: it begins with {self.signature!r}")
        try:
            image = self._decode(bytes(data))
        except LicLabError:
            raise
        except Exception as error:
            if lacking := lack(error):
                raise LicLabError(f"{self.name} cannot decode this {self.suffix} file: {lacking}") from error
            raise CorruptStreamError(f"these bytes are not an undamaged {self.suffix} file: {_line(error)}") from error
        array = isinstance(image, np.ndarray) and image.ndim == self.views + 2
        if not array or image.dtype != np.uint8 or image.shape[-1] != 3:
            what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            shape = "(h, w, 3)" if self.views == 1 else "(2, h, w, 3)"
            raise LicLabError(f"{self.name} is at fault: its _decode must give uint8 {shape}, and gave {what}")
        return image

    def compress(
        self,
        image,
        *others,
        quality: float | None = None,
        bpp: float | None = None,
        max_bytes: int | None = None,
        psnr: float | None = None,
        lmbda: float | None = None,
        effort: int = 0,
        progress: Progress | None = None,
    ) -> bytes:
        """Write any picture that `read_image` takes as the bytes of a whole file, with at most one target.

        quality: the codec's own number.   bpp, max_bytes: ceilings, never exceeded; where the knob is fine enough the
        file is within 2 % below.   psnr: the smallest file that is found with at least so many dB (RGB).   lmbda: the
        trade-off of R + lambda 255^2 MSE, for codecs trained on one.   None: `default_quality`.
        effort: see `with_effort`; a search with one stays below its ceiling too, and first looks around without any.
        progress: called with a `rate.Trial` for every file that the search writes.
        Raises LicLabError for several targets, and for one that cannot be met, with the best possible.
        """
        if others:
            raise LicLabError(
                "compress takes one picture, or a stereo pair as (left, right); name targets, as in bpp=0.25"
            )
        if effort:
            return self.with_effort(effort).compress(
                image, quality=quality, bpp=bpp, max_bytes=max_bytes, psnr=psnr, lmbda=lmbda, progress=progress
            )
        self.check_target(quality=quality, bpp=bpp, max_bytes=max_bytes, psnr=psnr, lmbda=lmbda)
        self._check_here()
        image = self.read_source(image)
        if bpp is None and max_bytes is None and psnr is None:
            quality = self.default_quality if quality is None else quality
            return self.encode(image, self.quality_for_lambda(lmbda) if lmbda else quality)
        if bpp is not None:
            max_bytes = rate.ceiling_in_bytes(bpp, *image.shape[-3:-1], self.views)
        return self._search(image, None if max_bytes is None else max(math.floor(max_bytes), 1), psnr, progress).data

    def check_target(self, **targets: float | None) -> None:
        """Raise LicLabError for targets of `compress` that no picture can meet: two, no number, or no such quality."""
        given = {name: targets[name] for name in TARGETS if targets.get(name) is not None}
        if len(given) > 1:
            raise LicLabError(f"give one target, not {' and '.join(f'{name}=' for name in given)}")
        for name, value in given.items():
            _check_number(name, value)
        if "quality" in given:
            self._check_quality(given["quality"])

    def _search(self, image: np.ndarray, max_bytes: int | None, psnr: float | None, progress: Progress | None) -> Trial:
        """The file that meets a target, psnr where it is given and max_bytes otherwise."""
        measure = None if psnr is None else lambda data: self.psnr_db(image, self.decode(data))
        trials = [
            Trials(image, codec.ladder, codec.encoder_for(image), measure, progress)
            for codec in (self.quick, self)
            if codec
        ]
        if psnr is not None:
            search = thoroughly.smallest_thorough if self.quick else rate.smallest_reaching
            return search(*trials, psnr, self.name)
        search = thoroughly.largest_thorough if self.quick else rate.largest_within
        return search(*trials, max_bytes, self.name)

    def with_effort(self, effort: int, watch: Callable[[int, int, str], None] | None = None) -> ImageCodec:
        """Give this codec taking its time: 0 is one pass, up to 9 spends minutes on a better file of the same format.

        What an effort finds never has a larger R + lambda 255^2 MSE than what effort 0 finds at the same quality.
        watch: told (steps done, steps in all, what is being done) of every file that is written.
        Raises LicLabError for codecs that cannot, which are all but the learned ones of this package.
        """
        if effort == 0:
            return self
        raise LicLabError(f"{self.name} takes no effort: leave it out, or name a learned codec, as in charm")

    def decompress(self, data: bytes) -> np.ndarray:
        """Read the bytes of a whole file back into a uint8 picture (h, w, 3); the same as `decode`."""
        return self.decode(data)

    @property
    def thing(self) -> str:
        """What messages call what it codes: "picture" or "pair"."""
        return "picture" if self.views == 1 else "pair"

    def read_source(self, source) -> np.ndarray:
        """Read what `compress` is given into what `encode` takes: any picture into uint8 (h, w, 3)."""
        return read_image(source)

    def psnr_db(self, image: np.ndarray, decoded: np.ndarray) -> float:
        """Give the PSNR in dB of what came back, both as `encode` takes them."""
        return picture_psnr(image, decoded)

    def encoder_for(self, image: np.ndarray) -> Callable[[float], bytes]:
        """Give the function quality -> bytes that a search over one picture calls; here work can be shared."""
        return lambda quality: self.encode(image, quality)

    def quality_for_lambda(self, lmbda: float) -> float:
        """Give the quality that minimises R + lambda 255^2 MSE; raises LicLabError for codecs that have no lambda."""
        raise LicLabError(f"{self.name} has no lambda: give quality=, bpp=, max_bytes= or psnr=")

    @contextmanager
    def _in_words(self, image: np.ndarray) -> Iterator[None]:
        """Within, what an encoder raises about this picture becomes one line of words."""
        try:
            yield
        except LicLabError:
            raise
        except Exception as error:  # encoders behind Python raise almost anything
            height, width = image.shape[-3:-1]
            why = lack(error) or _line(error)
            raise LicLabError(f"{self.name} cannot encode this {width} x {height} {self.thing}: {why}") from error

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        raise NotImplementedError

    def _decode(self, data: bytes) -> np.ndarray:
        raise NotImplementedError

    def _check_here(self) -> None:
        if reason := self.missing():
            raise LicLabError(f"{self.name} cannot run on this machine: {reason}")

    def _check_picture(self, image: np.ndarray) -> None:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise LicLabError(f"{self.name} encodes uint8 (h, w, 3), got {what}: use compress, or read_image first")
        check_pixels(*image.shape[:2], "this picture")

    def _check_quality(self, quality: float) -> None:
        _check_number("quality", quality)
        low, high = self.quality_range
        if not low <= quality <= high:
            raise LicLabError(f"quality of {self.name} runs from {low:g} to {high:g}, got {quality:g}")
        if isinstance(low, int) and quality != int(quality):
            raise LicLabError(f"quality of {self.name} is a whole number from {low} to {high}, got {quality:g}")


def _check_number(name: str, value: float) -> None:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or (value <= 0 and name != "quality"):
        raise LicLabError(f"{name}= is a {'' if name == 'quality' else 'positive '}number, got {value!r}")


def _line(error: Exception) -> str:
    """What a foreign library says, on one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
