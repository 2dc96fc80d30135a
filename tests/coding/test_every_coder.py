"""What all three coders promise: any int32 comes back, at the price the tables name, and damage never goes unseen."""

import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic_lab.coding import fast, range_coder, rans
from lic_lab.coding.tables import Tables
from lic_lab.errors import CorruptStreamError, LicLabError

CODERS = [fast, rans, range_coder]
every_coder = pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.__name__.split(".")[-1])
INT32 = st.integers(-(2**31), 2**31 - 1)


@st.composite
def some_tables(draw):
    """One to four tables of zero to six slots and an escape, anywhere in the range of int32, of several precisions."""
    pmfs = draw(st.lists(st.lists(st.floats(0, 1), max_size=6), min_size=1, max_size=4))
    offsets = [draw(st.integers(-5, 5) | st.sampled_from([-(2**31), 2**31 - 10])) for _ in pmfs]
    return Tables.from_pmfs(
        [np.array(pmf) / max(1, sum(pmf)) for pmf in pmfs], offsets, draw(st.sampled_from([4, 16, 24]))
    )


@st.composite
def some_steps(draw):
    """A few pushes: (symbols, tables, indices), near the tables' ranges and anywhere, of any shape, empty ones too."""
    steps = []
    for tables in draw(st.lists(some_tables(), min_size=1, max_size=3)):
        shape = draw(st.sampled_from([(), (0,), (3,), (2, 0, 3), (2, 5)]) | st.tuples(st.integers(0, 40)))
        count = int(np.prod(shape))
        indices = draw(st.lists(st.integers(0, len(tables) - 1), min_size=count, max_size=count))
        near = st.integers(-8, 8)
        symbols = draw(st.lists(near | INT32, min_size=count, max_size=count))
        steps.append((np.array(symbols, np.int32).reshape(shape), tables, np.array(indices, np.int64).reshape(shape)))
    return steps


def write(coder, steps):
    encoder = coder.Encoder()
    for step in steps:
        encoder.push(*step)
    return encoder.finish(), encoder.checksum


def read(coder, data, steps):
    decoder = coder.Decoder(data)
    symbols = [decoder.pop(tables, indices) for _, tables, indices in steps]
    decoder.close()
    return symbols, decoder.checksum


@pytest.fixture(scope="module")
def gaussian():
    """Seven tables of Gaussians of deviation 0.1 to 40, with 300 symbols drawn from them and five far outside."""
    rng = np.random.default_rng(3)
    deviations = np.geomspace(0.1, 40, 7)
    pmfs = []
    for deviation in deviations:
        grid = np.arange(-100, 101)
        pmf = np.exp(-(grid**2) / (2 * deviation**2))
        pmfs.append(pmf / pmf.sum())
    indices = rng.integers(0, 7, (20, 15))
    symbols = np.round(rng.normal(size=indices.shape) * deviations[indices]).astype(np.int32)
    symbols[0, :5] = 1000, -101, 101, -(2**31), 2**31 - 1
    return symbols, Tables.from_pmfs(pmfs, [-100] * 7), indices


@every_coder
@settings(max_examples=60, deadline=None)
@given(steps=some_steps())
def test_any_int32_comes_back_in_shape_from_the_bytes_alone(coder, steps):
    data, checksum = write(coder, steps)
    symbols, seen = read(coder, data, steps)
    for back, (wanted, _, _) in zip(symbols, steps, strict=True):
        assert back.dtype == np.int32 and back.shape == wanted.shape
        assert np.array_equal(back, wanted)
    assert seen == checksum == zlib.crc32(b"".join(wanted.astype("<i4").tobytes() for wanted, _, _ in steps))


@every_coder
@settings(max_examples=60, deadline=None)
@given(steps=some_steps())
def test_the_bytes_cost_what_the_tables_say_and_four_more_at_most(coder, steps):
    ideal = sum(tables.cost_bits(symbols, indices) for symbols, tables, indices in steps)
    bits = 8 * len(write(coder, steps)[0])
    assert ideal - 8 <= bits <= 1.001 * ideal + 32


@every_coder
def test_the_cost_of_a_longer_message_is_within_a_thousandth(coder, gaussian):
    symbols, tables, indices = gaussian
    ideal = 10 * tables.cost_bits(symbols, indices)
    assert ideal < 8 * len(write(coder, [gaussian] * 10)[0]) < 1.001 * ideal + 32


