import pytest

from lic_lab.codecs import heif, jxl
from lic_lab.errors import LicLabError


@pytest.mark.parametrize(
    ("module", "codec", "wheel"), [(heif, heif.Heif(), "pillow-heif"), (jxl, jxl.Jxl(), "pillow-jxl-plugin")]
)
def test_without_its_wheel_the_codec_says_which_to_install(monkeypatch, module, codec, wheel, picture):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert f"pip install {wheel}" in codec.missing()
    with pytest.raises(LicLabError, match="cannot run on this machine"):
        codec.encode(picture, 50 if codec.name == "heif" else 1)


def test_a_wheel_without_an_encoder_is_told_from_none(monkeypatch):
    pytest.importorskip("pillow_heif")
    monkeypatch.setattr("pillow_heif.libheif_info", lambda: {"HEIF": "", "libheif": "1"})
    assert "no HEVC encoder" in heif.Heif().missing()
