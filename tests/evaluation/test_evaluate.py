"""A sweep: real files in every row, nothing measured twice, nothing lost when it is killed, bad pictures left out."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.pillow import Jpeg
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import evaluate as room
from lic_lab.evaluation import sweep
from lic_lab.evaluation.curves import FIELDS, read_rows
from lic_lab.evaluation.evaluate import evaluate
from lic_lab.metrics.quality import ms_ssim, psnr, ssim

NO_LPIPS = tuple(metric for metric in sweep.METRICS if metric != "lpips")
QUICK = ("ssim",)
TIMES = ("encode_seconds", "decode_seconds", "peak_memory_mb")


def picture(seed, height=40, width=56):
    rng, grid = np.random.default_rng(seed), np.mgrid[0:height, 0:width].sum(0)[..., None]
    return np.clip(2 * grid + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def images():
    return {name: picture(seed) for seed, name in enumerate("abc")}


@pytest.fixture
def measured(monkeypatch):
    """What `sweep.measure` is asked for while a test runs: (codec, picture, quality)."""
    asked, measure = [], sweep.measure

    def spy(codec, name, image, **how):
        asked.append((codec.name, name, how["quality"]))
        return measure(codec, name, image, **how)

    monkeypatch.setattr(sweep, "measure", spy)
    return asked


# Rows


def test_every_number_is_that_of_the_file_itself():
    image = picture(0, 170, 180)
    (row,) = evaluate(["jpeg"], {"cat": image}, qualities=[40], metrics=NO_LPIPS)
    codec = lic_lab.load("jpeg")
    data = codec.encode(image, 40)
    back = codec.decode(data)
    assert row["bytes"] == len(data) and row["bpp"] == 8 * len(data) / (170 * 180)
    assert (row["psnr_db"], row["ssim"], row["ms_ssim"]) == (psnr(image, back), ssim(image, back), ms_ssim(image, back))
    assert row["settings"] == codec.settings and row["encode_seconds"] > 0 and row["decode_seconds"] > 0
    assert row["estimated_bpp"] is None and row["lpips"] is None and set(FIELDS) <= set(row)


def test_every_quality_is_measured_on_every_picture_of_every_data_set(images):
    sets = {"one": images, "two": {"a": images["b"]}}
    rows = evaluate(["jpeg", "webp"], sets, qualities={"jpeg": [20, 60], "": [30]}, metrics=())
    found = {(row["dataset"], row["codec"], row["quality"], row["image"]) for row in rows}
    assert found == {
        (name, codec, quality, image)
        for name, pictures in sets.items()
        for codec, quality in (("jpeg", 20), ("jpeg", 60), ("webp", 30))
        for image in pictures
    }
    assert len(rows) == len(found)


def test_without_qualities_there_is_one_for_all_pictures_near_each_rate(images):
    rows = evaluate(["jpeg2000"], images, targets=(2.5, 1.5), metrics=())
    rates = {q: [row["bpp"] for row in rows if row["quality"] == q] for q in {row["quality"] for row in rows}}
    low, high = sorted(rates.values())
    assert low == pytest.approx([1.5] * 3, rel=0.1) and high == pytest.approx([2.5] * 3, rel=0.1)


def test_a_learned_codec_is_charged_what_it_wrote_and_its_estimate_stands_beside():
    torch.manual_seed(0)
    codec = LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm")
    row, _ = evaluate(
        [codec, "jpeg"], {"a": picture(1, 128, 128)}, qualities={"charm": [1.0], "": [50]}, metrics=NO_LPIPS
    )
    assert row["bytes"] == len(codec.encode(picture(1, 128, 128), 1.0))
    assert row["estimated_bpp"] == pytest.approx(row["bpp"], rel=0.03, abs=64 / 128**2 * 8)
    assert row["estimated_bpp"] != row["bpp"]


def test_each_view_of_a_pair_is_estimated_by_itself_where_it_is_coded_by_itself():
    torch.manual_seed(0)
    from lic_lab.codecs.separate import Separate

    codec = Separate(LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm"))
    pair = np.stack([picture(1, 128, 128), picture(2, 128, 128)])
    (row,) = evaluate([codec], {"p": pair}, qualities=[1.0], metrics=NO_LPIPS)
    assert row["dataset"] == "pairs" and row["estimated_bpp"] == pytest.approx(
        row["bpp"], rel=0.03, abs=64 / 128**2 * 8
    )
    assert sum(row["view_psnr_db"]) / 2 == pytest.approx(row["psnr_db"])


def test_lambdas_are_for_learned_codecs_and_the_others_go_by_rates(images):
    codec = LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm")
    low, high = codec.model.lambdas[0], codec.model.lambdas[-1]
    rows = evaluate([codec, "jpeg"], {"a": images["a"]}, lambdas=[low, high], targets=(2.0,), metrics=())
    assert [row["quality"] for row in rows if row["codec"] == "charm"] == [0, len(codec.model.lambdas) - 1]
    assert [row["bpp"] <= 2 for row in rows if row["codec"] == "jpeg"] == [True]


def test_mixed_sizes_are_fine_and_too_small_ones_have_no_such_number():
    sizes = {"large": picture(0, 170, 161), "medium": picture(1, 40, 31), "tiny": picture(2, 9, 64)}
    rows = {row["image"]: row for row in evaluate(["jpeg"], sizes, qualities=[50], metrics=NO_LPIPS)}
    assert rows["large"]["ms_ssim"] and rows["medium"]["ms_ssim"] is None
    assert rows["medium"]["ssim"] and rows["tiny"]["ssim"] is None and rows["tiny"]["psnr_db"] > 20


def test_lpips_without_its_weights_is_mentioned_once_and_left_out(images, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="no LPIPS: .*AlexNet") as said:
        rows = evaluate(["jpeg"], images, qualities=[50], metrics=("ssim", "lpips"))
    assert len(said) == 1 and all(row["lpips"] is None and row["ssim"] for row in rows)


# What goes wrong


class Failing(Jpeg):
    """JPEG that fails on very dark pictures."""

    def _encode(self, image, quality):
        if image.mean() < 5:
            raise RuntimeError("too dark for me")
        return super()._encode(image, quality)


def test_a_picture_that_a_codec_fails_on_is_named_and_left_out(images):
    images = {"dark": np.zeros((40, 56, 3), np.uint8), **images}
    with pytest.warns(UserWarning, match=r"jpeg at quality 50 is left out on dark: .*too dark for me"):
        rows = evaluate([Failing()], images, qualities=[50], metrics=())
    assert [row["image"] for row in rows] == ["a", "b", "c"]
    with pytest.warns(UserWarning, match="left out on dark"):
        assert len(evaluate([Failing()], images, targets=(2.0,), metrics=())) == 3  # though it is a probe, too


def test_a_codec_that_reaches_no_rate_is_left_out_and_alone_it_is_an_error(images):
    with pytest.warns(UserWarning, match="jpeg is left out on pictures: jpeg reaches none"):
        rows = evaluate(["jpeg", "jpeg2000"], images, targets=(1.0,), metrics=())
    assert {row["codec"] for row in rows} == {"jpeg2000"}
    with (
        pytest.warns(UserWarning, match="reaches none"),
        pytest.raises(LicLabError, match="nothing could be measured; the first reason: jpeg reaches none"),
    ):
        evaluate(["jpeg"], images, targets=(1e-4,), metrics=())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"qualities": [300]}, "quality of jpeg runs from 1 to 100, got 300"),
        ({"metrics": ["vmaf"]}, "no metric is called 'vmaf'"),
        ({"save": True}, "give out="),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(images, measured, arguments, words):
    with pytest.raises(LicLabError, match=words):
        evaluate(["jpeg"], images, **arguments)
    assert not measured


def test_nothing_to_evaluate_on_is_an_error():
    for nothing in ({}, {"empty": {}}):
        with pytest.raises(LicLabError, match="no pictures"):
            evaluate(["jpeg"], nothing)


def test_codecs_of_pictures_and_of_pairs_are_not_confused(images):
    with pytest.raises(LicLabError, match="pair:jpeg codes stereo pairs"):
        evaluate(["pair:jpeg"], images)
    with pytest.raises(LicLabError, match="use pair:jpeg"):
        evaluate(["jpeg"], {"p": np.stack([images["a"], images["b"]])})


# Going on


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
def test_a_row_of_something_else_is_measured_again(images, measured, tmp_path, monkeypatch, change):
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


KILLED = """
import os, sys
import numpy as np
from tests_evaluate import picture, QUICK, evaluate

