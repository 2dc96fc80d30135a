"""Stereo pairs as HEVC: the right view is a picture that follows the left one, and is predicted from it.

A file is x265's own bitstream plus one NAL unit of 11 bytes, which says whether it is whole: HEVC decoders conceal what
is missing or wrong. Its type, 62, is one of those that the standard leaves to applications, so other decoders skip it.

    start code, header   5   00 00 01 7c 01
    number               6   seven bits to a byte, high bits first, the top bit set so that no start code can appear:
                             CRC-32 of all before it and of the 8 bits after it, then 4 bits each of how many rows and
                             columns were added to a picture of less than 16; larger ones have their true size in HEVC
"""

from __future__ import annotations

import zlib
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from itertools import islice

import numpy as np
import torch

from lic_lab.codecs import rate
from lic_lab.codecs.pair import PairCodec
from lic_lab.errors import CorruptStreamError
from lic_lab.limits import check_pixels
from lic_lab.ops.color import image_to_tensor, rgb_to_ycbcr, tensor_to_image, ycbcr_to_rgb

END_UNIT = b"\x00\x00\x01\x7c\x01"  # start code, type 62, layer 0, temporal id 0
DIGITS = 6
LEAST = 16  # rows and columns that x265 takes
START = b"\x00\x00\x01"
SIZE_UNIT = START + b"\x42"  # begins the sequence parameter set, which says the size
FORMAT = "yuv444p"
X265 = {
    "log-level": "none",
    "info": 0,  # no text about the encoder in the file
    "vui-timing-info": 0,
    "range": "full",
    "colorprim": "bt709",
    "transfer": "iec61966-2-1",
    "colormatrix": "smpte170m",
    "keyint": -1,
    "bframes": 0,
    "scenecut": 0,
    "ref": 1,
    "merange": 512,  # disparities are larger than what moves between two pictures of a film
    "ipratio": 1.1225,  # 2 ** (1 / 6): the left view has one QP less
    "wpp": 0,
    "frame-threads": 1,
    "pools": "none",
}


class HevcPair(PairCodec):
    """A pair as two pictures of one HEVC stream by x265: the right one is predicted from the left by motion vectors.

    quality: QP of the right view, 51 to 0 (larger means smaller files). The left view, from which both profit, has one
    less: it comes out 0.3 to 0.8 dB better, and three pairs took 0.8 % fewer bits at equal mean PSNR (BD-rate).
    BT.601 in full range, as in HEIF, took 1.1 % fewer bits than BT.709. MV-HEVC predicts between views with just these
    tools; itself it is not here, as no Python wheel has an encoder of it: PyAV's x265 is built without `multiview`, and
    FFmpeg reaches only the one in Nvidia's chips. Source: ITU-T H.265; its Annex G is MV-HEVC.
    """

    name, label, suffix = "hevc-pair", "HEVC, two views", ".hevc"
    ladder = rate.steps(51, 0)
    default_quality = 30

    def missing(self) -> str:
        if find_spec("av") is None:
            return "PyAV is not installed: pip install av"
        from av.codec import Codec

        try:
            Codec("libx265", "w")
        except ValueError:  # which UnknownCodecError is
            return "this PyAV has no HEVC encoder: pip install -U av"
        return ""

    @property
    def settings(self) -> str:
        from importlib.metadata import version

        library = f"x265 {_x265_version()} through PyAV {version('av')}"
        return f"{library}, 4:4:4 YCbCr BT.601, 8 bit, preset veryslow, tune psnr, left view at QP - 1"

    def _encode(self, image: np.ndarray, quality: float) -> bytes:
        rows, columns = (max(LEAST - side, 0) for side in image.shape[1:3])
        padded = np.pad(image, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="edge")
        return seal(_stream(padded, {**X265, "qp": int(quality)}), rows, columns)

    def _decode(self, data: bytes) -> np.ndarray:
        stream, rows, columns = unseal(data)
        height, width = (side - added for side, added in zip(_size(stream), (rows, columns), strict=True))
        check_pixels(2 * height, width, "this .hevc file")
        return np.stack([_from_planes(planes)[:height, :width] for planes in _pictures(stream)])