@every_coder
def test_nothing_pushed_is_three_bytes_at_most_and_closes(coder):
    data, checksum = write(coder, [])
    assert len(data) <= 3 and checksum == 0
    assert read(coder, data, []) == ([], 0)


@every_coder
def test_a_flipped_bit_is_an_error_or_another_checksum_never_a_silent_change(coder, gaussian):
    data, checksum = write(coder, [gaussian])
    for bit in range(0, 8 * len(data), 1 if coder is fast else 13):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            _, seen = read(coder, bytes(flipped), [gaussian])
        except CorruptStreamError:
            continue
        assert seen != checksum


@every_coder
def test_a_shorter_or_longer_stream_is_an_error_or_another_checksum(coder, gaussian):
    data, checksum = write(coder, [gaussian])
    shorter = [data[:length] for length in range(0, len(data), 1 if coder is fast else 13)]
    longer = [data + extra for extra in (b"\0", b"\1", b"\xff" * 3, b"\0" * 4, data)]
    refused = 0
    for other in shorter + longer:
        try:
            assert read(coder, other, [gaussian])[1] != checksum
        except CorruptStreamError:
            refused += 1
    assert refused == len(shorter + longer) or coder is range_coder  # ANS sees it alone: its state must end at SEED


@every_coder
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60), steps=some_steps())
def test_any_bytes_end_in_symbols_or_in_a_corrupt_stream_error(coder, data, steps):
    try:
        read(coder, data, steps)
    except CorruptStreamError as error:
        assert "\n" not in str(error)


@every_coder
def test_a_decoder_refuses_more_symbols_than_its_bytes_can_hold_before_it_makes_room_for_them(coder):
    tables = Tables.from_pmfs([np.array([1.0])], [0])
    decoder = coder.Decoder(write(coder, [(np.zeros(1000, int), tables, np.zeros(1000, int))])[0])
    begin = time.perf_counter()
    with pytest.raises(CorruptStreamError, match="too short for 1000000000000 symbols"):
        decoder.pop(tables, np.broadcast_to(0, 10**12))
    assert time.perf_counter() - begin < 1


@every_coder
def test_the_end_of_the_stream_is_noticed_by_close_and_by_pop(coder, gaussian):
    _, tables, indices = gaussian
    data, _ = write(coder, [gaussian])
    decoder = coder.Decoder(data)
    decoder.pop(tables, indices[:10])
    with pytest.raises(CorruptStreamError, match="does not end"):
        decoder.close()
    with pytest.raises(CorruptStreamError, match="damaged"):
        decoder.pop(tables, np.concatenate([indices] * 30))


@every_coder
@pytest.mark.parametrize(
    ("symbols", "indices", "said"),
    [
        (np.zeros(3), np.zeros(3, int), "must be integers"),
        (np.zeros(3, int), np.zeros(3), "must be integers"),
        (np.zeros(3, int), np.zeros((3, 1), int), "one shape"),
        (np.zeros(3, int), np.array([0, 7, 0]), r"0 \.\. 6"),
        (np.zeros(3, int), np.array([0, -1, 0]), r"0 \.\. 6"),
        (np.array([0, 2**31]), np.zeros(2, int), "32 bits"),
        (np.array([2**40], np.uint64), np.zeros(1, int), "32 bits"),
    ],
)
def test_what_cannot_be_coded_is_refused_with_a_reason(coder, gaussian, symbols, indices, said):
    with pytest.raises(LicLabError, match=said):
        coder.Encoder().push(symbols, gaussian[1], indices)


@every_coder
def test_symbols_are_taken_when_pushed_whatever_their_type_and_layout(coder, gaussian):
    symbols, tables, indices = gaussian
    symbols = symbols.copy()
    wide = np.repeat(symbols.astype(np.int64), 2, axis=1)
    encoder = coder.Encoder()
    encoder.push(symbols, tables, indices)
    encoder.push(wide[:, ::2], tables, indices.astype(np.uint8))
    encoder.push(symbols.T, tables, np.asfortranarray(indices.T))
    expected = write(coder, [gaussian, gaussian, (symbols.T.copy(), tables, indices.T.copy())])
    symbols[:], wide[:] = 7, 7
    assert (encoder.finish(), encoder.checksum) == expected


def test_the_coders_work_in_a_process_that_never_loads_torch():
    code = "import sys, lic_lab.coding; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
