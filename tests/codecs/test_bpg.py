import pytest

from lic_lab.codecs.bpg import Bpg
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr


@pytest.fixture
def bpg(install):
    install("bpg.py", "bpgenc", "bpgdec")
    return Bpg()


def test_pictures_come_back_and_lower_qp_is_better(bpg, picture):
    coarse, fine = bpg.encode(picture, 45), bpg.encode(picture, 10)
    assert len(coarse) < len(fine)
    assert psnr(picture, bpg.decode(coarse)) < psnr(picture, bpg.decode(fine))
    assert bpg.decode(coarse).shape == picture.shape


def test_settings_name_version_and_chroma(bpg):
    assert bpg.settings.startswith("bpgenc 0.9.8, x265, 4:4:4")


def test_sizes_are_read_from_the_header_before_anything_is_decoded(bpg, picture, monkeypatch):
    data = bpg.encode(picture, 30)
    monkeypatch.setenv("LIC_LAB_MAX_PIXELS", "5000")
    with pytest.raises(LicLabError, match=r"this \.bpg file has 0\.0 megapixels"):
        bpg.decode(data)


@pytest.mark.parametrize("junk", [b"", b"BPG", b"BPG\xfb\x20\x00", b"BPG\xfb\x20\x00\x80\x80", b"no picture at all"])
def test_foreign_and_headless_bytes_are_an_error(bpg, junk):
    with pytest.raises(CorruptStreamError, match=r"\.bpg file"):
        bpg.decode(junk)


def test_a_damaged_body_is_an_error(bpg, picture):
    with pytest.raises(CorruptStreamError, match="bpgdec failed"):
        bpg.decode(bpg.encode(picture, 30)[:60])


def test_without_its_programs_it_says_where_to_get_them(install):
    install("bpg.py")
    assert Bpg().missing().startswith("bpgenc and bpgdec not found on the PATH: build libbpg")
