"""The panels in JupyterLab, driven by keys in a headless Chromium; what a reader does, and nothing from outside.

Needs Chromium or Chrome (CHROME_PATH, or on the PATH) and playwright; no browser is downloaded. The tests share one
notebook with one explorer, so they run in this order and each leaves the panel usable.
"""

import statistics

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images
from lic_lab.widgets.sweep import sweep

pytestmark = pytest.mark.browser
NOTEBOOK = """
from lic_lab.datasets.bundled import bundled_images
from lic_lab.widgets import BitrateExplorer
image = bundled_images()["astronaut"][100:292, 120:312]
explorer = BitrateExplorer(image, ["jpeg2000", "jpeg"], rates=(0.4, 0.6, 0.8, 1.0), start=0.6, name="face")
explorer
"""
CANVAS = ".lic-stage canvas"
PATIENCE = 90_000  # ms


@pytest.fixture(scope="module")
def notebook(lab):
    """The notebook, run, with its explorer on the page; at the end nothing may have gone wrong or gone outside."""
    with lab.open([NOTEBOOK]) as notebook:
        notebook.run()
        notebook.page.wait_for_selector(".lic-viewer[data-drawn]", timeout=PATIENCE)
        notebook.page.locator(CANVAS).scroll_into_view_if_needed()
        yield notebook


@pytest.fixture
def page(notebook):
    return notebook.page


@pytest.fixture
def painted(notebook):
    return notebook.painted


@pytest.fixture(scope="module")
def pairs():
    """The pictures that the kernel must have computed: [(A, B), ...], one pair for each stop."""
    image = bundled_images()["astronaut"][100:292, 120:312]
    stops = sweep(image, [load("jpeg2000"), load("jpeg")], (0.4, 0.6, 0.8, 1.0))
    return [tuple(point.reconstruction for point in stop.points.values()) for stop in stops]


def test_a_key_on_the_slider_changes_picture_and_numbers(notebook, page, painted):
    before, table = painted(), page.locator(".lic-numbers").inner_text()
    page.locator(".lic-explorer .noUi-handle").first.focus()
    times = [notebook.press(key, ".lic-viewer") for key in ("ArrowRight", "ArrowLeft") * 5 + ("ArrowRight",)]
    print(f"key to picture: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")  # seen with -rP
    page.wait_for_function("(old) => document.querySelector('.lic-numbers').innerText !== old", arg=table)
    assert "that is 0.8 bits per pixel" in page.locator(".lic-numbers caption").inner_text()
    assert not np.array_equal(before, painted())


def test_the_canvas_shows_the_exact_pixels_of_both_pictures(page, painted, pairs):
    shown, (a, b) = painted(), pairs[2]
    scale = shown.shape[1] // 192
    assert shown.shape == (192 * scale, 192 * scale, 3) and scale > 1
    shown = shown[scale // 2 :: scale, scale // 2 :: scale]
    assert np.array_equal(shown[:, :80], a[:, :80])  # left of the divider and its knob
    assert np.array_equal(shown[:, 112:], b[:, 112:])


def test_the_difference_is_that_of_the_pixels_times_the_gain(page, painted, pairs):
    page.locator(CANVAS).focus()
    page.keyboard.press("4")
    page.keyboard.press("]")
    a, b = (picture.astype(int) for picture in pairs[2])
    shown = painted()
    scale = shown.shape[1] // 192
    assert np.array_equal(shown[::scale, ::scale], np.minimum(abs(a - b) * 8, 255))
    assert page.locator(".lic-chip-a").inner_text().startswith("|A − B| × 8")


def test_magnified_pixels_are_squares_of_whole_screen_pixels(page, painted):
    page.keyboard.press("1")
    for _ in range(3):
        page.keyboard.press("+")
    assert page.locator(".lic-readout").first.inner_text() == "600 %"
    left = painted()[:, :300].astype(int)  # A only
    steps = np.flatnonzero(np.abs(np.diff(left, axis=1)).any(axis=(0, 2)))  # where colours change from left to right
    assert len(steps) > 20 and len(set(steps % 6)) == 1


def test_typing_into_the_viewer_never_reaches_the_notebook(page):
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    page.locator(CANVAS).focus()
    for key in "abdx0":
        page.keyboard.press(key)
    page.locator(".lic-bar button").first.focus()
    for key in "ab":
        page.keyboard.press(key)
    assert cells.count() == 1


def test_keys_on_a_dropdown_choose_and_never_reach_the_notebook(notebook, page):
    choice = page.locator(".lic-explorer select").first
    choice.focus()
    assert choice.input_value() == "JPEG 2000"
    notebook.press("ArrowUp", ".lic-viewer")
    assert choice.input_value() == "Original" and "Original" in page.locator(".lic-chip-a").inner_text()
    notebook.press("ArrowDown", ".lic-viewer")
    page.keyboard.press("b")
    assert choice.input_value() == "JPEG 2000"
    assert page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").count() == 1


def test_dragging_moves_the_divider(page, painted, pairs):
    page.locator(CANVAS).focus()
    page.keyboard.press("1")
    page.keyboard.press("0")
    box = page.locator(CANVAS).bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle, y)
    page.mouse.down()
    page.mouse.move(middle - 120, y, steps=5)
    page.mouse.up()
    shown, (a, b) = painted(), pairs[2]
    scale = shown.shape[1] // 192
    shown = shown[scale // 2 :: scale, scale // 2 :: scale]
    assert np.array_equal(shown[:, 70:], b[:, 70:]) and np.array_equal(shown[:, :10], a[:, :10])


def test_a_dense_screen_gets_every_device_pixel_and_the_same_shape(page, painted):
    ratio = (
        "() => { const c = document.querySelector('.lic-stage canvas'); return Math.round(c.width / c.clientWidth); }"
    )
    devtools = page.context.new_cdp_session(page)
    screen = {"width": 1380, "height": 1200, "mobile": False, "deviceScaleFactor": 2}
    devtools.send("Emulation.setDeviceMetricsOverride", screen)
    page.wait_for_function(f"() => ({ratio})() === 2")
    dense = painted().shape
    devtools.send("Emulation.setDeviceMetricsOverride", {**screen, "width": 1400, "deviceScaleFactor": 1})
    page.wait_for_function(f"() => ({ratio})() === 1")
    plain = painted().shape
    assert dense[0] == dense[1] == 5 * 192 and plain[0] == plain[1] == 2 * 192  # whole pixels, at most 520 CSS pixels


def test_an_uploaded_picture_takes_the_stage(page, painted, tmp_path):
    mine = tmp_path / "mine.png"
    Pillow.fromarray(bundled_images()["chelsea"][40:240, 100:340]).save(mine)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own picture").click()
    chooser.value.set_files(mine)
    page.get_by_text("mine.png: 240 × 200 pixels").wait_for(timeout=PATIENCE)
    shown = painted()
    assert shown.shape[1] / shown.shape[0] == 240 / 200


def test_the_viewer_has_a_name_and_says_what_it_shows(page):
    name = page.locator(CANVAS).get_attribute("aria-label")
    assert name.startswith("mine.png at 0.8 bits per pixel. A: JPEG 2000 ") and " dB. B: JPEG " in name
    assert page.locator(".lic-viewer").get_attribute("role") == "group"
