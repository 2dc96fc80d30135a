"""Cards say what the weight file and the stored results say, and nothing else."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.evaluation.cards import card_markdown
from lic_lab.models.checkpoints import load_weights, save_model, weights_path
from lic_lab.models.presets import build


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    history = [{"step": s, "objective": 1 / s, "bpp": [0.1, 0.2, 0.9], "psnr_db": [24.0, 28.0, 33.0]} for s in (10, 20)]
    card = {
        "command": "lic-lab train charm pictures",
        "data": ["pictures"],
        "recipe": {"steps": 20, "crops": [[0.8, 64, 8], [1.0, 128, 2]], "weight_decay": 0.0, "milestones": []},
        "validation": history,
    }
    save_model(build("charm", "tiny"), path, name="charm", preset="tiny", card=card)
    return path


def test_the_card_names_the_weights_the_command_and_the_last_validation(weights):
    text = card_markdown(weights)
    assert text.startswith("# mine\n") and load_weights(weights).fingerprint().hex() in text
    assert "lic-lab train charm pictures" in text and "| 20 | 0.0500 | 0.1 to 0.9 | 24 to 33 |" in text


def test_the_card_says_the_recipe_in_words(weights):
    crops = "crops (64 x 64 pixels, 8 a step, to 80%; 128 x 128 pixels, 2 a step, to 100% of the steps)"
    assert f"- recipe: steps 20, {crops}, weight decay 0.0\n" in card_markdown(weights)


def test_the_card_says_where_a_run_went_on_with_another_recipe(tmp_path):
    card = {"command": "lic-lab train charm", "resumed": [{"step": 5, "lr": [0.1, 0.2], "ema": [0.9, 0.99]}]}
    save_model(build("charm", "tiny"), tmp_path / "own.safetensors", name="charm", preset="tiny", card=card)
    assert "\n- resumed at step 5 with lr 0.2 (before: 0.1), ema 0.99 (before: 0.9)\n" in card_markdown(
        tmp_path / "own.safetensors"
    )


def test_the_card_tells_of_the_runs_before_with_their_notes(tmp_path):
    runs = [
        {"weights": "0a", "command": "lic-lab train charm", "steps": 9, "note": "crops grew on the way"},
        {"weights": "0b"},
    ]
    save_model(build("charm", "tiny"), tmp_path / "own.safetensors", name="charm", preset="tiny", card={"before": runs})
    text = card_markdown(tmp_path / "own.safetensors")
    assert "\n- before, to weights 0a: `lic-lab train charm` (9 steps; crops grew on the way)\n" in text
    assert "\n- before, to weights 0b: `unknown`\n" in text


def test_weights_that_were_not_measured_have_no_kodak_table(weights):
    assert "Kodak" not in card_markdown(weights)


def test_other_weights_of_a_measured_name_have_no_kodak_table(weights, tmp_path):
    (tmp_path / "charm.safetensors").write_bytes(weights.read_bytes())
    assert "Kodak" in card_markdown(weights_path("charm")) and "Kodak" not in card_markdown(
        tmp_path / "charm.safetensors"
    )


def test_other_files_have_no_card(tmp_path):
    with pytest.raises(LicLabError, match="no weights at"):
        card_markdown(tmp_path / "absent.safetensors")
