import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.errors import LicLabError
from lic_lab.ops.orders import ORDERS, cross_scan, inverse, order

NAMES = st.sampled_from(sorted(ORDERS))


def steps(h, w, name="hilbert"):
    """Absolute row and column difference between each token and the next: (h * w - 1, 2)."""
    path = order(name, h, w)
    where = torch.stack([path // w, path % w], dim=1)
    return (where[1:] - where[:-1]).abs()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), NAMES)
def test_every_pixel_is_read_once_and_put_back_in_its_place(h, w, name):
    path = order(name, h, w)
    assert path.dtype == torch.int64
    assert torch.equal(path.sort().values, torch.arange(h * w))
    image = torch.rand(h * w)
    assert torch.equal(image[path][inverse(path)], image)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("raster", [0, 1, 2, 3, 4, 5]),
        ("reverse", [5, 4, 3, 2, 1, 0]),
        ("column", [0, 3, 1, 4, 2, 5]),
        ("column-reverse", [5, 2, 4, 1, 3, 0]),
        ("snake", [0, 1, 2, 5, 4, 3]),
    ],
)
def test_two_rows_of_three_are_read_like_this(name, expected):
    assert order(name, 2, 3).tolist() == expected


def test_a_cross_scan_reads_rows_and_columns_both_ways():
    paths = cross_scan(3, 5)
    assert paths.shape == (4, 15)
    assert torch.equal(paths[0].view(3, 5), paths[1].view(5, 3).T)
    assert torch.equal(paths[2:], paths[:2].flip(1))
    tokens = torch.rand(2, 1, 15).expand(2, 4, 15).gather(2, paths.expand(2, 4, 15))
    back = tokens.gather(2, inverse(paths).expand(2, 4, 15))
    assert torch.equal(back, back[:, :1].expand(2, 4, 15))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_hilbert_and_snake_never_jump(h, w):
    assert h * w == 1 or (steps(h, w, "snake").sum(dim=1) == 1).all()
    assert h * w == 1 or steps(h, w).max() == 1  # a neighbour, if need be a diagonal one


def test_hilbert_takes_a_diagonal_at_most_once_and_only_where_the_long_side_is_odd_and_the_short_one_even():
    for h in range(1, 25):
        for w in range(1, 25):
            diagonals = int((steps(h, w).sum(dim=1) == 2).sum())
            assert diagonals <= (max(h, w) % 2 == 1 and min(h, w) % 2 == 0), (h, w)


@pytest.mark.parametrize("side", [1, 2, 4, 8, 16, 32])
def test_hilbert_is_the_curve_of_hilbert_where_that_exists(side):
    """The textbook way: from the last pair of bits of the index to the first, turn and shift."""
    expected = []
    for t in range(side * side):
        x = y = 0
        size = 1
        while size < side:
            right, low = (t >> 1) & 1, (t ^ (t >> 1)) & 1
            if not low:
                if right:
                    x, y = size - 1 - x, size - 1 - y
                x, y = y, x
            x, y = x + size * right, y + size * low
            t, size = t >> 2, 2 * size
        expected.append(y * side + x)
    path = order("hilbert", side, side)
    transposed = path % side * side + path // side
    assert expected in (path.tolist(), transposed.tolist())


def test_hilbert_stays_near_itself_where_raster_does_not():
    """The bound is Niedermeier, Reinhardt and Sanders' (2002): the squared distance is below 6 times the steps."""

    def holds(name, lag):
        path = order(name, 64, 64)
        where = torch.stack([path // 64, path % 64], dim=1)
        return ((where[lag:] - where[:-lag]) ** 2).sum(dim=1).max() < 6 * lag

    lags = (1, 2, 3, 5, 16, 63, 64, 100, 500, 1000)
    assert all(holds("hilbert", lag) for lag in lags)
    assert not holds("raster", 63)
    assert not holds("snake", 63)


@pytest.mark.parametrize("arguments", [("spiral", 2, 2), ("raster", 0, 2), ("hilbert", 3, 0)])
def test_unknown_orders_and_empty_maps_are_refused(arguments):
    with pytest.raises(LicLabError):
        order(*arguments)
