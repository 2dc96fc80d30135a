"""Weight files as codecs: called by their folders, and one curve where each was trained for one lambda."""

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.errors import LicLabError
from lic_lab.evaluation.checkpoints import by_name, load_checkpoints
from lic_lab.evaluation.evaluate import evaluate
from lic_lab.models.checkpoints import save_model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Give the path of small untrained weights in a folder of this name, for these lambdas."""
    place = tmp_path_factory.mktemp("runs")

    def make(folder, lambdas, name="charm", file="best"):
        torch.manual_seed(len(folder))
        model = lic_lab.build(name, "tiny", lambdas=lambdas)
        path = place / folder / f"{file}.safetensors"
        save_model(model, path, name=name, preset="tiny")
        return path

    return make


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def test_weights_are_called_by_their_folder_and_a_second_file_there_by_its_own_name_too(weights):
    paths = [weights("mine", (0.01, 0.02)), weights("mine", (0.01, 0.02), file="last"), weights("other", (0.01, 0.02))]
    assert [codec.name for codec in load_checkpoints(paths)] == ["mine", "mine/last", "other"]


def test_files_of_one_name_in_folders_of_one_name_get_numbers(weights):
    paths = [weights(f"s{seed}/mine", (0.01, 0.02)) for seed in (1, 2, 3)]
    assert [codec.name for codec in load_checkpoints(paths)] == ["mine", "mine/best", "mine/best-2"]
    assert [codec.name for codec in load_checkpoints([paths[0], paths[0]])] == ["mine"]


def test_names_of_other_codecs_are_left_to_them(weights):
    (codec,) = load_checkpoints([weights("charm", (0.01, 0.02))], taken=["charm"])
    assert codec.name == "charm/best"
    paths = [weights("lambda_0.002", (0.002,)), weights("lambda_0.01", (0.01,))]
    assert [codec.name for codec in load_checkpoints(paths, taken=["charm"])] == ["charm-2"] * 2
    three = load_checkpoints([*paths, weights("charm", (0.01, 0.02))])
    assert [codec.name for codec in three] == ["charm-2", "charm-2", "charm"]


def test_codecs_that_share_a_name_without_being_one_curve_are_refused(weights, picture):
    ours, theirs = load_checkpoints([weights("one", (0.01, 0.02)), weights("two", (0.01, 0.02))])
    theirs.name = "one"
    with pytest.raises(LicLabError, match="2 codecs are called 'one': give each a name of its own"):
        evaluate([ours, theirs], {"noise": picture}, metrics=())


def test_a_curve_of_several_has_no_other_lambdas(weights, picture):
    (curve,) = by_name(load_checkpoints([weights("lambda_0.002", (0.002,)), weights("lambda_0.01", (0.01,))])).values()
    with pytest.raises(LicLabError, match=r"weights for lambda 0\.002, 0\.01, not 0\.5"):
        curve.encode(picture, 0.5)


def test_one_lambda_each_is_one_curve_whose_quality_is_the_lambda(weights, picture):
    codecs = load_checkpoints([weights("lambda_0.002", (0.002,)), weights("lambda_0.01", (0.01,))])
    rows = evaluate(codecs, {"noise": picture}, metrics=("estimated_bpp",))
    assert [(row["codec"], row["quality"], row["label"]) for row in rows] == [
        ("charm", 0.002, "lambda_0.002"), ("charm", 0.01, "lambda_0.01"),
    ]  # fmt: skip
    assert len({row["settings"] for row in rows}) == 2
    for codec, row in zip(codecs, rows, strict=True):
        assert row["bytes"] == len(codec.model.compress(codec._tensor(picture), 0.0))
        assert row["estimated_bpp"] == pytest.approx(row["bpp"], rel=0.05, abs=64 * 8 / 64**2)


def test_two_trainings_for_the_same_lambda_are_two_codecs(weights):
    codecs = load_checkpoints([weights("seed-1", (0.01,)), weights("seed-two", (0.01,))])
    assert [codec.name for codec in codecs] == ["seed-1", "seed-two"]
    assert all(codec.quality_range == (0.01, 0.01) for codec in codecs)


def test_pairs_have_one_lambda_too(weights, picture):
    (codec,) = load_checkpoints([weights("stereo", (0.01,), "bisic")])
    pair = np.stack([picture, picture[:, ::-1]])
    (row,) = evaluate([codec], {"noise": pair}, metrics=())
    assert row["codec"] == "stereo" and row["quality"] == 0.01 and row["bytes"] > 0


def test_a_curve_of_several_decodes_any_of_its_files(weights, picture):
    codecs = load_checkpoints([weights("lambda_0.002", (0.002,)), weights("lambda_0.01", (0.01,))])
    together = by_name([*codecs, lic_lab.load("jpeg")])
    assert list(together) == ["charm", "jpeg"]
    for codec, lmbda in zip(codecs, (0.002, 0.01), strict=True):
        data = together["charm"].encode(picture, lmbda)
        assert data == codec.encode(picture, lmbda)
        assert np.array_equal(together["charm"].decode(data), codec.decode(data))


def test_another_lambda_than_it_was_trained_for_is_refused(weights, picture):
    (codec,) = load_checkpoints([weights("lambda_0.01", (0.01,))])
    with pytest.raises(LicLabError, match=r"trained for lambda 0\.01 only, not 0\.5"):
        evaluate([codec], {"noise": picture}, lambdas=[0.5])


def test_files_that_are_no_weights_are_named(tmp_path):
    with pytest.raises(LicLabError, match=r"best\.pth' is no \.safetensors file"):
        load_checkpoints([tmp_path / "best.pth"])
    with pytest.raises(LicLabError, match="no weights at"):
        load_checkpoints([tmp_path / "best.safetensors"])
