"""Rectified stereo pairs: two views of one scene, in which a point keeps its row and moves along it."""

import os
import re
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import SUFFIXES, read_image
from lic_lab.errors import LicLabError


class StereoPair(NamedTuple):
    """Two views and how far each point moves between them.

    left, right: uint8 (h, w, 3). disparity: float32 (h, w) in pixels, NaN where unknown:
    left[y, x] shows the same point as right[y, x - disparity[y, x]], unless something hides it there.
    """

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray


class PairFiles(NamedTuple):
    """The two files of a pair, and what their names have in common ("train/0001")."""

    name: str
    left: Path
    right: Path


class Naming(NamedTuple):
    """How a data set names its views: the ends of paths without suffix; * stands for anything, also for folders.

    gray_of: left views in colour of the same scenes; where such a file is there, the grey pair is left out.
    """

    left: str
    right: str
    source: str
    gray_of: tuple[str, ...] = ()


# The special before the general: the first that finds both views counts. Upper and lower case are alike.
NAMINGS = (
    Naming(
        "leftImg8bit/*_leftImg8bit", "rightImg8bit/*_rightImg8bit", "Cityscapes: <view>/<split>/<city>/<frame>_<view>"
    ),
    Naming("colored_0/*", "colored_1/*", "KITTI 2012: the colour cameras, below training or testing"),
    Naming("image_2/*", "image_3/*", "KITTI 2015: the colour cameras, below training or testing"),
    Naming("image_02/*", "image_03/*", "KITTI raw: the colour cameras, below each drive, in a folder `data`"),
    Naming("image_0/*", "image_1/*", "KITTI 2012: the grey cameras", ("colored_0/*", "image_2/*")),
    Naming("image_00/*", "image_01/*", "KITTI raw: the grey cameras", ("image_02/*",)),
    Naming("im0", "im1", "Middlebury 2014 and 2021: a folder for each scene"),
    Naming("view1", "view5", "Middlebury 2005 and 2006: a folder for each scene, the pair that has disparities"),
    Naming("C1/*", "C4/*", "WildTrack: two of its seven cameras, as the stereo codecs LDMIC and BiSIC pair them"),
    Naming("left/*_L", "right/*_R", "folders and names both say it"),
    Naming("left/*_left", "right/*_right", "folders and names both say it"),
    Naming("*_L", "*_R", "Flickr1024: <number>_<view>"),
    Naming("left", "right", "InStereo2K: a folder for each scene, below train or test"),
    Naming("*_left", "*_right", "usual"),
    Naming("left_*", "right_*", "usual"),
    Naming("left/*", "right/*", "SceneFlow, DrivingStereo and others: a folder for each view"),
)

# Maps that lie beside the views under names like theirs; "Mask-perfect" is a scene of Middlebury and may be a folder.
_NO_VIEW = re.compile(
    r"(^|[_/-])(disp|disparity|depth)([_/-]|$)|(^|[_/-])(mask|occ|flow|conf)([_-][^/]*)?$", re.IGNORECASE
)


def motorcycle() -> StereoPair:
    """The Motorcycle pair, 741 x 500, with its measured disparity (7 to 63 pixels; 7.3 % are unknown).

    It comes inside scikit-image's wheel: the default exposure of the Middlebury 2014 stereo benchmark, scaled down by
    four. The makers ask that Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth"
    (GCPR 2014) be cited and give no other licence; so it is read from there and not copied into lic_lab.
    scikit-image's own description has the direction reversed and calls unknown values NaN, where its file holds
    infinity.
    Raises LicLabError where scikit-image does not carry it.
    """
    left, right, disparity = (skimage_file(f"motorcycle_{part}") for part in ("left.png", "right.png", "disp.npz"))
    if not disparity.is_file():
        raise LicLabError(f"the Motorcycle pair is not in this scikit-image ({disparity} is missing): reinstall it")
    with np.load(disparity) as arrays:
        values = arrays["arr_0"]
    return StereoPair(read_image(left), read_image(right), np.where(np.isfinite(values), values, np.float32("nan")))