def progress(done, total, doing):
    if done == 4 and "which" not in doing:
        with open(sys.argv[1] + "/rows.jsonl", "ab") as file:
            file.write(b'{"dataset": "pictures", "codec": "jp')
        os.kill(os.getpid(), 9)

evaluate(["jpeg"], {name: picture(seed) for seed, name in enumerate("abc")}, out=sys.argv[1], qualities=[20, 60],
         metrics=QUICK, progress=progress)
"""


def test_a_sweep_that_is_killed_goes_on_where_it_was(images, measured, tmp_path):
    (tmp_path / "tests_evaluate.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
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


# Files


def test_tables_and_their_conditions_are_written(images, tmp_path):
    rows = evaluate(["jpeg"], images, out=tmp_path / "new", qualities=[20, 60], metrics=QUICK)
    assert [r["bytes"] for r in read_rows(tmp_path / "new" / "rows.csv")] == [r["bytes"] for r in rows]
    average = json.loads((tmp_path / "new" / "average.json").read_text())
    assert [r["pictures"] for r in average["averages"]] == [3, 3]
    assert average["about"]["settings"] == {"jpeg": [lic_lab.load("jpeg").settings]}
    assert {"torch", "python", "processor", "threads"} <= set(average["about"]["machine"])


def test_reconstructions_are_kept_as_they_decode_beside_the_original(images, tmp_path, measured):
    how = {"out": tmp_path, "qualities": [50], "metrics": QUICK, "save": True}
    evaluate(["jpeg"], {"cats": images}, **how)
    codec, place = lic_lab.load("jpeg"), tmp_path / "reconstructions" / "cats" / "jpeg" / "50"
    back = codec.decode(codec.encode(images["a"], 50))
    assert np.array_equal(read_image(place / "a_reconstructed.png"), back)
    assert np.array_equal(read_image(place / "a_comparison.png"), np.concatenate([images["a"], back], axis=1))
    (place / "b_reconstructed.png").unlink()
    measured.clear()
    evaluate(["jpeg"], {"cats": images}, **how)
    assert measured == [("jpeg", "b", 50)] and (place / "b_reconstructed.png").is_file()


def test_equal_pictures_have_infinite_psnr_and_still_fit_into_tables(tmp_path):
    rows = evaluate(["jpeg"], {"grey": np.full((32, 32, 3), 128, np.uint8)}, out=tmp_path, qualities=[90], metrics=())
    assert rows[0]["psnr_db"] == math.inf == read_rows(tmp_path / "rows.csv")[0]["psnr_db"]
    assert json.loads((tmp_path / "rows.json").read_text())["rows"][0]["psnr_db"] is None
