"""A data set is there complete, recorded and checked, or not at all; nothing of a person's own is lost."""

import errno
import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from lic_lab.datasets import download as module
from lic_lab.datasets import fetch as fetching
from lic_lab.datasets.catalog import DataSet, RemoteFile
from lic_lab.datasets.download import RECORD, damaged, download, read_record
from lic_lab.datasets.fetch import digest
from lic_lab.errors import LicLabError

pytestmark = pytest.mark.filterwarnings("ignore:.*going on in")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)


def png(seed):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (200, 200, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, png(seed))
    return buffer.getvalue()


def a_set(*files, **more):
    facts = dict(name="toys", title="Toys", use="test", count=3, licence="none", citation="us", page="", layout="PNG")
    return DataSet(**facts | more, files=files)


@pytest.fixture
def toys(shelf):
    """A data set of one archive with three pictures, whose checksum nobody has published."""
    return a_set(RemoteFile("toys.zip", shelf.put("toys.zip", zipped(*(f"valid/{i}.png" for i in range(3))))))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_archive_becomes_a_folder_of_pictures_with_a_record(toys, tmp_path, shelf):
    files = download(toys, tmp_path / "toys")
    assert names(tmp_path) == ["toys"]
    assert names(tmp_path / "toys") == [".gitignore", RECORD, "0.png", "1.png", "2.png"]
    record = read_record(tmp_path / "toys")
    assert record["dataset"] == "toys" and record["files"] == files
    archive = shelf.files["/toys.zip"]
    assert files[0]["size"] == len(archive) and files[0]["url"] == toys.files[0].url and files[0]["date"][:2] == "20"
    assert record["pictures"] == {f"{i}.png": digest(tmp_path / "toys" / f"{i}.png") for i in range(3)}
    assert damaged(tmp_path / "toys", record) == []


def test_single_pictures_come_as_they_are(shelf, tmp_path):
    pictures = {f"{i}.png": png(i) for i in range(3)}
    download(a_set(*(RemoteFile(name, shelf.put(name, data)) for name, data in pictures.items())), tmp_path / "toys")
    assert {name: (tmp_path / "toys" / name).read_bytes() for name in pictures} == pictures
    assert read_record(tmp_path / "toys")["pictures"].keys() == pictures.keys()


def test_a_repository_around_it_does_not_see_it(toys, tmp_path):
    download(toys, tmp_path / "toys")
    assert (tmp_path / "toys" / ".gitignore").read_text() == "*\n"


def test_a_complete_folder_is_left_as_it_is(toys, tmp_path, shelf):
    first = download(toys, tmp_path / "toys")
    shelf.asked.clear()
    assert download(toys, tmp_path / "toys") == first and shelf.asked == []


def test_a_damaged_folder_is_made_anew_and_must_come_from_the_same_archive(toys, tmp_path, shelf):
    download(toys, tmp_path / "toys")
    (tmp_path / "toys" / "1.png").write_bytes(b"damaged")
    (tmp_path / "toys" / "2.png").unlink()
    assert damaged(tmp_path / "toys", read_record(tmp_path / "toys")) == ["1.png", "2.png"]
    whole = shelf.files["/toys.zip"]
    shelf.put("toys.zip", zipped("0.png"))
    with pytest.raises(LicLabError, match=r"expected .*: it was removed"):  # believed once, held to it ever after
        download(toys, tmp_path / "toys")
    assert (tmp_path / "toys" / "0.png").is_file()
    shelf.put("toys.zip", whole)
    download(toys, tmp_path / "toys")
    assert damaged(tmp_path / "toys", read_record(tmp_path / "toys")) == [] and names(tmp_path) == ["toys"]


def test_a_folder_with_something_else_in_it_is_never_touched(toys, tmp_path):
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(LicLabError, match="is there already and was not downloaded here"):
        download(toys, tmp_path / "toys")
    (tmp_path / "toys" / "holiday.png").rename(tmp_path / "holiday.png")
    download(toys, tmp_path / "toys")  # an empty folder is as good as none
    (tmp_path / "holiday.png").rename(tmp_path / "toys" / "holiday.png")
    (tmp_path / "toys" / "0.png").unlink()
    with pytest.raises(LicLabError, match=r"is not made anew because it holds 1 other files, the first holiday\.png"):
        download(toys, tmp_path / "toys")
    assert (tmp_path / "toys" / "holiday.png").read_bytes() == b"mine"


def test_a_file_in_the_place_of_the_folder_stays(toys, tmp_path):
    (tmp_path / "toys").write_text("mine")
    with pytest.raises(LicLabError, match="is a file: name another place"):
        download(toys, tmp_path / "toys")
    assert (tmp_path / "toys").read_text() == "mine"


def test_a_broken_download_leaves_no_folder_and_goes_on_later(toys, tmp_path, shelf, monkeypatch):
    shelf.drops = [200_000]
    monkeypatch.setattr(fetching, "TRIES", 1)
    with pytest.raises(LicLabError, match="are kept: run the same command later"):
        download(toys, tmp_path / "toys")
    assert names(tmp_path) == [".toys.part"]
    shelf.asked.clear()
    download(toys, tmp_path / "toys")
    assert names(tmp_path) == ["toys"] and shelf.asked[0][1] is not None and len(shelf.asked) == 1


