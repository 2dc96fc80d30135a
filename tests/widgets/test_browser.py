"""The panels in JupyterLab, driven by keys in a headless Chromium; what a reader does, and nothing from outside.

Needs Chromium or Chrome (CHROME_PATH, or on the PATH) and playwright; no browser is downloaded. The tests share one
notebook with one explorer, so they run in this order and each leaves the panel usable.
"""

import base64
import io
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images
from lic_lab.widgets.sweep import sweep

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
NAMES = ("chromium", "google-chrome", "chromium-browser", "chrome")
CHROME = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROME, reason="no Chromium on this machine: install it or set CHROME_PATH"),
]

# The resolver rule proves that everything works offline.
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
if hasattr(os, "geteuid") and os.geteuid() == 0:
    FLAGS.append("--no-sandbox")

NOTEBOOK = """
from lic_lab.datasets.bundled import bundled_images
from lic_lab.widgets.explorer import BitrateExplorer
image = bundled_images()["astronaut"][100:292, 120:312]
explorer = BitrateExplorer(image, ["jpeg2000", "jpeg"], rates=(0.4, 0.6, 0.8, 1.0), start=0.6, name="face")
explorer
"""
CHAPTER = Path(__file__).parents[2] / "notebooks" / "00_start_here.ipynb"
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CANVAS = ".lic-stage canvas"
PATIENCE = 90_000  # ms, for starting a kernel on a busy machine


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of our own on a free port, with a notebook `explore.ipynb`: (address, token)."""
    home, token = tmp_path_factory.mktemp("jupyter"), secrets.token_hex(8)
    settings = home / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK.strip())])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (home / "work").mkdir()
    shutil.copy(CHAPTER, home / "work")
    nbformat.write(book, home / "work" / "explore.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {"CONFIG": "c", "RUNTIME": "r"}
    environment = dict(os.environ, IPYTHONDIR=str(home / "i"), JUPYTERLAB_SETTINGS_DIR=str(home / "settings"))
    environment |= {f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in folders.items()}
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "w")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
    ]
    command += [f"--ServerApp.root_dir={home / 'work'}"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{base}/api/status?token={token}", server)
        yield base, token
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Return when the server answers; fail when it ends or stays silent for two minutes."""
    for _ in range(480):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.25)
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def page(lab, tmp_path_factory):
    """The notebook, run, with its explorer on the page; at the end nothing may have gone wrong or gone outside."""
    base, token = lab
    trouble = []
    with api.sync_playwright() as playwright:
        profile = str(tmp_path_factory.mktemp("profile"))
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROME, headless=True, args=FLAGS, viewport={"width": 1400, "height": 1200}
        )
        page = context.new_page()
        inside = (base, base.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(inside) or trouble.append(f"outside: {r.url}"))
        page.on("response", lambda r: r.status < 400 or trouble.append(f"{r.status}: {r.url}"))
        page.on("pageerror", lambda error: trouble.append(f"page: {error}"))
        page.on("console", lambda line: line.type != "error" or trouble.append(f"console: {line.text}"))
        page.goto(f"{base}/lab/tree/explore.ipynb?token={token}&reset")
        page.wait_for_function(IDLE, timeout=PATIENCE)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        page.wait_for_selector(".lic-viewer[data-drawn]", timeout=PATIENCE)
        page.locator(CANVAS).scroll_into_view_if_needed()
        yield page
        context.close()
    assert not trouble, trouble


def press(page, key: str) -> float:
    """Press a key where the focus is; milliseconds until a new pair of pictures is on the canvas."""
    page.evaluate(
        """() => {
            const viewer = document.querySelector(".lic-viewer"), before = viewer.dataset.drawn;
            window.latency = new Promise((done) => addEventListener("keydown", () => {
                const start = performance.now();
                const look = () => viewer.dataset.drawn === before ? requestAnimationFrame(look)
                    : requestAnimationFrame(() => done(performance.now() - start));
                look();
            }, { once: true, capture: true }));
        }"""
    )
    page.keyboard.press(key)
    return page.evaluate("() => Promise.race([window.latency, new Promise((_, no) => setTimeout(no, 10000))])")


def painted(page) -> np.ndarray:
    """What is on the stage inside the picture's frame, uint8 (h, w, 3), in device pixels."""
    url = page.evaluate("() => document.querySelector('.lic-stage canvas').toDataURL('image/png')")
    stage = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))
    columns = np.flatnonzero(stage[:, :, 3].any(axis=0))
    return stage[:, columns[0] : columns[-1] + 1, :3]


@pytest.fixture(scope="module")
def pairs():
    """The pictures that the kernel must have computed: [(A, B), ...], one pair for each stop."""
    image = bundled_images()["astronaut"][100:292, 120:312]
    stops = sweep(image, [load("jpeg2000"), load("jpeg")], (0.4, 0.6, 0.8, 1.0))
    return [tuple(point.reconstruction for point in stop.points.values()) for stop in stops]


