"""Archives give the pictures that are wanted, and nothing outside the folder, whatever they hold."""

import errno
import hashlib
import io
import tarfile
import zipfile

import pytest

from lic_lab.datasets import fetch
from lic_lab.datasets import unpack as module
from lic_lab.datasets.unpack import unpack
from lic_lab.errors import LicLabError


def packed(path, entries):
    """An archive, zip or tar by its name, of name -> bytes, or a link to a str."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o120777 if isinstance(data, str) else 0o100644) << 16
                archive.writestr(info, data)
        return path
    with tarfile.open(path, f"w:{path.suffix.removeprefix('.').removeprefix('tar')}") as archive:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2"]
ENTRIES = {"valid/": b"", "valid/a.png": b"one", "valid/b.PNG": b"two", "valid/read.txt": b"text", "x/c.png": b"three",
           "__MACOSX/valid/._a.png": b"junk", "valid/.b.png": b"junk"}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("kind", KINDS)
def test_the_pictures_of_an_archive_come_with_their_checksums(tmp_path, folder, kind):
    entries = {name: data for name, data in ENTRIES.items() if not name.endswith("/")}
    sums = unpack(packed(tmp_path / kind, entries), folder)
    assert sums == {name: hashlib.sha256(data).hexdigest()
                    for name, data in (("a.png", b"one"), ("b.PNG", b"two"), ("c.png", b"three"))}  # fmt: skip
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a.png": b"one", "b.PNG": b"two", "c.png": b"three",
    }  # fmt: skip


def test_only_the_members_that_are_asked_for_come_and_folders_stay_where_they_should(tmp_path, folder):
    archive = packed(tmp_path / "a.zip", ENTRIES)
    assert list(unpack(archive, folder, members="valid/*.png", flat=False)) == ["valid/a.png"]
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")] == ["valid/a.png"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"])
def test_a_path_that_leads_out_is_refused_and_nothing_is_written_there(tmp_path, folder, kind, name):
    archive = packed(tmp_path / kind, {"a.png": b"good", name: b"evil"})
    with pytest.raises(LicLabError, match=r"was refused: its entry .*evil\.png' leads out of the folder"):
        unpack(archive, folder)
    assert not [path for path in tmp_path.rglob("*evil*")]


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("target", ["/etc/passwd", "a.png"])
def test_a_link_is_refused_wherever_it_leads(tmp_path, folder, kind, target):
    archive = packed(tmp_path / kind, {"a.png": b"good", "b.png": target})
    with pytest.raises(LicLabError, match=r"its entry 'b\.png' is a link or device"):
        unpack(archive, folder)
    assert not (folder / "b.png").is_symlink()


@pytest.mark.parametrize("second", ["y/a.png", "y/A.png"])
def test_two_pictures_of_one_name_are_not_written_over_each_other(tmp_path, folder, second):
    with pytest.raises(LicLabError, match=r"two pictures called [aA]\.png"):
        unpack(packed(tmp_path / "a.zip", {"x/a.png": b"one", second: b"two"}), folder)


@pytest.mark.parametrize("kind", KINDS[:1] + KINDS[2:])
def test_a_damaged_archive_is_one_line(tmp_path, folder, kind):
    archive = packed(tmp_path / kind, {f"{i}.png": bytes(range(256)) * 50 + bytes([i]) * 999 for i in range(20)})
    data = bytearray(archive.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 40] = b"\xff" * 40
    archive.write_bytes(data)
    with pytest.raises(LicLabError, match=r"cannot be unpacked .*: fetch it again|is neither a zip nor a tar archive"):
        unpack(archive, folder)


def test_a_tar_that_was_cut_off_is_damaged_too(tmp_path, folder):
    archive = packed(tmp_path / "a.tar", {"a.png": bytes(5000)})
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(LicLabError, match=r"cannot be unpacked .*: fetch it again"):
        unpack(archive, folder)


def test_what_is_no_archive_or_holds_no_pictures_is_said(tmp_path, folder):
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(LicLabError, match=r"a\.zip is neither a zip nor a tar archive"):
        unpack(tmp_path / "a.zip", folder)
    with pytest.raises(LicLabError, match=r"b\.zip holds no pictures '\*\.jpg'"):
        unpack(packed(tmp_path / "b.zip", ENTRIES), folder, members="*.jpg")


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_unpacked(tmp_path, folder, monkeypatch):
    archive = packed(tmp_path / "a.zip", {"a.png": bytes(100_000)})  # hardly any bytes as a zip
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 99_999}))
    with pytest.raises(LicLabError, match=r"unpacking a\.zip needs 100\.0 kB and"):
        unpack(archive, folder)
    assert not list(folder.iterdir())


def test_a_disk_that_fills_up_meanwhile_is_one_line(tmp_path, folder, monkeypatch):
    def full(member, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(module, "_copy", full)
    with pytest.raises(LicLabError, match=r"no space left to unpack a\.zip") as caught:
        unpack(packed(tmp_path / "a.zip", ENTRIES), folder)
    assert not isinstance(caught.value, module.BadArchiveError)  # the archive is good and kept
