"""The docstrings of the package, which are plain text with a legend, in the form that Sphinx reads."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

GAP = "   "
"""Three blanks part the entries of a legend that stand on one line: "name: text.   name: text."."""
NAME = re.compile(r"(?P<name>[A-Za-z][\w.,*/ ]{0,60}?): (?P<text>.*)", re.DOTALL)
WORDS = {"legend", "shapes", "source", "claim", "code", "ours", "theirs", "note"}
MARKUP = re.compile(r"([\\*_|])")


class Block(NamedTuple):
    """A piece of a docstring.   kind: "text", "entry" (with a name) or "code"."""

    kind: str
    text: str
    name: str = ""


def blocks(docstring: str) -> Iterator[Block]:
    """Part a docstring (without its indentation) into paragraphs, entries of a legend, and code."""
    for paragraph in re.split(r"\n\s*\n", docstring.strip("\n")):
        lines = paragraph.splitlines()
        if all(line.startswith("    ") for line in lines):
            yield Block("code", textwrap.dedent(paragraph))
            continue
        for text in _pieces(lines):
            found = NAME.fullmatch(text)
            if found and _is_name(found["name"]):
                yield Block("entry", found["text"].strip(), found["name"])
            else:
                yield Block("text", text.strip())


def _pieces(lines: list[str]) -> list[str]:
    """The sentences of a paragraph, cut before every name with a colon and before what is raised."""
    pieces: list[str] = []
    for line in lines:
        for number, part in enumerate(line.split(GAP)):
            found = NAME.match(part.lstrip())
            begins = (found and _is_name(found["name"])) or part.startswith("Raises ")
            if not pieces or begins:
                pieces.append(part.strip())
            else:
                pieces[-1] += (" " if number == 0 or not part.startswith(" ") else "") + part.strip()
    return [piece for piece in pieces if piece]


def _is_name(name: str) -> bool:
    """Whether words before a colon name something: an argument, several with commas, or a word of `WORDS`."""
    parts = [part.strip() for part in name.split(",")]
    return name.lower() in WORDS or all(re.fullmatch(r"\*{0,2}[a-z][\w.]*", part) for part in parts)


def escaped(text: str) -> str:
    """Text in which reStructuredText finds only the names in backticks to interpret."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a lone backtick
        return MARKUP.sub(r"\\\1", text).replace("`", "\\`")
    for number, part in enumerate(parts):
        parts[number] = MARKUP.sub(r"\\\1", part) if number % 2 == 0 else f"``{part}``" if part.strip() else part
    joined = parts[0]
    for number, part in enumerate(parts[1:], start=1):  # a literal touching a letter needs an empty escape between
        touching = (number % 2 == 0 and part[:1].isalnum()) or (number % 2 and joined[-1:].isalnum())
        joined += ("\\ " if touching else "") + part
    return joined


def lines(docstring: str) -> list[str]:
    """The docstring as lines of reStructuredText: its legend is a list, its code a block."""
    out: list[str] = []
    before = ""
    for block in blocks(docstring):
        if out and (block.kind != "entry" or before != "entry"):
            out.append("")
        if block.kind == "code":
            language = "python" if re.search(r"[=(]", block.text) else "text"
            body = textwrap.indent(block.text, "   ").splitlines()
            out += [f".. code-block:: {language}", "   :force:", "", *body]
        elif block.kind == "entry":
            strong = f"**{block.name}**" if block.name.lower() in WORDS else f"``{block.name}``"
            out.append(f"- {strong}: {escaped(block.text)}")
        else:
            out.append(escaped(block.text))
        before = block.kind
    return [*out, ""]


def reshape(app, what: str, name: str, thing, options, text: list[str]) -> None:
    """Sphinx's `autodoc-process-docstring`: change the lines of a docstring in place.

    That of a module goes: its page opens with it, see `reference.module_rst`.
    """
    text[:] = [] if what == "module" else lines("\n".join(text))


def leave_out(app, what: str, name: str, thing, skip: bool, options) -> bool | None:
    """Sphinx's `autodoc-skip-member`: the fields of a NamedTuple stand in its signature."""
    said = getattr(thing, "__doc__", "")  # of some classes this is a descriptor
    return True if isinstance(said, str) and said.startswith("Alias for field number") else None
