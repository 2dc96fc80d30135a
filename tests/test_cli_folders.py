"""Folders on the command line: every picture to a file and back, going on where it was, one line for what is wrong."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import lic_lab
from lic_lab import cli
from lic_lab.datasets.images import read_image, write_image


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab` with words, beside a folder `pictures` with a.png and b.png; gives click's result."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for name, size in (("a", 40), ("b", 90)):
        write_image(f"pictures/{name}.png", np.random.default_rng(size).integers(0, 255, (size, 50, 3), np.uint8))
    return lambda line: CliRunner().invoke(cli.main, line.split())


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_folder_goes_to_files_and_back_and_a_point_in_its_name_is_no_suffix(run):
    said = run("encode pictures coded-v1.2 --codec jpeg --quality 60")
    assert said.exit_code == 0 and names("coded-v1.2") == ["a.jpg", "b.jpg"] and said.stdout.count(" bpp\n") == 2
    assert run("decode coded-v1.2 back").exit_code == 0 and names("back") == ["a.png", "b.png"]
    wanted = lic_lab.load("jpeg").decode(Path("coded-v1.2/b.jpg").read_bytes())
    assert np.array_equal(read_image("back/b.png"), wanted)


def test_what_is_there_stays_and_the_rest_is_made(run):
    run("encode pictures coded --codec jpeg --quality 60")
    Path("coded/a.jpg").unlink()
    Path("coded/b.jpg").write_bytes(b"mine")
    said = run("encode pictures coded --codec jpeg --quality 60")
    assert Path("coded/b.jpg").read_bytes() == b"mine" and said.stdout.startswith("coded/a.jpg: ")
    assert "1 of 2 were in coded already" in said.stderr and said.exit_code == 0


def test_a_picture_that_cannot_be_coded_is_left_out_and_the_exit_code_tells(run):
    Path("pictures/b.png").write_bytes(b"no picture")
    said = run("encode pictures coded --codec jpeg --quality 60")
    assert "pictures/b.png is left out: " in said.stderr
    assert said.exit_code == 1 and names("coded") == ["a.jpg"]


@pytest.mark.parametrize("given", ["--quality 101", "--bpp -2", "--bpp 1 --psnr 30"])
def test_what_no_picture_could_meet_is_said_once_and_before_the_first(run, given):
    said = run(f"encode pictures coded --codec jpeg {given}")
    assert said.exit_code == 2 and said.stderr.count("\n") == 1 and "left out" not in said.stderr
    assert not Path("coded").exists()


def test_a_file_that_cannot_be_read_is_left_out_and_the_others_are_decoded(run, monkeypatch):
    run("encode pictures coded --codec jpeg --quality 60")
    read = Path.read_bytes
    broken = OSError(5, "Input/output error", "coded/a.jpg")

    def refusing(path):
        if path.name == "a.jpg":
            raise broken
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    said = run("decode coded decoded")
    assert "coded/a.jpg is left out: Input/output error: 'coded/a.jpg'" in said.stderr
    assert said.exit_code == 1 and names("decoded") == ["b.png"]


def test_the_effort_that_a_codec_s_name_asks_for_holds_for_a_folder(run, monkeypatch):
    asked = []
    codec = SimpleNamespace(views=1, suffix=".lic", compress=lambda image, **given: b"file", check_target=lambda: None)
    codec.with_effort = lambda effort: asked.append(effort) or codec
    monkeypatch.setattr("lic_lab.load", lambda name: asked.append(name) or codec)
    assert run("encode pictures coded --codec charm@effort2").exit_code == 0 and asked == ["charm", 2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("encode pictures coded.jpg --codec jpeg", "a folder is encoded into a folder, and 'coded.jpg' is named"),
        ("encode pictures pictures --codec jpeg", "'pictures' is the input itself"),
        ("encode pictures pictures/a.png --codec jpeg", "a.png' is a file"),
        ("encode nowhere coded --codec jpeg", "no such file or folder: 'nowhere'"),
        ("encode empty coded --codec jpeg", "no pictures in 'empty'"),
        ("encode pictures coded --codec pair:jpeg", "codes stereo pairs"),
        ("decode empty back", "no files in 'empty'"),
        ("decode pictures one two", "give one name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(run, line, words):
    Path("empty").mkdir()
    said = run(line)
    assert said.exit_code == 2 and said.stderr.count("\n") == 1 and words in said.stderr, said.output
    assert names(".") == ["empty", "pictures"]


def test_two_pictures_of_one_name_are_refused(run):
    write_image("pictures/a.bmp", read_image("pictures/a.png"))
    assert "are called 'a': rename one" in run("encode pictures coded --codec jpeg").stderr
