"""`make notebooks` stores what notebooks show, says how long they took, and leaves one that fails as it was."""

import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest

CI = Path(__file__).parents[1] / ".ci"


@pytest.fixture(scope="module")
def runner():
    spec = importlib.util.spec_from_file_location("run_notebooks", CI / "run_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.fixture(autouse=True)
def in_full(monkeypatch):
    """As `make notebooks` calls it; the tests themselves run with LIC_LAB_FAST."""
    monkeypatch.delenv("LIC_LAB_FAST", raising=False)


@pytest.fixture
def book(tmp_path):
    def write(*sources: str, name: str = "book.ipynb") -> Path:
        path = tmp_path / name
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources]), path)
        return path

    return write


def answered(notebook, folder):
    """Stands for a kernel: every cell prints the name of the folder it runs in."""
    copy = nbformat.from_dict(notebook)
    for number, cell in enumerate(copy.cells, start=1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text=folder.name)]
        cell.metadata["execution"] = {"iopub.status.busy": "now"}
    return copy


def test_outputs_are_stored_cleaned_and_the_time_is_printed(runner, book, capsys):
    path = book("1 + 1")
    assert runner.main([str(path)], answered) == 0
    (cell,) = nbformat.read(path, 4).cells
    assert cell.outputs[0].text == path.parent.name and "execution" not in cell.metadata
    assert capsys.readouterr().out.split()[:3] == ["book.ipynb", "0", "s"]


def test_a_kept_notebook_is_run_and_not_touched(runner, book):
    path = book("1 + 1")
    before = path.read_bytes()
    assert runner.main(["--keep", str(path)], answered) == 0 and path.read_bytes() == before


def test_only_with_a_budget_is_a_slow_notebook_a_failure(runner, book, capsys):
    path = book("1 + 1")
    assert runner.main(["--budget", "100", str(path)], answered) == 0
    assert runner.main(["--budget", "0", str(path)], answered) == 1
    assert "over the budget of 0 s" in capsys.readouterr().out


def test_results_of_the_fast_tests_are_not_stored_by_mistake(runner, book, monkeypatch, capsys):
    monkeypatch.setenv("LIC_LAB_FAST", "1")
    with pytest.raises(SystemExit):
        runner.main([str(book("1 + 1"))], answered)
    assert "--keep" in capsys.readouterr().err
    assert runner.main(["--keep", str(book("1 + 1"))], answered) == 0


@pytest.mark.slow
def test_a_notebook_that_fails_stays_as_it_was_and_the_others_are_run(runner, book, capsys):
    bad, good = book("1 / 0", name="bad.ipynb"), book("print(6 * 7)", name="good.ipynb")
    before = bad.read_bytes()
    assert runner.main([str(bad), str(good)]) == 1
    assert bad.read_bytes() == before and nbformat.read(good, 4).cells[0].outputs[0].text == "42\n"
    said = capsys.readouterr().out
    assert "bad.ipynb" in said and "failed, and was left as it was" in said and "ZeroDivisionError" in said
