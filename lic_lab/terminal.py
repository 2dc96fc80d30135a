"""What a person at a terminal sees beside the answer: progress, remarks, and one line where something is wrong."""

import os
import time
from contextlib import contextmanager

import click

from lic_lab.errors import LicLabError, lack


class OneLineGroup(click.Group):
    """Tells what a person can mend in one line on stderr, with exit code 2 and no traceback; Ctrl-C exits with 130."""

    def invoke(self, ctx):
        """Run the command and translate what it raises."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted; finished files are whole, nothing else was left behind")
            ctx.exit(130)
        except BrokenPipeError:  # `lic-lab list | head`: click ends quietly
            raise
        except (LicLabError, OSError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not lack(error):
                raise  # click's own way to end, or a fault of ours
            say(reason(error))
            ctx.exit(2)


def reason(error: Exception) -> str:
    """One line for a person: what is wrong, and with which file."""
    if isinstance(error, OSError) and error.strerror:
        hint = ": free some space and try again" if lack(error) else ""
        return f"{error.strerror}: {os.fspath(error.filename)!r}{hint}" if error.filename else f"{error.strerror}{hint}"
    if lacking := lack(error):
        return lacking
    return " ".join(str(error).split()) or type(error).__name__


def say(line: str) -> None:
    """Anything that is not the answer itself goes to stderr."""
    click.echo(f"lic-lab: {line}", err=True)


def console(**options):
    """A rich console; 100 columns where nobody says how wide the output is."""
    from rich.console import Console

    found = Console(highlight=False, **options)
    return found if found.is_terminal else Console(highlight=False, width=100, **options)


def spinner(text: str):
    """Something that moves on stderr, on terminals only."""
    from rich.markup import escape

    return console(stderr=True).status(escape(text))


@contextmanager
def bar(title: str, *, in_bytes: bool = False):
    """A progress bar on stderr, or a line now and then where that is no terminal; gives a `Bar` to tell.

    in_bytes: both numbers are bytes, and are shown as sizes; total may then be None.
    """
    from rich.filesize import decimal
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    screen = console(stderr=True)
    if not screen.is_terminal:
        yield Bar(_now_and_then(30, decimal if in_bytes else str))
        return
    amount = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    text = TextColumn("{task.description}")
    columns = (
        SpinnerColumn(),
        BarColumn(),
        *amount,
        TimeRemainingColumn(),
        text,
    )  # a bar may stand still, its work not
    with Progress(*columns, console=screen, transient=True) as moving:
        task = moving.add_task(title, total=None)
        yield Bar(
            lambda done, total, doing: moving.update(task, completed=done, total=total, description=escape(doing)),
            moving,
        )


class Bar:
    """Call it with (done, total, doing); `answer` prints a line of the answer itself, with the bar out of its way."""

    def __init__(self, tell, moving=None):
        self._tell, self._moving = tell, moving

    def __call__(self, done: int, total: int | None, doing: str) -> None:
        self._tell(done, total, doing)

    def answer(self, line: str) -> None:
        """Print a line on stdout."""
        if self._moving:
            self._moving.stop()
        click.echo(line)
        if self._moving:
            self._moving.start()


def _now_and_then(seconds: float, shown=str):
    """Progress as a line every so many seconds, for logs."""
    last = time.monotonic()

    def tell(done: int, total: int | None, doing: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            say(f"{shown(done)} of {'?' if total is None else shown(total)}: {doing}")

    return tell
