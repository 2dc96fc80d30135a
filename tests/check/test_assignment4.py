"""The tasks of A4: right answers earn all points, half-right ones their parts, and hints say what is wrong."""

import math
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from lic_lab.check import check, grade, list_tasks, training4
from lic_lab.check.exercises import NotYet
from lic_lab.check.tasks import find_task
from lic_lab.entropy.gaussian import likelihood
from lic_lab.entropy.wires import Estimate
from lic_lab.metrics.bd import bd_rate, rising_points
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp
from lic_lab.training.objective import rate_distortion
from lic_lab.types import Output


def price(residual, scale):
    return -torch.log2(likelihood(residual, scale))


def forward(model, x, rate, training):
    """The library's forward pass, which answers may not call."""
    with opened(model):
        output = model(x, rate, Estimate(training=True)) if training else training4.plainly(model, x, rate)
    return output.x_hat, output.bits


@contextmanager
def opened(model):
    """Take back for a moment what `training4.closed` does to a model."""
    barred = model.__dict__.pop("forward", None)
    try:
        yield
    finally:
        if barred:
            model.forward = barred


def objective(x, x_hat, bits, lmbda):
    return rate_distortion(x, Output(x_hat.double(), {"y": bits}), lmbda).cost


def train(model, crops, steps, seed, *, peak=2.5e-3, sown=True):
    """A short loop with a warm-up and a linear fall; the crops are taken in turn."""
    if sown:
        torch.manual_seed(seed)
    adam = torch.optim.Adam(model.parameters())
    losses = []
    model.train()
    for step in range(steps):
        adam.param_groups[0]["lr"] = peak * min(1, (step + 1) / 15) * (1 - step / steps)
        x, rate = crops[torch.randint(len(crops), (4,))], 2 * torch.rand(4)
        lmbda = model.lambda_for_rate(rate)
        cost = rate_distortion(x, model(x, rate), lmbda).cost
        loss = (cost / (lmbda / 0.004).sqrt()).mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        losses.append(loss.item())
    return losses


def points(codec, picture, qualities):
    files = [codec.encode(picture, quality) for quality in qualities]
    return [(bpp(data, *picture.shape[:2]), psnr(picture, codec.decode(data))) for data in files]


def bd(anchor, curve):
    (of_anchor, at_anchor), (of_curve, at_curve) = (rising_points(*zip(*c, strict=True)) for c in (anchor, curve))
    if min(at_anchor[-1], at_curve[-1]) <= max(at_anchor[0], at_curve[0]):
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bd_rate(of_anchor, at_anchor, of_curve, at_curve)


RIGHT = {"A4.1": price, "A4.2": forward, "A4.3": objective, "A4.4": train, "A4.5": points, "A4.6": bd}


def by_density(residual, scale):
    return -torch.distributions.Normal(0.0, scale, validate_args=False).log_prob(residual) / math.log(2)


def without_lower_bound(residual, scale):
    return -torch.log2(likelihood(residual, scale.clamp(min=0.11)))


def always_noisy(model, x, rate, training):
    return forward(model, x, rate, True)


def without_z(model, x, rate, training):
    x_hat, bits = forward(model, x, rate, training)
    with opened(model):
        output = training4.plainly(model, x, rate)
    return x_hat, bits - output.parts["z"]


def estimated(codec, picture, qualities):
    return [(rate / 3, db) for rate, db in points(codec, picture, qualities)]


def wrapped_around(codec, picture, qualities):
    pairs = zip(points(codec, picture, qualities), qualities, strict=True)
    return [(pair[0], psnr(picture, codec.decode(codec.encode(picture, quality))) + 1) for pair, quality in pairs]


def borrowed(model, x, rate, training):
    output = model(x, rate)
    return output.x_hat, output.bits


def columns(points):
    return zip(*points, strict=True)


