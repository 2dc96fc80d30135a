"""A verdict is Student's t, and says no more than the numbers do."""

import math

import pytest
from scipy import stats

from lic_lab.errors import LicLabError
from lic_lab.evaluation.verdicts import verdict


@pytest.mark.parametrize("values", [[1.0, 2.0], [3.1, 2.9, 3.4], [-0.5, 0.7, 0.1, -0.2]])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_leaves_out_zero_exactly_where_the_t_test_does(values, level):
    found = verdict(values, level=level)
    test = stats.ttest_1samp(values, 0)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval(level)))
    assert found.sure == (test.pvalue < 1 - level) and found.n == len(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3.0, 3.1, 2.9], "costs more"),
        ([-3.0, -3.1, -2.9], "costs less"),
        ([-3.0, 3.1, 2.9], "no difference that 3 numbers can show"),
        ([40.0], "one number has no spread: nothing follows"),
    ],
)
def test_the_words_follow_from_the_interval(values, words):
    assert verdict(values).words == words


def test_two_seeds_must_agree_very_closely_to_show_anything():
    assert not verdict([4.0, 6.0]).sure and verdict([4.9, 5.1]).sure


def test_equal_numbers_have_an_interval_of_no_width():
    assert verdict([2.0, 2.0]).low == verdict([2.0, 2.0]).high == 2.0


def test_one_number_has_no_interval():
    alone = verdict([4.0])
    assert math.isnan(alone.low) and not alone.sure and str(alone) == "+4.00 (no interval)"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(LicLabError, match="leave out the runs that failed"):
        verdict(values)


def test_a_level_is_between_zero_and_one():
    with pytest.raises(LicLabError, match="a level is between 0 and 1, got 95"):
        verdict([1.0, 2.0], level=95)
