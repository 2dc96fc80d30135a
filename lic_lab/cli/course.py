"""A course in a box: give the assignments out, grade what comes back, look at the marks."""

import json

import click

from lic_lab.cli.arguments import PATH, names
from lic_lab.errors import LicLabError
from lic_lab.terminal import OneLineGroup, bar, console, say, spinner


@click.group(cls=OneLineGroup, short_help="Give out the assignments, grade what comes back, look at the marks.")
def course():
    """Run a course on the assignments A1 to A5 that come with lic_lab, or on your own.

    \b
    lic-lab course release course                 the notebooks that students get
    lic-lab course grade course downloads         grade a folder of what they handed in
    lic-lab course report course                  the marks, by task
    """


@course.command(short_help="Make the notebooks that students get.")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--assignments", help="Names with commas between, as in A1,A3; without, all of them.")
@click.option("--from", "source", type=PATH, metavar="FOLDER", help="Notebooks of your own in nbgrader's format.")
@click.option("--force", is_flag=True, help="Replace notebooks that you edited in DIR/source.")
def release(folder, assignments, source, force):
    """Make or update the course folder DIR: the notebooks to hand out are in DIR/release, without solutions."""
    from lic_lab.course.releasing import release as run

    with spinner("making the notebooks that students get"):
        made = run(folder, names(assignments) if assignments else None, source=source, force=force)
    for one in made:
        click.echo(f"{one.assignment}  {one.points:g} points  hand out {one.path}")
        if one.kept:
            say(
                f"{one.assignment}: your edits in {folder / 'source' / one.assignment} were kept; --force replaces them"
            )


@course.command(short_help="Grade what students handed in.")
@click.argument("folder", type=PATH, metavar="DIR")
@click.argument("submissions", type=PATH, required=False)
@click.option("--assignments", help="Names with commas between, as in A1,A3; without, all that were released.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=500, show_default=True, help="Of one cell.")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=20, show_default=True, help="Of a submission."
)
@click.option("--memory", default="4G", show_default=True, help="Of a submission, as 4G or 800M.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Submissions at a time.")
@click.option("--again", is_flag=True, help="Grade what is graded already and has not changed too.")
def grade(folder, submissions, assignments, seconds, minutes, memory, workers, again):
    """Grade the notebooks in the folder SUBMISSIONS for the course in DIR; without it, those collected before.

    SUBMISSIONS is any folder: of students with their notebooks in it, of notebooks with the students' names, of zip
    files as learning platforms give them. The scores are in DIR/scores.csv, a page for each student in DIR/feedback.

    Answers run in a process of their own, with limits and without access to anything else. One that crashes, does not
    end, eats memory or tries to damage something is worth nothing, for the reason that scores.csv gives. The same
    command goes on where it was interrupted, and grades only what is new.
    """
    from lic_lab.course.grading import grade as run
    from lic_lab.course.limits import Limits

    limits = Limits(seconds, minutes, _bytes(memory))
    wanted = names(assignments) if assignments else None
    with bar("grading") as progress:
        found = run(folder, submissions, wanted, limits=limits, workers=workers, again=again, progress=progress)
    _show(found.scores)
    for line in found.left_out:
        say(f"left out: {line}")
    failed = sum(score.status == "failed" for score in found.fresh)
    say(f"{len(found.fresh)} graded, {len(found.scores) - len(found.fresh)} as before: {folder / 'scores.csv'}")
    if failed:
        raise LicLabError(f"{failed} could not be graded, see the table; the same command tries them again")


def _bytes(text: str) -> int:
    """Bytes of "4G" or "800M"."""
    units = {"M": 2**20, "G": 2**30}
    number, unit = text[:-1], text[-1:].upper()
    try:
        size = int(float(number) * units[unit])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size < units["M"]:
        raise LicLabError(f"memory is given as 4G or 800M, not as {text!r}")
    return size


def _show(scores) -> None:
    """A table of scores, and below it the reasons of those that have one."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("student", "", "points", "of"):
        table.add_column(head, justify="right" if head in ("points", "of") else "left", no_wrap=True)
    table.add_column("remark", overflow="fold")
    for score in scores:
        remark = f"{score.status}: {score.reason}" if score.status != "graded" else score.reason
        table.add_row(escape(score.student), score.assignment, f"{score.total:g}", f"{score.maximum:g}", escape(remark))
    console().print(table)


@course.command(short_help="The marks, by assignment and task.")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--anonymous", is_flag=True, help="Number the students instead of naming them.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON instead of Markdown.")
def report(folder, anonymous, as_json):
    """Print how the assignments of the course in DIR went, and write DIR/report/index.html and scores.csv.

    The page leads to the feedback of every student; with --anonymous it can be shown to a class.
    """
    from lic_lab.course.reporting import report as run

    found = run(folder, anonymous=anonymous)
    click.echo(json.dumps(found.record(), indent=1) if as_json else found.markdown(), nl=as_json)
    say(f"wrote {' and '.join(map(str, found.paths))}")
