"""Both VVC codecs against fake programs that insist on the options of the real ones."""

import numpy as np
import pytest

from lic_lab.codecs.vvc import SIZE_UNIT, Vtm, Vvenc
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.metrics.quality import psnr


@pytest.fixture
def vvenc(install):
    install("video.py", "vvencapp", "vvdecapp")
    return Vvenc()


@pytest.fixture
def vtm(install):
    cfg = install("video.py", "EncoderAppStatic", "DecoderAppStatic").parent / "cfg"
    cfg.mkdir()
    (cfg / "encoder_intra_vtm.cfg").write_text("#======== intra")
    return Vtm()


@pytest.mark.parametrize("size", [(1, 1), (61, 83), (64, 72), (7, 80)])
def test_any_size_comes_back_in_its_size(vvenc, picture, size):
    image = picture[: size[0], : size[1]] if size != (64, 72) else np.pad(picture, ((0, 3), (0, 0), (0, 0)))[:, :72]
    data = vvenc.encode(image, 10)
    decoded = vvenc.decode(data)
    assert decoded.shape == image.shape and psnr(image, decoded) > 30


def test_4_4_4_keeps_what_4_2_0_loses(vvenc, vtm, picture):
    sharp = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert not vtm.missing()
    assert psnr(sharp, vtm.decode(vtm.encode(sharp, 4))) > 40 > psnr(sharp, vvenc.decode(vvenc.encode(sharp, 4)))


def test_ceilings_hold(vvenc, picture):
    ceiling = len(vvenc.encode(picture, 30))
    assert 0.7 * ceiling < len(vvenc.compress(picture, max_bytes=ceiling)) <= ceiling
    with pytest.raises(LicLabError, match=r"smallest file has \d+ bytes"):
        vvenc.compress(picture, max_bytes=20)


def test_the_size_costs_11_bytes_that_no_start_code_hides_in(vvenc, picture):
    data = vvenc.encode(picture, 30)
    unit = data[-11:]
    assert unit.startswith(SIZE_UNIT) and 0 not in unit[len(SIZE_UNIT) :]
    assert unit[3] == 0 and unit[4] >> 3 == 30 and unit[4] & 7 == 1  # layer 0, application's type, temporal id 0


def test_settings_name_program_version_tune_and_chroma(vvenc, vtm):
    assert vvenc.settings.startswith("VVenC 1.14.0, 4:2:0, 10 bit") and "qpa off" in vvenc.settings
    assert vtm.settings.startswith("VTM 23.4, 4:4:4, 10 bit") and "encoder_intra_vtm.cfg" in vtm.settings


def test_a_failing_program_is_quoted_by_its_last_line(vvenc):
    with pytest.raises(
        CorruptStreamError, match="vvdecapp failed with exit code 1: ERROR: not a VVC bitstream"
    ) as caught:
        vvenc.decode(b"garbage" + SIZE_UNIT + b"\x80\x80\xc0\x80\x80\xc0")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [1, 6, 11, 40])
def test_a_truncated_file_is_an_error(vvenc, picture, cut):
    with pytest.raises(CorruptStreamError, match="the size at its end is lost"):
        vvenc.decode(vvenc.encode(picture, 30)[:-cut])


def test_a_size_that_is_not_the_streams_is_an_error(vvenc, picture):
    data = vvenc.encode(picture, 30)
    with pytest.raises(CorruptStreamError, match="frame"):
        vvenc.decode(data[:-1] + bytes([data[-1] ^ 0x60]))


def test_a_size_beyond_the_limit_never_reaches_the_decoder(vvenc, picture):
    data = vvenc.encode(picture, 30)
    with pytest.raises(LicLabError, match="megapixels, the limit is 64"):
        vvenc.decode(data[:-6] + b"\x80\xff\xff\x80\xff\xff")


def test_absent_programs_are_named_with_the_mend(install):
    install("video.py", "vvencapp")
    assert Vvenc().missing().startswith("vvdecapp not found on the PATH: build them from")
    assert Vtm().missing().startswith("EncoderApp and DecoderApp not found on the PATH")


def test_vtm_without_its_configuration_says_where_it_looked(install, monkeypatch, tmp_path):
    folder = install("video.py", "EncoderApp", "DecoderApp")
    assert str(folder.parent / "cfg" / "encoder_intra_vtm.cfg") in Vtm().missing()
    elsewhere = tmp_path / "mine.cfg"
    elsewhere.write_text("#======== intra")
    monkeypatch.setenv("LIC_LAB_VTM_CFG", str(elsewhere))
    assert not Vtm().missing() and "mine.cfg" in Vtm().settings
