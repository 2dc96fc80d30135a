"""Recipes: learning rates, stages, and what cannot be."""

import json
from dataclasses import replace

import pytest

from lic_lab.errors import LicLabError
from lic_lab.models.presets import PRESETS
from lic_lab.training.recipe import RECIPES, Recipe, read_changes, recipe_for


def test_the_learning_rate_warms_up_and_falls_to_a_fiftieth():
    recipe = Recipe(steps=1000, lr=1.0, warmup=10)
    assert [recipe.rate_at(k) for k in (0, 4)] == pytest.approx([0.1, 0.5], rel=1e-3)
    assert recipe.rate_at(500) == pytest.approx(0.02 + 0.98 / 2)
    assert recipe.rate_at(1000) == recipe.rate_at(2000) == pytest.approx(0.02)
    rates = [recipe.rate_at(k) for k in range(9, 1001)]
    assert rates == sorted(rates, reverse=True)
    assert Recipe(steps=10, lr=1.0, warmup=0).rate_at(0) == 1.0


def test_a_short_run_warms_up_in_a_tenth_of_its_steps():
    recipe = Recipe(steps=50, lr=1.0, warmup=300, schedule="constant")
    assert [recipe.rate_at(k) for k in (0, 4, 5)] == pytest.approx([0.2, 1, 1])


def test_crops_grow_by_stages():
    recipe = Recipe(steps=100, crops=((0.2, 64, 8), (1.0, 128, 4)))
    assert [recipe.crop_at(k) for k in (0, 19, 20, 99, 100)] == [(64, 8), (64, 8), (128, 4), (128, 4), (128, 4)]


def test_a_constant_rate_stays_after_its_warm_up():
    recipe = Recipe(steps=100, lr=1.0, warmup=2, schedule="constant")
    assert [recipe.rate_at(k) for k in (0, 1, 50, 99)] == [0.5, 1, 1, 1]


def test_a_rate_by_steps_falls_at_every_milestone():
    recipe = Recipe(steps=100, lr=1.0, warmup=0, schedule="step", milestones=(10, 20), factor=0.5)
    assert [recipe.rate_at(k) for k in (9, 10, 19, 20, 99)] == [1, 0.5, 0.5, 0.25, 0.25]


def test_an_exponential_rate_falls_by_its_factor_in_every_period_after_its_start():
    recipe = Recipe(steps=100, lr=1.0, warmup=0, schedule="exponential", milestones=(20,), factor=0.5, period=10)
    assert [recipe.rate_at(k) for k in (0, 20, 30, 40)] == [1, 1, 0.5, 0.25]
    assert recipe.rate_at(25) == pytest.approx(0.5**0.5)


def test_a_plateau_halves_the_rate_when_nothing_got_better_for_longer_than_patience():
    recipe = Recipe(steps=100, lr=1.0, warmup=0, schedule="plateau", factor=0.5, patience=2)
    assert recipe.rate_at(9) == recipe.rate_at(9, [3, 2, 1]) == recipe.rate_at(9, [1, 2, 3]) == 1
    assert recipe.rate_at(9, [1, 2, 3, 4]) == recipe.rate_at(9, [1, 2, 3, 4, 5, 6]) == 0.5
    assert recipe.rate_at(9, [1, 2, 3, 4, 5, 6, 7]) == 0.25
    assert recipe.rate_at(9, [1, 2, 3, 0, 5, 6]) == 1


def test_a_plateau_on_other_pictures_counts_anew_and_the_falls_before_it_stay():
    recipe = Recipe(steps=100, lr=1.0, warmup=0, schedule="plateau", factor=0.5, patience=2)
    assert recipe.rate_at(9, [1, 2, 3, 4]) == 0.5 and recipe.rate_at(9, [1, 2, 3, 4], [3]) == 1
    assert recipe.rate_at(9, [1, 2, 3, 4, 9, 8, 7], [4]) == 0.5  # 9, 8, 7 fall, though none is as low as 1
    assert recipe.rate_at(9, [1, 2, 3, 4, 7, 8, 9, 9], [4]) == 0.25


def test_noise_stands_for_rounding_in_the_soft_share_of_the_steps():
    soft = {share: [Recipe(steps=4, soft=share).soft_at(step) for step in range(4)] for share in (0.0, 0.5, 1.0)}
    assert soft == {0.0: 4 * [False], 0.5: [True, True, False, False], 1.0: 4 * [True]}


