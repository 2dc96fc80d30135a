"""Two views at once: what one may tell the other, by kernels that reach across and by attention.

A pair travels as neighbours in the batch: (2b, ...) holds left, right, left, right, ... So a layer that minds its own
view is an ordinary one, and only what is here looks across.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lic_lab.blocks.exact import ChannelNorm, exact_conv, is_coding
from lic_lab.errors import LicLabError
from lic_lab.ops import exact
from lic_lab.types import Map

Layer = Callable[..., nn.Module]
"""Makes one layer of a network: layer(kind, *sizes), by default kind(*sizes) itself."""


def own_view(kind: Callable[..., nn.Module], *sizes) -> nn.Module:
    """Make a layer that sees one view, or one picture: kind(*sizes)."""
    return kind(*sizes)


def other_view(x: Tensor) -> Tensor:
    """Exchange the two views of every pair: (2b, ...) -> same."""
    return x.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def interleave(left: Tensor, right: Tensor) -> Tensor:
    """Put views together: (b, ...) and (b, ...) -> (2b, ...)."""
    return torch.stack([left, right], dim=1).flatten(0, 1)


class AcrossViews(nn.Module):
    """Add what a layer finds in a view to what a second set of weights finds in the other view.

    y_left = own(x_left) + from_right(x_right), y_right = own(x_right) + from_left(x_left): (2b, ...) -> (2b, ...).
    kind(*sizes): makes a linear layer, of any sort.   tied: from_left is from_right, so that exchanging the views
    exchanges the answers and does nothing else.
    For convolutions this is the 3-D convolution over the axis of views (depth 3, padding 1): own is its kernel W[1],
    from_right W[2], from_left W[0], and for transposed ones the latter two the other way round; the products with
    the padding, a third of all, are not made.   Source: BiSIC, arXiv 2407.10632. Ours: the 2-D form, `tied`.
    """

    def __init__(self, kind: Callable[..., nn.Module], *sizes, tied: bool = False):
        super().__init__()
        self.own, self.from_right = kind(*sizes), without_bias(kind(*sizes))
        self.from_left = None if tied else without_bias(kind(*sizes))
        with torch.no_grad():
            for layer in self.children():
                layer.weight *= 2**-0.5  # twice the summands, the same spread

    def forward(self, x: Tensor) -> Tensor:
        if self.from_left is None:
            return self.own(x) + self.from_right(other_view(x))
        return self.own(x) + interleave(self.from_right(x[1::2]), self.from_left(x[::2]))


def without_bias(layer: nn.Module) -> nn.Module:
    """Take the bias from a linear layer."""
    layer.register_parameter("bias", None)
    return layer


class ResidualUnit(nn.Module):
    """Add to a map what two 3x3 convolutions, each with a LeakyReLU, find in it.

    Shapes: (b, inputs, h, w) -> (b, outputs, h, w). Where the width changes, the map goes through a 1x1 convolution.
    Exact on float64 input.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(
            exact_conv(inputs, outputs), nn.LeakyReLU(), exact_conv(outputs, outputs), nn.LeakyReLU())  # fmt: skip
        self.skip = exact_conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Map) -> Map:
        return self.skip(x) + self.body(x)


