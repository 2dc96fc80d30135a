"""A task earns points part by part; the same claims are held against other inputs with another seed."""

import signal
import threading
import time

import pytest

from lic_lab.check import check, grade, list_exercises, list_tasks, tasks
from lic_lab.check.exercises import NotYet
from lic_lab.check.tasks import Task, within
from lic_lab.errors import LicLabError

DRAWN = []


@pytest.fixture(autouse=True)
def own_task(monkeypatch):
    """A task of an assignment A99 that is there only during a test: half of its points for small numbers."""
    monkeypatch.setattr(tasks, "_TASKS", dict(tasks._TASKS))
    DRAWN.clear()
    task = Task("A99.1", "Twice a number", seconds=0.2)

    @task.part("small numbers", points=1)
    def _(answer, rng):
        DRAWN.append(int(rng.integers(1, 9)))
        if answer(DRAWN[-1]) != 2 * DRAWN[-1]:
            raise NotYet(f"{DRAWN[-1]} is not doubled")

    @task.part("large numbers", points=2.5)
    def _(answer, rng):
        n = int(rng.integers(10**6, 10**7))
        if answer(n) != 2 * n:
            raise NotYet(f"{n} is not doubled")

    return task


def double(n):
    return 2 * n


def small_only(n):
    return 2 * n if n < 100 else n


def test_a_right_answer_earns_every_point_and_each_part_has_its_line(capsys):
    assert grade("A99.1", double) == 3.5
    said = capsys.readouterr().out.splitlines()
    assert said == ["A99.1 Twice a number: 3.5 of 3.5 points", "  ✓ 1  small numbers", "  ✓ 2.5  large numbers"]


def test_a_partly_right_answer_earns_the_points_of_its_parts_with_a_hint_for_the_others(capsys):
    assert grade("A99.1", small_only) == 1
    assert capsys.readouterr().out.splitlines()[2].startswith("  ✗ 2.5  large numbers: ")


@pytest.mark.parametrize("answer", [None, ..., lambda n: None, lambda n: ...])
def test_an_empty_answer_earns_nothing_and_is_still_to_do(answer, capsys):
    assert grade("A99.1", answer) == 0
    assert capsys.readouterr().out.count("still to do") == 2


def test_an_answer_that_raises_earns_nothing_and_says_what_it_raised(capsys):
    def broken(n):
        raise ValueError("of no\nuse")

    assert grade("A99.1", broken) == 0
    assert "your function raised ValueError: of no use" in capsys.readouterr().out


def test_checking_gives_true_for_all_points_only():
    assert check("A99.1", double) and check("a99.1", double) and not check("A99.1", small_only)


def test_the_same_seed_draws_the_same_inputs_and_another_seed_others():
    for seed in (0, 0, 1, 2, 3):
        grade("A99.1", double, seed=seed)
    assert DRAWN[0] == DRAWN[1] and len(set(DRAWN)) > 1


def test_points_for_hidden_inputs_are_told_from_those_for_the_open_ones(capsys):
    grade("A99.1", double)
    grade("A99.1", double, seed=7)
    opened, hidden = (line for line in capsys.readouterr().out.splitlines() if line.startswith("A99.1"))
    assert hidden == f"{opened} (other inputs)"


def test_a_new_part_leaves_the_inputs_of_the_others_as_they_were(own_task):
    grade("A99.1", double)
    own_task.parts.insert(0, tasks.Part("drawn before", 1, lambda answer, rng: rng.integers(9)))
    grade("A99.1", double)
    assert DRAWN[0] == DRAWN[1]


def test_an_endless_part_is_stopped_and_the_next_is_still_graded(capsys):
    def endless(n):
        while n < 100:
            pass
        return 2 * n

    assert grade("A99.1", endless) == 2.5
    assert "took longer than 0.2 seconds and was stopped" in capsys.readouterr().out


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_an_endless_part_is_stopped_whatever_ctrl_c_does_and_that_stays_as_it_was(handler):
    def endless():
        while True:
            pass

    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(NotYet, match="was stopped"), within(0.05):
            endless()
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_in_time_is_not_interrupted_afterwards():
    with within(0.05):
        pass
    time.sleep(0.1)


def test_an_interruption_by_the_user_stays_one():
    with pytest.raises(KeyboardInterrupt), within(10):
        raise KeyboardInterrupt


def test_a_thread_beside_the_main_one_is_not_timed():
    done = []

    def work():
        with within(0.01):
            time.sleep(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_unknown_tasks_are_refused_with_those_there_are():
    with pytest.raises(LicLabError, match=r"no task A99\.7: A99 has A99\.1"):
        grade("A99.7", double)
    with pytest.raises(LicLabError, match=r"no task A77\.1: there are assignments"):
        check("A77.1", double)


# ---- the tasks of the assignments ------------------------------------------------------------------------------------

ALL = list_tasks()


def test_tasks_are_numbered_from_one_within_their_assignment():
    for assignment in {task.id.partition(".")[0] for task in ALL}:
        ids = [row.id for row in list_exercises(assignment)]
        assert ids == [f"{assignment}.{number}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.id)
def test_a_task_says_what_is_asked_and_every_part_what_holds(task):
    for line in (task.asks, *(part.claim for part in task.parts)):
        assert len(line.split()) >= 3 and "\n" not in line and len(line) <= 110
    assert len(task.parts) >= 2 and all(part.points > 0 for part in task.parts)
    assert len({part.claim for part in task.parts}) == len(task.parts)


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.id)
def test_a_constant_or_a_stub_earns_no_point(task, capsys):
    for constant in (0, 1, 0.5, True, "", b"", [], {}, (0, 1)):
        assert grade(task.id, constant) == 0, f"{constant!r} earns points"
        assert grade(task.id, lambda *_, constant=constant, **__: constant) == 0, f"a function that gives {constant!r}"

    def stub(*_):
        """As it stands in the notebook."""
        ...

    assert grade(task.id, stub) == 0
