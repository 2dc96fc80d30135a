import numpy as np
import pytest

from lic_lab.coding import rans
from lic_lab.coding.tables import SEED, Tables
from lic_lab.errors import CorruptStreamError


@pytest.fixture
def halves():
    """One table, precision 2: the escape owns 1/4 of the line, 0 the next half, 1 the last quarter."""
    return Tables(np.array([[2, 1, 1]]), np.array([3]), np.array([0]), precision=2)


def encode(tables, *symbols):
    encoder = rans.Encoder()
    encoder.push(np.array(symbols), tables, np.zeros(len(symbols), int))
    return encoder.finish()


def test_the_state_can_be_followed_by_hand(halves):
    # 2**24 points: 0 owns the half that starts at 2**22, 1 the quarter that starts at 3 * 2**22. The seed is 2**23.
    one = SEED // 2**22 * 2**24 + 3 * 2**22
    assert int.from_bytes(encode(halves, 1), "little") == one
    assert int.from_bytes(encode(halves, 0, 1), "little") == one // 2**23 * 2**24 + 2**22 + one % 2**23


def test_the_first_symbol_pushed_is_on_top_of_the_stack(halves):
    state = int.from_bytes(encode(halves, 1, 0), "little")
    assert state % 2**24 // 2**22 == 3  # the point lies in the last quarter: the symbol is 1


def test_a_symbol_of_two_bits_makes_the_stream_two_bits_longer(halves):
    lengths = [len(encode(halves, *[1] * count)) for count in range(0, 401, 4)]
    assert set(np.diff(lengths)) == {1}


def test_a_state_below_the_seed_is_refused():
    with pytest.raises(CorruptStreamError, match="ends before"):
        rans.Decoder((SEED - 1).to_bytes(3, "little"))
