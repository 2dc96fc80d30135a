"""Data sets by folder, by file and by word."""

import numpy as np
import pytest

from lic_lab.datasets.images import write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation.sources import gather_datasets, is_dataset


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two folders with a picture each, and none of the data of this machine."""
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "photo.png", np.full((20, 30, 3), 40 * number, np.uint8))
    monkeypatch.setattr("lic_lab.datasets.bundled.data_folders", lambda: [tmp_path / "data"])
    monkeypatch.setattr("lic_lab.datasets.catalog.data_folders", lambda: [tmp_path / "data"])
    return tmp_path


def test_every_folder_is_a_data_set_by_its_name(folders, monkeypatch):
    found = gather_datasets([folders / "cats", folders / "dogs"])
    assert {name: list(pictures) for name, pictures in found.items()} == {"cats": ["photo"], "dogs": ["photo"]}
    monkeypatch.chdir(folders / "cats")
    assert list(gather_datasets(["."])) == ["cats"]


def test_files_belong_to_the_data_set_of_their_folder(folders):
    write_image(folders / "cats" / "other.png", np.zeros((20, 30, 3), np.uint8))
    found = gather_datasets(
        [folders / "cats" / "photo.png", folders / "dogs" / "photo.png", folders / "cats" / "other.png"]
    )
    assert {name: list(pictures) for name, pictures in found.items()} == {"cats": ["photo", "other"], "dogs": ["photo"]}


def test_several_can_be_made_one(folders):
    found = gather_datasets([folders / "cats", folders / "dogs"], called="animals")
    assert {name: list(pictures) for name, pictures in found.items()} == {"animals": ["photo", "dogs-photo"]}


def test_a_word_is_looked_for_where_data_sets_are_and_a_path_comes_first(folders, monkeypatch):
    monkeypatch.chdir(folders)
    place = folders / "data" / "tecnick"
    place.mkdir(parents=True)
    write_image(place / "one.png", np.zeros((20, 30, 3), np.uint8))
    assert list(gather_datasets(["tecnick"])["tecnick"]) == ["one"]
    (folders / "tecnick").mkdir()
    write_image(folders / "tecnick" / "nearer.png", np.zeros((20, 30, 3), np.uint8))
    assert list(gather_datasets(["tecnick"])["tecnick"]) == ["nearer"]


def found_in(*sources, **how):
    return {name: list(pictures) for name, pictures in gather_datasets(sources, **how).items()}


def test_what_is_named_twice_counts_once(folders, monkeypatch):
    cats, photo = folders / "cats", folders / "cats" / "photo.png"
    monkeypatch.chdir(folders)
    for sources in ((cats, cats), (cats, "cats/../cats"), (photo, "cats/photo.png"), (cats, photo), (photo, cats)):
        assert found_in(*sources) == {"cats": ["photo"]}


def test_folders_of_one_name_are_two_data_sets_by_the_folders_above(folders):
    places = [folders / "a" / "valid", folders / "b" / "valid", folders / "b" / "a" / "valid", folders / "other"]
    for number, place in enumerate(places):
        place.mkdir(parents=True)
        write_image(place / "photo.png", np.full((20, 30, 3), number, np.uint8))
    found = gather_datasets([*places[:2], places[3]])
    assert {name: pictures["photo"][0, 0, 0] for name, pictures in found.items()} == {
        "a-valid": 0, "b-valid": 1, "other": 3,
    }  # fmt: skip
    assert list(found_in(places[0], places[2])) == [f"{folders.name}-a-valid", "b-a-valid"]


def test_a_data_set_can_be_called_otherwise(folders):
    assert found_in(named=[("kodak", folders / "cats")]) == {"kodak": ["photo"]}
    assert list(found_in(folders / "dogs", named=[("tecnick", folders / "cats")])) == ["dogs", "tecnick"]
    assert found_in(folders / "cats", named=[("kodak", folders / "cats")]) == {"kodak": ["photo"]}


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../a", "a\\b"])
def test_a_name_that_leaves_the_folder_is_refused(folders, name):
    with pytest.raises(LicLabError, match="is called by a word"):
        gather_datasets([folders / "cats"], called=name)


@pytest.mark.parametrize(
    ("word", "stereo", "words"),
    [
        ("motorcycle", False, "motorcycle holds stereo pairs: add --stereo"),
        ("instereo2k", False, "instereo2k holds stereo pairs: add --stereo"),
        ("bundled", True, "bundled holds single pictures"),
        ("kodak", True, "kodak holds single pictures"),
    ],
)
def test_words_for_pairs_and_for_pictures_are_not_confused(folders, monkeypatch, word, stereo, words):
    monkeypatch.chdir(folders)
    with pytest.raises(LicLabError, match=words):
        gather_datasets([word], stereo=stereo)


@pytest.mark.parametrize("word", ["kodak", "tecnick"])
def test_a_word_without_pictures_says_how_to_get_them(folders, monkeypatch, word):
    monkeypatch.chdir(folders)
    with pytest.raises(LicLabError, match=f"{word} is not on this machine: lic-lab data download {word}"):
        gather_datasets([word])


def test_what_came_along_needs_nothing():
    assert "astronaut" in gather_datasets(["bundled"])["bundled"]
    assert gather_datasets(["motorcycle"], stereo=True)["motorcycle"]["motorcycle"].shape == (2, 500, 741, 3)


def test_words_and_paths_can_be_data_sets_and_other_words_cannot(folders):
    assert is_dataset("kodak") and is_dataset("bundled") and is_dataset(folders / "cats")
    assert not is_dataset("jpeg,webp")


@pytest.mark.parametrize(
    ("sources", "words"), [([], "name a DATASET"), (["nowhere"], "no such picture or folder: 'nowhere'")]
)
def test_what_is_not_there_is_said(folders, sources, words):
    with pytest.raises(LicLabError, match=words):
        gather_datasets(sources)


def test_a_box_is_cut_from_every_picture_or_said_not_to_fit(folders):
    (folders / "street").mkdir()
    write_image(folders / "street" / "one.png", np.zeros((860, 1080, 3), np.uint8))
    assert gather_datasets([folders / "street"], box="instereo2k")["street"]["one"].shape == (832, 1024, 3)
    with pytest.raises(LicLabError, match="for pictures of 1080 x 860, this one has 30 x 20"):
        gather_datasets([folders / "cats"], box="instereo2k")
