import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic_lab.coding import golomb
from lic_lab.errors import CorruptStreamError, LicLabError

VALUES = st.lists(st.integers(0, 2**33 - 2) | st.integers(0, 20), max_size=30)


@given(VALUES)
def test_numbers_come_back(values):
    assert golomb.decode(golomb.encode(np.array(values, np.int64)), len(values)).tolist() == values


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1), st.integers(-(2**31), 2**31 - 1), st.integers(-1, 100))
def test_folding_numbers_the_outside_of_any_range_and_unfolds(symbols, low, extent):
    high = low + extent
    outside = np.array([s for s in symbols if not low <= s <= high], np.int64)
    values = golomb.fold(outside, low, high)
    assert (values >= 0).all() and (values < 2**33 - 1).all()
    assert np.array_equal(golomb.unfold(values, low, high), outside)


def test_the_nearest_outside_comes_first():
    assert golomb.unfold(np.arange(6), -2, 3).tolist() == [4, -3, 5, -4, 6, -5]


@pytest.mark.parametrize(
    ("value", "bits"), [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (6, "00111"), (7, "0001000")]
)
def test_short_numbers_have_the_bit_strings_of_the_standard(value, bits):
    assert golomb.encode([value]) == int(bits.ljust(8, "0"), 2).to_bytes(1, "big")


def test_lengths_are_exact_around_every_power_of_two():
    values = [2**n + d for n in range(1, 33) for d in (-2, -1, 0)] + [0, 2**33 - 2]
    assert golomb.lengths(np.array(values)).tolist() == [(value + 1).bit_length() - 1 for value in values]


@given(st.lists(st.integers(0, 33), max_size=50))
def test_the_pieces_cover_every_bit_of_every_suffix_once(lengths):
    bits = np.zeros((len(lengths), 40), int)
    for positions, shift, count in golomb.pieces(np.array(lengths, np.int32)):
        assert 1 <= count <= golomb.PIECE
        bits[positions, shift : shift + count] += 1
    assert np.array_equal(bits, np.arange(40) < np.array(lengths, int)[:, None])


@given(st.binary(max_size=20), st.integers(0, 40))
def test_any_bytes_are_numbers_that_encode_to_them_or_an_error(data, count):
    try:
        values = golomb.decode(data, count)
    except CorruptStreamError:
        return
    assert golomb.encode(values) == data


def test_a_number_that_encode_would_not_write_is_not_read_either():
    assert golomb.decode(golomb.encode([2**33 - 2]), 1) == [2**33 - 2]
    longer = int("0" * 33 + "1" * 34 + "0" * 5, 2).to_bytes(9, "big")
    with pytest.raises(CorruptStreamError, match="ends or derails at number 0 of 1"):
        golomb.decode(longer, 1)


def test_numbers_that_do_not_fit_are_refused():
    for values in ([-1], [2**33 - 1]):
        with pytest.raises(LicLabError, match="exp-Golomb numbers are 0"):
            golomb.encode(values)
