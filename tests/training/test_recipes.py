import json
import shutil
from dataclasses import asdict

import pytest
import torch
from filelock import FileLock
from safetensors import safe_open

from lic_lab.datasets.images import write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation.cards import card_markdown
from lic_lab.models.checkpoints import load_weights, save_model, trainings
from lic_lab.models.presets import LADDER, PRESETS, build
from lic_lab.training.control import Control
from lic_lab.training.loop import read_state
from lic_lab.training.recipes import RECIPES, train, warm_start

QUICK = {"preset": "tiny", "steps": 2, "crop": 64, "batch_size": 1}


@pytest.fixture
def own(pictures, tmp_path):
    """A copy of the pictures that a test may spoil."""
    return shutil.copytree(pictures, tmp_path / "own")


def test_a_trained_ladder_loads_and_its_files_decode(pictures, tmp_path):
    seen = []
    path = train("hyperprior", [pictures], out=tmp_path / "run", progress=lambda *now: seen.append(now), **QUICK)
    assert path == tmp_path / "run" / "hyperprior.safetensors"
    model = load_weights(path)
    assert model.lambdas == list(LADDER[::4]) and model.preset == "tiny"
    x = torch.rand(1, 3, 70, 50)
    assert model.decompress(model.compress(x, 0.5)).shape == x.shape
    assert seen[0] == (0, 13, "reading pictures")
    assert [(done, total) for done, total, text in seen if text != "reading pictures"] == [(1, 2), (2, 2)]
    assert all(word in seen[-1][2] for word in ("loss", "bpp", "dB"))


def test_the_trainer_can_be_looked_at_before_its_first_step(pictures, tmp_path):
    seen = []
    look = lambda trainer: seen.append((trainer.progress.step, trainer.validation.shape[1:]))  # noqa: E731
    watch = lambda now: seen.append(now.step)  # noqa: E731
    train("hyperprior", [pictures], out=tmp_path, ready=look, watch=watch, **QUICK)
    assert seen[0][0] == 0 and seen[0][1][0] == 3 and seen[1:] == [1, 2]


def test_a_model_of_one_fixed_lambda_trains_and_its_weights_load(pictures, tmp_path):
    model = load_weights(train("charm", [pictures], out=tmp_path, lmbda=0.01, **QUICK))
    assert model.lambdas == [0.01] and model.rates == 1 and model.gain is None
    assert all(len(row["bpp"]) == 1 for row in model.card["validation"])
    x = torch.rand(1, 3, 40, 40)
    assert model.decompress(model.compress(x)).shape == x.shape
    with pytest.raises(LicLabError, match=r"was trained for lambda \[0\.01\]"):
        train("charm", [pictures], out=tmp_path, lmbda=0.02, resume=True, **QUICK)


def test_the_card_says_what_was_done(pictures, tmp_path):
    path = train("hyperprior", [pictures], out=tmp_path, lr=1e-3, seed=5, **QUICK)
    with safe_open(path, "pt") as file:
        card = json.loads(file.metadata()["card"])
    assert card["data"] == [pictures.name] and card["pictures"] == {"training": 13, "validation": 1}
    assert card["steps"] == 2 and card["hours"] >= 0 and card["lambdas"] == list(LADDER[::4])
    expected = json.loads(json.dumps(asdict(RECIPES["tiny"]))) | {"steps": 2, "lr": 1e-3, "seed": 5}
    assert card["recipe"] == expected | {"crops": [[1.0, 64, 1]]}
    assert card["validation"] == json.loads((tmp_path / "history.json").read_text())
    assert str(pictures.parent) not in json.dumps(card)  # nobody's folders travel with the weights
    assert torch.__version__ in card["hardware"]


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(pictures, tmp_path):
    runs = [train("hyperprior", [pictures], out=tmp_path / str(k), seed=s, **QUICK) for k, s in enumerate((3, 3, 4))]
    first, again, other = (load_weights(path).state_dict() for path in runs)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_a_run_is_not_overwritten_but_resumed_and_lengthened(pictures, tmp_path):
    path = train("hyperprior", [pictures], out=tmp_path, **QUICK)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(LicLabError, match="already holds a training run: resume it"):
        train("hyperprior", [pictures], out=tmp_path, **QUICK)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    longer = train("hyperprior", [pictures], out=tmp_path, resume=True, **(QUICK | {"steps": 3}))
    assert longer == path and load_weights(tmp_path / "hyperprior.last.safetensors").card["steps"] == 3


