"""The parts of pictures that published stereo codecs were tested on, by name."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lic_lab.errors import LicLabError


class Box(NamedTuple):
    """Rows top to top + height and columns left to left + width, in pixels."""

    top: int
    left: int
    height: int
    width: int


def _margins(left: int, top: int, right: int, bottom: int) -> Callable[[int, int], Box]:
    return lambda height, width: Box(top, left, height - top - bottom, width - left - right)


def _centre(width: int, height: int) -> Callable[[int, int], Box]:
    return lambda h, w: Box((h - height) // 2, (w - width) // 2, height, width)


# name -> (width, height) of the whole pictures, and what is cut from them. Source: the tests of the stereo codec BiSIC.
BOXES: dict[str, tuple[tuple[int, int], Callable[[int, int], Box]]] = {
    "instereo2k": ((1080, 860), _centre(1024, 832)),
    # without the rectification's borders and the bonnet of the car: 1792 x 704
    "cityscapes": ((2048, 1024), _margins(128, 64, 128, 256)),
    # what the released code cuts: the margins at the right and below are taken for the whole, 1920 x 768 remain
    "cityscapes-published": ((2048, 1024), _margins(128, 64, 0, 192)),
}


def crop_box(picture: np.ndarray, name: str) -> np.ndarray:
    """Cut the named box (see BOXES) from a picture (h, w, 3) or from both views of a pair (2, h, w, 3).

    "cityscapes" is the box that was meant; "cityscapes-published" the one that the released code cuts, to compare with
    published numbers. Returns a view of the array, as large as the box. Raises LicLabError for another name, and for a
    picture of another size than the data set's, of which the box would be another part.
    """
    if name not in BOXES:
        raise LicLabError(f"no box is called {name!r}; there are {', '.join(BOXES)}")
    size, place = BOXES[name]
    height, width = picture.shape[-3:-1]
    if (width, height) != size:
        raise LicLabError(
            f"the box {name!r} is for pictures of {size[0]} x {size[1]}, this one has {width} x {height}: "
            "leave the box out"
        )
    box = place(height, width)
    return picture[..., box.top : box.top + box.height, box.left : box.left + box.width, :]
