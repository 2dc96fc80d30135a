"""What judges contexts in A5: contexts made to order leak where they should, and the fields can be foreseen."""

import numpy as np
import pytest

from lic_lab.check import judging5
from lic_lab.check.exercises import NotYet
from lic_lab.check.given5 import checkerboard, no_context

SHAPE = (2, 5, 6)


def orders(rng):
    return checkerboard(SHAPE), judging5.raster(SHAPE), judging5.slices(SHAPE), judging5.shuffled(SHAPE, rng)


def test_a_step_brings_what_stands_there_and_zero_from_outside():
    y = np.arange(1, 61).reshape(SHAPE)
    assert judging5.moved(y, (0, 0, -1))[0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert judging5.moved(y, (1, 0, 0))[0, 0, 0] == y[1, 0, 0] and judging5.moved(y, (0, 1, 0))[1, 4].sum() == 0


@pytest.mark.parametrize("number", range(4))
def test_who_hears_earlier_passes_decodes_and_who_hears_more_is_named(number):
    rng = np.random.default_rng(4)
    when, y = orders(rng)[number], judging5.streaks(rng, SHAPE, down=1, along=1)
    causal = judging5.listening(when, np.less, rng)
    assert not judging5.unheard(causal, when, y).any()
    assert judging5.coded(y, (lambda shape: when, causal), passes=60).bytes > 0
    only = np.zeros(SHAPE, bool)
    only[1, 2, 3] = True
    leaky = judging5.together(causal, judging5.listening(when, np.equal, rng, steps=((0, 0, 0),), only=only))
    y[1, 2, 3] = 9
    assert np.argwhere(judging5.unheard(leaky, when, y)).tolist() == [[1, 2, 3]]
    with pytest.raises(NotYet, match="it leaks: the table of channel 1, row 2, column 3"):
        judging5.coded(y, (lambda shape: when, leaky), passes=60)


def test_a_sleeping_context_hears_only_what_is_large():
    rng = np.random.default_rng(0)
    when = judging5.raster(SHAPE)
    asleep = judging5.awake_above(30, judging5.listening(when, np.greater, rng))
    y = np.full(SHAPE, 29)
    assert not judging5.unheard(asleep, when, y).any()
    y[1, 3, 3] = 31
    assert judging5.unheard(asleep, when, y).any()


def test_least_squares_saves_on_every_field_and_streaks_know_their_direction():
    rng = np.random.default_rng(5)
    for down, along, better in ((3, 0.4, 1), (0.4, 3, 2)):
        *train, y = (judging5.streaks(rng, (1, 24, 24), down=down, along=along) for _ in range(4))
        near = [
            np.corrcoef(y[0, 1:].ravel(), y[0, :-1].ravel())[0, 1],
            np.corrcoef(y[0, :, 1:].ravel(), y[0, :, :-1].ravel())[0, 1],
        ]
        assert near[better - 1] > near[2 - better] + 0.2
        plain, learned = (judging5.coded(y, fit(train), passes=2).bytes for fit in (no_context, judging5.least_squares))
        assert learned < 0.9 * plain
    *train, y = (judging5.calm_and_wild(rng, (2, 32, 32)) for _ in range(4))
    plain, learned = (judging5.coded(y, fit(train), passes=2).bytes for fit in (no_context, judging5.least_squares))
    assert learned < 0.95 * plain
