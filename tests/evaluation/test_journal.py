"""The journal of a sweep gives back every finished row and nothing else, however it was interrupted."""

import json

import numpy as np
import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.journal import Journal, fingerprint


def record(image, quality=50, **more):
    row = {"codec": "jpeg", "settings": "v1", "quality": quality, "image": image, "bytes": 9}
    return row | {"picture": image, "metrics": ["ssim"], "machine": "here"} | more


def find(journal, image="a", quality=50, settings="v1", metrics=("ssim",)):
    return journal.find("jpeg", settings, quality, image, metrics)


def test_rows_are_found_by_what_they_depend_on(tmp_path):
    Journal(tmp_path).add(record("a"))
    journal = Journal(tmp_path)
    assert find(journal) == record("a") == find(journal, quality=50.0, metrics=())
    assert not find(journal, image="b") and not find(journal, quality=51)
    assert not find(journal, settings="v2") and not find(journal, metrics=("ssim", "lpips"))


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_begins_anew(tmp_path, cut):
    journal = Journal(tmp_path)
    journal.add(record("a"))
    journal.add(record("b"))
    path = tmp_path / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(tmp_path)
    assert find(again, "a") and not find(again, "b")
    again.add(record("c"))
    assert [json.loads(line)["image"] for line in path.read_text().splitlines()] == ["a", "c"]


def test_lines_that_are_no_rows_are_passed_over(tmp_path):
    Journal(tmp_path).add(record("a"))
    with open(tmp_path / "rows.jsonl", "ab") as file:
        file.write(b"\0\0\0\n[1, 2]\n{}\n")
    Journal(tmp_path).add(record("b"))
    assert len(Journal(tmp_path).rows) == 2


def test_a_row_that_was_measured_again_replaces_the_old_one(tmp_path):
    journal = Journal(tmp_path)
    journal.add(record("a"))
    journal.add(record("a", bytes=10, metrics=["ssim", "lpips"]))
    assert find(Journal(tmp_path), metrics=("lpips",))["bytes"] == 10


def test_infinite_numbers_come_back(tmp_path):
    Journal(tmp_path).add(record("a", psnr_db=float("inf")))
    assert find(Journal(tmp_path))["psnr_db"] == float("inf")


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    journal.add(record("a"))
    journal.remember("key", [1.0])
    assert find(journal) and journal.points == {"key": [1.0]} and not list(tmp_path.iterdir())


def test_points_are_remembered_and_forgotten_with_the_rows(tmp_path):
    Journal(tmp_path).remember("key", [1.0, 2.5])
    Journal(tmp_path).add(record("a"))
    assert Journal(tmp_path).points == {"key": [1.0, 2.5]}
    fresh = Journal(tmp_path, fresh=True)
    assert not fresh.points and not fresh.rows and not Journal(tmp_path).rows


def test_a_folder_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LicLabError, match=r"cannot use the folder .*file'") as caught:
        Journal(tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_pictures_are_told_apart_by_pixels_and_shape():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert fingerprint(picture) == fingerprint(picture.copy()) == fingerprint(np.asfortranarray(picture))
    assert len({fingerprint(picture), fingerprint(picture.reshape(4, 2, 3)), fingerprint(picture + np.uint8(1))}) == 3
