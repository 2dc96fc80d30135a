"""The training cockpit in plain Python: its buttons, what is kept, and that trouble ends in one line."""

import errno
import threading
import time

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import load_weights
from lic_lab.training import loop
from lic_lab.training.loop import read_state
from lic_lab.training.recipes import train
from lic_lab.widgets import TrainingCockpit

QUICK = {"crop": 64, "batch_size": 1, "every": 2}
PATIENCE = 120  # seconds


@pytest.fixture
def cockpit(tmp_path):
    """Makes cockpits of one folder; what still runs at the end of a test is stopped."""
    made = []

    def make(**options):
        options = {"model": "hyperprior", "steps": 4, "out": tmp_path / "runs", **QUICK} | options
        made.append(TrainingCockpit(**options))
        return made[-1]

    yield make
    for cockpit in made:
        cockpit.control.stop()
        if cockpit.thread:
            cockpit.thread.join(PATIENCE)


def until(condition):
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.02)


def works(cockpit):
    """The buttons that do something now."""
    return {name for name, button in cockpit.buttons.items() if not button.disabled}


def settled(cockpit):
    """The step at which a paused run waits."""
    step = -1
    while step != cockpit.trace.last.step or not step:
        step = cockpit.trace.last.step
        time.sleep(0.5)
    return step


def test_a_run_leaves_curves_pictures_and_weights_that_decode(cockpit):
    panel = cockpit()
    assert works(panel) == {"start"} and "Not started" in panel.body.children[0].value
    panel.buttons["start"].click()
    panel.wait()
    assert panel.state == "done" and "Done: 4 steps" in panel.status.value
    assert panel.trace.steps == [1, 2, 3, 4] and len(panel.trace.values["gradient"]) == 4
    assert [row["step"] for row in panel.trace.rows] == [0, 2, 4] and len(panel.trace.jpeg) > 3
    assert len(panel.views) == 8 and panel.trace.picture.title.endswith("after 4 steps")
    x = torch.rand(1, 3, 70, 50)
    assert panel.model.decompress(panel.model.compress(x)).shape == x.shape
    assert panel.run == panel.out / "run-1"


def test_it_trains_what_the_command_trains_to_the_same_weights(cockpit, tmp_path):
    panel = cockpit()
    panel.start()
    panel.wait()
    folders = [panel.data, panel.validation]
    same = {"preset": "tiny", "steps": 4, "lr": 2e-3, "precision": "fp32", **QUICK, "every": 2}
    path = train("hyperprior", folders[0], validation=folders[1], out=tmp_path / "plain", **same)
    mine, theirs = panel.model.state_dict(), load_weights(path).state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_a_paused_run_stands_still_and_resume_goes_on(cockpit):
    panel = cockpit(steps=50)
    panel.start()
    until(lambda: panel.trace.last.step >= 2)
    panel.pause()
    assert works(panel) == {"resume", "stop"}
    step = settled(panel)
    panel.wait()  # does not wait for somebody who paused
    assert panel.trace.last.step == step < 50
    panel.resume()
    until(lambda: panel.trace.last.step > step + 1)
    assert works(panel) == {"pause", "stop"}


def test_a_stopped_run_keeps_its_weights_and_goes_on_to_the_numbers_of_an_unbroken_one(cockpit, tmp_path):
    whole = cockpit(steps=6, out=tmp_path / "whole")
    whole.start()
    whole.wait()
    panel = cockpit(steps=6)
    panel.start()
    until(lambda: panel.trace.last.step >= 2)
    panel.pause()
    settled(panel)
    panel.stop()
    panel.wait()
    assert panel.state == "stopped" and works(panel) == {"start", "resume"}
    assert 2 <= read_state(panel.run)["progress"]["step"] < 6 and panel.model.rates == 3
    before = list(panel.trace.steps)
    panel.resume()
    panel.wait()
    assert (
        panel.state == "done" and panel.trace.steps == [1, 2, 3, 4, 5, 6] and panel.trace.steps[: len(before)] == before
    )
    mine, theirs = (read_state(each.run)["model"] for each in (panel, whole))
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_another_kernel_finds_the_run_and_goes_on(cockpit):
    first = cockpit(steps=2)
    first.start()
    first.wait()
    later = cockpit(steps=4)
    assert "run-1 of an earlier session" in later.status.value and works(later) == {"start", "resume"}
    later.resume()
    later.wait()
    assert later.trace.last.step == 4 and [row["step"] for row in later.trace.rows] == [2, 4]


