"""The page about codecs of one's own, done as a reader does it: from its text to files, tables, curves and weights."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lic_lab
from lic_lab import cli
from lic_lab.codecs.identify import identify
from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.images import read_image, write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import read_rows
from lic_lab.metrics.quality import psnr
from lic_lab.widgets import RDExplorer

PAGE = (Path(__file__).parents[1] / "notebooks/how_to/add_a_codec.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"^```python (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
PICTURES = ("coffee", "chelsea")


def says(*words, code=0):
    """Run `lic-lab` in this process, with the environment as it is; gives what it prints, or how it fails."""
    done = CliRunner().invoke(cli.main, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


def fresh(*words):
    """Run `lic-lab` in a process of its own, which has nothing but the environment of this one."""
    how = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-m", "lic_lab.cli", *map(str, words)], timeout=300, **how)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of the page, saved as it says, beside a few real pictures of 176 x 192."""
    folder = tmp_path_factory.mktemp("mine")
    for name, text in EXAMPLES.items():
        (folder / name).write_text(text)
    (folder / "pictures").mkdir()
    for name in PICTURES:
        write_image(folder / f"pictures/{name}.png", bundled_images()[name][100:276, 100:292])
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LIC_LAB_CODECS", "dct8.py")
    return monkeypatch


@pytest.fixture(scope="module")
def evaluated(folder):
    """The folder of an evaluation of the page's codec beside another, by the page's command."""
    words = ("evaluate", "dct8,jpeg", folder / "pictures", "--metrics", "ms_ssim", "--out", folder / "evaluation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIC_LAB_CODECS", str(folder / "dct8.py"))
        said = says(*words)
    assert re.search(r"dct8 +\+0\.0 +[+-]\d", said)  # in the BD-rate table, beside its rate against JPEG
    return folder / "evaluation"


def test_the_page_has_a_codec_and_a_model_each_short_enough_to_read():
    assert set(EXAMPLES) == {"dct8.py", "patches.py"}
    assert all(text.count("\n") <= 70 for text in EXAMPLES.values())


def test_the_codec_is_in_the_list_with_the_file_it_comes_from(here):
    (row,) = [row for row in lic_lab.list_codecs() if row.name == "dct8"]
    assert row.available and row.kind == "classical" and row.origin.startswith("dct8.py ")
    assert re.search(r"dct8 +classical +pictures +yes +8 x 8 DCT, from dct8\.py", says("list"))


def test_it_keeps_every_promise_and_the_page_shows_just_that(here):
    said = says("list", "--check", "dct8")
    assert said.endswith("dct8 keeps every promise\n") and said in PAGE


def test_its_files_are_written_and_a_fresh_process_reads_them(here):
    said = says("encode", "pictures/coffee.png", "c.dct8", "--codec", "dct8", "--bpp", "1")
    assert f"{Path('c.dct8').stat().st_size:,} bytes" in said and Path("c.dct8").stat().st_size <= 176 * 192 / 8
    fresh("decode", "c.dct8", "back.png")  # by its first bytes, without its name
    image, back = read_image("pictures/coffee.png"), read_image("back.png")
    assert np.array_equal(back, lic_lab.load("dct8").decode(Path("c.dct8").read_bytes())) and psnr(image, back) > 28
    here.setenv("LIC_LAB_CODECS", "")
    assert says("decode", "c.dct8", "no.png", code=2).count("\n") == 1  # who does not know the codec


