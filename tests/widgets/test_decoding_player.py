"""The Python side of the decoding player: its frames are of a real file, and both sides speak of the same traits."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.models.presets import build
from lic_lab.ops.color import tensor_to_image
from lic_lab.widgets.decoding_player import FRAMES, UNREAD, DecodingPlayer, stops_of

FACE = bundled_images()["astronaut"][100:200, 120:248]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("asymmetric")


@pytest.fixture
def player(model):
    return DecodingPlayer(model, FACE, rate=1.0)


def picture(jpeg: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(jpeg)))


def when(player) -> np.ndarray:
    rows, columns = player.plan["grid"]
    return np.frombuffer(player.when, "<u2").reshape(-1, rows, columns)


def test_there_is_a_frame_for_every_step_and_one_before(player):
    assert len(player.frames) == len(player.plan["steps"]) == len(player.decoding.steps) + 1 == 6
    assert all(picture(frame).shape == FACE.shape for frame in player.frames)


def test_the_last_frame_is_the_decoded_file_and_all_of_it_is_read(player, model):
    decoded = tensor_to_image(model.decompress(player.data))
    assert np.array_equal(player.pictures[-1], decoded)
    last = player.plan["steps"][-1]
    assert last["read"] == player.plan["bytes"] == len(player.data)
    assert last["known"] == player.plan["symbols"] == player.decoding.y_hat.numel()
    assert last["psnr"] == pytest.approx(psnr(FACE, decoded))


def test_frames_are_sent_as_good_jpegs(player):
    for frame, sent in zip(player.pictures, player.frames, strict=True):
        assert psnr(frame, picture(sent)) > 30


def test_the_first_frame_is_made_of_nothing(player):
    first = player.plan["steps"][0]
    assert (first["bits"], first["read"], first["known"], first["label"]) == (0, 0, 0, "nothing is read yet")
    assert "side latent" in player.plan["steps"][1]["label"]
    assert player.plan["steps"][2]["label"] == "channels 0 to 7, 32 of 64 positions"


def test_places_become_known_at_the_step_that_reads_them(player):
    frames = when(player)
    assert frames.shape == (2, 8, 8)
    assert frames[0, 0, :2].tolist() == [2, 3] and frames[1, 0, :2].tolist() == [4, 5]
    for position, step in enumerate(player.plan["steps"]):
        sizes = [len(channels) for channels in player.decoding.slices]
        known = sum((frames[k] <= position).sum() * size for k, size in enumerate(sizes))
        assert known == step["known"]


def test_colours_are_those_of_the_bits(player):
    colors = np.frombuffer(player.paid, np.uint8).reshape(2, 8, 8, 3).astype(int).sum(-1)
    bits = torch.stack([player.decoding.bits[0, list(group)].sum(0) for group in player.decoding.slices])
    dear, cheap = np.unravel_index(int(bits.argmax()), bits.shape), np.unravel_index(int(bits.argmin()), bits.shape)
    assert colors[dear] == colors.max() and colors[cheap] == colors.min()
    assert player.plan["most"] == round(float(bits.max()), 1)


def test_a_pair_is_shown_one_view_below_the_other():
    torch.manual_seed(0)
    player = DecodingPlayer(build("bisic"), np.stack([FACE, FACE[:, ::-1]]))
    assert player.plan["size"] == [200, 128] and player.plan["grid"] == [16, 8]
    assert np.array_equal(when(player)[:, :8], when(player)[:, 8:])


def test_many_steps_share_their_frames_evenly():
    assert stops_of(5).tolist() == [0, 1, 2, 3, 4, 5]
    many = stops_of(1000)
    assert len(many) == FRAMES and (many[0], many[-1]) == (0, 1000) and np.ptp(np.diff(many)) <= 1
    torch.manual_seed(0)
    player = DecodingPlayer(build("asymmetric", context="ssm-raster"), FACE)
    assert len(player.frames) == FRAMES and when(player).max() == FRAMES - 1
    assert player.plan["steps"][-1]["known"] == player.plan["symbols"]


def test_a_position_beyond_an_end_is_the_step_there(player):
    player.position = 99
    assert player.position == 5
    player.position = -1
    assert player.position == 0


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"picture": np.stack([FACE, FACE])}, "Asymmetric codes pictures"),
        ({"picture": FACE / 255}, "it cannot take float64"),
        ({"picture": FACE[:0]}, r"it cannot take uint8 \(0, 128, 3\)"),
        ({"model": 3}, "int is no model: give a name"),
        ({"frames": []}, "no 'frames': give rate"),
        ({"speed": 0}, "give 0.1 to"),
        ({"rate": 7}, "off the ladder"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_mend(model, given, mend):
    with pytest.raises(LicLabError, match=mend):
        DecodingPlayer(**{"model": model, "picture": FACE, **given})


def test_the_poster_shows_steps_from_nothing_to_the_whole_file(player):
    data, _ = player._repr_mimebundle_()
    poster = Pillow.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert poster.width > 4 * 180


def test_a_still_greys_what_is_not_read(player):
    tiles = [np.asarray(player.still(position, 96))[96 * 100 // 128 + 6 :] for position in (0, 2, 5)]
    grey = [(tile == np.array(UNREAD)).all(axis=-1).mean() for tile in tiles]
    assert grey[0] > grey[1] > grey[2] == 0


def test_both_sides_speak_of_the_same_traits():
    script = DecodingPlayer._esm
    for name in ("frames", "plan", "when", "paid", "position", "speed", "name"):
        assert f"change:{name}" in script, name
    assert 'get("playing")' in script and "prefers-reduced-motion" in script
