"""The explorer: handles above, what a function makes of them below. Every interactive figure of the chapters is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import anywidget
import ipywidgets as widgets
import numpy as np
from IPython import get_ipython
from IPython.display import display
from ipywidgets.widgets.widget_selection import _Selection

from lic_lab.errors import LicLabError
from lic_lab.plots.views import Chart, Picture, Table, png, still
from lic_lab.widgets.controls import words
from lic_lab.widgets.panel import GAP, Panel, Progress, Status, front, sheet, visible_errors
from lic_lab.widgets.picker import Picker, PictureBox

KEPT = 64  # answers that are remembered, some half a megabyte each; more where more are computed beforehand
SHEET, COLUMN = 800, 240  # pixels of a poster: its width, and the least width of a view


class Explorer(Panel):
    """Move handles and see what a function makes of their values.

    show: called with the value of every handle under its own name; gives one view or several: `Picture`, `heat(...)`,
    `Chart`, `Table` of `lic_lab.plots.views`, a matplotlib Figure, or uint8 (h, w, 3) or (h, w).
    name: what the explorer is called, for screen readers.   slow: where an answer takes more than 0.3 s, so that a
    slider waits to be released.   precompute: find the answers for all values before anything is shown, with a progress
    bar.   columns: views side by side on the poster, by default as many as fit.   controls: handles, made with
    `lic_lab.widgets.controls`, or any widget with a value, such as a `Picker`.
    What was shown once is remembered, but for values that cannot be a key, such as lists. An exception of `show`
    appears below, and what was there before stays. Raises LicLabError for precompute with a handle that has no stops.
    """

    def __init__(
        self, show: Callable, *, name: str, slow: bool = False, precompute: bool = False, columns: int | None = None,
        **controls: widgets.Widget,
    ):  # fmt: skip
        self.answer, self.name, self.controls, self.columns = show, name, controls, columns
        self.status, self.views, self.known, self.kept, self.drawn = Status(), [], {}, KEPT, 0
        self.body = widgets.HBox(layout={"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "18px"})
        super().__init__([manners(), *self.handles(), self.body, self.status])
        self.add_class("lic-explorer")
        if precompute:
            self.precompute()
        self.put(self.ask(self.values))  # the first answer may raise: a cell should then say so
        for control in controls.values():
            if slow and hasattr(control, "continuous_update"):
                control.continuous_update = False
            control.observe(self.on_move, "value")

    def handles(self) -> list[widgets.Widget]:
        """Lay the controls out: sliders below one another, everything small in one row, pictures last."""
        large = [c for c in self.controls.values() if isinstance(c, (widgets.SelectionSlider, widgets.FloatSlider))]
        boxes = [c for c in self.controls.values() if isinstance(c, PictureBox)]
        small = [c for c in self.controls.values() if c not in large and c not in boxes]
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        row = [widgets.HBox(small, layout=wrap)] if small else []
        self.picked = boxes  # they stand first among the views
        return [*row, *large]

    @property
    def values(self) -> dict:
        """What every handle says now."""
        return {name: control.value for name, control in self.controls.items()}

    def ask(self, values: Mapping) -> list:
        """Give the views for some values, from memory where they were asked for before."""
        key = _key(values)
        if key in self.known:
            return self.known[key]
        views = self.answer(**values)
        views = list(views) if isinstance(views, (list, tuple)) else [views]
        if key is not None:
            if len(self.known) >= self.kept:
                self.known.pop(next(iter(self.known)))
            self.known[key] = views
        return views

    def precompute(self) -> None:
        """Ask for every combination of values of the handles, and show how long that will take."""
        stops = [_stops(name, control) for name, control in self.controls.items()]
        progress = Progress()
        if get_ipython() is not None:
            display(progress)
        progress.start(len(all_values := list(product(*stops))))
        self.kept = max(KEPT, len(all_values))
        try:
            for values in all_values:
                self.ask(dict(zip(self.controls, values, strict=True)))
                progress.step(self.name)
        finally:
            progress.finish()

    @visible_errors
    def on_move(self, change=None) -> None:
        """Show what belongs to the values as they are now; the last views stay where there is no answer."""
        self.put(self.ask(self.values))
        self.status.say("")

    def put(self, views: Sequence) -> None:
        """Put views on the page; boxes that can show them are used again, so that nothing jumps, others are closed."""
        self.views = [_shown(view) for view in views]
        before = self.body.children[len(self.picked) :]
        places = list(before) + [None] * (len(self.views) - len(before))
        boxes = [
            _fill(box if isinstance(box, _box_for(view)) else _new_box(view), view)
            for box, view in zip(places, self.views, strict=False)
        ]
        self.body.children = [*self.picked, *boxes]
        for box in before:
            if box not in boxes:
                close_all(box)
        self.drawn += 1

    def poster(self) -> bytes:
        """What is shown now, as a PNG, with a line that says what can be moved."""
        shown = [box.marked if isinstance(box, Picker) else box.picture for box in self.picked] + self.views
        columns = self.columns or max(1, min(len(shown), SHEET // COLUMN))
        width = (SHEET - GAP * (columns - 1)) // columns
        rows = [[still(view, width) for view in shown[k : k + columns]] for k in range(0, len(shown), columns)]
        said = [" · ".join(words(c) for c in self.controls.values()), "Run this cell to move them."]
        return sheet(rows, said, width=SHEET, column=width)


class Manners(anywidget.AnyWidget):
    """What all explorers share, as an invisible part of a panel: their look, and what `explorer.js` does."""

    _esm = front("explorer.js")
    _css = front("explorer.css")


def manners() -> Manners:
    """Give a panel its `Manners`."""
    return Manners(layout={"display": "none"})


class FigureBox(widgets.Image):
    """The place of a matplotlib Figure on the page."""


def _shown(view):
    """Give a view, an array as a `Picture`; what is no view is refused in the words of `still`."""
    if isinstance(view, np.ndarray):
        return Picture(view)
    return view if _box_for(view) is not FigureBox or hasattr(view, "savefig") else still(view, COLUMN)


def _box_for(view) -> type[widgets.Widget]:
    """The kind of widget that shows a view."""
    if isinstance(view, Picture):
        return PictureBox
    return widgets.HTML if isinstance(view, (Chart, Table)) else FigureBox


def _new_box(view) -> widgets.Widget:
    if isinstance(view, Picture):
        return PictureBox(view)
    if isinstance(view, (Chart, Table)):
        return widgets.HTML(layout={"flex": "1 1 340px", "max_width": "480px"})
    return FigureBox(format="png", layout={"max_width": "100%"})


def close_all(box: widgets.Widget) -> None:
    """Take a box away for good, with its parts, its layout and its style: a page keeps all that is not closed."""
    for value in box.trait_values().values():
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, widgets.Widget):
                close_all(part)
    box.close()


def _fill(box: widgets.Widget, view) -> widgets.Widget:
    """Show a view in a box of its kind."""
    if isinstance(box, PictureBox):
        box.show(view)
    elif isinstance(box, FigureBox):
        box.value = _figure_png(view)
    else:
        box.value = view.svg() if isinstance(view, Chart) else view.html()
    return box


def _figure_png(figure) -> bytes:
    return png(np.asarray(still(figure, round(90 * figure.get_size_inches()[0]))))


def _key(values: Mapping) -> tuple | None:
    """What an answer is remembered by; None where a value, as a list, cannot be part of a key."""
    key = tuple(values.values())
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _stops(name: str, control: widgets.Widget) -> list:
    """All values that a handle can take; LicLabError where it has no list of them."""
    if isinstance(control, widgets.Checkbox):
        return [False, True]
    if not isinstance(control, _Selection):
        kind = type(control).__name__
        raise LicLabError(f"{name!r} ({kind}) has no stops: use slide, choose or switch, or leave out precompute=")
    return [value for _, value in control._options_full]