def test_a_run_of_another_model_or_preset_is_not_resumed(pictures, tmp_path):
    train("hyperprior", [pictures], out=tmp_path, **QUICK)
    state = (tmp_path / "state.pt").read_bytes()
    for name, preset, of in (("charm", "tiny", "model"), ("hyperprior", "lab", "preset")):
        with pytest.raises(LicLabError, match=f"is of {of} .*choose another folder"):
            train(name, [pictures], out=tmp_path, resume=True, **(QUICK | {"preset": preset}))
    assert (tmp_path / "state.pt").read_bytes() == state


def test_there_must_be_a_run_to_resume_and_asking_leaves_nothing_behind(pictures, tmp_path):
    with pytest.raises(LicLabError, match="no training run to resume"):
        train("hyperprior", [pictures], out=tmp_path / "new", resume=True, **QUICK)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("broken", ["03.png", "12.png"])  # the 13th is for validation
def test_an_unreadable_picture_is_named_and_left_out(own, tmp_path, broken):
    (own / broken).write_bytes(b"\x89PNG but no more")
    write_image(own / "14.png", torch.rand(3, 80, 80))
    for number in range(15, 38):  # so that a second picture is held out
        shutil.copy(own / "14.png", own / f"{number}.png")
    with pytest.warns(UserWarning, match=f"left out: .*{broken}"):
        path = train("hyperprior", [own], out=tmp_path / "run", **QUICK)
    held = {"03.png": {"training": 35, "validation": 2}, "12.png": {"training": 36, "validation": 1}}
    assert load_weights(path).card["pictures"] == held[broken]


