"""An assignment T1 that costs nothing to grade: two numbers to double, and what hostile students hand in for it."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SOLUTION = "def {name}(n):\n    ### BEGIN SOLUTION\n    return {factor} * n\n    ### END SOLUTION"
POINTS = "### BEGIN HIDDEN TESTS\nprint('judged')\nfloat({points} * ({name}(21) == {result}))\n### END HIDDEN TESTS"

RIGHT = {"T1-1-answer": "def double(n):\n    return n + n", "T1-2-answer": "def triple(n):\n    return n + n + n"}


def mark(id: str, **given) -> dict:
    """nbgrader's metadata of a cell."""
    plain = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    return {"nbgrader": plain | {"grade_id": id} | given}


def task(number: int, name: str, factor: int, points: int) -> list:
    """The cells of one task: text, answer, points."""
    id = f"T1-{number}"
    return [
        new_markdown_cell(f"Write {name}.", metadata=mark(f"{id}-text", locked=True)),
        new_code_cell(SOLUTION.format(name=name, factor=factor), metadata=mark(f"{id}-answer", solution=True)),
        new_code_cell(
            POINTS.format(name=name, points=points, result=21 * factor),
            metadata=mark(f"{id}-points", grade=True, locked=True, points=points),
        ),
    ]


def write_assignment(folder) -> None:
    """Write T1 with its solutions into a folder of sources: 3 points and 2."""
    folder.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = task(1, "double", 2, 3) + task(2, "triple", 3, 2)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "T1_numbers.ipynb")


def hostile(bait, another) -> dict[str, tuple[str, str]]:
    """Kind -> (what stands above a right answer, a part of the reason it is worth nothing for).

    bait: a file that must survive.   another: the folder of another student's submission, that must survive too.
    """
    bait, another, folder = repr(str(bait)), repr(str(another)), repr(str(bait.parent))
    return {
        "exits": ("import os; os._exit(0)", "came to an end"),
        "crashes": ("import ctypes; ctypes.string_at(0)", "came to an end"),
        "kills-itself": ("import os; os.kill(os.getpid(), 9)", "send a signal"),
        "kills-the-grader": ("import os; os.kill(os.getppid(), 9)", "send a signal"),
        "loops": ("while True: pass", "longer than"),
        "loops-through-interruptions": (
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            "longer than",
        ),
        "sleeps": ("import time; time.sleep(10**6)", "longer than"),
        "loops-when-judged": ("def endless(n):\n    while True: pass\ndouble = endless\n#", "longer than"),
        "eats-memory": ("eaten = []\nwhile True: eaten.append(bytearray(b'x') * 2**25)", "memory"),
        "eats-memory-at-once": ("eaten = bytearray(b'x') * 2**34", "memory"),
        "prints": ("while True: print('x' * 1000)", "put out more than"),
        "fills-the-disk": ("i = 0\nwhile True:\n    open(f'{i}', 'wb').write(bytes(2**23)); i += 1", "of files"),
        "deletes": (f"import os; os.remove({bait})", "delete"),
        "deletes-quietly": (f"import os\ntry: os.remove({bait})\nexcept OSError: pass", "delete"),
        "deletes-a-tree": (f"import shutil; shutil.rmtree({another}, ignore_errors=True)", "delete"),
        "deletes-in-a-thread": (
            f"import os, threading\nt = threading.Thread(target=os.remove, args=({bait},)); t.start(); t.join()",
            "delete",
        ),
        "overwrites": (f"open({bait}, 'w').write('mine')", "write to"),
        "overwrites-by-a-link": (f"import os; os.symlink({bait}, 'link'); open('link', 'w').write('mine')", "write to"),
        "moves": (f"import os; os.rename({bait}, 'mine')", "move"),
        "changes-rights": (f"import os; os.chmod({folder}, 0)", "change"),
        "starts-a-process": (f"import subprocess; subprocess.run(['rm', '-f', {bait}])", "start a process (rm)"),
        "starts-a-shell": (f"import os; os.system('rm -f {bait[1:-1]}')", "start a process (rm)"),
        "forks": ("import os\nwhile True: os.fork()", "start a process"),
        "replaces-float": ("import builtins\nbuiltins.float = lambda n: 3", "builtins.float was replaced"),
        "replaces-print": ("import builtins\nbuiltins.print = lambda *n: None", "builtins.print was replaced"),
        "replaces-the-judge": (
            "import lic_lab.check.tasks\nlic_lab.check.tasks.grade = lambda *n, **k: 3.0",
            "lic_lab.check.tasks.grade was replaced",
        ),
        "rewrites-the-judge": (
            "import lic_lab.check.tasks as t\nt.grade.__code__ = (lambda *n, **k: 3.0).__code__",
            "lic_lab.check.tasks.grade was changed",
        ),
        "replaces-numpy": ("import numpy\nnumpy.allclose = lambda *n, **k: True", "numpy.allclose was replaced"),
        "changes-what-is-shown": (
            "plain = get_ipython().display_formatter.formatters['text/plain']\n"
            "plain.for_type(float, lambda *n: n[1].text('3'))",
            "the way results are shown",
        ),
        "changes-how-floats-are-shown": ("%precision %.0s3", "the way results are shown"),
        "puts-another-type-in-the-place-of-numpys": ("import numpy\nnumpy.bool_ = int", "numpy.bool_ was replaced"),
        "changes-what-runs": (
            "steps = get_ipython().input_transformers_cleanup\n"
            "steps.append(lambda lines: ['3.0'] if 'judged' in str(lines) else lines)",
            "the way results are shown",
        ),
        "changes-what-is-sent": (
            "session = get_ipython().kernel.session\nsession.send = lambda *n, send=session.send, **k: send(*n, **k)",
            "the way results are shown",
        ),
        "brings-its-own-built-ins": (
            "import builtins\n__builtins__ = vars(builtins) | {'float': lambda n: 3.0}",
            "the way results are shown",
        ),
        "rewrites-numpy": (
            "import numpy\nnumpy.allclose.__wrapped__.__code__ = (lambda a, b, r=0, t=0, equal_nan=0: True).__code__",
            "numpy.allclose was changed",
        ),
        "gives-the-judge-another-class": (
            "import types, lic_lab.check.tasks as t\nt.__class__ = type('Mine', (types.ModuleType,), {})",
            "lic_lab.check.tasks was replaced",
        ),
        "deletes-and-cuts-the-notes-off": (
            f"import os\ntry: os.remove({bait})\nexcept OSError: pass\n"
            "for n in range(3, 99):\n    try: os.ftruncate(n, 0)\n    except OSError: pass",
            "delete",
        ),
        "cuts-the-notes-off": (
            "import os\nfor n in range(3, 99):\n    try: os.ftruncate(n, 0)\n    except OSError: pass",
            "take away the notes",
        ),
        "fills-the-disk-with-files-without-names": (
            "import os, time\nopen_files = [open(str(i), 'wb', 0) for i in range(4)]\n"
            "for i, file in enumerate(open_files): os.remove(str(i)); file.write(bytes(2**25))\ntime.sleep(60)",
            "of files",
        ),
        "half-a-letter": ("word = '\\ud800'", "no notebook that can be read"),
        "no-notebook": ("", "no notebook that can be read"),
    }
