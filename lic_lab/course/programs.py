"""What stands in a kernel for the lines that start programs, such as `!ls`, `%pip` and `%%bash`: they are left out.

They are common in notebooks and mean no harm, so they cost nothing: the cell says what was left out, and goes on. What
starts a program from Python (`subprocess`, `os.system`) is no matter of IPython and stays with `guard.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

SCRIPTS = ("script", "sh", "bash", "perl", "ruby", "python", "python2", "python3", "pypy", "cmd")
"""The magics whose cell is a text for another program."""

MOST = 5
"""So many programs are told of; an answer could else tell without an end."""


def leave_out(shell, tell: Callable[[str], object]) -> None:
    """Let an IPython shell leave out what starts programs. tell: called once for each program, with its name."""
    from IPython.utils.text import LSString, SList

    told: list[str] = []

    def say(name: str) -> None:
        print(f"left out while it is graded, as it starts a program: {name}")
        if name not in told and len(told) < MOST:
            told.append(name)
            tell(name)

    def system(cmd: str) -> None:
        say(program_of(cmd))

    def getoutput(cmd: str, split: bool = True, depth: int = 0):
        say(program_of(cmd))
        return SList() if split else LSString("")

    def script(name: str):
        return lambda line, cell: say(program_of(line) if name == "script" else name)

    shell.system = shell.system_piped = shell.system_raw = system
    shell.getoutput = getoutput
    for name in SCRIPTS:
        shell.register_magic_function(script(name), magic_kind="cell", magic_name=name)


def program_of(line: str) -> str:
    """The name of the program that a line for a shell starts: "ls" of "/bin/ls -l", "pip" of "python -m pip list"."""
    words = str(line).split()
    if len(words) > 2 and "python" in words[0] and words[1] == "-m":
        words = words[2:]  # so does %pip
    return os.path.basename(words[0].strip("\"'"))[:40] if words else "another program"