def test_folders_whose_names_only_begin_like_those_of_runs_are_left_alone(cockpit, tmp_path):
    for name in ("run-notes", "run-1-best", "run-", "run-9.old"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "state.pt").write_bytes(b"of somebody else")
    panel = cockpit(steps=2)
    assert panel.state == "ready" and panel.run is None and "Press Start" in panel.status.value
    panel._press("start")
    panel.wait()
    assert panel.state == "done" and panel.run.name == "run-1"
    assert "run-1 of an earlier session" in cockpit().status.value


def test_the_last_run_is_the_one_with_the_highest_number(cockpit, tmp_path):
    for number in (2, 10, 9):
        (tmp_path / "runs" / f"run-{number}").mkdir(parents=True)
        (tmp_path / "runs" / f"run-{number}" / "state.pt").write_bytes(b"")
    (tmp_path / "runs" / "run-11").mkdir()  # ended before it had a state
    panel = cockpit()
    assert panel.run.name == "run-10" and panel._runs()[-1] == (11, tmp_path / "runs" / "run-11")


def test_a_new_start_takes_the_tradeoff_that_is_chosen_and_leaves_the_old_run_alone(cockpit):
    panel = cockpit(steps=2)
    panel.start()
    panel.controls["tradeoff"].index = 1
    assert "next start" in panel.status.value
    panel.wait()
    assert panel.model.rates == 3
    old = (panel.run / "state.pt").read_bytes()
    panel.start()
    panel.wait()
    assert panel.run.name == "run-2" and panel.model.lambdas == [min(panel.lambdas.values())]
    assert (panel.out / "run-1" / "state.pt").read_bytes() == old


def test_what_cannot_be_done_now_is_refused_in_one_line(cockpit, tmp_path):
    panel, other = cockpit(steps=50), cockpit(out=tmp_path / "other")
    for name in ("pause", "stop", "resume"):
        panel._press(name)
        assert "press Start" in panel.status.value and "alert" in panel.status.value
    with pytest.raises(LicLabError, match="no weights are saved yet"):
        _ = panel.model
    panel.start()
    with pytest.raises(LicLabError, match="a training runs here already"):
        panel.start()
    other._press("start")
    assert "another cockpit of this kernel is training" in other.status.value and other.state == "ready"
    panel.stop()
    panel.wait()
    other.start()
    other.wait()
    assert other.state == "done"
    other._press("resume")
    assert "has taken 4 steps already: choose more steps" in other.status.value


def test_a_loss_that_is_no_number_ends_in_one_line_and_a_lower_rate_goes_on(cockpit, monkeypatch):
    panel = cockpit(steps=4, every=1)
    real, calls = loop.balanced, []

    def breaks(terms, lmbda):
        calls.append(lmbda)
        return real(terms, lmbda) * (float("nan") if len(calls) == 3 else 1)

    monkeypatch.setattr(loop, "balanced", breaks)
    panel.start()
    panel.wait()
    assert panel.state == "failed" and "the loss is not a number at step 2: lower lr" in panel.status.value
    assert read_state(panel.run)["progress"]["step"] == 2 and panel.model.rates == 3
    panel.controls["lr"].index = 0
    panel.resume()
    panel.wait()
    assert panel.state == "done" and panel.trace.steps == [1, 2, 3, 4] and panel.trace.values["rate"][-1] < 1e-4


