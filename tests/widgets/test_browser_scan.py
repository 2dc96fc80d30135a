"""The scan player in JupyterLab, driven by keys in a headless Chromium. The tests run in this order, on one page."""

import numpy as np
import pytest

pytestmark = pytest.mark.browser
PLAYER = """
from lic_lab.widgets.scan_player import ScanPlayer
player = ScanPlayer(size=16, name="Face")
player
"""
CANVAS, WHERE = ".lic-player .lic-stage canvas", ".lic-scan-where"


@pytest.fixture(scope="module")
def notebook(lab):
    with lab.open([PLAYER]) as notebook:
        notebook.run()
        notebook.page.locator(CANVAS).scroll_into_view_if_needed()
        notebook.page.locator(CANVAS).focus()
        yield notebook


def where(notebook) -> str:
    return notebook.page.locator(WHERE).inner_text()


def test_the_player_starts_at_the_first_token_and_waits(notebook):
    assert where(notebook) == "Token 1 of 256: row 0, column 0"
    assert notebook.page.get_by_role("button", name="▶ Play").count() == 1


def test_arrow_keys_step_by_tokens_and_rows(notebook):
    for key, now in (("ArrowRight", 2), ("Shift+ArrowRight", 18), ("ArrowLeft", 17), ("End", 256), ("Home", 1)):
        notebook.page.keyboard.press(key)
        assert where(notebook).startswith(f"Token {now} of 256")


def test_playing_moves_on_its_own_until_the_space_bar_stops_it(notebook):
    before = notebook.painted(CANVAS)
    notebook.page.keyboard.press("Space")
    notebook.page.wait_for_function(f"() => parseInt(document.querySelector('{WHERE}').innerText.slice(6)) > 20")
    notebook.page.keyboard.press("Space")
    assert notebook.page.get_by_role("button", name="▶ Play").count() == 1
    stopped = where(notebook)
    notebook.page.evaluate("() => new Promise((done) => setTimeout(done, 200))")
    assert where(notebook) == stopped and not np.array_equal(before, notebook.painted(CANVAS))


def test_a_scan_ends_at_the_last_token(notebook):
    for key in ("ArrowUp", "ArrowUp", "Space"):
        notebook.page.keyboard.press(key)
    notebook.page.wait_for_function(f"() => document.querySelector('{WHERE}').innerText.startsWith('Token 256 ')")
    notebook.page.get_by_role("button", name="▶ Play").wait_for()


def test_a_digit_chooses_the_order_and_a_route_each_has_its_strip(notebook):
    notebook.page.keyboard.press("3")
    assert notebook.page.get_by_role("button", name="cross-scan").get_attribute("aria-pressed") == "true"
    assert notebook.page.locator(".lic-strips canvas").count() == 4
    notebook.page.keyboard.press("1")
    assert notebook.page.locator(".lic-strips canvas").count() == 1


def test_the_neighbour_above_is_a_row_of_tokens_ago(notebook):
    notebook.page.keyboard.press("Home")
    for _ in range(3):
        notebook.page.keyboard.press("Shift+ArrowRight")
    above = notebook.page.locator(".lic-scan-side tbody tr").first.inner_text().split("\t")
    assert above == ["above", "16 tokens ago", f"{100 * 0.98**16:.2g} %"]


def test_a_click_in_the_picture_goes_to_the_token_that_reads_it(notebook):
    box = notebook.page.locator(CANVAS).bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] * 5.5 / 16, box["y"] + box["height"] * 2.5 / 16)
    assert where(notebook) == "Token 38 of 256: row 2, column 5"


def test_keys_of_the_player_never_reach_the_notebook(notebook):
    cells = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    before = cells.count()
    for key in "abdx[]":
        notebook.page.keyboard.press(key)
    assert cells.count() == before


def test_with_less_motion_asked_for_nothing_starts_by_itself(lab):
    with lab.open([PLAYER.replace('name="Face"', "playing=True")]) as notebook:
        notebook.page.emulate_media(reduced_motion="reduce")
        notebook.run()
        notebook.page.wait_for_selector(".lic-player[data-drawn]")
        notebook.page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
        assert where(notebook).startswith("Token 1 of 256")
        notebook.page.get_by_role("button", name="▶ Play").click()  # but the reader may
        notebook.page.wait_for_function(f"() => parseInt(document.querySelector('{WHERE}').innerText.slice(6)) > 5")
