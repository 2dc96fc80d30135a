"""The site for readers: what its checker refuses, where its links lead, and that the whole of it can be built."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / ".site"))

import check  # noqa: E402
from makers import chapters, links  # noqa: E402

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
        ('<svg><image href="https://example.org/a.png"/></svg>', "<image> is fetched from https://example.org/a.png"),
        ('<object data="//example.org/a"></object>', "<object> is fetched from //example.org/a"),
        ('<img src="seen.png" alt="a" srcset="https://e.org/b.png 2x">', "<img> is fetched from https://e.org/b.png"),
        ('<p style="background: url(https://example.org/a.png)">x</p>', "is fetched: https://example.org/a.png"),
        ('<style>@import "https://example.org/a.css";</style>', "is fetched: https://example.org/a.css"),
        ('<script type="module">import "https://example.org/a.js"</script>', "is fetched: https://example.org/a.js"),
        ("the sum $R + D$ of", "a formula that was not set is left over: '$R + D$'"),
        ("this is **bold** here", "bold type of Markdown is left over: '**bold**'"),
        ("see :term:`rate`", "a role of reStructuredText is left over: ':term:`'"),
        (r"in C:\Users\somebody", r"must not be told: C:\Users\somebody"),
        (":::{note}", "a directive is left over: ':::{'"),
        (r"the sum $\sum_i x_i$ of", r"a formula that was not set is left over: '$\\sum_i x_i$'"),
        ("see [this](other.md)", "a link of Markdown is left over: '[this](other.md)'"),
        (
            '<div class="cell_input"><pre>### BEGIN SOLUTION</pre></div>',
            "a notebook shows what students must not see: '### BEGIN SOLUTION'",
        ),
        ("it is in /home/somebody/lic_lab", "must not be told: /home/somebody"),
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
    assert site("<pre>read from /opt/lic/x</pre>", secrets=["/opt/lic"]) == ["a.html: must not be told: /opt/lic"]


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
