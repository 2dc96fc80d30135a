"""The pages for instructors name only what exists, cover every chapter and assignment, and their hours add up."""

import json
import re
from pathlib import Path

import pytest

from lic_lab.check import list_exercises, list_tasks

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
HERE = NOTEBOOKS / "assignments"
SYLLABUS = (HERE / "SYLLABUS.md").read_text("utf-8")
PLANS = {weeks: SYLLABUS.split(f"## {weeks} weeks")[1].split("\n## ")[0] for weeks in (6, 12)}
GOALS = SYLLABUS.split("## Goals")[1].split("## To read")[0]
CHAPTERS = {path.stem[:2]: path for path in NOTEBOOKS.glob("[01][0-9]_*.ipynb")}
HOURS = {"4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight"}
ASSIGNMENTS = {f"A{number}" for number in range(1, 6)}


def rows(text: str) -> list[list[str]]:
    """The cells of the tables of a page whose first cell is no heading."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def weeks(plan: int) -> list[list[str]]:
    return [row for row in rows(PLANS[plan]) if row[0].isdigit()]


def rows_of_work(plan: int) -> list[list[str]]:
    """The weeks of a plan, and the row of what is due after the last class."""
    return weeks(plan) + [row for row in rows(PLANS[plan]) if row[0] == "after"]


def minutes() -> dict[str, int]:
    """Chapter -> minutes, as the map of the course has them."""
    found = re.findall(r"^\| \[(\d\d)\].*?\| (\d+) \|", (NOTEBOOKS / "README.md").read_text("utf-8"), re.M)
    return {chapter: int(time) for chapter, time in found}


def sources(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"])


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_has_its_weeks_and_takes_every_chapter_once(plan):
    table = weeks(plan)
    assert [row[0] for row in table] == [str(week) for week in range(1, plan + 1)]
    assert sorted(chapter for row in table for chapter in row[2].split()) == sorted(CHAPTERS)


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_gives_every_assignment_out_before_it_is_due_and_after_its_chapters(plan):
    out, due, read = {}, {}, {}
    for number, row in enumerate(weeks(plan)):
        read |= dict.fromkeys(row[2].split(), number)
        for name, kind in re.findall(r"(A\d) (out|due)", row[5]):
            (out if kind == "out" else due)[name] = number
    assert set(out) == set(due) == ASSIGNMENTS
    assert all(out[name] < due[name] for name in ASSIGNMENTS)
    for name, chapters in needed().items():
        for chapter in chapters:
            assert read[chapter] <= due[name], f"{name} is due before chapter {chapter}"


@pytest.mark.parametrize("plan", PLANS)
def test_what_an_assignment_needs_is_read_in_an_earlier_week_or_before_a_class_of_the_week_it_is_due(plan):
    table = weeks(plan)
    for name, chapters in needed().items():
        due = next(number for number, row in enumerate(table) if f"{name} due" in row[5])
        read = " ".join(row[2] for row in table[:due]) + " ".join(row[3] for row in table[: due + 1])
        assert not [chapter for chapter in chapters if chapter not in read], name


def test_due_and_out_are_explained():
    assert "*Out* is in the first class of a week, *due* is at its end" in SYLLABUS


@pytest.mark.parametrize("plan", PLANS)
def test_all_that_counts_is_due_in_a_plan_and_the_report_is_out_before(plan):
    work = [row[5] for row in rows_of_work(plan)]
    out, due = (next(n for n, cell in enumerate(work) if f"report {kind}" in cell) for kind in ("out", "due"))
    assert out < due and "predictions due" in " ".join(work)
    assert any("13" in row[2] for row in rows_of_work(plan)[:due])


def needed() -> dict[str, list[str]]:
    """Assignment -> the chapters that its row on the page of assignments asks for."""
    table = rows((HERE / "README.md").read_text("utf-8"))
    return {row[0][:2]: re.findall(r"\[(\d\d)\]", row[2]) for row in table if row[0][:2] in ASSIGNMENTS}


@pytest.mark.parametrize("plan", PLANS)
def test_the_hours_of_a_plan_add_up(plan):
    table = [[float(cell) for cell in row[6:10]] for row in rows_of_work(plan)]
    assert all(home + room + task == total for home, room, task, total in table)
    said = float(re.search(r"\*\*Together:\*\* ([\d.]+) hours", PLANS[plan])[1])
    assert sum(row[3] for row in table) == said
    assert sum(row[2] for row in table) == sum(float(row[2]) for row in parts())


def parts() -> list[list[str]]:
    """What counts: the part, its weight, its hours."""
    return [row for row in rows(SYLLABUS.split("## What counts")[1].split("\n## ")[0]) if row[1].endswith("%")]


def test_the_hours_of_the_assignments_are_those_of_their_page():
    hours = [row[4] for row in rows((HERE / "README.md").read_text("utf-8")) if row[0][:2] in ASSIGNMENTS]
    assert float(parts()[0][2]) == sum(map(float, hours))


@pytest.mark.parametrize("plan", PLANS)
def test_the_hours_at_home_are_one_and_a_half_times_the_minutes_of_the_map(plan):
    for row in weeks(plan):
        chapters = 1.5 * sum(minutes()[chapter] for chapter in row[2].split()) / 60
        assert float(row[6]) == pytest.approx(chapters, abs=0.3), f"week {row[0]}: {chapters:.2f} hours"


def test_every_chapter_has_three_to_five_goals():
    for chapter in CHAPTERS:
        part = GOALS.split(f"**{chapter} · ")[1].split("**")[1]
        assert 3 <= part.count("\n- ") <= 5, f"chapter {chapter}"


def test_every_goal_is_tested_by_something_that_exists_and_nothing_is_left_out():
    known = {exercise.id for exercise in list_exercises()} | {task.id for task in list_tasks()}
    goals = [line for line in GOALS.splitlines() if line.startswith("- ")]
    named = [re.findall(r"A?\d+\.\d", re.search(r"\(([^()]*)\)$", goal)[1]) for goal in goals]
    assert all(named)
    assert {id for ids in named for id in ids} == known


def test_goals_stand_with_the_chapter_of_their_exercises():
    for chapter in CHAPTERS:
        part = GOALS.split(f"**{chapter} · ")[1].split("\n**")[0]
        assert {id[:2] for id in re.findall(r"\b\d\d\.\d", part)} == {chapter}


def test_the_weights_sum_to_a_hundred():
    assert sum(int(row[1].removesuffix(" %")) for row in parts()) == 100


def test_the_report_has_as_many_criteria_and_examples_as_it_says():
    report = SYLLABUS.split("**The report.**")[1].split("**A prediction**")[0]
    criteria = report.split("Four criteria, 5 % each: ")[1].split("\n")[0]
    assert criteria.count(";") + 1 == 4 and 4 * 5 == int(parts()[1][1].removesuffix(" %"))
    assert "Three examples" in report and report.count("\n- ") == 3


def test_what_is_to_be_read_stands_in_the_sources_of_the_chapters_named():
    for line in re.findall(r"^\d\. .*$", SYLLABUS.split("## To read")[1], re.M):
        title, chapters = re.search(r"\*(.+?)\*", line)[1], re.findall(r"\d\d(?=[ ,)])", line.rpartition("(chapter")[2])
        assert chapters
        for chapter in chapters:
            words = sources(CHAPTERS[chapter]).lower()
            assert title.split(":")[0].lower()[:40] in words, f"{title} is no source of chapter {chapter}"


def test_the_page_of_assignments_says_what_their_notebooks_say():
    table = {row[0][:2]: row for row in rows((HERE / "README.md").read_text("utf-8")) if row[0][:2] in ASSIGNMENTS}
    assert set(table) == ASSIGNMENTS
    for name, row in table.items():
        path = HERE / f"{re.search(r'`(.+)`', row[0])[1]}.ipynb"
        title = sources(path).splitlines()[0]
        assert title == f"# {name} · {row[1]}", f"{name} is called {title!r}"
        assert f"**Time:** about {HOURS[row[4]]} hours" in sources(path)
        assert len(list_tasks(name)) == int(row[3])
        assert sum(task.points for task in list_tasks(name)) == 20


def test_links_of_the_pages_lead_somewhere():
    for page in HERE.glob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (HERE / target).exists(), f"{page.name} links to {target}"


def test_the_guide_names_options_that_the_commands_have():
    from lic_lab.cli.course import course

    guide = (HERE / "INSTRUCTOR.md").read_text("utf-8") + (HERE / "README.md").read_text("utf-8")
    known = {option for command in course.commands.values() for param in command.params for option in param.opts}
    assert set(re.findall(r"(?<=[` ])--[a-z]+", guide)) <= known
    assert set(re.findall(r"lic-lab course (\w+)", guide)) <= set(course.commands)
