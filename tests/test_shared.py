"""What is changed for the whole process is put back, however blocks overlap."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from lic_lab.codecs import load
from lic_lab.datasets.images import read_image
from lic_lab.limits import pillow_without_limit
from lic_lab.shared import for_all_threads, without_remarks_of_pillow


def test_the_first_block_makes_the_change_and_the_last_one_undoes_it():
    told = []

    @for_all_threads
    @contextmanager
    def change():
        told.append("made")
        yield
        told.append("undone")

    one, other = change(), change()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert told == ["made"]
    other.__exit__(None, None, None)
    assert told == ["made", "undone"]
    with pytest.raises(ZeroDivisionError), change():
        1 / 0  # noqa: B018
    assert told == ["made", "undone"] * 2


def test_threads_whose_blocks_overlap_leave_the_process_as_it_was():
    limit, filters, together = Image.MAX_IMAGE_PIXELS, list(warnings.filters), Barrier(2)

    def work(first):
        if not first:
            together.wait()
        with pillow_without_limit(), without_remarks_of_pillow():
            if first:
                together.wait()  # the other one enters
            together.wait()
            if not first:
                together.wait()  # the first one leaves
        if first:
            together.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [True, False]))
    assert Image.MAX_IMAGE_PIXELS == limit is not None and warnings.filters == filters


@pytest.mark.parametrize("name", ["webp", "heif"])
def test_decoding_in_threads_leaves_pillow_and_warnings_as_they_were(name, tmp_path):
    codec = load(name)
    if codec.missing():
        pytest.skip(codec.missing())
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "p.png")
    data, limit, filters = codec.encode(image, 50), Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(codec.decode, [data] * 100))
        list(pool.map(read_image, [tmp_path / "p.png"] * 100))
    assert Image.MAX_IMAGE_PIXELS == limit is not None and warnings.filters == filters
