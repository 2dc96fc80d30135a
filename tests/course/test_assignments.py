"""Right, partial, wrong and no answers to the five assignments get their points; hostile ones get nothing."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent))

from submissions import above, all_rows, answers, hand_in, tasks
from tiny import hostile

from lic_lab.check import list_tasks
from lic_lab.course.folder import shipped_assignments
from lic_lab.course.grading import grade
from lic_lab.course.limits import MIB, Limits
from lic_lab.course.marks import grade_id, read_notebook
from lic_lab.course.releasing import release

ASSIGNMENTS = ("A1", "A2", "A3", "A4", "A5")
DRASTIC = ("exits", "loops", "eats-memory", "deletes-a-tree")
HONEST = ("right", "partial", "wrong", "empty")
QUICK = {"A1": HONEST, "A2": ("right", "partial"), "A3": ("right",), "A4": ("empty",), "A5": ("empty",)}


def mark_honest(place: Path, kinds: dict[str, tuple[str, ...]]) -> dict[tuple[str, str], dict]:
    """Grade honest submissions, assignment -> kinds, by one command: (assignment, kind) -> row."""
    for made in release(place / "course", kinds):
        given = answers(made.assignment)
        for kind in kinds[made.assignment]:
            cells = {} if kind == "empty" else getattr(given, kind.upper())
            hand_in(place / "handed" / kind, made.assignment, made.path, cells)
    grade(place / "course", place / "handed", limits=Limits())
    return all_rows(place / "course")


def judge_honest(name: str, kind: str, row: dict) -> None:
    """Hold the row of an honest submission against what its answers are worth."""
    assert (row["maximum"], row["status"], row["reason"]) == ("20", "graded", "")
    if kind == "partial":
        assert tasks(row) == answers(name).PARTIAL_POINTS
        assert 0 < float(row["total"]) < 20
    else:
        assert row["total"] == ("20" if kind == "right" else "0")
        assert kind == "right" or set(tasks(row).values()) == {0}


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A course in which honest submissions to all assignments were graded: its folder's parent, and the scores."""
    place = tmp_path_factory.mktemp("marked")
    return place, mark_honest(place, QUICK)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in QUICK.items() for kind in kinds])
def test_right_answers_earn_all_partial_ones_a_part_and_wrong_or_no_answers_nothing(marked, name, kind):
    judge_honest(name, kind, marked[1][name, kind])


@pytest.mark.parametrize("task", list_tasks(), ids=lambda task: task.id)
def test_a_task_whose_every_part_runs_out_of_time_does_not_end_the_submission(task):
    checked_and_graded = 2 * task.seconds * len(task.parts)
    assert checked_and_graded < Limits().seconds


@pytest.mark.parametrize("name", ["A1", "A2"])
def test_where_tasks_build_on_each_other_an_endless_first_answer_is_graded_within_the_minutes(name):
    cells = read_notebook(next(shipped_assignments().glob(f"{name}_*.ipynb"))).cells
    given = sum(cell.cell_type == "code" and not grade_id(cell) for cell in cells)
    checked_and_graded = sum(2 * task.seconds * len(task.parts) for task in list_tasks(name))
    assert checked_and_graded + given * Limits().given < 60 * Limits().minutes


@pytest.mark.slow
def test_the_other_answers_earn_what_they_are_worth(tmp_path):
    kinds = {name: tuple(kind for kind in HONEST if kind not in quick) for name, quick in QUICK.items()}
    for (name, kind), row in mark_honest(tmp_path, kinds).items():
        judge_honest(name, kind, row)


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_hostile_submissions_to_an_assignment_are_worth_nothing_and_change_no_score(marked, name):
    place, before = marked
    bait, given = place / "bait", answers(name)
    bait.mkdir(exist_ok=True)
    (bait / "precious.txt").write_text("precious")
    kinds = hostile(bait / "precious.txt", place / "handed" / "right")
    released = next(place.glob(f"course/release/{name}/*.ipynb"))
    for kind in DRASTIC:
        hand_in(place / f"hostile-{name}" / kind, name, released, above(kinds[kind][0], given.RIGHT))
    kept = {path: path.read_bytes() for path in [*bait.iterdir(), *place.glob("handed/*/*/*")]}
    limits = Limits(seconds=30, memory=2048 * MIB)
    fresh = grade(place / "course", place / f"hostile-{name}", [name], limits=limits).fresh
    assert sorted(one.student for one in fresh) == sorted(DRASTIC)
    assert [one for one in fresh if one.total or kinds[one.student][1].split()[0] not in one.reason] == []
    assert {path: path.read_bytes() for path in kept} == kept
    after = all_rows(place / "course")
    assert {key: after[key] for key in before} == before