def read_pair(source) -> np.ndarray:
    """Read two views of one scene into 8-bit RGB: uint8 (2, h, w, 3), left first.

    source: (left, right), each anything `read_image` takes; a `StereoPair`; a `PairFiles`; an array (2, h, w, 3) or a
    tensor (2, c, h, w) or (1, 2, c, h, w). A warning says where two views given apart are equal, or look exchanged (see
    `swapped`).
    Raises LicLabError for anything else, one picture alone, views of two sizes, one file given twice, names that say
    that right comes first, and whatever `read_image` refuses.
    """
    first, second = _two(source)
    if isinstance(first, (str, os.PathLike)) and isinstance(second, (str, os.PathLike)):
        _check_names(Path(first), Path(second))
    left, right = read_image(first), read_image(second)
    if left.shape != right.shape:
        sizes = " and ".join(f"{view.shape[1]} x {view.shape[0]}" for view in (left, right))
        raise LicLabError(f"the two views of a pair have sizes {sizes}: give a rectified pair, both of one size")
    if isinstance(source, (np.ndarray, torch.Tensor)):  # put together by somebody who has looked at them
        return np.stack([left, right])
    if np.array_equal(left, right):
        warnings.warn("the two views of the pair are equal: was one file copied twice?", stacklevel=2)
    elif swapped(left, right):
        warnings.warn("the views look exchanged: give the left one first (unless the cameras converge)", stacklevel=2)
    return np.stack([left, right])


def named_as_pair(first, second) -> bool:
    """Say whether two paths are named as the left and the right view of one scene, in either order (see NAMINGS)."""
    stems = {_stem(Path(path)).lower() for path in (first, second)}
    return any(
        {left.lower(), right.lower()} == stems
        for stem in stems
        for naming in NAMINGS
        for left, right in ((stem, _translated(stem, naming.left, naming.right)),)
        if right
    )