def test_a_picture_smaller_than_a_crop_is_not_counted(own, tmp_path):
    write_image(own / "05.png", torch.rand(3, 63, 200))
    path = train("hyperprior", [own], out=tmp_path / "run", **QUICK)
    assert load_weights(path).card["pictures"] == {"training": 12, "validation": 1}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"name": "hyperpriot"}, "did you mean 'hyperprior'"),
        ({"preset": "tin"}, "no recipe for preset 'tin'"),
        ({"data": ["no_such_folder"]}, "no_such_folder"),
        ({"crop": 256}, "256 pixels"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(pictures, tmp_path, given, complaint):
    given = {"name": "hyperprior", "data": [pictures]} | QUICK | given
    with pytest.raises(LicLabError, match=complaint):
        train(**given, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_and_too_few_pictures_are_refused(pictures, tmp_path):
    (tmp_path / "few").mkdir()
    with pytest.raises(LicLabError, match=r"there are no pictures in .*few"):
        train("hyperprior", [tmp_path / "few"], out=tmp_path / "run", **QUICK)
    for number in range(12):
        shutil.copy(pictures / "00.png", tmp_path / "few" / f"{number}.png")
    with pytest.raises(LicLabError, match="12 pictures are too few: give at least 13"):
        train("hyperprior", [tmp_path / "few"], out=tmp_path / "run", **QUICK)


# Stereo


def test_a_stereo_model_learns_from_single_pictures_by_warping_them(pictures, tmp_path):
    path = train("bisic", [pictures], out=tmp_path, **QUICK)
    model = load_weights(path)
    x = torch.rand(1, 2, 3, 70, 50)
    assert model.decompress(model.compress(x, 0.5)).shape == x.shape
    assert model.card["pictures"] == {"training": 13, "validation": 1}


def test_a_stereo_model_learns_from_a_folder_of_pairs(pictures, tmp_path):
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for number, file in enumerate(sorted(pictures.iterdir())):
        for side in "LR":
            shutil.copy(file, pairs / f"{number:04}_{side}{file.suffix}")
    with pytest.warns(UserWarning, match="views of the pair are equal"):
        path = train("bisic", [pairs], out=tmp_path / "run", **QUICK)
    assert load_weights(path).card["pictures"] == {"training": 13, "validation": 1}
    (pairs / "0003_R.png").rename(tmp_path / "elsewhere.png")
    with pytest.raises(LicLabError, match="0003_R"):
        train("bisic", [pairs], out=tmp_path / "other", **QUICK)


def test_the_serial_variant_is_trained_by_the_recipe_of_its_size(pictures, tmp_path):
    path = train("bisic", [pictures], out=tmp_path, **QUICK | {"preset": "tiny-main"})
    assert load_weights(path).preset == "tiny-main"


def test_a_stereo_run_resumed_gives_the_numbers_of_one_that_was_not_interrupted(pictures, tmp_path):
    whole = train("bisic", [pictures], out=tmp_path / "whole", **QUICK | {"steps": 4})

    def stop(done, total, text):
        if done == 2 and "loss" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("bisic", [pictures], out=tmp_path / "parts", progress=stop, **QUICK | {"steps": 4})
    parts = train("bisic", [pictures], out=tmp_path / "parts", resume=True, **QUICK | {"steps": 4})
    assert load_weights(whole).fingerprint() == load_weights(parts).fingerprint()


# Beginning, ending, choosing


def test_the_best_and_the_last_weights_are_both_there_and_say_when(pictures, tmp_path):
    path = train("hyperprior", [pictures], out=tmp_path, **QUICK | {"steps": 3, "every": 1})
    best, last = load_weights(path), load_weights(tmp_path / "hyperprior.last.safetensors")
    objectives = [row["objective"] for row in last.card["validation"]]
    assert last.card["steps"] == 3 and best.card["steps"] == 1 + objectives.index(min(objectives))


def test_a_run_that_is_stopped_before_its_first_validation_still_gives_weights(pictures, tmp_path):
    control = Control()
    path = train("hyperprior", [pictures], out=tmp_path, watch=lambda now: control.stop(), control=control, **QUICK)
    assert load_weights(path).card["steps"] == 1


def test_a_model_begins_with_what_it_shares_with_another_one(pictures, tmp_path):
    path = train("charm", [pictures], out=tmp_path / "charm", **QUICK)
    model, charm = build("cmamba", "tiny"), load_weights(path)
    taken = warm_start(model, path)
    mine, theirs = model.state_dict(), charm.state_dict()
    shared = {key for key, value in theirs.items() if key in mine and mine[key].shape == value.shape}
    halves = {key for key in shared if key.endswith(".bias") and key.removesuffix("bias") + "weight" not in shared}
    assert halves  # a bias is nothing without its weight
    assert len(taken) >= len(shared - halves) > 5  # and layers that stand in the same place under another number
    assert all(torch.equal(mine[key], theirs[key]) for key in shared - halves)
    again = train("cmamba", [pictures], out=tmp_path / "cmamba", start_from=path, **QUICK)
    assert "--start-from charm.safetensors" in load_weights(again).card["command"]


def test_a_card_says_what_was_trained_before_and_keeps_it_when_resumed(pictures, tmp_path):
    first = train("charm", [pictures], out=tmp_path / "1", **QUICK)
    second = train("charm", [pictures], out=tmp_path / "2", start_from=first, **QUICK)
    third = train("cmamba", [pictures], out=tmp_path / "3", start_from=second, **QUICK)
    third = train("cmamba", [pictures], out=tmp_path / "3", resume=True, **QUICK | {"steps": 3})
    before = load_weights(third).card["before"]
    models = [load_weights(path) for path in (first, second)]
    assert [run["weights"] for run in before] == [model.fingerprint().hex() for model in models]
    assert [run["command"] for run in before] == [model.card["command"] for model in models]
    for run, model in zip(before, models, strict=True):  # and how they got there
        assert [(row["step"], row["objective"]) for row in run["validation"]] == [
            (row["step"], row["objective"]) for row in model.card["validation"]
        ]
        assert run["validation"]
    assert "before" not in models[0].card
    assert [run["steps"] for run in trainings(load_weights(third))] == [2, 2, 3]
    assert trainings(models[0]) == [models[0].card] and trainings(build("charm", "tiny")) == []
    assert f"to weights {before[1]['weights']}: `{before[1]['command']}` (2 steps" in card_markdown(third)


def test_layers_that_the_start_has_not_learn_faster_where_that_is_asked_also_after_a_resume(pictures, tmp_path):
    path = train("charm", [pictures], out=tmp_path / "charm", **QUICK)
    paces = {}

    def look(trainer):
        names = {parameter: name for name, parameter in trainer.model.named_parameters()}
        paces.update({names[p]: group["pace"] for group in trainer.optimizer.param_groups for p in group["params"]})

    begin = {"start_from": path, "out": tmp_path / "run", "ready": look}
    run = train("cmamba", [pictures], **begin, fresh=4.0, **QUICK)
    taken = warm_start(build("cmamba", "tiny"), path)
    assert set(paces.values()) == {1.0, 4.0}
    assert all((paces[name] == 1.0) == (name in taken) for name in paces)
    assert "--fresh 4.0" in load_weights(run).card["command"]
    first, _ = dict(paces), paces.clear()
    train("cmamba", [pictures], out=tmp_path / "run", ready=look, resume=True, **QUICK | {"steps": 3})
    assert paces == first
    train("cmamba", [pictures], out=tmp_path / "run", ready=look, resume=True, fresh=2.0, **QUICK | {"steps": 4})
    assert set(paces.values()) == {1.0, 2.0}


def test_layers_can_begin_anew_though_the_start_has_them(pictures, tmp_path):
    first = train("charm", [pictures], out=tmp_path / "1", **QUICK)
    begun, theirs, made = build("charm", "tiny"), load_weights(first).state_dict(), build("charm", "tiny").state_dict()
    begun.load_state_dict(made)
    taken = warm_start(begun, first, anew=("synthesis.deep.0", "latent"))
    for key, value in begun.state_dict().items():
        again = key.startswith(("synthesis.deep.0.", "latent."))
        assert (key in taken) != again and torch.equal(value, (made if again else theirs)[key])
    begin = {"start_from": first, "anew": ("synthesis.deep.0",)}
    second = train("charm", [pictures], out=tmp_path / "2", fresh=2.0, **begin, **QUICK)  # they count as fresh
    second = train("charm", [pictures], out=tmp_path / "2", resume=True, **QUICK | {"steps": 3})
    assert "--start-from charm.safetensors --anew synthesis.deep.0" in load_weights(second).card["command"]
    with pytest.raises(LicLabError, match="no layers are in 'synth'"):
        warm_start(begun, first, anew=("synth",))
    with pytest.raises(LicLabError, match="no layers are in 'nothing'"):
        train("charm", [pictures], out=tmp_path / "3", start_from=first, anew=("nothing",), **QUICK)
    with pytest.raises(LicLabError, match="name these weights"):
        train("charm", [pictures], out=tmp_path / "3", anew=("latent",), **QUICK)


def test_fresh_layers_must_be_there_and_stay_the_same(pictures, tmp_path):
    with pytest.raises(LicLabError, match="there are none, so leave it out"):
        train("charm", [pictures], out=tmp_path / "1", fresh=2.0, **QUICK)
    train("cmamba", [pictures], out=tmp_path / "3", **QUICK)
    state = torch.load(tmp_path / "3" / "state.pt", weights_only=True)
    del state["fresh"], state["optimizer"]["param_groups"][0]["pace"]  # as of a run before there was such a thing
    torch.save(state, tmp_path / "3" / "state.pt")
    with pytest.raises(LicLabError, match="there are none, so leave it out"):
        train("cmamba", [pictures], out=tmp_path / "3", resume=True, fresh=2.0, **QUICK | {"steps": 3})
    again = train("cmamba", [pictures], out=tmp_path / "3", resume=True, **QUICK | {"steps": 3})
    assert load_weights(again).card["steps"] == 3


def test_faster_fresh_layers_move_further_than_the_others_would(pictures, tmp_path):
    path = train("charm", [pictures], out=tmp_path / "charm", **QUICK)
    moved = {}
    for pace in (1.0, 8.0):
        kept = {}

        def look(trainer, kept=kept):
            kept.update({name: value.clone() for name, value in trainer.model.state_dict().items()})

        run = train("cmamba", [pictures], out=tmp_path / str(pace), start_from=path, ready=look, fresh=pace, ema=0.0,
                    **QUICK)  # fmt: skip
        taken, after = warm_start(build("cmamba", "tiny"), path), load_weights(run).state_dict()
        moved[pace] = {
            k: (after[k] - kept[k]).abs().mean().item() for k, _ in build("cmamba", "tiny").named_parameters()
        }
    fresh = [k for k in moved[1.0] if k not in taken and moved[1.0][k] > 0]
    ratios = sorted(moved[8.0][k] / moved[1.0][k] for k in fresh)
    assert ratios[len(ratios) // 2] > 4


def test_weights_that_share_nothing_are_refused(tmp_path):
    model = build("charm", "tiny")
    save_model(model, tmp_path / "charm.safetensors", name="charm", preset="tiny")
    with pytest.raises(LicLabError, match=r"nothing in .*charm\.safetensors fits this model"):
        warm_start(torch.nn.Linear(1, 1), tmp_path / "charm.safetensors")


def test_validation_pictures_may_have_a_folder_of_their_own(pictures, tmp_path):
    (tmp_path / "held").mkdir()
    shutil.copy(pictures / "00.png", tmp_path / "held" / "a.png")
    path = train("hyperprior", [pictures], validation=[tmp_path / "held"], out=tmp_path / "run", **QUICK)
    assert load_weights(path).card["pictures"] == {"training": 14, "validation": 1}


def test_an_epoch_takes_as_many_crops_as_there_are_pictures(pictures, tmp_path):
    quick = {key: value for key, value in QUICK.items() if key != "steps"}
    path = train("hyperprior", [pictures], out=tmp_path, epochs=1, lr_epochs=(1,), **quick)
    recipe = load_weights(path).card["recipe"]
    assert (recipe["steps"], recipe["schedule"], recipe["milestones"]) == (13, "step", [13])


def test_a_variant_trains_and_its_weights_load_as_that_variant(pictures, tmp_path):
    path = train("cmamba", [pictures], out=tmp_path, switches={"paths": "ssm"}, **QUICK)
    assert load_weights(path).switches == {"paths": "ssm"} and "--set paths=ssm" in load_weights(path).card["command"]


def test_a_model_trains_for_ms_ssim(tmp_path, photo):
    folder = tmp_path / "large"
    folder.mkdir()
    for number in range(13):
        write_image(folder / f"{number:02}.png", photo(200, 210, number))
    path = train("hyperprior", [folder], out=tmp_path / "run", distortion="ms-ssim", **QUICK | {"crop": 192})
    assert load_weights(path).card["recipe"]["distortion"] == "ms-ssim"
    with pytest.raises(LicLabError, match="MS-SSIM needs crops of 176 pixels or more, got 64"):
        train("hyperprior", [folder], out=tmp_path / "other", distortion="ms-ssim", **QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_two_hundred_steps_lower_the_validation_loss_of_every_model(name, tmp_path, photo):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(14):
        write_image(folder / f"{number:02}.png", photo(150, 140, number))
    changes = {"steps": 200, "every": 50, "batch_size": 4, "ema": 0.9, "warmup": 20}
    history = load_weights(train(name, [folder], out=tmp_path / "run", preset="tiny", **changes)).card["validation"]
    objectives = [row["objective"] for row in history]
    assert objectives[-1] < 0.98 * objectives[0], objectives


# Going on


def test_a_resumed_run_keeps_what_is_not_said_anew(pictures, tmp_path):
    quick = QUICK | {"lr": 1e-3, "schedule": "constant", "switches": {"pool": "avg"}, "lmbda": 0.01}
    train("cmamba", [pictures], out=tmp_path, **quick)
    train("cmamba", [pictures], out=tmp_path, resume=True, steps=3)
    model = load_weights(tmp_path / "cmamba.last.safetensors")
    assert model.switches == {"pool": "avg"} and model.lambdas == [0.01] and model.preset == "tiny"
    recipe = model.card["recipe"]
    assert (recipe["steps"], recipe["lr"], recipe["schedule"], recipe["crops"]) == (3, 1e-3, "constant", [[1.0, 64, 1]])
    assert model.card["resumed"] == [{"step": 2, "steps": [2, 3]}]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"switches": {"pool": "max"}}, "is of switches {'pool': 'avg'}, not {'pool': 'max'}"),
        ({"name": "charm", "switches": {}}, "is of model cmamba, not charm"),
        ({"seed": 1}, "has seed 0, not 1: choose another folder"),
        ({"steps": 1}, "has taken 2 steps already: give so many or more, not 1"),
        ({"other": True}, r"is of data \['pictures\d+'\], not \['elsewhere'\]: name these again"),
    ],
)
def test_a_run_of_something_else_is_not_resumed(pictures, tmp_path, given, complaint):
    train("cmamba", [pictures], out=tmp_path / "run", **QUICK | {"switches": {"pool": "avg"}})
    data = shutil.copytree(pictures, tmp_path / "elsewhere") if given.pop("other", False) else pictures
    state = (tmp_path / "run" / "state.pt").read_bytes()
    with pytest.raises(LicLabError, match=complaint):
        train(**{"name": "cmamba", "data": [data], "out": tmp_path / "run", "resume": True, "steps": 3} | given)
    assert (tmp_path / "run" / "state.pt").read_bytes() == state