def test_lambda_grows_over_its_warm_up_as_in_the_public_code_of_bimamba():
    recipe = Recipe(lambda_warmup=5000)
    assert [recipe.lambda_share_at(k) for k in (0, 2500, 5000, 9000)] == [1e-6, 0.5, 1, 1]
    assert Recipe().lambda_share_at(0) == 1


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"schedule": "cosin"}, "no schedule called 'cosin': there are cosine, constant"),
        ({"optimizer": "sgd"}, "no optimizer called 'sgd': there are adam, soap"),
        ({"precision": "int8"}, "no precision called 'int8'"),
        ({"distortion": "ssim"}, "no distortion called 'ssim': there are mse, ms-ssim"),
        ({"steps": 0}, "steps is a positive whole number, got 0"),
        ({"steps": "9"}, "steps is a positive whole number, got '9'"),
        ({"every": 2.5}, "every is a positive whole number"),
        ({"seed": -1}, "seed is a whole number from 0 on, got -1"),
        ({"weight_decay": -0.1}, "weight_decay is a number from 0 on"),
        ({"lr": float("nan")}, "lr is a positive number"),
        ({"milestones": (1,)}, "milestones have no part in schedule 'cosine'"),
        ({"crops": ((1.0, 64),)}, "a stage of crops is"),
        ({"crops": ((1.0, 64, 0),)}, "crops per step is a positive whole number"),
        ({"crops": ()}, "crops are stages of"),
        ({"crops": 5}, "crops are stages of"),
        ({"crops": (1, 2, 3)}, "a stage of crops is"),
        ({"crops": (("0.8", 128, 8),)}, "the share of the steps at which a stage of crops ends is a positive number"),
        ({"crops": ((1.0, 128, 1), (0.5, 256, 8))}, "end at rising shares of the steps, got 0.5 after 1"),
        ({"crops": ((1.5, 128, 1),)}, "end at rising shares of the steps, got 1.5 after 0"),
        ({"milestones": 5, "schedule": "step"}, "milestones are a list of steps, got 5"),
        ({"deterministic": "no"}, "deterministic is true or false, got 'no'"),
        ({"lr": -1.0}, "lr is a positive number"),
        ({"ema": 1.0}, "ema is below 1"),
        ({"soft": 1.5}, "soft is a share of the steps, 1 at most, got 1.5"),
        ({"soft": -0.1}, "soft is a number from 0 on"),
        ({"schedule": "step"}, "give milestones"),
        ({"distortion": "ms-ssim"}, "MS-SSIM needs crops of 176 pixels or more, got 128"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(fields, complaint):
    with pytest.raises(LicLabError, match=complaint):
        Recipe(**fields)


def test_changes_to_a_preset_leave_the_rest_as_it_was():
    changed = recipe_for("lab", lr=1e-3, crop=192, batch_size=4, seed=None)
    assert changed == replace(RECIPES["lab"], lr=1e-3, crops=((0.8, 192, 4), (1.0, 192, 4)))
    with pytest.raises(LicLabError, match="a recipe has no 'warmp': did you mean 'warmup'"):
        recipe_for("lab", warmp=3)
    with pytest.raises(LicLabError, match="no recipe for preset 'lap'"):
        recipe_for("lap")


def test_another_schedule_leaves_the_milestones_of_the_old_one_behind():
    stepped = recipe_for("tiny", milestones=(10, 20))
    assert stepped.schedule == "step" and recipe_for("tiny", base=stepped, schedule="exponential").milestones == (
        10,
        20,
    )
    assert recipe_for("tiny", base=stepped, schedule="cosine").milestones == ()
    with pytest.raises(LicLabError, match="milestones have no part in schedule 'cosine'"):
        recipe_for("tiny", base=stepped, schedule="cosine", milestones=(10,))


@pytest.mark.parametrize("crops", [5, [[1.0, 128]], [1, 2, 3]])
def test_stages_of_another_shape_in_a_file_are_told_in_one_line(tmp_path, crops):
    (tmp_path / "run.json").write_text(json.dumps({"crops": crops}))
    with pytest.raises(LicLabError, match="stage"):
        recipe_for("tiny", **read_changes(tmp_path / "run.json"))


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_changes_are_read_from_a_file(tmp_path, suffix):
    fields = {"steps": 7, "crops": [[0.5, 64, 2], [1.0, 128, 1]], "schedule": "step", "milestones": [3, 5]}
    toml = "\n".join(f"{key} = {json.dumps(value)}" for key, value in fields.items())
    (tmp_path / f"run{suffix}").write_text(toml if suffix == ".toml" else json.dumps(fields))
    recipe = recipe_for("tiny", **read_changes(tmp_path / f"run{suffix}"))
    assert (recipe.steps, recipe.crops, recipe.milestones) == (7, ((0.5, 64, 2), (1.0, 128, 1)), (3, 5))


@pytest.mark.parametrize("text", [None, "steps = ", "[1]"])
def test_a_file_that_is_no_recipe_is_told_in_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(LicLabError, match=r"run\.json is no recipe"):
        read_changes(tmp_path / "run.json")


def test_every_preset_has_a_recipe_with_whole_stages():
    assert all(preset in RECIPES for sizes in PRESETS.values() for preset in sizes)
    for recipe in RECIPES.values():
        ends = [end for end, _, _ in recipe.crops]
        assert ends == sorted(ends) and ends[-1] == 1.0
        assert all(side % 64 == 0 for _, side, _ in recipe.crops) and recipe.steps % recipe.every == 0


def test_the_crops_of_a_step_are_a_mean_over_the_stages():
    assert RECIPES["lab"].crops_per_step == pytest.approx(0.8 * 8 + 0.2 * 2)
    assert Recipe(crops=((0.25, 64, 4), (0.5, 64, 2), (1.0, 64, 1))).crops_per_step == pytest.approx(1 + 0.5 + 0.5)


def test_milestones_alone_mean_falling_by_steps():
    assert recipe_for("tiny", milestones=(3, 5)).schedule == "step"
