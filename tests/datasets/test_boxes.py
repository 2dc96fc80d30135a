"""The boxes of published protocols, pixel by pixel."""

import numpy as np
import pytest

from lic_lab.datasets.boxes import BOXES, crop_box
from lic_lab.errors import LicLabError


def coordinates(height, width):
    """A picture that says where its pixels are: uint16 (h, w, 3) of row, column, 0."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint16)
    return np.stack([rows, columns, 0 * rows], axis=-1)


@pytest.mark.parametrize(
    ("name", "size", "first", "last"),
    [
        ("instereo2k", (860, 1080), (14, 28), (14 + 831, 28 + 1023)),
        ("cityscapes", (1024, 2048), (64, 128), (1024 - 256 - 1, 2048 - 128 - 1)),
        ("cityscapes-published", (1024, 2048), (64, 128), (64 + 767, 2047)),
    ],
)
def test_a_box_begins_and_ends_where_the_protocol_says(name, size, first, last):
    box = crop_box(coordinates(*size), name)
    assert tuple(box[0, 0, :2]) == first and tuple(box[-1, -1, :2]) == last


@pytest.mark.parametrize(
    ("name", "shape"),
    [("instereo2k", (832, 1024)), ("cityscapes", (704, 1792)), ("cityscapes-published", (768, 1920))],
)
def test_a_box_has_the_published_size_which_the_codec_needs_no_padding_for(name, shape):
    (width, height), _ = BOXES[name]
    box = crop_box(np.zeros((height, width, 3), np.uint8), name)
    assert box.shape == (*shape, 3) and all(side % 64 == 0 for side in shape)


def test_both_views_of_a_pair_are_cut_alike():
    view = coordinates(1024, 2048)
    left, right = crop_box(np.stack([view, view + 1]), "cityscapes")
    assert np.array_equal(left, crop_box(view, "cityscapes")) and np.array_equal(right, left + 1)


def test_other_pictures_and_other_names_are_refused():
    with pytest.raises(LicLabError, match="'cityscapes' is for pictures of 2048 x 1024, this one has 768 x 512"):
        crop_box(np.zeros((512, 768, 3), np.uint8), "cityscapes")
    with pytest.raises(LicLabError, match="no box is called 'kitti'; there are instereo2k, cityscapes"):
        crop_box(np.zeros((4, 4, 3), np.uint8), "kitti")
