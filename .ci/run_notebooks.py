"""Run notebooks from top to bottom on a fresh kernel, as a reader does, and store what they show, cleaned.

    python .ci/run_notebooks.py                                # all of notebooks/, rewritten in place
    python .ci/run_notebooks.py notebooks/04*.ipynb            # some
    python .ci/run_notebooks.py --keep --budget 60             # change no file; exit 1 where one takes over a minute

Prints how long each took. A notebook in which a cell fails stays as it was, and the exit code is 1. Cells tagged
`raises-exception` may fail. LIC_LAB_FAST=1 in the environment shrinks what chapters compute; do not store that.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

sys.path.insert(0, str(Path(__file__).parent))
from clean_notebooks import store

ROOT = Path(__file__).parents[1]
LONGEST = 600  # seconds for one cell


def execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """A copy with fresh outputs, run in `folder` on a kernel of its own, without widget state."""
    kernel = {"timeout": LONGEST, "kernel_name": "python3", "store_widget_state": False}
    return NotebookClient(nbformat.from_dict(notebook), resources={"metadata": {"path": folder}}, **kernel).execute()


def run(path: Path, keep: bool, execute: Callable = execute) -> float:
    """Run a notebook and store it unless it shall be kept; gives the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    executed = execute(notebook, path.parent)
    seconds = time.perf_counter() - began
    if not keep:
        store(executed, path)
    return seconds


def main(arguments: list[str] | None = None, execute: Callable = execute) -> int:
    """Run the notebooks named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Run notebooks, store their outputs, print how long each took.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default all of notebooks/")
    parser.add_argument("--keep", action="store_true", help="leave the files as they are")
    parser.add_argument("--budget", type=float, help="seconds that no notebook may exceed")
    asked = parser.parse_args(arguments)
    if os.environ.get("LIC_LAB_FAST") and not asked.keep:
        parser.error("LIC_LAB_FAST is set, and its small results must not be stored: unset it, or add --keep")
    failed = 0
    for path in asked.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        try:
            seconds = run(path, asked.keep, execute)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failed += 1
            print(f"{path.name:36} failed, and was left as it was\n{error}", flush=True)
            continue
        late = asked.budget is not None and seconds > asked.budget
        failed += late
        said = f", over the budget of {asked.budget:g} s" if late else ""
        print(f"{path.name:36} {seconds:5.0f} s  {path.stat().st_size / 1e6:5.2f} MB{said}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
