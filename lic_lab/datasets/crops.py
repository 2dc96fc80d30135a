"""Training crops: a folder of photographs held in memory, cut at random places and scales."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from lic_lab.datasets.images import list_images, read_image
from lic_lab.errors import LicLabError

_BAD_LIMIT = 0.1  # more unreadable pictures than this share, and the folder is not what the user thinks


class CropBank:
    """Hold pictures as uint8, each at a few random scales from 0.6 to 1, and cut batches of crops from them.

    Scaling down hides the artefacts of JPEG sources, so that a codec does not learn to keep them.
    Raises LicLabError for an empty folder, for more than a tenth of unreadable pictures, or where no picture is as
    large as a crop; fewer bad pictures are listed in `skipped`, and `used` counts those that give crops.
    """

    def __init__(self, files: Iterable[Path], *, smallest: int, scales: int = 3, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.pictures: list[np.ndarray] = []  # each (h, w, 3), both sides >= smallest
        self.skipped: list[str] = []
        self.used = 0
        files = list(files)
        for file in files:
            try:
                picture = read_image(file)
            except LicLabError as error:
                self.skipped.append(str(error))
                continue
            copies = self._rescaled(picture, smallest, rng.uniform(0.6, 1.0, scales))
            self.pictures += copies
            self.used += bool(copies)
        if len(self.skipped) > max(1, _BAD_LIMIT * len(files)):
            raise LicLabError(
                f"{len(self.skipped)} of {len(files)} pictures cannot be read, the first: {self.skipped[0]}"
            )
        if not self.pictures:
            raise LicLabError(f"none of {len(files)} pictures has both sides of {smallest} pixels: use smaller crops")

    @staticmethod
    def _rescaled(picture: np.ndarray, smallest: int, factors: np.ndarray) -> list[np.ndarray]:
        height, width = picture.shape[:2]
        sizes = {(round(height * f), round(width * f)) for f in factors}
        sizes = {size for size in sizes if min(size) >= smallest} or (
            {(height, width)} if min(height, width) >= smallest else set()
        )
        whole = Picture.fromarray(picture)
        return [np.asarray(whole.resize((w, h), Picture.Resampling.LANCZOS)) for h, w in sorted(sizes)]

    def sample(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """Cut `batch` crops, flipped and transposed at random: (batch, 3, size, size), float in [0, 1].

        Raises LicLabError where no picture is as large as that.
        """
        if all(min(picture.shape[:2]) < size for picture in self.pictures):
            raise LicLabError(f"no picture has both sides of {size} pixels: use smaller crops")
        crops = []
        while len(crops) < batch:
            which, top, left, flips = torch.randint(2**31, (4,), generator=generator).tolist()
            picture = self.pictures[which % len(self.pictures)]
            height, width = picture.shape[:2]
            if min(height, width) < size:
                continue
            top, left = top % (height - size + 1), left % (width - size + 1)
            crop = picture[top : top + size, left : left + size]
            crop = crop[:: -1 if flips & 1 else 1, :: -1 if flips & 2 else 1]
            crops.append(crop.transpose(1, 0, 2) if flips & 4 else crop)
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


def split(folders: Iterable[str | Path], *, every: int = 25) -> tuple[list[Path], list[Path]]:
    """List the pictures of some folders, sorted, as (training, validation): every 25th is held out for validation.

    Raises LicLabError for a folder without pictures.
    """
    found = {folder: list_images(folder) for folder in map(Path, folders)}
    for folder, files in found.items():
        if not files:
            raise LicLabError(f"there are no pictures in {folder}")
    files = [file for files in found.values() for file in files]
    held = files[every // 2 :: every]
    return [file for file in files if file not in set(held)], held


def center_crops(files: Iterable[Path], size: int) -> Tensor:
    """Cut the middle of each picture: (n, 3, size, size), float in [0, 1].

    Smaller pictures are skipped, unreadable ones too, with a warning. Raises LicLabError where none is left.
    """
    crops = []
    for file in files:
        try:
            picture = read_image(file)
        except LicLabError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        top, left = ((n - size) // 2 for n in picture.shape[:2])
        if min(top, left) >= 0:
            crops.append(picture[top : top + size, left : left + size])
    if not crops:
        raise LicLabError(f"no validation picture has both sides of {size} pixels")
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
