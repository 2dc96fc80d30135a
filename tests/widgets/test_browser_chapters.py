"""The chapters in JupyterLab, as a reader runs them: every explorer is drawn and answers a key, nothing goes wrong."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHAPTERS = [
    path
    for number in ("00", "04", "05", "06", "08", "10", "11", "12")
    for path in sorted(NOTEBOOKS.glob(f"{number}_*.ipynb"))
]
EXPLORER = ".jp-OutputArea .lic-explorer"


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request, lab):
    """A chapter of which every cell was run without an error; at the end nothing may have gone wrong on the page."""
    with lab.open(request.param) as notebook:
        notebook.run()
        yield notebook


def key_that_moves(handle) -> str:
    """A key that gives the handle another value, whichever kind of handle it is."""
    kind = handle.evaluate("(handle) => handle.tagName === 'INPUT' ? handle.type : handle.tagName.toLowerCase()")
    if kind in ("checkbox", "button"):
        return "Space"
    if kind == "select":
        last = handle.evaluate("(select) => select.selectedIndex === select.options.length - 1")
        return "ArrowUp" if last else "ArrowDown"
    last = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax") is not None
    return "ArrowLeft" if last else "ArrowRight"


def test_every_explorer_is_drawn_and_none_reports_trouble(chapter, browser):
    explorers = chapter.page.locator(EXPLORER)
    assert explorers.count()
    for explorer in explorers.all():
        explorer.scroll_into_view_if_needed()
        explorer.locator(
            ".lic-viewer[data-drawn], .lic-picture[data-drawn], svg, table, .widget-image"
        ).first.wait_for()
        assert not explorer.get_by_role("alert").count(), explorer.get_by_role("alert").all_inner_texts()


def test_a_key_on_the_first_handle_of_every_explorer_changes_what_it_shows(chapter, browser):
    for number, explorer in enumerate(chapter.page.locator(EXPLORER).all()):
        handle = explorer.locator(browser.HANDLES).first
        handle.scroll_into_view_if_needed()
        handle.focus()
        took = chapter.press(key_that_moves(handle))
        print(f"explorer {number + 1}: key to a new view in {took:.0f} ms")  # seen with -rP
        assert not explorer.get_by_role("alert").count(), explorer.get_by_role("alert").all_inner_texts()


def test_every_exercise_says_that_it_is_still_to_do(chapter):
    text = chapter.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.toJSON())
            .flatMap((cell) => cell.outputs ?? []).map((output) => [output.text ?? ""].flat().join("")).join("")"""
    )
    assert text.count(" still to do: ") >= 3 and " not yet: " not in text


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_and_handles_can_be_read_in_both_themes(chapter, theme):
    chapter.theme(theme)
    shades = chapter.page.locator(EXPLORER).first.evaluate(
        """(explorer) => [explorer.closest(".jp-Notebook"), explorer.querySelector("label, .widget-label")]
            .map((element, number) => getComputedStyle(element)[number ? "color" : "backgroundColor"])"""
    )
    paper, ink = (sum(map(float, shade.partition("(")[2].rstrip(")").split(",")[:3])) for shade in shades)
    assert abs(paper - ink) > 300 and (paper > ink) == (theme == "light")
