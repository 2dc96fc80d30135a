import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from lic_lab.datasets.crops import CropBank, OnDisk, center_crops, split
from lic_lab.datasets.images import image_size, read_image, write_image
from lic_lab.errors import LicLabError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ramp(height, width):
    """A picture whose pixels say where they are: red the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 77)], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for number, size in enumerate([(64, 64), (65, 120), (150, 70), (200, 201)]):
        write_image(tmp_path / f"{number}.png", ramp(*size))
    return tmp_path


def bank_of(*pictures):
    """A bank of these very pictures, without the rescaling."""
    bank = CropBank.__new__(CropBank)
    bank.pictures = list(pictures)
    return bank


def test_crops_are_batches_of_floats_from_0_to_1(folder):
    write_image(folder / "white.png", np.full((80, 80, 3), 255, np.uint8))
    x = CropBank(sorted(folder.iterdir()), smallest=48).sample(40, 48, generator())
    assert x.shape == (40, 3, 48, 48) and x.dtype == torch.float32
    assert x.min() == 0 and x.max() == 1


@settings(max_examples=30, deadline=None)
@given(height=st.integers(16, 40), width=st.integers(16, 40), seed=st.integers(0, 99))
def test_every_crop_is_a_piece_of_the_picture_turned_or_mirrored(height, width, seed):
    for crop in (255 * bank_of(ramp(height, width)).sample(4, 16, generator(seed))).round().int():
        row, column, same = crop
        assert (same == 77).all()
        if row[0, 0] == row[0, 1]:  # not transposed
            row, column = row.T, column.T
        assert row.min() >= 0 and row.max() < height and column.min() >= 0 and column.max() < width
        for line, other in ((row, 0), (column, 1)):
            step = torch.diff(line.movedim(1 - other, 0), dim=0)
            assert step.unique().tolist() in ([1], [-1])


def test_all_eight_poses_and_every_position_occur():
    x = (255 * bank_of(ramp(9, 10)).sample(600, 8, generator())).round().int()
    corners = {tuple(crop[:2, i, j].tolist()) for crop in x for i in (0, -1) for j in (0, -1)}
    poses = {(*(crop[:2, 0, -1] - crop[:2, 0, 0]).tolist(), *(crop[:2, -1, 0] - crop[:2, 0, 0]).tolist()) for crop in x}
    assert len(poses) == 8
    assert corners == {(i, j) for i in (0, 1, 7, 8) for j in (0, 1, 2, 7, 8, 9)}


def test_the_same_seed_gives_the_same_crops(folder):
    files = sorted(folder.iterdir())
    first, again = (CropBank(files, smallest=48, seed=3).sample(6, 48, generator(8)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, CropBank(files, smallest=48, seed=3).sample(6, 48, generator(9)))
    sizes = [[p.shape for p in CropBank(files, smallest=48, seed=seed).pictures] for seed in (3, 4)]
    assert sizes[0] != sizes[1]


def test_pictures_are_held_at_scales_from_06_to_1_but_never_below_a_crop(folder):
    bank = CropBank([folder / "3.png"], smallest=64, scales=8)
    heights = [p.shape[0] for p in bank.pictures]
    assert len(heights) == 8 and 120 <= min(heights) < max(heights) <= 200
    assert all(round(p.shape[1] * 200 / 201) in (p.shape[0] - 1, p.shape[0], p.shape[0] + 1) for p in bank.pictures)
    tight = CropBank([folder / "0.png"], smallest=64)
    assert [p.shape for p in tight.pictures] == [(64, 64, 3)] and np.array_equal(tight.pictures[0], ramp(64, 64))


def test_small_pictures_serve_small_crops_and_are_passed_over_for_large_ones():
    red, blue = np.zeros((20, 90, 3), np.uint8), np.zeros((90, 90, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    bank = bank_of(red, blue)
    assert {tuple(c[:, 0, 0].tolist()) for c in bank.sample(40, 16, generator())} == {(1, 0, 0), (0, 0, 1)}
    assert {tuple(c[:, 0, 0].tolist()) for c in bank.sample(40, 64, generator())} == {(0, 0, 1)}
    with pytest.raises(LicLabError, match="no picture has both sides of 91 pixels"):
        bank.sample(1, 91, generator())


def test_unreadable_pictures_are_named_and_left_out_up_to_a_tenth(folder):
    for number in range(20):
        shutil.copy(folder / "0.png", folder / f"more{number}.png")
    (folder / "x.png").write_bytes(b"no picture")
    (folder / "y.png").write_bytes(b"")
    bank = CropBank(sorted(folder.iterdir()), smallest=48)
    assert len(bank.skipped) == 2 and "x.png" in bank.skipped[0] and "y.png" in bank.skipped[1]
    assert bank.used == 24
    (folder / "z.png").write_bytes(b"no picture")
    with pytest.raises(LicLabError, match=r"3 of 27 pictures cannot be read, the first: .*x\.png"):
        CropBank(sorted(folder.iterdir()), smallest=48)


def test_a_bank_without_a_picture_large_enough_is_refused(folder):
    assert CropBank(sorted(folder.iterdir()), smallest=150).used == 1
    with pytest.raises(LicLabError, match="none of 4 pictures has both sides of 202 pixels: use smaller crops"):
        CropBank(sorted(folder.iterdir()), smallest=202)


def test_every_25th_picture_is_held_out_and_no_copy_of_it_is_trained_on(tmp_path):
    for number in range(40):
        write_image(tmp_path / f"{number:02}.png", ramp(2, 2))
    training, held = split([tmp_path])
    assert [file.name for file in held] == ["12.png", "37.png"]
    assert sorted(training + held) == sorted(tmp_path.iterdir()) and len(training) == 38
    training, held = split([tmp_path, tmp_path])
    assert not set(training) & set(held)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "some").mkdir()
    write_image(tmp_path / "some" / "0.png", ramp(2, 2))
    with pytest.raises(LicLabError, match=f"no pictures in {tmp_path}$"):
        split([tmp_path / "some", tmp_path])
    with pytest.raises(LicLabError):
        split([tmp_path / "nowhere"])


def test_center_crops_are_the_middle_of_every_picture_that_has_one(folder):
    (folder / "9.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"left out: .*9\.png"):
        x = center_crops(sorted(folder.iterdir()), 65)
    assert x.shape == (3, 3, 65, 65)  # the first picture has 64 x 64
    assert (255 * x[0, 1, 0]).round().tolist() == list(range(27, 92))  # of 120 columns
    assert (255 * x[2, 0, :, 0]).round().tolist() == list(range(67, 132))  # of 200 rows
    with pytest.raises(LicLabError, match="no validation picture has both sides of 300 pixels"):
        center_crops([folder / "3.png"], 300)


# Sets that do not fit into memory


def test_pictures_beyond_the_memory_are_read_for_every_crop_and_give_the_same_ones(folder):
    files = sorted(folder.iterdir())
    held, read = (CropBank(files, smallest=48, memory=memory) for memory in (1e9, 30_000))
    kinds = [isinstance(picture, OnDisk) for picture in read.pictures]
    assert kinds == sorted(kinds) and 0 < sum(kinds) < len(kinds)
    assert [p.shape for p in read.pictures] == [p.shape for p in held.pictures] and read.used == held.used == 4
    assert torch.equal(held.sample(20, 48, generator()), read.sample(20, 48, generator()))


def test_a_picture_that_its_camera_turned_has_the_size_it_is_read_with(tmp_path):
    exif = Picture.Exif()
    exif[0x0112] = 6
    Picture.fromarray(ramp(60, 90)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[:2] == (90, 60)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(LicLabError, match=r"cannot read .*b\.png"):
        image_size(tmp_path / "b.png")


def test_a_head_that_cannot_be_read_is_named_as_well(folder):
    for number in range(10, 20):
        shutil.copy(folder / "3.png", folder / f"{number}.png")
    (folder / "15.png").write_bytes(b"nothing")
    bank = CropBank(sorted(folder.iterdir()), smallest=48, memory=1)
    assert len(bank.skipped) == 1 and "15.png" in bank.skipped[0] and bank.used == 13


def test_reading_a_folder_is_told(folder):
    told = []
    CropBank(sorted(folder.iterdir()), smallest=48, progress=lambda *now: told.append(now))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_a_picture_on_the_disk_that_breaks_later_is_named_and_another_one_is_cut(folder):
    files = sorted(folder.iterdir())
    bank = CropBank(files, smallest=48, memory=0)
    files[2].write_bytes(files[2].read_bytes()[:200])
    with pytest.warns(UserWarning, match=r"another picture is taken instead: .*2\.png"):
        crops = bank.sample(40, 48, generator())
    assert crops.shape == (40, 3, 48, 48) and (255 * crops[:, 2]).round().unique().tolist() == [77]
    for file in files:
        file.unlink()
    with pytest.warns(UserWarning), pytest.raises(LicLabError, match="none of the pictures can be read any more"):
        bank.sample(4, 48, generator())
