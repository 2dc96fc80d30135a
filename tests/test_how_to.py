"""The how-to pages are true: what they tell people to type is typed here, on small pictures."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lic_lab import cli
from lic_lab.datasets.bundled import bundled_folders, bundled_images
from lic_lab.datasets.images import write_image
from lic_lab.models.checkpoints import weights_path

PAGES = Path(__file__).parents[1] / "notebooks/how_to"
BLOCK = re.compile(
    r"(?:^<!-- needs: (?P<needs>[^\n]*?) -->\n)?^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```", re.M | re.S
)
IN_PROCESS = ("lic-lab ", "export ", "cp ")
SLURM = {"SLURM_ARRAY_TASK_ID": "0"}


def blocks(page: str) -> list[re.Match]:
    return list(BLOCK.finditer((PAGES / page).read_text("utf-8")))


def commands(text: str) -> list[str]:
    """The lines of a shell block without comments; those that end with a backslash joined to the next."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a reader has before the first command: pictures/, a few in test/ and valid/, photo.png, other weights."""
    folder = tmp_path_factory.mktemp("reader")
    for part in ("pictures", "test", "valid"):
        (folder / part).mkdir()
    for name, image in bundled_images().items():
        for k in range(3):
            write_image(folder / f"pictures/{name}-{k}.png", image[40 * k + 10 :][:176, 60 * k + 5 :][:, :192])
    for name in ("coffee", "astronaut"):
        write_image(folder / f"test/{name}.png", bundled_images()[name][100:276, 100:292])
    for name in ("valid/coffee.png", "photo.png"):
        shutil.copy(folder / "test/coffee.png", folder / name)
    (folder / "data/weights").mkdir(parents=True)
    shutil.copy(weights_path("charm"), folder / "data/weights")
    return folder