def test_another_crop_validates_on_other_pictures_and_the_card_says_so(pictures, tmp_path):
    train("hyperprior", [pictures], out=tmp_path, **QUICK)
    with pytest.warns(UserWarning, match="the validation pictures are others than before"):
        path = train("hyperprior", [pictures], out=tmp_path, resume=True, steps=3, crop=48)
    assert load_weights(path).card["steps"] == 3  # the best so far, whatever there was on larger pictures
    assert "validation pictures " in card_markdown(path)


@pytest.mark.parametrize("folder", [True, False])
def test_a_held_out_picture_of_the_same_name_but_another_content_is_another_one(own, tmp_path, photo, folder):
    held = tmp_path / "held"
    held.mkdir()
    shutil.copy(own / "00.png", held / "a.png")
    more = {"validation": [held]} if folder else {}
    train("hyperprior", [own], out=tmp_path / "run", **QUICK, **more)
    write_image(held / "a.png" if folder else own / "12.png", photo(100, 90, 77))
    with pytest.warns(UserWarning, match="the validation pictures are others than before"):
        train("hyperprior", [own], out=tmp_path / "run", resume=True, steps=3, **more)
    assert "validation_pictures" in read_state(tmp_path / "run")["progress"]["legs"][0]


def test_a_run_that_goes_on_began_with_what_it_began_with(pictures, tmp_path):
    first = train("charm", [pictures], out=tmp_path / "1", **QUICK)
    other = shutil.copy(first, tmp_path / "other.safetensors")
    begin = {"start_from": first, "anew": ("synthesis.deep.0", "latent")}
    train("charm", [pictures], out=tmp_path / "2", **begin, **QUICK)
    state = (tmp_path / "2" / "state.pt").read_bytes()
    again = {"resume": True, "steps": 3}
    refused = [
        (tmp_path / "2", {"start_from": other}, "began with charm.safetensors, not with other.safetensors: leave"),
        (tmp_path / "2", {"anew": ("latent",)}, "latent, synthesis.deep.0 began anew, not latent: leave anew out"),
        (tmp_path / "1", {"start_from": other}, "began with new weights, not with other.safetensors"),
        (tmp_path / "1", {"anew": ("latent",)}, "nothing began anew, not latent"),
    ]
    for folder, given, complaint in refused:
        with pytest.raises(LicLabError, match=complaint) as told:
            train("charm", [pictures], out=folder, **again, **given)
        assert "\n" not in str(told.value)
    assert (tmp_path / "2" / "state.pt").read_bytes() == state
    same = {"start_from": "elsewhere/charm.safetensors", "anew": ("latent", "synthesis.deep.0")}  # need not be here now
    path = train("charm", [pictures], out=tmp_path / "2", **again, **same)
    assert path.parent == tmp_path / "2" and read_state(tmp_path / "2")["progress"]["step"] == 3


