"""A training that runs can be paused, resumed and stopped from outside."""

import os
import signal
import threading
import time

import pytest

from lic_lab.training.control import Control, patient_signals
from lic_lab.training.recipes import train

QUICK = {"preset": "tiny", "crop": 64, "batch_size": 1}


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "nothing happened for a minute"
        time.sleep(0.005)


def stands_still(steps):
    before = len(steps)
    time.sleep(0.5)
    return len(steps) == before


def test_a_training_in_a_thread_is_paused_resumed_and_stopped(pictures, tmp_path):
    control, steps = Control(), []

    def work():
        watch = lambda now: (steps.append(now.step), time.sleep(0.005))  # noqa: E731
        train("hyperprior", [pictures], out=tmp_path, steps=10_000, control=control, watch=watch, **QUICK)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: len(steps) >= 2)
    control.pause()
    wait_for(lambda: stands_still(steps))  # once the step it is in has come to its end, however long that takes
    held = len(steps)
    time.sleep(0.3)
    assert control.paused and len(steps) == held
    control.resume()
    wait_for(lambda: len(steps) > held)
    control.stop()
    thread.join(60)
    assert not thread.is_alive() and control.stopped
    assert {"state.pt", "hyperprior.safetensors", "hyperprior.last.safetensors"} <= {f.name for f in tmp_path.iterdir()}
    done = len(steps)
    train(
        "hyperprior",
        [pictures],
        out=tmp_path,
        steps=done + 1,
        resume=True,
        watch=lambda now: steps.append(now.step),
        **QUICK,
    )
    assert steps == list(range(1, done + 2))  # every step once


def test_a_signal_ends_the_waiting_of_a_pause():
    control, asked = Control(), threading.Event()
    control.pause()
    threading.Timer(0.05, asked.set).start()
    assert control.wait(asked) < 10 and control.paused


def test_stopping_ends_a_pause():
    control = Control()
    control.pause()
    control.stop()
    assert control.wait() < 1 and not control.paused


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_next_one_means_what_it_meant_before(number):
    heard = []
    before = signal.signal(number, lambda *_: heard.append("again"))
    try:
        with patient_signals() as asked:
            assert not asked.is_set()
            signal.raise_signal(number)
            assert asked.is_set() and not heard
            signal.raise_signal(number)
            assert heard == ["again"]
        os.kill(os.getpid(), number)
        wait_for(lambda: len(heard) == 2)
    finally:
        signal.signal(number, before)
