import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lic_lab.datasets import bundled
from lic_lab.datasets.bundled import CREDITS, bundled_folders, bundled_images, bundled_paths, data_path, kodak
from lic_lab.errors import LicLabError


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine on which lic_lab lies in tmp_path/house and no data set can be found."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.delenv("LIC_LAB_DATA", raising=False)
    monkeypatch.setattr(bundled, "PACKAGE", tmp_path / "house" / "lic_lab")
    (tmp_path / "house" / "lic_lab").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_kodak(folder, count=24):
    (folder / "kodak").mkdir(parents=True)
    for i in range(count):
        (folder / "kodak" / f"kodim{i + 1:02d}.png").touch()
    return folder / "kodak"


def test_at_least_three_colour_photographs_come_along():
    images = bundled_images()
    assert len(images) >= 3
    for name, image in images.items():
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, name
        assert min(image.shape[:2]) >= 161  # large enough for MS-SSIM
        assert (image.max(axis=2) != image.min(axis=2)).any()  # it has colour


@pytest.mark.parametrize("file", CREDITS)
def test_each_is_as_large_and_as_stored_as_its_credit_says(file):
    image = bundled_images()[file.split(".")[0]]
    assert f"{image.shape[1]} x {image.shape[0]}" in CREDITS[file]
    stored = {"PNG": "stored without loss", "JPEG": "stored as JPEG"}[Image.open(bundled.skimage_file(file)).format]
    assert CREDITS[file].endswith(stored)
    assert "CC0" in CREDITS[file] or "public domain" in CREDITS[file]


def test_they_are_those_of_scikit_image_whole():
    from skimage import data

    images = bundled_images()
    for name in ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field"):
        assert np.array_equal(images[name], getattr(data, name)())


def test_reading_them_imports_no_scikit_image():
    code = "import sys; from lic_lab.datasets.bundled import *; bundled_images(); sys.exit('skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pictures_in_data_images_are_bundled_too(nowhere):
    folder = nowhere / "house" / "lic_lab" / "_data" / "images"
    folder.mkdir(parents=True)
    Image.new("RGB", (3, 2)).save(folder / "mine.png")
    assert list(bundled_paths())[-1] == "mine"
    assert bundled_images()["mine"].shape == (2, 3, 3)


def test_an_installation_without_any_picture_says_so(nowhere, monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(LicLabError, match="reinstall scikit-image"):
        bundled_images()


def test_data_lies_in_the_clone_or_in_the_wheel(nowhere):
    house = nowhere / "house"
    assert data_path("weights", "a.bin") == house / "lic_lab" / "_data" / "weights" / "a.bin"
    (house / "data").mkdir()
    assert data_path("a") == house / "lic_lab" / "_data" / "a"  # some folder called data beside an installed package
    (house / "pyproject.toml").touch()
    assert data_path("weights", "a.bin") == house / "data" / "weights" / "a.bin"


def test_no_kodak_is_an_empty_list(nowhere):
    assert kodak() == []


@pytest.mark.parametrize("place", ["data", "house/lic_lab/_data", "cache/lic_lab", "shared/data"])
def test_kodak_is_found_where_people_put_it(nowhere, place):
    folder = put_kodak(nowhere / place)
    assert [path.resolve() for path in kodak()] == [folder / f"kodim{i:02d}.png" for i in range(1, 25)]


def test_the_named_folder_comes_first(nowhere, monkeypatch):
    put_kodak(nowhere / "data")
    named = put_kodak(nowhere / "named")
    monkeypatch.setenv("LIC_LAB_DATA", str(nowhere / "named"))
    assert {path.parent for path in kodak()} == {named}


def test_half_a_kodak_set_is_told(nowhere):
    put_kodak(nowhere / "data", count=12)
    with pytest.warns(UserWarning, match="12 Kodak pictures, not 24"):
        assert len(kodak()) == 12


def test_data_sets_are_put_where_they_are_looked_for(nowhere, monkeypatch):
    assert bundled.download_folder() == nowhere / "cache" / "lic_lab"
    assert bundled.download_folder() in bundled.data_folders()
    monkeypatch.setenv("LIC_LAB_DATA", str(nowhere / "mine"))
    assert bundled.download_folder() == nowhere / "mine" == bundled.data_folders()[0]


def test_pictures_to_learn_from_and_those_held_out_lie_in_two_folders(tmp_path):
    learned, held = bundled_folders(tmp_path / "new", held_out=("chelsea", "coffee"))
    names = [{path.stem for path in folder.iterdir()} for folder in (learned, held)]
    assert names[1] == {"chelsea", "coffee"} and names[0] == set(bundled_paths()) - names[1]
    assert (held / "chelsea.png").read_bytes() == bundled_paths()["chelsea"].read_bytes()


@pytest.mark.parametrize(("held_out", "said"), [(("cat",), "called 'cat'"), ((), "hold out one"), (None, "not all")])
def test_a_parting_that_leaves_nothing_on_one_side_is_refused(tmp_path, held_out, said):
    with pytest.raises(LicLabError, match=said):
        bundled_folders(tmp_path, bundled_paths() if held_out is None else held_out)
