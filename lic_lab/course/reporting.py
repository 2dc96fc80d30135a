"""The marks of a course: by assignment and task, as Markdown, as a page with a picture, and as a table."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from statistics import mean, median

from lic_lab.course.folder import Course
from lic_lab.course.marks import gives_points, grade_id, read_notebook, task_of, task_points
from lic_lab.course.scores import FAILED, ZERO, Score, read_scores, write_scores
from lic_lab.errors import LicLabError

HARDEST = 3
"""So many parts are listed as the hardest."""

STYLE = """:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #d0d7de }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 30rem }"""


@dataclass(frozen=True)
class TaskSummary:
    """How a task went: points at most, mean of what was earned, and the share of students with all points."""

    task: str
    points: float
    mean: float
    full: float


@dataclass(frozen=True)
class Summary:
    """How an assignment went. count: of students.   mean, median: points.   zeros: submissions worth nothing at all.

    hardest: (task, claim, share of students for whom it holds) of the parts that the fewest got.
    """

    assignment: str
    points: float
    count: int
    mean: float
    median: float
    zeros: int
    tasks: list[TaskSummary]
    hardest: list[tuple[str, str, float]]


@dataclass(frozen=True)
class Report:
    """What `report` made: a summary of each assignment, and the files."""

    summaries: list[Summary]
    paths: list[Path]

    def markdown(self) -> str:
        """All of it as Markdown."""
        return "\n\n".join(map(_markdown, self.summaries)) + "\n"

    def record(self) -> list[dict]:
        """All of it as plain data, for JSON."""
        return [asdict(summary) for summary in self.summaries]


def report(folder: str | Path, *, anonymous: bool = False) -> Report:
    """Write report/scores.csv and report/index.html of a course, and give the numbers in them.

    anonymous: students are numbered by chance instead of named, and nothing leads to their feedback.
    Submissions that could not be graded are left out. Raises LicLabError where nothing was graded yet.
    """
    course = Course.at(folder)
    scores = {key: score for key, score in read_scores(course.scores).items() if score.status != FAILED}
    if not scores:
        raise LicLabError(f"nothing was graded yet: lic-lab course grade {folder} SUBMISSIONS")
    assignments = sorted({assignment for _, assignment in scores})
    found = [_summary(course, name, [one for one in scores.values() if one.assignment == name]) for name in assignments]
    shown = _numbered(scores) if anonymous else scores
    target = course.root / "report"
    target.mkdir(exist_ok=True)
    write_scores(target / "scores.csv", shown)
    page = _page(found, shown, None if anonymous else course)
    (target / "index.html").write_text(page, "utf-8")
    return Report(found, [target / "index.html", target / "scores.csv"])


def _summary(course: Course, assignment: str, scores: list[Score]) -> Summary:
    """The numbers of one assignment."""
    totals = [score.total for score in scores]
    most = task_points(read_notebook(course.source(assignment)))
    tasks = []
    for task, points in most.items():
        earned = [score.tasks.get(task, 0.0) for score in scores]
        tasks.append(TaskSummary(task, points, mean(earned), sum(one >= points for one in earned) / len(earned)))
    zeros = sum(score.status == ZERO for score in scores)
    hardest = _hardest(course, assignment, scores)
    return Summary(assignment, sum(most.values()), len(scores), mean(totals), median(totals), zeros, tasks, hardest)


def _hardest(course: Course, assignment: str, scores: list[Score]) -> list[tuple[str, str, float]]:
    """The parts that hold for the fewest, those of one share in the order of the tasks; none where all hold for all."""
    from lic_lab.check.tasks import list_tasks

    done = Counter(part for score in scores for part in _parts_done(course, assignment, score))
    parts = [(task.id, part.claim) for task in list_tasks(assignment) for part in task.parts]
    shares = [(task, claim, done[task, claim] / len(scores)) for task, claim in parts]
    return sorted((one for one in shares if one[2] < 1), key=lambda one: one[2])[:HARDEST]


def _parts_done(course: Course, assignment: str, score: Score) -> set[tuple[str, str]]:
    """(task, claim) of the parts that a graded notebook says are done, by the last judgement in each cell."""
    path = course.autograded(score.student, assignment)
    found = set()
    for cell in read_notebook(path).cells if path.is_file() else ():
        if gives_points(cell) and cell.cell_type == "code":
            task = task_of(grade_id(cell))
            said = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            last = said.rpartition(f"{task} ")[2]
            found |= {(task, claim) for claim in re.findall(r"^  ✓ [\d.]+  (.+)$", last, re.M)}
    return found


