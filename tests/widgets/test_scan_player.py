"""The Python side of the scan player: its orders, what is remembered, its traits and its poster."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from lic_lab.errors import LicLabError
from lic_lab.ops.orders import cross_scan
from lic_lab.ops.selective_scan import selective_scan
from lic_lab.widgets.scan_player import COLORS, ROUTES, ScanPlayer, faded, remembered, routes


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)


@pytest.fixture
def player(picture):
    return ScanPlayer(picture, size=12)


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_reads_every_pixel_once(name):
    sequences = routes(name, 6, 9)
    assert sequences.shape == (len(ROUTES[name]), 54)
    assert (np.sort(sequences, axis=1) == np.arange(54)).all()


def test_the_cross_scan_is_that_of_the_blocks():
    assert np.array_equal(routes("cross-scan", 5, 7), cross_scan(5, 7).numpy())


def test_both_ways_is_a_route_and_its_mirror_in_time():
    ahead, behind = routes("both ways", 4, 3)
    assert np.array_equal(behind, ahead[::-1])


def test_an_order_of_the_library_without_a_group_is_one_route():
    assert np.array_equal(routes("column", 2, 3), [[0, 3, 1, 4, 2, 5]])


def test_what_is_remembered_is_what_a_scan_with_that_decay_keeps():
    (sequence,), decay, position = routes("snake", 4, 5), 0.8, 13
    one = torch.ones(1, 1, 20, dtype=torch.float64)
    kept = []
    for pixel in range(20):  # a single bright pixel, read by the library's own scan
        u = torch.from_numpy((sequence == pixel).astype(float))[None, None]
        y = selective_scan(u, one, torch.full((1, 1), np.log(decay)), one, one)
        kept.append(float(y[0, 0, position]))
    assert np.allclose(remembered(np.array([sequence]), position, decay), kept)


def test_of_several_routes_the_one_that_remembers_a_pixel_best_counts():
    both = routes("both ways", 3, 3)
    alone = [remembered(route[None], 4, 0.5) for route in both]
    assert np.array_equal(remembered(both, 4, 0.5), np.maximum(*alone))


def test_the_browser_gets_the_shrunk_pixels_and_all_orders(player):
    assert player.shape == (12, 8)
    assert np.array_equal(np.frombuffer(player.pixels, np.uint8).reshape(12, 8, 3), player.picture)
    assert list(player.routes) == list(ROUTES) == list(player.labels)
    assert player.routes["cross-scan"] == cross_scan(12, 8).tolist()
    assert [len(names) for names in player.labels.values()] == [1, 2, 4, 1, 1]


def test_a_small_picture_keeps_its_pixels(picture):
    small = picture[:5, :7]
    assert np.array_equal(ScanPlayer(small, size=12).picture, small)


def test_only_the_orders_asked_for_can_play(picture):
    player = ScanPlayer(picture, ("hilbert", "column"), size=8)
    assert player.order == "hilbert"
    player.order = "column"
    with pytest.raises(LicLabError, match="choose one of hilbert, column"):
        player.order = "snake"


def test_a_position_beyond_an_end_is_the_token_there(player):
    player.position = 10_000
    assert player.position == 95
    player.position = -3
    assert player.position == 0


def test_one_order_needs_no_list_and_what_the_player_makes_itself_cannot_be_given(picture):
    player = ScanPlayer(picture, "snake", size=12, shape=(3, 3))
    assert list(player.routes) == ["snake"] and player.shape == (12, 8)


@pytest.mark.parametrize("speed", [0.5, float("nan"), float("inf")])
def test_a_speed_that_cannot_be_followed_is_refused(player, speed):
    with pytest.raises(LicLabError, match="give 1 to"):
        player.speed = speed


def test_a_still_of_an_order_that_does_not_play_is_drawn_and_an_unknown_one_refused(player):
    assert player.still("column", 10_000).shape == (48, 32, 3)
    with pytest.raises(LicLabError, match="choose one of"):
        player.still("zigzag", 3)


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5, -0.2])
def test_a_decay_that_does_not_fade_is_refused(player, decay):
    with pytest.raises(LicLabError, match="between 0 and 1"):
        player.decay = decay


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"picture": np.zeros((4, 4))}, "use read_image first"),
        ({"picture": np.zeros((0, 4, 3), np.uint8)}, "nothing to read"),
        ({"size": 65}, "give 2 to 64"),
        ({"size": 2.5}, "give 2 to 64"),
        ({"sped": 4}, "no 'sped': give order"),
        ({"orders": ()}, "give orders"),
        ({"orders": ("zigzag",)}, "choose one of raster"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_mend(picture, given, mend):
    with pytest.raises(LicLabError, match=mend):
        ScanPlayer(**{"picture": picture, **given})


def test_the_poster_shows_every_order_at_another_place(player):
    data, _ = player._repr_mimebundle_()
    poster = Pillow.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert poster.width > 5 * 120
    stills = [player.still(name, 48, 4) for name in player.routes]
    assert len({still.tobytes() for still in stills}) == len(stills)


def test_a_still_shows_grey_what_was_not_read_and_colour_where_the_scan_is(picture):
    player = ScanPlayer(picture, ("raster",), size=12)
    still = player.still("raster", 0, 6).astype(int)
    unread = still[30:, :].reshape(-1, 3)
    assert (unread.max(axis=1) == unread.min(axis=1)).all()
    assert tuple(bytes.fromhex(COLORS[0][1:])) in {tuple(pixel) for pixel in still[:12, :12].reshape(-1, 3)}


def drawn(position, decay):
    red = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    return faded(red, routes("raster", 4, 6), position, decay, 12).astype(int)


def test_a_still_pales_with_what_is_forgotten():
    still = drawn(15, 0.5)
    corner = {token: tuple(still[12 * (token // 6) + 1, 12 * (token % 6) + 1]) for token in (0, 13, 15, 23)}
    assert corner[15] == (255, 0, 0)  # just read: as it is
    assert corner[13] == (255, 180, 180)  # a quarter is left, and 6 % are always seen
    assert corner[0] == (255, 240, 240)
    assert corner[23] == (207, 207, 207)  # not read: its grey, 28 % of it


def test_a_still_frames_the_token_and_draws_the_route_but_no_jump():
    route = tuple(bytes.fromhex(COLORS[0][1:]))
    still = drawn(15, 0.9)  # row 2, column 3
    assert tuple(still[30, 30]) == tuple(still[30, 54]) == tuple(still[42, 48]) == route  # the frame
    assert tuple(still[30, 24]) == route  # the way from column 1 to column 2
    assert tuple(still[24, 36]) != route  # half way from the end of row 1 to the start of row 2


def test_both_sides_speak_of_the_same_traits_and_colours():
    script = ScanPlayer._esm
    for name in ("pixels", "shape", "routes", "labels", "order", "position", "playing", "decay", "speed", "name"):
        assert f"change:{name}" in script, name
    assert all(f'"{color}"' in script for color in COLORS)
