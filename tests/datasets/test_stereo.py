import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from lic_lab.datasets import bundled
from lic_lab.datasets.images import write_image
from lic_lab.datasets.stereo import PairFiles, find_pairs, motorcycle, named_as_pair, read_pair, swapped
from lic_lab.errors import LicLabError


@pytest.fixture(scope="module")
def pair():
    return motorcycle()


def test_both_views_and_the_disparity_have_one_size(pair):
    assert pair.left.shape == pair.right.shape == (500, 741, 3)
    assert pair.left.dtype == pair.right.dtype == np.uint8
    assert pair.disparity.shape == (500, 741)
    assert pair.disparity.dtype == np.float32


def test_the_disparity_is_known_for_most_pixels_and_nan_elsewhere(pair):
    unknown = np.isnan(pair.disparity)
    assert unknown.mean() == pytest.approx(0.0735, abs=5e-4)
    known = pair.disparity[~unknown]
    assert np.isfinite(known).all()
    assert 7 < known.min() and known.max() < 64


def test_the_disparity_leads_from_the_left_view_to_the_right_one(pair):
    rows, columns = np.nonzero(~np.isnan(pair.disparity))

    def difference(sign):
        there = columns + sign * np.rint(pair.disparity[rows, columns]).astype(int)
        inside = (there >= 0) & (there < 741)
        left, right = pair.left[rows, columns], pair.right[rows, np.where(inside, there, 0)]
        return np.median(np.abs(left.astype(int) - right).mean(axis=1)[inside])

    assert difference(-1) < 4  # levels
    assert difference(+1) > 20 and difference(0) > 20


def test_an_installation_without_the_pair_says_so(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(LicLabError, match="Motorcycle pair is not in this scikit-image"):
        motorcycle()


def write_views(folder, *names, size=(24, 20)):
    rng = np.random.default_rng(len(names))
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)


def found(folder):
    return [(p.name, p.left.relative_to(folder).as_posix(), p.right.relative_to(folder).as_posix())
            for p in find_pairs(folder)]  # fmt: skip


def test_a_pair_is_read_from_whatever_holds_two_views(pair, tmp_path):
    wanted = np.stack([pair.left, pair.right])
    write_image(tmp_path / "0_L.png", pair.left)
    write_image(tmp_path / "0_R.png", pair.right)
    sources = [
        pair,
        wanted,
        (pair.left, pair.right),
        [tmp_path / "0_L.png", str(tmp_path / "0_R.png")],
        PairFiles("0", tmp_path / "0_L.png", tmp_path / "0_R.png"),
        (Image.fromarray(pair.left), tmp_path / "0_R.png"),
        torch.from_numpy(wanted).permute(0, 3, 1, 2),
        torch.from_numpy(wanted).permute(0, 3, 1, 2) / 255,
    ]
    for source in sources:
        views = read_pair(source)
        assert views.dtype == np.uint8 and np.array_equal(views, wanted)


def test_two_views_of_different_size_are_refused_with_both_sizes(pair):
    with pytest.raises(LicLabError, match="sizes 741 x 500 and 740 x 499"):
        read_pair((pair.left, pair.right[:-1, :-1]))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("left.png", "one picture was given"),
        (Image.new("RGB", (4, 4)), "one picture was given"),
        (np.zeros((4, 4, 3), np.uint8), r"got \(4, 4, 3\): give both views"),
        (torch.zeros(2, 2, 3, 4, 4), r"got \(2, 2, 3, 4, 4\): give both views"),
        ((Image.new("RGB", (4, 4)),) * 3, "from tuple of 3"),
        ([Image.new("RGB", (4, 4))], "from list of 1"),
        (None, "from NoneType"),
    ],
)
def test_what_is_no_pair_is_refused(source, says):
    with pytest.raises(LicLabError, match=says):
        read_pair(source)


def test_one_file_given_twice_is_refused_and_equal_views_draw_a_warning(tmp_path):
    write_views(tmp_path, "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(LicLabError, match=r"both views are one file, .*a\.png"):
        read_pair((tmp_path / "a.png", str(tmp_path / "a.png")))
    with pytest.warns(UserWarning, match="two views of the pair are equal"):
        read_pair((tmp_path / "a.png", tmp_path / "b.png"))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("0001_L.png", "0001_R.png"),
        ("0001_L.png", "0002_R.png"),
        ("street_left.png", "street_right.png"),
        ("left.png", "Right.png"),
        ("left/0.png", "right/0.png"),
        ("image_2/0.png", "image_3/0.png"),
        ("im0.png", "im1.png"),
    ],
)
def test_files_named_the_other_way_round_are_refused(tmp_path, left, right):
    write_views(tmp_path, left, right)
    assert read_pair((tmp_path / left, tmp_path / right)).shape == (2, 24, 20, 3)
    with pytest.raises(LicLabError, match=r"named as the right view, .* exchange them"):
        read_pair((tmp_path / right, tmp_path / left))


