"""`lic-lab evaluate` as a person meets it: words, flags of old, files, and one line where something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import lic_lab
from lic_lab import cli
from lic_lab.datasets.images import read_image, write_image
from lic_lab.datasets.stereo import motorcycle
from lic_lab.evaluation.curves import read_rows


def picture(seed, height=48, width=64):
    rng, grid = np.random.default_rng(seed), np.mgrid[0:height, 0:width].sum(0)[..., None]
    return np.clip(2 * grid + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab evaluate` with words, in a folder with two pictures in cats/; gives click's result."""
    monkeypatch.chdir(tmp_path)
    Path("cats").mkdir()
    for seed, name in enumerate("ab"):
        write_image(f"cats/{name}.png", picture(seed))
    return lambda line, *more: CliRunner().invoke(cli.main, ["evaluate", *line.split(), *map(str, more)])


@pytest.fixture
def weights(tmp_path):
    """Give a file of small untrained weights in runs/NAME."""
    from lic_lab.models.checkpoints import save_model

    def make(folder, name="charm", **how):
        torch.manual_seed(0)
        path = tmp_path / "runs" / folder / f"{name}.safetensors"
        save_model(lic_lab.build(name, "tiny", **how), path, name=name, preset="tiny")
        return path

    return make


QUICK = "--metrics ssim --qualities 20,40,60,80"


def test_the_answer_is_tables_on_the_screen_and_everything_in_the_folder(run):
    result = run(f"jpeg,webp cats {QUICK} --out found")
    assert result.exit_code == 0, result.output
    assert "cats: Averages over 2 pictures" in result.stdout and "BD-rate" in result.stdout
    rows = read_rows("found/rows.csv")
    assert len(rows) == 16 and {row["dataset"] for row in rows} == {"cats"}
    names = ("average.csv", "rows.json", "average.json", "rd.png", "rd.html", "bd_rate.csv", "README.md")
    assert all(Path("found", name).is_file() for name in names)


@pytest.mark.parametrize("name", ["README.md", "rows.csv"])
def test_what_a_person_has_in_the_folder_stays(run, name):
    Path(name).write_text("mine")
    said = run(f"jpeg cats --out . {QUICK}")
    assert said.exit_code == 2 and f"'{name}' is somebody's own, and stays" in said.stderr
    assert Path(name).read_text() == "mine" and not Path("rows.jsonl").exists()


def test_json_is_all_that_is_printed(run):
    rows = json.loads(run(f"jpeg cats {QUICK} --json").stdout)
    assert len(rows) == 8 and rows[0]["codec"] == "jpeg" and rows[0]["ms_ssim"] is None
    assert len(read_rows("evaluation/rows.csv")) == 8


def test_the_same_command_again_takes_over_and_says_so(run):
    first = run(f"jpeg cats {QUICK}")
    again = run(f"jpeg cats {QUICK}")
    assert "taken over" not in first.stderr and "8 of 8 rows had been measured before" in again.stderr
    assert "taken over" not in run(f"jpeg cats {QUICK} --no-resume").stderr


