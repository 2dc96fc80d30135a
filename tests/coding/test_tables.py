import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.coding.tables import LENGTHS, Tables
from lic_lab.errors import LicLabError

PMFS = st.lists(st.lists(st.floats(0, 1), max_size=12), min_size=1, max_size=4)


def gaussian(deviation, half):
    """Masses of the integers -half .. half under N(0, deviation^2)."""
    edges = [0.5 * math.erf((k - 0.5) / deviation / math.sqrt(2)) for k in range(-half, half + 2)]
    return np.diff(edges)


@settings(max_examples=200)
@given(PMFS, st.sampled_from([4, 8, 16, 24]))
def test_every_slot_has_a_frequency_and_each_row_its_total(pmfs, precision):
    tables = Tables.from_pmfs(pmfs, list(range(len(pmfs))), precision)
    assert tables.freq.dtype == tables.size.dtype == tables.offset.dtype == np.int32
    assert tables.size.tolist() == [len(pmf) + 1 for pmf in pmfs]
    for row, size in zip(tables.freq, tables.size, strict=True):
        assert row[:size].min() >= 1 and not row[size:].any()
        assert row.sum() == 2**precision


@settings(max_examples=60)
@given(PMFS)
def test_slots_lie_side_by_side_on_the_line_with_the_escape_first(pmfs):
    tables = Tables.from_pmfs(pmfs, [0] * len(pmfs))
    for freq, start, size in zip(tables.freq, tables.start, tables.size, strict=True):
        assert start[size - 1] == 0
        order = np.argsort(start[:size])
        assert np.array_equal(start[order], np.cumsum(freq[order]) - freq[order])


def test_frequencies_are_the_probabilities_rounded():
    tables = Tables.from_pmfs([np.array([0.5, 0.25, 0.125]), np.array([0.25, 0.25])], [0, 0], precision=4)
    assert tables.freq.tolist() == [[8, 4, 2, 2], [4, 4, 8, 0]]  # the escape has what is left to 1


def test_a_rounding_remainder_goes_to_the_largest_slots_first_by_index():
    assert Tables.from_pmfs([np.full(3, 1 / 3)], [0], precision=4).freq.tolist() == [[5, 5, 5, 1]]
    assert Tables.from_pmfs([np.full(6, 1 / 6)], [0], precision=4).freq.tolist() == [[2, 2, 2, 3, 3, 3, 1]]


def test_rare_slots_are_paid_for_by_the_common_ones():
    tables = Tables.from_pmfs([np.array([1e-9] * 500 + [0.5, 0.5])], [0])
    assert tables.freq[0, :500].tolist() == [1] * 500
    assert abs(int(tables.freq[0, 500]) - int(tables.freq[0, 501])) <= 1


