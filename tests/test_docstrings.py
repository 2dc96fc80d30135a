"""Whatever is public says in one sentence what it is."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "lic_lab"
FILES = sorted(HOUSE.rglob("*.py"))


def says_something(node: ast.AST) -> bool:
    return len((ast.get_docstring(node) or "").split()) >= 3


def is_public(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")


def speechless(tree: ast.Module) -> list[str]:
    """The public names of a file without a docstring: the module, functions, classes, and methods of classes.

    A method of a derived class inherits its docstring (`forward`, `encode`), and a verb that several classes of a file
    share is explained once; neither is asked for another one.
    """
    names = [] if says_something(tree) else ["the module"]
    top = [node for node in tree.body if is_public(node)]
    names += [node.name for node in top if not says_something(node)]
    methods = [
        (owner, item) for owner in top if isinstance(owner, ast.ClassDef) for item in filter(is_public, owner.body)
    ]
    explained = {method.name for _, method in methods if says_something(method)}
    return names + [f"{c.name}.{m.name}" for c, m in methods if not c.bases and m.name not in explained]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_public_name_has_a_docstring(path):
    assert not speechless(ast.parse(path.read_text("utf-8")))


def test_a_name_without_a_docstring_is_noticed():
    text = '"""A module that speaks."""\ndef f(): ...\nclass C:\n    """One that speaks too."""\n    def m(self): ...'
    assert speechless(ast.parse(text)) == ["f", "C.m"]
