"""`lic_lab.codecs` itself: names, reasons, near matches."""

import pytest

import lic_lab
from lic_lab import codecs
from lic_lab.errors import LicLabError


def test_every_codec_has_a_row_and_absent_ones_a_reason_with_a_mend():
    rows = codecs.list_codecs()
    names = "charm hyperprior jpeg jpeg2000 webp avif heif jxl vvc vtm bpg hevc-pair"
    assert set(names.split()) <= {row.name for row in rows}
    assert len({row.name for row in rows}) == len(rows) == len({row.label for row in rows})
    for row in rows:
        assert row.kind in ("classical", "learned") and row.available == (not row.reason)
        assert row.available or any(word in row.reason for word in ("install", "build", "train", "set "))


def test_available_means_that_it_loads():
    for row in codecs.list_codecs():
        if row.available:
            assert codecs.load(row.name).name == row.name
        else:
            with pytest.raises(LicLabError):
                codecs.load(row.name)


@pytest.mark.parametrize(
    ("name", "near"), [("jpg", "'jpeg'"), ("AVIF", "'avif'"), ("webpp", "'webp'"), ("chram", "'charm'")]
)
def test_an_unknown_name_gets_the_near_ones_and_those_that_work(name, near):
    with pytest.raises(LicLabError, match=f"no codec called '{name}': did you mean .*{near}") as caught:
        codecs.load(name)
    assert "there are" in str(caught.value) and ", jpeg2000," in str(caught.value)


def test_a_name_like_nothing_gets_the_list_only():
    with pytest.raises(LicLabError, match="no codec called 'zzzz': there are"):
        codecs.load("zzzz")


def test_an_absent_program_is_a_reason(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        LicLabError, match="vvc cannot run on this machine: vvencapp and vvdecapp not found on the PATH"
    ):
        codecs.load("vvc")


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(LicLabError, match=r"no weights at .*mine\.safetensors"):
        codecs.load(tmp_path / "mine.safetensors")


def test_the_front_door_opens_the_same_rooms():
    assert lic_lab.list_codecs() == codecs.list_codecs()
    assert lic_lab.load("jpeg") is codecs.load("jpeg")