PARTLY = [
    ("A4.1", lambda r, s: price(r, s) * math.log(2), 0, "bits take the logarithm to base 2"),
    ("A4.1", by_density, 0, "take the cumulative function"),
    ("A4.1", without_lower_bound, 3, "a plain clamp is flat below its bound"),
    ("A4.1", lambda r, s: price(r.detach(), s), 3, "the gradient of the value"),
    ("A4.2", always_noisy, 3, "bits of round(y - mean)"),
    ("A4.2", without_z, 3, "has to be sent too"),
    ("A4.2", lambda model, x, rate, training: forward(model, x, rate, False), 3, "add noise from -1/2 to 1/2"),
    ("A4.2", borrowed, 0, "that is the forward pass of the library"),
    ("A4.2", lambda model, x, rate, training: x, 0, "gives a picture and its bits"),
    ("A4.3", lambda x, x_hat, bits, lmbda: objective(x, x_hat, bits / 3, lmbda), 0, "a pixel has three"),
    ("A4.3", lambda x, x_hat, bits, lmbda: objective(x, x_hat, bits, lmbda / 255**2), 0, "255² is missing"),
    ("A4.3", lambda x, x_hat, bits, lmbda: objective(x, x_hat, bits, lmbda[:1].expand(len(x))), 1, "first"),
    ("A4.5", estimated, 0, "bits of the file over its pixels"),
    ("A4.5", wrapped_around, 0, "compare with codec.decode(data)"),
    ("A4.6", lambda anchor, curve: bd(curve, anchor), 0, "the anchor comes first"),
    ("A4.6", lambda anchor, curve: bd_rate(*columns(anchor), *columns(curve)), 2, "does not rise"),
    ("A4.6", lambda anchor, curve: 0.0 if math.isnan(bd(anchor, curve)) else bd(anchor, curve), 3, "give math.nan"),
]


def test_the_assignment_has_six_tasks_and_twenty_points():
    assert len(list_tasks("A4")) == 6 and sum(task.points for task in list_tasks("A4")) == 20


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_earns_every_point(id):
    assert grade(id, RIGHT[id], seed=1729) == find_task(id).points


@pytest.mark.filterwarnings("ignore:the curves share only")
@pytest.mark.parametrize("id, answer, points, hint", PARTLY, ids=lambda value: value if isinstance(value, str) else "")
def test_a_half_right_answer_earns_its_parts_and_gets_the_hint_it_needs(id, answer, points, hint, capsys):
    assert grade(id, answer) == points
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("id", RIGHT)
def test_an_empty_answer_is_still_to_do(id, capsys):
    def stub(*_):
        raise NotImplementedError

    assert not check(id, stub)
    assert "still to do" in capsys.readouterr().out


def seeds(answer, capsys):
    """Points of the first part of A4.4, which trains for three steps only, and what is said."""
    task = find_task("A4.4")
    whole, task.parts = task.parts, task.parts[:1]
    try:
        return grade("A4.4", answer), capsys.readouterr().out
    finally:
        task.parts = whole


def test_a_training_must_change_the_weights_and_take_all_chance_from_its_seed(capsys):
    assert seeds(train, capsys)[0] == 1
    for answer, hint in (
        (lambda model, crops, steps, seed: [0.5] * steps, "the weights are what they were before"),
        (lambda *given: train(*given, sown=False), "the same seed gave other weights"),
        (lambda model, crops, steps, seed: train(model, crops, steps, 3), "another seed gave the same weights"),
        (lambda *given: train(*given)[1:], "3 numbers for 3 steps"),
        (lambda *given: train(*given, peak=math.nan), "NaN or infinite"),
    ):
        points, said = seeds(answer, capsys)
        assert points == 0 and hint in said


def slow(*given):
    return train(*given, peak=1e-5)


@pytest.mark.parametrize("judge", [training4.check_crops, training4.check_files])
def test_a_training_must_lower_the_objective_of_what_it_has_not_seen(judge):
    judge(train, np.random.default_rng(0), 40, 10)
    for answer in (slow, lambda model, crops, steps, seed: [0.0] * steps):
        with pytest.raises(NotYet, match="try a learning rate of 2e-3"):
            judge(answer, np.random.default_rng(0), 10, 10)


def test_held_out_parts_and_learned_parts_of_a_picture_share_no_column():
    for name in training4.PICTURES:
        learned, unseen = training4.part_of(name, False), training4.part_of(name, True)
        whole = training4.bundled_images()[name]
        assert learned.shape[1] + unseen.shape[1] == whole.shape[1]
        assert (whole[:, : learned.shape[1]] == learned).all() and (whole[:, learned.shape[1] :] == unseen).all()
