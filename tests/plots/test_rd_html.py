"""The page of curves needs nothing from outside and does what its buttons and its legend promise."""

import os
import re
import shutil
from types import SimpleNamespace

import pytest

from lic_lab.plots.palette import ALL
from lic_lab.plots.rd import looks
from lic_lab.plots.rd_html import DARK, DASHES, SYMBOLS, _for_dark_paper, rd_html, rd_traces, trace_look

CHROME = os.environ.get("CHROME_PATH") or next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser", "chrome"))), None
)
FLAGS = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    FLAGS.append("--no-sandbox")


def contrast(one, other):
    """WCAG 2 contrast ratio of two colours "#rrggbb", 1 to 21."""
    shares = [[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in (one, other)]
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color] for color in shares]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def curves():
    jpeg = [("jpeg", 1.0 * q, 0.1 * q, 25.0 + q, 0.8 + q / 50, "") for q in range(1, 6)]
    vtm = [("published:vtm", str(q), 0.5 * q, 28.0 + 2 * q, 0.85 + q / 50, "a <table> & more") for q in range(1, 6)]
    lalic = [("published:lalic", "1", 0.2, 30.0, None, "another")]
    names = ("codec", "quality", "bpp", "psnr_db", "ms_ssim", "source")
    rows = [SimpleNamespace(image="mean", **dict(zip(names, row, strict=True))) for row in (*jpeg, *vtm, *lalic)]
    return {"psnr_db": rows, "ms_ssim": rows}


@pytest.fixture(scope="module")
def html(curves):
    return rd_html(curves, title="zoo & co", note="mean of 2 pictures")


def test_every_marker_and_dash_of_the_palette_has_one_in_the_page():
    assert {look.marker for look in ALL.values()} <= set(SYMBOLS) and {look.dash for look in ALL.values()} <= set(
        DASHES
    )


def test_the_page_loads_nothing_and_brings_plotly_along(html):
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", html) and len(html) > 1 << 20


def test_names_are_escaped_and_sources_listed(html):
    assert "<title>zoo &amp; co</title>" in html and "vtm (published): a &lt;table&gt; &amp; more" in html


@pytest.mark.parametrize("name", [*ALL, "somebody_elses", "published:vtm"])
def test_every_line_has_a_contrast_of_four_and_a_half_on_the_dark_page_and_keeps_its_colour_where_it_had(name):
    color = looks([name])[name].color
    found = _for_dark_paper(color)
    assert contrast(found, DARK) >= 4.5 and (found == color or contrast(color, DARK) < 4.5)


def test_published_lines_are_dotted_and_hollow_and_measured_ones_neither(html):
    vtm, jpeg = (trace_look(looks([name])[name], name) for name in ("published:vtm", "jpeg"))
    assert vtm["line"]["dash"] == "dot" and vtm["marker"]["symbol"].endswith("-open")
    assert jpeg["line"]["dash"] == "dash" and not jpeg["marker"]["symbol"].endswith("-open")
    assert vtm["line"]["width"] < jpeg["line"]["width"]


@pytest.mark.parametrize(("source", "cautioned"), [("a table (MS-SSIM converted from dB)", True), ("a table", False)])
def test_hovering_over_ms_ssim_that_was_published_in_decibels_tells_so(curves, source, cautioned):
    rows = [SimpleNamespace(**vars(row) | {"source": source}) for row in curves["ms_ssim"]]
    texts = rd_traces(rows, "ms_ssim", looks(row.codec for row in rows))["published:vtm"]["text"]
    assert ("presumably as a mean" in texts[0].replace("<br>", " ").replace("</i> <i>", " ")) == cautioned


@pytest.mark.browser
@pytest.mark.skipif(not CHROME, reason="no Chromium on this machine: install it or set CHROME_PATH")
@pytest.mark.parametrize("width", [390, 1000])
def test_the_plot_has_room_on_a_narrow_screen_with_the_legend_below_it(html, tmp_path, width):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    (tmp_path / "rd.html").write_text(html, "utf-8")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROME, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.goto((tmp_path / "rd.html").as_uri())
        page.wait_for_selector(".legendtoggle")
        page.wait_for_timeout(300)
        boxes = {name: page.locator(css).first.bounding_box() for name, css in (
            ("plot", ".nsewdrag"), ("legend", ".legend"), ("title", ".xtitle"), ("below", "p:not(.note)"))}  # fmt: skip
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    plot, legend, title, below = boxes.values()
    assert wide <= width and plot["width"] > 0.6 * width and title["x"] >= 0
    assert title["x"] + title["width"] <= width and legend["y"] + legend["height"] <= below["y"]
    if width == 390:
        assert legend["y"] >= title["y"] + title["height"]
    else:
        assert legend["x"] >= plot["x"] + plot["width"]


@pytest.mark.browser
@pytest.mark.skipif(not CHROME, reason="no Chromium on this machine: install it or set CHROME_PATH")
@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 26)")])
def test_a_reader_hides_a_codec_changes_the_metric_and_sees_the_theme_of_the_system(html, tmp_path, scheme, paper):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    (tmp_path / "rd.html").write_text(html, "utf-8")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROME, args=FLAGS)
        page = browser.new_page(color_scheme=scheme, viewport={"width": 1200, "height": 900})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((tmp_path / "rd.html").as_uri())
        state = "const p = document.querySelector('.js-plotly-plot')"
        page.wait_for_selector(".legendtoggle")
        page.locator(".legendtoggle").first.click()
        page.wait_for_function(f"() => {{ {state}; return p.data[0].visible === 'legendonly' }}")
        page.get_by_role("button", name="MS-SSIM").click()
        page.wait_for_function(f"() => {{ {state}; return p.layout.yaxis.title.text === 'MS-SSIM' }}")
        shown = page.evaluate(f"() => {{ {state}; return p.data.map(d => [d.name, d.visible, d.y[0]?.toFixed(2)]) }}")
        colour = page.evaluate("getComputedStyle(document.querySelector('.main-svg')).background")
        browser.close()
    assert errors == [] and paper in colour
    assert shown == [
        ["JPEG", "legendonly", "0.82"],
        ["vtm (published)", None, "0.87"],
        ["lalic (published)", None, None],
    ]
