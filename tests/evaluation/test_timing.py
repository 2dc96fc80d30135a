"""Timings are taken in turns, and the machine they were taken on is stated."""

import time

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.timing import Timing, machine, side_by_side


def test_tasks_take_turns_and_the_warm_up_does_not_count():
    order = []
    tasks = {name: lambda name=name: order.append(name) for name in "abc"}
    timings = side_by_side(tasks, runs=3, warm_up=1)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3, 3]
    assert list(timings) == ["a", "b", "c"]


def test_a_slow_first_call_does_not_show():
    waits = iter([1.0, 0, 0, 0])
    timing = side_by_side({"compiles first": lambda: time.sleep(next(waits))}, runs=3)["compiles first"]
    assert timing.slowest < 1


def test_a_timing_tells_the_middle_and_both_ends():
    timing = Timing((3.0, 1.0, 2.0, 10.0, 2.5))
    assert (timing.median, timing.fastest, timing.slowest) == (2.5, 1.0, 10.0)


def test_nothing_to_time_is_no_timing():
    assert side_by_side({}) == {}
    with pytest.raises(LicLabError, match="at least one run"):
        side_by_side({"a": int}, runs=0)


def test_the_machine_says_how_many_threads_ran():
    import torch

    about = machine()
    assert about["threads"] == torch.get_num_threads() and about["cores"] >= 1
    assert about["processor"] and about["torch"] == torch.__version__
