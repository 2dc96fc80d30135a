"""Two views that take turns: what is coded together, and where it goes back to."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.ops.turns import TURNS, merge, split, swap_rows


def numbered(views=4, channels=3, height=6, width=8):
    return torch.arange(float(views * channels * height * width)).view(views, channels, height, width)


def test_parts_put_together_are_the_maps_again():
    x = numbered()
    parts = split(x)
    assert len(parts) == TURNS.passes
    assert torch.equal(merge(parts, (6, 8)), x)


@pytest.mark.parametrize("passes", [1, 2, 3, 4])
def test_what_is_not_coded_yet_is_zero(passes):
    x = numbered() + 1
    known = merge(split(x)[:passes], (6, 8))
    rows, columns = torch.arange(6)[:, None] % 2, torch.arange(8) % 2
    for view in range(4):
        turn = 2 * (rows if view % 2 == 0 else 1 - rows) + columns  # the pass of each position, written out
        assert torch.equal(known[view], x[view] * (turn < passes))


def test_every_row_of_a_view_follows_or_leads_the_same_row_of_the_other():
    """After two passes a view knows every second row, and the other view the rows between."""
    known = merge(split(torch.ones(2, 1, 4, 6))[:2], (4, 6))
    assert torch.equal(known[0, 0].amax(1), torch.tensor([1.0, 0, 1, 0]))
    assert torch.equal(known.sum(0), torch.ones(1, 4, 6))


def test_exchanging_rows_twice_changes_nothing_and_left_views_never_change():
    x = numbered()
    assert torch.equal(swap_rows(swap_rows(x)), x)
    assert torch.equal(swap_rows(x)[::2], x[::2]) and torch.equal(swap_rows(x)[1, :, 0], x[1, :, 1])


def test_gradients_of_parts_come_back_to_their_places():
    x = numbered().requires_grad_()
    split(x)[1].sum().backward()
    assert torch.equal(x.grad, merge([torch.zeros(4, 3, 12), torch.ones(4, 3, 12)], (6, 8)))


@pytest.mark.parametrize("size, what", [((5, 8), "5 rows"), ((6, 7), "7 columns")])
def test_odd_sizes_are_refused(size, what):
    with pytest.raises(LicLabError, match=f"{what} are not even"):
        split(torch.zeros(2, 1, *size))
