"""The site for readers: what its checker refuses, what its page makers say, and that the whole of it can be built."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image as Pillow

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / ".site"))

import check  # noqa: E402
from makers import chapters, docstrings, front, gallery, links, models, reference, results  # noqa: E402

PAGE = (
    '<!doctype html><html lang="en"><head><title>{title}</title>{head}</head>'
    '<body><p id="here">{body}</p></body></html>'
)


def picture(colours: int = 2) -> bytes:
    """A PNG with one colour or two."""
    pixels, buffer = np.zeros((20, 30, 3), np.uint8), io.BytesIO()
    pixels[5:] = 90 * (colours - 1)
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def site(tmp_path):
    """Makes a site of two pages, a picture and a style sheet, and lists its faults."""

    def make(
        body: str = "words", *, title: str = "One", head: str = "", files: dict | None = None, **options
    ) -> list[str]:
        content = {"a.html": PAGE.format(title=title, head=head, body=body), "seen.png": picture(), "site.css": "p {}"}
        content |= {"sub/b.html": PAGE.format(title="Two", head="", body="more words")} | (files or {})
        for name, data in content.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return check.faults(tmp_path, **options)

    return make


# ---- the checker -----------------------------------------------------------------------------------------------------


def test_a_sound_site_has_no_faults(site):
    body = (
        '<a href="sub/b.html#here">on</a> <a href="#here">up</a> <a href="https://example.org">out</a> '
        '<img src="seen.png" alt="a square"> <code>:math:`x`</code> <pre>### BEGIN SOLUTION</pre> '
        '<span class="math">\\(\\alpha\\)</span>'
    )
    assert (
        site(body, head='<link rel="stylesheet" href="site.css"><link rel="author" href="https://example.org">') == []
    )


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="c.html">x</a>', "c.html leads nowhere"),
        ('<a href="sub/b.html#there">x</a>', "sub/b.html#there names a place that is not there"),
        ('<a href="#there">x</a>', "#there names a place that is not there"),
        ('<a href="../elsewhere.html">x</a>', "../elsewhere.html leads out of the site"),
        ('<img src="gone.png" alt="a square">', "gone.png leads nowhere"),
        ('<img src="seen.png">', "a picture without words: seen.png"),
        ('<img src="seen.png" alt="_images/seen.png">', "a picture without words: seen.png"),
        ('<img src="https://example.org/a.png" alt="a square">', "<img> is fetched from https://example.org/a.png"),
        ('<script src="//example.org/a.js"></script>', "<script> is fetched from //example.org/a.js"),
        ('<iframe src="sub/b.html"></iframe>', "a frame without a title: sub/b.html"),
        ("as :math:`x^2` says", "a role of reStructuredText is left over: ':math:`'"),
        (":::{note}", "a directive is left over: ':::{'"),
        (r"the sum $\sum_i x_i$ of", r"a formula that was not set is left over: '$\\sum_i x_i$'"),
        ("see [this](other.md)", "a link of Markdown is left over: '[this](other.md)'"),
        (
            '<div class="cell_input"><pre>### BEGIN SOLUTION</pre></div>',
            "a notebook shows what students must not see: '### BEGIN SOLUTION'",
        ),
        ("it is in /home/somebody/lic_lab", "a machine path: /home/somebody"),
    ],
)
def test_every_fault_of_a_page_is_found_and_named(site, body, fault):
    assert site(body) == [f"a.html: {fault}"]


def test_a_page_needs_a_title(site):
    assert site(title="") == ["a.html: no title"]


def test_a_picture_must_open_and_have_more_than_one_colour(site):
    body = '<img src="one.png" alt="nothing"><img src="torn.png" alt="nothing">'
    found = site(body, files={"one.png": picture(1), "torn.png": picture()[:40]})
    assert sorted(found) == ["a.html: one.png is blank", "a.html: torn.png is no picture"]


def test_a_style_sheet_may_not_fetch(site):
    files = {"site.css": 'a { background: url("https://example.org/a.png") } b { background: url(seen.png) }'}
    assert site(files=files) == ["site.css: is fetched: https://example.org/a.png"]


def test_a_secret_is_found_wherever_it_stands(site):
    assert site("<pre>read from /opt/lic/x</pre>", secrets=["/opt/lic"]) == ["a.html: a machine path: /opt/lic"]


def test_an_empty_folder_is_no_site(tmp_path):
    assert check.faults(tmp_path) == [f"{tmp_path.name}: there are no pages"]


def test_the_command_prints_faults_or_where_the_links_go(site, tmp_path, capsys):
    site('<a href="https://example.org">out</a>')
    assert check.main([str(tmp_path)]) == 0 and "https://example.org" in capsys.readouterr().out
    site('<a href="c.html">x</a>')
    assert check.main([str(tmp_path)]) == 1 and "leads nowhere" in capsys.readouterr().out


# ---- links -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path):
    for name in ("lic_lab/ops/wavelets.py", "notebooks/README.md", "notebooks/01_a.ipynb", "data/README.md",
                 "data/weights/charm.safetensors", "Makefile", "tests/test_a.py", "data/demo.png"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return links.Links(tmp_path, {"notebooks/README.md", "notebooks/01_a.ipynb", "data/README.md"})


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("01_a.ipynb", "01_a.ipynb"),
        ("01_a.ipynb#part", "01_a.ipynb#part"),
        ("../data", "../data/README.md"),
        ("../lic_lab/ops/wavelets.py", "../reference/lic_lab.ops.wavelets.rst"),
        ("../lic_lab/ops", "../reference/lic_lab.ops.rst"),
        ("../lic_lab", "../reference/index.md"),
        ("../data/weights/charm.safetensors", "../models/charm.md"),
        ("../Makefile", "../files/Makefile.md"),
        ("../tests", "../files/tests/index.md"),
        ("../data/demo.png", "../data/demo.png"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("#part", "#part"),
    ],
)
def test_a_link_leads_to_the_page_that_shows_its_file(repository, link, page):
    assert repository.rewrite(f"see [it]({link}) there", "notebooks/README.md") == f"see [it]({page}) there"
    assert not repository.broken


def test_links_in_code_stay_as_they_are(repository):
    text = "`[x](../Makefile)`\n\n```\n[x](../Makefile)\n```\n"
    assert repository.rewrite(text, "notebooks/README.md") == text and not repository.files


def test_a_link_that_leads_nowhere_is_noted(repository):
    repository.rewrite("[x](gone.md)", "notebooks/README.md")
    assert repository.broken == [("notebooks/README.md", "gone.md")]


def test_files_and_folders_that_are_linked_get_pages(repository):
    repository.rewrite("[x](../Makefile) [y](../tests)", "notebooks/README.md")
    written = {}
    links.source_pages(repository, written.__setitem__)
    assert set(written) == {"files/Makefile.md", "files/tests/index.md"}
    assert ":language: make" in written["files/Makefile.md"] and "`test_a.py`" in written["files/tests/index.md"]


# ---- notebooks and gallery -------------------------------------------------------------------------------------------


@pytest.fixture
def notebook():
    """A small chapter: one figure, and two panels of which one says how it can be moved."""
    png = base64.b64encode(picture()).decode()
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
    assert found[1].handles == ("Step", "Picture") and found[0].png == picture()


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
    assert book.cells[1].source == "check(f)"


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
    assert models.measured_section("csm", kodak, "some pictures") == ""
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


# ---- the whole -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The whole site, built by the command that readers of the repository use."""
    pytest.importorskip("myst_nb")
    site = tmp_path_factory.mktemp("whole") / "site"
    done = subprocess.run(
        [sys.executable, ROOT / ".site" / "build.py", "--out", site],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The site: " in done.stdout
    return site


@pytest.mark.slow
def test_the_whole_site_is_built_without_a_warning_and_passes_its_check(built):
    for chapter in chapters.chapters(ROOT / "notebooks"):
        assert (built / "notebooks" / f"{chapter.stem}.html").is_file()
    assert "panel-04-9" in (built / "gallery" / "index.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.browser
def test_pages_open_in_a_browser_without_network_and_without_an_error(built):
    import look

    if not look.browser.CHROME:
        pytest.skip("no Chromium on this machine")
    pages = ["index", "notebooks/03_state_space_scan", "gallery/index", "models/cmamba", "results/index"]
    assert look.visit(built, pages) == []


@pytest.mark.browser
def test_a_page_that_asks_for_something_from_elsewhere_is_noticed(tmp_path):
    import look

    if not look.browser.CHROME:
        pytest.skip("no Chromium on this machine")
    body = '<img src="http://example.org/a.png" alt="x"><script>console.error("oh")</script>'
    body += '<div style="width:9999px">wide</div>'
    (tmp_path / "a.html").write_text(PAGE.format(title="One", head="", body=body))
    found = look.visit(tmp_path, ["a"], sizes=["wide"])
    assert any("asks for http://example.org/a.png" in fault for fault in found)
    assert any("console: oh" in fault for fault in found) and any("wider than" in fault for fault in found)
