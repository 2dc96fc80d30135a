"""The selective scan against what people without a GPU use today, at the sizes of a codec on a 768 x 512 picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import torch
from torch import Tensor

from lic_lab.evaluation.bench import Row, contest
from lic_lab.ops.selective_scan import selective_scan

STATES = 16
Scan = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def groups(quick: bool) -> Iterator[list[Row]]:
    """Forward, and forward + backward, at each size (b, d, l) in turn, float32, 16 states."""
    forward = [(1, 192, 4096)] if quick else [(1, 192, 24576), (4, 192, 24576)]
    both = [(1, 96, 512)] if quick else [(1, 192, 24576), (4, 128, 4096), (1, 96, 2048)]
    for shape in forward:
        yield _compare("forward", shape)
    for shape in both:
        yield _compare("forward + backward", shape)


def _compare(work: str, shape: tuple[int, int, int]) -> list[Row]:
    gradients = work != "forward"
    inputs, weight = _inputs(shape, gradients)
    scans, missing = contenders(shape, gradients)
    tasks = {who: lambda scan=scan: _step(scan, inputs, weight) for who, scan in scans.items()}
    with torch.no_grad():
        outputs = {who: scan(*inputs) for who, scan in scans.items()}
    first = next(iter(outputs.values()))
    apart = {who: ((y - first).abs().max() / first.abs().max()).item() for who, y in outputs.items()}
    outputs.clear()
    return contest(
        "scan", f"{work} {shape}", tasks, missing=missing, figures=lambda who, timing: {"difference": apart[who]}
    )


def contenders(shape: tuple[int, int, int], gradients: bool) -> tuple[Mapping[str, Scan], Mapping[str, str]]:
    """Who runs at this size, ours first, and who does not, with the reason."""
    scans = {
        "lic_lab": lambda *x: selective_scan(*x),
        "lic_lab chunked": lambda *x: selective_scan(*x, backend="chunked"),
        "loop over steps": sequential_loop,
        "parallel scan": parallel_scan,
        "mamba.py": mamba_py,
    }
    missing = {}
    if not find_spec("mambapy"):
        missing["mamba.py"] = "not installed: pip install mambapy"
    if gradients and shape[0] * shape[1] * shape[2] ** 2 > 96 * 2048**2:
        missing["loop over steps"] = "its backward pass is quadratic in the length: see (1, 96, 2048)"
    needed = (16 if gradients else 6) * 4 * STATES * shape[0] * shape[1] * shape[2]
    if needed > _free_bytes():
        for who in ("loop over steps", "parallel scan", "mamba.py"):
            missing.setdefault(who, f"holds all states at once: needs about {needed / 1e9:.0f} GB of memory")
    return {who: scan for who, scan in scans.items() if who not in missing}, missing


def _inputs(shape: tuple[int, int, int], gradients: bool) -> tuple[tuple[Tensor, ...], Tensor | None]:
    b, d, l = shape
    make = torch.Generator().manual_seed(0)
    u, B, C = (torch.randn(b, k, l, generator=make) for k in (d, STATES, STATES))
    delta = 0.1 * torch.rand(b, d, l, generator=make)
    A = -torch.arange(1.0, STATES + 1).repeat(d, 1)
    inputs = tuple(x.requires_grad_(gradients) for x in (u, delta, A, B, C))
    return inputs, torch.randn(b, d, l, generator=make) if gradients else None


def _step(scan: Scan, inputs: tuple[Tensor, ...], weight: Tensor | None):
    y = scan(*inputs)
    return y if weight is None else torch.autograd.grad(y, inputs, weight)


def _free_bytes() -> float:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def sequential_loop(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """The way of mamba-ssm's reference: all decays first, then one step after the other. Shapes of `selective_scan`."""
    decay = torch.exp(delta[..., None] * A[:, None])  # (b, d, l, n)
    write = torch.einsum("bdl,bnl->bdln", delta * u, B)
    h, out = decay.new_zeros(*decay.shape[:2], decay.shape[3]), []
    for t in range(u.shape[-1]):
        h = decay[:, :, t] * h + write[:, :, t]
        out.append(torch.einsum("bdn,bn->bd", h, C[..., t]))
    return torch.stack(out, dim=-1)


def parallel_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """The way of mamba.py: an in-place parallel prefix over (b, l, d, n), the same backwards for the gradient."""
    delta, u = delta.transpose(1, 2)[..., None], u.transpose(1, 2)[..., None]  # (b, l, d, 1)
    states = _Prefix.apply(torch.exp(delta * A), delta * u * B.transpose(1, 2)[:, :, None])
    return torch.einsum("bldn,bnl->bdl", states, C)


def mamba_py(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """The package itself (`mambapy`), called as its own block calls it."""
    from mambapy.pscan import pscan

    delta, u, B, C = (x.transpose(1, 2) for x in (delta, u, B, C))  # (b, l, ...)
    states = pscan(torch.exp(delta[..., None] * A), delta[..., None] * B[:, :, None] * u[..., None])
    return (states @ C[..., None]).squeeze(3).transpose(1, 2)


class _Prefix(torch.autograd.Function):
    """h[t] = a[t] h[t-1] + x[t] along the second axis."""

    @staticmethod
    def forward(ctx, a, x):
        h = x.clone()
        _sweep(a.clone(), h)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx, gradient):
        a, h = ctx.saved_tensors
        g = gradient.flip(1)
        _sweep(torch.cat([a.new_zeros(a[:, :1].shape), a[:, 1:].flip(1)], dim=1), g)
        g = g.flip(1)
        return torch.cat([torch.zeros_like(h[:, :1]), g[:, 1:] * h[:, :-1]], dim=1), g


def _sweep(a: Tensor, x: Tensor) -> None:
    """Pairs joined in place, the half-length problem solved on views of the same memory, the places between filled."""
    pairs = x.shape[1] // 2
    if pairs == 0:
        return
    a1, a2 = a[:, : 2 * pairs : 2], a[:, 1::2]
    x2 = x[:, 1::2]
    x2.addcmul_(a2, x[:, : 2 * pairs : 2])
    a2.mul_(a1)
    _sweep(a2, x2)
    later = x[:, 2::2]
    later.addcmul_(a[:, 2::2], x2[:, : later.shape[1]])
