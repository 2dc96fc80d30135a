"""JPEG, JPEG 2000, WebP and AVIF, as Pillow brings them along.

Pictures reach the encoders as bare pixels, so files hold no EXIF, ICC profile or thumbnail, and their length is honest.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, features

from lic_lab.codecs import rate
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.iso_boxes import iso_boxes
from lic_lab.datasets.images import from_pil
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.limits import check_pixels, pillow_without_limit
from lic_lab.shared import without_remarks_of_pillow


class PillowCodec(ImageCodec):
    """A codec behind Pillow's `save` and `open`.

    format: Pillow's name of the file format.   feature: Pillow's name of the library behind it, "" for a plug-in.
    """

    format: str
    feature = ""

    def missing(self) -> str:
        if self.feature and not features.check(self.feature):
            return f"this Pillow was built without {self.format}; install Pillow's own wheel: pip install -U pillow"
        return ""

    def options(self, quality: float) -> dict:
        """Give the arguments of Pillow's `save` for a quality."""
        raise NotImplementedError

    def damage(self, data: bytes) -> str:
        """Say what is wrong with a file that the decoder would take all the same; "" where nothing is."""
        return ""

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format=self.format, **self.options(quality))
        return buffer.getvalue()

    def _decode(self, data: bytes) -> np.ndarray:
        with without_remarks_of_pillow():
            try:
                with pillow_without_limit():
                    picture = Image.open(io.BytesIO(data), formats=[self.format])
            except Image.UnidentifiedImageError as error:
                what = f"an undamaged {self.suffix} file{_looks_like(data)}"
                raise CorruptStreamError(f"these bytes are not {what}") from error
            check_pixels(picture.height, picture.width, f"this {self.suffix} file")
            if damage := self.damage(data):
                raise CorruptStreamError(f"this {self.suffix} file is damaged: {damage}")
            try:
                return from_pil(picture, f"this {self.suffix} file")  # others' files may be turned, deep or transparent
            except LicLabError as error:
                raise CorruptStreamError(str(error)) from error


def _looks_like(data: bytes) -> str:
    try:
        return f", but look like {Image.open(io.BytesIO(data)).format}"
    except Exception:  # foreign bytes: no guess is fine
        return ""


class Jpeg(PillowCodec):
    """Baseline of all comparisons: JPEG with optimised progressive Huffman codes: the same pixels in fewer bytes.

    quality: 1 to 100, libjpeg's scale. Source: ITU-T T.81.
    """

    suffix, format, feature = ".jpg", "JPEG", "jpg"
    ladder = rate.steps(1, 100)
    default_quality = 75

    def __init__(self, name: str = "jpeg", label: str = "JPEG", *, chroma: str = "4:2:0"):
        self.name, self.label, self.chroma = name, label, chroma

    @property
    def settings(self) -> str:
        library = "libjpeg-turbo" if features.check("libjpeg_turbo") else "libjpeg"
        version = features.version("libjpeg_turbo") or features.version("jpg")
        return f"{library} {version}, {self.chroma}, optimised progressive Huffman"

    def options(self, quality: float) -> dict:
        return {"quality": int(quality), "subsampling": self.chroma, "optimize": True, "progressive": True}

    def damage(self, data: bytes) -> str:
        return "" if b"\xff\xd9" in data else "it ends early"  # cameras write more behind the end


class Jpeg2000(PillowCodec):
    """JPEG 2000 as a bare codestream: 9/7 wavelet, irreversible colour transform.

    quality: compression ratio against 24 bits per pixel, 2000 to 1; OpenJPEG aims at it by itself. Source: ITU-T T.800.
    """

    name, label, suffix, format, feature = "jpeg2000", "JPEG 2000", ".j2k", "JPEG2000", "jpg_2000"
    ladder = rate.geometric(2000, 1, 1.005)
    default_quality = 20

    @property
    def settings(self) -> str:
        return f"OpenJPEG {features.version('jpg_2000')}, 4:4:4, 9/7 irreversible, ICT, bare codestream"

    def options(self, quality: float) -> dict:
        return {
            "no_jp2": True,
            "irreversible": True,
            "mct": 1,
            "quality_mode": "rates",
            "quality_layers": [float(quality)],
        }

    def damage(self, data: bytes) -> str:
        stream = data if data[:2] == b"\xff\x4f" else dict(iso_boxes(data)).get(b"jp2c", b"")  # boxes may follow
        return "" if stream.endswith(b"\xff\xd9") else "it ends early"  # OpenJPEG decodes what is there


class Webp(PillowCodec):
    """Lossy WebP, always 4:2:0.

    quality: 0 to 100 in steps of 0.5; sizes and PSNR do not always grow with it. Source: RFC 9649.
    """

    name, label, suffix, format, feature = "webp", "WebP", ".webp", "WEBP", "webp"
    ladder = rate.steps(0, 100, 0.5, wobble=3)
    default_quality = 75

    @property
    def settings(self) -> str:
        return f"libwebp {features.version('webp')}, 4:2:0, method 6, lossy"

    def options(self, quality: float) -> dict:
        return {"quality": float(quality), "method": 6}


class Avif(PillowCodec):
    """AVIF by libaom at speed 6 on one thread, so that a file does not depend on the number of cores.

    quality: 0 to 100. tune: "psnr", or "" for libavif's own choice, which costs PSNR and gains MS-SSIM.
    """

    suffix, format, feature = ".avif", "AVIF", "avif"
    ladder = rate.steps(0, 100)
    default_quality = 60

    def __init__(self, name: str = "avif", label: str = "AVIF", *, chroma: str = "4:4:4", tune: str = "psnr"):
        self.name, self.label, self.chroma, self.tune = name, label, chroma, tune

    @property
    def settings(self) -> str:
        from PIL import _avif

        encoder = re.search(r"(\w+) \[enc\]:v?([^,\s]+)", _avif.codec_versions())
        library = "lib" + " ".join(encoder.groups()) if encoder else "AV1"
        library += f" through libavif {features.version('avif')}"
        return f"{library}, {self.chroma}, {self.tune or 'library default'} tune, speed 6, 1 thread"

    def options(self, quality: float) -> dict:
        advanced = {"advanced": {"tune": self.tune}} if self.tune else {}
        return {"quality": int(quality), "subsampling": self.chroma, "speed": 6, "max_threads": 1, **advanced}
