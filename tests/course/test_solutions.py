"""The solutions that an assignment brings along earn every point, on the open inputs and on the hidden ones."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from lic_lab.check import list_tasks
from lic_lab.check.exercises import modules
from lic_lab.check.tasks import PREFIX

pytest.importorskip("nbgrader")

from lic_lab.course.releasing import shipped_assignments

ASSIGNMENTS = [f"A{number}" for number in modules(PREFIX)]
SLOW = ("A4", "A5")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in ASSIGNMENTS])
def test_the_solution_of_an_assignment_earns_every_point(name, tmp_path):
    notebook = nbformat.read(next(shipped_assignments().glob(f"{name}_*.ipynb")), as_version=4)
    kernel = {"timeout": 600, "kernel_name": "python3", "resources": {"metadata": {"path": tmp_path}}}
    executed = NotebookClient(notebook, store_widget_state=False, **kernel).execute()
    for task in list_tasks(name):
        graded = next(cell for cell in executed.cells if re.search(rf'^grade\("{task.id}"', cell.source, re.MULTILINE))
        printed = "".join(output.text for output in graded.outputs if output.output_type == "stream")
        (result,) = (output.data["text/plain"] for output in graded.outputs if output.output_type == "execute_result")
        assert float(result) == task.points == graded.metadata.nbgrader.points, printed
        assert f"{task.id} {task.asks}: {task.points:g} of {task.points:g} points\n" in printed, "on the open inputs"
        assert not [output for output in graded.outputs if output.get("name") == "stderr"]