def _numbered(scores: dict[tuple[str, str], Score]) -> dict[tuple[str, str], Score]:
    """The scores with numbers for names, in an order that does not tell the names, and without remarks."""
    digests: dict[str, str] = {}
    for score in scores.values():
        digests[score.student] = digests.get(score.student, "") + score.submission
    order = sorted(digests, key=lambda student: (digests[student], student))
    names = {student: f"student {number:0{len(str(len(order)))}}" for number, student in enumerate(order, 1)}
    changed = [replace(one, student=names[one.student], reason="", submission="") for one in scores.values()]
    return {one.key: one for one in changed}


def _markdown(summary: Summary) -> str:
    """One assignment as Markdown."""
    lines = [
        f"## {summary.assignment}", "",
        f"{_students(summary.count)}; mean {summary.mean:.1f} and median {summary.median:g} "
        f"of {summary.points:g} points"
        + (f"; {summary.zeros} worth nothing as a whole" if summary.zeros else ""), "",
        "| task | points | mean | all points |", "|---|---:|---:|---:|",
        *(f"| {task.task} | {task.points:g} | {task.mean:.2f} | {task.full:.0%} |" for task in summary.tasks),
    ]  # fmt: skip
    if summary.hardest:
        lines += ["", "Hardest parts:", *(f"- {task} {claim}: {share:.0%}" for task, claim, share in summary.hardest)]
    return "\n".join(lines)


def _students(count: int) -> str:
    return f"{count} student{'s' * (count != 1)}"


def _page(summaries: list[Summary], scores: dict, course: Course | None) -> str:
    """The page; `course` finds the feedback, None leaves the links out."""
    parts = [
        _section(one, [score for score in scores.values() if score.assignment == one.assignment], course)
        for one in summaries
    ]
    head = f'<meta charset="utf-8"><title>Marks</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Marks</h1>{"".join(parts)}</body></html>\n'


def _section(summary: Summary, scores: list[Score], course: Course | None) -> str:
    """One assignment: a line, the picture, the tasks, the hardest parts, the students."""
    tasks = [(task.task, f"{task.points:g}", f"{task.mean:.2f}", f"{task.full:.0%}") for task in summary.tasks]
    names = [task.task for task in summary.tasks]
    rows = [
        (
            _linked(score, course),
            *(f"{score.tasks.get(name, 0):g}" for name in names),
            f"{score.total:g}",
            _remark(score),
        )
        for score in sorted(scores, key=lambda score: score.student)
    ]
    hardest = "".join(f"<li>{escape(f'{task} {claim}: {share:.0%}')}</li>" for task, claim, share in summary.hardest)
    return (
        f"<h2>{summary.assignment}</h2><p>{_students(summary.count)}; mean {summary.mean:.1f} and median "
        f"{summary.median:g} of {summary.points:g} points.</p>{_picture(summary, scores)}"
        f"{_table(('task', 'points', 'mean', 'all points'), tasks)}"
        + (f"<p>Hardest parts, and for how many students they hold:</p><ul>{hardest}</ul>" if hardest else "")
        + _table(("student", *names, "total", "remark"), rows)
    )


def _picture(summary: Summary, scores: list[Score]) -> str:
    """How many students have at least so many points."""
    from lic_lab.plots.chart import Chart, Line

    steps = range(int(summary.points) + 1)
    counts = [sum(score.total >= points for score in scores) for points in steps]
    chart = Chart(
        [Line(list(steps), counts, color="#0969da", dots=True)], "points", "students with at least as many",
        ylim=(0, max(1, len(scores)) * 1.05), alt=f"Students of {summary.assignment} with at least so many points",
    )  # fmt: skip
    return chart.svg()


def _table(head: tuple, rows: list[tuple]) -> str:
    """A table whose first and last columns of words stand left, numbers right; cells are HTML already."""
    words = (0, head.index("remark")) if "remark" in head else (0,)
    kind = ["" if at in words else ' class="n"' for at in range(len(head))]
    top = "".join(f"<th{how}>{name}</th>" for how, name in zip(kind, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{how}>{cell}</td>" for how, cell in zip(kind, row, strict=True)) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _linked(score: Score, course: Course | None) -> str:
    """A student's name, leading to the feedback where there is some."""
    from urllib.parse import quote

    if course is None or not (page := course.feedback(score.student, score.assignment)).is_file():
        return escape(score.student)
    return f'<a href="../{quote(page.relative_to(course.root).as_posix())}">{escape(score.student)}</a>'


def _remark(score: Score) -> str:
    return escape(f"{score.status}: {score.reason}".rstrip(": ") if score.status != "graded" else score.reason)
