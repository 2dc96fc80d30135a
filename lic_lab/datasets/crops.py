"""Training crops: a folder of photographs held in memory, cut at random places and scales."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from lic_lab.datasets.images import image_size, list_images, read_image
from lic_lab.errors import LicLabError

_READERS = 8  # threads
_BAD_LIMIT = 0.1  # more unreadable pictures than this share, and the folder is not what the user thinks


class CropBank:
    """Hold pictures as uint8, each at a few random scales from 0.6 to 1, and cut batches of crops from them.

    Scaling down hides the artefacts of JPEG sources, so that a codec does not learn to keep them.
    memory: bytes of pictures that are held; those beyond are read anew for every crop, by several threads at once.
    progress(done, total): is told of every picture that was read.
    Raises LicLabError for an empty folder, for more than a tenth of unreadable pictures, or where no picture is as
    large as a crop; fewer bad pictures are listed in `skipped`, and `used` counts those that give crops.
    """

    thing = "picture"  # what messages call one

    def __init__(
        self, files: Iterable[Path], *, smallest: int, scales: int = 3, seed: int = 0, memory: float = 4e9,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.scales = scales
        self.pictures: list[np.ndarray | OnDisk] = []  # each (h, w, 3), both sides >= smallest
        self.skipped: list[str] = []
        self.used = 0
        files, held = list(files), 0
        for number, file in enumerate(files):
            progress(number, len(files))
            try:
                copies = self._copies(file, smallest, rng) if held < memory else self._waiting(file, smallest, rng)
            except LicLabError as error:
                self.skipped.append(str(error))
                continue
            self.pictures += copies
            self.used += bool(copies)
            held += sum(copy.nbytes for copy in copies)
        if len(self.skipped) > max(1, _BAD_LIMIT * len(files)):
            raise LicLabError(
                f"{len(self.skipped)} of {len(files)} {self.thing}s cannot be read, the first: {self.skipped[0]}"
            )
        if not self.pictures:
            raise LicLabError(
                f"none of {len(files)} {self.thing}s has both sides of {smallest} pixels: use smaller crops"
            )

    def _copies(self, file: Path, smallest: int, rng: np.random.Generator) -> list[np.ndarray]:
        """What the bank keeps of a file: none where it is smaller than a crop."""
        return rescaled(read_image(file), smallest, rng.uniform(0.6, 1.0, self.scales))

    def _waiting(self, file: Path, smallest: int, rng: np.random.Generator) -> list[OnDisk]:
        """What the bank remembers of a file that it does not hold: its copies' sizes."""
        sizes = copy_sizes(*image_size(file), smallest, rng.uniform(0.6, 1.0, self.scales))
        return [OnDisk(lambda file=file: read_image(file), (*size, 3)) for size in sizes]

    def sample(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """Cut `batch` crops, flipped and transposed at random: (batch, 3, size, size), float in [0, 1].

        Raises LicLabError where no picture is as large as that.
        """
        return self.cut(self.draw(batch, size, generator), size)

    def draw(self, batch: int, size: int, generator: torch.Generator) -> list[tuple[int, int, int, int]]:
        """Choose where to cut `batch` crops: (picture, top, left, pose) each. Raises LicLabError as `sample` does."""
        if all(min(picture.shape[-3:-1]) < size for picture in self.pictures):
            raise LicLabError(f"no {self.thing} has both sides of {size} pixels: use smaller crops")
        places: list[tuple[int, int, int, int]] = []
        while len(places) < batch:
            which, top, left, pose = torch.randint(2**31, (4,), generator=generator).tolist()
            which %= len(self.pictures)
            height, width = self.pictures[which].shape[-3:-1]
            if min(height, width) >= size:
                places.append((which, top % (height - size + 1), left % (width - size + 1), pose))
        return places

    def cut(self, places: Iterable[tuple[int, int, int, int]], size: int) -> Tensor:
        """Cut the crops at some places that `draw` gave: (n, 3, size, size), float in [0, 1]."""
        places = list(places)
        waiting = any(isinstance(self.pictures[which], OnDisk) for which, *_ in places)
        with ThreadPoolExecutor(_READERS) if waiting else nullcontext() as readers:
            pieces = (readers.map if waiting else map)(lambda place: self._piece(*place[:3], size), places)
            return _as_tensor([self._posed(piece, pose) for piece, (*_, pose) in zip(pieces, places, strict=True)])

    def _piece(self, which: int, top: int, left: int, size: int) -> np.ndarray:
        """Cut a square; where a picture on the disk cannot be read any more, out of the next one that can."""
        for number in (*range(which, len(self.pictures)), *range(which)):
            picture = self.pictures[number]
            height, width = picture.shape[-3:-1]
            if min(height, width) < size:
                continue
            try:
                pixels = picture.read() if isinstance(picture, OnDisk) else picture
            except LicLabError as error:
                warnings.warn(f"another picture is taken instead: {error}", stacklevel=2)
                continue
            top, left = top % (height - size + 1), left % (width - size + 1)
            return pixels[..., top : top + size, left : left + size, :]
        raise LicLabError(f"none of the {self.thing}s can be read any more")

    @staticmethod
    def _posed(crop: np.ndarray, pose: int) -> np.ndarray:
        """One of the eight poses that a crop (size, size, 3) has, by the last three bits of a number."""
        crop = crop[:: -1 if pose & 1 else 1, :: -1 if pose & 2 else 1]
        return crop.transpose(1, 0, 2) if pose & 4 else crop


@dataclass(frozen=True)
class OnDisk:
    """A copy of a picture, or of a pair, that is read when a crop of it is wanted.   shape: (..., h, w, 3)."""

    load: Callable[[], np.ndarray]
    shape: tuple[int, ...]
    nbytes = 0

    def read(self) -> np.ndarray:
        """Read and scale it: uint8. Raises LicLabError where it cannot be read any more."""
        return _resized(self.load(), self.shape[-3:-1])


def rescaled(picture: np.ndarray, smallest: int, factors: Iterable[float]) -> list[np.ndarray]:
    """Scale uint8 (h, w, 3), or several (n, h, w, 3) alike, by each of the factors with Lanczos; smaller copies first.

    Copies with a side below `smallest` are left out; if that is all of them, the picture itself is kept, or nothing.
    """
    return [_resized(picture, size) for size in copy_sizes(*picture.shape[-3:-1], smallest, factors)]


def copy_sizes(height: int, width: int, smallest: int, factors: Iterable[float]) -> list[tuple[int, int]]:
    """Give the (rows, columns) of the copies that `rescaled` makes of a picture, smaller ones first."""
    sizes = {(round(height * f), round(width * f)) for f in factors}
    sizes = {size for size in sizes if min(size) >= smallest}
    return sorted(sizes) or ([(height, width)] if min(height, width) >= smallest else [])


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    views = [Picture.fromarray(view) for view in picture.reshape(-1, *picture.shape[-3:])]
    copies = np.stack([view.resize(size[::-1], Picture.Resampling.LANCZOS) for view in views])
    return copies.reshape(*picture.shape[:-3], *copies.shape[1:])


def split(
    folders: Iterable[str | Path], *, every: int = 25, files_of: Callable[[Path], list] = list_images
) -> tuple[list, list]:
    """List the pictures of some folders, sorted, as (training, validation): every 25th is held out for validation.

    files_of: gives the pictures, or other things to learn from, of a folder. Raises LicLabError for a folder without.
    """
    found = {folder: files_of(folder) for folder in map(Path, folders)}
    for folder, files in found.items():
        if not files:
            raise LicLabError(f"there are no pictures in {folder}")
    files = [file for files in found.values() for file in files]
    held = files[every // 2 :: every]
    chosen = set(held)
    return [file for file in files if file not in chosen], held


def center_crops(files: Iterable, size: int, *, read: Callable[..., np.ndarray] = read_image) -> Tensor:
    """Cut the middle of each picture: (n, 3, size, size), float in [0, 1].

    Smaller pictures are skipped, unreadable ones too, with a warning.   read: from one of the files to uint8
    (..., h, w, 3); what it has before h stays before the channels. Raises LicLabError where none is left.
    """
    crops = []
    for file in files:
        try:
            picture = read(file)
        except LicLabError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        top, left = ((n - size) // 2 for n in picture.shape[-3:-1])
        if min(top, left) >= 0:
            crops.append(picture[..., top : top + size, left : left + size, :])
    if not crops:
        raise LicLabError(
            f"no validation picture has both sides of {size} pixels: use smaller crops, or name validation pictures"
        )
    return _as_tensor(crops)


def _as_tensor(crops: list[np.ndarray]) -> Tensor:
    """Crops uint8 (..., h, w, 3) -> (n, ..., 3, h, w), float in [0, 1]."""
    return torch.from_numpy(np.stack(crops)).movedim(-1, -3).float() / 255
