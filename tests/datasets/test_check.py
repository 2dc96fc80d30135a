"""A folder is looked through: what is broken, missing, twice or too small is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lic_lab.datasets.catalog import CATALOG
from lic_lab.datasets.check import check_folder
from lic_lab.datasets.download import RECORD
from lic_lab.datasets.fetch import digest
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError


def put(folder, *names, size=(300, 320), seed=0):
    """Pictures of noise, all different."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed + number).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)


def kodak_like(folder):
    put(folder, *(f"kodim{i:02d}.png" for i in range(1, 25)), size=(512, 768))
    return folder


def test_good_pictures_are_counted_and_nothing_is_wrong(tmp_path):
    put(tmp_path, "a.png", "b.png")
    put(tmp_path, "c.png", size=(400, 256), seed=9)
    put(tmp_path, ".hidden.png", ".cache/d.png")
    report = check_folder(tmp_path)
    assert report.pictures == 3 and report.sizes == {(320, 300): 2, (256, 400): 1}
    assert report.bytes == sum((tmp_path / name).stat().st_size for name in ("a.png", "b.png", "c.png"))
    assert report.problems == report.remarks == report.unreadable == report.small == report.equal == []


def test_corrupt_pictures_are_named_and_the_others_counted(tmp_path):
    put(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:5000])
    (tmp_path / "b.png").write_text("<html>")
    report = check_folder(tmp_path)
    assert report.pictures == 1 and len(report.unreadable) == len(report.problems) == 2
    assert "a.png" in report.problems[0] and "b.png" in report.problems[1]


def test_pictures_with_the_same_pixels_are_found_whatever_their_files(tmp_path):
    put(tmp_path, "a.png", "b.png")
    Image.open(tmp_path / "a.png").save(tmp_path / "again.bmp")
    report = check_folder(tmp_path)
    assert report.equal == [["a.png", "again.bmp"]] and not report.problems
    assert "1 pictures occur more than once" in report.remarks[0]


def test_pictures_smaller_than_a_crop_are_a_remark(tmp_path):
    put(tmp_path, "a.png", "b.png")
    put(tmp_path, "small.png", size=(255, 400), seed=9)
    report = check_folder(tmp_path)
    assert report.small == ["small.png"] and not report.problems and "below 256 pixels" in report.remarks[0]
    assert check_folder(tmp_path, crop=255).small == []
    assert check_folder(tmp_path, crop=301).small == ["a.png", "b.png", "small.png"]


def test_a_data_set_is_known_by_the_name_of_its_folder(tmp_path):
    report = check_folder(kodak_like(tmp_path / "kodak"))
    assert report.name == "kodak" and report.problems == []
    (tmp_path / "kodak" / "kodim07.png").unlink()
    put(tmp_path / "kodak", "kodim08.png", size=(512, 512))
    assert check_folder(tmp_path / "kodak").problems == [
        "23 pictures, and kodak has 24", "1 pictures have another size: 512 x 512",
    ]  # fmt: skip


def test_a_count_on_which_sources_disagree_may_be_a_tenth_off_and_no_more(tmp_path):
    put(tmp_path, *(f"{n}.png" for n in range(9)))
    report = check_folder(tmp_path, replace(CATALOG["flickr2w"], count=10))
    assert not report.problems and "9 pictures, and flickr2w has about 10" in report.remarks
    report = check_folder(tmp_path, replace(CATALOG["flickr2w"], count=8))
    assert report.problems == ["9 pictures, and flickr2w has about 8"]
    assert check_folder(tmp_path, CATALOG["flickr2w"]).problems == ["9 pictures, and flickr2w has about 20,745"]


def test_pictures_that_changed_since_they_were_downloaded_are_named(tmp_path):
    put(tmp_path, "a.png", "b.png", "c.png")
    pictures = {path.name: digest(path) for path in tmp_path.glob("*.png")}
    (tmp_path / RECORD).write_text(json.dumps({"dataset": "elsewhere", "files": [], "pictures": pictures}))
    assert check_folder(tmp_path).problems == []
    put(tmp_path, "b.png", seed=20)
    (tmp_path / "c.png").unlink()
    report = check_folder(tmp_path)
    assert sorted(report.changed) == ["b.png", "c.png"] and len(report.problems) == 2


def put_pair(folder, scene, exchanged=False):
    (folder / scene).mkdir(parents=True)
    left, right, _ = motorcycle()
    for name, view in zip(("left.png", "right.png"), (right, left) if exchanged else (left, right), strict=True):
        Image.fromarray(view).save(folder / scene / name)


def test_stereo_pairs_are_counted_and_looked_at(tmp_path):
    put_pair(tmp_path, "train/0001")
    put_pair(tmp_path, "train/0002", exchanged=True)
    report = check_folder(tmp_path)
    assert report.pairs == 2 and not report.problems
    assert any("train/0002: the views look exchanged" in line for line in report.remarks)
    assert not any("folders below" in line for line in report.remarks)
    report = check_folder(tmp_path, CATALOG["cityscapes"])
    assert report.problems == ["2 pairs, and cityscapes has 5,000"]


def test_views_that_do_not_fit_or_are_alone_are_problems_of_a_stereo_set(tmp_path):
    put_pair(tmp_path, "train/0001")
    put(tmp_path, "train/0002/left.png", "train/0002/right.png")
    put(tmp_path, "train/0002/right.png", size=(300, 400))
    report = check_folder(tmp_path, CATALOG["instereo2k"])
    assert (
        report.pairs == 1
        and "train/0002: the two views of a pair have sizes 320 x 300 and 400 x 300" in (report.problems[0])
    )
    (tmp_path / "train/0002/right.png").unlink()
    assert any("lack the other view" in line for line in check_folder(tmp_path, CATALOG["instereo2k"]).problems)


def test_a_broken_view_is_named_once(tmp_path):
    put_pair(tmp_path, "train/0001")
    (tmp_path / "train/0001/right.png").write_bytes(b"nothing")
    report = check_folder(tmp_path)
    assert report.pairs == 0 and len(report.problems) == 1 and "right.png" in report.problems[0]


def test_pictures_in_folders_below_are_found_and_the_folders_named(tmp_path):
    put(tmp_path, "Animal/a.png", "Street/a.png")
    report = check_folder(tmp_path)
    assert report.pictures == 2
    assert report.remarks == ["2 pictures lie in folders below (Animal, Street): name those to commands"]


def test_a_wrong_folder_is_one_line(tmp_path):
    with pytest.raises(LicLabError, match="no such folder"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(LicLabError, match="there are no pictures in"):
        check_folder(tmp_path)


def test_everything_that_was_found_goes_into_json(tmp_path):
    put(tmp_path, "a.png", "b.png")
    numbers = json.loads(json.dumps(check_folder(tmp_path).numbers()))
    assert numbers["pictures"] == 2 and numbers["sizes"] == [[320, 300, 2]] and numbers["problems"] == []
