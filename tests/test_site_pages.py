"""The makers of the site's pages: what chapters, gallery, models, results, reference and front page say."""

import base64
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / ".site"))

import build  # noqa: E402
from makers import chapters, docstrings, front, gallery, models, reference, results  # noqa: E402

PICTURE = (ROOT / "data" / "results" / "demo.png").read_bytes()


# ---- notebooks and gallery -------------------------------------------------------------------------------------------


@pytest.fixture
def notebook():
    """A small chapter: one figure, and two panels of which one says how it can be moved."""
    png = base64.b64encode(PICTURE).decode()
    show = nbformat.v4.new_output
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    figure = code(
        'plt.title("Two halves")', outputs=[show("display_data", {"image/png": png, "text/plain": "<Figure>"})]
    )
    live = code("FlowExplorer()", outputs=[show("display_data", {"image/png": png})])
    own = code('Explorer(look, step=slide([1, 8], "Step"), picture=choose(names, "Picture"))',
               outputs=[show("display_data", {"image/png": png})])  # fmt: skip
    cells = [markdown("# 01 · Why?\n\nWords."), figure, markdown("## Move $x$"), live, markdown("And this."), own]
    return nbformat.v4.new_notebook(cells=cells)


WIDGETS = {"FlowExplorer", "Explorer"}


def test_all_posters_of_a_notebook_are_found_with_their_panels_and_handles(notebook):
    found = list(chapters.posters(notebook, "01_why", WIDGETS))
    assert [(p.cell, p.widget, p.heading) for p in found] == [(3, "FlowExplorer", "Move x"), (5, "Explorer", "Move x")]
    assert found[1].handles == ("Step", "Picture") and found[0].png == PICTURE


def test_a_page_of_a_notebook_has_words_for_its_pictures_and_places_for_its_panels(notebook):
    book = chapters.page(notebook, "01_why", WIDGETS)
    assert book.cells[1].metadata.mystnb.image.alt == "Two halves (section: 01 · Why?)"
    assert book.cells[2].source.startswith("(panel-01-3)=\n\n## Move")
    assert book.cells[4].source.startswith("(panel-01-5)=\n\nAnd")
    assert "panel" not in "".join(cell.source for cell in notebook.cells), "the notebook itself stays"


def test_the_gallery_shows_every_poster_with_what_is_moved_and_the_way_to_it(notebook):
    found = list(chapters.posters(notebook, "01_why", WIDGETS))
    text = gallery.gallery_page(found, {"01_why": "01 · Why?"}, lambda widget: f"About {widget}.")
    assert text.count("card-panel") == 2 and "About FlowExplorer." in text and "Moved here: Step, Picture." in text
    assert "(#panel-01-3)" in text and "(#panel-01-5)" in text and "## 01 · Why?" in text


def test_a_panel_of_a_general_widget_has_the_name_of_its_section():
    poster = chapters.Poster("04_scan", 7, "One bright pixel", "Picker", (), PICTURE)
    text = gallery.card(poster, "A picture on the page.")
    assert "**One bright pixel**" in text and "Picker" not in text and gallery.POINTED in text


def test_the_sentence_of_a_widget_comes_from_its_module():
    assert gallery.widget_sentence("BitrateExplorer").startswith("One slider for the size of the file")


def test_the_posters_of_the_course_are_those_that_its_notebooks_store():
    from lic_lab.widgets import ROOMS

    for path in chapters.chapters(ROOT / "notebooks"):
        book = nbformat.read(path, as_version=4)
        cells = [cell for cell in book.cells if any(map(chapters.is_poster, cell.get("outputs", [])))]
        found = list(chapters.posters(book, path.stem, set(ROOMS)))
        assert len(found) == len(cells) > 0
        assert all(poster.widget or poster.handles for poster in found), "a panel without anything to move"


