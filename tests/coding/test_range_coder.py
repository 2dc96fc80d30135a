import numpy as np
import pytest

from lic_lab.coding import range_coder
from lic_lab.coding.tables import Tables
from lic_lab.errors import CorruptStreamError


@pytest.fixture
def thirds():
    """One table, precision 16: the escape owns one point, 0 nearly all the others, 1 the last eight."""
    return Tables(np.array([[2**16 - 9, 8, 1]]), np.array([3]), np.array([0]))


def encode(tables, symbols):
    encoder = range_coder.Encoder()
    encoder.push(np.array(symbols), tables, np.zeros(len(symbols), int))
    return encoder.finish()


def decode(tables, data, count):
    decoder = range_coder.Decoder(data)
    symbols = decoder.pop(tables, np.zeros(count, int))
    decoder.close()
    return symbols.tolist()


def test_one_byte_names_a_symbol_of_eight_bits():
    tables = Tables.from_pmfs([np.full(255, 1 / 256)], [0], precision=8)
    assert encode(tables, [41]) == bytes([42])  # the escape comes first, so 41 owns the points from 42 / 256 on
    assert encode(tables, [41, 0, 254]) == bytes([42, 1, 255])


def test_a_carry_runs_back_over_bytes_already_written(thirds):
    # 1, then 0 for ever, climbs to the very end of the line: sooner or later bytes 255 wait for a carry.
    carried = 0
    for count in range(1, 300, 23):
        symbols = [1, *[0] * count, *[1] * (count % 7)]
        encoder = range_coder.Encoder()
        for symbol in symbols:
            before = bytes(encoder._written)
            encoder.push(np.array([symbol]), thirds, np.array([0]))
            carried += encoder._written[: len(before)] != before
        assert decode(thirds, encoder.finish(), len(symbols)) == symbols
    assert carried > 0


def test_the_last_byte_is_left_out_where_zeros_will_do(thirds):
    with_byte = [len(encode(thirds, [0] * count)) for count in range(50)]
    assert with_byte[0] == 0 and max(with_byte) == 1


def test_another_point_of_the_same_interval_is_not_what_the_encoder_writes():
    tables = Tables.from_pmfs([np.full(3, 1 / 4)], [0], precision=8)  # 0 owns the points from 64 / 256 to 127 / 256
    assert encode(tables, [0]) == bytes([64])
    for other in (bytes([65]), bytes([127]), bytes([64, 1]), bytes([64, 0])):
        with pytest.raises(CorruptStreamError, match="does not end"):
            decode(tables, other, 1)
