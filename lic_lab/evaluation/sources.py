"""The data sets that a person names: folders, files, and words for those that have a known place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lic_lab.datasets.boxes import crop_box
from lic_lab.datasets.bundled import bundled_paths, kodak
from lic_lab.datasets.catalog import CATALOG, located
from lic_lab.errors import LicLabError
from lic_lab.evaluation.sweep import BUNDLED, gather_images, gather_pairs, new_name

CAME_ALONG = "bundled"
"""The word for the pictures that come with the installation and are stored without loss."""


def is_dataset(name: str | Path) -> bool:
    """Say whether a name can be one of `gather_datasets`: a path that is there, or a word."""
    return Path(name).exists() or str(name) in (CAME_ALONG, BUNDLED, *CATALOG)


def gather_datasets(
    sources: Iterable[str | Path],
    *,
    named: Iterable[tuple[str, str | Path]] = (),
    stereo: bool = False,
    called: str = "",
    box: str = "",
) -> dict[str, dict[str, np.ndarray]]:
    """Read data sets as name -> picture's name -> uint8 (h, w, 3), or (2, h, w, 3) of stereo pairs.

    sources: folders, each a data set by its own name, and with those above it where that is not enough; files, those of
    one folder together; words: "bundled", the names of `datasets.catalog`, which are looked for in `data_folders()`,
    and "motorcycle", the pair that is always there. A path comes before a word; what is named twice counts once.
    named: (name, source), for data sets that shall be called otherwise.   called: makes all of it one data set of this
    name.   box: the part of each picture that counts, see `datasets.boxes`.
    What cannot be read is left out with a warning. Raises LicLabError for what is not there, with the way to get it,
    for names that cannot be folders of a report, and where nothing is left.
    """
    if called in (".", "..") or "/" in called or "\\" in called:
        raise LicLabError(f"a data set is called by a word, which also names folders, got {called!r}")
    groups: dict[Path, _Group] = {}
    for fixed, source in [*(("", source) for source in sources), *named]:
        found = _group(Path(source), stereo)
        found = found._replace(name=fixed or found.name, fixed=found.fixed or bool(fixed))
        known = groups.get(found.place)
        paths = [*(known.paths if known else []), *found.paths]
        groups[found.place] = (known if known and not found.fixed else found)._replace(paths=paths)
    if not groups:
        raise LicLabError("name a DATASET: a folder, pictures, kodak, or bundled for the pictures that came along")
    gather = gather_pairs if stereo else gather_images
    sets = {name: gather(_once(group.paths)) for name, group in _by_name(groups.values()).items()}
    if called:
        sets = {called: _joined(sets)}
    return {name: {image: crop_box(p, box) if box else p for image, p in found.items()} for name, found in sets.items()}


class _Group(NamedTuple):
    """A data set: its name, where it is, its folders or files, and whether its name stands."""

    name: str
    place: Path
    paths: list[Path]
    fixed: bool = False


def _group(source: Path, stereo: bool) -> _Group:
    word = str(source)
    if source.exists():
        place = source.resolve() if source.is_dir() else source.resolve().parent
        return _Group(place.name or "pictures", place, [source])
    if word == BUNDLED and stereo:
        return _Group(word, source, [source], fixed=True)
    if word == CAME_ALONG and not stereo:
        return _Group(word, source, [path for path in bundled_paths().values() if path.suffix == ".png"], fixed=True)
    pairs = word == BUNDLED or (word in CATALOG and CATALOG[word].views == 2)
    if pairs != stereo and (pairs or word in (CAME_ALONG, *CATALOG)):
        mend = "holds stereo pairs: add --stereo" if pairs else "holds single pictures, no stereo pairs"
        raise LicLabError(f"{word} {mend}")
    if word in CATALOG:
        if paths := kodak() if word == "kodak" else [folder] if (folder := located(word)) else []:
            place = paths[0].resolve()
            return _Group(word, place if place.is_dir() else place.parent, paths, fixed=True)
        raise LicLabError(
            f"{word} is not on this machine: lic-lab data download {word}, or set LIC_LAB_DATA to the folder that "
            f"holds {word}/"
        )
    near = get_close_matches(word, (CAME_ALONG, BUNDLED, *CATALOG), n=1)
    words = f"did you mean {near[0]!r}?" if near else f"a word for a data set is kodak, {CAME_ALONG}, {BUNDLED}, ..."
    raise LicLabError(f"no such picture or folder: {word!r}; {words}")


def _once(paths: Iterable[Path]) -> list[Path]:
    """Each folder and file once; files whose folder is there, too, are in it."""
    found: dict[Path, Path] = {}
    for path in paths:
        found.setdefault(path.resolve(), path)
    return [path for place, path in found.items() if place.parent not in found]


def _by_name(groups: Collection[_Group]) -> dict[str, _Group]:
    """Give data sets by names of their own: a/valid and b/valid become a-valid and b-valid."""
    found: dict[str, _Group] = {}
    for group in groups:
        name, parts = group.name, group.place.parts
        rivals = [other.place.parts for other in groups if other.name == name and other is not group]
        if rivals and not group.fixed:
            depth = next(d for d in count(2) if all(other[-d:] != parts[-d:] for other in rivals))
            name = "-".join(parts[1:][-depth:])
        found[new_name(name, found)] = group
    return found


def _joined(sets: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All pictures under their names; one that is there twice is called by its data set too."""
    whole: dict[str, np.ndarray] = {}
    for dataset, pictures in sets.items():
        for name, picture in pictures.items():
            whole[new_name(f"{dataset}-{name}" if name in whole else name, whole)] = picture
    return whole
