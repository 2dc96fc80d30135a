"""Every notebook that is committed reads well without a kernel, and carries nothing that a reader does not need."""

import copy
import importlib.util
import statistics
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_500_000
MOST_LINES, MEDIAN_LINES = 25, 10

spec = importlib.util.spec_from_file_location("clean_notebooks", ROOT / ".ci" / "clean_notebooks.py")
cleaner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cleaner)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.name)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_first_notebook_is_here():
    assert (ROOT / "notebooks" / "00_start_here.ipynb") in NOTEBOOKS


def test_a_notebook_is_valid_and_small(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES


def test_a_notebook_is_cleaned(notebook):
    assert cleaner.clean(notebook) == notebook, "run: python .ci/clean_notebooks.py notebooks/*.ipynb"


def test_a_notebook_runs_on_the_kernel_that_everybody_has(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_every_code_cell_was_run_once_from_top_to_bottom_without_an_error(notebook):
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    tagged = [cell for cell in code(notebook) if "raises-exception" not in cell.metadata.get("tags", [])]
    assert not [o for cell in tagged for o in cell.outputs if o.output_type == "error"]


def test_code_cells_are_short(notebook):
    lines = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert max(lines) <= MOST_LINES and statistics.median(lines) <= MEDIAN_LINES


def test_prose_stands_before_every_code_cell(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown" and kinds[-1] == "markdown"
    assert not [pair for pair in pairwise(kinds) if pair == ("code", "code")]


def test_a_notebook_opens_with_a_question_and_ends_with_exercises_and_sources(notebook):
    assert notebook.cells[0].source.splitlines()[0].startswith("# ") and "?" in notebook.cells[0].source.splitlines()[0]
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "## Try it yourself" in prose and "## Sources" in prose


def test_something_is_asserted_and_a_picture_is_stored(notebook):
    assert any("assert " in cell.source for cell in code(notebook))
    assert any("image/png" in output.get("data", {}) for cell in code(notebook) for output in cell.outputs)


def test_an_interactive_plot_has_a_picture_beside_it(notebook):
    data = [output.get("data", {}) for cell in code(notebook) for output in cell.outputs]
    assert all("image/png" in d for d in data if "application/vnd.plotly.v1+json" in d)


# ---- the cleaner itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def dirty():
    """A notebook as Jupyter leaves it: a live panel with its poster, a progress bar, a number, and widget state."""
    live = {cleaner.VIEW: {"model_id": "abc"}, "text/plain": "Panel()"}
    output = nbformat.v4.new_output
    cell = nbformat.v4.new_code_cell("panel", execution_count=1, metadata={"execution": {"a": "b"}, "tags": ["keep"]})
    cell.outputs = [
        output("display_data", {**live}),
        output("execute_result", {**live, "image/png": "iVBORw0KGgo=", "image/jpeg": "/9g="}, execution_count=1),
        output("execute_result", {"text/plain": "42"}, execution_count=1),
    ]
    book = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {"x": 1}}})
    book.metadata.kernelspec = {"name": "my-env", "display_name": "mine"}
    return book


def test_cleaning_keeps_pictures_and_numbers_and_drops_what_is_dead(dirty):
    before = copy.deepcopy(dirty)
    cell = cleaner.clean(dirty).cells[0]
    assert [dict(output.data) for output in cell.outputs] == [{"image/png": "iVBORw0KGgo="}, {"text/plain": "42"}]
    assert cell.metadata == {"tags": ["keep"]}
    assert dirty == before, "cleaning works on a copy"


def test_cleaning_drops_widget_state_and_names_the_common_kernel(dirty):
    metadata = cleaner.clean(dirty).metadata
    assert "widgets" not in metadata and metadata.kernelspec.name == "python3"


def test_cleaning_twice_changes_nothing_more(dirty):
    once = cleaner.clean(dirty)
    assert cleaner.clean(once) == once


def test_checking_reports_and_leaves_the_file_alone(dirty, tmp_path, capsys):
    path = tmp_path / "dirty.ipynb"
    nbformat.write(dirty, path)
    text = path.read_text("utf-8")
    assert cleaner.main(["--check", str(path)]) == 1 and path.read_text("utf-8") == text
    assert cleaner.main([str(path)]) == 0 and cleaner.main(["--check", str(path)]) == 0
    assert "needs cleaning" in capsys.readouterr().out
