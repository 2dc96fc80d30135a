"""Panels leave a picture behind, show what went wrong, and say how long the rest will take."""

import base64
import io

import ipywidgets as widgets
import pytest
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.widgets.panel import Panel, Progress, Status, visible_errors


class Poppy(Panel):
    """A panel whose poster is one red pixel, and whose callback fails on demand."""

    def __init__(self):
        self.status = Status()
        super().__init__([self.status])

    def poster(self) -> bytes:
        buffer = io.BytesIO()
        Pillow.new("RGB", (1, 1), "red").save(buffer, "PNG")
        return buffer.getvalue()

    @visible_errors
    def on_click(self, error: Exception | None):
        if error:
            raise error
        return "done"


def test_a_panel_carries_its_poster_beside_the_live_view():
    data, _ = Poppy()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = Pillow.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.getpixel((0, 0)) == (255, 0, 0)


def test_an_error_for_people_is_shown_as_it_is_and_escaped():
    panel = Poppy()
    panel.on_click(LicLabError("no codec <b> here: take another"))
    assert "no codec &lt;b&gt; here: take another" in panel.status.value and 'role="alert"' in panel.status.value


def test_a_defect_is_shown_with_its_type_and_place():
    panel = Poppy()
    panel.on_click(ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError in on_click: division by zero" in panel.status.value


def test_a_callback_that_works_gives_its_answer_and_says_nothing():
    panel = Poppy()
    assert panel.on_click(None) == "done" and panel.status.value == ""


def test_progress_estimates_the_rest_from_the_mean_time_of_a_step():
    now = [0.0]
    progress = Progress(clock=lambda: now[0])
    progress.start(5)
    now[0] = 4.0
    progress.step("JPEG")
    progress.step("AVIF")
    assert progress.text.value == "2 of 5 · AVIF · about 6 s left"
    progress.finish()
    assert progress.layout.display == "none"


def test_progress_can_be_used_again():
    progress = Progress()
    for total in (2, 3):
        progress.start(total)
        progress.step("x")
        assert (progress.bar.value, progress.bar.max, progress.layout.display) == (1, total, "")


@pytest.mark.parametrize("text", ["plain", "<script>"])
def test_a_hint_is_read_out_aloud_and_never_taken_for_markup(text):
    status = Status()
    status.say(text)
    assert 'role="status"' in status.value and "<script>" not in status.value
    assert isinstance(status, widgets.HTML)
