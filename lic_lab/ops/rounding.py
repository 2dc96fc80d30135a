"""What rounding becomes where a gradient is needed: noise, a straight-through round, a bound that lets go.

All three work element by element on tensors of any shape and floating type, and return a tensor of that shape and type.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_SHARE: ContextVar[tuple[range, int] | None] = ContextVar("share of a batch", default=None)


@contextmanager
def share_of_noise(share: range, batch: int) -> Iterator[None]:
    """Within, `add_noise` draws for a whole batch and takes the noise of some of its pictures.

    share: the pictures that are there, of `range(batch)`. From one state of the random generator every share then gets
    what it would get in the whole batch, however that is cut.
    """
    token = _SHARE.set((share, batch))
    try:
        yield
    finally:
        _SHARE.reset(token)


def add_noise(x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Add uniform noise from [-1/2, 1/2), the training stand-in for rounding.

    The density of the sum is that of x smeared over one bin, so its differential entropy stands for the discrete
    entropy of the rounded x. The gradient is that of the identity.
    Source: Ballé, Laparra and Simoncelli 2017 (arXiv 1611.01704), Sec. 3.
    """
    if whole := _SHARE.get():
        share, batch = whole
        each = len(x) // len(share)  # maps of a picture: two of a stereo pair
        noise = torch.rand((each * batch, *x.shape[1:]), dtype=x.dtype, device=x.device, generator=generator)
        noise = noise[each * share.start : each * share.stop]
    else:
        noise = torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=generator)
    return x + (noise - 0.5)


def round_ste(x: Tensor) -> Tensor:
    """Round to the nearest integer (ties to even, as torch.round) and pass the gradient straight through.

    Source: Theis, Shi, Cunningham and Huszár 2017 (arXiv 1703.00395), Sec. 2.1.
    """
    # For finite x the sum restores round(x) without error: x and round(x) are close enough for an exact difference.
    return x + (x.round() - x).detach()


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx, grad: Tensor):
        (x,) = ctx.saved_tensors
        # A step goes against the gradient: a negative one pushes x up, back towards the bound, and is let through.
        passes = (x >= ctx.bound) | (grad < 0)
        return grad * passes, None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """Return max(x, bound), with a gradient that can pull x back from below the bound.

    The gradient passes where x >= bound, or where a descent step would increase x; elsewhere it is zero. A plain clamp
    has no gradient below the bound, so a scale that once fell there would stay there for ever.
    Source: tensorflow/compression, `lower_bound` with gradient "identity_if_towards"; written anew.
    """
    return _LowerBound.apply(x, float(bound))