class LinearAttention(nn.Module):
    """Give every position a mixture of the values of all positions, at a cost that grows with their number only.

    Per head: q is a softmax over its channels, k over the positions, and the answer (k v^T)^T q. Never more than a
    matrix of (width / heads)^2 numbers stands between what is asked and what is known.
    Shapes: query (b, dim, h, w), key and value (b, dim, h', w') -> (b, dim, h, w). Exact on float64 input.
    Raises LicLabError where dim / 2 is no multiple of the heads.
    Source: Shen et al., "Efficient attention", WACV 2021, Sec. 3.2; half the width inside, as in BiSIC.
    """

    def __init__(self, dim: int, *, heads: int = 8):
        super().__init__()
        if dim % (2 * heads):
            raise LicLabError(f"attention of {heads} heads needs a width that is a multiple of {2 * heads}, not {dim}")
        self.heads = heads
        self.query, self.value = (exact_conv(dim, dim // 2, 1) for _ in range(2))
        self.key = without_bias(exact_conv(dim, dim // 2, 1))  # a softmax over positions would not notice one
        self.merge = exact_conv(dim // 2, dim, 1)

    def forward(self, query: Map, key: Map, value: Map) -> Map:
        matmul = exact.matmul if is_coding(query, self.query.weight) else torch.matmul
        q, k = self.ask(query), self.offer(key)
        v = self._heads(self.value(value))  # (b, heads, d, l'), as k
        summary = matmul(k, v.transpose(-2, -1))  # (b, heads, d, d): all that travels
        answer = matmul(summary.transpose(-2, -1), q)  # (b, heads, d, l)
        return self.merge(answer.flatten(1, 2).unflatten(2, query.shape[-2:]))

    def ask(self, query: Map) -> Tensor:
        """Give what each position asks for, a distribution over the channels of each head: (b, heads, d, l)."""
        return self._softmax(query)(self._heads(self.query(query)), -2)

    def offer(self, key: Map) -> Tensor:
        """Give what each channel of a head gathers from, a distribution over positions: (b, heads, d, l)."""
        return self._softmax(key)(self._heads(self.key(key)), -1)

    def _softmax(self, x: Map) -> Callable[[Tensor, int], Tensor]:
        return exact.softmax if is_coding(x, self.query.weight) else torch.softmax

    def extra_repr(self) -> str:
        return f"heads={self.heads}"

    def _heads(self, x: Map) -> Tensor:
        return x.flatten(2).unflatten(1, (self.heads, -1))  # (b, heads * d, h, w) -> (b, heads, d, l)


class RowAttention(LinearAttention):
    """Give every position a mixture of the values of its own row, weighed by how alike query and key are.

    Per head: softmax over the row of q^T k / sqrt(d). In a rectified pair a point keeps its row, so this is where its
    twin is; the cost grows with the width of a row. Shapes and arguments as `LinearAttention`. Exact on float64 input.
    Source: Woedlinger et al., "ECSIC: epipolar cross attention for stereo image compression", WACV 2024, Sec. 3.
    """

    def forward(self, query: Map, key: Map, value: Map) -> Map:
        heads = self.ask(query), self.offer(key), self._heads(self.value(value))  # each (b, heads, d, l)
        q, k, v = (rearrange(x, "b n d (h w) -> (b h) n w d", w=query.shape[-1]) for x in heads)
        if is_coding(query, self.query.weight):
            answer = exact.matmul(exact.softmax(exact.matmul(q, k.mT), -1), v)
        else:
            answer = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return self.merge(rearrange(answer, "(b h) n w d -> b (n d) h w", b=len(query)))

    def ask(self, query: Map) -> Tensor:
        """Give what each position looks for, q / sqrt(d): (b, heads, d, l)."""
        q = self._heads(self.query(query))
        return q / math.sqrt(q.shape[2])  # a power would round as the library of the machine likes

    def offer(self, key: Map) -> Tensor:
        """Give by what each position is found, k: (b, heads, d, l)."""
        return self._heads(self.key(key))


class MutualAttention(nn.Module):
    """Let each view of a pair look for what the other one shows: (2b, dim, h, w) -> same, both by the same weights.

    f = local(x).   Branch A asks with the own view and gets the other's values; branch B gathers the own values where
    the other view's keys point.   x + refine(A, B, f).
    depth: `ResidualUnit`s in `local`.   light: refines by a 1x1 convolution and one unit instead of two wide units
    (three quarters of all weights).   rows: branch A looks along its row only, by `RowAttention`.   query: who asks in
    branch B, "own" as the text has it, or "other" as the code does, whose answer lies in the coordinates of the other
    view.
    Source: BiSIC, arXiv 2407.10632. Ours: `light`, exact arithmetic on float64 input.
    """

    def __init__(
        self, dim: int, *, heads: int = 8, depth: int = 2, light: bool = False, rows: bool = False, query: str = "own"
    ):
        super().__init__()
        if query not in ("own", "other"):
            raise LicLabError(f"unknown query {query!r}: use 'own' or 'other'")
        self.query = query
        self.local = nn.Sequential(*(ResidualUnit(dim, dim) for _ in range(depth)))
        self.branch_a = (RowAttention if rows else LinearAttention)(dim, heads=heads)
        self.self_a, self.branch_b, self.self_b = (LinearAttention(dim, heads=heads) for _ in range(3))
        wide = [ResidualUnit(3 * dim, 2 * dim), ResidualUnit(2 * dim, dim)]
        self.refine = nn.Sequential(*([exact_conv(3 * dim, dim, 1), ResidualUnit(dim, dim)] if light else wide))

    def extra_repr(self) -> str:
        return f"query={self.query!r}"

    def forward(self, x: Map) -> Map:
        own = self.local(x)
        other = other_view(own)
        a = self.branch_a(own, other, other)
        b = self.branch_b(own if self.query == "own" else other, other, own)
        return x + self.refine(torch.cat([self.self_a(a, a, a), self.self_b(b, b, b), own], dim=1))


class ViewExchange(nn.Module):
    """Add to each view of a pair what the other one shows, by the two branches of `MutualAttention` and no more.

    f = norm(x).   Branch A looks along the row of the other view, branch B gathers the own values where the other
    view's keys point.   x + W2 LeakyReLU(W1 [A, B, f]), (2b, dim, h, w) -> same. Exact on float64 input.
    Source: BiSIC, arXiv 2407.10632. Ours: rows for branch A, and no self-attention behind the branches, whose mixtures
    of the whole map leave little of what a row has found; an eighteenth of the weights at depth 1, a sixth of a `light`
    block's.
    """

    def __init__(self, dim: int, *, heads: int = 2):
        super().__init__()
        self.norm = ChannelNorm(dim)
        self.branch_a, self.branch_b = RowAttention(dim, heads=heads), LinearAttention(dim, heads=heads)
        self.refine = nn.Sequential(exact_conv(3 * dim, dim, 1), nn.LeakyReLU(), exact_conv(dim, dim, 1))

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.refine[-1],)

    def forward(self, x: Map) -> Map:
        own = self.norm(x)
        other = other_view(own)
        found = self.branch_a(own, other, other), self.branch_b(own, other, own)
        return x + self.refine(torch.cat([*found, own], dim=1))