def test_a_student_sees_neither_solutions_nor_hidden_tests():
    pytest.importorskip("nbgrader")
    common = {"schema_version": 3, "solution": False, "grade": False, "locked": False, "task": False}
    answer = nbformat.v4.new_code_cell("def f():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION")
    answer.metadata.nbgrader = {**common, "grade_id": "a", "solution": True}
    points = nbformat.v4.new_code_cell("check(f)\n### BEGIN HIDDEN TESTS\ngrade(f)\n### END HIDDEN TESTS")
    points.metadata.nbgrader = {**common, "grade_id": "b", "grade": True, "locked": True, "points": 2}
    book = chapters.student_version(nbformat.v4.new_notebook(cells=[answer, points]))
    assert book.cells[0].source == "def f():\n    # your answer\n    raise NotImplementedError"
    assert "lic-lab course release" in book.cells[1].source, "a reader learns how to get the notebook"
    assert book.cells[2].source == "check(f)"


def test_the_seeds_of_hidden_tests_are_found_so_that_no_page_tells_them(tmp_path):
    path = tmp_path / "notebooks" / "assignments" / "A1.ipynb"
    path.parent.mkdir(parents=True)
    hidden = "check(f)  # seed=5\n### BEGIN HIDDEN TESTS\ngrade(f, seed=77)\n### END HIDDEN TESTS"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(hidden)]), path)
    assert build.hidden_seeds(tmp_path) == {"seed=77"}
    assert build.hidden_seeds(ROOT)


# ---- models and results ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kodak():
    return results.read(ROOT / "data" / "results" / "kodak.csv")


def test_the_page_of_a_model_says_the_bd_rates_of_the_measured_files(kodak):
    from lic_lab.evaluation.curves import bd_table

    text = models.measured_section("charm", kodak, "some pictures")
    for anchor in ("jpeg", "webp", "avif"):
        assert f"| `{anchor}` | {bd_table(kodak)['charm'][anchor]:+.1f} |" in text
    assert "JPEG 2000" in text and "aria-label=" in text and "cmamba" not in text


def test_the_page_of_a_model_without_measured_files_says_that_there_are_no_weights(kodak):
    assert models.measured_section("mine", kodak, "some pictures") == ""
    assert "None are shipped yet" in models.no_weights("csm") and "lic-lab train csm" in models.no_weights("csm")


def test_the_facts_of_a_model_come_from_its_module():
    said = models.facts("cmamba", ["tiny"], drawn="tiny")
    assert said["costs"][0]["parameters"] == 96_314 and said["module"] == "lic_lab.models.cmamba"
    assert said["claims"]["Claim"].startswith("14.95 % fewer bits") and "arXiv 2502.04988" in said["source"]
    page = models.model_page("cmamba", said, "", "", ["[one](x.ipynb)"])
    for part in ("# cmamba", said["svg"], "96,314", "None are shipped yet", "- [one](x.ipynb)", "The paper claims"):
        assert part in page
    assert "## Rate and quality" not in page


def test_costs_are_remembered_until_the_package_changes(tmp_path):
    package, calls = tmp_path / "lic_lab", []
    (package / "models").mkdir(parents=True)
    for text in ("a = 1", "a = 1", "a = 2"):
        (package / "models" / "x.py").write_text(text)
        models.remembered(tmp_path / "x.json", package, lambda: calls.append(1) or {"n": len(calls)})
    assert len(calls) == 2


def test_a_card_loses_its_title_and_its_headings_go_down():
    assert models.card_section("# charm\n\nwords {'a': 1}\n\n## Validation\n") == "words \\{'a': 1}\n\n### Validation"
    measured = (
        "# charm\n\n## Kodak\n\n| bpp |\n|---|\n| 1 |\n\n| BD-rate (PSNR) against | % |\n|---|---|\n| jpeg | -1 |\n"
    )
    assert models.card_section(measured).endswith("| 1 |"), "the page has a longer table of BD-rates"


def test_a_sentence_begins_with_a_large_letter_and_the_name_of_a_file_as_it_is():
    said = {
        "claims": {"Code": "ms2020.py decodes", "Ours": "decodes | writes"},
        "costs": [],
        "idea": "",
        "headline": "",
    }
    page = models.model_page("x", said | {"source": "", "drawn": "", "svg": "", "of": "", "module": ""}, "", "", [])
    assert "| ms2020.py decodes |" in page and "| Decodes \\| writes |" in page


def test_a_chapter_speaks_of_a_model_where_it_names_it_often():
    assert models.speaks_of("CSM and `csm`, csm.", "csm") and not models.speaks_of("csmith csms csm", "csm")


