import numpy as np
import pytest
import torch
from PIL import Image

from lic_lab.datasets.images import write_image


def _photo(height, width, seed):
    """A smooth picture with a little grain, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    return (smooth + rng.integers(-6, 7, smooth.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def photo():
    """Makes pictures: photo(height, width, seed)."""
    return _photo


@pytest.fixture(scope="module", autouse=True)  # before what a module trains once for all its tests
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of 14 pictures of mixed sizes, not to be changed; the 13th in the order of names is held out."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(14):
        write_image(folder / f"{number:02}.png", _photo(70 + 9 * (number % 3), 90 - 7 * (number % 2), number))
    return folder