def test_names_that_say_nothing_are_believed(tmp_path):
    names = ("a/x.png", "b/x.png", "right/x.png", "left/y.png", "bright.png", "cleft.png")
    write_views(tmp_path, *names)
    for first, second in zip(names[::2], names[1::2], strict=True):
        assert read_pair((tmp_path / first, tmp_path / second)).shape == (2, 24, 20, 3)


LAYOUTS = {
    "InStereo2K": [("train/0001", "train/0001/left.png", "train/0001/right.png"),
                   ("test/7", "test/7/left.png", "test/7/right.png")],
    "Cityscapes": [("train/aachen/aachen_000_019", "leftImg8bit/train/aachen/aachen_000_019_leftImg8bit.png",
                    "rightImg8bit/train/aachen/aachen_000_019_rightImg8bit.png")],
    "KITTI 2012": [("training/000000_10", "training/colored_0/000000_10.png", "training/colored_1/000000_10.png")],
    "KITTI 2012, grey": [("testing/000000_10", "testing/image_0/000000_10.png", "testing/image_1/000000_10.png")],
    "KITTI 2015": [("testing/000000_10", "testing/image_2/000000_10.png", "testing/image_3/000000_10.png")],
    "KITTI raw": [("2011/drive/data/0000000000", "2011/drive/image_02/data/0000000000.png",
                   "2011/drive/image_03/data/0000000000.png")],
    "Flickr1024": [("Train/0001", "Train/0001_L.png", "Train/0001_R.png")],
    "Middlebury 2014": [("Mask-perfect", "Mask-perfect/im0.png", "Mask-perfect/im1.png")],
    "Middlebury 2006": [("Aloe", "Aloe/view1.png", "Aloe/view5.png")],
    "WildTrack": [("Image_subsets/00000005", "Image_subsets/C1/00000005.png", "Image_subsets/C4/00000005.png")],
    "names that end": [("street", "street_left.jpg", "street_right.jpg")],
    "names that begin": [("0", "left_0.webp", "right_0.webp")],
    "folders": [("deep/0", "left/deep/0.png", "right/deep/0.png")],
    "folders against letters": [("0_L", "left/0_L.png", "right/0_L.png")],
    "folders and letters": [("0", "left/0_L.png", "right/0_R.png")],
    "capitals": [("Street", "Street_Left.PNG", "Street_RIGHT.png")],
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_pairs_of_every_usual_layout_are_found(tmp_path, layout):
    wanted = LAYOUTS[layout]
    write_views(tmp_path, *(file for _, left, right in wanted for file in (left, right)))
    assert found(tmp_path) == sorted(wanted)


def test_a_scene_itself_is_a_folder_of_one_pair(tmp_path):
    write_views(tmp_path / "0042", "left.png", "right.png")
    assert found(tmp_path / "0042") == [("0042", "left.png", "right.png")]


def test_many_pairs_come_in_the_order_of_their_names(tmp_path):
    write_views(tmp_path, *(f"{number:02}_{side}.png" for number in (7, 3, 11, 5) for side in "RL"))
    assert [name for name, _, _ in found(tmp_path)] == ["03", "05", "07", "11"]


def test_what_lies_beside_the_views_is_no_view(tmp_path):
    write_views(
        tmp_path, "a/left.png", "a/right.png", "a/left_disp.png", "a/right_disp.png", "a/disp_left.png",
        "disparity/left/a.png", "disparity/right/a.png", "a/mask_left.png", "a/ambient.png", ".b/left.png",
        "a/._right.png", "C2/0.png",
    )  # fmt: skip
    (tmp_path / "a" / "calib_left.txt").write_text("no picture")
    assert found(tmp_path) == [("a", "a/left.png", "a/right.png")]


def test_a_scene_that_kitti_has_in_grey_and_in_colour_is_found_once_in_colour(tmp_path):
    write_views(tmp_path, *(f"{camera}/{name}.png" for camera in ("image_0", "image_1") for name in "ab"))
    write_views(tmp_path, "colored_0/a.png", "colored_1/a.png")
    assert found(tmp_path) == [
        ("a", "colored_0/a.png", "colored_1/a.png"), ("b", "image_0/b.png", "image_1/b.png"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alone", "wanted"),
    [
        ("Train/0003_L.png", "Train/0003_R.png"),
        ("Train/0003_R.png", "Train/0003_L.png"),
        ("image_2/5.png", "image_3/5.png"),
        ("leftImg8bit/x/y_leftImg8bit.png", "rightImg8bit/x/y_rightImg8bit.png"),
        ("s/left.png", "s/right.png"),
    ],
)
def test_a_view_without_its_partner_is_named_and_so_is_what_was_looked_for(tmp_path, alone, wanted):
    write_views(tmp_path, "Train/0001_L.png", "Train/0001_R.png", alone, "z_L.png")
    with pytest.raises(LicLabError, match=f"2 of 4 pictures in .* lack the other view.*: {alone} has no {wanted}: add"):
        find_pairs(tmp_path)


def test_single_pictures_are_no_pairs_even_if_a_name_looks_like_one(tmp_path):
    assert found(tmp_path) == []
    write_views(tmp_path, "a.png", "b.jpg", "turn_left.png")
    assert found(tmp_path) == []
    (tmp_path / "a.png").unlink()
    with pytest.raises(LicLabError, match=r"1 of 2 pictures in .*turn_left\.png has no turn_right\.png"):
        find_pairs(tmp_path)
    with pytest.raises(LicLabError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")


def real_pairs():
    folder = next((f / "stereo" for f in bundled.data_folders() if (f / "stereo").is_dir()), None)
    return [read_pair(files) for files in find_pairs(folder)] if folder else []


def test_exchanged_views_are_noticed_and_proper_ones_left_in_peace(pair):
    pairs = [np.stack([pair.left, pair.right]), *real_pairs()]
    for left, right in pairs:
        assert not swapped(left, right) and swapped(right, left)
        assert not swapped(left, left)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_pair((left, right))
        with pytest.warns(UserWarning, match="the views look exchanged: give the left one first"):
            assert np.array_equal(read_pair((right, left)), np.stack([right, left]))


def test_exchanged_views_are_noticed_under_another_exposure(pair):
    darker = (pair.right * 0.8 + 10).astype(np.uint8)
    assert not swapped(pair.left, darker) and swapped(darker, pair.left)


def test_cameras_that_converge_are_not_called_exchanged(pair):
    middle = round(float(np.nanmedian(pair.disparity)))
    left, right = pair.left[:, middle:], pair.right[:, :-middle]  # the middle of the scene at disparity 0
    assert not swapped(left, right) and not swapped(right, left)


def test_views_of_nothing_in_common_are_not_called_exchanged(pair):
    noise = np.random.default_rng(0).integers(0, 256, pair.left.shape, dtype=np.uint8)
    assert not swapped(pair.left, noise) and not swapped(noise, pair.left)
    assert not swapped(np.zeros_like(noise), np.full_like(noise, 255))
    assert not swapped(pair.left, pair.left[:, ::-1])
    for size in ((1, 1), (1, 300), (300, 1), (15, 15)):
        assert not swapped(noise[: size[0], : size[1]], pair.left[: size[0], : size[1]])


def test_names_that_make_a_pair_are_told_from_others():
    for first, second in (
        ("a/0001_L.png", "a/0001_R.jpg"),
        ("x_right.png", "x_left.png"),
        ("left/7.png", "right/7.png"),
    ):
        assert named_as_pair(first, second) and named_as_pair(second, first)
    for first, second in (("a_left.png", "b_right.png"), ("photo.png", "photo.jpg"), ("a_L.png", "a_L.jpg")):
        assert not named_as_pair(first, second)


def test_views_put_together_are_taken_as_they_are(recwarn):
    left, right, _ = motorcycle()
    exchanged = np.stack([right, left])
    assert np.array_equal(read_pair(exchanged), exchanged) and not recwarn.list
    x = torch.from_numpy(exchanged).permute(0, 3, 1, 2)[None].float() / 255
    assert np.array_equal(read_pair(x), exchanged)
    with pytest.warns(UserWarning, match="look exchanged"):
        read_pair((right, left))
