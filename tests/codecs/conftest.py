"""A small real picture, and fake programs that stand where vvencapp, EncoderApp or bpgenc would be."""

import os
import stat
import sys
from pathlib import Path

import pytest

from lic_lab.datasets.bundled import bundled_images

FAKES = Path(__file__).parent / "fakes"


@pytest.fixture(scope="session")
def picture():
    """A cat's face, 61 x 83 pixels: both sides odd, neither a multiple of any block."""
    return bundled_images()["chelsea"][100:161, 140:223].copy()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Give a function that puts a fake program on an otherwise empty PATH, under the names given."""
    if os.name == "nt":
        pytest.skip("the fake programs are scripts with a first line that Windows does not read")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("LIC_LAB_VTM_CFG", raising=False)

    def put(fake: str, *names: str) -> Path:
        for name in names:
            program = folder / name
            program.write_text(f"#!{sys.executable}\n" + (FAKES / fake).read_text())
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return folder

    return put
