"""A kernel in a folder of its own, made for one submission and gone with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Any

from lic_lab.course.folder import PACKAGE
from lic_lab.course.limits import MIB, Limits, sweep

KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LIC_LAB_FAST")
KEPT += ("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE")
"""What of the grader's environment an answer sees; keys and tokens are not among it."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc",
    "/opt",
    "/proc",
    "/sys/devices",
    "/sys/fs/cgroup",
    "/dev/urandom",
)


LIVE: set[str] = set()
"""The marks of the cells that are in use in this process."""


class Cell:
    """The folder of one submission while it runs, what goes in, and what came out.

    root: the folder, private to the process in it.   ledger: a file outside it that the process only adds lines to.
    """

    def __init__(self, root: Path, ledger: Path):
        self.root, self.ledger = root, ledger

    def furnish(self, assignment: str, hidden: Iterable[Path], limits: Limits, walls: bool) -> None:
        """Write the settings, and bring what libraries would else make anew each time."""
        from lic_lab.datasets.bundled import data_path

        for name in ("work", "home", "tmp", "matplotlib", "numba"):
            (self.root / name).mkdir()
        copy_fonts(self.root / "matplotlib")
        copy_compiled(self.root / "numba")
        libraries = [str(path) for path in installed()]
        settings = {
            "connection": str(self.connection), "ledger": str(self.ledger), "own": str(self.root), "walls": walls,
            "assignment": assignment, "hidden": [str(path) for path in hidden], "libraries": libraries,
            "read": [*libraries, str(data_path()), *SYSTEM], "memory": limits.memory + 1024 * MIB, "file": limits.disk,
        }  # fmt: skip
        self.settings.write_text(json.dumps(settings), "utf-8")

    @property
    def settings(self) -> Path:
        """What the process reads first."""
        return self.root / "settings.json"

    @property
    def connection(self) -> Path:
        """Where the grader and the kernel meet."""
        return self.root / "k.json"

    def environment(self) -> dict[str, str]:
        """The environment of the process: nothing of the grader's but what programs need to start."""
        home = str(self.root / "home")
        tmp = str(self.root / "tmp")
        own = dict.fromkeys(
            ("HOME", "USERPROFILE", "IPYTHONDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TORCH_HOME"), home
        )
        own |= dict.fromkeys(("XDG_DATA_HOME", "XDG_STATE_HOME", "JUPYTER_CONFIG_DIR", "APPDATA", "LOCALAPPDATA"), home)
        own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), tmp) | dict.fromkeys(THREADS, "1")
        own |= {"MPLCONFIGDIR": str(self.root / "matplotlib"), "NUMBA_CACHE_DIR": str(self.root / "numba")}
        own |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(PACKAGE.parent), "CUDA_VISIBLE_DEVICES": ""}
        own |= {"LIC_LAB_SUBMISSION": self.root.name, "PYTHONHASHSEED": "0"}
        return {name: os.environ[name] for name in KEPT if name in os.environ} | own

    def notes(self) -> list[dict]:
        """What the process wrote down: the walls it has, and what it tried."""
        found = []
        for line in self.ledger.read_bytes().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return [note for note in found if isinstance(note, dict)]


@contextmanager
def cell() -> Iterator[Cell]:
    """A private folder, taken away in the end with every process that was started from it."""
    outer = Path(tempfile.mkdtemp(prefix=f"lic-{os.getpid()}-")).resolve()
    root, ledger = outer / "in", outer / "ledger"
    root.mkdir()
    ledger.touch(0o600)
    found = Cell(root.rename(outer / outer.name[4:]), ledger)
    LIVE.add(found.root.name)
    try:
        yield found
    finally:
        LIVE.discard(found.root.name)
        sweep(found.root.name)
        remove(outer)


def stop_all() -> None:
    """End the processes of all cells that are in use."""
    for mark in tuple(LIVE):
        sweep(mark)


def clear_leftovers() -> None:
    """Take away the folders, and end the processes, of graders that were killed before they could."""
    for outer in Path(tempfile.gettempdir()).glob("lic-*-*"):
        found = re.fullmatch(r"lic-(\d+)-\w+", outer.name)
        if found and (outer / "ledger").is_file() and not psutil.pid_exists(int(found[1])):
            sweep(outer.name[4:])
            remove(outer)


def remove(folder: Path) -> None:
    """Take a folder away, also where rights in it were changed."""
    for path in [folder, *(Path(at) / name for at, names, _ in os.walk(folder) for name in names)]:
        if not path.is_symlink():
            with suppress(OSError):
                path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def installed() -> list[Path]:
    """Where Python, its packages and lic_lab are."""
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    named += [sys.prefix, sys.base_prefix, sys.exec_prefix, PACKAGE]
    return sorted({Path(path).resolve() for path in named} | {Path(sys.executable).resolve().parent})


def copy_fonts(target: Path) -> None:
    """Bring matplotlib's list of fonts, which takes seconds to make."""
    import matplotlib
    import matplotlib.font_manager

    for path in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(path, target)


def copy_compiled(target: Path) -> None:
    """Bring the loops of lic_lab that Numba has compiled already, from wherever it keeps them, to one folder."""
    import numba
    from numba.core.caching import _CacheLocator
    from numba.misc.appdirs import AppDirs

    elsewhere = [numba.config.CACHE_DIR, AppDirs(appname="numba", appauthor=False).user_cache_dir]
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        name = _CacheLocator.get_suitable_cache_subpath(str(folder / "any.py"))
        for source in [folder / "__pycache__", *(Path(base) / name for base in elsewhere if base)]:
            for path in [*source.glob("*.nbi"), *source.glob("*.nbc")]:
                (target / name).mkdir(exist_ok=True)
                shutil.copy2(path, target / name)


class ContainedKernel(AsyncKernelManager):
    """Starts the process of `contained.py` in a Cell, and speaks with it by files where the system can."""

    cell = Any()

    def __init__(self, cell: Cell, **options):
        meet = {} if sys.platform == "win32" else {"transport": "ipc", "ip": str(cell.root / "k")}
        super().__init__(cell=cell, connection_file=str(cell.connection), **meet, **options)

    @cached_property
    def spec(self) -> KernelSpec:
        """How the process is started."""
        argv = [sys.executable, "-m", "lic_lab.course.contained", str(self.cell.settings)]
        return KernelSpec(argv=argv, display_name="an answer", language="python")

    @property
    def kernel_spec(self) -> KernelSpec:
        """The same, under jupyter_client's name."""
        return self.spec

    async def start_kernel(self, **options):
        """Start it in its own folder, with its own environment."""
        import subprocess

        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if os.environ.get("LIC_LAB_COURSE_DEBUG"):
            quiet = {}
        options |= {"cwd": str(self.cell.root / "work"), "env": self.cell.environment(), "extra_arguments": []}
        return await super().start_kernel(**options | quiet)
