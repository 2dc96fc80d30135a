"""Assignment A2: right answers earn all points with any seed, plausible mistakes a part of them and a hint."""

import re
import runpy
from pathlib import Path

import pytest
import torch

from lic_lab.check import given2, grade, list_tasks
from lic_lab.check.given2 import best_fixed, decibels, denoised, read_one_way
from lic_lab.check.judging2 import Watch
from lic_lab.ops.selective_scan.associative import prefix

ANSWERS = runpy.run_path(str(Path(__file__).parents[1] / "course" / "answers" / "a2.py"))
NAMES = {
    "A2.1": ("discretise",),
    "A2.2": ("scan_loop",),
    "A2.3": ("scan_convolution",),
    "A2.4": ("prefix_scan",),
    "A2.5": ("scan_chunked",),
    "A2.6": ("read_both_ways", "steps"),
}


def answered(kind: str) -> dict[str, object]:
    """Task -> the function or pair of that kind of answer, its cells run in the order of the notebook."""
    space, found = {}, {}
    for id, names in NAMES.items():
        exec(ANSWERS[kind][id.replace(".", "-") + "-answer"], space)
        functions = tuple(space[name] for name in names)
        found[id] = functions if len(functions) > 1 else functions[0]
    return found


RIGHT = answered("RIGHT")
POINTS = {task.id: task.points for task in list_tasks("A2")}


def one_by_one(combine, steps):
    done = [tuple(x[:1] for x in steps)]
    for t in range(1, len(steps[0])):
        done.append(combine(done[-1], tuple(x[t : t + 1] for x in steps)))
    return tuple(map(torch.cat, zip(*done, strict=True)))


def without_the_operator(combine, steps):
    if len(steps) != 2 or steps[1].ndim > 1:
        return one_by_one(combine, steps)
    h, out = torch.zeros(()), []
    for a, x in zip(*steps, strict=True):
        h = a * h + x
        out.append(h)
    return steps[0], torch.stack(out)


def loop_in_chunks(u, delta, A, B, C, D, chunk):
    y = []
    for part in (slice(at, at + chunk) for at in range(0, u.shape[2], chunk)):
        state = None if not y else y[-1][1]
        y.append(RIGHT["A2.2"](u[..., part], delta[..., part], A, B[..., part], C[..., part], D, state=state))
    return torch.cat([one[0] for one in y], dim=2)


def nan_gradient(A, B, delta, exact=False):
    delta, B = delta.movedim(-1, 0)[..., None], B.movedim(-1, 0)[:, :, None]
    x = delta * A
    return x.exp(), delta * B * (torch.where(x == 0, 1, torch.expm1(x) / x) if exact else 1)


WRONG = [  # task, answer, what it still earns, what a hint says
    ("A2.1", lambda A, B, delta, exact=False: torch.exp(delta), 0, "give two tensors"),
    ("A2.1", lambda A, B, delta, exact=False: RIGHT["A2.1"](A, B, delta), 1, "less 1) / A times B"),
    ("A2.1", nan_gradient, 2, "replace the 0 before you divide"),
    ("A2.2", lambda *inputs, state=None: RIGHT["A2.2"](*inputs), 2, "begin with the state that is handed in"),
    ("A2.2", lambda *inputs, state=None: RIGHT["A2.2"](*inputs, state=state)[0], 0, "the output and the state"),
    ("A2.2", lambda *x, state=None: [y.detach() for y in RIGHT["A2.2"](*x, state=state)], 2, "there is no gradient"),
    ("A2.3", lambda u, *rest: RIGHT["A2.3"](u, *rest)[..., :-1], 0, "has shape"),
    ("A2.4", one_by_one, 3, "one call can join many pairs"),
    ("A2.4", without_the_operator, 1, "all joining is to be done by `combine`"),
    ("A2.4", lambda combine, steps: combine(steps, steps), 0, "the earlier one comes first"),
    ("A2.5", loop_in_chunks, 3, "use your parallel scan in a chunk"),
    ("A2.6", (RIGHT["A2.6"][0], lambda tokens, noise: -tokens), 1, "a finite number from 0 on"),
    ("A2.6", (RIGHT["A2.6"][0], lambda tokens, noise: torch.full_like(tokens, 0.8)), 2, "large steps where"),
    ("A2.6", RIGHT["A2.6"][0], 0, "give two functions"),
]


def test_the_assignment_has_an_answer_here_for_every_task_and_twenty_points():
    assert list(POINTS) == list(NAMES) and sum(POINTS.values()) == 20


@pytest.mark.parametrize("id", NAMES)
def test_a_right_answer_earns_every_point_with_another_seed(id):
    assert grade(id, RIGHT[id], seed=31) == POINTS[id]


