"""`lic-lab probe` as a person meets it: numbers and figures in a folder, and one line where something is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lic_lab import cli
from lic_lab.datasets.images import write_image
from lic_lab.models.checkpoints import save_model
from lic_lab.models.presets import build


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab` with words in a folder that holds photo.png; gives click's result."""
    monkeypatch.chdir(tmp_path)
    write_image("photo.png", np.random.default_rng(0).integers(0, 256, (130, 150, 3), dtype=np.uint8))
    return lambda line: CliRunner().invoke(cli.main, line.split())


def looked(result, what, *figures):
    assert result.exit_code == 0, result.output
    assert {path.name for path in Path("out").iterdir()} == {f"{what}.json", *(f"{name}.png" for name in figures)}
    return json.loads(Path("out", f"{what}.json").read_text())


def test_the_spectrum_of_an_untrained_model(run):
    result = run("probe spectrum cmamba photo.png --preset tiny --out out")
    found = looked(result, "spectrum", "spectrum", "spectrum_maps", "spectrum_paths")
    assert found["model"] == "cmamba, untrained tiny" and found["pictures"] == ["photo"]
    block = next(block for block in found["blocks"] if block["path"] == "analysis.deep.1")
    within = [one["name"] for one in found["blocks"] if one["inside"] == block["path"]]
    assert within == ["SSM adds", "SSM path", "CNN adds", "CNN path", "fusion", "block adds"]
    assert block["name"] == "ContentAdaptive" and block["deltas"] == {"photo": pytest.approx(block["delta"])}
    assert block["delta"] == pytest.approx(block["log_amplitude"][-1] - block["log_amplitude"][0])
    assert len(found["blocks"]) == result.stdout.count("delta log amplitude")


def test_the_correlation_of_weights_from_a_file(run):
    save_model(build("charm", "tiny"), "own.safetensors", name="charm", preset="tiny")
    found = looked(run("probe correlation own.safetensors photo.png --rate 1 --out out"), "correlation", "correlation")
    assert found["model"] == "own" and found["rate"] == 1
    assert np.shape(found["correlation"]) == (9, 9) and found["correlation"][4][4] == 1


def test_the_bits_add_up_to_the_file(run):
    found = looked(run("probe bits charm photo.png --preset tiny --rate 2 --out out"), "bits", "bits_photo")
    file = found["files"]["photo"]
    assert np.sum(file["position_bits"]) == pytest.approx(np.sum(file["channel_bits"]) + np.sum(file["side_bits"]))
    assert 0 < 8 * file["bytes"] - np.sum(file["position_bits"]) < 8 * 60  # header and the end of the stream


@pytest.mark.parametrize(
    "name, groups", [("charm", ["side", "1 to 4", "5 to 12", "13 to 24"]), ("hyperprior", ["side", "1 to 24"])]
)
def test_the_bits_of_a_file_are_told_by_slice(run, name, groups):
    result = run(f"probe bits {name} photo.png --preset tiny --rate 2 --out out")
    file = looked(result, "bits", "bits_photo")["files"]["photo"]
    assert list(file["group_bits"]) == groups
    assert sum(file["group_bits"].values()) == pytest.approx(np.sum(file["position_bits"]))
    second = groups[1].split(" to ")
    channels = np.sum(file["channel_bits"], axis=0)[int(second[0]) - 1 : int(second[1])]
    assert file["group_bits"][groups[1]] == pytest.approx(channels.sum())
    share = file["group_bits"]["side"] / sum(file["group_bits"].values())
    assert f"of all bits: side latent {share:.1%}, channels {groups[1]} " in result.stdout


def test_the_field_of_convolutions_is_the_one_by_hand(run):
    found = looked(run("probe field charm photo.png --preset tiny --out out"), "field", "field")
    assert found["theoretical"] == "61 x 61 pixels" and found["side"] == 128
    assert 1 <= found["effective_sides"]["0.5"] <= found["effective_sides"]["0.9"] <= 64


def test_a_stereo_model_is_looked_at_on_pairs(run):
    found = looked(run("probe spectrum bisic --preset tiny --out out"), "spectrum", "spectrum", "spectrum_maps")
    assert found["pictures"] == ["motorcycle"]


def test_the_gates_of_wavelet_attention_are_between_their_ends(run):
    found = looked(run("probe attention asymmetric photo.png --preset tiny --out out"), "attention", "attention_photo")
    for gate in found["files"]["photo"].values():
        assert 0.3 <= np.min(gate["mean_gate"]) <= np.max(gate["mean_gate"]) <= 1
        assert sum(gate["band_shares"].values()) == pytest.approx(1)


def test_what_one_view_asks_of_the_other_is_shown_for_every_block(run):
    result = run("probe attention bisic --preset tiny --out out")
    assert result.exit_code == 0, result.output
    found = json.loads(Path("out/attention.json").read_text())["files"]["motorcycle"]
    assert {path.name for path in Path("out").glob("*.png")} == {f"attention_motorcycle_{path}.png" for path in found}


def test_the_partition_says_which_channels_are_convolved(run):
    found = looked(run("probe partition csm photo.png --preset tiny --out out"), "partition", "partition")
    assert [sum(rows[0]) for rows in found["near"].values()] == [len(rows[0]) // 2 for rows in found["near"].values()]


def test_disparity_is_measured_against_the_truth_and_against_knowing_nothing(run):
    result = run("probe disparity bisic --preset tiny --out out")
    found = json.loads(Path("out/disparity.json").read_text())["blocks"]
    assert result.stdout.count("median error") == len(found) > 1
    assert all(block["median_error"] >= 0 and block["constant_error"] > 0 for block in found.values())


def test_a_model_without_weights_is_refused_with_the_mend(run, no_weights):
    result = run("probe spectrum charm photo.png --out out")
    assert result.exit_code == 2 and "no trained weights" in result.output and "lic-lab train charm" in result.output
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("probe attention charm photo.png --preset tiny --out out", ["has no wavelet attention"]),
        ("probe partition charm photo.png --preset tiny --out out", ["has no channel partition"]),
        ("probe disparity charm --preset tiny --out out", ["has no mutual attention"]),
        ("probe spectrum nope photo.png --out out", ["nope"]),
        ("probe bits charm photo.png --preset tiny --rate 9 --out out", ["off the ladder"]),
        ("probe spectrum charm photo.png --preset tiny --side 512 --out out", ["no square of 512 pixels"]),
        ("probe field charm nothing.png --preset tiny --out out", ["nothing.png"]),
        ("probe bits charm photo.png --preset tiny --out photo.png", ["is a file"]),
        ("probe disparity bisic photo.png photo.png --preset tiny --out out", ["leave PICTURES out"]),
        ("probe spectrum charm photo.png --preset tiny --rate 2 --out out", ["does not depend on the rate"]),
        ("probe spectrum charm photo.png --rule whole --side 64 --preset tiny --out out", ["leave it out"]),
        ("probe bits charm photo.png --side 64 --preset tiny --out out", ["--side is of the square of a spectrum"]),
        ("probe bits mine.safetensors photo.png --preset tiny --out out", ["says itself of what preset it is"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_left_behind(run, line, words):
    result = run(line)
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    assert all(word in result.stderr.splitlines()[-1] for word in words), result.stderr
    assert [path.name for path in Path().iterdir()] == ["photo.png"]
