"""The numbers of a report are those of the table, counted again; without names there are none in it."""

import csv
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("nbgrader")
sys.path.insert(0, str(Path(__file__).parent))

from tiny import write_assignment

from lic_lab.cli import main
from lic_lab.course.releasing import release
from lic_lab.course.reporting import report
from lic_lab.course.scores import FAILED, GRADED, ZERO, Score, read_scores, write_scores
from lic_lab.errors import LicLabError

POINTS = {"ada": (3, 2), "bob & co": (3, 0), "eve": (0, 0), "kim": (1.5, 2)}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course where four students have points in T1, one of them nothing for a reason, and one was not graded."""
    place = tmp_path_factory.mktemp("report")
    write_assignment(place / "own")
    release(place / "course", source=place / "own")
    scores = {}
    for student, (one, two) in POINTS.items():
        status, reason = (ZERO, "it tried to delete /home/teacher") if student == "eve" else (GRADED, "")
        tasks = {"T1.1": one, "T1.2": two}
        score = Score(
            student, "T1", tasks, one + two, 5, status, reason, "2026-01-01T00:00:00+00:00", student[::-1], "x"
        )
        scores[score.key] = score
    scores["zed", "T1"] = Score("zed", "T1", {"T1.1": 0, "T1.2": 0}, 0, 5, FAILED, "no kernel")
    write_scores(place / "course" / "scores.csv", scores)
    page = place / "course" / "feedback" / "bob & co" / "T1" / "T1_numbers.html"
    page.parent.mkdir(parents=True)
    page.write_text("feedback")
    return place / "course"


def test_scores_come_back_from_their_table(course, tmp_path):
    scores = read_scores(course / "scores.csv")
    write_scores(tmp_path / "again.csv", scores)
    assert read_scores(tmp_path / "again.csv") == scores
    assert scores["kim", "T1"].tasks == {"T1.1": 1.5, "T1.2": 2}


def test_a_table_that_is_none_is_refused(tmp_path):
    (tmp_path / "scores.csv").write_text("student,points\nada,3\n")
    with pytest.raises(LicLabError, match="no table of scores any more"):
        read_scores(tmp_path / "scores.csv")


def test_the_summary_counts_what_is_in_the_table(course):
    (summary,) = report(course).summaries
    assert (summary.count, summary.zeros, summary.points) == (4, 1, 5)
    assert summary.mean == pytest.approx((5 + 3 + 0 + 3.5) / 4)
    assert summary.median == pytest.approx((3 + 3.5) / 2)
    assert [(task.task, task.mean, task.full) for task in summary.tasks] == [("T1.1", 7.5 / 4, 0.5), ("T1.2", 1.0, 0.5)]


def test_the_page_leads_to_the_feedback_and_shows_every_student_and_reason(course):
    page = report(course).paths[0].read_text("utf-8")
    assert '<a href="../feedback/bob%20%26%20co/T1/T1_numbers.html">bob &amp; co</a>' in page
    assert "zero: it tried to delete /home/teacher" in page
    assert page.count("<svg") == 1
    assert all(name in page for name in ("ada", "eve", "kim"))


def test_a_report_without_names_names_nobody_and_keeps_the_points(course):
    found = report(course, anonymous=True)
    text = "".join(path.read_text("utf-8") for path in found.paths)
    assert not any(word in text for word in (*POINTS, "bob", "teacher", "feedback"))
    with open(found.paths[1], newline="") as file:
        totals = sorted(float(row["total"]) for row in csv.DictReader(file))
    assert totals == [0, 3, 3.5, 5]


def test_the_command_prints_the_same_numbers_as_text_and_as_json(course):
    text = CliRunner().invoke(main, ["course", "report", str(course)])
    data = CliRunner().invoke(main, ["course", "report", str(course), "--json"])
    assert "4 students; mean 2.9 and median 3.25 of 5 points; 1 worth nothing as a whole" in text.stdout
    assert "| T1.2 | 2 | 1.00 | 50% |" in text.stdout
    assert json.loads(data.stdout) == report(course).record()


def test_a_course_without_scores_has_no_report(tmp_path):
    write_assignment(tmp_path / "own")
    release(tmp_path / "course", source=tmp_path / "own")
    with pytest.raises(LicLabError, match="nothing was graded yet: lic-lab course grade"):
        report(tmp_path / "course")