def test_an_evaluation_gives_its_rows_a_bd_rate_and_a_picture(evaluated):
    with open(evaluated / "rows.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["codec"] == "dct8"]
    assert {row["image"] for row in rows} == set(PICTURES) and len({row["quality"] for row in rows}) >= 4
    assert all(row["settings"].startswith("8 x 8 DCT, dct8.py ") for row in rows)
    assert "dct8" in (evaluated / "README.md").read_text() and list(evaluated.glob("*.png"))


@pytest.mark.slow
def test_the_bd_rates_that_the_page_quotes_are_those_that_come_out(here):
    said = says("evaluate", "dct8,jpeg,webp", "bundled", "--metrics", "ms_ssim", "--out", "bundled-evaluation")
    for name in ("dct8", "jpeg", "webp"):
        row = rf"^ {name} +([+-]\d+\.\d) +([+-]\d+\.\d) +([+-]\d+\.\d)"
        found, quoted = (re.search(row, text, re.M).groups() for text in (said, PAGE))
        assert np.abs(np.subtract(*np.float64([found, quoted]))).max() < 1.5, "the page's table is old: paste it anew"
    assert "needs 9.4 % fewer bits than JPEG" in PAGE and re.search(r"^ dct8 .*-9\.4", PAGE, re.M)


def test_the_explorer_draws_it_in_a_colour_of_its_own_and_codes_its_picture_again(evaluated, here):
    images = {name: Path("pictures", f"{name}.png") for name in PICTURES}
    explorer = RDExplorer(read_rows(evaluated / "rows.csv"), images=images)
    assert "dct8" in explorer.visible() and len({explorer.looks[name].color for name in explorer.names}) == 2
    explorer.codec.value = "dct8"
    explorer.on_look()
    assert explorer.viewer.children and "fails" not in explorer.status.value.lower()


def test_changed_code_is_taken_at_once_and_measured_anew(here, tmp_path):
    path = tmp_path / "mine.py"
    here.setenv("LIC_LAB_CODECS", str(path))
    path.write_text(EXAMPLES["dct8.py"])
    before = lic_lab.load("dct8")
    assert lic_lab.load("dct8") is before
    path.write_text(EXAMPLES["dct8.py"].replace("0.35", "0.5"))
    after = lic_lab.load("dct8")
    image = read_image("pictures/coffee.png")
    assert after.settings != before.settings and after.encode(image, 16) != before.encode(image, 16)


@pytest.fixture(scope="module")
def trained(folder):
    """The folder after a short training of the page's model, its weights beside its file."""
    data, options = folder / "pictures", ("--preset", "tiny", "--steps", 6, "--batch-size", 2, "--threads", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIC_LAB_CODECS", str(folder / "patches.py"))
        says("train", "patches", data, "-v", data, *options, "--out", folder / "runs/patches")
    shutil.copy(folder / "runs/patches/patches.safetensors", folder)
    return folder


def test_a_model_of_one_s_own_is_trained_and_its_files_decode_in_a_fresh_process(trained, here):
    here.setenv("LIC_LAB_CODECS", "patches.py")
    (row,) = [row for row in lic_lab.list_codecs() if row.name == "patches"]
    assert row.available and row.kind == "learned" and row.origin.startswith("patches.py ")
    codec, image = lic_lab.load("patches"), read_image("pictures/coffee.png")
    Path("p.lic").write_bytes(codec.encode(image, 2.0))
    assert Path("p.lic").read_bytes()[4] == 200
    fresh("decode", "p.lic", "p.png")
    back = read_image("p.png")
    assert np.array_equal(back, codec.decode(Path("p.lic").read_bytes())) and psnr(image, back) > 20


def test_its_weights_are_evaluated_and_it_is_described_like_any_model(trained, here):
    weights = Path("runs/patches/patches.safetensors")
    here.setenv("LIC_LAB_CODECS", "patches.py")
    says("evaluate", weights, "pictures/", "--qualities", "0,1,2", "--metrics", "ms_ssim", "--out", "evaluated")
    assert {row["codec"] for row in read_rows("evaluated/rows.csv")} == {"patches"}
    said = says("info", "patches", "--preset", "tiny")
    assert "A DCT that training improves" in said and "hyper synthesis" in said


def test_without_the_file_of_the_model_one_line_says_what_is_missing(trained, here):
    here.setenv("LIC_LAB_CODECS", "")
    with pytest.raises(LicLabError, match=r"a model 'patches' that is not known here: name the file .* LIC_LAB_CODECS"):
        lic_lab.load("runs/patches/patches.safetensors")
    here.setenv("LIC_LAB_CODECS", "patches.py")
    data = lic_lab.load("patches").encode(read_image("pictures/coffee.png"), 0.0)
    here.setenv("LIC_LAB_CODECS", "")
    with pytest.raises(LicLabError, match="do not come with this installation"):
        identify(data)
