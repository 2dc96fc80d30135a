"""An explorer shows what its function makes of its handles, remembers it, and says aloud what went wrong."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from ipywidgets import IntSlider, SelectMultiple, TagsInput
from ipywidgets.widgets import widget
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.plots.views import Chart, Line, Picture, Table, heat
from lic_lab.widgets.controls import choose, slide, switch, words
from lic_lab.widgets.explorer import KEPT, Explorer
from lic_lab.widgets.picker import Picker

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


class Asked:
    """A function to be explored that counts how often it is called."""

    def __init__(self):
        self.times = 0

    def __call__(self, step, kind="picture", on=True, at=(0, 0)):
        self.times += 1
        if step == 13:
            raise LicLabError("thirteen is not a step: take another")
        if step == 14:
            raise ValueError("no")
        table = Table(("what", "value"), [["step", str(step)], ["at", str(at)], ["on", str(on)]])
        picture = Picture(IMAGE // step, f"step {step}")
        return {"picture": [picture, table], "chart": Chart([Line([1, 2], [step, 3])], "x", "y")}[kind]


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def explorer(asked):
    return Explorer(
        asked,
        name="Steps",
        step=slide([1, 2, 4, 13, 14], "Step", 2),
        kind=choose(["picture", "chart"], "Kind"),
        on=switch("On"),
        at=Picker(IMAGE, step=8, label="Here"),
    )


def test_it_shows_at_once_what_the_handles_say(explorer):
    picture, table = explorer.views
    assert picture.title == "step 2" and table.rows[1] == ["at", "(16, 16)"]


@pytest.mark.parametrize(("handle", "value"), [("step", 4), ("on", False), ("at", (8, 24)), ("kind", "chart")])
def test_every_handle_changes_what_is_on_the_page(explorer, handle, value):
    before = [getattr(box, "value", None) or box.png for box in explorer.body.children]
    explorer.controls[handle].value = value
    assert [getattr(box, "value", None) or box.png for box in explorer.body.children] != before
    assert explorer.drawn == 2


def test_what_was_shown_once_is_not_computed_again(explorer, asked):
    for step in (4, 2, 4, 2):
        explorer.controls["step"].value = step
    assert asked.times == 2


def test_moving_keeps_the_boxes_so_that_nothing_jumps_and_another_kind_of_view_brings_its_own(explorer):
    boxes = explorer.body.children
    explorer.controls["step"].value = 4
    assert explorer.body.children == boxes
    explorer.controls["kind"].value = "chart"
    assert len(explorer.body.children) == 2 and "<svg" in explorer.body.children[1].value


def test_a_box_that_is_no_longer_shown_is_closed_with_all_its_parts(explorer):
    def move():
        for kind in ("chart", "picture"):
            explorer.controls["kind"].value = kind
            explorer.known.clear()
        return len(widget._instances)

    assert move() == move() == move()


def test_a_refusal_is_shown_in_one_line_and_the_last_views_stay(explorer):
    views = explorer.views
    explorer.controls["step"].value = 13
    assert "thirteen is not a step: take another" in explorer.status.value and "alert" in explorer.status.value
    assert explorer.views is views
    explorer.controls["step"].value = 14
    assert "ValueError" in explorer.status.value
    explorer.controls["step"].value = 4
    assert "alert" not in explorer.status.value and explorer.views[0].title == "step 4"


def test_a_first_answer_that_fails_is_an_exception_of_the_cell(asked):
    with pytest.raises(LicLabError, match="thirteen"):
        Explorer(asked, name="Steps", step=slide([13], "Step"))


def test_precomputing_asks_for_every_combination_once(asked):
    explorer = Explorer(asked, name="Steps", precompute=True, step=slide([1, 2, 4], "Step"), on=switch("On"))
    assert asked.times == 6
    explorer.controls["on"].value = False
    assert asked.times == 6


def test_a_slow_explorer_waits_for_the_slider_to_be_released(asked):
    assert not Explorer(asked, name="s", slow=True, step=slide([1, 2], "Step")).controls["step"].continuous_update
    assert Explorer(asked, name="s", step=slide([1, 2], "Step")).controls["step"].continuous_update


def test_the_poster_shows_all_views_and_says_what_can_be_moved(explorer):
    poster = Pillow.open(io.BytesIO(explorer.poster()))
    assert poster.format == "PNG" and poster.width == 800
    bundle, _ = explorer._repr_mimebundle_()
    assert "image/png" in bundle
    assert [words(control) for control in explorer.controls.values()] == [
        "Step: 2",
        "Kind: picture",
        "On: on",
        "Here: (16, 16)",
    ]


def test_a_poster_with_one_column_has_its_views_one_below_the_other():
    def show(n):
        return [Picture(np.full((60, 80, 3), n, np.uint8))] * 2

    def heights(**columns):
        panel = Explorer(show, name="Greys", n=slide([10, 20], "Grey"), **columns)
        return Pillow.open(io.BytesIO(panel.poster())).height

    assert heights(columns=1) > 3 * heights()  # twice as wide, so twice as high, and two of them


def test_a_matplotlib_figure_and_a_map_are_views_too():
    def show(n):
        figure, axes = plt.subplots(figsize=(2, 2))
        axes.plot([0, n])
        plt.close(figure)
        return figure, heat(np.eye(n), unit="of one")

    explorer = Explorer(show, name="figures", n=slide([2, 3], "n"))
    before = explorer.body.children[0].value
    explorer.controls["n"].value = 2
    assert Pillow.open(io.BytesIO(before)).size == (180, 180) and explorer.body.children[0].value != before


def test_sliders_begin_at_the_nearest_stop_and_refuse_to_be_empty():
    assert slide([1, 2, 4], "a", 3.4).value == 4 and slide([1, 2, 4], "a").value == 2
    assert slide([0.5], "a", show="{:.2f} bpp").label == "0.50 bpp"
    with pytest.raises(LicLabError, match="nowhere to stop"):
        slide([], "a")
    with pytest.raises(LicLabError, match="nothing to choose"):
        choose([], "a")


def test_all_that_was_computed_beforehand_is_remembered_however_much_it_is():
    asked = []
    explorer = Explorer(
        lambda n: asked.append(n) or Table(("n",), [[str(n)]]), name="n", precompute=True, n=slide(range(KEPT + 9), "n")
    )
    explorer.controls["n"].value = 0
    assert len(asked) == KEPT + 9 == len(explorer.known) and explorer.views[0].rows == [["0"]]


@pytest.mark.parametrize("handle", [Picker(IMAGE), IntSlider(), SelectMultiple(options=[1, 2])])
def test_precomputing_needs_handles_with_stops(handle):
    with pytest.raises(LicLabError, match=rf"'at' \({type(handle).__name__}\) has no stops: use slide"):
        Explorer(lambda at: Table(("at",), [[str(at)]]), name="n", precompute=True, at=handle)


def test_a_handle_whose_value_is_a_list_works_and_is_asked_anew_each_time():
    explorer = Explorer(lambda tags: Table(("tags",), [tags]), name="n", tags=TagsInput(value=["a"]))
    explorer.controls["tags"].value = ["a", "b"]
    assert explorer.views[0].rows == [["a", "b"]] and not explorer.known and "alert" not in explorer.status.value


def test_an_array_of_pixels_is_a_picture_without_words():
    explorer = Explorer(lambda n: IMAGE // n, name="n", n=slide([1, 2], "n", 1))
    explorer.controls["n"].value = 2
    assert np.array_equal(explorer.views[0].image, IMAGE // 2) and "alert" not in explorer.status.value
    assert len(explorer.poster()) > 1000


@pytest.mark.parametrize(
    ("answer", "reason"), [("words", "a str cannot be shown: give a Picture"), (np.eye(3), "use heat")]
)
def test_an_answer_that_is_no_view_is_refused_in_one_line_and_the_last_views_stay(answer, reason):
    explorer = Explorer(lambda n: [IMAGE, answer] if n else IMAGE, name="n", n=slide([0, 1], "n", 0))
    views, boxes = explorer.views, explorer.body.children
    explorer.controls["n"].value = 1
    assert reason in explorer.status.value and "Error" not in explorer.status.value
    assert explorer.views is views and explorer.body.children == boxes
