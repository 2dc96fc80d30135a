"""A file from a server that drops, changes, lies or stays away: whole and right in the end, or a line that says why."""

import errno
import gzip
import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest

from lic_lab.datasets import fetch as module
from lic_lab.datasets.fetch import fetch
from lic_lab.errors import LicLabError

DATA = np.random.default_rng(5).bytes(1_000_000)
SUM = hashlib.sha256(DATA).hexdigest()
OTHER = np.random.default_rng(6).bytes(1_000_000)

pytestmark = pytest.mark.filterwarnings("ignore:.*going on in")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """What would have been waited, in seconds."""
    waits = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    return waits


def starts(shelf):
    """Where each request began."""
    return [int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0 for _, asked in shelf.asked]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_with_its_checksum_and_nothing_beside_it(shelf, tmp_path):
    assert fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip") == SUM
    assert (tmp_path / "a.zip").read_bytes() == DATA and names(tmp_path) == ["a.zip"]


def test_a_file_that_is_there_is_not_asked_for_again(shelf, tmp_path):
    url = shelf.put("a.zip", DATA)
    assert fetch(url, tmp_path / "a.zip") == fetch(url, tmp_path / "a.zip", sha256=SUM)
    assert len(shelf.asked) == 1


def test_progress_counts_to_the_size(shelf, tmp_path):
    told = []
    fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip", progress=lambda *what: told.append(what))
    assert told[-1] == (len(DATA), len(DATA), "a.zip")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_after_dropped_connections_only_the_rest_is_asked_for(shelf, tmp_path, no_waiting):
    shelf.drops = [200_000, 300_000, 100_000]
    assert fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip") == SUM
    begun = starts(shelf)
    assert len(begun) == 4 and begun == sorted(begun) and begun[-1] > 600_000 - 4 * module.CHUNK
    assert shelf.sent < len(DATA) + 4 * module.CHUNK
    assert no_waiting == [1.0, 1.0, 1.0]  # each try brought something: no reason to wait longer


