"""Codecs in a file of one's own: found, used like any other, and told about in one line where they are broken."""

import os

import numpy as np
import pytest

import lic_lab
from lic_lab import codecs, outside
from lic_lab.codecs.identify import identify
from lic_lab.datasets.images import write_image
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.evaluation import sweep
from lic_lab.plots.palette import style
from lic_lab.plots.rd import looks

RAW = """
import struct, zlib
import numpy as np
from lic_lab.codecs import ImageCodec, rate
from lic_lab.limits import check_pixels

class Raw(ImageCodec):
    name, suffix, signature = "raw", ".raw8", b"RAW8"
    ladder, default_quality = rate.steps(1, 8), 4

    def _encode(self, image, quality):
        kept = image >> (8 - quality)
        packed = zlib.compress(struct.pack("<HHB", *image.shape[:2], quality) + kept.tobytes())
        return b"RAW8" + packed

    def _decode(self, data):
        packed = zlib.decompress(data[4:])
        height, width, quality = struct.unpack_from("<HHB", packed)
        check_pixels(height, width, "this file")
        kept = np.frombuffer(packed[5:], np.uint8).reshape(height, width, 3)
        return (kept << (8 - quality)) + (128 >> quality)

CODECS = [Raw()]
"""


@pytest.fixture
def give(tmp_path, monkeypatch):
    """Give a function that writes files of codecs (name -> text) and names them in LIC_LAB_CODECS."""

    def put(**files):
        paths = []
        for name, text in files.items():
            paths.append(tmp_path / f"{name}.py")
            paths[-1].write_text(text)
        monkeypatch.setenv(outside.VARIABLE, os.pathsep.join(map(str, paths)))

    return put


def faults() -> list[str]:
    return [row.reason for row in codecs.list_codecs() if row.kind == "outside"]


def test_a_codec_of_one_file_is_loaded_listed_and_recognised(give, picture):
    give(raw=RAW)
    codec = lic_lab.load("raw")
    data = codec.encode(picture, 6)
    assert identify(data) is codec and np.array_equal(identify(data).decode(data), codec.decode(data))
    (row,) = [row for row in codecs.list_codecs() if row.name == "raw"]
    assert row.available and row.label == "raw" and row.origin in codec.settings and row.origin.startswith("raw.py ")
    assert not faults()


def test_it_is_searched_compared_and_coded_for_each_view_like_any_other(give, picture):
    give(raw=RAW)
    image = np.tile(picture, (3, 3, 1))
    rows = sweep.compare({"cat": image}, ["raw", "jpeg"], bpp=10)
    assert [row.codec for row in rows] == ["raw", "jpeg"] and rows[0].bpp <= 10
    pair = lic_lab.load("pair:raw")
    assert pair.decode(pair.encode(np.stack([picture, picture]), 8)).shape == (2, *picture.shape)


def test_a_folder_names_all_its_files_but_those_with_an_underscore(give, tmp_path, monkeypatch):
    give(raw=RAW, other=RAW.replace('"raw"', '"other"').replace("RAW8", "OTHER"), _helper="raise RuntimeError")
    monkeypatch.setenv(outside.VARIABLE, str(tmp_path))
    assert {"raw", "other"} <= {row.name for row in codecs.list_codecs()} and not faults()


def test_nothing_is_named_and_nothing_is_added(monkeypatch):
    monkeypatch.delenv(outside.VARIABLE, raising=False)
    assert not [row for row in codecs.list_codecs() if row.origin or row.kind == "outside"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("import numpy as np", "import nmpy", ["cannot be imported", "ModuleNotFoundError in line 3", "nmpy"]),
        ("def _encode(self", "def _encode self", ["SyntaxError in line 11"]),
        ("CODECS = [Raw()]", "", ["holds neither CODECS nor PRESETS", "CODECS = [YourCodec()]"]),
        ("CODECS = [Raw()]", "CODECS = Raw()", ["its CODECS is a Raw", "make it a list"]),
        ("CODECS = [Raw()]", "CODECS = [Raw]", ["holds the class Raw", "with brackets"]),
        ("class Raw(ImageCodec)", "class Raw", ["holds a Raw", "derive it from ImageCodec"]),
        ('".raw8", b"RAW8"\n', '".raw8", b"RAW8"\n    views = 2\n', ["views of Raw is 2", "PairCodec"]),
        ('"raw", ".raw8"', '"raw", ".png"', ["suffix of raw is .png, that of other files"]),
        ("rate.steps(1, 8), 4", "rate.geometric(1, 8, 0.9), 4", ["LicLabError in line 9", "a ratio above 1"]),
        ("    def _decode", '    def settings(self):\n        return "v1"\n    def _decode', ["@property above"]),
        ('"raw", ".raw8"', '"jpeg", ".raw8"', ["called 'jpeg' already", "another name"]),
        ('"raw", ".raw8"', '"charm", ".raw8"', ["called 'charm' already"]),
        ('"raw", ".raw8"', '"my@raw", ".raw8"', ["'my@raw' will not do"]),
        ('"raw", ".raw8"', '"raw", "raw8"', ["suffix of raw is 'raw8'"]),
        ("ladder, default_quality = rate.steps(1, 8), 4", "", ["lacks ladder and default_quality"]),
        ("rate.steps(1, 8), 4", "(1, 8), 4", ["ladder of raw is a tuple", "rate.steps"]),
        ("rate.steps(1, 8), 4", "rate.steps(1, 8), 40", ["default_quality of raw is 40", "from 1 to 8"]),
        ("def _decode", "def decode_it", ["lacks the method _decode"]),
        ('b"RAW8"\n', 'b"R"\n', ["signature of raw is b'R'", "3 bytes"]),
        ('b"RAW8"\n', 'b"\\xff\\xd8\\xff\\xe0"\n', ["begin as those of jpeg do"]),
        ('b"RAW8"\n', 'b"LIC-mine"\n', ["begin as those of models of this package do"]),
        ("    def _decode", "    settings = property(lambda self: 1 / 0)\n    def _decode", ["ZeroDivisionError"]),
    ],
)
def test_what_is_broken_is_one_line_that_names_the_file_and_disturbs_nobody(give, picture, old, new, words):
    assert old in RAW
    give(broken=RAW.replace(old, new, 1), other=RAW.replace('"raw"', '"other"').replace("RAW8", "OTHER"))
    (fault,) = faults()
    assert fault.startswith("broken.py: ") and "\n" not in fault and all(word in fault for word in words), fault
    assert codecs.load("jpeg").name == "jpeg" and codecs.load("other").encode(picture, 4)
    with pytest.raises(LicLabError, match=r"'jpge': did you mean 'jpeg'.* A file .* at fault: broken\.py"):
        codecs.load("jpge")


