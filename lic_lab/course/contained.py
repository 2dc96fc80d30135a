"""The process that answers run in: an IPython kernel that first gives up all that it does not need.

Started by `kernel.py` as `python -m lic_lab.course.contained settings.json`; the settings say where its own folder is,
what it may read, and the file where attempts are written down.

Order matters: the limits and Landlock come before any thread, as a thread keeps the rights it was started with; then
come the imports and IPython, which needs a socket of its own; then seccomp, the hook and the snapshot, before the first
cell.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path


def main(settings_file: str) -> None:
    """Restrict this process and serve cells until the end."""
    settings = json.loads(Path(settings_file).read_text("utf-8"))
    ledger = os.open(settings["ledger"], os.O_WRONLY | os.O_APPEND)
    _limit(settings["memory"], settings["file"])
    walls = _wall(settings)
    os.write(ledger, json.dumps({"walls": walls}).encode() + b"\n")
    app = _kernel(settings["connection"])
    _leave_out_programs(app.shell, ledger)
    _load(settings["assignment"])
    _watch(settings, ledger)
    app.start()


def _limit(memory: int, file: int) -> None:
    """Bytes of memory and of one file, where the system keeps such limits; no core dumps."""
    try:
        import resource
    except ImportError:  # Windows: the grader watches from outside alone
        return
    for name, most in (("RLIMIT_DATA", memory), ("RLIMIT_FSIZE", file), ("RLIMIT_CORE", 0)):
        if hasattr(resource, name):
            resource.setrlimit(getattr(resource, name), (most, most))


def _wall(settings: dict) -> int:
    """Landlock where the system has it, and its version; 0 without."""
    if settings["walls"] is False:
        return 0
    from lic_lab.course.landlock import restrict
    from lic_lab.course.seccomp import give_up_root

    give_up_root()
    try:
        return restrict(settings["read"], [settings["own"], os.devnull])
    except OSError:  # forbidden in some containers: the hook is left
        return 0


def _kernel(connection: str):
    """An IPython kernel that is ready to be served."""
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(
        ["-f", connection, "--HistoryManager.enabled=False", "--colors=NoColor", "--IPKernelApp.log_level=50"]
    )
    return app


def _leave_out_programs(shell, ledger: int) -> None:
    """Let lines such as `!ls` do nothing, and write down that they did not."""
    from lic_lab.course.programs import leave_out

    leave_out(shell, lambda name: os.write(ledger, json.dumps({"left": name}).encode() + b"\n"))


def _load(assignment: str) -> None:
    """Import the judges of an assignment, so that they are there before any answer."""
    from lic_lab.check.tasks import list_tasks

    list_tasks(assignment)


def _watch(settings: dict, ledger: int) -> None:
    """Put the hook up, and look at every statement of a cell whether the judges are what they were."""
    from lic_lab.course.guard import arm
    from lic_lab.course.seccomp import stay_alone
    from lic_lab.course.unchanged import Snapshot

    write, as_json, exit_now = os.write, json.dumps, os._exit

    def tell(words: str) -> None:
        write(ledger, as_json({"tried": words[:200]}).encode() + b"\n")
        exit_now(71)  # at once: what is written down could else be made unreadable by the same answer

    snapshots: list[Snapshot] = []

    def before_statements(event: str, args: tuple) -> None:
        if event != "exec" or "ipykernel_" not in getattr(args[0], "co_filename", ""):
            return
        if not snapshots:  # the first statement of all: IPython has set up what it sets up for a cell
            snapshots.append(Snapshot())
        if what := snapshots[0].changed():
            tell(f"change what judges it: {what}")

    for name in ("hashlib", "shutil", "tempfile", "subprocess"):
        import_module(name)
    if settings["walls"]:
        stay_alone()
    arm([settings["own"]], settings["hidden"], settings["libraries"], tell)
    sys.addaudithook(before_statements)


if __name__ == "__main__":
    main(sys.argv[1])