def test_curves_take_back_the_steps_that_a_failed_run_takes_again(cockpit, monkeypatch):
    panel = cockpit(steps=5, every=2)
    real, calls = loop.balanced, []

    def breaks(terms, lmbda):
        calls.append(lmbda)
        return real(terms, lmbda) * (float("nan") if len(calls) == 4 else 1)

    monkeypatch.setattr(loop, "balanced", breaks)
    panel.start()
    panel.wait()
    assert panel.state == "failed" and panel.trace.steps == [1, 2, 3]
    assert read_state(panel.run)["progress"]["step"] == 2
    panel.resume()
    panel.wait()
    assert panel.state == "done" and panel.trace.steps == [1, 2, 3, 4, 5]
    assert all(len(values) == 5 for values in panel.trace.values.values())


def test_a_folder_without_pictures_is_said_in_the_status(cockpit, tmp_path):
    (tmp_path / "empty").mkdir()
    panel = cockpit(data=tmp_path / "empty")
    panel.start()
    panel.wait()
    assert panel.state == "failed" and "there are no pictures in" in panel.status.value
    assert works(panel) == {"start", "resume"}


def test_a_full_disk_at_the_end_is_said_in_the_status(cockpit, monkeypatch):
    panel = cockpit(steps=2, every=10)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    panel.start()
    panel.wait()
    assert panel.state == "failed" and "free some space" in panel.status.value


def test_no_thread_is_left_behind(cockpit):
    panel = cockpit(steps=2)
    panel.start()
    assert any(thread.name == "training run-1" for thread in threading.enumerate())
    panel.wait()
    assert not any(thread.name == "training run-1" for thread in threading.enumerate())


def test_a_model_or_a_recipe_that_does_not_exist_is_refused_at_once(cockpit):
    with pytest.raises(LicLabError, match="no model called 'charms'"):
        cockpit(model="charms")
    with pytest.raises(LicLabError, match="a recipe has no 'stepz'"):
        cockpit(stepz=3)


def test_a_file_where_the_runs_should_go_is_refused_at_once(cockpit, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(LicLabError, match="taken is a file: name a folder"):
        cockpit(out=tmp_path / "taken")


def test_long_curves_are_thinned_and_keep_their_ends():
    from lic_lab.training.progress import Progress
    from lic_lab.widgets.cockpit_views import MOST, Trace

    trace = Trace()
    for step in range(1, 5 * MOST):
        trace.note(Progress(step=step, loss=step))
    assert len(trace.steps) <= MOST and trace.steps[-1] > 5 * MOST - 20
    assert trace.values["loss"] == trace.steps


@pytest.fixture
def held(cockpit, monkeypatch):
    """A cockpit whose training does nothing until `go` is set, and then leaves the state that is asked for."""
    panel, go = cockpit(), threading.Event()

    def train(work):
        go.wait(PATIENCE)
        panel._enter("done")
        return True

    monkeypatch.setattr(panel, "_train", train)
    panel.start()
    yield panel, go
    go.set()


@pytest.mark.parametrize("button", ["pause", "stop", "resume"])
def test_a_run_that_ends_while_a_button_is_pressed_is_over(held, monkeypatch, button):
    panel, go = held
    if button == "resume":
        panel.pause()
    enter = panel._enter

    def late(state):
        if threading.current_thread() is threading.main_thread():
            go.set()
            panel.thread.join(0.5)  # it ends between the look at the state and its change, if it may
        enter(state)

    monkeypatch.setattr(panel, "_enter", late)
    panel._press(button)
    panel.thread.join(PATIENCE)
    assert panel.state == "done" and works(panel) == {"start", "resume"}


def test_a_run_whose_thread_died_without_a_word_counts_as_stopped(held):
    panel, go = held
    go.set()
    panel.thread.join(PATIENCE)
    panel._enter("running")  # what a thread leaves that was ended from outside
    panel._press("pause")
    assert panel.state == "stopped" and "nothing runs that could be paused" in panel.status.value
    assert works(panel) == {"start", "resume"}
