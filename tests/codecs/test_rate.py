import math
from itertools import pairwise

import numpy as np
import pytest

from lic_lab.codecs import rate
from lic_lab.codecs.rate import Ladder, Trials
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr

GREY = np.full((16, 16, 3), 128, np.uint8)


def trials(sizes, ladder=None):
    """Files of the given sizes, one per position."""
    sizes = list(sizes)
    return Trials(GREY, ladder or Ladder(len(sizes), lambda i: i), lambda quality: bytes(sizes[int(quality)]))


def graded(errors, sizes):
    """Files of the given sizes whose pictures are off by the given number of levels everywhere."""
    made = dict(enumerate(zip(sizes, errors, strict=True)))
    return Trials(
        GREY,
        Ladder(len(made), lambda i: i),
        encode=lambda q: bytes([made[q][1]]) + bytes(made[q][0] - 1),
        psnr_db=lambda data: psnr(GREY, GREY + np.uint8(data[0])),
    )


def test_steps_run_either_way_and_keep_whole_numbers_whole():
    up, down, half = rate.steps(1, 100), rate.steps(63, 0), rate.steps(0, 2, 0.5)
    assert (up.count, up.quality(0), up.quality(99)) == (100, 1, 100)
    assert (down.count, down.quality(0), down.quality(63)) == (64, 63, 0)
    assert [half.quality(i) for i in range(half.count)] == [0, 0.5, 1, 1.5, 2]
    assert all(type(up.quality(i)) is int for i in range(100))


def test_geometric_steps_meet_both_ends_and_grow_evenly():
    ladder = rate.geometric(2000, 1, 1.005)
    values = [ladder.quality(i) for i in range(ladder.count)]
    assert values[0] == 2000 and values[-1] == 1
    ratios = [a / b for a, b in pairwise(values)]
    assert all(1.0 < r < 1.006 for r in ratios)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_the_ceiling_is_met_by_the_best_file_there_is_for_every_ceiling(count):
    sizes = [10 + 3 * i for i in range(count)]
    for ceiling in range(10, sizes[-1] + 5):
        assert rate.largest_within(trials(sizes), ceiling, "x").position == max(
            i for i, size in enumerate(sizes) if size <= ceiling
        )


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_psnr_is_met_by_the_smallest_file_for_every_target(count):
    errors, sizes = list(range(count, 0, -1)), [10 * (i + 1) for i in range(count)]
    made = graded(errors, sizes)
    for wanted in range(count):
        db = made[wanted].psnr_db
        assert rate.smallest_reaching(graded(errors, sizes), db, "x").position == wanted
        assert rate.smallest_reaching(graded(errors, sizes), db - 1e-6, "x").position == wanted


def test_a_fine_ladder_stops_within_half_a_percent_after_few_files():
    for ceiling in (1234, 5000, 40_000, 99_000):
        made = Trials(
            GREY, Ladder(9217, lambda i: i / 1024), lambda q: bytes(int(1000 * math.exp(0.51 * q + 0.05 * math.sin(q))))
        )
        best = rate.largest_within(made, ceiling, "x")
        assert rate.CLOSE_RATIO * ceiling <= len(best.data) <= ceiling
        assert len(made.seen) <= 9


def test_a_fine_ladder_of_one_step_is_still_searched_to_its_end():
    made = Trials(GREY, Ladder(5000, lambda i: i), lambda q: bytes(10 if q < 3211 else 1000))
    assert rate.largest_within(made, 999, "x").position == 3210


def test_files_that_shrink_upwards_never_break_the_ceiling():
    sizes = np.random.default_rng(0).integers(50, 400, 100)  # as far from monotone as can be
    for ceiling in range(60, 400, 7):
        try:
            assert len(rate.largest_within(trials(sizes), ceiling, "x").data) <= ceiling
        except LicLabError:
            assert sizes[0] > ceiling  # it may miss a file on such a ladder, but never says a wrong one fits


def test_a_wobble_is_looked_past():
    sizes = [100, 110, 120, 130, 128, 126, 140, 150]
    steady = rate.largest_within(trials(sizes), 128, "x")
    aware = rate.largest_within(trials(sizes, Ladder(8, lambda i: i, wobble=3)), 128, "x")
    assert steady.position < aware.position == 5


def test_a_seam_keeps_the_search_on_the_better_side():
    sizes = [*range(100, 150), *range(90, 400, 50), *[400] * 8]  # a search from the middle would never see position 50
    plain = rate.largest_within(trials(sizes), 139, "x")
    aware = rate.largest_within(trials(sizes, Ladder(len(sizes), lambda i: i, seam=50)), 139, "x")
    assert plain.position == 39 and aware.position == 50


def test_what_cannot_be_met_is_refused_with_the_best_there_is():
    with pytest.raises(LicLabError, match=r"10 bytes.* 20 bytes \(0\.625 bpp\)"):
        rate.largest_within(trials([20, 30, 40]), 10, "x")
    with pytest.raises(LicLabError, match=r"60 dB.*48\.13 dB"):
        rate.smallest_reaching(graded([3, 2, 1], [10, 20, 30]), 60, "x")


def test_equal_pictures_reach_any_psnr():
    assert rate.smallest_reaching(graded([2, 1, 0], [10, 20, 30]), 99, "x").position == 2


def test_nothing_is_encoded_twice_and_every_file_is_reported():
    asked, reported = [], []
    made = Trials(
        GREY,
        Ladder(100, lambda i: i, wobble=3),
        lambda q: asked.append(q) or bytes(10 + q),
        progress=reported.append,
    )
    rate.largest_within(made, 42, "x")
    assert len(asked) == len(set(asked)) and [t.position for t in reported] == asked


def test_ceilings_in_bytes_take_back_exactly_what_bpp_said():
    for count in (1, 17, 4915, 10**9 + 7):
        assert rate.ceiling_in_bytes(8 * count / (511 * 769), 511, 769) == count
    assert rate.ceiling_in_bytes(0.25, 512, 768) == 12288
    assert rate.ceiling_in_bytes(0.2499, 512, 768) == 12283


def test_a_size_that_is_nearly_met_is_looked_for_on_the_whole_ladder():
    sizes = [71, 72, 70, 73] * 30
    sizes[81] = 65  # a flat picture: what is coded is a few symbols, and no setting is the smallest
    assert rate.largest_within(trials(sizes), 66, "x").position == 81
    with pytest.raises(LicLabError, match="its smallest file has 65 bytes"):
        rate.largest_within(trials(sizes), 64, "x")


def test_a_size_that_is_out_of_reach_is_given_up_at_once():
    looked = trials(range(1000, 1500))
    with pytest.raises(LicLabError, match="its smallest file has 1000 bytes"):
        rate.largest_within(looked, 100, "x")
    assert len(looked.seen) < 15


def test_a_psnr_that_is_nearly_met_is_looked_for_on_the_whole_ladder():
    errors = [4] * 120
    errors[60] = 3
    assert rate.smallest_reaching(graded(errors, range(10, 130)), 37.5, "x").position == 60
