"""What every live panel needs: a picture that stays when the kernel is gone, visible errors, a progress bar."""

import base64
import html
import io
import time
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

import ipywidgets as widgets
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.errors import LicLabError
from lic_lab.plots.grid import PAPER, SOFT, font

HERE = Path(__file__).parent
GAP, LINE = 14, 19  # pixels of a poster: between its pictures, and from one line of words to the next


def front(*names: str) -> str:
    """Join files of this folder into one script or style sheet for the browser; `page.js` has what scripts share."""
    return "\n".join((HERE / name).read_text("utf-8") for name in names)


class Poster:
    """Gives a widget a still picture beside its live view: GitHub and a notebook without a kernel show that.

    A class that mixes this in brings `poster() -> bytes`, a PNG. A front end that runs the widget ignores the picture.
    """

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "image/png": base64.b64encode(self.poster()).decode()}, metadata


def sheet(
    rows: Sequence[Sequence[Pillow.Image]], said: Sequence[str], *, width: int, column: int, colors: int = 0
) -> bytes:
    """Put pictures in rows and lines of words below them: the poster of a panel, as a PNG.

    width: of the sheet, in pixels; words are made small enough to fit.   column: from where a picture begins to where
    it may end.   colors: of a sheet without photographs, at most 256, which makes it small; 0 for as many as there are.
    """
    heights = [max(picture.height for picture in row) + GAP for row in rows]
    page, y = Pillow.new("RGB", (width, sum(heights) + LINE * len(said) + 4), PAPER), 0
    for row, height in zip(rows, heights, strict=True):
        for number, picture in enumerate(row):
            page.paste(picture, (number * (column + GAP), y))
        y += height
    for number, line in enumerate(said):
        ImageDraw.Draw(page).text((0, y + LINE * number), line, fill=SOFT, font=font(13, text=line, room=width))
    buffer = io.BytesIO()
    (page.quantize(colors) if colors else page).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class Panel(Poster, widgets.VBox):
    """A column of widgets with a poster: what every interactive figure of the notebooks is."""


class Status(widgets.HTML):
    """One line of text under a panel: hints in the theme's soft colour, trouble in its error colour, read out aloud."""

    def say(self, text: str) -> None:
        """Show a hint; an empty text clears the line."""
        self.value = f'<div role="status" style="color: var(--jp-ui-font-color2)">{html.escape(text)}</div>'

    def alarm(self, text: str) -> None:
        """Show what went wrong."""
        self.value = f'<div role="alert" style="color: var(--jp-error-color1, #d32f2f)">{html.escape(text)}</div>'


def visible_errors(callback: Callable) -> Callable:
    """Show in `self.status` what a method called by the browser raises; Jupyter would swallow it without a word.

    A LicLabError is a sentence for people and is shown as it is; anything else is a defect and is shown with its type.
    """

    @wraps(callback)
    def guarded(self, *args, **kwargs):
        try:
            return callback(self, *args, **kwargs)
        except LicLabError as error:
            self.status.alarm(" ".join(str(error).split()))
        except Exception as error:
            self.status.alarm(" ".join(f"{type(error).__name__} in {callback.__name__}: {error}".split()))
        return None

    return guarded


class Progress(widgets.HBox):
    """A bar with what is being done and how long the rest will take, from the mean time of the steps so far."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.clock = clock
        self.bar = widgets.IntProgress(layout=widgets.Layout(width="40%"))
        self.text = widgets.Label()
        super().__init__([self.bar, self.text], layout={"display": "none"})

    def start(self, total: int) -> None:
        """Begin a job of `total` steps."""
        self.bar.max, self.bar.value, self.text.value = total, 0, ""
        self.began = self.clock()
        self.layout.display = ""

    def step(self, doing: str) -> None:
        """Count one more step as done; `doing` says what it was."""
        self.bar.value += 1
        done, total = self.bar.value, self.bar.max
        left = (self.clock() - self.began) / done * (total - done)
        self.text.value = f"{done} of {total} · {doing} · about {left:.0f} s left"

    def say(self, doing: str) -> None:
        """Say what is being done now, before it is done."""
        self.text.value = f"{self.bar.value + 1} of {self.bar.max} · {doing} …"

    def finish(self) -> None:
        """Take the bar off the page."""
        self.layout.display = "none"
