"""The training cockpit in JupyterLab: the curve stands while paused, goes on when resumed, and ends when stopped."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CELL = """
from lic_lab.widgets import TrainingCockpit
cockpit = TrainingCockpit("hyperprior", steps=10_000, crop=64, batch_size=1)
cockpit.start()
cockpit
"""
SAYS = (
    "(text) => [...document.querySelectorAll('.lic-explorer .widget-label')].some((e) => e.textContent.includes(text))"
)
DRAWN = "() => [...document.querySelectorAll('.lic-explorer polyline')].map((line) => line.outerHTML).join()"
STILL = """async () => {
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    const now = () => [...document.querySelectorAll('.lic-explorer polyline')].map((line) => line.outerHTML).join();
    let before = null;
    while (before !== now()) { before = now(); await wait(1500); }
    return before;
}"""
CHANGED = f"(before) => ({DRAWN})() !== before"


@pytest.fixture(scope="module")
def cockpit(lab):
    with lab.open([CELL]) as notebook:
        notebook.run()
        yield notebook.page


def button(page, name):
    return page.locator(".lic-explorer").get_by_role("button", name=name)


def test_curves_move_while_it_trains_stand_while_it_is_paused_and_end_when_it_is_stopped(cockpit):
    cockpit.wait_for_function(SAYS, arg="10,000 steps", timeout=60_000)
    before = cockpit.evaluate(DRAWN)
    cockpit.wait_for_function(CHANGED, arg=before, timeout=60_000)
    button(cockpit, "Pause").click()
    cockpit.get_by_text("Paused: Resume goes on").wait_for()
    assert button(cockpit, "Pause").is_disabled() and button(cockpit, "Resume").is_enabled()
    still = cockpit.evaluate(STILL)
    assert "points=" in still
    button(cockpit, "Resume").click()
    cockpit.wait_for_function(CHANGED, arg=still, timeout=60_000)
    button(cockpit, "Stop").click()
    cockpit.get_by_text("Stopped: ").wait_for(timeout=60_000)
    assert button(cockpit, "Start").is_enabled() and button(cockpit, "Stop").is_disabled()
    ended = cockpit.evaluate(STILL)
    assert "points=" in ended and not cockpit.locator(".lic-explorer").get_by_role("alert").count()


def test_a_stopped_run_goes_on_with_its_curves(cockpit):
    before = cockpit.evaluate(DRAWN)
    button(cockpit, "Resume").click()
    cockpit.wait_for_function(CHANGED, arg=before, timeout=60_000)
    button(cockpit, "Stop").click()
    cockpit.get_by_text("Stopped: ").wait_for(timeout=60_000)
