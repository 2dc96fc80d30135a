"""Run the cells of a submission where they can do no harm, and see that every cell that gives points has given some."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Iterable
from pathlib import Path

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


def run_contained(notebook, assignment: str, hidden: Iterable[Path], limits: Limits, *, walls: bool = True) -> str:
    """Run the cells of a notebook in place; give the reason why all of it is worth nothing, "" where there is none.

    hidden: folders that the answers may not read.   walls: whether to use Landlock where the system has it.
    Raises LicLabError where no kernel could be started, which is not the answers' fault.
    """
    notebook.cells.append(new_code_cell("pass"))  # its start is one more look at what judges
    with cell() as private:
        private.furnish(assignment, hidden, limits, walls)
        died = _Client(notebook, private, limits).run()
        notes = private.notes()
    tried = [one_line(note["tried"]) for note in notes if "tried" in note]
    if not died and not any("walls" in note for note in notes):
        tried.append("take away the notes on what it did")
    notebook.cells.pop()
    eaten = any(output.get("ename") == "MemoryError" for one in notebook.cells for output in one.get("outputs", ()))
    if tried:
        return f"it tried to {tried[0]}"
    return died or (f"it asked for more memory than {limits.memory / MIB:g} MiB" if eaten else "")


class _Client(NotebookClient):
    """nbclient with a kernel of ours, and a watch over it."""

    def __init__(self, notebook, private: Cell, limits: Limits):
        super().__init__(
            notebook, allow_errors=True, timeout=None, record_timing=False, store_widget_state=False,
            shutdown_kernel="immediate", skip_cells_with_tag="", log=QUIET, on_cell_execute=self._enter,
        )  # fmt: skip
        self._private, self._limits, self._guard = private, limits, None

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
