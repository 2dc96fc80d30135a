"""Stands for vvencapp, vvdecapp, EncoderApp and DecoderApp, chosen by the name it runs under.

"Coding" is dividing 10-bit samples by a step that grows with QP as in VVC, and zlib. Whatever the real program would
refuse is refused here: unknown options, a missing one, a frame of another size than was announced.
"""

import array
import struct
import sys
import zlib
from pathlib import Path

NEEDED = {
    "vvencapp": {
        "--input", "--size", "--format", "--framerate", "--frames", "--preset", "--qp", "--qpa", "--threads",
        "--verbosity", "--output",
    },
    "vvdecapp": {"--bitstream", "--output", "--threads", "--verbosity"},
    "EncoderApp": {
        "-c", "-i", "-b", "-o", "--InputBitDepth", "--InternalBitDepth", "--OutputBitDepth", "--InputChromaFormat",
        "--SourceWidth", "--SourceHeight", "--FrameRate", "--FramesToBeEncoded", "--QP",
    },
    "DecoderApp": {"-b", "-o", "-d"},
}  # fmt: skip
START = b"\0\0\0\1fake"


def options(words):
    """--name value and --name=value alike."""
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    return dict(zip(words[::2], words[1::2], strict=True))


def encode(source, stream, width, height, chroma, qp):
    samples = array.array("H", Path(source).read_bytes())
    if len(samples) != width * height * (3 if chroma == "444" else 1.5):
        sys.exit(f"error: {len(samples)} samples are not one {width}x{height} {chroma} frame")
    step = max(1, round(2 ** ((qp - 4) / 6)))
    levels = array.array("H", [round(v / step) for v in samples])
    Path(stream).write_bytes(START + struct.pack("<H", step) + zlib.compress(levels.tobytes()))


def decode(stream, frame):
    data = Path(stream).read_bytes()
    if not data.startswith(START):
        sys.exit("some talk first\nERROR: not a VVC bitstream")
    (step,) = struct.unpack_from("<H", data, len(START))
    levels = array.array("H", zlib.decompress(data[len(START) + 2 :]))
    Path(frame).write_bytes(array.array("H", [min(v * step, 1023) for v in levels]).tobytes())


name = Path(sys.argv[0]).name.removesuffix("Static")
if sys.argv[1:] in ([], ["--version"]):
    print("VVCSoftware: VTM Encoder Version 23.4 [Linux]" if name == "EncoderApp" else "vvencapp version 1.14.0")
    sys.exit(0)
given = options(sys.argv[1:])
if given.keys() != NEEDED[name]:
    sys.exit(f"error: options differ from what {name} is known to take: {sorted(given.keys() ^ NEEDED[name])}")
if name == "vvencapp":
    assert (given["--format"], given["--frames"], given["--preset"], given["--qpa"]) == (
        "yuv420_10",
        "1",
        "medium",
        "0",
    )
    size = map(int, given["--size"].split("x"))
    encode(given["--input"], given["--output"], *size, "420", int(given["--qp"]))
elif name == "EncoderApp":
    assert Path(given["-c"]).read_text().startswith("#======== intra")
    assert given["--InputBitDepth"] == given["--OutputBitDepth"] == "10"
    size = int(given["--SourceWidth"]), int(given["--SourceHeight"])
    encode(given["-i"], given["-b"], *size, given["--InputChromaFormat"], int(given["--QP"]))
elif name == "vvdecapp":
    decode(given["--bitstream"], given["--output"])
else:
    assert given["-d"] == "10"
    decode(given["-b"], given["-o"])
