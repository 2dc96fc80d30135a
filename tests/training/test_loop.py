import errno
import json
import math
import os
import signal
import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from lic_lab.datasets.crops import CropBank, center_crops, split
from lic_lab.errors import DivergedError, LicLabError
from lic_lab.models.presets import build
from lic_lab.training import loop
from lic_lab.training.loop import Recipe, Trainer

RECIPE = Recipe(steps=5, crops=((0.5, 32, 2), (1.0, 64, 1)), lr=1e-3, warmup=2, every=2)


def make_trainer(pictures, folder, recipe=RECIPE, name="hyperprior", side=64, **options):
    """side: of the crops that are validated on."""
    training, held = split([pictures])
    torch.manual_seed(recipe.seed)
    model = build(name, "tiny", **options)
    return Trainer(model, recipe, CropBank(training, smallest=64, scales=1), center_crops(held, side), folder)


@pytest.fixture
def trainer(pictures, tmp_path):
    """Makes trainers of one folder and one seed, as often as one is needed."""
    return lambda **options: make_trainer(pictures, tmp_path / "run", **options)


def numbers(trainer):
    """All that must not differ between two runs: weights, average, optimiser, generators and every number logged."""
    state = torch.load(trainer.folder / "state.pt", weights_only=True)
    del state["progress"]["seconds"], state["progress"]["speed"]
    for row in [*state["progress"]["history"], state["progress"]["best"]]:
        row.pop("seconds", None)
    return state


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def interrupted(at, by):
    """A watcher that is interrupted after step `at`."""

    def watch(progress):
        if progress.step == at:
            by()

    return watch


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory):
    whole = make_trainer(pictures, tmp_path_factory.mktemp("whole"))
    whole.run()
    return numbers(whole)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_resumed_run_ends_with_the_numbers_of_an_uninterrupted_one(trainer, uninterrupted, at):
    first = trainer()
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted(at, raise_interrupt))
    torch.rand(7)  # whatever the process did meanwhile
    second = trainer()
    assert second.resume() and second.progress.step == at
    second.run()
    assert equal(numbers(second), uninterrupted)


def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(trainer, uninterrupted, monkeypatch):
    first, draw, steps = trainer(), CropBank.draw, []

    def busy(self, *given):
        steps.append(first.progress.step)
        if len(steps) == 2:
            signal.raise_signal(signal.SIGINT)
        return draw(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(CropBank, "draw", busy)
        handler = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            first.run()
        assert signal.getsignal(signal.SIGINT) is handler
    second = trainer()
    assert second.resume() and second.progress.step == 2
    second.run()
    assert equal(numbers(second), uninterrupted)


def test_behind_the_soft_share_only_what_decodes_learns(trainer):
    run = trainer(recipe=replace(RECIPE, steps=4, soft=0.5))
    parts = {"analysis.linear", "latent.analysis.4", "latent.synthesis.4", "synthesis.linear"}
    weights = lambda: {part: run.model.get_submodule(part).weight.clone() for part in parts}  # noqa: E731
    walked = [weights()]
    run.run(lambda progress: walked.append(weights()))
    moved = [{part for part in parts if not torch.equal(a[part], b[part])} for a, b in pairwise(walked)]
    assert moved == 2 * [parts] + 2 * [{"latent.synthesis.4", "synthesis.linear"}]


def test_a_run_with_a_hard_end_is_resumed_with_the_same_numbers(pictures, tmp_path):
    recipe = replace(RECIPE, soft=0.4)
    whole, first = (make_trainer(pictures, tmp_path / name, recipe) for name in ("whole", "parts"))
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted(3, raise_interrupt))
    second = make_trainer(pictures, tmp_path / "parts", recipe)
    assert second.resume()
    second.run()
    assert equal(numbers(second), numbers(whole))


