import numpy as np
import pytest
import torch

from lic_lab.datasets import warping
from lic_lab.datasets.images import write_image
from lic_lab.datasets.pairs import MOVED, PairBank, center_pairs, split_pairs
from lic_lab.datasets.stereo import PairFiles, find_pairs, motorcycle, swapped
from lic_lab.errors import LicLabError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def coded(height, width):
    """A pair whose pixels say where they are: red the row, green the column, blue the view, 0 or 1."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.stack([rows, columns, np.full_like(rows, view)], axis=-1) for view in (0, 1)]).astype(np.uint8)


def bank_of(*pairs):
    """A bank of these very pairs, without the rescaling."""
    bank = PairBank.__new__(PairBank)
    bank.pictures = list(pairs)
    return bank


def levels(crops):
    return (255 * crops).round().to(torch.uint8)


def as_views(crop):
    return levels(crop).permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def views():
    pair = motorcycle()
    return np.stack([pair.left, pair.right])


@pytest.fixture
def folder(tmp_path, views):
    """Three real pairs, pieces of the Motorcycle: 200 x 300, 160 x 200 and 90 x 400."""
    for name, (height, width) in {"a": (200, 300), "b": (160, 200), "c": (90, 400)}.items():
        for side, view in zip("LR", views, strict=True):
            write_image(tmp_path / f"{name}_{side}.png", view[150 : 150 + height, 200 : 200 + width])
    return tmp_path


@pytest.fixture
def photographs(tmp_path, views):
    """Two single pictures, 200 x 260 and 140 x 220."""
    (tmp_path / "single").mkdir()
    write_image(tmp_path / "single" / "0.png", views[0, :200, :260])
    write_image(tmp_path / "single" / "1.png", views[0, -140:, -220:])
    return tmp_path / "single"


def test_crops_are_batches_of_two_views_from_0_to_1(folder):
    x = PairBank(find_pairs(folder), smallest=48).sample(5, 48, generator())
    assert x.shape == (5, 2, 3, 48, 48) and x.dtype == torch.float32
    assert 0 <= x.min() < 0.1 and 0.9 < x.max() <= 1


def test_a_crop_is_cut_at_one_place_of_both_views():
    for crop in levels(bank_of(coded(30, 40)).sample(50, 16, generator())):
        (row, column, _), (row_right, column_right, _) = crop
        assert torch.equal(row, row_right) and torch.equal(column, column_right)
        assert (row.diff(dim=1) == 0).all() and (column.diff(dim=0) == 0).all()  # never transposed


def test_a_crop_is_mirrored_if_and_only_if_its_views_are_exchanged():
    poses = set()
    for crop in levels(bank_of(coded(9, 10)).sample(200, 8, generator())).int():
        mirrored, upside_down = bool(crop[0, 1, 0, 0] > crop[0, 1, 0, -1]), bool(crop[0, 0, 0, 0] > crop[0, 0, -1, 0])
        assert (crop[0, 2] == mirrored).all() and (crop[1, 2] == 1 - mirrored).all()
        poses.add((mirrored, upside_down))
    assert len(poses) == 4


def test_points_move_to_the_left_in_every_crop_however_it_is_flipped(views):
    for crop in bank_of(views).sample(12, 400, generator()):
        left, right = as_views(crop)
        assert swapped(right, left) and not swapped(left, right)


def test_real_pairs_are_held_at_scales_from_06_to_1_both_views_alike(folder, views):
    bank = PairBank(find_pairs(folder), smallest=90, scales=8)
    assert bank.used == 3 and all(pair.shape[0] == 2 and pair.dtype == np.uint8 for pair in bank.pictures)
    assert len(bank.pictures) == 8 + 8 + 1  # the flat one is kept whole
    assert np.array_equal(bank.pictures[-1], views[:, 150:240, 200:600])
    heights = [pair.shape[1] for pair in bank.pictures[:8]]
    assert 120 <= min(heights) < max(heights) <= 200
    assert all(abs(pair.shape[2] - 1.5 * pair.shape[1]) <= 1 for pair in bank.pictures[:8])


def test_single_pictures_give_different_pairs_that_are_the_right_way_round(photographs):
    bank = PairBank(sorted(photographs.iterdir()), smallest=100, warps=4)
    assert len(bank.pictures) == 8 and bank.used == 2
    assert len({pair.tobytes() for pair in bank.pictures}) == 8
    assert all(min(pair.shape[1:3]) >= 100 for pair in bank.pictures)
    assert not any(swapped(left, right) for left, right in bank.pictures)
    assert sum(swapped(right, left) for left, right in bank.pictures) >= 3  # the others move too little to tell


def test_made_pairs_do_not_hold_what_the_right_camera_sees_beyond_the_picture(tmp_path):
    picture = np.tile((2 * np.arange(120, dtype=np.uint8))[None, :, None], (110, 1, 3))
    write_image(tmp_path / "ramp.png", picture)
    bank = PairBank([tmp_path / "ramp.png"], smallest=48, warps=30)
    falls = [float(np.median(pair[1].max(1) - pair[1][:, -1].astype(float))) for pair in bank.pictures]
    assert np.mean(falls) < 2 and max(falls) < 12  # levels: noise, and a few columns beside hidden points; a mirror
    # image at the edge would fall by up to 60, in every row
    assert min(pair.shape[2] / pair.shape[1] for pair in bank.pictures) < 1.06 < 120 / 110


def test_made_pairs_keep_the_width_of_a_crop(tmp_path, views):
    write_image(tmp_path / "0.png", views[0, :200, :200])
    bank = PairBank([tmp_path / "0.png"], smallest=200, warps=3)
    assert [pair.shape for pair in bank.pictures] == [(2, 200, 200, 3)] * 3


def test_made_pairs_move_as_far_as_those_of_larger_pictures_do(tmp_path, monkeypatch):
    """A training picture stands for a piece of a large photograph, in which near things move by dozens of pixels."""
    asked, make = [], warping.synthetic_pair
    monkeypatch.setattr(
        warping, "synthetic_pair", lambda *args, **sizes: (asked.append(sizes), make(*args, **sizes))[1]
    )
    files = []
    for number, width in enumerate((400, 120)):
        files.append(tmp_path / f"{number}.png")
        write_image(files[-1], np.random.default_rng(number).integers(0, 256, (64, width, 3), np.uint8))
    for file, most in zip(files, (MOVED, 120 / 4), strict=True):
        asked.clear()
        PairBank([file], smallest=48, warps=24)
        nearest = [sizes["max_disparity"] for sizes in asked]
        assert len(nearest) == 24 and max(nearest) <= most
        assert max(nearest) > 0.8 * most and min(nearest) < 0.2 * most


def test_real_and_made_pairs_live_in_one_bank(folder, photographs):
    bank = PairBank([*find_pairs(folder), *photographs.iterdir()], smallest=90, scales=2, warps=1)
    assert len(bank.pictures) == 2 * 2 + 1 + 2 and bank.used == 5


def test_the_same_seed_gives_the_same_bank_and_the_same_crops(photographs):
    files = sorted(photographs.iterdir())
    first, again, other = (
        PairBank(files, smallest=64, seed=seed).sample(6, 64, generator(8)) for seed in (3, 3, 4)
    )  # fmt: skip
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not torch.equal(first, PairBank(files, smallest=64, seed=3).sample(6, 64, generator(9)))


def test_bad_pairs_are_named_and_left_out_up_to_a_tenth(folder):
    files = find_pairs(folder)
    uneven = PairFiles("uneven", files[0].left, files[1].right)
    bank = PairBank([*files, uneven], smallest=48)
    assert bank.used == 3 and len(bank.skipped) == 1 and "sizes 300 x 200 and 200 x 160" in bank.skipped[0]
    with pytest.raises(LicLabError, match="2 of 5 pairs cannot be read, the first: the two views"):
        PairBank([*files, uneven, uneven], smallest=48)


def test_too_small_pairs_are_refused(folder, photographs):
    with pytest.raises(LicLabError, match="none of 3 pairs has both sides of 201 pixels: use smaller crops"):
        PairBank(find_pairs(folder), smallest=201)
    with pytest.raises(LicLabError, match="none of 2 pairs has both sides of 201 pixels: use smaller crops"):
        PairBank(photographs.iterdir(), smallest=201)
    with pytest.raises(LicLabError, match="no pair has both sides of 301 pixels: use smaller crops"):
        PairBank(find_pairs(folder), smallest=48).sample(1, 301, generator())


def test_folders_give_their_pairs_or_else_their_pictures_and_every_25th_is_held_out(tmp_path):
    tiny = np.zeros((2, 2, 3), np.uint8)
    for folder in ("pairs", "single"):
        (tmp_path / folder).mkdir()
    for number in range(30):
        for side in "LR":
            write_image(tmp_path / "pairs" / f"{number:02}_{side}.png", tiny)
        write_image(tmp_path / "single" / f"{number:02}.png", tiny)
    training, held = split_pairs([tmp_path / "pairs", tmp_path / "single"])
    assert len(training) == 58 and [type(file) is PairFiles for file in held] == [True, False]
    assert held[0].name == "12" and held[1].name == "07.png"
    assert {file for file in training if type(file) is not PairFiles} | {held[1]} == {*(tmp_path / "single").iterdir()}


def test_folders_of_nothing_and_of_half_pairs_are_refused(folder):
    (folder / "empty").mkdir()
    with pytest.raises(LicLabError, match=r"there are no pictures in .*empty"):
        split_pairs([folder / "empty"])
    (folder / "b_R.png").unlink()
    with pytest.raises(LicLabError, match=r"b_L\.png has no b_R\.png"):
        split_pairs([folder])


def test_center_pairs_are_the_middle_of_both_views(folder, views):
    x = center_pairs(find_pairs(folder), 160)
    assert x.shape == (2, 2, 3, 160, 160)  # the flat pair has no such middle
    assert np.array_equal(as_views(x[0]), views[:, 170:330, 270:430])
    assert np.array_equal(as_views(x[1]), views[:, 150:310, 220:380])


def test_center_pairs_of_single_pictures_are_always_the_same(photographs):
    files = sorted(photographs.iterdir())
    x = center_pairs(files, 128)
    assert x.shape == (2, 2, 3, 128, 128)
    assert torch.equal(center_pairs(files[::-1], 128), x.flip(0))
    assert not torch.equal(x[:, 0], x[:, 1])


def test_center_pairs_leave_out_what_cannot_be_read(folder):
    files = find_pairs(folder)
    with pytest.warns(UserWarning, match="left out: the two views of a pair have sizes"):
        assert len(center_pairs([PairFiles("uneven", files[0].left, files[1].right), *files], 64)) == 3
    with pytest.raises(LicLabError, match="no validation picture has both sides of 500 pixels"):
        center_pairs(files, 500)


def test_pictures_beside_pairs_are_left_out_aloud(tmp_path):
    for name in ("1_L", "1_R", "2_L", "2_R", "photo"):
        write_image(tmp_path / f"{name}.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.warns(UserWarning, match="its 1 other pictures are left out"):
        training, held = split_pairs([tmp_path], every=2)
    assert [pair.name for pair in training + held] == ["1", "2"]


def test_pairs_beyond_the_memory_are_read_for_every_crop_and_give_the_same_ones(folder):
    pairs = find_pairs(folder)
    held, read = (PairBank(pairs, smallest=48, memory=memory) for memory in (1e9, 1))
    assert [p.shape for p in read.pictures] == [p.shape for p in held.pictures]
    crops = [bank.sample(12, 48, torch.Generator().manual_seed(0)) for bank in (held, read)]
    assert torch.equal(*crops)
