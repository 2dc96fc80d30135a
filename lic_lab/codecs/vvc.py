"""VVC (H.266) still pictures by two programs: VVenC, which is fast, and VTM, the reference software.

A file is the encoder's own bitstream plus one NAL unit of 11 bytes with the true width and height. Its type, 30, is one
of those that the standard leaves to applications and allows after a picture, so other decoders have no use for it and
skip it. Ours needs it: the programs write bare samples without a size, and 4:2:0 pictures have even sides only.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lic_lab.codecs import rate, yuv
from lic_lab.codecs.external import ExternalCodec, run, said_version
from lic_lab.errors import CorruptStreamError
from lic_lab.limits import check_pixels

SIZE_UNIT = b"\x00\x00\x01\x00\xf1"  # start code, layer 0, type 30, temporal id 0
DIGITS = 3  # of seven bits each, for width and height; their top bit is set, so that no start code can appear
BLOCK = 8  # pictures are padded to multiples of the smallest coding unit
LEAST = 64  # and to this: VVenC has been seen to crash on 64 x 30 (its issue 10)


class Vvenc(ExternalCodec):
    """VVC intra by VVenC at preset medium: 4:2:0, 10 bit, tuned for PSNR (perceptual quantisation off).

    quality: QP, 63 to 0 (larger means smaller files). Pictures are padded by repeating their last row and column.
    """

    name, label, suffix = "vvc", "VVC", ".266"
    encoders, decoders = ("vvencapp",), ("vvdecapp",)
    mend = "build them from github.com/fraunhoferhhi/vvenc and vvdec (cmake), or use your system's package"
    ladder = rate.steps(63, 0)
    default_quality = 32
    chroma = "4:2:0"

    @property
    def settings(self) -> str:
        version = said_version(self.encoder, "--version")
        return f"VVenC {version}, 4:2:0, 10 bit, BT.709 full range, preset medium, tune psnr (qpa off), 1 thread"

    def write(self, image: np.ndarray, quality: int, folder: Path) -> bytes:
        height, width = image.shape[:2]
        padded = _pad(image)
        source, stream = folder / "in.yuv", folder / "out.266"
        source.write_bytes(yuv.to_frame(padded, self.chroma))
        self.run_encoder(source, stream, padded.shape[1], padded.shape[0], quality)
        return stream.read_bytes() + SIZE_UNIT + _digits(width) + _digits(height)

    def read(self, data: bytes, folder: Path) -> np.ndarray:
        stream, width, height = _split(data)
        check_pixels(height, width, "this .266 file")
        source, frame = folder / "in.266", folder / "out.yuv"
        source.write_bytes(stream)
        self.run_decoder(source, frame)
        padded = yuv.from_frame(frame.read_bytes(), _padded(height), _padded(width), self.chroma)
        return np.ascontiguousarray(padded[:height, :width])

    def run_encoder(self, source: Path, stream: Path, width: int, height: int, qp: int) -> None:
        """Encode the frame in file `source` to file `stream`."""
        arguments = {
            "--input": source,
            "--size": f"{width}x{height}",
            "--format": "yuv420_10",
            "--framerate": 1,
            "--frames": 1,
            "--preset": "medium",
            "--qp": qp,
            "--qpa": 0,
            "--threads": 1,
            "--verbosity": 1,
            "--output": stream,
        }
        run(self.encoder, *(word for pair in arguments.items() for word in pair))

    def run_decoder(self, stream: Path, frame: Path) -> None:
        """Decode file `stream` to the samples in file `frame`."""
        run(self.decoder, "--bitstream", stream, "--output", frame, "--threads", 1, "--verbosity", 1)


class Vtm(Vvenc):
    """VVC intra by VTM, the reference software: 4:4:4, 10 bit, the strongest classical codec and minutes per picture.

    quality: QP, 63 to 0. Needs VTM's `encoder_intra_vtm.cfg`, looked for beside the encoder's folder (as in VTM's own
    tree: bin/EncoderApp and cfg/) or at the path in the environment variable LIC_LAB_VTM_CFG.
    """

    name, label = "vtm", "VVC (VTM)"
    encoders, decoders = ("EncoderApp", "EncoderAppStatic"), ("DecoderApp", "DecoderAppStatic")
    mend = "build them from vcgit.hhi.fraunhofer.de/jvet/VVCSoftware_VTM (cmake) and add its bin folder to the PATH"
    chroma = "4:4:4"

    def missing(self) -> str:
        if reason := super().missing():
            return reason
        if not self.config.is_file():
            return f"there is no configuration at {self.config}: set LIC_LAB_VTM_CFG to VTM's encoder_intra_vtm.cfg"
        return ""

    @property
    def settings(self) -> str:
        return f"VTM {said_version(self.encoder)}, 4:4:4, 10 bit, BT.709 full range, {self.config.name}"

    @property
    def config(self) -> Path:
        """Where VTM's intra configuration is, or would be."""
        beside = Path(self.encoder).resolve().parent.parent / "cfg" / "encoder_intra_vtm.cfg"
        return Path(os.environ.get("LIC_LAB_VTM_CFG") or beside)

    def run_encoder(self, source: Path, stream: Path, width: int, height: int, qp: int) -> None:
        options = {
            "InputBitDepth": yuv.BITS,
            "InternalBitDepth": yuv.BITS,
            "OutputBitDepth": yuv.BITS,
            "InputChromaFormat": 444,
            "SourceWidth": width,
            "SourceHeight": height,
            "FrameRate": 1,
            "FramesToBeEncoded": 1,
            "QP": qp,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        run(self.encoder, "-c", self.config, "-i", source, "-b", stream, "-o", os.devnull, *words)

    def run_decoder(self, stream: Path, frame: Path) -> None:
        run(self.decoder, "-b", stream, "-o", frame, "-d", yuv.BITS)


def _padded(side: int) -> int:
    return max(-(-side // BLOCK) * BLOCK, LEAST)


def _pad(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return np.pad(image, ((0, _padded(height) - height), (0, _padded(width) - width), (0, 0)), mode="edge")


def _digits(number: int) -> bytes:
    return bytes(0x80 | number >> 7 * i & 0x7F for i in reversed(range(DIGITS)))


def _split(data: bytes) -> tuple[bytes, int, int]:
    """The encoder's bitstream, width, height."""
    unit = data[-len(SIZE_UNIT) - 2 * DIGITS :]
    digits = unit[len(SIZE_UNIT) :]
    if not unit.startswith(SIZE_UNIT) or len(digits) != 2 * DIGITS or min(digits) < 0x80:
        raise CorruptStreamError(
            "these bytes are not an undamaged .266 file of this package: the size at its end is lost"
        )
    width, height = (
        sum((d & 0x7F) << 7 * i for i, d in enumerate(reversed(part))) for part in (digits[:DIGITS], digits[DIGITS:])
    )
    return data[: -len(unit)], width, height
