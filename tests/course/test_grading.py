"""Right, partial, wrong and empty submissions get their points; hostile ones get nothing and damage nothing."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent))

from submissions import above, hand_in, rows, tasks
from tiny import RIGHT, hostile, mark, write_assignment

from lic_lab.course import grading
from lic_lab.course.grading import grade
from lic_lab.course.kernel import clear_leftovers
from lic_lab.course.limits import MIB, Limits
from lic_lab.course.releasing import release
from lic_lab.course.scores import read_scores, write_scores
from lic_lab.errors import LicLabError

STRICT = Limits(seconds=4, minutes=2, memory=400 * MIB, disk=100 * MIB, output=4 * MIB)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A folder with a released course of the assignment T1, to be copied."""
    place = tmp_path_factory.mktemp("fresh")
    write_assignment(place / "own")
    release(place / "course", source=place / "own")
    return place / "course"


@pytest.fixture
def tiny(fresh, tmp_path):
    """A course of the assignment T1, a folder to hand in to, and the released notebook."""
    course = shutil.copytree(fresh, tmp_path / "course")
    return course, tmp_path / "handed", next(course.glob("release/T1/*.ipynb"))


@pytest.fixture(scope="module")
def matrix(fresh, tmp_path_factory):
    """All kinds of hostile submissions between two honest ones, graded by one command: (scores, kinds, files)."""
    place = tmp_path_factory.mktemp("matrix")
    shutil.copytree(fresh, place / "course")
    released = next(place.glob("course/release/T1/*.ipynb"))
    bait = place / "bait" / "precious.txt"
    bait.parent.mkdir()
    bait.write_text("precious")
    kinds = hostile(bait, place / "handed" / "anna")
    for student in ("anna", "zoe"):
        hand_in(place / "handed", student, released, RIGHT)
    for kind, (text, _) in kinds.items():
        path = hand_in(place / "handed", kind, released, above(text, RIGHT))
        if kind == "no-notebook":
            path.write_text('{"cells": [')
        if kind == "half-a-letter":
            path.write_text(path.read_text("utf-8").replace(r"\\ud800", r"\ud800"), "utf-8")
    before = {path: path.read_bytes() for path in [bait, *place.glob("handed/*/*"), *place.glob("course/source/*/*")]}
    grade(place / "course", place / "handed", limits=STRICT)
    return rows(place / "course"), kinds, before


@pytest.mark.parametrize("kind", hostile(Path("/bait"), Path("/another")))
def test_a_hostile_submission_is_worth_nothing_for_a_reason(matrix, kind):
    scores, kinds, _ = matrix
    row = scores[kind]
    assert (row["status"], row["total"], row["T1.1"], row["T1.2"]) == ("zero", "0", "0", "0")
    assert kinds[kind][1] in row["reason"]


@pytest.mark.parametrize("student", ["anna", "zoe"])
def test_honest_submissions_beside_hostile_ones_get_their_points(matrix, student):
    row = matrix[0][student]
    assert (row["status"], row["total"], row["T1.1"], row["T1.2"], row["reason"]) == ("graded", "5", "3", "2", "")


def test_hostile_submissions_leave_every_file_as_it_was(matrix):
    assert {path: path.read_bytes() for path in matrix[2]} == matrix[2]


