"""Models in a file of one's own: built, saved and read like any other, and told about where they are broken."""

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab import codecs, outside
from lic_lab.codecs.identify import identify
from lic_lab.errors import LicLabError
from lic_lab.evaluation.variants import variants
from lic_lab.models.checkpoints import save_model, weights_path
from lic_lab.models.outside import PRIVATE
from lic_lab.models.presets import PRESETS

MODEL = '''
from functools import partial
from lic_lab.models.hyperprior import Hyperprior
from lic_lab.models.presets import LADDER

class Mine(Hyperprior):
    """A hyperprior under another name."""
    code = 177

PRESETS = {"mine": {"tiny": partial(Mine, (8, 12, 16), 24, 8, (24, 36), lambdas=LADDER[::4], shortcut="dct")}}
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Give a function that writes the model's file, changed, and names it; gives its path."""

    def put(old="", new=""):
        assert old in MODEL
        path = tmp_path / "mine.py"
        path.write_text(MODEL.replace(old, new) if old else MODEL)
        monkeypatch.setenv(outside.VARIABLE, str(path))
        return path

    return put


def test_it_is_built_listed_and_its_weights_belong_beside_its_file(mine):
    path = mine()
    assert lic_lab.list_presets()["mine"] == ["tiny"] and "mine" not in PRESETS
    assert type(lic_lab.build("mine")).__name__ == "Mine" and variants("mine") == {"full": {}}
    assert weights_path("mine") == path.parent / "mine.safetensors"
    with pytest.raises(LicLabError, match=r"put its weights at .*mine\.safetensors"):
        lic_lab.load("mine")


def test_with_weights_beside_it_files_are_recognised_and_newer_weights_are_taken(mine):
    path, image = mine(), np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    decoded = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_model(lic_lab.build("mine"), path.with_suffix(".safetensors"), name="mine", preset="tiny")
        data = lic_lab.load("mine").encode(image, 0.0)
        assert data[4] == 177
        decoded.append(identify(data).model.fingerprint())
    assert decoded[0] != decoded[1]


def test_changed_code_of_a_model_is_taken_and_told_apart_though_its_weights_are_the_same(mine):
    weights = mine().with_suffix(".safetensors")
    save_model(lic_lab.build("mine"), weights, name="mine", preset="tiny")
    before = lic_lab.load("mine")
    assert before.settings.endswith(f", {before.origin}") and before.origin.startswith("mine.py ")
    assert lic_lab.load(str(weights)).settings == before.settings
    mine("A hyperprior under another name.", "The same, after a change.")
    after = lic_lab.load("mine")
    assert after.model.__doc__ == "The same, after a change." and after.settings != before.settings
    assert not lic_lab.load("hyperprior").origin


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("code = 177", "code = 7", ["its code is 7", "128 to 255"]),
        ("    code = 177", "", ["its code is 1", "128 to 255"]),
        ('{"mine":', '{"charm":', ["a model of this name already"]),
        ('{"mine":', '{"my model":', ["small letters"]),
        ("partial(Mine,", "partial(dict,", ["functools.partial"]),
        ('{"tiny": partial', '{"tiny": 3, "lab": partial', ["functools.partial"]),
        ("PRESETS = {", "PRESETS = 7, {", ["its PRESETS is a tuple", "make it a dict"]),
    ],
)
def test_what_is_broken_is_one_line_and_the_other_models_stay(mine, old, new, words):
    mine(old, new)
    (fault,) = [row.reason for row in codecs.list_codecs() if row.kind == "outside"]
    assert fault.startswith("mine.py: ") and "\n" not in fault and all(word in fault for word in words), fault
    assert list(lic_lab.list_presets()) == list(PRESETS) and lic_lab.build("hyperprior")


def test_no_model_of_the_package_has_a_number_for_private_use():
    assert not {next(iter(sizes.values())).func.code for sizes in PRESETS.values()} & set(PRIVATE)
