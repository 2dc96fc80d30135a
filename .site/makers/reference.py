"""The reference: every public name of every room, floor by floor, and the command line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from makers.docstrings import lines as docstring_lines

INTRODUCTION = """# Reference

The package is a house with floors: a room imports from lower floors only. The table goes from the ground floor up, so
that what comes first needs nothing of what comes later. Most people need [lic_lab](lic_lab.rst) itself
(`load`, `build`, `list_codecs`), `lic_lab.widgets`, and the [command line](command_line.md).
"""


def floors(test_floors: Path) -> dict[str, float]:
    """Room -> floor, as the test that enforces them has it."""
    tree = ast.parse(test_floors.read_text("utf-8"))
    named = (node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "FLOOR")
    return ast.literal_eval(next(named).value)


def modules(package: Path, room: str) -> list[str]:
    """The dotted names of the modules of a room, the room itself first."""
    top = package / room
    if not top.is_dir():
        return [f"lic_lab.{room}"]
    files = [path for path in sorted(top.rglob("*.py")) if not path.stem.startswith("_")]
    inner = [path.parent for path in sorted(top.rglob("*/__init__.py"))]
    paths = sorted([*(path.with_suffix("") for path in files), *inner])
    return [".".join(path.relative_to(package.parent).parts) for path in [top, *paths]]


def sentence(package: Path, module: str) -> str:
    """The first paragraph of a module's docstring, in one line."""
    return " ".join(docstring(package, module).split("\n\n")[0].split())


def docstring(package: Path, module: str) -> str:
    """What a module says of itself, read without importing it."""
    path = package.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""


def reference_pages(package: Path, test_floors: Path, write: Callable[[str, str], None]) -> None:
    """Write the index, a page for each module, and for each room a table of them."""
    found = floors(test_floors)
    rooms = [room for room in found if (package / room).is_dir() or (package / f"{room}.py").is_file()]
    rooms = [room for room in rooms if room != "cli"]
    write("reference/index.md", index_page(package, {room: found[room] for room in rooms}))
    write("reference/lic_lab.rst", module_rst("lic_lab", package))
    for room in rooms:
        inside = modules(package, room)
        write(f"reference/lic_lab.{room}.rst", module_rst(inside[0], package, inside[1:]))
        for module in inside[1:]:
            write(f"reference/{module}.rst", module_rst(module, package))
    write("reference/command_line.md", command_line_page())


def index_page(package: Path, rooms: Mapping[str, float]) -> str:
    """The rooms by floors, lowest first."""
    lines = [INTRODUCTION, "| floor | room | what it is |", "|--:|---|---|"]
    for room, floor in sorted(rooms.items(), key=lambda item: item[1]):
        shown = f"{floor:g}" if floor >= 0 else "below"
        lines.append(f"| {shown} | [lic_lab.{room}](lic_lab.{room}.rst) | {sentence(package, f'lic_lab.{room}')} |")
    lines += ["| 8 | [the command line](command_line.md) | `lic-lab`: argument parsing only |", ""]
    toctree = ["lic_lab", *(f"lic_lab.{room}" for room in rooms), "command_line"]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *toctree, "```", ""])


def module_rst(module: str, package: Path, inside: Sequence[str] = ()) -> str:
    """A module's page in reStructuredText; a room's has the table of its modules as well.

    A module within a room stands in no list at the side: two hundred more lines on every page would hide the rest.
    What the module says of itself comes before that table, so `docstrings.reshape` takes it from autodoc.
    """
    lines = [module, "=" * len(module), ""]
    if module.count(".") > 1:
        lines = [":orphan:", "", *lines, f"In :doc:`lic_lab.{module.split('.')[1]}`.", ""]
    lines += docstring_lines(docstring(package, module))
    if inside:
        lines += [".. list-table::", "   :widths: 35 65", ""]
        for name in inside:
            text = sentence(package, name).replace("*", "\\*").replace("|", "\\|").replace("`", "``")
            lines += [f"   * - :doc:`{name.removeprefix(f'{module}.')} <{name}>`", f"     - {text}"]
        lines.append("")
    return "\n".join([*lines, f".. automodule:: {module}", ""])


def command_line_page() -> str:
    """What `lic-lab` and each of its commands answer to --help."""
    from lic_lab.cli import main

    lines = ["# The command line", "", "What every command answers to `--help`.", ""]
    for name, command in [("", main), *sorted(main.commands.items())]:
        words = f"lic-lab {name}".strip()
        lines += [f"## {words}", "", "```text", _help(command, words), "```", ""]
        for inner, below in sorted(getattr(command, "commands", {}).items()) if name else ():
            lines += [f"### {words} {inner}", "", "```text", _help(below, f"{words} {inner}"), "```", ""]
    return "\n".join(lines)


def _help(command, words: str) -> str:
    import click

    context = click.Context(command, info_name=words, max_content_width=88, terminal_width=88)
    return command.get_help(context)
