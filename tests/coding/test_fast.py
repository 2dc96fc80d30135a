import copy
import gc

import numpy as np
import pytest

from lic_lab.coding import fast, rans
from lic_lab.coding.tables import Tables


def step(count, k=5, seed=0, escapes=False):
    """Some symbols of random tables, escapes where asked for."""
    rng = np.random.default_rng(seed)
    pmfs = [rng.dirichlet(np.full(n, 0.3)) for n in rng.integers(2, 20, k)]
    tables = Tables.from_pmfs(pmfs, rng.integers(-9, 3, k))
    indices = rng.integers(0, k, count)
    symbols = tables.offset[indices] + rng.integers(0, tables.size[indices] - 1)
    if escapes:
        symbols = np.where(rng.random(count) < 0.1, rng.integers(-(2**31), 2**31, count), symbols)
    return symbols, tables, indices


def encode(*steps):
    encoder = fast.Encoder()
    for each in steps:
        encoder.push(*each)
    return encoder.finish()


def test_the_readable_rans_writes_the_same_bytes_for_symbols_in_order_of_their_tables():
    symbols, tables, indices = step(3000)
    order = np.argsort(indices, kind="stable")
    encoder = rans.Encoder()
    encoder.push(symbols[order], tables, indices[order])
    assert encoder.finish() == encode((symbols, tables, indices))


def test_the_readable_rans_reads_what_the_compiled_coder_wrote():
    symbols, tables, indices = step(500, escapes=False)
    order = np.argsort(indices, kind="stable")
    decoder = rans.Decoder(encode((symbols, tables, indices)))
    assert np.array_equal(decoder.pop(tables, indices[order]), symbols[order])
    decoder.close()


@pytest.mark.parametrize("precision", [1, 2, 9, 16, 24])
def test_the_compiled_models_have_exactly_the_frequencies_of_the_table(precision):
    # All frequencies, smallest and largest, show in the bytes of a message of every slot; rANS counts in integers.
    pmf = np.array([1e-9, 0.3, 0.5, 1e-12, 0.2])[: max(1, 2**precision - 1)]
    tables = Tables.from_pmfs([pmf], [0], precision)
    symbols = np.random.default_rng(0).integers(0, len(pmf), 2000)
    encoder = rans.Encoder()
    encoder.push(symbols, tables, np.zeros(2000, int))
    assert encoder.finish() == encode((symbols, tables, np.zeros(2000, int)))


@pytest.mark.parametrize("k", [1, 256, 257, 70_000])
def test_any_number_of_tables_can_be_grouped(k):
    tables = Tables.from_pmfs([np.array([0.6, 0.3])] * 3, [0, 10, 20])
    which = np.arange(k) % 3
    tables = Tables(tables.freq[which], tables.size[which], tables.offset[which])
    indices = np.append(np.random.default_rng(0).integers(0, k, 300), k - 1)
    symbols = tables.offset[indices] + np.arange(301) % 3
    decoder = fast.Decoder(encode((symbols, tables, indices)))
    assert np.array_equal(decoder.pop(tables, indices), symbols)
    decoder.close()


def test_a_long_step_is_coded_block_by_block(monkeypatch):
    monkeypatch.setattr(fast, "BLOCK", 16)
    steps = [step(count, seed=count, escapes=True) for count in (100, 15, 16, 17, 0)]
    decoder = fast.Decoder(encode(*steps))
    for symbols, tables, indices in steps:
        assert np.array_equal(decoder.pop(tables, indices), symbols)
    decoder.close()


def test_finish_can_be_asked_twice():
    encoder = fast.Encoder()
    encoder.push(*step(100, escapes=True))
    assert encoder.finish() == encoder.finish()


def test_compiled_models_live_as_long_as_their_tables_and_tables_can_be_copied():
    gc.collect()
    before = len(fast._models)
    symbols, tables, indices = step(100)
    data = encode((symbols, tables, indices))
    again = copy.deepcopy(tables)
    assert encode((symbols, again, indices)) == data
    assert len(fast._models) == before + 2
    del tables, again
    gc.collect()
    assert len(fast._models) == before


def test_the_bytes_are_those_of_the_first_release():
    tables = Tables.from_pmfs(
        [np.array([0.05, 0.2, 0.5, 0.2, 0.049]), np.array([0.25, 0.5]), np.zeros(0)], [-2, 100, 0]
    )
    rows = np.arange(64)
    indices = rows * 7 % 3
    symbols = np.choose(indices, [rows * 5 % 5 - 2, 100 + rows % 2, rows - 32])
    symbols[[3, 21, 40]] = 2**31 - 1, -(2**31), 99
    assert encode((symbols, tables, indices), (symbols[::-1], tables, indices[::-1])).hex() == GOLDEN


GOLDEN = (
    "00feffff7ffcb7fce7ff8bab1005f93982bbfbbedf472a5ef31dfbbcf7bcbfbdc0fdffb6f74c0bc984c407e284c10af4de6a"
    "0abcdafffffffff9fffcff4c57a4ac782393eff4f9fe7015f0de7f3df3de73f6bd6c0bfd7fefffbd09cc7ac101e1e39809e4"
    "07210cc8e2e702df33"
)
