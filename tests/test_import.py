"""`import lic_lab` is quick and quiet: heavy packages wait for the function that uses them."""

import subprocess
import sys

import pytest

HEAVY = set("compressai lpips torchvision matplotlib plotly numba skimage IPython ipywidgets rich".split())


@pytest.fixture(scope="module")
def fresh():
    """What a fresh interpreter has loaded after `import lic_lab`, one module per line, and what it said on stderr."""
    code = "import lic_lab, sys; print(*sys.modules, sep='\\n', file=sys.__stdout__)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_loads_no_heavy_package(fresh):
    loaded = {name.split(".")[0] for name in fresh.stdout.split()}
    assert "lic_lab" in loaded
    assert not loaded & HEAVY


def test_importing_prints_nothing(fresh):
    assert not fresh.stderr
    code = "import lic_lab"
    assert not subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
