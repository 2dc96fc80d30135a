import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.stereo import swapped
from lic_lab.datasets.warping import other_camera, random_disparity, right_view, segments, synthetic_pair
from lic_lab.errors import LicLabError

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")  # those stored without loss


@pytest.fixture(scope="module")
def photographs():
    return {name: picture for name, picture in bundled_images().items() if name in PHOTOGRAPHS}


@pytest.fixture(scope="module")
def cat(photographs):
    return photographs["chelsea"]


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ramp(height, width, step):
    """A picture of which the column can be read from the level, `step` levels for each."""
    return np.tile((step * np.arange(width, dtype=np.uint8))[None, :, None], (height, 1, 3))


def looked_up(right, disparity):
    """The right view at x - disparity, linear between columns: float (h, w, 3); as the left view should be."""
    columns = np.arange(right.shape[1])
    rows = zip(right, disparity, strict=True)
    return np.stack([[np.interp(columns - d, columns, line[:, c]) for c in range(3)] for line, d in rows]).swapaxes(
        1, 2
    )


def psnr(error):
    return 10 * np.log10(255**2 / np.mean(np.square(error)))


def box(near=10.0, far=2.0):
    """A red square, rows 8 to 23 and columns 20 to 35, of disparity `near` before a blue wall of disparity `far`."""
    picture, disparity = np.full((32, 64, 3), (0, 0, 200), np.uint8), np.full((32, 64), far, np.float32)
    picture[8:24, 20:36], disparity[8:24, 20:36] = (200, 0, 0), near
    return picture, disparity


def halves():
    """Two colours: one up to column 136, the other from 137 on."""
    picture = np.full((120, 300, 3), (20, 90, 160), np.uint8)
    picture[:, 137:] = (200, 90, 20)
    return picture


def test_the_views_have_the_size_of_the_picture_and_the_left_one_is_the_picture(cat):
    pair = synthetic_pair(cat, np.random.default_rng(0))
    assert np.array_equal(pair.left, cat) and pair.left.dtype == np.uint8
    assert pair.right.shape == cat.shape and pair.right.dtype == np.uint8
    assert pair.disparity.shape == cat.shape[:2] and pair.disparity.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 16), width=st.integers(1, 16), seed=st.integers(0, 99))
def test_pictures_may_be_tiny(height, width, seed):
    pair = synthetic_pair(noise(height, width), np.random.default_rng(seed), filler=noise(3, 2))
    assert pair.right.shape == (height, width, 3)
    strong = synthetic_pair(noise(height, width), np.random.default_rng(seed), max_disparity=width)
    assert not np.nanmax(strong.disparity, initial=0) > width


