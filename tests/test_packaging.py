"""What is written about installing is true: the conda file, the README's commands, the wheel from another folder."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import lic_lab
from lic_lab import cli
from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image
from lic_lab.evaluation.sweep import measure
from lic_lab.metrics.quality import psnr

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BLOCKS = re.findall(r"^```(?:bash|sh|powershell|console)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line.strip()]


def listed(text: str, indent: int) -> list[str]:
    """The items of a YAML list at one indentation."""
    return re.findall(rf"^ {{{indent}}}- (.+?)\s*$", text, re.MULTILINE)


def test_the_conda_file_installs_what_pyproject_offers_on_a_python_it_allows():
    text = (ROOT / "environment.yml").read_text("utf-8")
    python = next(item for item in listed(text, 2) if item.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in listed(text, 2)
    (package,) = listed(text, 6)
    extras = re.fullmatch(r"-e \.\[(.+)\]", package)[1].split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()


def test_the_version_is_the_same_wherever_it_is_written():
    assert lic_lab.__version__ == PROJECT["version"]
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_compressai_is_asked_for_by_its_own_extra_and_only_where_it_has_wheels():
    (needs,) = PROJECT["optional-dependencies"]["peers"]
    marker = Requirement(needs).marker
    assert marker.evaluate({"python_version": "3.12", "platform_system": "Linux"})
    assert not marker.evaluate({"python_version": "3.13", "platform_system": "Linux"})
    assert not marker.evaluate({"python_version": "3.12", "platform_system": "Windows"})


def test_packages_that_may_need_a_compiler_never_block_the_installation():
    rest = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name not in ("cuda", "peers")}
    asked = " ".join([*PROJECT["dependencies"], *(need for needs in rest.values() for need in needs)])
    assert not {"compressai", "mamba-ssm", "causal-conv1d"} & set(re.findall(r"[\w-]+", asked))


def test_every_make_command_of_the_readme_is_a_target():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {words[1] for words in COMMANDS if words[0] == "make"} | set(re.findall(r"`make ([a-z-]+)", README))
    assert {"lab", "test", "demo"} <= named <= targets


def test_every_lic_lab_command_of_the_readme_is_understood():
    lines = [words[1:] for words in COMMANDS if words[0] == "lic-lab"]
    assert len(lines) >= 3
    for name, *words in lines:
        cli.main.commands[name].make_context(name, words)  # raises where an option or argument does not exist


def test_every_file_and_extra_that_the_readme_names_is_there():
    files = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert files and [file for file in files if not (ROOT / file).exists()] == []
    extras = {extra for group in re.findall(r"\.\[([a-z,]+)\]", README) for extra in group.split(",")}
    assert extras <= PROJECT["optional-dependencies"].keys()


def test_the_demo_in_the_readme_is_what_the_shipped_weights_do():
    demo = json.loads((ROOT / "data/results/demo.json").read_text("utf-8"))
    for row in demo["rows"]:
        assert re.search(rf"{row['codec']} .*{row['bytes']:,}.*{row['psnr_db']:.2f}", README)
    row = next(row for row in demo["rows"] if row["codec"] == "charm")
    image = bundled_images()[row["image"]]
    now = measure(
        lic_lab.load("charm"), row["image"], image, bpp=demo["bpp"]
    )  # floats differ a little between machines
    assert now.bytes == pytest.approx(row["bytes"], rel=0.01) and now.psnr_db == pytest.approx(row["psnr_db"], abs=0.05)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A clean environment far from the clone with only our wheel installed; gives the path of its `lic-lab`.

    The dependencies are lent by this environment (a .pth file names its folder), so that gigabytes are not downloaded
    again. Python does not follow .pth files found there, so the editable lic_lab of the clone is not visible.
    """
    folder = tmp_path_factory.mktemp("install")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True, cwd=folder)
    (wheel,) = folder.glob("lic_lab-*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", "--no-deps", wheel], check=True, cwd=folder)
    where = [scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib"))
    return scripts / "lic-lab"


@pytest.mark.slow
def test_the_wheel_encodes_and_decodes_with_its_own_weights_from_another_folder(installed, tmp_path):
    def run(program, *words):
        return subprocess.run([program, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    question = "import lic_lab.datasets.bundled as b; print(b.__file__, *b.bundled_paths().values(), sep='\\n')"
    module, picture, *_ = run(installed.with_name("python"), "-c", question).splitlines()
    assert Path(module).is_relative_to(installed.parents[1])
    (row,) = json.loads(
        run(installed, "compare", picture, "--codecs", "charm", "--bpp", "0.5", "--out", "kept", "--json")
    )
    (file,) = (tmp_path / "kept").glob("*.charm.lic")
    assert row["bytes"] == file.stat().st_size
    run(installed, "decode", str(file), "back.png")
    assert psnr(read_image(picture), read_image(tmp_path / "back.png")) == row["psnr_db"]
