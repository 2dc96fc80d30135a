"""The gallery: every panel of the course by its picture, with what it lets a reader move and where it stands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence

from makers.chapters import Poster

INTRODUCTION = """# Things to move

Every chapter has panels with a handle: a slider, a choice, a picture to point at. On this site they are pictures of
themselves. To move one, open its chapter in JupyterLab (`make lab`) and run the cells down to it. A click on a picture
leads to its place in the chapter.
"""
GENERAL = ("Explorer", "Picker")
"""Widgets that show whatever a cell gives them: the section says more than their name."""
POINTED = "Moved here: a place in the picture, with the mouse or the arrow keys."


def gallery_page(posters: Sequence[Poster], titles: Mapping[str, str], said: Callable[[str], str]) -> str:
    """The page of the gallery, chapter by chapter.

    titles: of the chapters, by stem.   said: gives what a widget of `lic_lab.widgets` shows, in a sentence.
    """
    lines = [INTRODUCTION]
    for chapter in dict.fromkeys(poster.chapter for poster in posters):
        lines += [f"## {titles[chapter]}", "", "::::{container} gallery", ""]
        for poster in posters:
            if poster.chapter == chapter:
                lines += [card(poster, said(poster.widget)), ""]
        lines += ["::::", ""]
    return "\n".join(lines)


def card(poster: Poster, said: str) -> str:
    """One panel: its picture, its name, what is moved."""
    name = "" if poster.widget in GENERAL else poster.widget
    head = poster.heading if not name else f"`{name}`"
    about = said if name else f"Moved here: {', '.join(poster.handles)}." if poster.handles else POINTED
    lines = [
        ":::{container} card-panel",
        f"```{{image}} /{poster.file}",
        f":alt: {name or 'Panel'}, {poster.heading}",
        f":target: ../notebooks/{poster.chapter}.html#{poster.label}",
        "```",
        "",
        f"**{head}**",
        "",
        about,
        "",
        f"[In the chapter: {poster.heading}](#{poster.label})",
        ":::",
    ]
    return "\n".join(lines)


def widget_sentence(widget: str) -> str:
    """What the module of a widget says of it, after its name: "one slider for the size of the file; ..."."""
    from lic_lab.widgets import ROOMS

    if widget not in ROOMS:
        return ""
    text = (importlib.import_module(f"lic_lab.widgets.{ROOMS[widget]}").__doc__ or "").strip().split("\n\n")[0]
    said = " ".join(text.split()).partition(": ")[2] or " ".join(text.split())
    return re.sub(r"^\w", lambda letter: letter[0].upper(), said)