def test_a_state_that_does_not_say_what_it_is_of_is_resumed_whatever_it_is_told_to_begin_with(pictures, tmp_path):
    train("hyperprior", [pictures], out=tmp_path, **QUICK)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save({key: value for key, value in state.items() if key != "about"}, tmp_path / "state.pt")
    given = {"resume": True, "start_from": "w.safetensors", "preset": "tiny", "steps": 3}
    train("hyperprior", [pictures], out=tmp_path, **given)
    assert read_state(tmp_path)["progress"]["step"] == 3


def test_two_trainings_do_not_write_into_one_folder_nor_a_third(pictures, tmp_path):
    with FileLock(tmp_path / ".lock"):
        for _ in range(2):
            with pytest.raises(LicLabError, match="another training is writing into"):
                train("hyperprior", [pictures], out=tmp_path, **QUICK)


def test_this_folder_has_a_name_too(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures)
    train("hyperprior", ["."], out=tmp_path, **QUICK)
    assert read_state(tmp_path)["about"]["data"] == [pictures.name]


@pytest.mark.parametrize("data", [b"some text", None])
def test_a_state_of_another_program_is_refused(pictures, tmp_path, data):
    torch.save({"weights": 1}, tmp_path / "state.pt") if data is None else (tmp_path / "state.pt").write_bytes(data)
    with pytest.raises(LicLabError, match=r"state\.pt cannot be read"):
        train("hyperprior", [pictures], out=tmp_path, resume=True)


