"""Files and PSNR as measured before, elsewhere, with the same encoder versions and settings."""

import pytest

from lic_lab import codecs
from lic_lab.datasets.bundled import kodak
from lic_lab.datasets.images import read_image
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp

# codec, the version that was measured (as settings say it), quality, picture, bpp, PSNR in dB
MEASURED = [
    ("jpeg", "libjpeg-turbo 3", 15, "kodim05", 0.61778, 25.3636),
    ("jpeg", "libjpeg-turbo 3", 75, "kodim19", 1.27783, 34.6200),
    ("jpeg-444", "libjpeg-turbo 3", 40, "kodim05", 1.35877, 29.2565),
    ("jpeg2000", "OpenJPEG 2.5", 160, "kodim05", 0.15021, 22.0891),
    ("jpeg2000", "OpenJPEG 2.5", 28, "kodim19", 0.85549, 35.0170),
    ("webp", "libwebp 1.6", 5, "kodim05", 0.41834, 25.6220),
    ("webp", "libwebp 1.6", 70, "kodim19", 0.80908, 34.1766),
    ("heif", "x265 HEVC encoder (4.3", 12, "kodim05", 0.27201, 24.7635),
    ("heif", "x265 HEVC encoder (4.3", 40, "kodim19", 0.81264, 35.8504),
    ("avif", "libaom 3.14.1", 18, "kodim05", 0.36151, 25.9741),
    ("avif", "libaom 3.14.1", 58, "kodim19", 0.94531, 36.8023),
    ("avif-default", "libaom 3.14.1", 28, "kodim05", 0.40631, 26.3141),
    ("avif-420", "libaom 3.14.1", 38, "kodim05", 0.82540, 30.1801),
    ("avif-420-default", "libaom 3.14.1", 48, "kodim05", 0.80477, 29.9576),
    ("jxl", "pillow-jxl-plugin 1.3.7", 7, "kodim05", 0.62034, 26.6800),
    ("jxl", "pillow-jxl-plugin 1.3.7", 1.7, "kodim19", 1.11853, 35.8510),
    ("jxl-e9", "pillow-jxl-plugin 1.3.7", 3.5, "kodim05", 1.02382, 29.3514),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version", "quality", "picture", "rate", "db"), MEASURED, ids=lambda value: str(value).replace(" ", "_")
)
def test_kodak_is_coded_as_it_was_measured(name, version, quality, picture, rate, db):
    codec = codecs.classical()[name]
    if reason := codec.missing():
        pytest.skip(reason)
    if version not in codec.settings:
        pytest.skip(f"measured with {version}, here is {codec.settings}")
    path = next((path for path in kodak() if path.stem == picture), None)
    if path is None:
        pytest.skip("the Kodak pictures are not on this machine: set LIC_LAB_DATA to the folder that holds kodak/")
    image = read_image(path)
    data = codec.encode(image, quality)
    assert bpp(data, *image.shape[:2]) == pytest.approx(rate, rel=0.005)
    assert psnr(image, codec.decode(data)) == pytest.approx(db, abs=0.02)
