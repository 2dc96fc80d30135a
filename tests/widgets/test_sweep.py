"""The sweep gives every codec the same ceiling, and its numbers are those of the real files."""

import shutil

import numpy as np
import pytest

from lic_lab.codecs import load
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.pillow import Jpeg
from lic_lab.codecs.rate import geometric
from lic_lab.datasets.bundled import bundled_images, data_path
from lic_lab.errors import LicLabError
from lic_lab.evaluation.checkpoints import OneRateCodec
from lic_lab.metrics.quality import ms_ssim, psnr
from lic_lab.models.presets import build
from lic_lab.widgets.sweep import gathered, shrink, sweep


@pytest.fixture(scope="module")
def image():
    return bundled_images()["astronaut"][100:292, 120:312]  # 192 x 192, the smallest that has an MS-SSIM by a margin


@pytest.fixture(scope="module")
def stops(image):
    return sweep(image, [load("jpeg"), load("jpeg2000")], (1.0, 0.1, 0.5), name="face")


def test_stops_rise_and_no_file_exceeds_its_ceiling(stops):
    assert [stop.ceiling_bpp for stop in stops] == sorted(stop.ceiling_bpp for stop in stops)
    for stop in stops:
        assert stop.ceiling_bytes == int(stop.ceiling_bpp * 192 * 192 / 8)
        assert all(point.bytes <= stop.ceiling_bytes for point in stop.points.values())


def test_files_come_from_the_same_search_as_compress(stops, image):
    for stop in stops:
        for name, point in stop.points.items():
            assert point.bytes == len(load(name).compress(image, max_bytes=stop.ceiling_bytes))


def test_numbers_are_those_of_the_decoded_picture(stops, image):
    point = stops[-1].points["jpeg"]
    assert point.psnr_db == psnr(image, point.reconstruction)
    assert point.ms_ssim == ms_ssim(image, point.reconstruction)
    assert point.bpp == 8 * point.bytes / (192 * 192)


def test_a_codec_that_cannot_be_so_small_is_named_with_its_smallest_file(stops, image):
    jpeg = stops[0].too_large["jpeg"]
    assert "jpeg" not in stops[0].points and jpeg > stops[0].ceiling_bytes
    assert jpeg == min(len(load("jpeg").encode(image, q)) for q in range(1, 100, 7))


def test_every_step_is_announced(image):
    steps = []
    sweep(image, [load("jpeg")], (0.5, 1.0), step=steps.append)
    assert steps == ["JPEG at 0.5 bpp", "JPEG at 1 bpp"]


def test_a_picture_too_small_for_every_file_is_refused_with_the_mend():
    with pytest.raises(LicLabError, match="take a larger picture"):
        sweep(np.zeros((8, 8, 3), np.uint8), [load("jpeg")], (0.5, 1.0))


class Picky(ImageCodec):
    """Codes nothing but squares."""

    name, label, suffix, signature = "picky", "Picky", ".pk", b"PICK"
    ladder, default_quality = geometric(160, 1, 1.1), 16.0

    def _encode(self, image, quality):
        raise LicLabError("picky codes squares only")


def test_a_codec_that_refuses_the_picture_says_why_in_its_own_words(image):
    for codecs in ([Picky()], [load("jpeg"), Picky()]):
        with pytest.raises(LicLabError, match=r"^picky codes squares only$"):
            sweep(image[:, :100], codecs, (0.5, 1.0))


def test_only_large_pictures_are_scaled_down(image):
    assert shrink(image, 192) is image
    assert shrink(np.zeros((300, 900, 3), np.uint8), 90).shape == (30, 90, 3)


def test_two_codecs_of_one_name_are_refused_because_one_would_stand_under_the_others_numbers(image):
    two = [Jpeg(), Jpeg("jpeg", "JPEG 4:4:4", chroma="4:4:4")]
    for refused in (lambda: sweep(image, two, (1.0,)), lambda: gathered(["jpeg", two[1]])):
        with pytest.raises(LicLabError, match=r"^2 codecs are called 'jpeg': give each a name of its own$"):
            refused()


def test_rungs_of_one_curve_are_refused_too_because_here_each_is_a_codec():
    rungs = [OneRateCodec(build("charm", lambdas=[0.01 * k]).eval(), "charm") for k in (1, 2)]
    for k, rung in enumerate(rungs):
        rung.default_quality = float(k)
    with pytest.raises(LicLabError, match="share a name: give one of them"):
        gathered(rungs)


def test_a_weight_file_is_called_by_its_folder_beside_the_shipped_model_of_its_own_name(tmp_path):
    (tmp_path / "mine").mkdir()
    path = shutil.copy(data_path("weights", "charm.safetensors"), tmp_path / "mine")
    assert [codec.name for codec in gathered([str(path), "charm", "jpeg"])] == ["mine", "charm", "jpeg"]
    assert [codec.name for codec in gathered([path])] == ["mine"]


def test_a_codec_that_is_named_twice_comes_once():
    assert [codec.name for codec in gathered(["jpeg", "webp", "jpeg", load("webp")])] == ["jpeg", "webp"]


@pytest.mark.parametrize("rates", [(float("nan"), 4), (0, 4), (-1,), ("many",), (float("inf"),)])
def test_rates_that_are_no_sizes_are_refused(image, rates):
    with pytest.raises(LicLabError, match="a number above 0"):
        sweep(image, [load("jpeg")], rates)


def test_no_rates_are_refused(image):
    with pytest.raises(LicLabError, match="no file size to stop at: give rates="):
        sweep(image, [load("jpeg")], ())


@pytest.mark.parametrize("longest", [0, -3, float("nan")])
def test_a_picture_cannot_be_scaled_down_to_nothing(image, longest):
    with pytest.raises(LicLabError, match="1 or more, not"):
        shrink(image, longest)
