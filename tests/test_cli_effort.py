"""Effort at the command line: files of the same kind, progress with the time left, refusals in one line."""

import pytest
import torch
from click.testing import CliRunner

import lic_lab
from lic_lab import cli, codecs, terminal
from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import read_image, write_image
from lic_lab.models import checkpoints, refine


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab` in a folder with photo.png and weights of a tiny charm; an effort of 1 takes 4 steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(refine, "STEPS", (0, 4, *refine.STEPS[2:]))
    monkeypatch.setattr(terminal, "_now_and_then", lambda *_: lambda *step: terminal.say("{} of {}: {}".format(*step)))
    write_image(tmp_path / "photo.png", read_image(skimage_file("chelsea.png"))[50:115, 80:171])
    torch.manual_seed(0)
    checkpoints.save_model(lic_lab.build("charm"), tmp_path / "tiny.safetensors", name="charm", preset="tiny")
    return lambda line: CliRunner().invoke(cli.main, line.split())


def test_an_effort_writes_the_codecs_own_file_and_tells_of_every_step(run, tmp_path):
    result = run("encode photo.png photo.lic --codec tiny.safetensors --quality 1 --effort 1")
    assert result.exit_code == 0, result.output
    expected = codecs.load("tiny.safetensors@effort1").encode(read_image(tmp_path / "photo.png"), 1.0)
    assert (tmp_path / "photo.lic").read_bytes() == expected
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines()] == [f"{k} of 4" for k in range(5)]
    assert "refining the latent, file 1" in result.stderr and "s left of it" in result.stderr


def test_the_name_of_a_codec_may_say_the_effort(run, tmp_path):
    named = run("encode photo.png a.lic --codec tiny.safetensors@effort1 --quality 1")
    asked = run("encode photo.png b.lic --codec tiny.safetensors --quality 1 --effort 1")
    assert named.exit_code == asked.exit_code == 0
    assert (tmp_path / "a.lic").read_bytes() == (tmp_path / "b.lic").read_bytes()
    assert "refining" in named.stderr


def test_without_an_effort_nothing_is_told(run):
    assert "refining" not in run("encode photo.png photo.lic --codec tiny.safetensors --quality 1").stderr


def test_a_ceiling_holds_with_an_effort(run, tmp_path):
    size = len(codecs.load("tiny.safetensors").encode(read_image(tmp_path / "photo.png"), 1.0))
    assert run(f"encode photo.png p.lic --codec tiny.safetensors --max-bytes {size} --effort 1").exit_code == 0
    assert (tmp_path / "p.lic").stat().st_size <= size


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("encode photo.png p.lic --codec tiny.safetensors --effort 12", "effort of tiny is a whole number from 0 to 9"),
        ("encode photo.png p.jpg --codec jpeg --effort 3", "jpeg takes no effort"),
    ],
)
def test_an_effort_that_cannot_be_is_refused_in_one_line(run, line, said):
    result = run(line)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and said in result.stderr


def test_help_shows_an_effort(run):
    assert "--effort 5" in run("encode --help").output