def test_no_more_pictures_are_validated_on_than_need_be(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("lic_lab.training.recipes.VALIDATED", 5)
    path = train("hyperprior", [pictures], validation=[pictures], out=tmp_path, **QUICK)
    assert load_weights(path).card["pictures"] == {"training": 14, "validation": 5}


def test_a_training_leaves_the_process_as_it_found_it(pictures, tmp_path):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train("hyperprior", [pictures], out=tmp_path, threads=2, deterministic=True, **QUICK)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"epochs": 1}, "steps and epochs say the same"),
        ({"lr_epochs": (1,), "schedule": "plateau"}, "are milestones of schedule 'step'"),
        ({"lmbda": float("inf")}, "lambda is a positive number, got inf"),
        ({"lmbda": -1.0}, "lambda is a positive number, got -1.0"),
        ({"threads": -1}, "threads are a positive whole number"),
        ({"batch_size": 0}, "crops per step is a positive whole number, got 0"),
    ],
)
def test_what_contradicts_itself_is_told_in_one_line(pictures, tmp_path, given, complaint):
    with pytest.raises(LicLabError, match=complaint):
        train("hyperprior", [pictures], out=tmp_path / "run", **QUICK | given)
    assert not (tmp_path / "run").exists()


def test_epochs_with_a_schedule_by_steps_and_pictures_that_are_too_small(own, tmp_path):
    write_image(own / "05.png", torch.rand(3, 63, 200))
    quick = {key: value for key, value in QUICK.items() if key != "steps"} | {"schedule": "step", "lr_epochs": (1,)}
    with pytest.warns(UserWarning, match="1 of 13 pictures are not used: they are smaller than a crop"):
        path = train("hyperprior", [own], out=tmp_path, epochs=1, **quick)
    assert load_weights(path).card["recipe"]["milestones"] == [12]
