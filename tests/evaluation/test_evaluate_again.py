"""A sweep goes on: nothing measured twice or lost when it is killed, and nothing else taken over for it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lic_lab
from lic_lab import __version__
from lic_lab.codecs.pillow import Jpeg
from lic_lab.errors import LicLabError
from lic_lab.evaluation import evaluate as room
from lic_lab.evaluation.curves import read_rows
from lic_lab.evaluation.evaluate import evaluate

QUICK = ("ssim",)
TIMES = ("encode_seconds", "decode_seconds", "peak_memory_mb")


def test_what_was_measured_is_taken_over_and_said(images, measured, tmp_path):
    first = evaluate(["jpeg"], images, out=tmp_path, qualities=[20, 60], metrics=QUICK)
    told = []
    again = evaluate(["jpeg", "webp"], images, out=tmp_path, qualities=[20, 60], metrics=QUICK, tell=told.append)
    assert again[: len(first)] == first and told == ["6 of 12 rows had been measured before and were taken over"]
    assert len(measured) == len(set(measured)) == 12


def test_the_search_for_qualities_is_not_repeated_either(images, monkeypatch, tmp_path):
    evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=())
    monkeypatch.setattr(room, "points_near", lambda *_: pytest.fail("it searched again"))
    assert len(evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=())) == 3


@pytest.mark.parametrize("change", ["pixels", "settings", "metrics", "anew"])
def test_a_row_of_something_else_is_measured_again(images, measured, tmp_path, monkeypatch, change, picture):
    how = {"out": tmp_path, "qualities": [50], "metrics": QUICK}
    evaluate(["jpeg"], images, **how)
    measured.clear()
    if change == "pixels":
        images["b"] = picture(77)
    elif change == "settings":
        monkeypatch.setattr(Jpeg, "settings", "another version")
    elif change == "metrics":
        how["metrics"] = ("ssim", "peak_memory_mb")
    rows = evaluate(["jpeg"], images, **how, resume=change != "anew")
    assert [name for _, name, _ in measured] == (["b"] if change == "pixels" else ["a", "b", "c"])
    assert len(rows) == len(read_rows(tmp_path / "rows.csv")) == 3


def test_a_folder_may_be_renamed_and_its_rows_still_count(images, measured, tmp_path):
    evaluate(["jpeg"], {"old": images}, out=tmp_path, qualities=[50], metrics=QUICK)
    rows = evaluate(["jpeg"], {"new": {"A": images["a"]}}, out=tmp_path, qualities=[50], metrics=QUICK)
    assert len(measured) == 3 and (rows[0]["dataset"], rows[0]["image"]) == ("new", "A")


def test_beginning_anew_forgets_what_is_asked_for_and_nothing_else(images, measured, tmp_path):
    evaluate(["jpeg"], images, out=tmp_path, qualities=[20, 60], metrics=QUICK)
    evaluate(["webp"], images, out=tmp_path, qualities=[20], metrics=QUICK)
    measured.clear()
    evaluate(["jpeg"], images, out=tmp_path, qualities=[20], metrics=QUICK, resume=False)
    assert measured == [("jpeg", name, 20) for name in "abc"]
    evaluate(["jpeg", "webp"], images, out=tmp_path, qualities={"jpeg": [20, 60], "webp": [20]}, metrics=QUICK)
    assert len(measured) == 3


def test_what_was_forgotten_stays_so_when_the_new_sweep_is_killed(images, measured, tmp_path):
    def interrupt(done, total, doing):
        if done == 1 and "which" not in doing:
            raise KeyboardInterrupt

    how = {"out": tmp_path, "qualities": [20], "metrics": QUICK}
    evaluate(["jpeg"], images, **how)
    with pytest.raises(KeyboardInterrupt):
        evaluate(["jpeg"], images, **how, resume=False, progress=interrupt)
    measured.clear()
    evaluate(["jpeg"], images, **how)
    assert measured == [("jpeg", "b", 20), ("jpeg", "c", 20)]


def test_beginning_anew_searches_anew(images, monkeypatch, tmp_path):
    evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=())
    searched, search = [], room.points_near
    monkeypatch.setattr(room, "points_near", lambda *how: (searched.append(1), search(*how))[1])
    evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=(), resume=False)
    assert searched == [1]


@pytest.mark.parametrize("place", [0, 2])
def test_other_pictures_are_searched_for_qualities_of_their_own(images, monkeypatch, tmp_path, place, picture):
    evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=())
    searched = []
    monkeypatch.setattr(room, "points_near", lambda *_: searched.append(1) or [50])
    images["abc"[place]] = picture(77)
    evaluate(["jpeg"], images, out=tmp_path, targets=(2.0,), metrics=())
    assert searched == [1]


def test_rows_of_another_machine_or_version_are_counted_and_said(images, tmp_path):
    how = {"out": tmp_path, "qualities": [50], "metrics": QUICK}
    evaluate(["jpeg"], images, **how)
    journal = tmp_path / "rows.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines[:2]:
        line["machine"] = line["machine"].replace(f"lic_lab {__version__}", "lic_lab 0.0.1")
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = []
    evaluate(["jpeg"], images, **how, tell=told.append)
    assert told[0].startswith("3 of 3") and told[1].startswith("2 of them with another machine")
    machines = json.loads((tmp_path / "rows.json").read_text())["about"]["machines"]
    assert machines == [lines[0]["machine"], lines[2]["machine"]]


def test_seconds_beside_the_peak_of_memory_are_no_seconds_without_it(images, measured, tmp_path):
    slower = ("ssim", "peak_memory_mb")
    for metrics, times in ((slower, 3), (QUICK, 6), (slower, 6), (QUICK, 6)):
        evaluate(["jpeg"], images, out=tmp_path, qualities=[50], metrics=metrics)
        assert len(measured) == times


def test_a_full_disk_is_not_taken_for_a_codec_that_fails(images, tmp_path, monkeypatch, recwarn):
    def full(*_):
        raise LicLabError("cannot write 'points.json': No space left on device")

    monkeypatch.setattr("lic_lab.evaluation.journal.write_bytes", full)
    with pytest.raises(LicLabError, match=r"^cannot write 'points\.json': No space left on device$"):
        evaluate(["jpeg", "webp"], images, out=tmp_path, targets=(2.0,), metrics=())
    assert not recwarn.list


def test_two_evaluations_do_not_share_a_folder_at_once(images, tmp_path):
    def second(done, total, doing):
        if done == 1:
            with pytest.raises(LicLabError, match="another command measures into"):
                evaluate(["webp"], images, out=tmp_path, qualities=[50], metrics=QUICK)

    assert len(evaluate(["jpeg"], images, out=tmp_path, qualities=[50], metrics=QUICK, progress=second)) == 3
    assert len(evaluate(["webp"], images, out=tmp_path, qualities=[50], metrics=QUICK)) == 3


def test_what_the_folder_holds_of_the_same_pictures_can_stand_beside(images, tmp_path, picture):
    how = {"out": tmp_path, "metrics": QUICK}
    evaluate(["webp"], images, **how, qualities=[10])
    evaluate(["webp"], {"a": images["a"]}, **how, qualities=[20])  # not on all pictures
    evaluate(["webp"], {"d": picture(9)}, **how, qualities=[30])  # on others
    evaluate(["webp"], images, out=tmp_path, metrics=(), qualities=[40])  # without SSIM
    told = []
    rows = evaluate(["jpeg"], {"new": images}, **how, qualities=[50], others=True, tell=told.append)
    assert [(row["dataset"], row["codec"], row["quality"], row["image"]) for row in rows] == [
        ("new", codec, quality, image) for codec, quality in (("jpeg", 50), ("webp", 10)) for image in "abc"
    ]
    assert told == [f"3 more rows of the same pictures, which {str(tmp_path)!r} held already, stand beside these"]
    assert len(read_rows(tmp_path / "rows.csv")) == 6
    assert len(evaluate(["jpeg"], {"new": images}, **how, qualities=[50])) == 3 == len(read_rows(tmp_path / "rows.csv"))
    more = evaluate(["jpeg"], images, **how, qualities=[60], others=True)
    assert {(row["codec"], row["quality"]) for row in more} == {("jpeg", 60), ("jpeg", 50), ("webp", 10)}


def test_other_weights_of_the_same_name_do_not_stand_beside(images, tmp_path, picture):
    how = {"out": tmp_path, "metrics": QUICK, "others": True}
    evaluate([Jpeg("mine")], images, **how, qualities=[10])
    rows = evaluate([Jpeg("mine", chroma="4:4:4")], images, **how, qualities=[50])
    assert {row["quality"] for row in rows} == {50}


KILLED = """
import os, sys
import numpy as np
from tests_conftest import _picture as picture
from tests_evaluate import QUICK, evaluate

