"""A wall shows one original against several reconstructions, and everything that moves one viewer moves all."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.widgets.viewer import Shown
from lic_lab.widgets.wall import TOGETHER, Wall


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), np.uint8)


@pytest.fixture
def wall(pictures):
    return Wall(pictures[0], {"jpeg": pictures[1], "webp": pictures[2], "charm": pictures[3]})


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)))


def test_every_reconstruction_stands_beside_the_same_original_in_its_own_colours(wall, pictures):
    assert [viewer.about_b["label"] for viewer in wall.viewers] == ["JPEG", "WebP", "ChARM (learned)"]
    for viewer, picture in zip(wall.viewers, pictures[1:], strict=True):
        assert np.array_equal(pixels(viewer.a), pictures[0]) and np.array_equal(pixels(viewer.b), picture)
        assert viewer.about_a["label"] == "Original"


def test_every_viewer_is_linked_with_the_first_in_all_that_moves(wall):
    first, *others = wall.viewers
    linked = {(*link.source, *link.target) for link in wall.links}
    assert linked == {(first, trait, other, trait) for other in others for trait in TOGETHER}
    assert {"zoom", "center", "split", "mode", "gain"} == set(TOGETHER)


def test_captions_come_with_pictures_that_are_ready_to_be_shown(pictures):
    wall = Wall(pictures[0], [Shown.of(pictures[1], "avif", "8,000 bytes")])
    assert wall.viewers[0].about_b["caption"] == "8,000 bytes" and not wall.links


def test_a_screen_reader_hears_which_two_are_compared(wall):
    assert wall.viewers[1].name == "Wall of comparisons: Original and WebP"


def test_the_poster_has_all_pictures_in_rows(wall):
    whole, one = (Pillow.open(io.BytesIO(panel.poster())).size for panel in (wall, wall.viewers[0]))
    assert whole == (2 * one[0] + 12, 2 * one[1] + 12)


def test_a_poster_has_no_empty_column(pictures):
    wall = Wall(pictures[0], {"jpeg": pictures[1]}, columns=3)
    assert Pillow.open(io.BytesIO(wall.poster())).size == Pillow.open(io.BytesIO(wall.viewers[0].poster())).size


def test_a_wall_without_anything_and_pictures_of_two_sizes_are_refused(pictures):
    with pytest.raises(LicLabError, match="give one reconstruction or more"):
        Wall(pictures[0], {})
    with pytest.raises(LicLabError, match="give two of one size"):
        Wall(pictures[0], {"jpeg": pictures[1][:, 1:]})
