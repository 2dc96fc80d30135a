"""Run the cells of a submission where they can do no harm, and see that every cell that gives points has given some."""

from __future__ import annotations

import asyncio
import atexit
import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_output

from lic_lab.course.kernel import Cell, ContainedKernel, cell
from lic_lab.course.limits import MIB, Limits, Watch
from lic_lab.course.marks import gives_points, grade_id, is_answer, one_line
from lic_lab.errors import LicLabError

QUIET = logging.getLogger("lic_lab.course.execute")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False  # what nbclient has to say of a kernel that ended is in the reason
MOST = 3
"""So many cells that stopped are named in the remarks; the others are counted."""


class Ran(NamedTuple):
    """How the cells ran: the reason why all of it is worth nothing, "" where there is none, and remarks."""

    reason: str
    remarks: list[str]


def run_contained(
    notebook,
    assignment: str,
    hidden: Iterable[Path],
    limits: Limits,
    *,
    given: Collection[str] = (),
    walls: bool = True,
) -> Ran:
    """Run the cells of a notebook in place, in a process that can do no harm.

    hidden: folders that the answers may not read.   given: the texts of the cells that were given out without a name,
    to try an answer.   walls: whether to use Landlock where the system has it.
    Raises LicLabError where no kernel could be started, which is not the answers' fault.
    """
    notebook.cells.append(new_code_cell("pass"))  # its start is one more look at what judges
    with cell() as private:
        private.furnish(assignment, hidden, limits, walls)
        client = _Client(notebook, private, limits, given)
        died = client.run()
        notes = private.notes()
    tried = [one_line(note["tried"]) for note in notes if "tried" in note]
    if not died and not any("walls" in note for note in notes):
        tried.append("take away the notes on what it did")
    notebook.cells.pop()
    eaten = any(output.get("ename") == "MemoryError" for one in notebook.cells for output in one.get("outputs", ()))
    if tried:
        return Ran(f"it tried to {tried[0]}", [])
    reason = died or (f"it asked for more memory than {limits.memory / MIB:g} MiB" if eaten else "")
    left = [one_line(note["left"], 40) for note in notes if "left" in note]
    remarks = [f"left out, as it starts a program: {', '.join(left)}"] if left else []
    return Ran(reason, [*client.interrupted, *remarks, *_stops(notebook, given)])


class _Client(NotebookClient):
    """nbclient with a kernel of ours, and a watch over it. interrupted: a remark for each cell that was."""

    def __init__(self, notebook, private: Cell, limits: Limits, given: Collection[str]):
        super().__init__(
            notebook, allow_errors=True, timeout=None, record_timing=False, store_widget_state=False,
            shutdown_kernel="immediate", skip_cells_with_tag="", log=QUIET, on_cell_execute=self._enter,
        )  # fmt: skip
        self._private, self._limits, self._guard = private, limits, None
        self._given, self.interrupted = given, []

    def create_kernel_manager(self):
        """Give the kernel of this submission."""
        self.km = ContainedKernel(self._private)
        return self.km

    def run(self) -> str:
        """Run all cells; give why that came to an early end, "" where it did not."""
        try:
            self.execute()
        except Exception as error:
            if self._guard is None:
                raise LicLabError(f"no kernel could be started for a submission ({error}): try again") from None
            return self._guard.reason or self._last_words(error)
        finally:
            atexit.unregister(self._cleanup_kernel)  # nbclient forgets it where no kernel started
            if self._guard:
                self._guard.finish()
        return self._guard.reason if self._guard else ""

    async def async_execute_cell(self, cell, cell_index, *rest, **options):
        """Run a cell, and interrupt it where it is one without a name and has taken too long."""
        late = asyncio.ensure_future(self._interrupt(cell, cell_index))
        try:
            return await super().async_execute_cell(cell, cell_index, *rest, **options)
        finally:
            late.cancel()  # what is interrupted is this cell and none behind it

    async def _interrupt(self, cell, cell_index: int) -> None:
        """Wait as long as a cell may take, then interrupt it, again and again, as an answer may go on regardless."""
        if grade_id(cell):
            return
        seconds = self._limits.given if cell.source in self._given else self._limits.own
        await asyncio.sleep(seconds)
        self.interrupted.append(f"cell {cell_index + 1} ran longer than {seconds:g} seconds and was stopped")
        while True:
            await self.km.interrupt_kernel()
            await asyncio.sleep(5)

    def process_message(self, msg, cell, cell_index):
        """Take an output of a cell, as long as there is not too much; widgets have nobody to speak to."""
        kind = msg["msg_type"]
        if kind.startswith("comm") or not self._guard.printed(_size(msg["content"])):
            return None
        if kind in ("clear_output", "update_display_data") and gives_points(cell):
            return None  # nothing that was shown where points are given is taken back
        return super().process_message(msg, cell, cell_index)

    def _enter(self, cell, cell_index: int) -> None:
        if self._guard is None:
            self._guard = Watch(self.km.provisioner.pid, self._private.root, self._limits)
            self._guard.start()
        name = f" ({grade_id(cell)})" if grade_id(cell) else ""
        self._guard.enter(f"cell {cell_index + 1}{name}")

    def _last_words(self, error: Exception) -> str:
        if isinstance(error, DeadKernelError):
            return f"its process came to an end in {self._guard.cell}"
        return f"it disturbed the connection with the grader in {self._guard.cell} ({type(error).__name__})"


