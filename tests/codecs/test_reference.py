"""Files and PSNR as measured before, elsewhere, with the same encoder versions and settings.

The numbers are those of data/results/measured_traditional_kodak.csv. Without a partner there: codecs that were measured
with a version nobody wrote down (VVenC), or in another program (MozJPEG, AVIF at speed 2).
"""

import pytest

from lic_lab import codecs
from lic_lab.datasets.bundled import kodak
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.evaluation.evaluate import evaluate

# our codec -> what it is called there, the version that was measured (as our settings say it), two points to begin with
TWINS = {
    "jpeg": ("jpeg-pillow-420-opt", "libjpeg-turbo 3", 15, 75),
    "jpeg-444": ("jpeg-pillow-444-opt", "libjpeg-turbo 3", 40, 92),
    "jpeg2000": ("jpeg2000", "OpenJPEG 2.5", 160, 28),
    "webp": ("webp-m6", "libwebp 1.6", 5, 70),
    "heif": ("heif-444-psnr", "x265 HEVC encoder (4.3", 12, 40),
    "avif": ("avif-444-s6-psnr", "libaom 3.14.1", 18, 58),
    "avif-default": ("avif-444-s6", "libaom 3.14.1", 28, 68),
    "avif-420": ("avif-420-s6-psnr", "libaom 3.14.1", 38, 78),
    "avif-420-default": ("avif-420-s6", "libaom 3.14.1", 8, 48),
    "jxl": ("jxl-e7", "pillow-jxl-plugin 1.3.7", 7, 1.7),
    "jxl-e9": ("jxl-e9", "pillow-jxl-plugin 1.3.7", 3.5, 14),
}
BYTES, DECIBELS = 0.005, 0.02  # how far a file may be off, and its PSNR


@pytest.fixture(scope="module")
def pictures():
    found = {path.stem: read_image(path) for path in kodak()}
    if len(found) < 24:
        pytest.skip("the Kodak pictures are not on this machine: set LIC_LAB_DATA to the folder that holds kodak/")
    return found


@pytest.fixture(scope="module")
def measured():
    """(codec, quality, picture) -> the row that was measured elsewhere."""
    try:
        return {(row["codec"], row["quality"], row["image"]): row for row in reference.measured()}
    except LicLabError as reason:
        pytest.skip(str(reason))


def off(name, qualities, pictures, measured):
    """What our own rows of a codec have to do with the measured ones: [(quality, picture, bpp ratio - 1, dB more)]."""
    twin, version, *_ = TWINS[name]
    codec = codecs.classical()[name]
    if reason := codec.missing():
        pytest.skip(reason)
    if version not in codec.settings:
        pytest.skip(f"measured with {version}, here is {codec.settings}")
    rows = evaluate([codec], pictures, qualities=qualities, metrics=())
    assert len(rows) == len(qualities) * len(pictures)
    pairs = [(row, measured[twin, float(row["quality"]), row["image"]]) for row in rows]
    return [(a["quality"], a["image"], a["bpp"] / b["bpp"] - 1, a["psnr_db"] - b["psnr_db"]) for a, b in pairs]


def assert_as_measured(found):
    wrong = [row for row in found if abs(row[2]) > BYTES or abs(row[3]) > DECIBELS]
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong[:5]}"


@pytest.mark.parametrize("name", TWINS)
def test_two_pictures_are_coded_as_they_were_measured(name, pictures, measured):
    two = {name: pictures[name] for name in ("kodim05", "kodim19")}
    assert_as_measured(off(name, TWINS[name][2:], two, measured))


@pytest.mark.slow
@pytest.mark.parametrize("name", TWINS)
def test_all_of_kodak_is_coded_as_it_was_measured_at_every_quality(name, pictures, measured):
    qualities = sorted({quality for codec, quality, _ in measured if codec == TWINS[name][0]})
    assert len(qualities) >= 8
    assert_as_measured(off(name, [int(q) if q == int(q) else q for q in qualities], pictures, measured))