def find_pairs(folder) -> list[PairFiles]:
    """Find the pairs below a folder by their names (see NAMINGS), sorted; hidden files and disparity maps are left out.

    A folder without any pair gives an empty list, as one of single pictures does, even if a name or two among many
    looks like half a pair. Raises LicLabError where there is no such folder, or where views lack their partner.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LicLabError(f"no such folder: {str(folder)!r}")
    views = _views(folder)
    pairs, lonely = {}, {}
    for file in views.values():
        for left, right, naming in _best_candidate(_stem(file.relative_to(folder)), views):
            both = views.get(left.lower()), views.get(right.lower())
            if None in both:
                lonely[file] = (right if both[0] else left)[1:] + file.suffix
            elif not any(_translated(left, naming.left, color).lower() in views for color in naming.gray_of):
                pairs[both] = PairFiles("".join(_star(left, naming.left)).strip("/") or folder.resolve().name, *both)
    if lonely and (pairs or 2 * len(lonely) >= len(views)):
        file, wanted = min(lonely.items())
        raise LicLabError(
            f"{len(lonely)} of {len(views)} pictures in {folder} lack the other view, the first: "
            f"{file.relative_to(folder)} has no {wanted}: add what is missing, or move the single ones away"
        )
    return sorted(pairs.values())


def swapped(left: np.ndarray, right: np.ndarray) -> bool:
    """Say whether two views, uint8 (h, w, 3), are clearly exchanged: points lie further right in the right view.

    Both are made grey and at most 160 columns wide, and their local mean is taken off. Every block of 8 x 16 looks for
    its like up to 24 columns away on both sides, and votes where one side is clearly better. Cameras that converge
    have points on both sides, and unrelated pictures too: only three votes to one, by a fifth of all blocks, count.
    """
    a, b = _outlines(left), _outlines(right)
    reach = min(24, a.shape[1] // 4)
    if min(a.shape) < 16:  # too small to say
        return False
    middle, end = a[:, reach:-reach], a.shape[1] - reach
    cost = {d: _block_means(np.abs(middle - b[:, reach - d : end - d])) for d in range(-reach, reach + 1)}
    proper, reverse = (np.min([cost[sign * d] for d in range(1, reach + 1)], axis=0) for sign in (1, -1))
    votes = (proper < 0.7 * np.minimum(reverse, cost[0])).sum()
    votes_against = (reverse < 0.7 * np.minimum(proper, cost[0])).sum()
    return bool(votes_against > max(3 * votes, 0.2 * proper.size))


def _two(source) -> Iterable:
    """The two views that a person gave, in whatever form."""
    if isinstance(source, (StereoPair, PairFiles)):
        return source.left, source.right
    if isinstance(source, torch.Tensor) and source.ndim == 5 and len(source) == 1:
        source = source[0]
    whole = isinstance(source, (np.ndarray, torch.Tensor)) and source.ndim == 4 and source.shape[0] == 2
    if whole or (isinstance(source, (tuple, list)) and len(source) == 2):
        return source
    if isinstance(source, (np.ndarray, torch.Tensor)):
        shape = tuple(source.shape)
        raise LicLabError(
            f"a stereo pair as array is (2, h, w, 3), as tensor (2, 3, h, w), got {shape}: give both views"
        )
    if isinstance(source, (str, os.PathLike, Image.Image)):
        raise LicLabError("a stereo pair is two views, and one picture was given: give (left, right)")
    count = f" of {len(source)}" if isinstance(source, (tuple, list)) else ""
    raise LicLabError(f"cannot read a stereo pair from {type(source).__name__}{count}: give (left, right)")


def _check_names(first: Path, second: Path) -> None:
    if first.exists() and second.exists() and first.samefile(second):
        raise LicLabError(f"both views are one file, {str(first)!r}: give the left and the right one")
    for naming in NAMINGS:
        left, right = _star(_stem(second), naming.left), _star(_stem(first), naming.right)
        if left and right and ("/" not in naming.left or left == right):  # folders alone may be called anything
            raise LicLabError(f"{str(first)!r} is named as the right view, {str(second)!r} as the left: exchange them")


def _views(folder: Path) -> dict[str, Path]:
    """Stem in lower case -> picture, of all below the folder that may be a view."""
    views = {}
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and file.suffix.lower() in SUFFIXES and not _NO_VIEW.search(_stem(inside)) and file.is_file():
            views.setdefault(_stem(inside).lower(), file)
    return views


def _stem(path: Path) -> str:
    """A path as namings see it: a / before it and between folders, and no suffix."""
    return "/" + path.with_suffix("").as_posix().lstrip("/")


@cache
def _expression(pattern: str) -> re.Pattern:
    return re.compile("(.*/)" + re.escape(pattern).replace(r"\*", "(.+)"), re.IGNORECASE)


def _star(stem: str, pattern: str) -> tuple[str, ...]:
    """What lies before the pattern and, if it has a *, what that stands for; () where the stem does not fit it."""
    match = _expression(pattern).fullmatch(stem)
    return match.groups() if match else ()


def _translated(stem: str, pattern: str, other: str) -> str:
    """The stem that the other pattern gives to what a stem is by the first one; "" where it does not fit."""
    before, *star = _star(stem, pattern) or ("",)
    return before and before + other.replace("*", *star or ("",))


def _best_candidate(stem: str, views: dict[str, Path]) -> list[tuple[str, str, Naming]]:
    """[(left, right, naming)] of which a stem is one view: the first with both there, else the first, else none."""
    candidates = []
    for naming in NAMINGS:
        if right := _translated(stem, naming.left, naming.right):
            candidates.append((stem, right, naming))
        if left := _translated(stem, naming.right, naming.left):
            candidates.append((left, stem, naming))
    complete = [c for c in candidates if c[0].lower() in views and c[1].lower() in views]
    return (complete or candidates)[:1]


def _outlines(view: np.ndarray) -> np.ndarray:
    """A view in grey, at most 160 columns wide, less its local mean: float32 (r, c)."""
    height, width = view.shape[:2]
    columns = min(160, width)
    size = (columns, max(1, round(height * columns / width)))
    grey = np.asarray(Image.fromarray(view).convert("L").resize(size, Image.Resampling.BOX), np.float32)
    mean = np.asarray(Image.fromarray(grey).resize((-(-size[0] // 16), -(-size[1] // 16)), Image.Resampling.BOX))
    return grey - np.asarray(Image.fromarray(mean).resize(size, Image.Resampling.BICUBIC))


def _block_means(values: np.ndarray) -> np.ndarray:
    """Means of blocks of 8 rows and 16 columns; what does not fill a block is left out."""
    rows, columns = values.shape[0] // 8, values.shape[1] // 16
    return values[: 8 * rows, : 16 * columns].reshape(rows, 8, columns, 16).mean((1, 3))