def test_no_process_is_left_behind(matrix):
    commands = [" ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if "lic_lab.course.contained" in command]


def test_without_landlock_the_hook_alone_protects_the_files(tiny, tmp_path):
    course, handed, released = tiny
    bait = tmp_path / "bait" / "precious.txt"
    bait.parent.mkdir()
    bait.write_text("precious")
    kinds = hostile(bait, handed / "anna")
    hand_in(handed, "anna", released, RIGHT)
    for kind in ("deletes", "deletes-a-tree", "overwrites-by-a-link", "moves", "starts-a-process"):
        hand_in(handed, kind, released, above(kinds[kind][0], RIGHT))
    before = {path: path.read_bytes() for path in [bait, *handed.glob("*/*")]}
    grade(course, handed, limits=STRICT, walls=False)
    found = rows(course)
    assert {path: path.read_bytes() for path in before} == before
    assert found.pop("anna")["total"] == "5"
    assert all(row["total"] == "0" and kinds[kind][1] in row["reason"] for kind, row in found.items())


def test_what_cannot_be_read_behind_the_walls_helps_nobody(tiny):
    course, handed, released = tiny
    secret = str(course / "source" / "T1" / "T1_numbers.ipynb")
    text = f"try: stolen = open({secret!r}).read()\nexcept OSError: stolen = ''\nprint(len(stolen))"
    hand_in(handed, "anna", released, above(text, RIGHT))
    grade(course, handed, limits=STRICT)
    graded = nbformat.read(course / "autograded/anna/T1/T1_numbers.ipynb", as_version=4)
    assert (rows(course)["anna"]["total"], graded.cells[1].outputs[0].text) == ("5", "0\n")


def test_a_warning_in_a_right_answer_costs_nothing(tiny):
    course, handed, released = tiny
    warned = "warnings.warn('careful'); print('!', file=sys.stderr)"
    noisy = f"import sys, warnings\ndef double(n):\n    {warned}\n    return 2 * n"
    hand_in(handed, "anna", released, RIGHT | {"T1-1-answer": noisy})
    grade(course, handed, limits=STRICT)
    assert rows(course)["anna"]["total"] == "5"


def test_what_honest_notebooks_do_beside_the_tasks_costs_nothing(tiny):
    course, handed, released = tiny
    text = """import torch, numpy as np, matplotlib.pyplot as plt, warnings, lic_lab.check.tasks
from IPython.display import clear_output
%matplotlib inline
np.seterr(all="ignore"); np.random.seed(3); warnings.simplefilter("ignore"); torch.manual_seed(1)
plt.plot([1, 2]); plt.show()
%time 2 + 2
clear_output(); sum = 0; _ = 3
try: 1 / 0
except ZeroDivisionError: pass"""
    hand_in(handed, "anna", released, above(text, RIGHT))
    grade(course, handed, limits=Limits(memory=2048 * MIB))
    assert (rows(course)["anna"]["total"], rows(course)["anna"]["reason"]) == ("5", "")


def test_a_page_of_feedback_runs_no_program_of_a_student(tiny):
    course, handed, released = tiny
    text = "from IPython.display import HTML, display\ndisplay(HTML('<script>document.title = 1</script>'))"
    hand_in(handed, "anna", released, above(text, RIGHT))
    grade(course, handed, limits=STRICT)
    page = (course / "feedback/anna/T1/T1_numbers.html").read_text("utf-8")
    assert "<script>document.title = 1</script>" in page
    policy = page.index("Content-Security-Policy")
    assert "default-src 'none'" in page[policy : policy + 80] and policy < page.index("<script")


def test_the_name_of_a_cell_that_nobody_gave_out_is_no_formula_in_the_table(tiny):
    course, handed, released = tiny
    path = hand_in(handed, "anna", released, RIGHT)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1", metadata=mark("=1+1\x1b[31m\n" + 99 * "x")))
    nbformat.write(notebook, path)
    grade(course, handed, limits=STRICT)
    reason = rows(course)["anna"]["reason"]
    assert reason.startswith("no cell of this assignment is named =1+1 [31m xxx") and reason.isprintable()


def test_folders_of_a_grader_that_was_killed_are_taken_away_and_those_of_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("lic-99999999-dead", f"lic-{os.getpid()}-alive", "lic-other-thing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ledger").touch()
    clear_leftovers()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"lic-{os.getpid()}-alive", "lic-other-thing"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("T1-1-points did not come", "def double(n):\n    get_ipython().displayhook(3.0)\n    return 0"),
        (
            "T1-1-points did not come",
            "from IPython.display import clear_output\ndef double(n):\n    get_ipython().displayhook(3.0)\n"
            "    clear_output()\n    return 21",
        ),
        ("", "def double(n):\n    raise SystemExit"),
        ("", "def double(n):\n    exit()"),
    ],
    ids=["a result of its own", "a result taken back", "leaving", "leaving IPython"],
)
def test_a_cell_that_does_not_come_to_its_one_number_gives_nothing(tiny, said, text):
    course, handed, released = tiny
    hand_in(handed, "anna", released, RIGHT | {"T1-1-answer": text})
    grade(course, handed, limits=STRICT)
    assert (tasks(rows(course)["anna"]), said in rows(course)["anna"]["reason"]) == ({"T1.1": 0, "T1.2": 2}, True)


