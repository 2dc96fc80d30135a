"""The house has floors: a room imports from itself, from errors and types, and from lower floors only."""

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "lic_lab"
FLOOR = {
    "errors": -1, "types": -1,
    "compiled": -0.5,  # how loops are compiled, for the rooms that have some
    "files": -0.5,  # how files are written, for every room that writes some
    "shared": -0.6,  # what is changed for the whole process, such as Pillow's limit
    "limits": -0.5,  # says its refusals with errors; every room may ask it
    "outside": -0.5,  # imports the files of codecs and models that are not part of the package
    "ops": 0, "coding": 0, "metrics": 0, "datasets": 0,
    "blocks": 1,
    "entropy": 2,
    "models": 3,
    "codecs": 4, "training": 4,
    "the front door": 4.5,  # lic_lab/__init__.py: it opens codecs and models to those above
    "evaluation": 5, "probes": 5,
    "plots": 6,
    "widgets": 7, "check": 7,
    "course": 7.5,  # gives out and grades the assignments; it knows their tasks by the check room
    "terminal": 7.5,  # what a person sees beside the answer; only the command line uses it
    "cli": 8,
}  # fmt: skip
FILES = sorted(HOUSE.rglob("*.py"))
FILES_IN_ROOMS = [path for path in FILES if path != HOUSE / "__init__.py"]


def room(path: Path) -> str:
    """The room a file of the house is in: "ops" for lic_lab/ops/color.py, "cli" for lic_lab/cli.py."""
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def imports(path: Path, text: str | None = None):
    """All modules that a file names, made absolute: in import statements and in strings like "lic_lab.x.y"."""
    package = ["lic_lab", *path.relative_to(HOUSE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8") if text is None else text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ([f"{module}.{alias.name}" for alias in node.names] if module == "lic_lab" else [module])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if match := re.fullmatch(r"(lic_lab(?:\.\w+)+)(?::\w+)?", node.value):
                yield match[1]


def rooms_used(path: Path, text: str | None = None) -> set[str]:
    """The other rooms that a file imports from; a name of `lic_lab` that is no room comes through the front door."""
    parts = [name.split(".") for name in imports(path, text)]
    rooms = {
        part[1] if len(part) > 1 and part[1] in FLOOR else "the front door" for part in parts if part[0] == "lic_lab"
    }
    return rooms - {room(path)}


def complaints(path: Path, text: str | None = None) -> list[str]:
    """What is wrong with a file's imports, by floor."""
    here = room(path)
    allowed = {name for name, floor in FLOOR.items() if floor < FLOOR[here]}
    return [f"{here} (floor {FLOOR[here]}) imports {name}" for name in sorted(rooms_used(path, text) - allowed)]


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES_IN_ROOMS} <= FLOOR.keys()


@pytest.mark.parametrize("path", FILES_IN_ROOMS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_room_imports_only_from_lower_floors(path):
    assert not complaints(path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ops/x.py", "from lic_lab.coding import tables"),
        ("ops/x.py", "from lic_lab import models"),
        ("models/x.py", "import lic_lab"),
        ("models/x.py", "from lic_lab import load"),
        ("ops/scan/x.py", "from ...models import base"),
        ("ops/x.py", "import lic_lab.cli as c"),
        ("training/x.py", "def f():\n    from lic_lab.codecs.base import ImageCodec"),
        ("models/x.py", "WHERE = 'lic_lab.codecs.learned:LearnedCodec'"),
    ],
)
def test_the_rule_sees_every_way_of_importing_upwards_or_sideways(file, text):
    assert complaints(HOUSE / file, text)


def test_the_rule_lets_a_room_use_itself_and_lower_floors():
    text = "import torch\nfrom . import base\nfrom ..ops.color import to_u8\nfrom lic_lab.errors import LicLabError"
    assert not complaints(HOUSE / "models/x.py", text)


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "coding"], ids=lambda p: p.name)
def test_coding_never_imports_torch(path):
    assert not {name for name in imports(path) if name.split(".")[0] == "torch"}
    assert "types" not in rooms_used(path)  # it imports torch


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "codecs"], ids=lambda p: p.name)
def test_only_the_learned_codec_opens_the_door_to_our_models(path):
    learned = {"models", "entropy", "blocks"} & rooms_used(path)
    assert not learned or path.name == "learned.py"
