"""The numbers of a step do not depend on how it is cut into parts, nor on how many processes share it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest
import torch

from lic_lab.datasets.crops import CropBank, center_crops, split
from lic_lab.datasets.pairs import PairBank, center_pairs, split_pairs
from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import load_weights
from lic_lab.models.presets import PRESETS, build
from lic_lab.training.loop import Trainer
from lic_lab.training.processes import Processes
from lic_lab.training.recipe import Recipe


def one_step(name, pictures, folder, accumulate):
    recipe = Recipe(steps=1, crops=((1.0, 64, 4),), precision="fp32", accumulate=accumulate)
    torch.manual_seed(0)
    model = build(name, "tiny")
    stereo = model.views == 2
    training, held = (split_pairs if stereo else split)([pictures])
    bank = (PairBank if stereo else CropBank)(training, smallest=64)
    trainer = Trainer(model, recipe, bank, (center_pairs if stereo else center_crops)(held, 64), folder)
    trainer.run()
    return trainer.progress, [p.grad for p in trainer.model.parameters()]


@pytest.mark.parametrize("name", PRESETS)
def test_a_step_in_parts_has_the_loss_and_the_gradient_of_a_whole_one(name, pictures, tmp_path):
    whole, gradients = one_step(name, pictures, tmp_path / "whole", 1)
    parts, others = one_step(name, pictures, tmp_path / "parts", 4)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5) and parts.bpp == pytest.approx(whole.bpp, rel=1e-5)
    assert parts.terms == pytest.approx(whole.terms, rel=1e-4)
    scale = max(float(g.abs().max()) for g in gradients)
    for a, b in zip(gradients, others, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4 * scale)


def test_parts_that_draw_other_noise_would_be_noticed(pictures, tmp_path, monkeypatch):
    from lic_lab.training import loop

    whole, _ = one_step("charm", pictures, tmp_path / "whole", 1)
    monkeypatch.setattr(loop, "share_of_noise", lambda part, batch: nullcontext())
    parts, _ = one_step("charm", pictures, tmp_path / "parts", 4)
    assert parts.loss != pytest.approx(whole.loss, rel=1e-5)


def test_every_crop_of_a_step_belongs_to_one_part_of_one_process(monkeypatch):
    taken = []
    for rank in range(3):
        processes = Processes()
        processes.count, processes.rank = 3, rank
        taken += [i for part in processes.share(12, 2) for i in part]
        assert len(processes.share(12, 2)) == 2 and processes.main == (rank == 0)
    assert taken == list(range(12))
    with pytest.raises(LicLabError, match=r"8 crops a step do not go into 3 process.* multiple of 6"):
        processes.share(8, 2)


def test_a_device_that_is_not_there_is_told_in_one_line():
    with pytest.raises(LicLabError, match="no device is called 'gpu'"):
        Processes("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(LicLabError, match="no CUDA device here"):
            Processes("cuda")
    with pytest.raises(LicLabError, match="trained on cpu or cuda, not on 'meta'"):
        Processes("meta")


def test_a_stage_that_cannot_be_shared_is_refused_before_the_first_step(pictures, tmp_path):
    recipe = Recipe(steps=10, crops=((0.5, 64, 4), (1.0, 64, 1)), accumulate=2)
    training, held = split([pictures])
    with pytest.raises(LicLabError, match="1 crops a step do not go into 1 process"):
        Trainer(build("charm", "tiny"), recipe, CropBank(training, smallest=64), center_crops(held, 64), tmp_path / "r")


WORDS = ["--preset", "tiny", "--crop", "64", "--batch-size", "4", "--precision", "fp32", "--threads", "1"]


def command(*words, processes=1):
    launcher = (
        ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    )
    return [sys.executable, "-m", *launcher, "lic_lab.cli", "train", *map(str, words), *WORDS]


def history(folder):
    rows = json.loads((folder / "history.json").read_text())
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_two_processes_give_the_losses_of_one(pictures, tmp_path):
    for count in (1, 2):
        words = ["charm", pictures, "--steps", "4", "--every", "1", "--out", tmp_path / str(count)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command(*words, processes=count), capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("weights:") == 1  # one of the processes talks
    one, two = history(tmp_path / "1"), history(tmp_path / "2")
    assert [row["step"] for row in one] == [row["step"] for row in two] == [1, 2, 3, 4]
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=2e-5)  # before any step; written with five digits
    for a, b in zip(one, two, strict=True):  # Adam divides by the size of gradients, and so magnifies their rounding
        assert [b["loss"], b["objective"]] == pytest.approx([a["loss"], a["objective"]], rel=2e-3)
    assert "2 processes" in load_weights(tmp_path / "2" / "charm.safetensors").card["hardware"]


def test_two_processes_can_end_hard_with_an_encoder_that_stands_still(pictures, tmp_path):
    words = ["asymmetric", pictures, "--steps", "4", "--soft", "0.5", "--every", "4", "--out", tmp_path]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(*words, processes=2), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert load_weights(tmp_path / "asymmetric.safetensors").card["recipe"]["soft"] == 0.5


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Linux and macOS")
def test_two_processes_that_are_interrupted_end_after_the_same_step_and_save_it(pictures, tmp_path):
    words = ["hyperprior", pictures, "--steps", "5000", "--every", "20", "--out", tmp_path]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(command(*words, processes=2), env=environment, **quiet)
    while run.poll() is None and not (tmp_path / "history.json").exists():
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)  # torchrun hands it on, and a SIGTERM right behind it
    run.wait(60)
    step = torch.load(tmp_path / "state.pt", weights_only=True)["progress"]["step"]
    assert f"interrupted at step {step}" in (tmp_path / "train.log").read_text()
    assert 20 <= step < 5000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_a_run_killed_at_any_moment_goes_on_with_the_numbers_of_one_that_was_not(pictures, tmp_path):
    words = ["hyperprior", pictures, "--steps", "60", "--every", "3"]
    whole = subprocess.run(command(*words, "--out", tmp_path / "whole"), capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    killed = tmp_path / "killed"
    for part in (0.05, 0.4, 0.9):  # of the way from one state to the next: in a step, in a validation, while writing
        how = ["--resume"] if (killed / "state.pt").exists() else []
        run = subprocess.Popen(command(*words, "--out", killed, *how), stderr=subprocess.PIPE)
        times = [_next_state(killed / "state.pt", run) for _ in range(2)]
        time.sleep(part * (times[1] - times[0]))  # not so many seconds: a fast machine would be done by then
        run.kill()
        run.communicate()
    steps = torch.load(killed / "state.pt", weights_only=True)["progress"]["step"]
    assert 0 < steps < 60, "the run was over before it could be killed: give it more steps"
    done = subprocess.run(command(*words, "--out", killed, "--resume"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert history(killed) == history(tmp_path / "whole")
    mine, theirs = (load_weights(folder / "hyperprior.last.safetensors") for folder in (killed, tmp_path / "whole"))
    assert mine.fingerprint() == theirs.fingerprint()


def _next_state(path, run):
    """Wait until the run has written its state once more, or ended; the time, in seconds."""
    before = _written(path)
    while run.poll() is None and _written(path) == before:
        time.sleep(0.01)
    return time.monotonic()


def _written(path):
    return path.stat().st_mtime_ns if path.exists() else -1
