"""The data sets that a person names: folders, files, and words for those that have a known place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lic_lab.datasets.boxes import crop_box
from lic_lab.datasets.bundled import bundled_paths, kodak
from lic_lab.datasets.catalog import CATALOG, located
from lic_lab.errors import LicLabError
from lic_lab.evaluation.sweep import BUNDLED, gather_images, gather_pairs

CAME_ALONG = "bundled"
"""The word for the pictures that come with the installation and are stored without loss."""


def is_dataset(name: str | Path) -> bool:
    """Say whether a name can be one of `gather_datasets`: a path that is there, or a word."""
    return Path(name).exists() or str(name) in (CAME_ALONG, BUNDLED, *CATALOG)


def gather_datasets(
    sources: Iterable[str | Path], *, stereo: bool = False, called: str = "", box: str = ""
) -> dict[str, dict[str, np.ndarray]]:
    """Read data sets as name -> picture's name -> uint8 (h, w, 3), or (2, h, w, 3) of stereo pairs.

    sources: folders, each a data set by its own name; files, those of one folder together; words: "bundled", the names
    of `datasets.catalog`, which are looked for in `data_folders()`, and "motorcycle", the pair that is always there. A
    path comes before a word.   called: makes all of it one data set of this name.   box: the part of each picture that
    counts, see `datasets.boxes`.
    What cannot be read is left out with a warning. Raises LicLabError for what is not there, with the way to get it,
    and where nothing is left.
    """
    groups: dict[str, list[Path]] = {}
    for source in map(Path, sources):
        name, paths = _group(source, stereo)
        groups.setdefault(name, []).extend(paths)
    if not groups:
        raise LicLabError("name a DATASET: a folder, pictures, kodak, or bundled for the pictures that came along")
    gather = gather_pairs if stereo else gather_images
    sets = {name: gather(paths) for name, paths in groups.items()}
    if called:
        sets = {called: _joined(sets)}
    return {name: {image: crop_box(p, box) if box else p for image, p in found.items()} for name, found in sets.items()}


def _group(source: Path, stereo: bool) -> tuple[str, list[Path]]:
    """The data set's name and its folders or files."""
    word = str(source)
    if source.is_dir():
        return source.resolve().name or "pictures", [source]
    if source.exists():
        return source.resolve().parent.name or "pictures", [source]
    if word == BUNDLED and stereo:
        return word, [source]
    if word == CAME_ALONG and not stereo:
        return word, [path for path in bundled_paths().values() if path.suffix == ".png"]
    if word in CATALOG:
        if paths := kodak() if word == "kodak" else [folder] if (folder := located(word)) else []:
            return word, paths
        raise LicLabError(
            f"{word} is not on this machine: lic-lab data download {word}, or set LIC_LAB_DATA to the folder that "
            f"holds {word}/"
        )
    raise LicLabError(
        f"no such picture or folder: {word!r}; a word for a data set is kodak, {CAME_ALONG}, {BUNDLED}, ..."
    )


def _joined(sets: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All pictures under their names; one that is there twice is called by its data set too."""
    whole: dict[str, np.ndarray] = {}
    for dataset, pictures in sets.items():
        whole |= {f"{dataset}-{name}" if name in whole else name: picture for name, picture in pictures.items()}
    return whole
