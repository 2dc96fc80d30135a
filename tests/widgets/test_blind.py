"""The blind test hides who made a picture until there is a vote, keeps votes apart, and counts them."""

import numpy as np
import pytest

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import ms_ssim, psnr
from lic_lab.plots.views import Table
from lic_lab.widgets.blind import OPEN, BlindTest

FACE = bundled_images()["astronaut"][20:196, 120:290]
SLIGHTLY, MUCH = (np.clip(FACE.astype(int) + up, 0, 255).astype(np.uint8) for up in (3, 40))
PAIRS = {title: (FACE, {"slightly brighter": SLIGHTLY, "much brighter": MUCH}) for title in ("one", "two", "three")}


@pytest.fixture
def test():
    return BlindTest(PAIRS, seed=1)


def side_of(test, name: str) -> str:
    """Where a picture of the pair that is shown stands."""
    sides = test.pairs[test.titles[test.controls["pair"].value - 1]][1]
    return next(side for side, (found, _) in sides.items() if found == name)


def words(test) -> str:
    return " ".join(view.caption if isinstance(view, Table) else f"{view.said} {view.note}" for view in test.views)


def test_nothing_tells_who_made_them_before_a_vote(test):
    assert [type(view).__name__ for view in test.views] == ["Picture"] * 3
    assert "brighter" not in words(test) and "one" not in words(test).split()


def test_a_vote_reveals_names_and_numbers(test):
    test.controls["vote"].value = "A"
    table = test.views[3]
    assert {row[0] for row in table.rows} == {"slightly brighter", "much brighter"} and "you chose A" in table.caption
    for name, decibels, quality in table.rows:
        picture = SLIGHTLY if name == "slightly brighter" else MUCH
        assert (decibels, quality) == (f"{psnr(FACE, picture):.2f}", f"{ms_ssim(FACE, picture):.4f}")
    better = "AB".index(side_of(test, "slightly brighter"))
    assert (better, 1) in table.best and (1 - better, 1) not in table.best


def test_both_pictures_are_shown_each_on_its_side(test):
    for number, side in ((0, "A"), (2, "B")):
        name = next(name for name in ("slightly brighter", "much brighter") if side_of(test, name) == side)
        assert np.array_equal(test.views[number].image, SLIGHTLY if name == "slightly brighter" else MUCH)
    assert np.array_equal(test.views[1].image, FACE)


def test_the_next_pair_is_closed_until_it_has_its_own_vote(test):
    test.controls["vote"].value = "B"
    test.controls["pair"].value = 2
    assert test.controls["vote"].value == OPEN and len(test.views) == 3
    test.controls["pair"].value = 1
    assert test.controls["vote"].value == "B" and len(test.views) == 4


def test_votes_are_counted_and_compared_with_the_metrics(test):
    test.controls["vote"].value = side_of(test, "slightly brighter")
    test.controls["pair"].value = 2
    test.controls["vote"].value = side_of(test, "much brighter")
    assert "2 of 3 voted: PSNR agrees with 1" in test.status.value
    test.controls["vote"].value = OPEN
    assert "1 of 3 voted: PSNR agrees with 1" in test.status.value


def test_sides_and_order_depend_on_the_seed_and_on_nothing_else():
    def arrangement(seed):
        test = BlindTest(PAIRS, seed=seed)
        return [(title, test.pairs[title][1]["A"][0]) for title in test.titles]

    assert arrangement(5) == arrangement(5) and len({tuple(arrangement(seed)) for seed in range(8)}) > 3


def test_other_than_two_pictures_are_refused():
    for pairs in ({}, {"one": (FACE, {"same": FACE})}):
        with pytest.raises(LicLabError, match="a blind test needs pairs"):
            BlindTest(pairs)


def test_pictures_of_different_sizes_are_refused_at_once():
    with pytest.raises(LicLabError, match="'half' differ in size"):
        BlindTest({"half": (FACE, {"whole": FACE, "half": FACE[::2]})})


def test_who_is_a_and_who_is_b_is_left_to_chance():
    firsts = {BlindTest(dict(list(PAIRS.items())[:1]), seed=seed).pairs.popitem()[1][1]["A"][0] for seed in range(12)}
    assert len(firsts) == 2


def test_pairs_too_small_for_a_metric_are_no_disagreement_with_it():
    small = BlindTest({"small": (FACE[:60], {"slightly": SLIGHTLY[:60], "much": MUCH[:60]})})
    small.controls["vote"].value = side_of(small, "slightly")
    assert "PSNR agrees with 1 of 1, MS-SSIM not measured (under 161 pixels)." in small.status.value


def test_pairs_that_a_metric_calls_equal_are_no_disagreement_with_it():
    test = BlindTest({"equal": (FACE, {"one": MUCH, "other": MUCH.copy()})})
    test.controls["vote"].value = "A"
    assert "1 of 1 voted: PSNR finds both equal, MS-SSIM finds both equal." in test.status.value


def test_each_metric_is_held_against_the_votes_where_it_has_a_view():
    small = (FACE[:60], {"slightly": SLIGHTLY[:60], "much": MUCH[:60]})
    test = BlindTest({"large": (FACE, {"slightly": SLIGHTLY, "much": MUCH}), "small": small})
    for pair in (1, 2):
        test.controls["pair"].value = pair
        test.controls["vote"].value = side_of(test, "slightly")
    assert "2 of 2 voted: PSNR agrees with 2 of 2, MS-SSIM agrees with 1 of 1." in test.status.value
