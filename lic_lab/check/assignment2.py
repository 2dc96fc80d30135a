"""Assignment A2, the selective scan: discretised, as a loop, a convolution, a parallel prefix, in chunks, both ways."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from lic_lab.check.drawn import normal
from lic_lab.check.exercises import NotYet
from lic_lab.check.expect import functions, tensor
from lic_lab.check.given2 import PICTURES, best_fixed, decibels, denoised, discretise, read_one_way
from lic_lab.check.judging2 import (
    Watch,
    as_scan,
    check_gradients,
    close,
    fixed_system,
    held,
    over_time,
    scan_inputs,
    system,
    writes,
)
from lic_lab.check.tasks import Task
from lic_lab.datasets.bundled import bundled_images
from lic_lab.ops.selective_scan import selective_scan

# ---- A2.1 ------------------------------------------------------------------------------------------------------------

hold = Task("A2.1", "From a system in continuous time to steps (decay, write)")


@hold.part("the decay is exact, and the rule of Mamba's code writes delta times B", points=1)
def _(answer, rng):
    A, B, delta = system(rng, 2, 3, 4, 11)[1:4]
    got = _discretised(answer, A, B, delta, exact=False)
    right = torch.exp(over_time(delta) * A), over_time(delta) * writes(B)
    close(got[0], right[0], "decay", "e to the delta times A, for every token, channel and number of the state")
    close(got[1], right[1], "write", "with exact=False it is delta times B")


@hold.part("with exact=True a held input decays as well: the zero-order hold", points=1)
def _(answer, rng):
    for shape in ((1, 2, 3, 5), (3, 1, 1, 1)):
        A, B, delta = system(rng, *shape)[1:4]
        hint = "(e to the delta A, less 1) / A times B, one by one"
        close(_discretised(answer, A, B, delta)[1], held(A, B, delta), "write", hint)


@hold.part("tiny steps and A = 0 are right in float32, and every gradient is a number", points=1)
def _(answer, rng):
    A, B, delta = system(rng, 2, 3, 4, 11)[1:4]
    A = A * 10.0 ** torch.from_numpy(rng.uniform(-7, 1, A.shape))
    A[0, 1] = A[2, 3] = 0
    leaves = [x.float().requires_grad_() for x in (A, B, delta)]
    write = _discretised(answer, *leaves)[1]
    right = held(A, B, delta)
    if not torch.isfinite(write).all():
        raise NotYet("where A is 0, 0 / 0 is no number: what does (e to the x, less 1) / x tend to at 0?")
    if not torch.allclose(write.double(), right, rtol=1e-5, atol=1e-12):
        raise NotYet("for tiny x, exp(x) - 1 keeps few digits in float32: torch has a function for both at once")
    grads = torch.autograd.grad(write.sum(), leaves, allow_unused=True)
    if any(grad is None or not torch.isfinite(grad).all() for grad in grads):
        raise NotYet("a gradient is no number: torch.where lets 0 * inf pass; replace the 0 before you divide")


def _discretised(answer, A: Tensor, B: Tensor, delta: Tensor, exact: bool = True) -> tuple[Tensor, Tensor]:
    (mine,) = functions(answer, "discretise")
    if inspect.unwrap(mine) is discretise:
        raise NotYet("this is the library's, lent for the later tasks: write your own for this one")
    got = mine(A, B, delta, exact=exact)
    if not (isinstance(got, tuple | list) and len(got) == 2):
        raise NotYet("give two tensors, what is left of the state and what an input of 1 writes: (decay, write)")
    shape = delta.shape[2], *delta.shape[:2], A.shape[1]
    return tensor(got[0], "decay", shape), tensor(got[1], "write", shape)


# ---- A2.2 ------------------------------------------------------------------------------------------------------------

loop = Task("A2.2", "The selective scan as a loop that can be interrupted")


@loop.part("the output and the last state are the library's, for any length and size", points=1)
def _(answer, rng):
    for shape in ((1, 1, 1, 1), (2, 3, 4, 37), (1, 5, 1, 8), (3, 2, 6, 2)):
        inputs = scan_inputs(rng, *shape)
        right = selective_scan(*inputs, return_last_state=True, backend="reference")
        got = _looped(answer, inputs)
        close(got[0], right[0], "y", "forget and write first, then read with C, and add D times u")
        close(got[1], right[1], "state", "give the state after the last token, (b, d, n)")


@loop.part("a sequence cut anywhere, its state handed on, gives what the whole one gives", points=1)
def _(answer, rng):
    inputs = scan_inputs(rng, 2, 3, 4, 21)
    right, last = selective_scan(*inputs, return_last_state=True, backend="reference")
    for cut in (1, int(rng.integers(2, 20)), 20):
        first = _looped(answer, _cut(inputs, slice(None, cut)))
        kept = first[1].clone()
        second = _looped(answer, _cut(inputs, slice(cut, None)), kept)
        hint = f"cut after token {cut}: begin with the state that is handed in, and change no tensor of the caller"
        close(torch.cat([first[0], second[0]], dim=-1), right, "y", hint)
        close(second[1], last, "state", hint)
        close(kept, first[1], "the state handed in", hint)


@loop.part("the gradients of all six inputs are the library's", points=1)
def _(answer, rng):
    check_gradients(lambda *inputs: _looped(answer, inputs)[0], scan_inputs(rng, 2, 3, 4, 13), rng)


def _looped(answer, inputs, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    scan = functions(answer, "scan_loop")[0]
    got = scan(*inputs) if state is None else scan(*inputs, state=state)
    if not (isinstance(got, tuple | list) and len(got) == 2):
        raise NotYet("give two tensors, the output and the state after the last token: (y, state)")
    u, A = inputs[0], inputs[2]
    return tensor(got[0], "y", u.shape), tensor(got[1], "state", (*u.shape[:2], A.shape[1]))


def _cut(inputs: tuple[Tensor, ...], part: slice) -> tuple[Tensor, ...]:
    u, delta, A, B, C, D = inputs
    return u[..., part], delta[..., part], A, B[..., part], C[..., part], D


# ---- A2.3 ------------------------------------------------------------------------------------------------------------

convolution = Task("A2.3", "The scan of a fixed system as a convolution by FFT")


@convolution.part("it is the library's scan when every token has the same delta, B and C, for any length", points=1)
def _(answer, rng):
    for b, d, n, l in ((2, 3, 4, 64), (1, 2, 5, 37), (1, 1, 1, 1), (3, 1, 2, 2)):
        _check_convolution(answer, *fixed_system(rng, b, d, n, l))


@convolution.part("nothing of the end comes back at the beginning, and nothing overflows in 3000 tokens", points=1)
def _(answer, rng):
    u, delta, A, B, C, D = fixed_system(rng, 1, 3, 4, int(rng.integers(2900, 3100)))
    A = -torch.logspace(-5, 2, 12, dtype=torch.float64).reshape(3, 4)  # from no forgetting to all at once
    _check_convolution(answer, u, delta, A, B, C, D)


@convolution.part("the gradients of all six inputs are the library's", points=1)
def _(answer, rng):
    scan = functions(answer, "scan_convolution")[0]
    check_gradients(lambda *x: tensor(scan(*x), "y", x[0].shape), fixed_system(rng, 2, 3, 4, 19), rng, as_scan)


def _check_convolution(answer, *inputs: Tensor) -> None:
    got = tensor(functions(answer, "scan_convolution")[0](*inputs), "y", inputs[0].shape)
    hint = "value k of the kernel adds up C e^(k delta A) delta B over the state; put l zeros behind both"
    close(got, as_scan(*inputs), "y", hint)


# ---- A2.4 ------------------------------------------------------------------------------------------------------------

parallel = Task("A2.4", "A parallel scan for any operator that is associative")


@parallel.part("recurrences of any length come out as if done one by one", points=1)
def _(answer, rng):
    for l in (1, 2, 3, 7, 8, 37, int(rng.integers(40, 100))):
        a, x = torch.from_numpy(rng.choice([0, 1e-30, 0.5, 1.0], (l, 3))), normal(rng, l, 3)
        _check_prefix(answer, _two_steps, (a, x))


@parallel.part("operators where the order matters, or that have no neutral element, are right as well", points=1)
def _(answer, rng):
    for l in (2, 5, 16, int(rng.integers(17, 60))):
        _check_prefix(answer, lambda f, s: (s[0] @ f[0],), (normal(rng, l, 2, 2),))
        _check_prefix(answer, lambda f, s: (torch.maximum(f[0], s[0]), s[1]), (normal(rng, l) - 9, normal(rng, l)))
        marked = torch.from_numpy(rng.random(l) < 0.2)
        _check_prefix(answer, lambda f, s: (f[0] | s[0], torch.where(s[0], s[1], f[1])), (marked, normal(rng, l)))


@parallel.part("l tokens take at most 2 log2(l) + 2 calls of the operator, one after the other", points=1)
def _(answer, rng):
    for l in (2, 100, 1024, 3000):
        calls = _count(answer, rng, l)
        if len(calls) > 2 * math.ceil(math.log2(l)) + 2:
            raise NotYet(f"{l} tokens took {len(calls)} calls: one call can join many pairs, along the first axis")


@parallel.part("and join at most 2 l pairs in all", points=1)
def _(answer, rng):
    for l in (100, 1024, 3000):
        pairs = sum(_count(answer, rng, l))
        if pairs > 2 * l:
            raise NotYet(f"{l} tokens took {pairs} joined pairs: solve half the length, then fill in between")


def _two_steps(first, second):
    return second[0] * first[0], second[0] * first[1] + second[1]


def _prefix(answer, combine: Callable, steps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    got = functions(answer, "prefix_scan")[0](combine, steps)
    if not (isinstance(got, tuple | list) and len(got) == len(steps)):
        raise NotYet(f"give a tuple of {len(steps)} tensors, as the operator does: prefix t joins steps 0 to t")
    return tuple(tensor(mine, f"tensor {i}", step.shape) for i, (mine, step) in enumerate(zip(got, steps, strict=True)))


def _check_prefix(answer, combine: Callable, steps: tuple[Tensor, ...]) -> None:
    one_by_one = list(accumulate(zip(*(step.split(1) for step in steps), strict=True), combine))
    kept = [step.clone() for step in steps]
    got = _prefix(answer, combine, steps)
    for i, mine in enumerate(got):
        hint = f"of {len(steps[0])} steps; the earlier one comes first in combine(first, second)"
        close(mine, torch.cat([prefix[i] for prefix in one_by_one]).double(), f"tensor {i}: prefix", hint)
    if not all(torch.equal(*pair) for pair in zip(kept, steps, strict=True)):
        raise NotYet("the steps that were handed in are changed: write into no tensor of the caller")


def _count(answer, rng, l: int) -> list[int]:
    """Pairs of steps that each call of the operator joined, in a scan that comes out right."""
    calls = []

    def counting(first, second):
        calls.append(max(len(first[0]), len(second[0])))
        return _two_steps(first, second)

    steps = torch.from_numpy(rng.uniform(0.5, 1, l)), normal(rng, l)
    got = _prefix(answer, counting, steps)[1]
    one_by_one = [x for _, x in accumulate(zip(*(step.tolist() for step in steps), strict=True), _two_steps)]
    close(got, torch.tensor(one_by_one, dtype=torch.float64), "tensor 1: prefix", "this is the recurrence, h = a h + x")
    if sum(calls) < l - 1:
        raise NotYet(f"the operator joined {sum(calls)} pairs of {l} steps: all joining is to be done by `combine`")
    return calls


# ---- A2.5 ------------------------------------------------------------------------------------------------------------

chunked = Task("A2.5", "The selective scan in chunks: parallel inside, little memory")


@chunked.part("the output is the library's, whatever the length of a chunk", points=1)
def _(answer, rng):
    inputs = scan_inputs(rng, 2, 3, 4, int(rng.integers(30, 60)))
    right = selective_scan(*inputs, backend="reference")
    for chunk in (1, 7, 8, inputs[0].shape[-1], 1000):
        hint = f"chunks of {chunk}: the state after one chunk enters the next by the decay of its first token"
        close(_chunked(answer, inputs, chunk), right, "y", hint)
    one = scan_inputs(rng, 1, 1, 1, 1)
    close(
        _chunked(answer, one, 16), selective_scan(*one, backend="reference"), "y", "a single token is a sequence, too"
    )


@chunked.part("the gradients of all six inputs are the library's", points=1)
def _(answer, rng):
    check_gradients(lambda *x: _chunked(answer, x, 5), scan_inputs(rng, 2, 3, 4, 17), rng)


@chunked.part("the states of one chunk exist at a time, and not those of all tokens", points=1)
def _(answer, rng):
    inputs = scan_inputs(rng, 1, 16, 16, 1024)  # so that u, B and y may be copied as a whole: each is half of the limit
    _, largest = _watched(answer, inputs, 64)
    if largest > 2 * 64 * 16 * 16:
        raise NotYet(
            f"with chunks of 64, a tensor of {largest:,} numbers was made; the states of one are {64 * 16 * 16:,}: "
            "discretise inside the loop over chunks"
        )


@chunked.part("fewer tensor operations than tokens: inside a chunk nothing is done one by one", points=1)
def _(answer, rng):
    inputs = scan_inputs(rng, 1, 2, 4, 4096)
    count, _ = _watched(answer, inputs, 512)
    if count >= 4096:
        raise NotYet(f"4096 tokens in chunks of 512 took {count:,} operations: use your parallel scan in a chunk")


def _chunked(answer, inputs: tuple[Tensor, ...], chunk: int) -> Tensor:
    return tensor(functions(answer, "scan_chunked")[0](*inputs, chunk=chunk), "y", inputs[0].shape)


def _watched(answer, inputs: tuple[Tensor, ...], chunk: int) -> tuple[int, int]:
    """Operations that a right scan took, and the numbers in the largest tensor of its own that it made."""
    with torch.no_grad(), Watch() as watch:
        got = _chunked(answer, inputs, chunk)
    close(got, selective_scan(*inputs, backend="chunked"), "y", "it must be right before it is fast")
    return watch.operations, watch.largest


# ---- A2.6 ------------------------------------------------------------------------------------------------------------

both_ways = Task("A2.6", "Read a noisy picture both ways, and choose what to forget")


@both_ways.part("the mean of a reading from the left and one from the right is right", points=1)
def _(answer, rng):
    read, _ = functions(answer, "read_both_ways and steps")
    for lines, l in ((3, 17), (1, 1), (5, 2)):
        tokens, delta = normal(rng, lines, l), torch.from_numpy(rng.uniform(0.01, 3, (lines, l)))
        right = (read_one_way(tokens, delta) + read_one_way(tokens.flip(1), delta.flip(1)).flip(1)) / 2
        got = tensor(read(tokens.clone(), delta.clone()), "the reading", tokens.shape)
        close(
            got,
            right,
            "the reading",
            "turn tokens and delta round, read, turn back; h starts from the first token read",
        )


@both_ways.part("your steps are as good as the best that is the same for all tokens, within 0.2 dB", points=1)
def _(answer, rng):
    _check_denoised(answer, rng, -0.2)


@both_ways.part("and 0.4 dB better on average, since they depend on what is read", points=1)
def _(answer, rng):
    _check_denoised(answer, rng, 0.4)


def _check_denoised(answer, rng, more: float) -> None:
    """Hold the mean PSNR over three photographs against that of the best fixed step of each."""
    steps, noise = functions(answer, "read_both_ways and steps")[1], float(rng.uniform(15, 25))
    scenes = []
    for name, corner in PICTURES.items():
        top, left = (place + int(rng.integers(-15, 16)) for place in corner)
        clean = torch.from_numpy(bundled_images()[name][top : top + 112, left : left + 128].mean(axis=2))
        scenes.append((clean, clean + noise * normal(rng, *clean.shape)))

    def reached(times: float) -> float:
        """Mean PSNR with the student's steps, all of them so many times as large."""
        delta = lambda tokens: times * _positive(steps(tokens, noise), tokens)  # noqa: E731
        return float(np.mean([decibels(clean, denoised(noisy, delta)) for clean, noisy in scenes]))

    mine, fixed = reached(1), np.mean([best_fixed(*scene) for scene in scenes])
    if mine < fixed + more:
        raise NotYet(
            f"{mine:.2f} dB on average, and the best fixed steps give {fixed:.2f}: large steps where the picture "
            f"itself changes, small ones where only the noise does (half as large, yours give {reached(0.5):.2f} dB, "
            f"twice as large {reached(2):.2f})"
        )


def _positive(delta, tokens: Tensor) -> Tensor:
    delta = tensor(delta, "the steps", tokens.shape).double()
    if not (torch.isfinite(delta).all() and delta.min() >= 0):
        raise NotYet("a step is a time: a finite number from 0 on for every token")
    return delta