def test_the_same_generator_gives_the_same_pair(cat):
    first, again, other = (synthetic_pair(cat, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.right, again.right)
    assert np.array_equal(first.disparity, again.disparity, equal_nan=True)
    assert not np.array_equal(first.right, other.right)


def test_without_disparity_both_cameras_see_the_same(cat):
    right, visible = right_view(cat, np.zeros(cat.shape[:2], np.float32))
    assert np.array_equal(right, cat) and visible.all()


def test_a_whole_disparity_shifts_the_picture_exactly():
    picture = noise(6, 30)
    right, visible = right_view(picture, np.full((6, 30), 5, np.float32))
    assert np.array_equal(right[:, :25], picture[:, 5:])
    assert not visible[:, :5].any() and visible[:, 5:].all()


@pytest.mark.parametrize("slope", [-0.4, 0, 0.3])
def test_a_slanted_wall_is_sampled_between_columns_to_a_tenth_of_a_pixel(slope):
    disparity = np.broadcast_to(7.3 + slope * (np.arange(60, dtype=np.float32) - 30) / 2, (4, 60))
    right, visible = right_view(ramp(4, 60, step=4), disparity)
    error = (looked_up(right, disparity)[..., 0] / 4 - np.arange(60))[:, :-4]  # beyond the end all is invented
    assert visible.mean() > 0.7 and np.abs(error[visible[:, :-4]]).max() < 0.15  # half a level is lost to rounding


def test_views_between_columns_stay_sharp(cat):
    right, _ = right_view(cat, np.full(cat.shape[:2], 3.5, np.float32))
    detail, kept = (np.abs(np.diff(view.astype(float), axis=1)).mean() for view in (cat[:, 4:], right[:, :-4]))
    line = cat.astype(float)
    blurred = np.abs(np.diff((line[:, 1:] + line[:, :-1]) / 2, axis=1)).mean()  # what linear interpolation gives
    assert blurred < 0.92 * detail < kept < 1.02 * detail


def test_near_things_hide_far_ones_and_what_they_hide_is_unknown():
    picture, disparity = box()
    right, visible = right_view(picture, disparity)
    assert (right[8:24, 10:26] == (200, 0, 0)).all()  # the whole square, ten columns to the left
    hidden = ~visible
    hidden[:, :2] = False  # beyond the edge
    rows, columns = np.nonzero(hidden)
    assert set(rows) == set(range(8, 24)) and set(columns) == set(range(12, 20))  # 12 - 2 = 20 - 10 ... 19 - 2


def test_a_point_half_hidden_by_something_near_counts_as_hidden():
    picture, disparity = box(near=9.6, far=2.3)
    right, visible = right_view(picture, disparity)
    wall = visible & (picture[..., 0] == 0)
    assert looked_up(right, disparity)[wall][:, 0].max() < 30  # no red but what a sharp edge rings
    assert wall[8:24, :20].sum() == 16 * 9  # columns 3 to 11: from 12 on the square is beside or before the wall


def test_what_only_the_right_camera_sees_is_filled_with_background():
    picture, disparity = box()
    right, _ = right_view(picture, disparity)
    beside = right[8:24, 28:]  # the square ends at column 25; its sharp edge overshoots a little
    assert (beside == (0, 0, 200)).all()
    assert (right[:8] == (0, 0, 200)).all() and (right[24:] == (0, 0, 200)).all()


def test_a_background_is_continued_by_its_mirror_image():
    picture, disparity = box()
    texture = noise(32, 64)
    picture = np.where((picture == (200, 0, 0)).all(-1, keepdims=True), picture, texture)
    right, _ = right_view(picture, disparity)
    assert np.array_equal(right[8:24, 34:60], texture[8:24, 36:62])  # seen by both, two columns to the left
    assert np.array_equal(right[8:24, 26:34], texture[8:24, 37:45][:, ::-1])  # around column 36
    assert np.array_equal(right[:, 62:], texture[:, 61:63][:, ::-1])  # around the last one


def test_a_filler_is_seen_in_the_holes_only_and_in_the_colours_of_the_picture():
    picture, disparity = box()
    plain, _ = right_view(picture, disparity)
    filled, _ = right_view(picture, disparity, filler=noise(50, 40))
    changed = (plain != filled).any(-1)
    rows, columns = np.nonzero(changed)
    assert set(columns) <= {*range(26, 34), 62, 63} and set(rows[columns < 62]) == set(range(8, 24))
    assert changed[8:24, 26:34].mean() > 0.9
    assert (filled[..., 1] == 0).all()  # the picture has no green


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_left_view_is_found_again_in_the_right_one(photographs, name):
    picture = photographs[name]
    for seed in range(4):
        disparity = random_disparity(picture, np.random.default_rng(seed), 0.06 * picture.shape[1])
        right, visible = right_view(picture, disparity)
        error = (looked_up(right, disparity) - picture)[visible]
        beside = (looked_up(right, disparity + 1) - picture)[visible]
        assert psnr(error) > 30 and psnr(error) > psnr(beside) + 3
        assert 0.8 < visible.mean() < 0.99
        assert np.abs(right.astype(float) - picture).mean() > 3


def test_disparities_go_up_to_the_nearest_and_stay_positive(cat):
    for seed in range(20):
        disparity = random_disparity(cat, np.random.default_rng(seed), 17.5)
        assert disparity.dtype == np.float32
        assert 0 <= disparity.min() < 11 and disparity.max() == pytest.approx(17.5, abs=1e-3)


def test_by_default_most_pairs_are_mild_and_none_exceeds_8_percent_of_the_width():
    picture = noise(20, 200)
    strongest = [np.nanmax(synthetic_pair(picture, np.random.default_rng(seed)).disparity) for seed in range(200)]
    assert 0.01 * 200 < np.median(strongest) < 0.035 * 200
    assert 0.06 * 200 < max(strongest) <= 0.08 * 200


def test_disparities_jump_where_colours_do():
    y, x = np.mgrid[:150, :200]
    inside = (x - 90) ** 2 + (y - 70) ** 2 < 45**2
    picture = np.where(inside[..., None], (220, 180, 40), (30, 60, 110)).astype(np.uint8)
    distance = np.abs(np.hypot(x - 90, y - 70) - 45)
    jumps = []
    for seed in range(30):
        disparity = random_disparity(picture, np.random.default_rng(seed), 12)
        jump = np.abs(np.diff(disparity, axis=1)) > 1
        jumps.append(jump.any())
        assert not jump.any() or distance[:, 1:][jump].max() < 4
    assert 5 < sum(jumps) < 30  # in some scenes the disc lies flat on the ground


def test_a_blurred_border_is_no_segment():
    mix = np.clip((np.arange(300) - 133) / 8, 0, 1)[None, :, None]
    picture = np.broadcast_to((20, 90, 160) * (1 - mix) + (200, 90, 20) * mix, (120, 300, 3)).astype(np.uint8)
    labels = segments(picture)
    assert (labels == labels[:1]).all() and len(np.unique(labels)) == 2 and (np.diff(labels[0]) != 0).sum() == 1


def test_segments_follow_the_borders_of_colours_to_the_pixel():
    picture = halves()
    picture[60, 135] = picture[0, -1]  # a grain of noise
    labels = segments(picture)
    assert (labels[:, :137] == labels[0, 0]).all() and (labels[:, 137:] == labels[0, -1]).all()
    assert labels[0, 0] != labels[0, -1]


def test_near_things_take_the_pixel_beside_their_edge_with_them():
    places = set()
    for seed in range(20):
        disparity = random_disparity(halves(), np.random.default_rng(seed), 20)
        rows, columns = np.nonzero(np.abs(np.diff(disparity, axis=1)) > 1)
        left_is_near = disparity[rows, columns] > disparity[rows, columns + 1]
        assert (columns == np.where(left_is_near, 137, 135)).all()  # of 136, the last column of the left colour
        places |= set(columns)
    assert places == {135, 137}


def test_a_picture_of_one_colour_is_one_surface():
    disparity = random_disparity(np.full((90, 90, 3), 77, np.uint8), np.random.default_rng(0), 9)
    assert np.abs(np.diff(disparity, axis=1)).max() < 0.5


def test_two_cameras_differ_a_little_and_never_wrap_around(cat):
    differences = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        differences.append(psnr(other_camera(cat, rng).astype(float) - cat))
        assert other_camera(np.full((9, 9, 3), 255, np.uint8), rng).min() > 225
        assert other_camera(np.zeros((9, 9, 3), np.uint8), rng).max() < 12
    assert 25 < min(differences) and 30 < np.median(differences) < 42


def test_the_pair_is_the_right_way_round(cat):
    pair = synthetic_pair(cat, np.random.default_rng(1), max_disparity=30)
    assert swapped(pair.right, pair.left) and not swapped(pair.left, pair.right)


@pytest.mark.parametrize("disparity", [-1, 41, float("nan"), float("inf")])
def test_a_disparity_that_does_not_fit_the_picture_is_refused(disparity):
    with pytest.raises(LicLabError, match="does not fit a picture of 40: take 0 to 40"):
        synthetic_pair(noise(20, 40), np.random.default_rng(0), max_disparity=disparity)
