"""The handles of explorers, made alike: a slider over values, a choice, a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from lic_lab.errors import LicLabError

LABEL = "110px"  # of the words before a handle, so that handles below one another line up


def slide(values: Sequence, label: str, start=None, show: str = "{:g}") -> widgets.SelectionSlider:
    """Make a slider that stops at `values`; start: the nearest of them is where it begins, the middle by default.

    show: how a value is written beside it, with its unit: "{:.2f} bpp".
    """
    values = list(values)
    if not values:
        raise LicLabError(f"the slider {label!r} has nowhere to stop: give values")
    number = len(values) // 2
    if start is not None:
        number = (
            values.index(start) if start in values else min(range(len(values)), key=lambda k: abs(values[k] - start))
        )
    options = [(show.format(value), value) for value in values]
    look = {"width": "100%", "max_width": "620px"}
    return widgets.SelectionSlider(
        options=options, index=number, description=label, layout=look, style={"description_width": LABEL}
    )


def choose(options: Mapping[str, object] | Sequence, label: str, start=None) -> widgets.Dropdown:
    """Make a choice of one: label -> value, or values that are their own labels; start: the first by default."""
    pairs = list(options.items()) if isinstance(options, Mapping) else [(str(value), value) for value in options]
    if not pairs:
        raise LicLabError(f"there is nothing to choose for {label!r}: give options")
    value = pairs[0][1] if start is None else start
    return widgets.Dropdown(
        options=pairs, value=value, description=label, layout={"width": "340px"}, style={"description_width": LABEL}
    )


def offer(control: widgets.Dropdown, options: dict, otherwise) -> None:
    """Give a choice other options; it stays where it is if it can, else goes to `otherwise` or to the first."""
    if dict(control.options) == options:
        return
    known = list(options.values())
    value = next((v for v in (control.value, otherwise) if v in known), known[0])
    control.options = list(options.items())
    control.value = value


def switch(label: str, on: bool = True) -> widgets.Checkbox:
    """Make a switch that is on or off."""
    return widgets.Checkbox(value=on, description=label, indent=False, layout={"width": "auto"})


def words(control: widgets.Widget) -> str:
    """Say what a handle is called and where it stands, for a still picture: "Step: 8"."""
    picture = getattr(control, "picture", None)
    name = picture.title if picture else control.description
    value = getattr(control, "label", None) or control.value
    if isinstance(control, widgets.Checkbox):
        value = "on" if control.value else "off"
    return f"{name}: {value}"
