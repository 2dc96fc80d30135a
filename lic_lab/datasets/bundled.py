"""What comes with the installation, and where larger data is looked for."""

import os
import shutil
import warnings
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lic_lab.datasets.images import list_images, read_image
from lic_lab.errors import LicLabError

PACKAGE = Path(__file__).parents[1]

# File name in scikit-image's wheel -> what it shows, who made it, under which terms, and how it is stored.
CREDITS = {
    "astronaut.png": "Eileen Collins, NASA, public domain; 512 x 512, stored without loss",
    "chelsea.png": "a cat, Stéfan van der Walt, CC0; 451 x 300, stored without loss",
    "coffee.png": "a cup of coffee, Rachel Michetti, CC0; 600 x 400, stored without loss",
    "rocket.jpg": "Falcon 9 before its launch, SpaceX, public domain; 640 x 427, stored as JPEG",
    "hubble_deep_field.jpg": "eXtreme Deep Field, NASA, public domain; 1000 x 872, stored as JPEG",
}


def bundled_paths() -> dict[str, Path]:
    """Name -> file of every picture that comes with the installation.

    First those of scikit-image's wheel, whose makers and terms are in CREDITS (nothing is downloaded, and scikit-image
    is not imported); then whatever lies in `data_path("images")`. Raises LicLabError where there is none at all.
    """
    paths = [path for name in CREDITS if (path := skimage_file(name)).is_file()]
    if data_path("images").is_dir():
        paths += list_images(data_path("images"))
    if not paths:
        raise LicLabError("no bundled pictures were found: reinstall scikit-image")
    return {path.stem: path for path in paths}


def bundled_images() -> dict[str, np.ndarray]:
    """Name -> uint8 picture (h, w, 3), whole and unscaled, of everything in `bundled_paths()`.

    "rocket" and "hubble_deep_field" are stored as JPEGs: JPEG meets its own traces there, so do not quote
    comparisons on them.
    """
    return {name: read_image(path) for name, path in bundled_paths().items()}


def bundled_folders(folder: str | Path, held_out: Collection[str] = ("chelsea",)) -> tuple[Path, Path]:
    """Copy the bundled pictures into `folder`, parted for a training: (those to learn from, those `held_out`).

    They are few: enough to watch a training, not to make weights that are good on other pictures.
    Raises LicLabError for a name that no bundled picture has, and where one part would be empty.
    """
    paths = bundled_paths()
    if unknown := sorted(set(held_out) - set(paths)):
        raise LicLabError(f"no bundled picture is called {unknown[0]!r}: there are {', '.join(paths)}")
    if not 0 < len(set(held_out)) < len(paths):
        raise LicLabError(f"hold out one picture at least, and not all {len(paths)}: the others are learned from")
    parts = Path(folder) / "bundled", Path(folder) / "held-out"
    for part in parts:
        part.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        shutil.copyfile(path, parts[name in held_out] / path.name)
    return parts


def kodak() -> list[Path]:
    """The Kodak pictures (24 PNG, 768 x 512 or 512 x 768) found on this machine, sorted; [] where there are none.

    The first folder of `data_folders()` that holds `kodak/kodim*.png` counts; a warning says where it is not all 24.
    Source: Kodak Lossless True Color Image Suite, released for unrestricted use. For testing only, never for training.
    """
    for folder in data_folders():
        if paths := sorted((folder / "kodak").glob("kodim*.png")):
            if len(paths) != 24:
                warnings.warn(f"{str(folder / 'kodak')!r} holds {len(paths)} Kodak pictures, not 24", stacklevel=2)
            return paths
    return []


def data_folders() -> list[Path]:
    """Where data sets are looked for, in this order; the folders need not exist.

    $LIC_LAB_DATA, `data` of the current folder, `data_path()`, the user's cache, and `shared/data` beside the clone.
    """
    named = [Path(os.environ["LIC_LAB_DATA"])] if os.environ.get("LIC_LAB_DATA") else []
    return [*named, Path("data"), data_path(), _cache(), PACKAGE.parents[1] / "shared" / "data"]


def download_folder() -> Path:
    """Where data sets are put unless a place is named: $LIC_LAB_DATA, or the user's cache; it need not exist."""
    return Path(os.environ.get("LIC_LAB_DATA") or _cache())


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "lic_lab"


def data_path(*parts: str) -> Path:
    """The place of a file that comes with lic_lab: `data/` of a clone, or `lic_lab/_data` of an installed wheel.

    The path is returned whether or not anything is there.
    """
    clone = PACKAGE.parent
    inside_clone = (clone / "pyproject.toml").is_file() and (clone / "data").is_dir()
    return (clone / "data" if inside_clone else PACKAGE / "_data").joinpath(*parts)


def skimage_file(name: str) -> Path:
    """The place of a data file of scikit-image's wheel, whether or not it is there; scikit-image is not imported."""
    package = find_spec("skimage")
    folder = Path(package.origin).parent if package and package.origin else Path("skimage")
    return folder / "data" / name
