import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lic_lab.datasets.images import image_size, list_images, read_image, write_image
from lic_lab.errors import LicLabError
from lic_lab.files import write_bytes


def picture(h=6, w=9, channels=3):
    return np.random.default_rng(0).integers(0, 256, (h, w, channels), dtype=np.uint8)


def png(width, height, depth, colour, rows, **more):
    """A PNG of any depth and kind of colour (2: RGB, 0: grey), of which Pillow reads more than it writes."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = {"IHDR": head, **more, "IDAT": zlib.compress(rows), "IEND": b""}
    named = [(name.encode(), data) for name, data in chunks.items()]
    parts = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in named)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_16_bit(values):
    """A PNG with 16 bits per colour; values uint16 (h, w, 3)."""
    h, w, _ = values.shape
    return png(w, h, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))


@pytest.fixture(autouse=True)
def no_silent_warnings(monkeypatch):
    """Every warning that a test does not expect is a failure."""
    monkeypatch.delenv("LIC_LAB_MAX_PIXELS", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


# Shape and inverse


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".ppm", ".PNG"])
def test_what_was_written_is_read_back(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", picture())
    image = read_image(tmp_path / f"a{suffix}")
    assert image.dtype == np.uint8
    assert np.array_equal(image, picture())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_any_size_survives_a_file(tmp_path_factory, h, w):
    path = tmp_path_factory.mktemp("sizes") / "a.png"
    write_image(path, picture(h, w))
    assert np.array_equal(read_image(path), picture(h, w))


def test_path_string_pillow_array_and_tensor_are_the_same_picture(tmp_path):
    write_image(tmp_path / "a.png", picture())
    tensor = torch.from_numpy(picture()).permute(2, 0, 1)
    sources = [tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(picture()), picture(), tensor, tensor[None]]
    floats = [picture() / 255, (picture() / 255).astype(np.float32), tensor / 255, (tensor / 255)[None], tensor.long()]
    for source in sources + floats:
        assert np.array_equal(read_image(source), picture())


def test_the_result_is_a_new_array_that_may_be_written_to():
    source = picture()
    for image in (read_image(source), read_image(torch.from_numpy(source).permute(2, 0, 1))):
        image[:] = 0
        assert image.flags.c_contiguous
    assert np.array_equal(source, picture())


# Kinds of files


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = picture(channels=1)
    Image.fromarray(grey[..., 0]).save(tmp_path / "grey.png")
    tensor = torch.from_numpy(grey[..., 0])
    for source in (tmp_path / "grey.png", grey, grey[..., 0], tensor, tensor[None], tensor[None, None]):
        assert np.array_equal(read_image(source), np.repeat(grey, 3, axis=2))


def test_black_and_white_files_are_0_and_255(tmp_path):
    bits = picture()[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    expected = np.repeat(bits[..., None] * np.uint8(255), 3, axis=2)
    assert np.array_equal(read_image(tmp_path / "bits.png"), expected)
    assert np.array_equal(read_image(bits), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_cut(tmp_path, suffix):
    levels = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / f"deep.{suffix}")
    expected = [0, 0, 1, 1, 128, 255]  # nearest of 257 * level
    with pytest.warns(UserWarning, match="has 16 bits a channel: it was rounded to 8"):
        assert read_image(tmp_path / f"deep.{suffix}")[0, :, 0].tolist() == expected
    assert read_image(levels)[0, :, 0].tolist() == expected


def test_16_bit_grey_with_a_transparent_level_is_scaled_too(tmp_path):
    Image.fromarray(np.array([[0, 257, 65535, 40_000]], np.uint16)).save(tmp_path / "deep.png", transparency=40_000)
    with pytest.warns(UserWarning, match=r"16 bits|transparent in places") as told:
        assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 1, 255, 255]
    assert len(told) == 2


@pytest.mark.parametrize(("depth", "raw", "seen"), [(2, 0b00_01_10_11, [0, 255, 170, 255]), (4, 0x1B, [255, 187])])
def test_the_transparent_level_of_grey_of_few_bits_is_one_of_the_files_own(tmp_path, depth, raw, seen):
    (tmp_path / "grey.png").write_bytes(png(len(seen), 1, depth, 0, bytes([0, raw]), tRNS=b"\0\1"))
    with pytest.warns(UserWarning, match="transparent in places"):
        assert read_image(tmp_path / "grey.png")[0, :, 0].tolist() == seen


def test_32_bit_integers_are_levels_from_0_to_255_as_in_arrays(tmp_path):
    levels = np.array([[0, 1, 142, 255]], np.int32)
    for values in (levels, 257 * levels):
        Image.fromarray(values).save(tmp_path / "wide.tif")
        if values.max() > 255:
            with pytest.raises(LicLabError, match=r"int32 values from 0 to 65535: scale them to 0\.\.255"):
                read_image(tmp_path / "wide.tif")
        else:
            assert read_image(tmp_path / "wide.tif")[0, :, 0].tolist() == [0, 1, 142, 255]


def test_16_bit_colour_is_right_to_one_level(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (8, 8, 3), dtype=np.uint16)
    (tmp_path / "deep.png").write_bytes(png_16_bit(values))
    with pytest.warns(UserWarning, match="16 bits a channel"):
        assert np.abs(read_image(tmp_path / "deep.png") - values / 257).max() <= 1
    assert np.abs(read_image(values) - values / 257).max() <= 0.5


def test_float_files_hold_0_to_1(tmp_path):
    Image.fromarray(np.array([[0, 0.5, 1]], np.float32)).save(tmp_path / "float.tif")
    assert read_image(tmp_path / "float.tif")[0, :, 0].tolist() == [0, 128, 255]


def test_a_palette_is_looked_up(tmp_path):
    colors = Image.fromarray(picture()).quantize(8)
    colors.save(tmp_path / "palette.png")
    assert np.array_equal(read_image(tmp_path / "palette.png"), np.asarray(colors.convert("RGB")))


def test_cmyk_is_converted(tmp_path):
    ink = np.zeros((8, 16, 4), np.uint8)
    ink[:, 8:] = (0, 255, 255, 0)  # magenta and yellow make red
    Image.fromarray(ink, "CMYK").save(tmp_path / "ink.tif")
    image = read_image(tmp_path / "ink.tif")
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[0, 15].tolist() == [255, 0, 0]
    Image.fromarray(ink, "CMYK").save(tmp_path / "ink.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "ink.jpg").astype(int) - image).max() < 8


def upright(orientation, stored):
    """What a viewer shows for each EXIF orientation (EXIF 2.3, table 6), by numpy."""
    turned = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[orientation]
    image = np.rot90(stored, turned)
    return image[:, ::-1] if orientation in (2, 4, 5, 7) else image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture()).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "turned.png"), upright(orientation, picture()))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_size_from_the_head_is_that_of_the_picture(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(picture()).save(path, exif=exif)
    assert image_size(path) == read_image(path).shape[:2] == upright(orientation, picture()).shape[:2]


def transparent_sources(folder):
    """The same red, half transparent and fully transparent pixels in every way a file can say so."""
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 51], [255, 0, 0, 0]]], np.uint8)
    Image.fromarray(rgba).save(folder / "rgba.png")
    Image.fromarray(rgba).save(folder / "rgba.webp", lossless=True, exact=True)
    yield from (folder / "rgba.png", folder / "rgba.webp", rgba, rgba / 255, Image.fromarray(rgba))
    yield torch.from_numpy(rgba).permute(2, 0, 1)
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    palette.putpalette([255, 0, 0] * 3)
    palette.save(folder / "palette.png", transparency=bytes([255, 51, 0]))
    yield folder / "palette.png"


def test_transparency_is_composited_on_white_and_said_so(tmp_path):
    for source in transparent_sources(tmp_path):
        with pytest.warns(UserWarning, match="transparent in places: it was composited on white"):
            image = read_image(source)
        assert image.tolist() == [[[255, 0, 0], [255, 204, 204], [255, 255, 255]]]


def test_an_alpha_channel_that_hides_nothing_is_dropped_without_a_word():
    rgba = np.concatenate([picture(), np.full((6, 9, 1), 255, np.uint8)], axis=2)
    assert np.array_equal(read_image(rgba), picture())


def test_of_several_frames_the_first_is_read_and_said_so(tmp_path):
    frames = [Image.fromarray(np.full((4, 4, 3), level, np.uint8)) for level in (10, 200)]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="has 2 frames: only the first is read"):
        assert (read_image(tmp_path / "film.tif") == 10).all()


# Numbers


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1, width=32))
def test_floats_become_the_nearest_level(value):
    level = read_image(np.full((1, 1), value, np.float32))[0, 0, 0]
    assert abs(level / 255 - value) <= 0.5 / 255 + 1e-7


def test_a_hair_outside_0_to_1_is_clipped():
    assert read_image(np.array([[-0.001, 1.001]]))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_any_float_type_are_read(dtype):
    x = torch.tensor([0.0, 0.5, 1.0]).to(dtype).view(3, 1, 1).requires_grad_()
    assert read_image(x).tolist() == [[[0, 128, 255]]]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64])
def test_floats_of_every_length_are_taken(kind):
    assert (read_image(torch.full((3, 2, 2), 0.5).to(kind)) == 128).all()


def test_tensors_that_are_stored_in_another_way_are_taken():
    x = torch.rand(3, 4, 5)
    assert np.array_equal(read_image(x.to_sparse()), read_image(x))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.full((2, 2, 3), 1.5), r"values from 1.5 to 1.5: scale them to \[0, 1\]"),
        (np.full((2, 2, 3), 128.0), "scale them"),
        (np.full((2, 2), -0.1), "scale them"),
        (np.full((2, 2), np.nan), "scale them"),
        (np.full((2, 2), 256), "scale them to 0..255"),
        (np.full((2, 2), -1), "scale them to 0..255"),
        (np.full((2, 2), 1j), "complex128 values: give numbers"),
        (np.full((2, 2), "x"), "values: give numbers"),
        (np.full((2, 2), None), "object values: give numbers"),
        (torch.zeros(3, 2, 2, device="meta"), "from a tensor of torch.float32 on meta"),
        (np.zeros((2, 2, 2), np.uint8), r"as array is .* got \(2, 2, 2\)"),
        (np.zeros((1, 2, 2, 3), np.uint8), "as array is"),
        (np.zeros(5, np.uint8), "as array is"),
        (torch.zeros(2, 3, 4, 4), "as tensor is"),
        (torch.zeros(5, 7, 3), "as tensor is"),
        (np.zeros((0, 5, 3), np.uint8), r"has no pixels \(5 x 0\)"),
        (torch.zeros(3, 5, 0), r"has no pixels \(0 x 5\)"),
        (Image.new("RGB", (0, 0)), "has no pixels"),
        ([[1, 2], [3, 4]], "from list: give a path, PIL image, array or tensor"),
        (None, "from NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(source, message):
    with pytest.raises(LicLabError, match=message) as error:
        read_image(source)
    assert "\n" not in str(error.value)


# Bad files


def test_missing_files_folders_and_foreign_files_are_told_apart(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    for name, message in (
        ("none.png", "no such picture"),
        ("", "is a folder, not a picture"),
        ("text.png", "not a picture that Pillow can read"),
        ("empty.png", "not a picture that Pillow can read"),
        ("nul\0.png", "no such picture"),
    ):
        with pytest.raises(LicLabError, match=message):
            read_image(f"{tmp_path}/{name}")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "jp2", "bmp"])
def test_a_file_cut_in_the_middle_is_refused(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(picture(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LicLabError):
        read_image(path)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]), st.data())
def test_flipped_bytes_give_a_picture_or_one_line(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("flip")
    Image.fromarray(picture(12, 13)).save(folder / "a", format=kind)
    flipped = bytearray((folder / "a").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        flipped[data.draw(st.integers(0, len(flipped) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a").write_bytes(flipped)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own about broken metadata
        try:
            image = read_image(folder / "a")
        except LicLabError:
            return
    assert image.dtype == np.uint8 and image.shape[2] == 3


def test_a_picture_above_the_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    huge = Image.new("1", (20_000, 10_000))  # 200 megapixels in a few kilobytes: Pillow's own limit is at 179
    huge.save(tmp_path / "huge.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(LicLabError, match=r"200\.0 megapixels, the limit is 64: scale it down, or set LIC_LAB"):
        read_image(tmp_path / "huge.png")
    assert Image.MAX_IMAGE_PIXELS, "Pillow's own limit is to be as it was for whoever else uses Pillow here"


def test_the_limit_can_be_set(monkeypatch):
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "53")
    with pytest.raises(LicLabError, match="LIC_LAB_MAX_PIXELS"):
        read_image(picture())
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "54")
    assert read_image(picture()).shape == (6, 9, 3)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "many")
    with pytest.raises(LicLabError, match="give a whole number"):
        read_image(picture())


# Writing


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a.lic", b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(LicLabError, match="No space left on device"):
        write_bytes(tmp_path / "a.lic", b"new")
    assert (tmp_path / "a.lic").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.lic"]


def test_a_refused_picture_touches_nothing(tmp_path):
    write_image(tmp_path / "a.png", picture())
    with pytest.raises(LicLabError):
        write_image(tmp_path / "a.png", np.full((2, 2), 7.0))
    assert np.array_equal(read_image(tmp_path / "a.png"), picture())


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.lic"])
def test_a_name_that_promises_loss_is_refused(tmp_path, name):
    with pytest.raises(LicLabError, match=r"without loss: end its name in one of \.png"):
        write_image(tmp_path / name, picture())
    assert not os.listdir(tmp_path)


# Folders


def test_pictures_of_a_folder_are_listed_by_name(tmp_path):
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "b.JPG", "c.webp"]
    assert list_images(tmp_path / "folder.png") == []


def test_a_list_of_no_folder_is_refused(tmp_path):
    with pytest.raises(LicLabError, match="no such folder"):
        list_images(tmp_path / "none")