def test_a_killed_command_goes_on(run, tmp_path):
    words = [sys.executable, "-m", "lic_lab.cli", "evaluate", "jpeg", "cats", "--metrics", "ssim", "--out", "killed"]
    words += ["--qualities", ",".join(map(str, range(1, 101)))]
    with subprocess.Popen(words, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        journal = tmp_path / "killed" / "rows.jsonl"
        ends = time.monotonic() + 60
        while time.monotonic() < ends and (not journal.exists() or journal.read_bytes().count(b"\n") < 3):
            time.sleep(0.005)
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    there = journal.read_bytes().count(b"\n")
    assert 3 <= there
    result = run(f"jpeg cats --metrics ssim --out killed --qualities {words[-1]}")
    assert f"{there} of 200 rows had been measured before" in result.stderr
    assert len(read_rows("killed/rows.csv")) == 200


def test_qualities_can_be_given_to_each_codec(run):
    assert run("jpeg,webp cats --metrics= --qualities jpeg=20,80 --qualities webp=5.5").exit_code == 0
    found = {(row["codec"], row["quality"]) for row in read_rows("evaluation/rows.csv")}
    assert found == {("jpeg", 20), ("jpeg", 80), ("webp", 5.5)}


def test_several_data_sets_have_a_report_each_and_one_table(run):
    Path("dogs").mkdir()
    write_image("dogs/a.png", picture(7))
    assert run(f"jpeg cats dogs {QUICK}").exit_code == 0
    assert len(read_rows("evaluation/rows.csv")) == 12
    assert Path("evaluation/cats/README.md").is_file() and Path("evaluation/dogs/rd.png").is_file()
    assert run(f"jpeg cats dogs {QUICK} --name animals --out one").exit_code == 0
    assert {row["dataset"] for row in read_rows("one/rows.csv")} == {"animals"}


def test_the_flags_of_bimamba_are_understood(run, weights):
    low, high = weights("lambda_0.002", lambdas=(0.002,)), weights("lambda_0.01", lambdas=(0.01,))
    result = run(f"--ckpts {low} {high} --kodak cats --out_dir results --columns bimamba --metrics=")
    assert result.exit_code == 0, result.output
    lines = Path("results/Average_Results.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["kodak", "charm", "lambda_0.002"],
        ["kodak", "charm", "lambda_0.01"],
    ]


def test_the_flags_of_the_asymmetric_codec_are_understood(run, weights):
    line = f"--checkpoint {weights('mine')} --test-dir cats --output-dir results --batch-size 4 --save-reconstructions"
    result = run(f"{line} --compute-metrics --columns asymmetric --metrics= --lambda 0.01")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("has no effect") == 2 and "one at a time" in result.stderr
    (reconstructed,) = Path("results/reconstructions/cats/mine").glob("*/a_reconstructed.png")
    assert read_image(reconstructed).shape == (48, 64, 3)
    assert reconstructed.with_name("a_comparison.png").is_file() and Path("results/evaluation_report.json").is_file()


def test_the_flags_of_csm_are_understood(run, weights):
    result = run(f"--checkpoint {weights('mine')} --data cats --real --cuda --metrics= --lambda 0.01 --clip_max_norm 1")
    assert result.exit_code == 0, result.output
    assert "--real has no effect: every number here is of a real file" in result.stderr
    assert torch.cuda.is_available() or "--device cuda has no effect" in result.stderr


def test_the_flags_of_bisic_are_understood(run, weights):
    left, right, _ = motorcycle()
    Path("pairs").mkdir()
    write_image("pairs/1_left.png", left[100:200, 200:330])
    write_image("pairs/1_right.png", right[100:200, 200:330])
    line = f"--model_dir {weights('stereo', 'bisic')} --dataset_dir pairs --output_dir results --data_name instereo2k"
    result = run(f"{line} --choose_entropy_estimation --network Main --columns bisic --metrics= --lambda 0.01")
    assert result.exit_code == 0, result.output
    assert "weights of a stereo model, so DATASETs are taken for stereo pairs" in result.stderr
    (file,) = Path("results").glob("stereo-*.json")
    assert len(json.loads(file.read_text())["results"]["left-mse"]) == 1
    assert read_rows("results/rows.csv")[0]["dataset"] == "instereo2k"


def test_a_corrupt_picture_among_good_ones_is_named_and_left_out(run):
    Path("cats/broken.png").write_bytes(Path("cats/a.png").read_bytes()[:300])
    result = run(f"jpeg cats {QUICK}")
    assert result.exit_code == 0 and "note: left out: cannot read 'cats/broken.png'" in result.stderr
    assert {row["image"] for row in read_rows("evaluation/rows.csv")} == {"a", "b"}


def test_published_curves_stand_beside_our_own(run):
    for number in (1, 2):
        write_image(f"kodim0{number}.png", picture(number))
    result = run(f"jpeg kodim01.png kodim02.png {QUICK} --published vtm --out found")
    assert result.exit_code == 0, result.output
    assert "vtm" in Path("found/bd_rate.csv").read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["name a DATASET"]),
        ("jpeg", ["name a DATASET"]),
        ("jpeg nowhere", ["nowhere", "no such picture or folder"]),
        ("jpegg cats", ["jpegg", "did you mean"]),
        ("jpeg empty", ["no pictures in"]),
        ("jpeg broken", ["one.png"]),
        ("jpeg cats --qualities 10,many", ["--qualities takes numbers"]),
        ("jpeg cats --qualities 1000", ["1 to 100", "--qualities jpeg=1,100"]),
        ("jpeg cats --targets 0.00001", ["nothing could be measured", "smallest"]),
        ("jpeg cats --metrics vmaf", ["vmaf", "ms_ssim"]),
        ("jpeg cats --published vtm", ["no published curves are on 'cats'", "kodak"]),
        ("jpeg cats --published kodak/vtmm", ["vtmm", "published:vtm"]),
        ("jpeg cats --anchor webp", ["webp", "not measured"]),
        ("jpeg cats --columns bisic", ["--stereo"]),
        ("jpeg cats --out cats/a.png", ["is a file"]),
        ("jpeg cats --stereo", ["stereo pairs"]),
        ("bisic cats", ["codes stereo pairs", "add --stereo"]),
        ("jpeg motorcycle", ["motorcycle holds stereo pairs: add --stereo"]),
        ("jpeg cats --qualities jpg=10,20", ["'jpg', which is not measured here", "jpeg"]),
        ("jpeg cats --qualities 10 --qualities 20", ["stands twice without a codec's name"]),
        ("jpeg cats --qualities jpeg=10 --qualities jpeg=20", ["stands twice for jpeg"]),
        ("jpeg cats --qualities jpeg=", ["--qualities takes numbers", "''"]),
        ("charm cats --device nosuch", ["--device is cpu, cuda", "'nosuch'"]),
        ("charm cats --device meta", ["--device is cpu, cuda", "'meta'"]),
        ("jpeg cats --targets 0", ["a target rate is a positive number", "got 0"]),
        ("jpeg cats --targets -1", ["a target rate is a positive number", "got -1"]),
        ("jpeg cats --targets nan", ["a target rate is a positive number", "got nan"]),
        ("jpeg cats --targets ,", ["--targets takes numbers", "','"]),
        ("jpeg cats --targets=", ["--targets takes numbers"]),
        (", cats", ["an empty word"]),
        ("jpeg cats --name ..", ["a data set is called by a word", "'..'"]),
        ("--checkpoint nowhere.safetensors --data cats", ["nowhere.safetensors"]),
        ("--checkpoint cats/a.png --data cats", ["no .safetensors file"]),
        ("jpeg cats --box moon", ["moon", "instereo2k"]),
    ],
)
def test_what_is_wrong_is_said_in_the_last_line(run, line, words):
    for folder in ("empty", "broken"):
        Path(folder).mkdir()
    Path("broken/one.png").write_bytes(b"no picture")
    result = run(line)
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    assert all(word in result.stderr.splitlines()[-1] for word in words), result.stderr
    assert not list(Path().rglob("*.csv"))


