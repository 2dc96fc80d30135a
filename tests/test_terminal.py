"""What a person sees beside the answer: progress in logs, and errors as one line."""

import click
import pytest
from click.testing import CliRunner

from lic_lab import terminal
from lic_lab.errors import LicLabError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (LicLabError("two\n  lines"), "two lines"),
        (FileNotFoundError(2, "No such file or directory", "a.png"), "No such file or directory: 'a.png'"),
        (OSError(28, "No space left on device"), "No space left on device: free some space and try again"),
        (MemoryError(), "not enough memory: use a smaller picture"),
        (RuntimeError("[enforce fail] can't allocate memory:\n 9 bytes"), "not enough memory: use a smaller picture"),
        (OSError(), "OSError"),
    ],
)
def test_an_error_is_one_line(error, line):
    assert terminal.reason(error) == line


def test_a_log_gets_a_line_of_progress_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with terminal.bar("working") as progress:
        for done in range(1, 8):
            now[0] = 10.0 * done
            progress(done, 7, "a picture")
    said = capsys.readouterr()
    assert said.err == "lic-lab: 3 of 7: a picture\nlic-lab: 6 of 7: a picture\n" and not said.out


def test_a_console_that_is_no_terminal_has_100_columns(capsys):
    assert terminal.console().width == 100


def test_bytes_are_told_as_sizes_and_need_no_total(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with terminal.bar("downloading", in_bytes=True) as progress:
        for total in (135_000_000, None):
            now[0] += 30.0
            progress(3_400_000, total, "a.zip")
    assert capsys.readouterr().err == "lic-lab: 3.4 MB of 135.0 MB: a.zip\nlic-lab: 3.4 MB of ?: a.zip\n"


def test_a_fault_of_ours_is_no_line_but_a_traceback():
    @click.group(cls=terminal.OneLineGroup)
    def group():
        pass

    @group.command()
    @click.argument("why")
    def fail(why):
        raise RuntimeError(why)

    said = CliRunner().invoke(group, ["fail", "CUDA out of memory"])
    assert said.exit_code == 2 and said.stderr == "lic-lab: not enough memory: use a smaller picture\n"
    assert isinstance(CliRunner().invoke(group, ["fail", "shapes differ"]).exception, RuntimeError)
