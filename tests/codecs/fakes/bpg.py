"""Stands for bpgenc and bpgdec: BPG's true magic and size fields around a JPEG."""

import io
import sys
from pathlib import Path

from PIL import Image


def seven_bits(value):
    """BPG's ue7: seven bits to a byte, high bits first, the top bit says that more follows."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


*words, source = sys.argv[1:]
if source == "-h":
    print("BPG Image Encoder version 0.9.8")
    sys.exit(1)
given = dict(zip(words[::2], words[1::2], strict=True))
if Path(sys.argv[0]).name == "bpgenc":
    assert (given["-f"], given["-c"], given["-b"], given["-e"]) == ("444", "ycbcr", "8", "x265")
    picture, body = Image.open(source), io.BytesIO()
    picture.save(body, "JPEG", quality=100 - int(int(given["-q"]) * 1.9), subsampling="4:4:4")
    sizes = seven_bits(picture.width) + seven_bits(picture.height)
    Path(given["-o"]).write_bytes(b"BPG\xfb\x20\x00" + sizes + body.getvalue())
else:
    data = Path(source).read_bytes()
    Image.open(io.BytesIO(data[data.index(b"\xff\xd8") :])).save(given["-o"])