def test_an_empty_word_is_not_the_usual_codecs(run):
    result = run("", "", "cats")
    assert result.exit_code == 2 and "an empty word" in result.stderr and not Path("evaluation").exists()


def test_weights_in_a_folder_called_as_a_codec_are_another_codec(run, weights):
    (low, high) = weights("jpeg"), weights("seed-2/jpeg")
    result = run(f"jpeg,{low},{high} cats --metrics= --qualities 1,2 --columns bimamba")
    assert result.exit_code == 0, result.output
    rows = read_rows("evaluation/rows.csv")
    assert len(rows) == 12 and {row["codec"] for row in rows} == {"jpeg", "jpeg/charm", "jpeg/charm-2"}


def test_the_columns_of_bisic_take_any_name_of_weights(run, weights):
    left, right, _ = motorcycle()
    Path("pairs").mkdir()
    for side, view in (("left", left), ("right", right)):
        write_image(f"pairs/1_{side}.png", view[100:200, 200:330])
    first, second = weights("mine", "bisic"), weights("seed-2/mine", "bisic")
    result = run(f"{first},{second} pairs --columns bisic --metrics= --qualities 1")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("evaluation").glob("mine*.json")) == ["mine-1.json", "mine-bisic-1.json"]


def test_what_another_command_measured_on_the_same_pictures_stands_in_the_tables(run):
    run(f"jpeg cats {QUICK}")
    result = run(f"webp cats {QUICK}")
    assert "8 more rows of the same pictures" in result.stderr and "BD-rate" in result.stdout
    assert {row["codec"] for row in read_rows("evaluation/rows.csv")} == {"webp", "jpeg"}
    assert "jpeg" in Path("evaluation/bd_rate.csv").read_text()


def test_a_folder_in_use_is_refused_in_one_line(run):
    from filelock import FileLock

    Path("evaluation").mkdir()
    with FileLock("evaluation/.rows.lock"):
        result = run(f"jpeg cats {QUICK}")
    assert result.exit_code == 2 and "another command measures into 'evaluation' now" in result.stderr
    assert run(f"jpeg cats {QUICK}").exit_code == 0


def test_a_full_disk_is_one_line_and_what_was_finished_is_taken_over_later(run, monkeypatch):
    count = iter(range(100))

    def full(_):
        if next(count) >= 3:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lic_lab.evaluation.journal.os.fsync", full)
        result = run(f"jpeg cats {QUICK}")
    assert result.exit_code == 2
    assert "No space left on device; 3 finished rows are safe" in result.stderr.splitlines()[-1]
    assert " of 8 rows had been measured before" in run(f"jpeg cats {QUICK}").stderr
