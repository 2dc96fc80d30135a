"""`lic-lab data` as a person meets it: what there is, how it comes, whether it is complete."""

import functools
import hashlib
import io
import json
import re
import threading
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lic_lab import cli
from lic_lab.datasets import catalog
from lic_lab.datasets.catalog import CATALOG, RemoteFile


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab data` with words, in an empty folder that knows no other data; gives click's result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIC_LAB_DATA", str(tmp_path / "sets"))
    return lambda line, **more: CliRunner().invoke(cli.main, ["data", *line.split()], **more)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Kodak and CLIC in small, on a server of this machine, in place of the real ones."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    files = []
    for number in (1, 2):
        data = png(number, (512, 768))
        (folder / f"kodim0{number}.png").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        files.append(RemoteFile(f"kodim0{number}.png", f"{root}/kodim0{number}.png", len(data), sha256))
    with zipfile.ZipFile(folder / "clic.zip", "w") as archive:
        archive.writestr("valid/one.png", png(3, (300, 300)))
    clic = replace(CATALOG["clic-pro-valid"], files=(RemoteFile("clic.zip", f"{root}/clic.zip"),), count=1)
    small = {"kodak": replace(CATALOG["kodak"], files=tuple(files), count=2), "clic-pro-valid": clic}
    monkeypatch.setattr(catalog, "CATALOG", CATALOG | small)
    monkeypatch.setattr("lic_lab.datasets.check.CATALOG", CATALOG | small)
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def png(seed, size):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def assert_one_line(result, *words):
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("lic-lab: ") and all(word in last for word in words), result.stderr


@pytest.mark.parametrize("name", ["list", "download", "check"])
def test_the_help_of_every_command_shows_an_example(run, name):
    assert f"  lic-lab data {name}" in run(f"{name} --help").output


def test_the_list_names_every_data_set_with_its_way(run):
    said = run("list").output
    for name, found in CATALOG.items():
        assert re.search(rf"^{name} .*{'by hand' if found.by_hand else 'downloads'}", said, re.MULTILINE)


def test_the_list_can_be_narrowed_and_read_by_machines(run):
    assert [found["name"] for found in json.loads(run("list clic-mobile --json").output)] == [
        "clic-mobile-valid", "clic-mobile-test", "clic-mobile-train",
    ]  # fmt: skip
    assert_one_line(run("list nope"), "nope", "kodak")


def test_one_data_set_is_described_with_licence_citation_and_steps(run):
    said = run("list cityscapes").output
    for fact in ("non-commercial", "Cordts et al.", "https://www.cityscapes-dataset.com/", "step 1:", "csDownload"):
        assert fact in said
    assert CATALOG["kodak"].files[0].sha256 in run("list kodak").output
    assert "not published; the first download is recorded" in run("list tecnick").output


def test_a_download_shows_the_licence_checks_itself_and_says_what_to_cite(run, served):
    result = run("download kodak")
    assert result.exit_code == 0, result.output
    assert "unrestricted use" in result.stderr
    assert "2 pictures" in result.stdout and "complete: kodak" in result.stdout
    assert "kodak is in" in result.stdout and "please cite: Eastman Kodak" in result.stdout
    assert sorted(path.name for path in Path("sets/kodak").glob("*.png")) == ["kodim01.png", "kodim02.png"]
    assert run("check kodak").exit_code == 0  # by its name, from anywhere


def test_terms_that_bind_must_be_accepted(run, served):
    assert_one_line(run("download clic-pro-valid"), "comes under terms", "--accept-licence")
    assert not Path("sets").exists()
    result = run("download clic-pro-valid --to here --accept-licence")
    assert result.exit_code == 0 and Path("here/clic-pro-valid/one.png").is_file(), result.output


def test_a_person_at_a_terminal_is_asked(run, served, monkeypatch):
    from lic_lab.cli import data

    monkeypatch.setattr(data, "_at_terminal", lambda: True)
    assert_one_line(run("download clic-pro-valid", input="n\n"), "nothing was downloaded")
    assert not Path("sets").exists()
    assert run("download clic-pro-valid", input="y\n").exit_code == 0


def test_a_checksum_that_nobody_has_published_is_said(run, served):
    found = hashlib.sha256((served / "clic.zip").read_bytes()).hexdigest()
    assert f"nobody has published a checksum of clic.zip; this one has SHA-256 {found}" in (
        run("download clic-pro-valid --accept-licence").stderr
    )


def test_a_data_set_behind_a_login_is_answered_with_the_steps(run):
    result = run("download cityscapes --accept-licence")
    assert_one_line(result, "cityscapes has to be fetched by hand: follow the steps above")
    assert "step 1:" in result.stdout and not Path("sets").exists()


def test_an_archive_from_elsewhere_is_unpacked_and_checked(run, tmp_path, monkeypatch):
    monkeypatch.setitem(CATALOG, "flickr2w", replace(CATALOG["flickr2w"], count=1))
    with zipfile.ZipFile(tmp_path / "any.zip", "w") as archive:
        archive.writestr("flicker_2W_images/1_b.jpg", png(1, (300, 400)))
    result = run("download flickr2w --accept-licence --from any.zip")
    assert result.exit_code == 0 and "complete: flickr2w" in result.stdout, result.output
    assert Path("sets/flickr2w/1_b.jpg").is_file() and Path("any.zip").is_file()
    assert_one_line(run("download flickr2w kodak --from any.zip"), "--from is for one data set")


def test_an_archive_with_a_few_of_many_pictures_is_unpacked_and_not_called_complete(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "any.zip", "w") as archive:
        archive.writestr("flicker_2W_images/1_b.jpg", png(1, (300, 400)))
    result = run("download flickr2w --accept-licence --from any.zip")
    assert_one_line(result, "1 problem, the first: 1 pictures, and flickr2w has about 20,745")
    assert "complete" not in result.stdout and Path("sets/flickr2w/1_b.jpg").is_file()


def test_an_interrupted_download_says_how_to_go_on(run, served, monkeypatch):
    def interrupted(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("lic_lab.datasets.download.fetch", interrupted)
    result = run("download kodak")
    assert result.exit_code == 130 and "what came so far is kept: run the same command to go on" in result.stderr


def test_a_file_that_is_gone_from_its_server_is_one_line(run, served):
    (served / "kodim02.png").unlink()
    assert_one_line(run("download kodak"), "kodim02.png", "404")
    assert not Path("sets/kodak").exists()


def test_a_check_names_what_is_broken_and_ends_with_exit_code_2(run, served):
    run("download kodak")
    Path("sets/kodak/kodim02.png").write_bytes(b"\x89PNG")
    result = run("check kodak")
    assert_one_line(result, "sets/kodak has 3 problems, the first:", "kodim02.png")
    assert "problem: kodim02.png is missing, or has other bytes" in result.stdout
    numbers = json.loads(run("check kodak --json").stdout)
    assert numbers["pictures"] == 1 and numbers["changed"] == ["kodim02.png"]
    assert run("download kodak").exit_code == 0 and run("check kodak").exit_code == 0  # mended


def test_a_check_of_nothing_is_one_line(run):
    Path("empty").mkdir()
    assert_one_line(run("check empty"), "no pictures")
    assert_one_line(run("check nowhere"), "no such folder: 'nowhere'")
    assert_one_line(run("check empty --as nope"), "no data set is called 'nope'")


def test_long_lists_of_troubles_are_cut_and_the_rest_counted(run):
    Path("bad").mkdir()
    for number in range(15):
        Path(f"bad/{number}.png").write_bytes(b"nothing")
    result = run("check bad")
    assert result.stdout.count("is not a picture that Pillow can read") == 10
    assert "problem: 5 more like these; --json has all" in result.stdout
