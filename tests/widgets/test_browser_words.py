"""What a screen reader hears when keys choose a place in a picture, or a box of a diagram."""

import pytest

pytestmark = pytest.mark.browser
CELLS = [
    """
import numpy as np
from lic_lab.widgets.picker import Picker
Picker(np.zeros((40, 60, 3), np.uint8), at=(8, 16), step=8, label="Grey")
""",
    """
from lic_lab.widgets import FlowExplorer
FlowExplorer("hyperprior", "tiny", sizes={"small": (64, 64)})
""",
]


@pytest.fixture(scope="module")
def page(lab):
    with lab.open(CELLS) as notebook:
        notebook.run()
        yield notebook.page


def heard(page, after: str) -> str:
    """What stands in the live region that follows a part of the page."""
    region = page.locator(f"{after} ~ .lic-unseen[aria-live=polite]").first
    region.get_by_text(" ").wait_for()
    return region.inner_text()


def test_an_arrow_key_says_where_the_mark_is_now(page):
    page.locator(".lic-picture-stage").focus()
    page.keyboard.press("ArrowRight")
    assert heard(page, ".lic-picture-stage") == "Row 8, column 24"
    assert "Row 8, column 24" in page.locator(".lic-picture-stage").get_attribute("aria-label")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # it is at the border already
    assert heard(page, ".lic-picture-stage") == "Row 0, column 24"


def test_an_arrow_key_says_which_box_is_chosen_now(page):
    page.locator(".lic-flow").focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    first = heard(page, ".lic-flow")
    page.keyboard.press("ArrowRight")
    assert first.startswith("Box 1 of ") and heard(page, ".lic-flow").startswith("Box 2 of ")
    assert len(first.split(": ")[1]) > 2 and "analysis" not in first  # its name, and not its path


def test_what_is_only_heard_takes_no_room(page):
    for region in page.locator(".lic-unseen").all():
        assert region.bounding_box()["width"] <= 1