def test_the_results_page_counts_the_files_and_leads_to_the_curves(kodak):
    text = results.results_page({"kodak": "TABLE", "stereo": "PAIRS"}, results.sentence(kodak, kodak[:3]))
    assert f"{len(kodak):,} files" in text and "curves_kodak.html" in text and "TABLE" in text and "PAIRS" in text


def test_the_page_of_curves_needs_nothing_from_elsewhere(kodak):
    page = results.curves_html("kodak", [row for row in kodak if row["codec"] in ("charm", "jpeg")], results.PUBLISHED)
    assert "Plotly" in page and 'src="http' not in page and "vtm (published)" in page


# ---- reference and front page ----------------------------------------------------------------------------------------


def test_a_docstring_becomes_sentences_a_list_of_its_legend_and_code():
    text = (
        "Read a map in two orders of `scan`.\n\nshape: (b, c, h, w) -> same.   widths, depths: of *each* scale, over\n"
        "two lines.\nSource: Somebody 2020. Raises no error.\n"
        "Raises LicLabError for x_ that are wrong.\n\n    y = f(x)\n"
    )
    assert docstrings.lines(text) == [
        "Read a map in two orders of ``scan``.",
        "",
        "- ``shape``: (b, c, h, w) -> same.",
        "- ``widths, depths``: of \\*each\\* scale, over two lines.",
        "- **Source**: Somebody 2020. Raises no error.",
        "",
        "Raises LicLabError for x\\_ that are wrong.",
        "",
        ".. code-block:: python",
        "   :force:",
        "",
        "   y = f(x)",
        "",
    ]


def test_a_colon_in_a_sentence_does_not_begin_a_legend():
    assert docstrings.lines("How good it is: very, by `a`s and `b`.") == [
        "How good it is: very, by ``a``\\ s and ``b``.",
        "",
    ]


def test_the_page_of_a_room_says_what_it_is_before_its_modules_and_modules_are_named_shortly():
    page = reference.module_rst("lic_lab.blocks", ROOT / "lic_lab", ["lic_lab.blocks.conv"])
    said, listed, names = map(page.index, ("feature map in", ":doc:`conv <lic_lab.blocks.conv>`", ".. automodule::"))
    assert said < listed < names
    text = ["What the module says."]
    docstrings.reshape(None, "module", "lic_lab.blocks", None, None, text)
    assert text == [], "the page says it already"


def test_the_fields_of_a_named_tuple_have_no_entries_of_their_own():
    assert docstrings.leave_out(None, "attribute", "kind", docstrings.Block.kind, False, None)
    assert docstrings.leave_out(None, "function", "lines", docstrings.lines, False, None) is None

    class Odd:
        __doc__ = type.__dict__["__doc__"]

    assert docstrings.leave_out(None, "class", "Odd", Odd, False, None) is None


def test_every_room_and_module_has_its_page():
    written = {}
    reference.reference_pages(ROOT / "lic_lab", ROOT / "tests" / "test_floors.py", written.__setitem__)
    files = [
        path for path in (ROOT / "lic_lab").rglob("*.py") if not path.stem.startswith("_") and "cli" not in path.parts
    ]
    named = {"reference/" + ".".join(path.relative_to(ROOT).with_suffix("").parts) + ".rst" for path in files}
    assert named <= set(written)
    index = written["reference/index.md"]
    assert index.index("[lic_lab.ops]") < index.index("[lic_lab.models]") < index.index("[lic_lab.widgets]")
    rows = [line for line in index.splitlines() if line.startswith("| ")]
    assert all(len(line.split("|")[3].split()) >= 3 for line in rows[1:]), "every room says what it is"
    assert (
        "--bpp" in written["reference/command_line.md"] and "## lic-lab encode" in written["reference/command_line.md"]
    )


def test_the_front_page_has_a_picture_and_a_door_to_each_part():
    page = front.front_page({"The course": ["notebooks/README.md"], "Nothing": []}, "notebooks/how_to/a.md", 14)
    assert "demo.png" in page and page.count("{container} door\n") == len(front.DOORS)
    assert "(notebooks/how_to/a.md)" in page and "of 14 chapters" in page and "Nothing" not in page
