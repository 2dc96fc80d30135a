"""Files are written whole or not at all, as JSON that every reader takes, and by one command at a time."""

import json
import math
import subprocess
import sys

import pytest

from lic_lab.errors import LicLabError
from lic_lab.files import alone_in, json_text, safe_name, write_bytes, write_json, write_whole


def test_a_file_is_whole_or_not_there(tmp_path):
    def half(path):
        path.write_text("hal")
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "a", lambda path: path.write_text("whole"))
    with pytest.raises(LicLabError, match=r"cannot write .*a' \(No space left on device\): free some space"):
        write_whole(tmp_path / "a", half)
    assert (tmp_path / "a").read_text() == "whole" and len(list(tmp_path.iterdir())) == 1


def test_a_name_as_long_as_the_system_takes_can_be_written(tmp_path):
    name = "a" * 251 + ".lic"
    write_bytes(tmp_path / name, b"data")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder in ("none", "file"):
        with pytest.raises(LicLabError, match=r"cannot write .* \((No such file|Not a directory)") as told:
            write_bytes(tmp_path / folder / "a.lic", b"")
        assert "space" not in str(told.value)


def test_json_has_null_where_a_number_is_none_or_has_no_end(tmp_path):
    content = {"psnr_db": math.inf, "runs": [(1.5, math.nan)], "name": "a"}
    write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text()) == {"psnr_db": None, "runs": [[1.5, None]], "name": "a"}
    assert json_text(content).endswith("}\n")


@pytest.mark.parametrize(
    ("name", "file"),
    [("pair:mine/best", "pair-mine-best"), ("...", "unnamed"), ("C:\\x", "C--x"), ("a b", "a b"), ("\n", "-")],
)
def test_any_name_becomes_that_of_a_file_in_this_folder(name, file):
    assert safe_name(name) == file


def test_a_command_that_is_refused_leaves_the_lock_to_the_one_that_has_it(tmp_path):
    def hold():
        return alone_in(tmp_path / "new", ".lock", "another one is busy")

    with hold():
        for _ in range(2):
            with pytest.raises(LicLabError, match=r"^another one is busy$"), hold():
                pass
        code = f"from lic_lab.files import alone_in\nwith alone_in({str(tmp_path / 'new')!r}, '.lock', 'busy'): pass"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert other.returncode and "LicLabError: busy" in other.stderr
    with hold():
        pass


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LicLabError, match=r"cannot use the folder .*file"), alone_in(tmp_path / "file", ".lock", ""):
        pass