def _size(content) -> int:
    """Bytes of what a message brings, roughly."""
    if isinstance(content, dict):
        return sum(map(_size, content.values()))
    return (
        len(content)
        if isinstance(content, (str, bytes))
        else 64 + (sum(map(_size, content)) if isinstance(content, list) else 0)
    )


def _stops(notebook, given: Collection[str]) -> list[str]:
    """Give a remark for each cell that stopped with an error, but for what was given out and for stubs that are left.

    A name that is missing behind a cell of the same task that stopped is no news.
    """
    found: list[str] = []
    before: set[str] = set()
    for number, one in enumerate(notebook.cells, 1):
        errors = [output for output in one.get("outputs", ()) if output.output_type == "error"]
        if not errors or (not grade_id(one) and one.source in given):
            continue
        kind, task = str(errors[0].get("ename")), (grade_id(one) or "").rpartition("-")[0]
        known = kind in ("NotImplementedError", "KeyboardInterrupt") or (kind == "NameError" and task in before)
        before.add(task)
        if not known:
            said = re.sub(r"\(\S+\.py, (line \d+)\)", r"(\1)", str(errors[0].get("evalue", ""))[:300])
            name = grade_id(one) or f"cell {number}"
            found.append(f"{name} stopped: {one_line(f'{kind}: {said}' if said else kind, 100)}")
    return found[:MOST] + ([f"and {len(found) - MOST} more stopped"] if len(found) > MOST else [])


def settle(notebook, reason: str) -> list[str]:
    """Put the outputs of the cells that give points in order; give a remark for each that gave none it should have.

    nbgrader gives full points to a cell without a result, and none to one with a warning. Here a cell gives points if
    it has shown one number in the range of its points and no error, whatever was written beside it. reason: why all
    cells give nothing, where there is one.
    """
    remarks = []
    for one in notebook.cells:
        if not gives_points(one) or one.cell_type != "code" or is_answer(one):
            continue
        kept = [_as_stdout(output) for output in one.outputs if output.output_type != "display_data"]
        results = [output for output in kept if output.output_type == "execute_result"]
        failed = any(output.output_type == "error" for output in kept)
        right = len(results) == 1 and _in_range(results[0], float(one.metadata.nbgrader["points"]))
        if reason:
            kept = [
                new_output(
                    "error", ename="Zero", evalue=reason, traceback=[f"No points for this submission: {reason}."]
                )
            ]
        elif not failed and not right:
            remarks.append(f"{grade_id(one)} did not come to its number of points")
            kept = [output for output in kept if output.output_type != "execute_result"]
            kept.append(new_output("error", ename="Zero", evalue=remarks[-1], traceback=[f"No points: {remarks[-1]}."]))
        one.outputs = kept
    return remarks


def _as_stdout(output):
    return new_output("stream", name="stdout", text=output.text) if output.output_type == "stream" else output


def _in_range(result, points: float) -> bool:
    try:
        return 0 <= float(result["data"]["text/plain"]) <= points
    except (KeyError, ValueError, TypeError):
        return False
