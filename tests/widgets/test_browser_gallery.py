"""The rate-distortion explorer and the wall in JupyterLab: what only a browser can show of them."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CELLS = [
    """
from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images
from lic_lab.metrics.quality import psnr
from lic_lab.widgets import RDExplorer, Wall
image = bundled_images()["astronaut"][100:292, 120:312]
rows = []
for name in ("jpeg", "webp"):
    for quality in (10, 30, 50, 80):
        data = load(name).encode(image, quality)
        db = psnr(image, load(name).decode(data))
        about = {"codec": name, "image": "face", "quality": quality, "bytes": len(data)}
        rows.append(about | {"bpp": 8 * len(data) / 192**2, "psnr_db": db})
RDExplorer(rows, images={"face": image}, rate=1.0)
""",
    """
Wall(image, {name: load(name).decode(load(name).compress(image, bpp=0.6)) for name in ("jpeg", "webp", "jpeg2000")})
""",
]


@pytest.fixture(scope="module")
def notebook(lab):
    with lab.open(CELLS) as notebook:
        notebook.run()
        notebook.page.wait_for_selector(".lic-rd .scatterlayer .trace")
        yield notebook


@pytest.fixture
def page(notebook):
    return notebook.page


def test_the_curves_take_the_width_of_the_page_and_follow_it(page):
    fits = """() => { const plot = document.querySelector(".lic-rd .js-plotly-plot");
        return Math.abs(plot.querySelector(".main-svg").getBoundingClientRect().width - plot.clientWidth) < 2
            && plot.clientWidth <= document.querySelector(".lic-rd").clientWidth && plot.clientWidth; }"""
    wide = page.wait_for_function(fits).json_value()
    page.set_viewport_size({"width": 820, "height": 1200})
    page.wait_for_function(f"(wide) => {{ const now = ({fits})(); return now && now < wide; }}", arg=wide)
    page.set_viewport_size({"width": 1400, "height": 1200})
    page.wait_for_function(f"(wide) => ({fits})() === wide", arg=wide)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_texts_of_the_curves_have_the_colour_of_the_theme(notebook, page, theme):
    notebook.theme(theme)
    ink = page.locator(".lic-rd .xtick text").first.evaluate("(text) => getComputedStyle(text).fill")
    assert (sum(map(float, ink[ink.index("(") + 1 : -1].split(",")[:3])) > 380) == (theme == "dark")


def test_a_key_on_the_rate_reads_the_curves_there(notebook, page):
    page.locator(".lic-rd .noUi-handle").first.focus()
    notebook.press("ArrowRight", ".lic-rd .lic-numbers")
    assert page.locator(".lic-rd .lic-numbers caption").inner_text().startswith("At 1.05 bpp.")


def test_a_click_on_a_point_makes_its_picture(page):
    point = page.locator(".lic-rd .scatterlayer .trace").first.locator("path.point").nth(2)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".lic-rd .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".lic-rd .lic-viewer[data-drawn]").wait_for()
    assert "JPEG" in page.locator(".lic-rd .lic-chip-b").inner_text()
    assert not page.locator(".lic-rd").get_by_role("alert").count()


def test_what_moves_one_viewer_of_a_wall_moves_all(page):
    viewers = page.locator(".lic-wall .lic-viewer")
    viewers.nth(1).locator("canvas").focus()
    for key in ("+", "4", "]"):
        page.keyboard.press(key)
    page.wait_for_function(
        """() => [...document.querySelectorAll(".lic-wall .lic-viewer")].every((viewer) => {
            const [zoom, gain] = [...viewer.querySelectorAll(".lic-readout")].map((readout) => readout.innerText);
            return viewer.dataset.mode === "difference" && zoom === "200 %" && gain === "× 8";
        })"""
    )
    assert viewers.count() == 3
