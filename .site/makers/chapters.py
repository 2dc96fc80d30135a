"""The notebooks as pages: as they are stored, with words for every picture and a place for every panel's poster."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

TITLE = re.compile(r"""(?:\btitle=|set_title\(|suptitle\(|plt\.title\()\s*(["'])(?P<text>[^"'{}\n]{4,})\1""")
HANDLE = re.compile(
    r"""(?:slide\([^"'\n]*?|choose\(.*?|switch\((?:\w+, )?)(["'])(?P<text>[^"'{}\n]+)\1(?:, [^()\n]*)?\)"""
)
TO_WORK_ON = "To work on it, make the notebook: `lic-lab course release mycourse`, see [the assignments](README.md)."


@dataclass(frozen=True)
class Poster:
    """The picture that a live panel leaves in a notebook.

    chapter: the notebook's stem.   cell: its number.   heading: of the section it stands in.   widget: its class, as
    `lic_lab.widgets` names it, "" where the cell shows none.   handles: words on what can be moved.   png: the file.
    """

    chapter: str
    cell: int
    heading: str
    widget: str
    handles: tuple[str, ...]
    png: bytes

    @property
    def label(self) -> str:
        """The name of its place on the chapter's page."""
        return f"panel-{self.chapter[:2]}-{self.cell}"

    @property
    def file(self) -> str:
        """The path of its picture in the source of the site."""
        return f"gallery/{self.label}.png"


def is_poster(output: nbformat.NotebookNode) -> bool:
    """Whether an output is what a live panel left behind: its picture and nothing else."""
    return set(output.get("data", {})) == {"image/png"}


def chapters(folder: Path) -> list[Path]:
    """The notebooks of the course in their order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def heading(cell: nbformat.NotebookNode) -> str:
    """The last heading in a cell, "" for none; what is in fenced code is none."""
    if cell.cell_type != "markdown":
        return ""
    found = re.findall(r"^#{1,4} +(.+?) *$", re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL), re.MULTILINE)
    return found[-1] if found else ""


def title(notebook: nbformat.NotebookNode) -> str:
    """The heading that a notebook opens with."""
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ").strip()


def posters(notebook: nbformat.NotebookNode, chapter: str, widgets: set[str]) -> Iterator[Poster]:
    """Find the posters of a notebook. widgets: the names of `lic_lab.widgets`."""
    under = ""
    for number, cell in enumerate(notebook.cells):
        under = heading(cell) or under
        for output in cell.get("outputs", []):
            if is_poster(output):
                png = base64.b64decode(output.data["image/png"])
                shown = [name for name in re.findall(r"\b([A-Z]\w+)\(", cell.source) if name in widgets]
                handles = tuple(dict.fromkeys(match["text"] for match in HANDLE.finditer(cell.source)))
                yield Poster(chapter, number, _plain(under), shown[-1] if shown else "", handles, png)
                break


def page(notebook: nbformat.NotebookNode, chapter: str, widgets: set[str]) -> nbformat.NotebookNode:
    """A copy of a notebook for the site: its pictures have words, its panels have places, its tags are gone.

    Posters are shown beside a line that says how to move them: without a kernel they are pictures.
    """
    book = copy.deepcopy(notebook)
    places = {poster.cell: poster for poster in posters(notebook, chapter, widgets)}
    under = ""
    for number, cell in enumerate(book.cells):
        under = heading(cell) or under
        if number + 1 in places:
            cell.source = f"({places[number + 1].label})=\n\n{cell.source}"
        if cell.cell_type == "code":
            words = f"The panel of the cell: {places[number].heading}" if number in places else described(cell, under)
            cell.metadata = nbformat.from_dict({"mystnb": {"image": {"alt": words}}})
    return book


def described(cell: nbformat.NotebookNode, under: str) -> str:
    """What stands for the pictures of a cell: the titles that it gives them and the section, in words."""
    titles = list(dict.fromkeys(match["text"] for match in TITLE.finditer(cell.source)))
    return _plain("; ".join(titles[:3]) + f" (section: {under})" if titles else f"Figure of the section: {under}")


def _plain(text: str) -> str:
    """Text without the marks of Markdown and formulas."""
    return re.sub(r"[`$*\\]", "", text)


def student_version(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An assignment as students get it: without solutions and hidden tests, by nbgrader's own filters."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
    from traitlets.config import Config

    config = Config()
    config.ClearSolutions.code_stub = {"python": "# your answer\nraise NotImplementedError"}
    book = copy.deepcopy(notebook)
    for step in (ClearSolutions(config=config), ClearHiddenTests()):
        book, _ = step.preprocess(book, {})
    book.cells.insert(1, nbformat.v4.new_markdown_cell(TO_WORK_ON))
    return book
