"""What comes with the installation, and where larger data is looked for."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def data_path(*parts: str) -> Path:
    """The place of a file that comes with lic_lab: `data/` of a clone, or `lic_lab/_data` of an installed wheel.

    The path is returned whether or not anything is there.
    """
    clone = PACKAGE.parent
    inside_clone = (clone / "pyproject.toml").is_file() and (clone / "data").is_dir()
    return (clone / "data" if inside_clone else PACKAGE / "_data").joinpath(*parts)
