import io

import numpy as np
import pytest
from PIL import Image, features

from lic_lab.codecs.pillow import Avif, Jpeg, Jpeg2000, Webp
from lic_lab.datasets.images import read_image
from lic_lab.errors import CorruptStreamError, LicLabError


def test_jpeg_is_optimised_progressive_and_subsampled_as_it_says(picture):
    plain = io.BytesIO()
    Image.fromarray(picture).save(plain, "JPEG", quality=75, subsampling="4:2:0")
    data = Jpeg().encode(picture, 75)
    assert len(data) < len(plain.getvalue())
    assert np.array_equal(Jpeg().decode(data), np.asarray(Image.open(plain)))  # the same pixels in fewer bytes
    assert len(Jpeg("jpeg-444", chroma="4:4:4").encode(picture, 75)) > len(data)


def test_jpeg_2000_aims_at_the_ratio_it_is_given(picture):
    for ratio in (10, 20):
        assert len(Jpeg2000().encode(picture, ratio)) == pytest.approx(picture.size / ratio, rel=0.05)


def test_avif_tunes_and_chroma_formats_differ(picture):
    files = [Avif(chroma=c, tune=t).encode(picture, 50) for c in ("4:4:4", "4:2:0") for t in ("psnr", "")]
    assert len(set(files)) == 4
    assert "psnr tune" in Avif().settings and "library default tune" in Avif(tune="").settings


def test_grey_and_cmyk_files_of_others_decode_to_rgb(picture):
    for mode in ("L", "CMYK"):
        buffer = io.BytesIO()
        Image.fromarray(picture).convert(mode).save(buffer, "JPEG")
        assert Jpeg().decode(buffer.getvalue()).shape == picture.shape


def test_files_of_others_are_read_as_any_picture_is(picture, tmp_path):
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(turned, "JPEG", quality=90, exif=exif)
    (tmp_path / "turned.jpg").write_bytes(turned.getvalue())
    assert np.array_equal(Jpeg().decode(turned.getvalue()), read_image(tmp_path / "turned.jpg"))
    assert np.array_equal(Jpeg().decode(turned.getvalue() + bytes(300)), Jpeg().decode(turned.getvalue()))  # a trailer

    clear = io.BytesIO()
    Image.fromarray(np.dstack([picture, np.zeros_like(picture[..., 0])])).save(clear, "WEBP", lossless=True)
    with pytest.warns(UserWarning, match="transparent in places: it was composited on white"):
        assert (Webp().decode(clear.getvalue()) == 255).all()

    deep = io.BytesIO()
    Image.fromarray(np.linspace(0, 65535, 4096).reshape(64, 64).astype(np.uint16)).save(deep, "JPEG2000")
    with pytest.warns(UserWarning, match="16 bits a channel"):
        assert Jpeg2000().decode(deep.getvalue()).mean() == pytest.approx(127.5, abs=0.1)


def test_a_foreign_picture_is_named(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    with pytest.raises(CorruptStreamError, match=r"not an undamaged \.webp file, but look like PNG"):
        Webp().decode(buffer.getvalue())


def test_a_picture_too_long_for_a_format_is_refused_in_one_line():
    with pytest.raises(LicLabError, match="webp cannot encode this 16384 x 1 picture"):
        Webp().encode(np.zeros((1, 16384, 3), np.uint8), 50)


def test_a_pillow_without_the_library_says_so(monkeypatch):
    monkeypatch.setattr(features, "check", lambda feature: False)
    assert "built without AVIF" in Avif().missing() and "pip install" in Avif().missing()


def test_a_file_that_promises_too_many_pixels_is_told_apart_from_a_damaged_one(picture):
    data = bytearray(Jpeg().encode(picture, 50))
    frame = data.index(b"\xff\xc2") + 5  # start of a progressive frame: marker, length, depth, then rows and columns
    data[frame : frame + 4] = (20_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    with pytest.raises(LicLabError, match=r"200\.0 megapixels, the limit is 64"):
        Jpeg().decode(bytes(data))


def test_a_jpeg_2000_file_in_boxes_is_read_with_what_follows_its_codestream_and_refused_where_that_is_cut(picture):
    if reason := Jpeg2000().missing():
        pytest.skip(reason)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG2000")
    data, more = buffer.getvalue(), b"\0\0\0\x10uuid" + bytes(8)
    at = data.index(b"jp2c") - 4
    sized = data[:at] + (len(data) - at).to_bytes(4, "big") + data[at + 4 :]  # written as "to the end of the file"
    assert np.array_equal(Jpeg2000().decode(sized + more), Jpeg2000().decode(data))
    with pytest.raises(CorruptStreamError, match="ends early"):
        Jpeg2000().decode(data[:-40])