def test_each_broken_connection_is_said(shelf, tmp_path):
    shelf.drops = [200_000]
    with pytest.warns(UserWarning, match=r"a\.zip: the connection broke; going on in 1 s"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip")


def test_a_server_that_knows_no_ranges_sends_all_again(shelf, tmp_path):
    shelf.ranges, shelf.drops = False, [200_000]
    assert fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip") == SUM
    assert shelf.sent >= len(DATA) + 150_000


def test_old_and_new_bytes_are_never_mixed_when_the_file_changes_between_tries(shelf, tmp_path, monkeypatch):
    url = shelf.put("a.zip", OTHER)
    shelf.drops = [400_000]

    def exchange(seconds):
        shelf.put("a.zip", DATA)
        shelf.etag = '"two"'

    monkeypatch.setattr(module.time, "sleep", exchange)
    assert fetch(url, tmp_path / "a.zip") == SUM
    assert starts(shelf)[1] > 0  # the rest was asked for, and the whole was sent


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_name_for_the_file_a_part_is_trusted_only_with_a_checksum(shelf, tmp_path, etag):
    shelf.etag, shelf.drops = etag, [400_000]
    url = shelf.put("a.zip", DATA)
    assert fetch(url, tmp_path / "a.zip") == SUM and starts(shelf) == [0, 0]
    shelf.drops = [400_000]
    assert fetch(url, tmp_path / "b.zip", sha256=SUM) == SUM and starts(shelf)[3] > 300_000


def test_wrong_bytes_are_removed_and_both_checksums_said(shelf, tmp_path):
    url = shelf.put("a.zip", OTHER)
    with pytest.raises(LicLabError, match=rf"{hashlib.sha256(OTHER).hexdigest()}, expected {SUM}: it was removed"):
        fetch(url, tmp_path / "a.zip", size=len(DATA), sha256=SUM)
    assert names(tmp_path) == []
    shelf.put("a.zip", DATA)
    assert fetch(url, tmp_path / "a.zip", size=len(DATA), sha256=SUM) == SUM


def test_a_file_of_another_size_is_refused_before_it_is_fetched(shelf, tmp_path):
    with pytest.raises(LicLabError, match="has 1,000,000 bytes, expected 999,999: the file was changed at its source"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip", size=999_999)
    assert names(tmp_path) == []


def test_a_web_page_in_place_of_the_file_is_no_file(shelf, tmp_path):
    shelf.kind = "text/html; charset=utf-8"
    with pytest.raises(LicLabError, match="sent a web page, not the file"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip")


def test_troubles_of_the_server_are_waited_out(shelf, tmp_path, no_waiting):
    shelf.answers = [500, 503, 429]
    assert fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip") == SUM
    assert no_waiting == [1.0, 2.0, 4.0]


def test_a_file_that_is_not_there_is_said_at_once_and_can_be_tried_later(shelf, tmp_path, no_waiting):
    shelf.answers = [404]
    url = shelf.put("a.zip", DATA)
    with pytest.raises(LicLabError, match=r"a\.zip: the server answered 404 Not Found"):
        fetch(url, tmp_path / "a.zip")
    assert no_waiting == [] and fetch(url, tmp_path / "a.zip") == SUM


def test_a_server_that_stays_away_is_given_up_and_what_came_is_kept(shelf, tmp_path):
    url = shelf.put("a.zip", DATA)
    shelf.drops, shelf.answers = [500_000], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.time, "sleep", lambda seconds: shelf.answers.append(503))
        with pytest.raises(
            LicLabError, match=r"answered 503 .*; (4|5)\d\d\.\d kB are kept: run the same command later"
        ):
            fetch(url, tmp_path / "a.zip")
    shelf.asked.clear()
    shelf.answers.clear()
    assert fetch(url, tmp_path / "a.zip") == SUM
    assert len(shelf.asked) == 1 and starts(shelf)[0] > 400_000


def test_no_server_at_all_is_one_line(tmp_path):
    with pytest.raises(LicLabError, match=r"the server cannot be reached: run the same command later"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "a.zip")


def test_a_download_stopped_after_its_last_byte_asks_for_nothing_more(shelf, tmp_path):
    url = shelf.put("a.zip", DATA)
    (tmp_path / "a.zip.part").write_bytes(DATA)
    (tmp_path / "a.zip.part.json").write_text('{"mark": "\\"one\\""}')
    assert fetch(url, tmp_path / "a.zip") == SUM
    assert shelf.sent == 0 and names(tmp_path) == ["a.zip"]


def test_a_part_longer_than_the_file_is_thrown_away(shelf, tmp_path):
    url = shelf.put("a.zip", DATA)
    (tmp_path / "a.zip.part").write_bytes(DATA + b"more")
    (tmp_path / "a.zip.part.json").write_text('{"mark": "\\"one\\""}')
    assert fetch(url, tmp_path / "a.zip") == SUM


def test_a_note_cut_off_by_a_power_failure_costs_a_fresh_start_and_nothing_else(shelf, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(OTHER[:1000])
    (tmp_path / "a.zip.part.json").write_text('{"ma')
    assert fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip") == SUM and starts(shelf) == [0]


def test_a_killed_download_goes_on_where_it_stopped(shelf, tmp_path):
    url, target = shelf.put("a.zip", DATA), tmp_path / "a.zip"
    shelf.pace = lambda: module_sleep(0.02)
    code = f"from lic_lab.datasets.fetch import fetch; fetch({url!r}, {str(target)!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        part = tmp_path / "a.zip.part"
        until = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 200_000) and time.monotonic() < until:
            module_sleep(0.005)
        process.kill()
    have = part.stat().st_size
    assert 200_000 < have < len(DATA)
    shelf.asked.clear()
    shelf.pace = lambda: None
    assert fetch(url, target) == SUM
    assert starts(shelf) == [have]


module_sleep = time.sleep  # the real one: `no_waiting` replaces it


def test_a_file_larger_than_the_disk_is_refused_before_it_is_fetched(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 940_000}))
    with pytest.raises(LicLabError, match=r"a\.zip needs 1\.0 MB and .* has 940\.0 kB left: free some space"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip")
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_is_one_line_and_the_part_is_kept(shelf, tmp_path, monkeypatch):
    url = shelf.put("a.zip", DATA)

    class Full:
        """A file on a disk with room for 300,000 bytes."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            if self.file.tell() + len(data) > 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    monkeypatch.setattr(module, "open", lambda path, mode: Full(open(path, mode)), raising=False)
    with pytest.raises(LicLabError, match=r"no space left for a\.zip: 2\d\d\.\d kB are kept in .*; free some"):
        fetch(url, tmp_path / "a.zip")
    monkeypatch.undo()
    shelf.asked.clear()
    assert fetch(url, tmp_path / "a.zip") == SUM
    assert starts(shelf)[0] > 200_000


def test_a_body_without_a_length_is_taken_up_until_the_size_that_is_known(shelf, tmp_path):
    shelf.length, shelf.drops = False, [400_000]
    url = shelf.put("a.zip", DATA)
    assert fetch(url, tmp_path / "a.zip", size=len(DATA)) == SUM and starts(shelf) == [0, 400_000]
    shelf.drops = [400_000]
    assert fetch(url, tmp_path / "b.zip", size=len(DATA), sha256=SUM) == SUM and starts(shelf)[2:] == [0, 400_000]


def test_a_body_without_a_length_that_goes_on_past_the_size_is_refused_and_removed(shelf, tmp_path):
    shelf.length = False
    with pytest.raises(LicLabError, match="has more than the 900,000 bytes expected: the file was changed"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip", size=900_000)
    assert names(tmp_path) == [] and len(shelf.asked) == 1


@pytest.mark.parametrize(("etag", "ranges", "sha256"), [("", True, None), ('"one"', False, None), ("", False, SUM)])
def test_what_cannot_be_taken_up_is_said_to_start_over_and_does(shelf, tmp_path, monkeypatch, etag, ranges, sha256):
    monkeypatch.setattr(module, "TRIES", 1)
    shelf.etag, shelf.ranges, shelf.drops = etag, ranges, [400_000]
    url = shelf.put("a.zip", DATA)
    with pytest.raises(LicLabError, match=r"kB came, and the server offers no way .* later, it starts over$"):
        fetch(url, tmp_path / "a.zip", sha256=sha256)
    shelf.sent = 0
    assert fetch(url, tmp_path / "a.zip", sha256=sha256) == SUM and shelf.sent == len(DATA)


def test_a_checksum_lets_a_part_be_kept_without_a_name_for_the_file(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRIES", 1)
    shelf.etag, shelf.drops = "", [400_000]
    with pytest.raises(LicLabError, match=r"kB are kept: run the same command later to go on"):
        fetch(shelf.put("a.zip", DATA), tmp_path / "a.zip", sha256=SUM)


def test_a_body_that_comes_compressed_unasked_is_refused(shelf, tmp_path):
    shelf.packed = "gzip"
    with pytest.raises(LicLabError, match=r"sent it compressed \(gzip\) unasked: fetch it in a browser"):
        fetch(shelf.put("a.zip", gzip.compress(DATA)), tmp_path / "a.zip")
    assert names(tmp_path) == []
