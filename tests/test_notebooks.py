"""Every notebook that is committed reads well without a kernel, and carries nothing that a reader does not need."""

import base64
import copy
import importlib.util
import io
import re
import statistics
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.check import list_exercises
from lic_lab.check.exercises import chapters

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_500_000
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
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


def checked(notebook) -> list[str]:
    """The ids of the exercises that a notebook checks, in its order."""
    return re.findall(r'^check\("([\d.]+)"', "\n".join(cell.source for cell in code(notebook)), re.MULTILINE)


def has_picture(output) -> bool:
    return "image/png" in output.get("data", {})


def is_poster(output) -> bool:
    """Whether an output is what the cleaner leaves of a live panel: its picture and nothing else."""
    return set(output.get("data", {})) == {"image/png"}


def test_the_chapters_are_numbered_from_00_without_a_gap():
    numbers = [path.name.partition("_")[0] for path in NOTEBOOKS]
    assert numbers == [f"{number:02}" for number in range(len(NOTEBOOKS))]


def test_every_chapter_of_exercises_has_its_notebook():
    assert chapters() == [path.name.partition("_")[0] for path in NOTEBOOKS]


def test_the_map_lists_every_notebook_once_with_its_minutes():
    text = (ROOT / "notebooks" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\d\d)\]\((\w+\.ipynb)\) \|.*?\| (\d+) \|", text, re.MULTILINE)
    assert [name for _, name, _ in rows] == [path.name for path in NOTEBOOKS]
    assert all(name.startswith(f"{number}_") and int(minutes) for number, name, minutes in rows)


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
    assert any("assert " in cell.source or "check_same(" in cell.source for cell in code(notebook))
    assert any(has_picture(output) for cell in code(notebook) for output in cell.outputs)


def test_every_figure_has_a_title(notebook):
    figures = [cell for cell in code(notebook) if "plt." in cell.source and any(map(has_picture, cell.outputs))]
    assert not [cell.source for cell in figures if "title" not in cell.source]


def test_there_is_something_to_move_and_it_leaves_a_picture_behind(notebook):
    shown = r"\w*Explorer\(|^cockpit = TrainingCockpit\("
    panels = [cell for cell in code(notebook) if re.search(shown, cell.source, re.MULTILINE)]
    assert panels and all(any(map(is_poster, cell.outputs)) for cell in panels)


def test_all_exercises_of_a_chapter_are_in_its_notebook_once_and_in_order(path, notebook):
    ids = [exercise.id for exercise in list_exercises(path.name.partition("_")[0])]
    assert checked(notebook) == ids and len(ids) >= 3


def test_exercises_are_stored_as_still_to_do(notebook):
    for cell in code(notebook):
        text = "".join(output.get("text", "") for output in cell.outputs)
        for id in re.findall(r'^check\("([\d.]+)"', cell.source, re.MULTILINE):
            assert f"{id} still to do: " in text


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
        output("execute_result", {**live, "image/png": DOT, "image/jpeg": "/9g="}, execution_count=1),
        output("execute_result", {"text/plain": "42"}, execution_count=1),
    ]
    book = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {"x": 1}}})
    book.metadata.kernelspec = {"name": "my-env", "display_name": "mine"}
    return book


def test_cleaning_keeps_pictures_and_numbers_and_drops_what_is_dead(dirty):
    before = copy.deepcopy(dirty)
    cell = cleaner.clean(dirty).cells[0]
    assert [dict(output.data) for output in cell.outputs] == [{"image/png": DOT}, {"text/plain": "42"}]
    assert cell.metadata == {"tags": ["keep"]}
    assert dirty == before, "cleaning works on a copy"


def test_cleaning_drops_widget_state_and_names_the_common_kernel(dirty):
    metadata = cleaner.clean(dirty).metadata
    assert "widgets" not in metadata and metadata.kernelspec.name == "python3"


def test_cleaning_twice_changes_nothing_more(dirty):
    once = cleaner.clean(dirty)
    assert cleaner.clean(once) == once


def test_storing_takes_fewer_bytes_for_the_same_pixels(tmp_path):
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[..., 3], pixels[10:20, 5:50, 0] = 255, 200
    half = pixels.copy()
    half[0, 0, 3] = 7
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("figures")])
    for array in (pixels, half):
        buffer = io.BytesIO()
        Pillow.fromarray(array).save(buffer, "PNG", compress_level=0)
        data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
        book.cells[0].outputs.append(nbformat.v4.new_output("display_data", data))
    cleaner.store(book, tmp_path / "book.ipynb")
    stored = nbformat.read(tmp_path / "book.ipynb", as_version=4).cells[0].outputs
    for array, output in zip((pixels[..., :3], half), stored, strict=True):
        file = base64.b64decode(output.data["image/png"])
        assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(file))), array) and len(file) < 1000


def test_checking_reports_and_leaves_the_file_alone(dirty, tmp_path, capsys):
    path = tmp_path / "dirty.ipynb"
    nbformat.write(dirty, path)
    text = path.read_text("utf-8")
    assert cleaner.main(["--check", str(path)]) == 1 and path.read_text("utf-8") == text
    assert cleaner.main([str(path)]) == 0 and cleaner.main(["--check", str(path)]) == 0
    assert "needs cleaning" in capsys.readouterr().out
