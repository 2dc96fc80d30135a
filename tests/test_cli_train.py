"""`lic-lab train` as people call it, the published scripts' spelling included."""

import json
import shlex
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from lic_lab import cli
from lic_lab.datasets.images import write_image
from lic_lab.models.presets import build
from lic_lab.training import recipes
from lic_lab.training.recipe import recipe_for

WORDS = ["--preset", "tiny", "--steps", "1", "--crop", "64", "--batch-size", "1"]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(13):
        write_image(folder / f"{number:02}.png", rng.integers(0, 256, (64, 70, 3), dtype=np.uint8))
    return folder


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What `train` of the training room is called with, without any training."""
    calls = []
    monkeypatch.setattr(recipes, "train", lambda *given, **more: calls.append((given, more)) or tmp_path / "w")
    return calls


def run(*words):
    return CliRunner().invoke(cli.main, ["train", *map(str, words)])


def only(asked, *words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    ((given, more),) = asked
    return given, {key: value for key, value in more.items() if key != "progress"}, result.stderr


def test_a_first_training_writes_weights_and_says_where(pictures, tmp_path):
    result = run("hyperprior", pictures, *WORDS, "--out", tmp_path / "run")
    assert result.exit_code == 0 and result.stdout == f"weights: {tmp_path / 'run' / 'hyperprior.safetensors'}\n"
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())) == 1


def test_the_flags_of_csm_s_script_are_taken_in_its_spelling(asked):
    given, more, said = only(
        asked, *"csm -d imagenet -e 40 -lr 1e-4 -n 20 --lambda 0.0025 --batch-size 8 --test-batch-size 8".split(),
        *"--aux-learning-rate 1e-3 --patch-size 256 256 --save --seed 100 --clip_max_norm 1.0 --type mse".split(),
        *"--save_path runs --skip_epoch 0 --lr_epoch 35 38 --continue_train".split(),
    )  # fmt: skip
    assert given == ("csm", [Path("imagenet")])
    assert more["lr_epochs"] == (35, 38) and more["crop"] == 256 and more["epochs"] == 40 and more["lmbda"] == 0.0025
    assert (more["lr"], more["clip"], more["seed"], more["resume"], str(more["out"])) == (1e-4, 1.0, 100, True, "runs")
    for flag in ("--num-workers", "--test-batch-size", "--aux-learning-rate", "--save", "--skip-epoch"):
        assert f"note: {flag} has no effect here" in said


def test_the_flags_of_bisic_s_script_are_taken_with_its_own_lambda(asked):
    given, more, said = only(
        asked, *"--epochs 850 --batch_size 8 --learning_rate 1e-4 --dataset_name kitti --dataset_path pairs".split(),
        *"--output_path out --Lambda 2048 --model_name BiSIC_Fast --savecheckpoint".split(),
        *"--load_model_path w.safetensors".split(),
    )  # fmt: skip
    assert given[0] == "bisic" and more["preset"] == "lab" and more["lmbda"] == pytest.approx(0.031496, rel=1e-4)
    assert (
        "note: 2048 is lambda 0.0314956 of R + lambda 255^2 MSE" in said and str(more["start_from"]) == "w.safetensors"
    )


def test_the_main_variant_of_bisic_has_its_published_name_too(asked):
    given, more, _ = only(asked, *"-m BiSIC -d pairs --out out".split())
    assert given[0] == "bisic" and more["preset"] == "lab-main"


def test_bimamba_s_flags_and_asymmetric_s_lambda(asked):
    _, more, _ = only(asked, *"bimamba -d a -v b --lambda-rd 0.05 --save-path out --learning-rate 2e-4".split())
    assert more["lmbda"] == pytest.approx(4 / (65025 * 0.05)) and [str(v) for v in more["validation"]] == ["b"]


def test_lambda_is_written_as_the_loss_is(asked):
    _, more, said = only(asked, *"charm a --type ms-ssim --lambda 8.73 --crop 192 --out out".split())
    assert (
        more["lmbda"] == pytest.approx(0.0067, rel=0.01)
        and more["distortion"] == "ms-ssim"
        and "8.73 is lambda" in said
    )


def test_zero_is_a_value_too(asked):
    _, more, _ = only(asked, *"charm a --ema 0 --warmup 0 --seed 0 --out out".split())
    assert (more["ema"], more["warmup"], more["seed"]) == (0.0, 0, 0)


def test_switches_widths_and_a_file_of_fields_make_a_variant(asked, tmp_path):
    (tmp_path / "r.toml").write_text('schedule = "constant"\nlr = 0.5\n')
    words = ["cmamba", "a", "--set", "pool=avg", "--set", "slices=(8,16)", "--N", "48", "--recipe", tmp_path / "r.toml"]
    _, more, _ = only(asked, *words, "--lr", "0.25", "--out", "out")
    assert more["switches"] == {"pool": "avg", "slices": (8, 16), "widths": (16, 32, 48)}
    assert (more["schedule"], more["lr"]) == ("constant", 0.25)  # what is typed counts more than the file


@pytest.mark.parametrize("held", [None, "valid"])
def test_of_a_folder_with_train_and_test_in_it_the_test_set_chooses_no_weights(asked, tmp_path, held):
    for name in ("train", "test", *([held] if held else [])):
        (tmp_path / "set" / name).mkdir(parents=True)
    given, more, said = only(asked, "charm", tmp_path / "set", "--out", "out")
    assert given[1] == [tmp_path / "set" / "train"] and "learning from" in said
    assert more.get("validation") == ((tmp_path / "set" / held,) if held else None)


def test_the_folder_of_a_run_as_checkpoint_resumes_it(asked, tmp_path):
    (tmp_path / "run").mkdir()
    _, more, _ = only(asked, "charm", "a", "--checkpoint", tmp_path / "run")
    assert more["resume"] is True and more["out"] == tmp_path / "run" and "start_from" not in more


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "name a model and folders of pictures"),
        ("charm", "name a model and folders of pictures"),
        ("charm a", "name a folder for weights, log and state"),
        ("charm a --out o --lambda 1 --Lambda 2", "give lambda once"),
        ("charm a --out o --patch-size 256 128", "crops are square"),
        ("charm nowhere --out o", "no such folder: 'nowhere'"),
        ("charm a --out o --recipe nowhere.toml", "nowhere.toml is no recipe"),
        ("charm a --out o --schedule cosin", "no schedule called 'cosin'"),
        ("charm a --out o --set pol=max", "no switch of charm called 'pol'"),
        ("charm a --out o --set lambdas=(0.1,)", "the ladder is no switch"),
        ("charm a --out o --device meta", "trained on cpu or cuda"),
        ("charm a --out o --seed -1", "seed is a whole number from 0 on"),
        ("charm a --out o --crop 0", "sides of 16 pixels or more, got 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(line, complaint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = run(*line.split())
    assert result.exit_code == 2 and complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not (tmp_path / "o").exists()


RECIPES = [
    {},
    {"lr": 3e-4, "precision": "fp32", "deterministic": True, "seed": 7, "ema": 0.0},
    {"schedule": "step", "milestones": (3, 50), "factor": 0.5, "batch_size": 3},
    {"crops": ((0.25, 64, 8), (1.0, 128, 2)), "accumulate": 2, "select": "score", "keep_every": 10},
    {"distortion": "ms-ssim", "crop": 192, "steps": 77},
]


@pytest.mark.parametrize("changes", RECIPES, ids=str)
@pytest.mark.parametrize("lambdas", [None, (1 / 3000,)])
def test_the_command_on_a_card_trains_by_the_same_recipe(asked, changes, lambdas):
    recipe = recipe_for("tiny", **changes)
    model = build("cmamba", "tiny", lambdas=lambdas, pool="avg", slices=(8, 16))
    about = {
        "model": "cmamba",
        "preset": "tiny",
        "switches": model.switches,
        "data": ["my pictures"],
        "validation": ["v"],
    }
    line = recipes.command(
        SimpleNamespace(
            model=model, recipe=recipe, about=about | {"start_from": "w.safetensors", "anew": ["analysis.1", "latent"]}
        )
    )
    program, train, *words = shlex.split(line)
    given, more, _ = only(asked, *words)
    assert (program, train, given) == ("lic-lab", "train", ("cmamba", [Path("my pictures")]))
    used = {"lmbda", "switches", "validation", "start_from", "anew", "out", "preset"}
    assert recipe_for(more["preset"], **{k: v for k, v in more.items() if k not in used}) == recipe
    assert more["lmbda"] == (lambdas[0] if lambdas else None) and more["switches"] == model.switches
    assert more["validation"] == (Path("v"),) and more["start_from"] == Path("w.safetensors")
    assert more["anew"] == ("analysis.1", "latent")


def test_ctrl_c_says_that_the_state_is_saved_and_how_to_go_on(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("lic_lab.training.loop.Trainer._validate", lambda self: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run("hyperprior", pictures, *WORDS, "--steps", "9", "--every", "2", "--out", tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130 and "--resume goes on from" in result.stderr, result.output
