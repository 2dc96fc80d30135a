import numpy as np
import pytest

from lic_lab.codecs import yuv
from lic_lab.errors import CorruptStreamError


def test_full_colour_comes_back_within_the_rounding_of_10_bits():
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    back = yuv.from_frame(yuv.to_frame(image, "4:4:4"), 32, 48, "4:4:4")
    assert np.abs(back.astype(int) - image).max() <= 1


def test_half_colour_keeps_planes_of_colour_and_ramps_of_luma():
    ramp = np.repeat(np.arange(0, 96, 2, dtype=np.uint8)[None, :, None], 32, axis=0) + np.array([0, 60, 90], np.uint8)
    back = yuv.from_frame(yuv.to_frame(ramp, "4:2:0"), 32, 48, "4:2:0")
    assert np.abs(back.astype(int) - ramp).max() <= 1


def test_half_colour_is_a_quarter_of_the_samples():
    image = np.zeros((4, 6, 3), np.uint8)
    assert len(yuv.to_frame(image, "4:4:4")) == 2 * 72 and len(yuv.to_frame(image, "4:2:0")) == 2 * 36


@pytest.mark.parametrize(
    ("color", "samples"),
    [
        ((0, 0, 0), (0, 512, 512)),
        ((255, 255, 255), (1023, 512, 512)),
        ((0, 0, 255), (74, 1023, 465)),
        ((255, 0, 0), (217, 395, 1023)),
    ],
)
def test_samples_are_those_of_bt_709_in_full_range(color, samples):
    frame = yuv.to_frame(np.array([[color]], np.uint8), "4:4:4")
    assert tuple(np.frombuffer(frame, "<u2")) == samples


def test_chroma_is_interpolated_between_the_centres_of_its_blocks():
    assert yuv._double(np.array([[0.0, 4.0]])).tolist() == [[0, 1, 3, 4]] * 2


def test_a_frame_of_another_size_is_an_error():
    with pytest.raises(CorruptStreamError, match="not one 6 x 4 4:2:0 frame"):
        yuv.from_frame(bytes(70), 4, 6, "4:2:0")