def seal(stream: bytes, rows: int, columns: int) -> bytes:
    """Give the whole file: a bitstream, and the unit that says how many rows and columns were added, 0 to 15."""
    added = rows << 4 | columns
    number = _checksum(stream, added) << 8 | added
    return stream + END_UNIT + bytes(0x80 | number >> 7 * i & 0x7F for i in reversed(range(DIGITS)))


def unseal(data: bytes) -> tuple[bytes, int, int]:
    """Read bitstream, rows and columns of a whole file; raises CorruptStreamError unless it is as `seal` wrote it."""
    end = len(data) - len(END_UNIT) - DIGITS
    if end < 0 or data[end:][: len(END_UNIT)] != END_UNIT:
        raise CorruptStreamError("these bytes are not an undamaged .hevc file of this package: its last unit is lost")
    number = sum((digit & 0x7F) << 7 * i for i, digit in enumerate(reversed(data[-DIGITS:])))
    stream, added = data[:end], number & 0xFF
    if min(data[-DIGITS:]) < 0x80 or number >> 8 != _checksum(stream, added):
        raise CorruptStreamError("this .hevc file is damaged: get it again from where it was written")
    return stream, added >> 4, added & 15


def _checksum(stream: bytes, added: int) -> int:
    return zlib.crc32(bytes([added]), zlib.crc32(stream))


def _stream(image: np.ndarray, parameters: dict) -> bytes:
    """x265's bitstream of uint8 pictures (n, h, w, 3), of which the first stands by itself."""
    from av import CodecContext, VideoFrame

    encoder = CodecContext.create("libx265", "w")
    _, encoder.height, encoder.width, _ = image.shape
    encoder.pix_fmt, encoder.time_base, encoder.framerate = FORMAT, Fraction(1, 25), Fraction(25)
    words = ":".join(f"{name}={value}" for name, value in parameters.items())
    encoder.options = {"preset": "veryslow", "tune": "psnr", "x265-params": words}
    packets = []
    for time, view in enumerate(image):
        frame = VideoFrame.from_ndarray(_to_planes(view), format=FORMAT)
        frame.pts = time
        packets += encoder.encode(frame)
    return b"".join(map(bytes, [*packets, *encoder.encode(None)]))


def _size(stream: bytes) -> tuple[int, int]:
    """Height and width of the pictures by the parameter sets alone, before anything is allocated for them."""
    before, _, after = stream.partition(SIZE_UNIT)
    if stream.count(SIZE_UNIT) != 1 or START not in after:
        raise CorruptStreamError("this .hevc file does not say one size: it was not written by this package")
    decoder = _decoder()
    decoder.extradata = before + SIZE_UNIT + after[: after.index(START)]
    decoder.open()
    return decoder.height, decoder.width


def _pictures(stream: bytes) -> list[np.ndarray]:
    """The two pictures of a bitstream, each uint8 (3, h, w) of Y, Cb, Cr."""
    decoder = _decoder()
    packets = [*decoder.parse(stream), *decoder.parse(None)]
    frames = list(islice((frame for packet in [*packets, None] for frame in decoder.decode(packet)), 3))
    if len(frames) != 2 or any(frame.format.name not in (FORMAT, "yuvj444p") for frame in frames):
        raise CorruptStreamError(
            "this .hevc file does not hold two pictures in 4:4:4: it was not written by this package"
        )
    return [frame.to_ndarray() for frame in frames]


def _decoder():
    from av import CodecContext

    decoder = CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    return decoder


def _to_planes(view: np.ndarray) -> np.ndarray:
    """uint8 RGB (h, w, 3) -> Y, Cb, Cr as uint8 (3, h, w), grey at 128."""
    samples = 255 * rgb_to_ycbcr(image_to_tensor(view))[0]
    samples[1:] += 0.5
    return samples.round().clamp(0, 255).to(torch.uint8).numpy()


def _from_planes(planes: np.ndarray) -> np.ndarray:
    samples = torch.from_numpy(planes).float()
    samples[1:] -= 0.5
    return tensor_to_image(ycbcr_to_rgb(samples / 255))


@cache
def _x265_version() -> str:
    """What x265 writes about itself into a stream that is not told to keep quiet."""
    stream = _stream(np.zeros((1, LEAST, LEAST, 3), np.uint8), {"log-level": "none", "pools": "none"})
    _, _, said = stream.partition(b"x265 (build ")
    return said.split()[2].split(b"-")[0].decode().removesuffix(":") if said else "of unknown version"
