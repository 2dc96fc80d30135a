"""The picture grid shows the real pixels and the real numbers."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.plots.grid import Detail, busiest_detail, font, picture_grid, save_grid


@pytest.fixture
def original():
    ramp = np.linspace(0, 255, 96)[None, :, None] * np.linspace(0.3, 1, 64)[:, None, None]
    image = np.broadcast_to(ramp, (64, 96, 3)).astype(np.uint8).copy()
    image[20:36, 40:56] = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)  # a patch of noise
    return image


@pytest.fixture
def row(original):
    file = io.BytesIO()
    Pillow.fromarray(original).save(file, "JPEG", quality=30)
    decoded = np.asarray(Pillow.open(file))
    size = len(file.getvalue())
    return SimpleNamespace(
        codec="jpeg",
        image="ramp",
        bytes=size,
        bpp=8 * size / 6144,
        psnr_db=30.0,
        ms_ssim=float("nan"),
        reconstruction=decoded,
    )


def test_the_busiest_detail_is_where_the_noise_is(original):
    detail = busiest_detail(original, 16)
    assert abs(detail.top - 20) <= 1 and abs(detail.left - 40) <= 1 and detail.side == 16


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 300)])
def test_a_detail_never_leaves_a_small_picture(shape):
    detail = busiest_detail(np.zeros((*shape, 3), np.uint8), 80)
    assert detail == Detail(0, 0, min(shape))


def test_the_grid_holds_the_pixels_of_picture_and_detail_unchanged(original, row):
    sheet = np.asarray(picture_grid(original, [row], detail=Detail(20, 40, 16), cell=96, zoom=3))
    assert contains(sheet, row.reconstruction)
    assert contains(sheet, row.reconstruction[20:36, 40:56].repeat(3, 0).repeat(3, 1))


def test_a_wider_comparison_gives_a_wider_sheet(original, row):
    one, two = (picture_grid(original, [row] * n, cell=96) for n in (1, 2))
    assert two.width - one.width == 96 + 12 and two.height == one.height


def test_a_single_pixel_and_no_codec_at_all_can_be_drawn(original):
    assert picture_grid(np.zeros((1, 1, 3), np.uint8), []).width > 240


def test_a_reconstruction_of_another_size_is_refused(original, row):
    row.reconstruction = row.reconstruction[:-1]
    with pytest.raises(LicLabError, match=r"jpeg decoded to \(63, 96, 3\)"):
        picture_grid(original, [row])


def test_words_that_are_too_long_are_set_smaller_and_stay_inside(original, row):
    assert font(15, text="short", room=100).size == 15
    face = font(15, bold=True, text="Hyperprior (learned)", room=100)
    assert face.size < 15 and face.getlength("Hyperprior (learned)") <= 100


def test_a_note_makes_room_for_itself(original, row):
    plain, noted = picture_grid(original, [row]), picture_grid(original, [row], note="Run this cell.")
    assert noted.height > plain.height and np.asarray(noted)[plain.height - 6 :].min() < 128


def test_captions_replace_the_numbers_and_make_room_for_their_lines(original, row):
    short, long = (picture_grid(original, [row], captions=[["a"] * n]) for n in (3, 6))
    assert long.height - short.height == 3 * 19
    assert np.array_equal(np.asarray(picture_grid(original, [row])).shape, np.asarray(short).shape)


def test_a_saved_grid_is_a_png_in_a_folder_that_did_not_exist(original, row, tmp_path):
    path = save_grid(tmp_path / "new" / "grid.png", original, [row])
    assert Pillow.open(path).format == "PNG"


def contains(sheet: np.ndarray, patch: np.ndarray) -> bool:
    """Is `patch` somewhere in `sheet`, pixel for pixel?"""
    h, w = patch.shape[:2]
    starts = np.argwhere((sheet[: -h + 1, : -w + 1] == patch[0, 0]).all(-1))
    return any(np.array_equal(sheet[y : y + h, x : x + w], patch) for y, x in starts)
