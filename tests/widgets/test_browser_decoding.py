"""The decoding player in JupyterLab, driven by keys in a headless Chromium. The tests run in order, on one page."""

import numpy as np
import pytest

pytestmark = pytest.mark.browser
PLAYER = """
import torch
from lic_lab.models.presets import build
from lic_lab.widgets.decoding_player import DecodingPlayer
torch.manual_seed(0)
player = DecodingPlayer(build("asymmetric"), name="Face")
player
"""
CANVAS, WHERE = ".lic-decoding .lic-stage canvas", ".lic-decoding .lic-scan-where"


@pytest.fixture(scope="module")
def notebook(lab):
    with lab.open([PLAYER]) as notebook:
        notebook.run()
        notebook.page.locator(CANVAS).scroll_into_view_if_needed()
        notebook.page.wait_for_selector('.lic-decoding[data-shown="0"]')
        notebook.page.locator(CANVAS).focus()
        yield notebook


def where(notebook) -> str:
    return notebook.page.locator(WHERE).inner_text()


def known(notebook) -> list[str]:
    tiles = notebook.page.locator(".lic-tile canvas").all()
    return [tile.get_attribute("aria-label").removesuffix(" positions known") for tile in tiles]


def test_the_player_waits_before_the_first_byte(notebook):
    assert where(notebook) == "Step 0 of 5: nothing is read yet"
    assert known(notebook) == ["0 of 256", "0 of 256"]


def test_arrow_keys_read_pass_by_pass_and_back(notebook):
    before = notebook.painted(CANVAS)
    for key, at, tiles in (
        ("ArrowRight", 1, ["0 of 256", "0 of 256"]),
        ("ArrowRight", 2, ["128 of 256", "0 of 256"]),
        ("ArrowRight", 3, ["256 of 256", "0 of 256"]),
        ("ArrowLeft", 2, ["128 of 256", "0 of 256"]),
        ("End", 5, ["256 of 256", "256 of 256"]),
    ):
        notebook.page.keyboard.press(key)
        assert where(notebook).startswith(f"Step {at} of 5") and known(notebook) == tiles
    assert not np.array_equal(before, notebook.painted(CANVAS))
    read = notebook.page.locator(".lic-decoding td").nth(1).inner_text()
    assert read.split(" of ")[0] == read.split(" of ")[1]


def test_the_slice_that_is_read_is_framed(notebook):
    for key, framed in (("Home", []), ("ArrowRight", []), ("ArrowRight", [0]), ("ArrowRight", [0]), ("End", [1])):
        notebook.page.keyboard.press(key)
        tiles = notebook.page.locator(".lic-tile").all()
        now = [k for k, tile in enumerate(tiles) if "lic-now" in (tile.get_attribute("class") or "")]
        assert now == framed


def test_playing_from_the_end_starts_again_and_stops_at_the_end(notebook):
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "Space"):
        notebook.page.keyboard.press(key)
    notebook.page.wait_for_function(f"() => document.querySelector('{WHERE}').innerText.startsWith('Step 2 ')")
    notebook.page.wait_for_function(f"() => document.querySelector('{WHERE}').innerText.startsWith('Step 5 ')")
    notebook.page.get_by_role("button", name="▶ Play").wait_for()


def test_keys_of_the_player_never_reach_the_notebook(notebook):
    cells = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    before = cells.count()
    for key in "abdx":
        notebook.page.keyboard.press(key)
    assert cells.count() == before
