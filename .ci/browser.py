"""A JupyterLab of our own and a headless Chromium on it: what the browser tests and `look_at_notebooks.py` drive.

Needs Chromium or Chrome (CHROME_PATH, or on the PATH) and playwright; no browser is downloaded, and nothing from
outside this machine can be reached. What goes wrong on a page is noted in `Notebook.trouble`.
"""

import base64
import io
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
from PIL import Image as Pillow

NAMES = ("chromium", "google-chrome", "chromium-browser", "chrome")
CHROME = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
# The resolver rule proves that everything works offline.
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
if hasattr(os, "geteuid") and os.geteuid() == 0:
    FLAGS.append("--no-sandbox")

SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    "notebook-extension/tracker": '{"windowingMode": "none"}',  # every cell is on the page, also out of sight
}
PATIENCE = 90_000  # ms, for starting a kernel on a busy machine
LONG = 600_000  # ms, for running a whole chapter on one
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell"
VIEWS = ".lic-viewer, .lic-picture, .lic-explorer .widget-html-content, .lic-explorer img.widget-image"
HANDLES = (  # that can move: a choice of one cannot
    ".noUi-handle, select:has(option + option), .lic-picture-stage[tabindex], input[type=checkbox], "
    ".widget-toggle-buttons button"
)
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Server(NamedTuple):
    """A running JupyterLab: its address, its token, and the folder it serves."""

    base: str
    token: str
    work: Path


@contextmanager
def jupyterlab(home: Path) -> Iterator[Server]:
    """Start a JupyterLab on a free port, with all its files under `home`."""
    port, token = _free_port(), secrets.token_hex(8)
    work = home / "work"
    work.mkdir(parents=True)
    for name, text in SETTINGS.items():
        file = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    folders = {"JUPYTER_CONFIG_DIR": "c", "JUPYTER_RUNTIME_DIR": "r", "IPYTHONDIR": "i"}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "w"}
    environment = os.environ | {name: str(home / folder) for name, folder in folders.items()}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={work}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{base}/api/status?token={token}", server)
        yield Server(base, token, work)
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def chromium(server: Server) -> Iterator["Lab"]:
    """Start a browser for a server. While it runs, this thread has an event loop, so nothing else can start one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROME, headless=True, args=FLAGS)
        yield Lab(server, browser)
        browser.close()


class Lab:
    """A JupyterLab and a browser to open its notebooks with."""

    def __init__(self, server: Server, browser):
        self.server, self.browser = server, browser

    @contextmanager
    def open(self, notebook: Path | Sequence[str], *, width: int = 1400, height: int = 1200) -> Iterator["Notebook"]:
        """Open a copy of a notebook, or one made of some cells, on a page of its own; its kernel ends with it.

        Raises AssertionError at the end where something went wrong on the page.
        """
        if isinstance(notebook, Path):
            file = Path(shutil.copy(notebook, self.server.work))
        else:
            file = self.server.work / f"cells-{secrets.token_hex(4)}.ipynb"
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in notebook])
            book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(book, file)
        context = self.browser.new_context(viewport={"width": width, "height": height})
        try:
            opened = Notebook(context.new_page(), self.server.base)
            opened.page.goto(f"{self.server.base}/lab/tree/{file.name}?token={self.server.token}&reset")
            opened.page.wait_for_function(IDLE, timeout=PATIENCE)
            yield opened
            opened.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        finally:
            context.close()
        assert not opened.trouble, opened.trouble


class Notebook:
    """A notebook on a page: run it, press keys, look at it. `page` is playwright's."""

    def __init__(self, page, base: str):
        self.page, self.trouble = page, []
        inside = (base, base.replace("http", "ws"), "data:", "blob:")
        note = self.trouble.append
        page.on("request", lambda r: r.url.startswith(inside) or note(f"outside: {r.url}"))
        page.on("response", lambda r: r.status < 400 or note(f"{r.status}: {r.url}"))
        page.on("pageerror", lambda error: note(f"page: {error}"))
        page.on("console", lambda line: line.type != "error" or note(f"console: {line.text}"))

    def run(self, timeout: int = LONG) -> None:
        """Run all cells and wait for the last; raise AssertionError where one ended with an error that is no lesson."""
        self.page.evaluate(
            """() => {
                window.ran = false;
                window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.ran = true; });
            }"""
        )
        self.page.wait_for_function("() => window.ran", timeout=timeout)
        cells = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.toJSON())
                .filter((cell) => cell.cell_type === "code")"""
        )
        failed = [cell for cell in cells if any(output["output_type"] == "error" for output in cell["outputs"])]
        failed = [cell["source"] for cell in failed if "raises-exception" not in cell["metadata"].get("tags", [])]
        assert not failed, f"this cell failed: {failed[0]}"
        assert all(cell["execution_count"] for cell in cells if cell["source"].strip()), "not every cell was run"

    def press(self, key: str, shows: str = VIEWS) -> float:
        """Press a key where the focus is; milliseconds until one of the elements that match `shows` has changed."""
        self.page.evaluate(
            """(shows) => {
                const sign = (view) => view.dataset.drawn ?? view.src ?? view.innerHTML;
                const now = () => [...document.querySelectorAll(shows)].map(sign).join();
                const before = now();
                window.latency = new Promise((done) => addEventListener("keydown", () => {
                    const start = performance.now();
                    const look = () => now() === before ? requestAnimationFrame(look)
                        : requestAnimationFrame(() => done(performance.now() - start));
                    look();
                }, { once: true, capture: true }));
            }""",
            shows,
        )
        self.page.keyboard.press(key)
        late = "new Promise((_, no) => setTimeout(() => no('the key changed nothing in 30 s'), 30000))"
        return self.page.evaluate(f"() => Promise.race([window.latency, {late}])")

    def painted(self, canvas: str = ".lic-stage canvas") -> np.ndarray:
        """What is on the stage of a viewer inside the picture's frame, uint8 (h, w, 3), in device pixels."""
        url = self.page.locator(canvas).first.evaluate("(canvas) => canvas.toDataURL('image/png')")
        stage = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))
        columns = np.flatnonzero(stage[:, :, 3].any(axis=0))
        return stage[:, columns[0] : columns[-1] + 1, :3]

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme to "light" or "dark" and wait until it is there.

        The splash screen that JupyterLab shows meanwhile must be gone too: a change during it makes JupyterLab itself
        remove a node twice.
        """
        change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
        self.page.evaluate(change, THEMES[name])
        self.page.wait_for_function(
            """(name) => document.body.dataset.jpThemeLight === String(name === "light")
                && [...document.querySelectorAll("link[rel=stylesheet]")].every((link) => link.href.includes(name))
                && !document.getElementById("jupyterlab-splash")""",
            arg=name,
        )

    def screenshots(self, folder: Path, stem: str) -> list[Path]:
        """Photograph the whole notebook, one file for each height of the window: STEM-1.png, STEM-2.png, ..."""
        folder.mkdir(parents=True, exist_ok=True)
        outer = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
        shown, whole = outer.evaluate("(outer) => [outer.clientHeight, outer.scrollHeight]")
        files = []
        for number, top in enumerate(range(0, whole, shown), start=1):
            outer.evaluate("(outer, top) => { outer.scrollTop = top }", top)
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            files.append(folder / f"{stem}-{number}.png")
            outer.screenshot(path=files[-1], animations="disabled")
        return files


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_for(address: str, server: subprocess.Popen) -> None:
    """Return when the server answers; fail when it ends or stays silent for two minutes."""
    for _ in range(480):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.25)
    raise AssertionError("the server does not answer")
