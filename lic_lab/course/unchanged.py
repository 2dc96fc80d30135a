"""Whether what judges an answer is still what it was before the answer ran.

    same = Snapshot()
    ...                                   # cells run
    same.changed()                        # "" or "numpy.allclose was replaced"

It sees names that were replaced: those of the check room and all that lic_lab had loaded, Python's built-in functions,
those of NumPy and math, and IPython's way to show results. It looks when a statement of a cell starts, so it does not
see what an answer changes while it is being judged and puts back before it returns.
"""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

STRICT = "lic_lab.check"
WATCHED = ("builtins", "math", "random", "zlib", "inspect", "numpy", "numpy.random", "numpy.linalg", "numpy.testing")


class Snapshot:
    """What the judges are made of, as it is now."""

    def __init__(self):
        names = [name for name in sys.modules if name in WATCHED or name.split(".")[0] == "lic_lab"]
        self.modules = {name: (sys.modules[name], dict(vars(sys.modules[name]))) for name in sorted(names)}
        self.insides = [(label, thing, _inside(thing)) for label, thing in self._judges()]
        self.shell = _shell()

    def changed(self) -> str:
        """Say in words what is not as it was; empty where nothing is."""
        for name, (module, before) in self.modules.items():
            if sys.modules.get(name) is not module:
                return f"the module {name} was replaced"
            now = vars(module)
            for key, value in before.items():
                if now.get(key, self) is not value and not _may_change(key, value):
                    return f"{name}.{key} was replaced"
            if name.startswith(STRICT) and (new := [key for key in now.keys() - before.keys() if _is_new(now[key])]):
                return f"{name}.{min(new)} was added"
        for label, thing, before in self.insides:
            if not _alike(_inside(thing), before):
                return f"{label} was changed"
        return "the way results are shown was changed" if _shell() != self.shell else ""

    def _judges(self):
        """The functions, classes and tasks of the check room, each with its name."""
        for name, (_, names) in self.modules.items():
            if name.startswith(STRICT):
                for key, value in names.items():
                    if isinstance(value, (FunctionType, type)) and value.__module__ == name:
                        yield f"{name}.{key}", value
        from lic_lab.check.tasks import _TASKS

        yield "the list of tasks", _TASKS
        for task in _TASKS.values():
            yield f"task {task.id}", task
            yield from ((f"task {task.id}", part.judge) for part in task.parts)


def _inside(thing) -> list:
    """What a function, a class, a task or a table of tasks consists of; compared by identity."""
    if isinstance(thing, FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [thing.__code__, thing.__defaults__, thing.__kwdefaults__, *cells]
    if isinstance(thing, dict):
        return [part for pair in thing.items() for part in pair]
    if isinstance(thing, type):
        return [part for pair in vars(thing).items() for part in pair if not pair[0].startswith("__abc")]
    return [thing.id, thing.seconds, *thing.parts]


def _alike(now: list, before: list) -> bool:
    return len(now) == len(before) and all(a is b for a, b in zip(now, before, strict=True))


def _may_change(key: str, value) -> bool:
    """What Python and libraries set anew by themselves: a module's caches and records of warnings."""
    plain = not callable(value) and not isinstance(value, (ModuleType, dict, tuple))
    return (
        key in ("__warningregistry__", "_", "__annotations__", "input", "exit", "quit") or plain
    )  # IPython has its own


def _is_new(value) -> bool:
    return not isinstance(value, ModuleType) and not isinstance(value, dict)


def _shell() -> tuple:
    """What IPython shows results with; empty outside IPython."""
    from IPython.core.getipython import get_ipython

    if (shell := get_ipython()) is None:
        return ()
    plain = shell.display_formatter.formatters["text/plain"]
    own = {id(sys.displayhook), id(shell.displayhook), id(type(shell.displayhook)), id(type(shell)), id(plain)}
    return (
        *sorted(own), id(plain.type_printers.get(float)), plain.float_format, type(plain).__call__,
        tuple(map(id, shell.ast_transformers)), tuple(map(id, shell.input_transformers_post)),
        sorted(set(vars(shell.displayhook)) & {"write_format_data", "finish_displayhook", "compute_format_data"}),
        sorted(set(vars(shell)) & {"run_cell", "run_ast_nodes", "run_code", "compile"} - {"compile"}),
        type(shell.displayhook).__call__, type(shell).run_code,
    )  # fmt: skip