@pytest.fixture
def keyboard():
    """Ctrl-C means what it means to a person; a process that runs tests for another may have been told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_a_second_ctrl_c_does_not_wait_and_keeps_the_last_state(trainer, monkeypatch):
    run, draw = trainer(), CropBank.draw

    def stuck(self, *given):
        if run.progress.step == 3:
            waiting = signal.getsignal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            while signal.getsignal(signal.SIGINT) is waiting:  # two signals at the same moment would count as one
                time.sleep(0.001)
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.1)
        return draw(self, *given)

    monkeypatch.setattr(CropBank, "draw", stuck)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert numbers(run)["progress"]["step"] == 2


def test_a_thread_that_cannot_catch_signals_can_train(trainer):
    run = trainer(recipe=replace(RECIPE, steps=1))
    thread = threading.Thread(target=run.run)
    thread.start()
    thread.join()
    assert numbers(run)["progress"]["step"] == 1


def test_a_kill_in_the_middle_of_writing_leaves_the_old_state_readable(trainer, monkeypatch):
    run, save = trainer(), torch.save

    def killed(state, path):
        if state["progress"]["step"] == 4:
            path.write_bytes(b"half a sta")
            raise SystemExit
        save(state, path)

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(SystemExit):
        run.run()
    again = trainer()
    assert again.resume() and again.progress.step == 2


def test_a_state_that_is_damaged_is_refused_in_one_line(trainer):
    run = trainer(recipe=replace(RECIPE, steps=2))
    run.run()
    data = (run.folder / "state.pt").read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"some text"):
        (run.folder / "state.pt").write_bytes(damaged)
        with pytest.raises(LicLabError, match=r"state\.pt cannot be read"):
            trainer().resume()


def test_there_is_nothing_to_resume_in_a_new_folder(trainer):
    assert not trainer().resume()


@pytest.mark.parametrize("other", [{"name": "charm"}, {"lambdas": (0.01,)}])
def test_the_state_of_another_model_is_refused(trainer, other):
    trainer().save()
    with pytest.raises(LicLabError, match="belongs to another model or preset"):
        trainer(**other).resume()


def test_the_state_of_another_lambda_is_refused(trainer):
    trainer(lambdas=(0.01,)).save()
    with pytest.raises(LicLabError, match=r"was trained for lambda \[0\.01\], not \[0\.02\]"):
        trainer(lambdas=(0.02,)).resume()
    assert trainer(lambdas=(0.01,)).resume()


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_nan_is_told_in_one_line_and_the_saved_state_stays_whole(trainer, monkeypatch, what):
    run, honest = trainer(), loop.balanced

    def balanced(terms, lmbda):
        loss = honest(terms, lmbda)
        if run.progress.step == 3 and torch.is_grad_enabled():  # the root of zero: a number, with no gradient
            loss = loss * math.nan if what == "loss" else loss + (loss - loss.detach()).abs().sqrt()
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(loop, "balanced", balanced)
        with pytest.raises(LicLabError) as told:
            run.run()
    assert "\n" not in str(told.value)
    assert f"the {what} is not a number at step 3: lower lr (0.001) and resume from {run.folder}" in str(told.value)
    assert all(torch.isfinite(p).all() for p in run.model.parameters())
    again = trainer(recipe=replace(RECIPE, lr=1e-4))
    assert again.resume() and again.progress.step == 2
    again.run()
    assert numbers(again)["progress"]["step"] == 5


def test_training_lowers_the_loss_and_the_average_follows(trainer):
    run = trainer(recipe=Recipe(steps=30, crops=((1.0, 32, 2),), lr=3e-4, warmup=5, ema=0.9, every=10))
    model = run.run()
    objective = [row["objective"] for row in run.progress.history]
    assert objective[0] > objective[1] > objective[2]
    assert model is run.average.module and not model.training
    for mean, last in zip(model.parameters(), run.model.parameters(), strict=True):
        assert torch.allclose(mean, last, atol=0.1)
    assert not equal(model.state_dict(), run.model.state_dict())


def test_the_average_is_the_exponential_one_by_hand(trainer):
    run, bias = trainer(recipe=replace(RECIPE, steps=3, ema=0.2)), []
    run.run(lambda progress: bias.append(run.model.analysis.deep[0].bias.detach().clone()))
    by_hand = bias[0]
    for n, later in enumerate(bias[1:], 1):
        decay = min(0.2, (1 + n) / (10 + n))  # 2 / 11, then 0.2: the beginning is forgotten
        by_hand = decay * by_hand + (1 - decay) * later
    assert torch.allclose(run.average.module.analysis.deep[0].bias, by_hand)


def test_the_history_has_a_row_per_validation_and_a_point_per_rung(trainer):
    run, seen = trainer(), []
    run.run(lambda progress: seen.append((progress.step, progress.loss, progress.bpp, progress.psnr)))
    history = json.loads((run.folder / "history.json").read_text())
    assert history == run.progress.history and [row["step"] for row in history] == [2, 4, 5]
    assert all(len(row["bpp"]) == len(row["psnr_db"]) == run.model.rates for row in history)
    assert history[-1]["bpp"] == sorted(history[-1]["bpp"]) and history[-1]["psnr_db"] == sorted(history[-1]["psnr_db"])
    assert [step for step, *_ in seen] == [1, 2, 3, 4, 5] and all(map(math.isfinite, sum(seen, ())))
    assert not list(run.folder.glob("*.part"))


def test_a_step_sees_crops_and_learning_rate_of_its_stage(trainer, monkeypatch):
    run, draw, seen = trainer(), CropBank.draw, []

    def noted(self, batch, size, generator):
        seen.append((batch, size, run.optimizer.param_groups[0]["lr"]))
        return draw(self, batch, size, generator)

    monkeypatch.setattr(CropBank, "draw", noted)
    run.run()
    assert seen == [(2 if k < 3 else 1, 32 if k < 3 else 64, RECIPE.rate_at(k)) for k in range(5)]


def test_a_full_disk_in_the_middle_is_said_and_the_training_goes_on(trainer, monkeypatch):
    run, save, tries = trainer(), torch.save, []

    def full(state, path):
        tries.append(state["progress"]["step"])
        if tries[-1] == 2:
            path.write_bytes(b"what fits")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.warns(UserWarning, match=r"cannot write .*state\.pt.*No space left.*the training goes on"):
        run.run()
    assert tries[:2] == [2, 4] and numbers(run)["progress"]["step"] == 5
    assert not list(run.folder.glob("*.part"))


def test_a_disk_that_is_full_at_the_end_is_told_in_one_line_and_the_older_state_stays(trainer, monkeypatch):
    run, save = trainer(), torch.save

    def full(state, path):
        if state["progress"]["step"] > 2:
            raise RuntimeError(
                "[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"
            )  # torch's own words
        save(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.warns(UserWarning), pytest.raises(LicLabError, match="free some space, then go on") as told:
        run.run()
    assert "\n" not in str(told.value) and numbers(run)["progress"]["step"] == 2


def test_the_best_weights_are_those_of_the_lowest_validation_objective(trainer, monkeypatch):
    kept, values = [], iter([3.0, 2.0, 2.5])
    monkeypatch.setattr(
        loop, "validate", lambda *_, **__: {"objective": next(values), "bpp": [0.1, 1.0], "psnr_db": [20.0, 30.0]}
    )
    run = trainer()
    run.keep = lambda model, which: kept.append((which, run.progress.step))
    run.run()
    assert kept == [("best", 2), ("best", 4)] and run.progress.best["step"] == 4


def test_weights_are_kept_every_so_many_steps(trainer):
    kept = []
    run = trainer(recipe=replace(RECIPE, keep_every=4))
    run.keep = lambda model, which: kept.append(which)
    run.run()
    assert kept.count("step-00000004") == 1 and {"best"} == set(kept) - {"step-00000004"}
    kept.clear()
    again = trainer(recipe=replace(RECIPE, steps=9, keep_every=3))  # 3 is no multiple of the steps between validations
    again.keep = lambda model, which: kept.append(which)
    again.run()
    assert [which for which in kept if which != "best"] == ["step-00000003", "step-00000006", "step-00000009"]


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp32"])
def test_every_precision_trains_and_resumes(trainer, precision):
    recipe = replace(RECIPE, precision=precision)
    first = trainer(recipe=recipe)
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted(3, raise_interrupt))
    second = trainer(recipe=recipe)
    assert second.resume()
    model = second.run()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert numbers(second)["progress"]["step"] == 5


def test_the_averaged_weights_are_the_last_ones_where_nobody_wants_an_average(trainer):
    run = trainer(recipe=replace(RECIPE, ema=0.0))
    model = run.run()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), run.model.parameters(), strict=True))


@pytest.mark.parametrize("before", ["soap", "adam"])
def test_a_state_of_another_optimizer_is_refused(trainer, before):
    after = {"soap": "adam", "adam": "soap"}[before]
    trainer(recipe=replace(RECIPE, optimizer=before)).run()
    with pytest.raises(LicLabError, match=f"was trained with {before}, not {after}: choose another folder"):
        trainer(recipe=replace(RECIPE, optimizer=after)).resume()


def test_a_state_of_another_distortion_is_refused(trainer):
    trainer().save()
    other = replace(RECIPE, distortion="ms-ssim", crops=((1.0, 192, 1),))
    with pytest.raises(LicLabError, match="was trained for mse, not ms-ssim"):
        trainer(recipe=other).resume()


# Every field of a recipe has a part in the numbers


PLATEAU = {"schedule": "plateau", "patience": 1, "every": 1}


def row(objective, score):
    return {"objective": objective, "score": score, "bpp": [0.1, 1.0], "psnr_db": [20.0, 30.0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": 1e-3},
        {"weight_decay": 0.1},
        {"lambda_warmup": 100},
        {"schedule": "constant"},
        {"lr": 2e-3},
    ],
    ids=str,
)
def test_a_changed_field_changes_the_weights(trainer, uninterrupted, changes):
    run = trainer(recipe=replace(RECIPE, **changes))
    run.run()
    assert not equal(numbers(run)["model"], uninterrupted["model"])


def test_the_rate_falls_where_validations_stand_still(trainer, monkeypatch):
    monkeypatch.setattr(loop, "validate", lambda *_, **__: row(1.0, 0))
    recipe = replace(RECIPE, steps=6, warmup=0, factor=0.5, **PLATEAU)
    run, rates = trainer(recipe=recipe), []
    run.run(lambda progress: rates.append(run.optimizer.param_groups[0]["lr"] / recipe.lr))
    assert rates == [1, 1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("changes", [{"precision": "fp16"}, {"optimizer": "soap"}, PLATEAU], ids=str)
def test_every_kind_of_run_resumes_with_all_its_numbers(pictures, tmp_path, changes):
    recipe = replace(RECIPE, **changes)
    whole, first = (make_trainer(pictures, tmp_path / name, recipe) for name in ("whole", "parts"))
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted(3, raise_interrupt))
    second = make_trainer(pictures, tmp_path / "parts", recipe)
    second.resume()
    second.run()
    assert equal(numbers(second), numbers(whole))


def test_fp16_that_finds_no_scale_is_a_loss_that_diverged(trainer, monkeypatch):
    honest = loop.balanced
    monkeypatch.setattr(loop, "SKIPS", 2)
    monkeypatch.setattr(loop, "balanced", lambda t, v: honest(t, v) + (t.cost - t.cost.detach()).abs().sqrt().sum())
    with pytest.raises(DivergedError, match="the gradient is not a number at step 2"):
        trainer(recipe=replace(RECIPE, precision="fp16", every=100)).run()


def test_a_term_of_a_model_counts_as_long_as_its_schedule_says(trainer, monkeypatch):
    monkeypatch.setattr("lic_lab.models.asymmetric.Asymmetric.extra_weights", {"post_filter": (5.0, 2)})
    terms = []
    trainer(name="asymmetric").run(lambda progress: terms.append(list(progress.terms)))
    assert terms == [["post_filter"], ["post_filter"], [], [], []]


def test_the_best_weights_by_score_are_those_of_the_highest_one(trainer, monkeypatch):
    values = iter([row(1.0, 0.2), row(2.0, 0.6), row(0.5, 0.4)])
    monkeypatch.setattr(loop, "validate", lambda *_, **__: next(values))
    run = trainer(recipe=replace(RECIPE, select="score"))
    run.run()
    assert run.progress.best["score"] == 0.6


def test_best_weights_that_could_not_be_written_are_not_taken_for_written(trainer, monkeypatch):
    values, kept = iter([row(3.0, 0), row(2.0, 0), row(2.5, 0)]), []
    monkeypatch.setattr(loop, "validate", lambda *_, **__: next(values))
    run = trainer()

    def keep(model, which):
        if run.progress.step == 4:
            raise LicLabError("cannot write: No space left on device")
        kept.append(run.progress.step)

    run.keep = keep
    with pytest.warns(UserWarning, match="the training goes on"):
        run.run()
    assert kept == [2, 5] and run.progress.best["step"] == 5  # 2.5 is better than the 3 that is on the disk


def test_a_history_that_cannot_be_written_does_not_end_the_training(trainer, monkeypatch):
    def full(path, write):
        raise LicLabError(f"cannot write {path}: No space left on device")

    run = trainer()
    with monkeypatch.context() as patch:
        patch.setattr("lic_lab.training.log.write_whole", full)
        with pytest.warns(UserWarning, match=r"history\.json"):
            run.run()
    assert numbers(run)["progress"]["step"] == 5


def test_a_resumed_run_notes_what_changed_and_refuses_to_go_back(trainer):
    run = trainer(recipe=replace(RECIPE, steps=4))
    run.run()
    with pytest.raises(LicLabError, match="has taken 4 steps already: give so many or more, not 3"):
        trainer(recipe=replace(RECIPE, steps=3)).resume()
    again = trainer(recipe=replace(RECIPE, steps=6, lr=2e-3))
    again.resume()
    again.run()
    assert again.progress.legs == [{"step": 4, "steps": [4, 6], "lr": [1e-3, 2e-3]}]


def counted(monkeypatch, *objectives):
    """Let validations give these objectives, one after the other."""
    values = iter(objectives)
    monkeypatch.setattr(loop, "validate", lambda *_, **__: row(next(values), 0))


def kept_by(run):
    """The steps at which a run keeps its weights as the best ones."""
    steps = []
    run.keep = lambda model, which: steps.append(run.progress.step)
    return steps


def test_on_other_validation_pictures_the_best_weights_are_chosen_anew_and_the_leg_and_a_warning_say_so(
    trainer, monkeypatch
):
    counted(monkeypatch, 1.0, 3.0, 2.0)
    recipe = replace(RECIPE, every=1)
    first = trainer(recipe=replace(recipe, steps=1))
    first.run()
    again = trainer(recipe=replace(recipe, steps=3), side=32)
    with pytest.warns(UserWarning, match="the validation pictures are others than before") as warned:
        again.resume()
    assert len(warned) == 1 and "\n" not in str(warned[0].message)
    steps = kept_by(again)
    again.run()
    assert steps == [2, 3] and again.progress.best["step"] == 3  # 1.0 was on other pictures
    (leg,) = again.progress.legs
    old, new = leg["validation_pictures"]
    assert leg["step"] == 1 and leg["steps"] == [1, 3] and (old, new) == (first._pictures, again._pictures)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("older", [False, True])
def test_on_the_same_pictures_and_from_an_older_state_the_best_weights_stay_without_a_word(trainer, monkeypatch, older):
    counted(monkeypatch, 1.0, 3.0, 2.0)
    run = trainer(recipe=replace(RECIPE, steps=1, every=1))
    run.run()
    if older:  # which does not say what it was validated on
        state = torch.load(run.folder / "state.pt", weights_only=True)
        del state["validation"]
        torch.save(state, run.folder / "state.pt")
    again = trainer(recipe=replace(RECIPE, steps=3, every=1), side=32 if older else 64)
    again.resume()
    steps = kept_by(again)
    again.run()
    assert steps == [] and again.progress.best["step"] == 1
    assert again.progress.legs == [{"step": 1, "steps": [1, 3]}]


def test_a_plateau_counts_from_where_the_validation_pictures_changed(trainer, monkeypatch):
    counted(monkeypatch, *[1.0] * 4, *[2.0] * 4)
    recipe = replace(RECIPE, steps=8, warmup=0, factor=0.5, **PLATEAU)
    first, rates = trainer(recipe=recipe), []
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted(4, raise_interrupt))
    again = trainer(recipe=recipe, side=32)
    with pytest.warns(UserWarning, match="others than before"):
        again.resume()
    again.run(lambda now: rates.append(now.rate / recipe.lr))
    assert rates == [0.5, 0.5, 0.5, 0.25]  # one fall before; 2.0 is another best, which stood for two more


def test_the_first_numbers_told_are_plain_means_so_that_the_first_crops_tell_no_more_than_others(trainer):
    run, told = trainer(), []
    real, losses = loop.balanced, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "balanced", lambda *terms: losses.append(real(*terms)) or losses[-1])
        run.run(lambda now: told.append(now.loss))
    losses = [loss.item() for loss in losses]
    means = [sum(losses[: k + 1]) / (k + 1) for k in range(len(losses))]
    assert told == pytest.approx(means, rel=1e-4) and len(told) == 5


def test_a_watcher_is_told_the_norm_of_the_gradient_before_clipping_and_the_learning_rate(trainer):
    run, told = trainer(recipe=replace(RECIPE, clip=1e-6)), []
    run.run(lambda now: told.append((now.gradient, now.rate)))
    assert all(gradient > 1e-3 for gradient, _ in told)
    assert [rate for _, rate in told] == [run.recipe.rate_at(step) for step in range(5)]
