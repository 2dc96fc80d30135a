import numpy as np
import pytest

import lic_lab
from lic_lab.codecs.identify import describe, identify
from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import read_image
from lic_lab.errors import CorruptStreamError, LicLabError
from lic_lab.ops.color import image_to_tensor

HERE = [row.name for row in lic_lab.list_codecs() if row.available]
SIZE = {1: "71 x 67 pixels", 2: "two views of 71 x 67 pixels"}


@pytest.fixture(scope="module")
def image():
    return read_image(skimage_file("chelsea.png"))[50:117, 80:151]  # (67, 71, 3)


def source(codec, image):
    """What the codec compresses: the picture, or a pair of it and of what a camera beside it might see."""
    return image if codec.views == 1 else (image, np.roll(image, -3, axis=1))


@pytest.mark.parametrize("name", HERE)
def test_the_codec_found_decodes_the_file_as_its_writer_does(name, image):
    codec = lic_lab.load(name)
    data = codec.compress(source(codec, image))
    assert identify(data).suffix == codec.suffix
    assert np.array_equal(identify(data).decompress(data), codec.decompress(data))


@pytest.mark.parametrize("name", HERE)
def test_a_description_holds_the_size_of_the_picture_and_of_the_file(name, image):
    codec = lic_lab.load(name)
    data = codec.compress(source(codec, image))
    said = describe(data)
    assert said["picture"] == SIZE[codec.views]
    assert said["file"].startswith(f"{len(data):,} bytes")


def test_a_lic_file_of_weights_that_are_not_here_is_described_but_not_decoded(image):
    model = lic_lab.build("charm", preset="tiny")
    data = model.compress(image_to_tensor(image), rate=0.5)
    said = describe(data)
    assert said["weights"] == model.fingerprint().hex() and said["rate point"] == "0.5000"
    assert "do not come with this installation" in said["codec"]
    with pytest.raises(LicLabError, match=model.fingerprint().hex()):
        identify(data)


@pytest.mark.parametrize("data", [b"", b"LIC", b"\x89PNG\r\n\x1a\n", b"hello", bytes(64)])
@pytest.mark.parametrize("ask", [identify, describe])
def test_bytes_of_no_codec_are_refused(ask, data):
    with pytest.raises(CorruptStreamError):
        ask(data)
