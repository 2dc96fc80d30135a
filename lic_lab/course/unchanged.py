"""Whether what judges an answer is still what it was before the answer ran.

    same = Snapshot()
    ...                                   # cells run
    same.changed()                        # "" or "numpy.allclose was replaced"

It sees names that were replaced: those of the check room and all that lic_lab had loaded, Python's built-in functions,
those of math, NumPy and, where the judges use it, PyTorch, and the way of a cell's text and result through IPython. It
looks when a statement of a cell starts, so it does not see what an answer changes while it is being judged and puts
back before it returns.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

STRICT = "lic_lab.check"
WATCHED = ("builtins", "math", "random", "zlib", "inspect", "json", "numpy", "numpy.random", "numpy.linalg")
WATCHED += ("numpy.testing", "torch", "torch.nn.functional", "torch.testing")
SHOWING = ("lic_lab", "IPython", "ipykernel", "jupyter_client")
"""Packages all of whose loaded modules are watched: what judges, and what brings a result to the grader."""

BY_THEMSELVES = {
    ("builtins", "input"), ("builtins", "exit"), ("builtins", "quit"), ("builtins", "_"),  # IPython has its own
    ("inspect", "getfile"),  # torch has its own
}  # fmt: skip

PLAIN_FORMATS = frozenset({"%r", *(f"%.{digits}f" for digits in range(1, 17))})
"""What `%precision` sets that still shows a number of points as that number."""


class Snapshot:
    """What the judges are made of, as it is now."""

    def __init__(self):
        names = [name for name in sys.modules if name in WATCHED or name.split(".")[0] in SHOWING]
        self.modules = {name: (sys.modules[name], dict(vars(sys.modules[name]))) for name in sorted(names)}
        self.kinds = {name: type(module) for name, (module, _) in self.modules.items()}
        self.insides = [(label, thing, _inside(thing)) for label, thing in self._judges()]
        self.shell = _shell()

    def changed(self) -> str:
        """Say in words what is not as it was; empty where nothing is."""
        for name, (module, before) in self.modules.items():
            if sys.modules.get(name) is not module or type(module) is not self.kinds[name]:
                return f"the module {name} was replaced"
            now = vars(module)
            for key, value in before.items():
                if now.get(key, self) is not value and not _may_change(name, key, value, now.get(key)):
                    return f"{name}.{key} was replaced"
            if name.startswith(STRICT) and (new := [key for key in now.keys() - before.keys() if _is_new(now[key])]):
                return f"{name}.{min(new)} was added"
        for label, thing, before in self.insides:
            if not _alike(_inside(thing), before):
                return f"{label} was changed"
        return "" if _alike(_shell(), self.shell) else "the way results are shown was changed"

    def _judges(self):
        """The functions, classes and tasks of the check room, each with its name."""
        for name, (_, names) in self.modules.items():
            if name.startswith(STRICT):
                for key, value in names.items():
                    if isinstance(value, (FunctionType, type)) and value.__module__ == name:
                        yield f"{name}.{key}", value
            elif name in WATCHED:
                for key, value in names.items():
                    if isinstance(inner := getattr(value, "__wrapped__", value), FunctionType):
                        yield f"{name}.{key}", inner
        if "torch" in self.modules:
            yield "torch.Tensor", self.modules["torch"][1]["Tensor"]
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


def _may_change(module: str, key: str, value, now) -> bool:
    """What Python and libraries set anew by themselves, a module's caches and records of warnings, or does no harm.

    `np.bool = bool` stands in notebooks beside `np.float = float`, for code that is older than NumPy 1.24. It is the
    only one of those names that NumPy still has; no judge uses it, and Python's own type of that name stands for it.
    """
    if (module, key) == ("numpy", "bool") and now is bool:
        return True
    plain = not callable(value) and not isinstance(value, (ModuleType, dict, tuple))
    late = module.startswith("torch") and not isinstance(value, BuiltinFunctionType)  # its compiler wraps the others
    return plain or late or key in ("__warningregistry__", "__annotations__") or (module, key) in BY_THEMSELVES


def _is_new(value) -> bool:
    return not isinstance(value, ModuleType) and not isinstance(value, dict)


def _shell() -> list:
    """What a cell's text passes on its way in, and its result on its way out; empty outside IPython."""
    from IPython.core.getipython import get_ipython

    if (shell := get_ipython()) is None:
        return []
    plain = shell.display_formatter.formatters["text/plain"]
    changers = shell.input_transformer_manager
    kernel = getattr(shell, "kernel", None)
    things = [
        shell,
        shell.displayhook,
        shell.display_formatter,
        plain,
        shell.compile,
        changers,
        shell.display_pub,
        kernel,
    ]
    found = [sys.displayhook, plain.type_printers.get(float), _format(plain), shell.user_ns, type(shell.user_ns)]
    found += [shell.user_module, shell.user_ns.get("__builtins__")]
    for some in (shell.ast_transformers, shell.input_transformers_post, changers.cleanup_transforms):
        found += some
    found += [*changers.line_transforms, *changers.token_transformers]
    if kernel is not None:
        session = kernel.session
        things += [kernel, session, kernel.iopub_socket]
        found += [*kernel.shell_handlers.values(), session.pack, session.unpack]
        found += [shell.displayhook.session, shell.displayhook.pub_socket]
    return found + [part for thing in things for part in (thing, *_methods(thing))]


def _format(plain):
    """How floats are shown: one and the same thing for all ways that do not change the number."""
    now = plain.float_format
    return PLAIN_FORMATS if type(now) is str and now in PLAIN_FORMATS else now


def _methods(thing) -> list:
    """The kinds that a thing is of, what they can do, and what it does differently, each behind its name."""
    kinds = type(thing).__mro__
    own = [(key, value) for key, value in vars(thing).items() if callable(value)] if hasattr(thing, "__dict__") else []
    table = [
        pair for kind in kinds for pair in vars(kind).items() if callable(pair[1]) or isinstance(pair[1], property)
    ]
    return [*kinds, *(part for pair in table + own for part in pair)]
