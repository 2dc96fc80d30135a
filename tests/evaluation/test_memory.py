"""The peak of memory is that of the work, whatever ran before; seconds are those of the work alone."""

import math
import subprocess
import sys
import time

import numpy as np
import pytest

from lic_lab.evaluation import memory
from lic_lab.evaluation.memory import timed

MANY = 60_000_000  # bytes


def fill(size=MANY):
    return int(np.ones(size, np.uint8)[-1])


@pytest.fixture(params=["the system's peak", "looking"])
def way(request, monkeypatch):
    if request.param == "looking":
        pytest.importorskip("psutil")
        monkeypatch.setattr(memory, "_PROCESS", memory.Path("/nowhere"))
    elif not memory._reset_peak():
        pytest.skip("this system does not remember the peak of a process")


def work():
    held = np.ones(MANY, np.uint8)
    time.sleep(0.05)  # longer than between two looks
    return int(held[-1])


def test_the_peak_is_what_the_work_needed_though_it_gave_it_back(way):
    run = timed(work, memory=True)
    assert run.result == 1 and 0.9 * MANY < 1e6 * run.peak_mb < 1.3 * MANY


def test_what_ran_before_does_not_change_the_peak(way):
    before = timed(work, memory=True).peak_mb
    kept = [np.ones(1000, np.uint8) for _ in range(20000)]
    fill(4 * MANY)
    kept.clear()
    assert timed(work, memory=True).peak_mb == pytest.approx(before, rel=0.2)


def test_work_that_needs_nothing_has_no_peak(way):
    assert 0 <= timed(lambda: 1, memory=True).peak_mb < 5


def test_memory_of_programs_that_the_work_starts_counts():
    pytest.importorskip("psutil")
    code = f"import time; held = bytearray(b'x' * {MANY}); time.sleep(0.3)"
    run = timed(lambda: subprocess.run([sys.executable, "-c", code], check=True), memory=True, programs=True)
    assert 0.9 * MANY < 1e6 * run.peak_mb


def test_without_being_asked_nothing_is_known_of_memory_and_seconds_are_measured():
    run = timed(lambda: time.sleep(0.02), memory=False)
    assert math.isnan(run.peak_mb) and run.seconds >= 0.02


def test_without_psutil_and_without_the_system_the_peak_is_unknown(monkeypatch):
    monkeypatch.setattr(memory, "_PROCESS", memory.Path("/nowhere"))
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert math.isnan(timed(fill, memory=True).peak_mb)


def test_an_error_of_the_work_is_its_own(way):
    with pytest.raises(ZeroDivisionError):
        timed(lambda: 1 / 0, memory=True)
