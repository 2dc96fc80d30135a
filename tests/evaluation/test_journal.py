"""The journal of a sweep gives back every finished row and nothing else, however it was interrupted."""

import json

import numpy as np
import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.journal import Journal, fingerprint, opened


def record(image, quality=50, **more):
    row = {"dataset": "cats", "codec": "jpeg", "settings": "v1", "quality": quality, "image": image}
    row |= {"bytes": 9, "bpp": 0.5, "psnr_db": 30.0}
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


@pytest.mark.parametrize(
    "line",
    [
        b"\0\0\0",
        b"\xff",
        b"[1, 2]",
        b"{}",
        b"[" * 100_000,
        *(
            json.dumps(record("b", **wrong)).encode()
            for wrong in (
                {"metrics": None},
                {"metrics": [1]},
                {"metrics": "ssim"},
                {"codec": 7},
                {"settings": ["v1"]},
                {"picture": None},
                {"machine": None},
                {"quality": "50"},
                {"quality": 10**400},
                {"bytes": None},
                {"bpp": True},
                {"psnr_db": float("nan")},
                {"ssim": "high"},
                {"label": 3},
                {"view_psnr_db": [None]},
                {"view_ms_ssim": 1},
            )
        ),
    ],
)
def test_lines_that_are_no_rows_are_passed_over(tmp_path, line):
    Journal(tmp_path).add(record("a"))
    with open(tmp_path / "rows.jsonl", "ab") as file:
        file.write(line + b"\n")
    Journal(tmp_path).add(record("c"))
    assert [row["image"] for row in Journal(tmp_path).rows.values()] == ["a", "c"]


@pytest.mark.parametrize("text", ["[]", "{", "null", '{"key": 3}', '{"key": []}', '{"key": ["1"]}'])
def test_damaged_points_are_forgotten(tmp_path, text):
    (tmp_path / "points.json").write_text(text)
    assert Journal(tmp_path).points == {}


def test_rows_with_and_without_the_metric_that_costs_seconds_are_kept_apart(tmp_path):
    Journal(tmp_path).add(record("a", metrics=["peak_memory_mb", "ssim"], bytes=1))
    assert not find(Journal(tmp_path)) and find(Journal(tmp_path), metrics=["peak_memory_mb"])["bytes"] == 1
    Journal(tmp_path).add(record("a", bytes=2))
    journal = Journal(tmp_path)
    assert find(journal)["bytes"] == 2 and find(journal, metrics=["peak_memory_mb"])["bytes"] == 1


def test_a_second_command_is_refused_in_one_line_while_the_first_measures(tmp_path):
    with opened(tmp_path) as journal:
        journal.add(record("a"))
        with pytest.raises(LicLabError, match=r"another command measures into .* now") as caught, opened(tmp_path):
            pass
    assert "\n" not in str(caught.value)
    with opened(tmp_path) as journal:
        assert find(journal)


def test_whole_points_have_every_picture_every_metric_and_the_newest_settings(tmp_path):
    journal = Journal(tmp_path)
    for image in "ab":
        journal.add(record(image, codec="mine", settings="old weights"))
        journal.add(record(image, 20))
    journal.add(record("a", 30))  # b is missing
    for image in "abc":
        journal.add(record(image, 70, codec="mine", settings="new weights", dataset="kittens"))
        journal.add(record(image, 40, metrics=[]))

    def whole(pictures, **now):
        found = journal.whole_points(pictures, ["ssim"], {(codec, ""): settings for codec, settings in now.items()})
        return [[(row["codec"], row["quality"], row["image"]) for row in rows] for rows in found]

    assert whole({"x": "a", "y": "b"}) == [
        [("jpeg", 20, "x"), ("jpeg", 20, "y")],
        [("mine", 70, "x"), ("mine", 70, "y")],
    ]
    assert whole({"c": "c"}) == [[("mine", 70, "c")]]
    assert [("mine", 50, "x")] in whole({"x": "a"}, mine="old weights")
    assert whole({"new": "d"}) == []


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


def test_points_are_remembered(tmp_path):
    Journal(tmp_path).remember("key", [1.0, 2.5])
    assert Journal(tmp_path).points == {"key": [1.0, 2.5]}


def test_some_rows_can_be_forgotten_and_the_others_stay(tmp_path):
    for image in "abc":
        Journal(tmp_path).add(record(image))
    Journal(tmp_path).forget([("jpeg", "v1", 50, "b"), ("jpeg", "v1", 50, "never measured")], ["ssim"])
    assert [row["image"] for row in Journal(tmp_path).rows.values()] == ["a", "c"]


def test_a_folder_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LicLabError, match=r"cannot use the folder .*file'") as caught:
        Journal(tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_pictures_are_told_apart_by_pixels_and_shape():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert fingerprint(picture) == fingerprint(picture.copy()) == fingerprint(np.asfortranarray(picture))
    assert len({fingerprint(picture), fingerprint(picture.reshape(4, 2, 3)), fingerprint(picture + np.uint8(1))}) == 3