def test_a_key_on_the_slider_changes_picture_and_numbers(page):
    before, table = painted(page), page.locator(".lic-numbers").inner_text()
    page.locator(".lic-explorer .noUi-handle").first.focus()
    times = [press(page, key) for key in ("ArrowRight", "ArrowLeft") * 5 + ("ArrowRight",)]
    print(f"key to picture: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")  # seen with -rP
    page.wait_for_function("(old) => document.querySelector('.lic-numbers').innerText !== old", arg=table)
    assert "that is 0.8 bits per pixel" in page.locator(".lic-numbers caption").inner_text()
    assert not np.array_equal(before, painted(page))


def test_the_canvas_shows_the_exact_pixels_of_both_pictures(page, pairs):
    shown, (a, b) = painted(page), pairs[2]
    scale = shown.shape[1] // 192
    assert shown.shape == (192 * scale, 192 * scale, 3) and scale > 1
    shown = shown[scale // 2 :: scale, scale // 2 :: scale]
    assert np.array_equal(shown[:, :80], a[:, :80])  # left of the divider and its knob
    assert np.array_equal(shown[:, 112:], b[:, 112:])


def test_the_difference_is_that_of_the_pixels_times_the_gain(page, pairs):
    page.locator(CANVAS).focus()
    page.keyboard.press("4")
    page.keyboard.press("]")
    a, b = (picture.astype(int) for picture in pairs[2])
    shown = painted(page)
    scale = shown.shape[1] // 192
    assert np.array_equal(shown[::scale, ::scale], np.minimum(abs(a - b) * 8, 255))
    assert page.locator(".lic-chip-a").inner_text().startswith("|A − B| × 8")


def test_magnified_pixels_are_squares_of_whole_screen_pixels(page):
    page.keyboard.press("1")
    for _ in range(3):
        page.keyboard.press("+")
    assert page.locator(".lic-readout").first.inner_text() == "600 %"
    left = painted(page)[:, :300].astype(int)  # A only
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


def test_dragging_moves_the_divider(page, pairs):
    page.locator(CANVAS).focus()
    page.keyboard.press("1")
    page.keyboard.press("0")
    box = page.locator(CANVAS).bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle, y)
    page.mouse.down()
    page.mouse.move(middle - 120, y, steps=5)
    page.mouse.up()
    shown, (a, b) = painted(page), pairs[2]
    scale = shown.shape[1] // 192
    shown = shown[scale // 2 :: scale, scale // 2 :: scale]
    assert np.array_equal(shown[:, 70:], b[:, 70:]) and np.array_equal(shown[:, :10], a[:, :10])


def test_a_dense_screen_gets_every_device_pixel_and_the_same_shape(page):
    ratio = (
        "() => { const c = document.querySelector('.lic-stage canvas'); return Math.round(c.width / c.clientWidth); }"
    )
    devtools = page.context.new_cdp_session(page)
    screen = {"width": 1380, "height": 1200, "mobile": False, "deviceScaleFactor": 2}
    devtools.send("Emulation.setDeviceMetricsOverride", screen)
    page.wait_for_function(f"() => ({ratio})() === 2")
    dense = painted(page).shape
    devtools.send("Emulation.setDeviceMetricsOverride", {**screen, "width": 1400, "deviceScaleFactor": 1})
    page.wait_for_function(f"() => ({ratio})() === 1")
    plain = painted(page).shape
    assert dense[0] == dense[1] == 5 * 192 and plain[0] == plain[1] == 2 * 192  # whole pixels, at most 520 CSS pixels


def test_an_uploaded_picture_takes_the_stage(page, tmp_path):
    mine = tmp_path / "mine.png"
    Pillow.fromarray(bundled_images()["chelsea"][40:240, 100:340]).save(mine)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own picture").click()
    chooser.value.set_files(mine)
    page.get_by_text("mine.png: 240 × 200 pixels").wait_for(timeout=PATIENCE)
    shown = painted(page)
    assert shown.shape[1] / shown.shape[0] == 240 / 200


def test_the_viewer_has_a_name_and_says_what_it_shows(page):
    name = page.locator(CANVAS).get_attribute("aria-label")
    assert name.startswith("mine.png at 0.8 bits per pixel. A: JPEG 2000 ") and " dB. B: JPEG " in name
    assert page.locator(".lic-viewer").get_attribute("role") == "group"


@pytest.mark.slow
def test_in_the_first_chapter_a_key_on_the_slider_changes_picture_and_numbers(lab, page):
    base, token = lab
    page.goto(f"{base}/lab/tree/{CHAPTER.name}?token={token}&reset")
    page.wait_for_function(IDLE, timeout=PATIENCE)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.wait_for_selector(".lic-viewer[data-drawn]", timeout=4 * PATIENCE)
    page.locator(CANVAS).scroll_into_view_if_needed()
    before, table = painted(page), page.locator(".lic-numbers").inner_text()
    page.locator(".lic-explorer .noUi-handle").first.focus()
    press(page, "ArrowRight")
    page.wait_for_function("(old) => document.querySelector('.lic-numbers').innerText !== old", arg=table)
    assert not np.array_equal(before, painted(page))