def test_a_table_of_a_gaussian_costs_within_a_thousandth_of_its_entropy():
    for deviation in (0.3, 1, 8, 60, 256):
        pmf = gaussian(deviation, math.ceil(4.3 * deviation))
        tables = Tables.from_pmfs([pmf], [-(len(pmf) // 2)])
        bits = tables.symbol_bits(np.arange(len(pmf)) + tables.offset[0], np.zeros(len(pmf), int))
        entropy = -(pmf * np.log2(pmf)).sum()
        assert (pmf * bits).sum() == pytest.approx(entropy, rel=1e-3, abs=5e-4)


@settings(max_examples=60)
@given(PMFS)
def test_no_symbol_is_cheaper_than_the_least_that_the_tables_promise(pmfs):
    tables = Tables.from_pmfs(pmfs, [0] * len(pmfs))
    assert tables.min_cost_bits >= 3e-4
    symbols, indices = np.meshgrid(np.arange(-3, 15), np.arange(len(pmfs)))
    assert tables.symbol_bits(symbols, indices).min() >= tables.min_cost_bits


@pytest.mark.parametrize("precision", [4, 8, 12, 16, 20, 24])
@pytest.mark.parametrize("escape", [0, 1e-6, 1e-3])
def test_the_bound_on_symbols_lets_every_honest_stream_pass(precision, escape):
    from lic_lab.coding.fast import Encoder

    tables = Tables.from_pmfs([np.array([1 - escape])], [0], precision)
    for count in (1, 300, 200_000):
        encoder = Encoder()
        encoder.push(np.zeros(count, int), tables, np.zeros(count, int))
        assert count <= tables.most_symbols(len(encoder.finish()))


def test_sixty_bytes_cannot_claim_gigabytes():
    assert Tables.from_pmfs([np.array([1.0])], [0]).most_symbols(60) < 2e6


def test_the_cost_is_that_of_the_slot_and_for_escapes_of_the_golomb_number_too():
    tables = Tables(np.array([[8, 4, 4]]), np.array([3]), np.array([-1]), precision=4)
    bits = tables.symbol_bits(np.array([-1, 0, 1, -2, 2, 2**31 - 1]), np.zeros(6, int))
    lengths = LENGTHS.precision - np.log2(LENGTHS.freq[0, [0, 1, 1, 31]]) + [0, 1, 1, 31]  # values 0, 1, 2, 2**32 - 4
    assert bits[:2].tolist() == [1, 2]
    assert bits[2:] == pytest.approx(2 + lengths)
    assert tables.cost_bits(np.array([[-1, 0]]), np.array([[0, 0]])) == 3


def test_the_golomb_lengths_cost_what_their_bit_strings_would():
    cost = LENGTHS.precision - np.log2(LENGTHS.freq[0, :14])
    assert cost == pytest.approx(np.arange(1, 15), abs=0.01)


def test_tables_come_back_from_their_arrays_and_cannot_be_changed():
    tables = Tables.from_pmfs([np.array([0.5, 0.2]), np.array([0.1])], [-3, 5], precision=12)
    arrays = tables.to_arrays()
    assert all(array.dtype == np.int32 for array in arrays.values())
    again = Tables.from_arrays({name: array.copy() for name, array in arrays.items()})
    assert all(np.array_equal(again.to_arrays()[name], array) for name, array in arrays.items())
    with pytest.raises(ValueError, match="read-only"):
        tables.freq[0, 0] = 3


def test_the_same_probabilities_give_the_tables_of_the_first_release():
    # Exact in binary, so that no machine can differ.
    pmfs = [np.arange(n) * 7919 % 1000 * 2.0**-16 for n in (1, 5, 40, 64)] + [np.array([1 - 2.0**-20])]
    freq = Tables.from_pmfs(pmfs, [0] * 5).freq.astype("<i4")
    assert hashlib.sha256(freq.tobytes()).hexdigest()[:16] == GOLDEN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"freq": np.array([[3, 1], [4, 1]])}, "sum to"),
        ({"freq": np.array([[4, 0], [3, 1]])}, "no frequency"),
        ({"size": np.array([1, 2])}, "no slot"),
        ({"size": np.array([3, 2])}, "more slots than columns"),
        ({"size": np.array([2])}, "shapes"),
        ({"offset": np.array([2**31 - 2, 0])}, "beyond 32 bits"),
        ({"precision": np.array([25])}, "precision 25"),
        ({"freq": np.array([[-4, 8], [3, 1]])}, "no slot"),
    ],
)
def test_stored_numbers_that_are_no_tables_are_refused(change, said):
    arrays = {"freq": np.array([[3, 1], [3, 1]]), "size": np.array([2, 2]), "offset": np.array([0, 0]), "precision": 2}
    Tables.from_arrays(arrays)
    with pytest.raises(LicLabError, match=said):
        Tables.from_arrays(arrays | change)


def test_a_missing_array_is_named():
    with pytest.raises(LicLabError, match="lack offset, size"):
        Tables.from_arrays({"freq": np.array([[1]]), "precision": 0})


@pytest.mark.parametrize(
    ("pmfs", "said"),
    [
        ([np.array([0.5, -0.1])], ">= 0"),
        ([np.array([np.nan])], "finite"),
        ([np.ones((2, 2))], "a row"),
        ([np.full(16, 1 / 16)], "room for 15"),
        ([], "at least"),
    ],
)
def test_what_is_no_pmf_is_refused(pmfs, said):
    with pytest.raises(LicLabError, match=said):
        Tables.from_pmfs(pmfs, [0] * len(pmfs), precision=4)


GOLDEN = "cf7865f530f352f5"
