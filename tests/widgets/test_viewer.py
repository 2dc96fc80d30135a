"""The Python side of the A/B viewer: exact pixels, pairs of one size, one message, a poster."""

import base64
import io

import numpy as np
import pytest
import traitlets
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style
from lic_lab.widgets.panel import HERE
from lic_lab.widgets.viewer import MODES, Shown, Viewer


@pytest.fixture
def pair():
    noise = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    return noise[0], noise[1]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)))


def test_the_browser_gets_the_exact_pixels(pair):
    viewer = Viewer(*pair)
    assert np.array_equal(pixels(viewer.a), pair[0]) and np.array_equal(pixels(viewer.b), pair[1])


def test_a_picture_of_a_codec_wears_its_name_and_colour(pair):
    viewer = Viewer(Shown.of(pair[0]), Shown.of(pair[1], "avif", "8,000 bytes"))
    assert viewer.about_a["label"] == "Original"
    assert viewer.about_b == {"label": "AVIF", "caption": "8,000 bytes", "color": style("avif").color}


def test_pictures_of_two_sizes_are_refused_and_the_old_pair_stays(pair):
    viewer = Viewer(*pair)
    before = viewer.a
    with pytest.raises(LicLabError, match="A is 40x30 and B is 39x30"):
        viewer.show(pair[1], pair[0][:, :-1])
    assert viewer.a == before


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_what_is_no_uint8_rgb_picture_is_refused_with_the_mend(bad):
    with pytest.raises(LicLabError, match="use read_image first"):
        Shown.of(bad)


def test_an_unknown_mode_and_a_zoom_below_the_whole_picture_are_refused(pair):
    viewer = Viewer(*pair)
    with pytest.raises(traitlets.TraitError):
        viewer.mode = "blink"
    with pytest.raises(traitlets.TraitError):
        viewer.zoom = 0.5


def test_a_new_pair_travels_in_one_message(pair, monkeypatch):
    viewer, sent = Viewer(*pair), []
    monkeypatch.setattr(viewer.comm, "send", lambda data=None, buffers=None, **_: sent.append((data, buffers)))
    viewer.show(pair[1], pair[0])
    ((data, buffers),) = sent
    arrived = {name: bytes(buffer) for (name,), buffer in zip(data["buffer_paths"], buffers, strict=True)}
    assert arrived == {"a": viewer.a, "b": viewer.b}


def test_the_poster_is_the_split_view(pair):
    viewer = Viewer(*pair, split=0.25)
    data, _ = viewer._repr_mimebundle_()
    poster = pixels(base64.b64decode(data["image/png"]))[:30, :40]
    assert np.array_equal(poster[:, :9], pair[0][:, :9]) and np.array_equal(poster[:, 11:], pair[1][:, 11:])


def test_both_sides_speak_of_the_same_traits_and_modes():
    script = Viewer._esm
    for mode in MODES:
        assert f'["{mode}", ' in script
    for name in ("a", "b", "about_a", "about_b", "mode", "split", "zoom", "center", "gain", "name", "height"):
        assert f"change:{name}" in script, name


def test_every_part_of_the_browser_side_lies_in_the_package():
    assert {path.name for path in HERE.iterdir()} >= {"page.js", "stage.js", "viewer.js", "viewer.css", "explorer.css"}
