"""A picture to click: exact pixels, words for everyone, places on the grid and inside."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.plots.views import Picture, heat
from lic_lab.widgets.picker import Picker, PictureBox


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_the_page_gets_the_exact_pixels_and_the_words(image):
    box = PictureBox(Picture(image, "Title", "note", "stars"))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(box.png))), image)
    assert box.about == {"title": "Title", "note": "note", "alt": "stars", "scale": None, "width": 400}


def test_a_map_brings_its_scale():
    scale = PictureBox(heat([[0.0, 2.5]], unit="bits")).about["scale"]
    assert (scale["low"], scale["high"]) == ("0", "2.5 bits") and len(scale["colors"]) == 16


def test_it_begins_in_the_middle_or_where_it_is_told_on_the_grid(image):
    assert Picker(image).value == (20, 30)
    assert Picker(image, at=(21, 37), step=16).value == (16, 32)


def test_a_place_outside_moves_to_the_last_one_inside(image):
    assert Picker(image, at=(99, -5), step=16).value == (32, 0)
    picker = Picker(image, at=(39, 59))
    picker.show(image[:10, :10])
    assert picker.value == (9, 9)


def test_an_array_gets_its_label_as_title(image):
    assert Picker(image, label="Photograph").about["title"] == "Photograph"


def test_a_still_shows_the_place_and_leaves_the_rest_as_it_is(image):
    marked = Picker(image, at=(16, 32), step=16, side=16).marked.image
    changed = np.argwhere((marked != image).any(axis=2))
    assert changed.min(axis=0).tolist() == [14, 30] and changed.max(axis=0).tolist() == [33, 49]
    assert np.array_equal(marked[16:32, 32:48], image[16:32, 32:48])


def test_a_place_that_is_set_later_goes_to_the_grid_and_inside_too(image):
    picker = Picker(image, step=16)
    for place, where in (((21, 37), (16, 32)), ((99, -5), (32, 0)), ((-1, 999), (0, 48))):
        picker.value = place
        assert picker.value == where
