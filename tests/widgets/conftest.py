"""The browser that the tests of this folder share: one JupyterLab for a session, one Chromium for each file."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser():
    """The module .ci/browser.py, for its constants; the test is skipped where no browser or no playwright is."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    spec = importlib.util.spec_from_file_location("lic_lab_browser", ROOT / ".ci" / "browser.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.CHROME:
        pytest.skip("no Chromium on this machine: install it or set CHROME_PATH")
    return module


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    """A JupyterLab of our own."""
    with browser.jupyterlab(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="module")
def lab(browser, server):
    """A browser for it: `with lab.open(path or cells) as notebook` fails at the end if anything went wrong there."""
    with browser.chromium(server) as lab:
        yield lab