def test_files_that_are_there_are_not_fetched_again_when_a_later_one_failed(shelf, tmp_path):
    pictures = [RemoteFile(name, shelf.put(name, png(7))) for name in ("a.png", "b.png")]
    lost = shelf.files.pop("/b.png")
    with pytest.raises(LicLabError, match=r"b\.png: the server answered 404"):
        download(a_set(*pictures), tmp_path / "toys")
    shelf.files["/b.png"] = lost
    shelf.asked.clear()
    download(a_set(*pictures), tmp_path / "toys")
    assert shelf.asked == [("/b.png", None)]


def test_an_archive_that_would_write_elsewhere_is_refused_and_leaves_no_folder(shelf, tmp_path):
    evil = a_set(RemoteFile("toys.zip", shelf.put("toys.zip", zipped("a.png", "../../evil.png"))))
    with pytest.raises(LicLabError, match="leads out of the folder"):
        download(evil, tmp_path / "toys")
    assert names(tmp_path) == []  # the archive too is gone, and with it all that the hidden folder held


def test_a_damaged_archive_is_fetched_again_the_next_time(toys, tmp_path, shelf):
    whole = shelf.files["/toys.zip"]
    shelf.put("toys.zip", whole[:200_000])
    with pytest.raises(LicLabError, match=r"toys\.zip is neither a zip nor a tar archive"):
        download(toys, tmp_path / "toys")
    shelf.put("toys.zip", whole)
    download(toys, tmp_path / "toys")
    assert names(tmp_path) == ["toys"]


def test_a_data_set_that_does_not_fit_is_refused_before_anything_is_fetched(toys, tmp_path, shelf, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10_000}))
    sized = replace(toys, files=(replace(toys.files[0], size=len(shelf.files["/toys.zip"])),))
    with pytest.raises(LicLabError, match=r"toys \(toys\.zip, and its pictures\) needs .* has 10\.0 kB left"):
        download(sized, tmp_path / "toys")
    assert shelf.asked == []


def test_a_disk_that_fills_up_while_the_folder_is_made_costs_nothing_that_was_fetched(
    toys, tmp_path, shelf, monkeypatch
):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        download(toys, tmp_path / "toys")
    monkeypatch.undo()
    shelf.asked.clear()
    download(toys, tmp_path / "toys")
    assert shelf.asked == [] and names(tmp_path) == ["toys"]


def test_the_same_download_does_not_run_twice_at_a_time(toys, tmp_path):
    (tmp_path / ".toys.part").mkdir()
    with FileLock(tmp_path / ".toys.part" / "lock"):
        with pytest.raises(LicLabError, match=r"is being downloaded to .* by another command"):
            download(toys, tmp_path / "toys")
    download(toys, tmp_path / "toys")


def test_an_archive_fetched_by_hand_is_checked_unpacked_and_kept(toys, tmp_path, shelf):
    (tmp_path / "from mail.zip").write_bytes(shelf.files["/toys.zip"])
    by_hand = replace(toys, files=(replace(toys.files[0], url=""),), steps=("ask",))
    with pytest.raises(LicLabError, match="toys has to be fetched by hand: follow the steps of lic-lab data list toys"):
        download(by_hand, tmp_path / "toys")
    download(by_hand, tmp_path / "toys", archives=[tmp_path / "from mail.zip"])
    assert shelf.asked == [] and names(tmp_path) == ["from mail.zip", "toys"]
    wrong = replace(by_hand, files=(replace(by_hand.files[0], sha256="0" * 64),))
    with pytest.raises(LicLabError, match=r"expected 0000.*: it is damaged or another file"):
        download(wrong, tmp_path / "again", archives=[tmp_path / "from mail.zip"])
    assert names(tmp_path) == ["from mail.zip", "toys"]
    (tmp_path / "from mail.zip").write_bytes(b"nothing")
    with pytest.raises(LicLabError, match="neither a zip nor a tar archive"):
        download(by_hand, tmp_path / "again", archives=[tmp_path / "from mail.zip"])
    assert names(tmp_path) == ["from mail.zip", "toys"]


def test_archives_that_cannot_be_meant_are_named(toys, tmp_path):
    two = a_set(RemoteFile("left.zip"), RemoteFile("right.zip"), steps=("ask",))
    (tmp_path / "middle.zip").write_bytes(zipped("a.png"))
    with pytest.raises(LicLabError, match=r"'middle\.zip' is no file of toys, which has left\.zip, right\.zip"):
        download(two, tmp_path / "toys", archives=[tmp_path / "middle.zip"])
    with pytest.raises(LicLabError, match=r"there is no archive .*nothing\.zip"):
        download(toys, tmp_path / "toys", archives=[tmp_path / "nothing.zip"])
    shutil.copy(tmp_path / "middle.zip", tmp_path / "left.zip")
    with pytest.raises(LicLabError, match="has to be fetched by hand"):
        download(two, tmp_path / "toys", archives=[tmp_path / "left.zip"])


def test_progress_counts_over_all_files(shelf, tmp_path):
    data = [png(i) for i in range(3)]
    files = [RemoteFile(f"{i}.png", shelf.put(f"{i}.png", one), len(one)) for i, one in enumerate(data)]
    told = []
    download(a_set(*files), tmp_path / "toys", progress=lambda *what: told.append(what))
    assert told[-1] == (sum(map(len, data)), sum(map(len, data)), "2.png")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_a_record_that_cannot_be_read_is_said(tmp_path):
    for text in ("{", "[]", json.dumps({"dataset": "toys", "files": [], "pictures": []})):
        (tmp_path / RECORD).write_text(text)
        with pytest.raises(LicLabError, match="cannot be understood: remove it"):
            read_record(tmp_path)
