"""Training crops in stereo: pairs of views held in memory, cut at the same random places; real ones and made ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from lic_lab.datasets.crops import CropBank, OnDisk, center_crops, copy_sizes, rescaled, split
from lic_lab.datasets.images import image_size, list_images, read_image
from lic_lab.datasets.stereo import PairFiles, find_pairs, read_pair

MOVED = 72  # pixels: KITTI's nearest points and those of the Motorcycle pair move as far, in larger pictures


class PairBank(CropBank):
    """Hold pairs of views as uint8 and cut batches of crops from them: what `CropBank` is for pictures.

    files: `PairFiles`, held at `scales` random scales each; or paths of single pictures, of which `warps` pairs each
    are made by `synthetic_pair`, all different, and each held at one random scale.
    Points move to the left from the left view to the right one in every crop, as in the pairs.
    """

    thing = "pair"

    def __init__(
        self, files: Iterable[PairFiles | Path], *, smallest: int, scales: int = 3, warps: int = 3, seed: int = 0,
        memory: float = 4e9, progress: Callable[[int, int], None] = lambda done, total: None,
    ):  # fmt: skip
        self.warps = warps
        super().__init__(  # fills .pictures, each (2, h, w, 3)
            files, smallest=smallest, scales=scales, seed=seed, memory=memory, progress=progress
        )

    def _copies(self, file: PairFiles | Path, smallest: int, rng: np.random.Generator) -> list[np.ndarray]:
        if isinstance(file, PairFiles):
            return rescaled(read_pair(file), smallest, rng.uniform(0.6, 1.0, self.scales))
        picture = read_image(file)
        if min(picture.shape[:2]) < smallest:
            return []
        made = (_made_pair(picture, rng, smallest) for _ in range(self.warps))
        return [copy for pair in made for copy in rescaled(pair, smallest, rng.uniform(0.6, 1.0, 1))]

    def _waiting(self, file: PairFiles | Path, smallest: int, rng: np.random.Generator) -> list[OnDisk]:
        if isinstance(file, PairFiles):
            sizes = copy_sizes(*image_size(file.left), smallest, rng.uniform(0.6, 1.0, self.scales))
            return [OnDisk(lambda: read_pair(file), (2, *size, 3)) for size in sizes]
        return []  # a made pair is known only once it is made, which takes too long for every crop

    def sample(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """Cut `batch` crops, flipped at random: (batch, 2, 3, size, size), float in [0, 1], left view first.

        Raises LicLabError where no pair is as large as that.
        """
        return super().sample(batch, size, generator)

    @staticmethod
    def _posed(crop: np.ndarray, pose: int) -> np.ndarray:
        """Flip a crop (2, size, size, 3) by the last two bits of a number.

        In a mirror the left camera becomes the right one: mirrored views are exchanged, so that points still move to
        the left. Transposed they would move up.
        """
        crop = crop[:, ::-1] if pose & 1 else crop
        return crop[::-1, :, ::-1] if pose & 2 else crop


def split_pairs(folders: Iterable[str | Path], *, every: int = 25) -> tuple[list, list]:
    """List the pairs of some folders as (training, validation): every 25th is held out for validation.

    A folder in which `find_pairs` finds any gives `PairFiles`; any other gives the paths of its pictures, from which
    pairs can be made. Raises LicLabError for a folder without either.
    """

    def files_of(folder: Path) -> list:
        pairs, single = find_pairs(folder), list_images(folder)
        lonely = set(single) - {view for pair in pairs for view in (pair.left, pair.right)}
        if pairs and lonely:
            warnings.warn(
                f"{folder} holds pairs, so its {len(lonely)} other pictures are left out: move them to a folder of "
                "their own to learn from pairs made of them",
                stacklevel=2,
            )
        return pairs or single

    return split(folders, every=every, files_of=files_of)


def center_pairs(files: Iterable[PairFiles | Path], size: int) -> Tensor:
    """Cut the middle of each pair, at one place in both views: (n, 2, 3, size, size), float in [0, 1].

    From a single picture a pair is made, always the same one. Smaller pairs are skipped, unreadable ones too, with a
    warning. Raises LicLabError where none is left.
    """

    def read(file: PairFiles | Path) -> np.ndarray:
        if isinstance(file, PairFiles):
            return read_pair(file)
        return _made_pair(read_image(file), np.random.default_rng(crc32(Path(file).name.encode())), size)

    return center_crops(files, size, read=read)


def _made_pair(picture: np.ndarray, rng: np.random.Generator, smallest: int) -> np.ndarray:
    """A synthetic pair of a uint8 picture (h, w, 3): uint8 (2, h, w', 3).

    The nearest point moves by up to `MOVED` pixels, or a quarter of the width: a small picture stands for a piece of a
    large one. The columns at the right, of which the right camera sees what the picture does not hold, are cut off
    both views, as far as `smallest` columns are left.
    """
    from lic_lab.datasets.warping import synthetic_pair  # compiles; not needed for real pairs

    width = picture.shape[1]
    pair = synthetic_pair(picture, rng, max_disparity=rng.uniform(0, min(MOVED, width / 4)))
    invented = int(np.ceil(np.nanmax(pair.disparity[:, -1], initial=0)))
    return np.stack([pair.left, pair.right])[:, :, : max(width - invented, min(smallest, width))]
