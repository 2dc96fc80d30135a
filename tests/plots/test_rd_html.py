"""The page of curves needs nothing from outside and does what its buttons and its legend promise."""

import os
import re
import shutil
from types import SimpleNamespace

import pytest

from lic_lab.plots.palette import ALL
from lic_lab.plots.rd_html import DASHES, SYMBOLS, rd_html

CHROME = os.environ.get("CHROME_PATH") or next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser", "chrome"))), None
)
FLAGS = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    FLAGS.append("--no-sandbox")


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