def test_cells_that_were_changed_deleted_or_doubled_are_as_they_were_given_out(tiny):
    course, handed, released = tiny
    path = hand_in(handed, "anna", released, {"T1-1-answer": RIGHT["T1-1-answer"]})
    notebook = nbformat.read(path, as_version=4)
    first, second = notebook.cells[2], notebook.cells[5]
    first.source, first.metadata.tags = "3.0", ["skip-execution"]
    first.metadata.nbgrader.points = 300
    forged = nbformat.v4.new_code_cell("5.0", metadata={"nbgrader": dict(second.metadata.nbgrader)})
    notebook.cells = [forged, *notebook.cells[:5]]  # a second T1-2-points in front, and the real one is gone
    nbformat.write(notebook, path)
    grade(course, handed, limits=STRICT)
    row = rows(course)["anna"]
    assert (tasks(row), row["status"]) == ({"T1.1": 3, "T1.2": 0}, "graded")
    assert "T1-1-points was changed" in row["reason"]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("%precision 3", ""),
        ("%precision 1\n%precision", ""),
        ("import numpy as np\nnp.float = float; np.int = int; np.bool = bool", ""),
        ("!ls -l /", "left out, as it starts a program: ls"),
        ("%ls", "left out, as it starts a program: ls"),
        (
            "%pip install -q numpy\n!/usr/bin/python3 -m pip list\n!uname",
            "left out, as it starts a program: pip, uname",
        ),
        ("files = !ls\nassert files == []", "left out, as it starts a program: ls"),
        ("get_ipython().run_cell_magic('bash', '', 'rm -rf .')", "left out, as it starts a program: bash"),
        ("get_ipython().run_cell_magic('script', 'ruby -v', '1')", "left out, as it starts a program: ruby"),
    ],
)
def test_what_is_common_and_harmless_in_a_notebook_costs_nothing(tiny, text, remark):
    course, handed, released = tiny
    hand_in(handed, "anna", released, above(text, RIGHT))
    grade(course, handed, limits=STRICT)
    row = rows(course)["anna"]
    assert (row["status"], row["total"], row["reason"]) == ("graded", "5", remark)
    if remark:
        page = (course / "feedback/anna/T1/T1_numbers.html").read_text("utf-8")
        assert "left out while it is graded, as it starts a program" in page


def test_a_cell_whose_text_is_for_another_program_is_left_out(tiny):
    course, handed, released = tiny
    path = hand_in(handed, "anna", released, RIGHT)
    add_cells(path, "%%bash\nls")
    grade(course, handed, limits=STRICT)
    assert (rows(course)["anna"]["total"], rows(course)["anna"]["reason"]) == (
        "5",
        "left out, as it starts a program: bash",
    )


