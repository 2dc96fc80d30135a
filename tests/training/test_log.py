"""What a run leaves to read."""

import json

import pytest

from lic_lab.training.log import Log
from lic_lab.training.recipes import train

QUICK = {"preset": "tiny", "crop": 64, "batch_size": 1}


def events(folder):
    """All of TensorBoard's scalars and pictures, as TensorBoard reads them."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator(str(folder))
    reader.Reload()
    tags = reader.Tags()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in tags["scalars"]}, tags["images"]


def test_tensorboard_gets_the_numbers_of_the_steps_and_of_the_validations(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(Log, "EVERY", 1)
    seen = []
    train("asymmetric", [pictures], out=tmp_path, steps=3, every=3, watch=lambda now: seen.append(now.loss), **QUICK)
    scalars, images = events(tmp_path / "events")
    assert [step for step, _ in scalars["train/loss"]] == [1, 2, 3]
    assert [value for _, value in scalars["train/loss"]] == pytest.approx(seen)
    assert {"train/bpp", "train/psnr_db", "train/learning_rate", "train/gradient_norm", "train/post_filter"} <= set(
        scalars
    )
    (row,) = json.loads((tmp_path / "history.json").read_text())
    assert scalars["validation/objective"] == [(3, pytest.approx(row["objective"]))]
    assert [scalars[f"validation/bpp/rung_{k}"][0][1] for k in range(3)] == pytest.approx(row["bpp"])
    assert images == ["validation/rung_0", "validation/rung_2"]


def test_events_after_the_step_of_a_resume_are_not_shown_twice(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(Log, "EVERY", 1)

    class Killed(Exception):
        pass

    def kill(now):
        if now.step == 5:
            raise Killed

    with pytest.raises(Killed):
        train("hyperprior", [pictures], out=tmp_path, steps=6, every=2, watch=kill, **QUICK)
    train("hyperprior", [pictures], out=tmp_path, steps=6, every=2, resume=True, **QUICK)
    scalars, _ = events(tmp_path / "events")
    assert [step for step, _ in scalars["train/loss"]] == [1, 2, 3, 4, 5, 6]


def test_train_log_tells_the_story_of_the_run(pictures, tmp_path):
    train("hyperprior", [pictures], out=tmp_path, steps=2, every=1, **QUICK)
    train("hyperprior", [pictures], out=tmp_path, steps=3, every=1, resume=True, **QUICK)
    lines = [line.split(" ", 2)[2] for line in (tmp_path / "train.log").read_text().splitlines()]
    begins = [line.split(":")[0] for line in lines]
    assert begins == [
        "from step 0 of 2",
        "step 1",
        "step 2",
        "done at step 2",
        "from step 2 of 3",
        "step 3",
        "done at step 3",
    ]


def test_a_log_that_is_not_active_writes_nothing(tmp_path):
    log = Log(tmp_path, active=False)
    log.say("something")
    log.step(50, {"loss": 1.0})
    log.close()
    assert not list(tmp_path.iterdir())