def test_a_file_that_is_not_there_is_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setenv(outside.VARIABLE, str(tmp_path / "nowhere.py"))
    (fault,) = faults()
    assert "nowhere.py" in fault and "no file or folder is there" in fault


def test_two_files_cannot_share_a_name_or_a_beginning(give):
    give(one=RAW, two=RAW)
    assert ["called 'raw' already" in fault and fault.startswith("two.py") for fault in faults()] == [True]
    give(one=RAW, two=RAW.replace('"raw"', '"other"'))
    assert ["begin as those of raw do" in fault for fault in faults()] == [True]


def test_a_file_may_use_the_codecs_of_the_package_while_it_is_read(give, monkeypatch):
    monkeypatch.setattr(outside, "times_read", [], raising=False)
    asks = "import lic_lab\nlic_lab.outside.times_read.append(1)\nlic_lab.load('jpeg')\nlic_lab.list_codecs()\n"
    give(raw=asks + RAW)
    assert codecs.load("raw").name == "raw" and not faults() and outside.times_read == [1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('return b"RAW8" + packed', "return list(packed)", ["_encode must give bytes", "list"]),
        ('return b"RAW8" + packed', "return packed", ["must begin with its signature"]),
        ("return (kept <<", "return 1.0 * (kept <<", ["_decode must give uint8 (h, w, 3)", "float64"]),
        ("return (kept <<", "return (kept[..., :1] <<", ["_decode must give uint8 (h, w, 3)", ", 1)"]),
    ],
)
def test_a_codec_that_gives_something_else_is_told_what_it_must_give(give, picture, old, new, words):
    give(raw=RAW.replace(old, new))
    codec = codecs.load("raw")
    with pytest.raises(LicLabError, match="raw is at fault") as caught:
        codec.decode(codec.encode(picture, 4))
    assert all(word in str(caught.value) for word in words)


def test_bytes_that_begin_in_another_way_never_reach_it(give):
    give(raw=RAW.replace("packed = zlib.decompress", "1 / 0\n        packed = zlib.decompress"))
    with pytest.raises(CorruptStreamError, match=r"no \.raw8 file: it begins with b'RAW8'"):
        codecs.load("raw").decode(b"GIF89a and more")


def test_strangers_are_told_apart_in_figures():
    names = ["mine", "yours", "theirs", "dct8"]
    assert len({(style(name).marker, style(name).dash) for name in names}) == len(names)
    found = looks(["charm", *names])
    assert len({look.color for look in found.values()}) == 5


def test_installed_packages_declare_theirs(monkeypatch, tmp_path, picture):
    (tmp_path / "package_of_mine.py").write_text(RAW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(outside.VARIABLE, raising=False)
    point = outside.EntryPoint("raw", "package_of_mine", outside.GROUP)
    monkeypatch.setattr(outside, "_installed", lambda: (point,))
    codec = codecs.load("raw")
    assert codec.origin == "package_of_mine" and identify(codec.encode(picture, 4)) is codec


def test_a_codec_that_decodes_to_the_wrong_size_is_left_out_of_an_evaluation_with_its_name(give, picture, tmp_path):
    give(raw=RAW.replace("return (kept <<", "return (kept[1:] <<"))
    write_image(tmp_path / "cat.png", picture)
    with pytest.warns(UserWarning, match="raw is left out on cat"), pytest.raises(LicLabError):
        sweep.compare({"cat": picture}, ["raw"], bpp=20)