def add_cells(path: Path, *texts: str, at: int = 2) -> None:
    """Put plain cells of code into a notebook, behind the first answer or elsewhere."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[at:at] = [nbformat.v4.new_code_cell(text) for text in texts]
    nbformat.write(notebook, path)


@pytest.mark.parametrize("goes_on", ["", "    except: pass\n"], ids=["ends", "ends at the second interruption"])
def test_an_endless_answer_in_a_given_cell_without_points_leaves_the_other_tasks_theirs(fresh, tmp_path, goes_on):
    write_assignment(tmp_path / "own")
    add_cells(next((tmp_path / "own").glob("*.ipynb")), "double(3)", at=5)  # between the tasks, to try the first
    released = release(tmp_path / "course", source=tmp_path / "own")[0].path
    endless = "def double(n):\n    if n == 21: return 42\n"
    endless += f"    try:\n        while True: pass\n{goes_on}" if goes_on else "    while True: pass\n"
    hand_in(tmp_path / "handed", "anna", released, RIGHT | {"T1-1-answer": endless + "    while n > 3: pass"})
    grade(tmp_path / "course", tmp_path / "handed", limits=replace(STRICT, seconds=16))
    row = rows(tmp_path / "course")["anna"]
    assert (row["status"], tasks(row)) == ("graded", {"T1.1": 3, "T1.2": 2})
    assert row["reason"] == "cell 6 ran longer than 1.6 seconds and was stopped"


def test_an_endless_cell_of_a_students_own_is_stopped_and_the_cells_behind_it_run(tiny):
    course, handed, released = tiny
    add_cells(hand_in(handed, "anna", released, RIGHT), "while True: pass")
    grade(course, handed, limits=STRICT)
    row = rows(course)["anna"]
    assert (row["total"], row["reason"]) == ("5", "cell 3 ran longer than 3.6 seconds and was stopped")


def test_a_cell_that_cannot_be_interrupted_costs_the_submission(tiny):
    course, handed, released = tiny
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    add_cells(hand_in(handed, "anna", released, RIGHT), deaf)
    grade(course, handed, limits=STRICT)
    row = rows(course)["anna"]
    assert (row["status"], row["total"], row["reason"]) == ("zero", "0", "cell 3 ran longer than 4 seconds")


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("def double(n)\n    return 2 * n", "T1-1-answer stopped: SyntaxError: expected ':' (line 1)"),
        ("def double(n):\n    return 2 * n\n1 / 0", "T1-1-answer stopped: ZeroDivisionError: division by zero"),
        ("def double(n):\n    return n['x']", "T1-1-points stopped: TypeError: 'int' object is not subscriptable"),
        ("def double(n):\n    raise NotImplementedError", ""),
        ("raise NotImplementedError", ""),
        ("def twice(n):\n    return 2 * n", "T1-1-points stopped: NameError: name 'double' is not defined"),
    ],
    ids=["a colon is missing", "an error behind it", "an error when judged", "a stub", "a bare stub", "another name"],
)
def test_a_cell_that_stops_with_an_error_is_named_with_it_unless_it_is_a_stub(tiny, text, remark):
    course, handed, released = tiny
    hand_in(handed, "anna", released, RIGHT | {"T1-1-answer": text})
    grade(course, handed, limits=STRICT)
    assert rows(course)["anna"]["reason"] == remark


def test_of_many_cells_that_stop_the_first_are_named_in_one_line(tiny):
    course, handed, released = tiny
    add_cells(hand_in(handed, "anna", released, RIGHT), *["raise ValueError('\\n' + 999 * 'x')"] * 5)
    grade(course, handed, limits=STRICT)
    row = rows(course)["anna"]
    assert row["total"] == "5" and row["reason"].isprintable() and len(row["reason"]) < 400
    assert row["reason"].startswith("cell 3 stopped: ValueError:  xxx") and row["reason"].endswith("and 2 more stopped")


def test_what_is_graded_and_unchanged_is_not_graded_again(tiny):
    course, handed, released = tiny
    for student in ("anna", "zoe"):
        hand_in(handed, student, released, RIGHT)
    assert len(grade(course, handed, limits=STRICT).fresh) == 2
    hand_in(handed, "zoe", released)
    second = grade(course, handed, limits=STRICT)
    assert [score.student for score in second.fresh] == ["zoe"]
    assert {score.student: score.total for score in second.scores} == {"anna": 5, "zoe": 0}
    assert len(grade(course, limits=STRICT, again=True).fresh) == 2


def test_what_cannot_be_read_stays_worth_nothing_and_brings_no_earlier_marks_or_pages_back(tiny):
    course, handed, released = tiny
    path = hand_in(handed, "anna", released, RIGHT)
    grade(course, handed, limits=STRICT)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])  # an upload that was cut off
    for count in (1, 0, 0):
        assert len(grade(course, handed, limits=STRICT).fresh) == count
        row = rows(course)["anna"]
        assert (row["status"], row["total"], tasks(row)) == ("zero", "0", {"T1.1": 0, "T1.2": 0})
        assert row["reason"] == "it is no notebook that can be read"
        assert not list(course.glob("feedback/anna/T1/*")) and not list(course.glob("autograded/anna/T1/*"))
    path.write_bytes(whole)
    grade(course, handed, limits=STRICT)
    assert (rows(course)["anna"]["status"], rows(course)["anna"]["total"]) == ("graded", "5")
    assert (course / "feedback/anna/T1/T1_numbers.html").is_file()


def test_marks_that_came_back_to_what_cannot_be_read_are_taken_out_of_the_table(tiny):
    course, handed, released = tiny
    path = hand_in(handed, "anna", released, RIGHT)
    path.write_bytes(path.read_bytes()[:1000])
    grade(course, handed, limits=STRICT)
    scores = read_scores(course / "scores.csv")
    scores["anna", "T1"] = replace(scores["anna", "T1"], tasks={"T1.1": 3, "T1.2": 2}, total=5)
    write_scores(course / "scores.csv", scores)
    assert grade(course, handed, limits=STRICT).fresh == []
    assert (rows(course)["anna"]["total"], tasks(rows(course)["anna"])) == ("0", {"T1.1": 0, "T1.2": 0})


def test_marks_given_by_hand_are_in_the_table_after_the_next_grading_and_stay(tiny):
    from nbgrader.api import Gradebook

    course, handed, released = tiny
    hand_in(handed, "anna", released)
    grade(course, handed, limits=STRICT)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        book.find_grade("T1-2-points", "T1_numbers", "T1", "anna").manual_score = 1.5
        book.db.commit()
    assert grade(course, limits=STRICT).fresh == []
    assert (rows(course)["anna"]["T1.2"], rows(course)["anna"]["total"]) == ("1.5", "1.5")
    assert "Score: 1.5 / 5.0" in (course / "feedback/anna/T1/T1_numbers.html").read_text("utf-8")
    assert len(grade(course, limits=STRICT, again=True).fresh) == 1
    assert rows(course)["anna"]["total"] == "1.5"


def test_grading_goes_on_where_it_was_interrupted(tiny, monkeypatch):
    course, handed, released = tiny
    for student in ("anna", "bea", "zoe"):
        hand_in(handed, student, released, RIGHT)

    def interrupt(done, total, doing):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(course, handed, limits=STRICT, workers=1, progress=interrupt)
    first = set(rows(course))
    assert 1 <= len(first) < 3
    assert {score.student for score in grade(course, handed, limits=STRICT).fresh} == {"anna", "bea", "zoe"} - first


def test_a_kernel_that_does_not_start_is_not_the_students_fault_and_is_tried_again(tiny, monkeypatch):
    course, handed, released = tiny
    hand_in(handed, "anna", released, RIGHT)
    with monkeypatch.context() as broken:
        broken.setattr("lic_lab.course.kernel.sys.executable", "/bin/false")
        assert grade(course, handed, limits=STRICT).fresh[0].status == "failed"
    assert grade(course, handed, limits=STRICT).fresh[0].total == 5


def test_an_assignment_that_was_not_released_is_refused(tiny):
    with pytest.raises(LicLabError, match="A1 was not released: there are T1"):
        grading.grade(tiny[0], assignments=["a1"])