def test_plausible_mistakes_earn_a_part_of_the_points():
    assert {id: grade(id, answer, seed=5) for id, answer in answered("PARTIAL").items()} == ANSWERS["PARTIAL_POINTS"]


def test_answers_that_are_wrong_everywhere_earn_nothing():
    assert {id: grade(id, answer, seed=5) for id, answer in answered("WRONG").items()} == dict.fromkeys(NAMES, 0)


@pytest.mark.parametrize(("id", "answer", "points", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(id, answer, points, hint, capsys):
    assert grade(id, answer) == points
    assert hint in capsys.readouterr().out


def test_a_chunked_scan_may_pad_its_inputs_and_keep_its_memory_point():
    def padded(u, delta, A, B, C, D, chunk=64):
        more = -u.shape[-1] % chunk
        u, delta, B, C = (torch.nn.functional.pad(x, (0, more)) for x in (u, delta, B, C))
        return RIGHT["A2.5"](u, delta, A, B, C, D, chunk=chunk)[..., : u.shape[-1] - more]

    assert grade("A2.5", padded, seed=3) == 4


def test_steps_that_are_twice_too_large_are_told_so(capsys):
    read, steps = RIGHT["A2.6"]
    assert grade("A2.6", (read, lambda tokens, noise: 3 * steps(tokens, noise))) == 1
    said = r"([\d.]+) dB on average, .* yours give ([\d.]+) dB, twice as large ([\d.]+)\)"
    mine, half, double = map(float, re.search(said, capsys.readouterr().out).groups())
    assert double < mine < half


# ---- what judges, and what is handed out -----------------------------------------------------------------------------


def test_operations_and_the_largest_tensor_are_watched_and_views_make_nothing():
    x = torch.zeros(10, 30)
    with Watch() as watch:
        (x.T[:5] + 1).sum()
    assert watch.operations == 4 and watch.largest == 50  # turned, cut, one more, added up


def test_a_reading_starts_from_its_first_token_and_a_large_step_follows_it():
    tokens = torch.tensor([[3.0, 5.0, 1.0]], dtype=torch.float64)
    assert torch.equal(read_one_way(tokens, torch.zeros_like(tokens)), torch.full_like(tokens, 3))
    assert torch.allclose(read_one_way(tokens, torch.full_like(tokens, 50.0)), tokens)
    half = read_one_way(tokens, torch.full_like(tokens, torch.log(torch.tensor(2.0))))
    assert torch.allclose(half, torch.tensor([[3.0, 4.0, 2.5]], dtype=torch.float64))


def test_rows_and_columns_are_read_alike():
    noisy = torch.arange(54.0, dtype=torch.float64).reshape(6, 9).sin()
    flat = denoised(noisy.T.contiguous(), lambda tokens: torch.full_like(tokens, 0.5))
    assert flat.shape == (9, 6)
    assert torch.allclose(flat, denoised(noisy, lambda tokens: torch.full_like(tokens, 0.5)).T)


def test_the_best_fixed_step_is_better_than_the_noise():
    clean = torch.arange(48.0, dtype=torch.float64).expand(40, 48) * 4
    noisy = clean + 20 * torch.randn(40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert best_fixed(clean, noisy) > decibels(clean, noisy) + 3


def test_the_lent_discretisation_meets_every_claim_of_the_task_but_is_no_answer_to_it(capsys):
    assert grade("A2.1", lambda *x, **how: given2.discretise(*x, **how), seed=6) == 3
    assert grade("A2.1", given2.discretise, seed=6) == 0
    assert "write your own" in capsys.readouterr().out


def test_the_lent_steps_and_the_lent_prefix_are_enough_for_the_tasks_that_need_them():
    space = {}
    for id in NAMES:
        exec(ANSWERS["RIGHT"][id.replace(".", "-") + "-answer"], space)
    space.update(discretise=given2.discretise)
    for id in ("A2.2", "A2.5"):
        assert grade(id, space[NAMES[id][0]], seed=5) == POINTS[id]

    def in_chunks(u, delta, A, B, C, D, chunk=64):
        h, out = u.new_zeros(u.shape[0], *A.shape), []
        for u_, delta_, B_, C_ in zip(*(x.split(chunk, dim=-1) for x in (u, delta, B, C)), strict=True):
            decay, write = given2.discretise(A, B_, delta_)
            added = write * u_.movedim(-1, 0)[..., None]
            states = prefix(decay, torch.cat([added[:1] + decay[:1] * h, added[1:]]))
            out.append(torch.einsum("lbdn,bnl->bdl", states, C_))
            h = states[-1]
        return torch.cat(out, dim=-1) + D[:, None] * u

    assert grade("A2.5", in_chunks, seed=5) == POINTS["A2.5"]