@pytest.fixture
def reader(folder, monkeypatch):
    """Be where the reader is, with `lic-lab` on the PATH; tests of one page run one after the other."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in (SLURM | {"OMP_NUM_THREADS": "1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LIC_LAB_CODECS", raising=False)
    return monkeypatch


def do(line: str, reader) -> str:
    """Run one line of a shell block without a shell: lic-lab in this process, export and cp by hand."""
    words = shlex.split(line.replace("$PWD", str(Path.cwd())), comments=True)
    if words[0] == "export":
        reader.setenv(*words[1].split("=", 1))
    elif words[0] == "cp":
        shutil.copy(*words[1:])
    else:
        result = CliRunner().invoke(cli.main, words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.output
    return ""


def run_page(page: str, reader, steps: int | None = None) -> str:
    """Do all that a page says, in its order; gives what was printed. steps: at most so many in each training."""
    said = ""
    for block in blocks(page):
        text, kind = block["text"], block["kind"]
        if steps:
            text = re.sub(r"--steps (\d+)", lambda found: f"--steps {min(int(found[1]), steps)}", text)
        if block["needs"]:
            check_unrunnable(text)
        elif block["file"]:
            Path(block["file"]).write_text(text)
            if kind == "bash":
                said += shell(text)
        elif kind == "python":
            exec(compile(text, page, "exec"), {"__name__": "page"})
        elif kind == "bash":
            lines = commands(text)
            easy = all(line.startswith(IN_PROCESS) for line in lines)
            said += "".join(do(line, reader) for line in lines) if easy else shell(text)
    return said


def shell(text: str) -> str:
    """Run a block, or a job's script for the numbers 0 and 1 of its array, by bash."""
    said = ""
    for number in ("0", "1") if "SLURM_ARRAY_TASK_ID" in text else ("0",):
        how = {"env": os.environ | {"SLURM_ARRAY_TASK_ID": number}, "capture_output": True, "text": True}
        done = subprocess.run(["bash", "-e", "-c", text], timeout=300, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout + done.stderr
    return said


def check_unrunnable(text: str) -> None:
    """What needs a network or other programs is at least understood: every option and argument exists."""
    for line in commands(text):
        if line.startswith("lic-lab "):
            words, command = shlex.split(line)[1:], cli.main
            while hasattr(command, "commands"):
                command, words = command.commands[words[0]], words[1:]
            command.make_context(line, words)


def test_every_page_is_in_the_list_and_every_link_leads_somewhere():
    listed = set(re.findall(r"\]\((\w+\.md)\)", (PAGES / "README.md").read_text("utf-8")))
    assert listed == {page.name for page in PAGES.glob("*.md")} - {"README.md"}
    for page in PAGES.glob("*.md"):
        links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_says_what_one_gets_and_what_can_go_wrong():
    for page in PAGES.glob("*_*.md"):
        text = page.read_text("utf-8")
        assert "**What you get:**" in text and "## What can go wrong" in text
        assert blocks(page.name)


def test_encoding_a_folder(reader, folder, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in ("coffee", "astronaut"):
        write_image(tmp_path / f"pictures/{name}.png", bundled_images()[name][100:228, 100:228])
    reader.chdir(tmp_path)
    said = run_page("encode_a_folder.md", reader)
    assert said.count(" bpp\n") == (4 + 1) * 2  # four targets, and the loop of the shell; two pictures
    assert len(list(Path("coded").glob("*.lic"))) == len(list(Path("decoded").glob("*.png"))) == 2
    assert {file.name for file in Path("coded-by-script").iterdir()} == {"coffee.lic", "astronaut.lic"}
    again = CliRunner().invoke(cli.main, ["encode", "pictures/", "coded/", "--bpp", "0.25"])
    assert "2 of 2 were in coded already" in again.stderr and not again.stdout


@pytest.mark.slow
def test_the_sizes_that_the_page_quotes_for_a_folder_are_those_that_come_out(reader, tmp_path):
    learned, _ = bundled_folders(tmp_path)
    result = CliRunner().invoke(cli.main, ["encode", str(learned), "coded-bundled", "--bpp", "0.25"])
    (shown,) = [block["text"] for block in blocks("encode_a_folder.md") if block["kind"] == "text"]
    assert result.stdout.replace("coded-bundled", "coded") == shown, "the page's numbers are old: paste them anew"


def test_training_on_one_s_own_data(reader):
    run_page("train_on_my_data.md", reader, steps=4)
    for name in ("charm.safetensors", "charm.last.safetensors", "state.pt", "history.json", "train.log"):
        assert Path("runs/first", name).is_file()
    assert Path("photo.decoded.png").is_file() and Path("runs/first-evaluated/README.md").is_file()


def test_adding_a_codec(reader, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "reader", ignore=shutil.ignore_patterns("runs", "data", "coded*"))
    reader.chdir(tmp_path / "reader")
    said = run_page("add_a_codec.md", reader, steps=4)
    assert "dct8 keeps every promise" in said and "8 x 8 DCT, from dct8.py" in said
    for name in (
        "photo.dct8",
        "comparison/numbers.json",
        "evaluation/README.md",
        "evaluation-patches/rows.csv",
        "photo.lic",
    ):
        assert Path(name).is_file()


def test_comparing_with_vvc(reader, capsys):
    for block in blocks("compare_with_vvc.md"):
        if block["kind"] == "bash":
            check_unrunnable(block["text"])
    (script,) = [block["text"] for block in blocks("compare_with_vvc.md") if block["kind"] == "python"]
    exec(compile(script, "page", "exec"), {})
    (shown,) = [block["text"] for block in blocks("compare_with_vvc.md") if block["kind"] == "text"]
    assert capsys.readouterr().out == shown, "the page shows other numbers than come out: paste them anew"


@pytest.mark.slow
def test_running_on_a_cluster(reader):
    said = run_page("run_on_a_cluster.md", reader)
    assert re.search(r"(\d+) of \1 rows had been measured before", said)
    assert len(list(Path("ablation").glob("*/seed-*/trained.json"))) == 4
    before = Path("runs/two/state.pt").stat().st_mtime_ns
    (script,) = [block["text"] for block in blocks("run_on_a_cluster.md") if block["file"] == "train.sh"]
    shell(script.replace("--steps 4", "--steps 6"))  # the same script, queued again, goes on
    assert Path("runs/two/state.pt").stat().st_mtime_ns > before