def progress(done, total, doing):
    if done == 4 and "which" not in doing:
        with open(sys.argv[1] + "/rows.jsonl", "ab") as file:
            file.write(b'{"dataset": "pictures", "codec": "jp')
        os.kill(os.getpid(), 9)

evaluate(["jpeg"], {name: picture(seed) for seed, name in enumerate("abc")}, out=sys.argv[1], qualities=[20, 60],
         metrics=QUICK, progress=progress)
"""


def test_a_sweep_that_is_killed_goes_on_where_it_was(images, measured, tmp_path):
    for name, file in (
        ("tests_evaluate.py", Path(__file__)),
        ("tests_conftest.py", Path(__file__).with_name("conftest.py")),
    ):
        (tmp_path / name).write_text(file.read_text("utf-8"), "utf-8")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    paths = os.pathsep.join([str(tmp_path), str(Path(lic_lab.__file__).parents[1])])
    ended = subprocess.run([sys.executable, "-c", KILLED, str(killed)], env={**os.environ, "PYTHONPATH": paths})
    assert ended.returncode == (-9 if os.name == "posix" else 9)
    assert not (killed / "rows.csv").exists()
    evaluate(["jpeg"], images, out=killed, qualities=[20, 60], metrics=QUICK)
    assert measured == [("jpeg", "b", 60), ("jpeg", "c", 60)]
    evaluate(["jpeg"], images, out=whole, qualities=[20, 60], metrics=QUICK)
    assert _without_times(killed / "rows.csv") == _without_times(whole / "rows.csv")
    assert len((killed / "rows.jsonl").read_text().splitlines()) == 6


def _without_times(path):
    with open(path, newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def test_a_full_disk_is_one_line_and_what_was_finished_stays(images, tmp_path, monkeypatch):
    evaluate(["jpeg"], {"a": images["a"]}, out=tmp_path, qualities=[50], metrics=QUICK)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lic_lab.evaluation.journal.os.fsync", full)
    with pytest.raises(LicLabError, match="No space left on device; 1 finished rows are safe") as caught:
        evaluate(["jpeg"], images, out=tmp_path, qualities=[50], metrics=QUICK)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    told = []
    evaluate(["jpeg"], images, out=tmp_path, qualities=[50], metrics=QUICK, tell=told.append)
    assert told[0].startswith(("1 of 3", "2 of 3"))  # the line that met the full disk may or may not have got there
