"""Two views at once: what one may tell the other, by kernels that reach across and by attention.

A pair travels as neighbours in the batch: (2b, ...) holds left, right, left, right, ... So a layer that minds its own
view is an ordinary one, and only what is here looks across.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lic_lab.blocks.exact import ChannelNorm, exact_conv, is_coding
from lic_lab.errors import LicLabError
from lic_lab.ops import exact
from lic_lab.types import Map

ALIKE = 30.0  # likeness of a normalised feature to itself at the start: what is half as like counts e^-15 of it

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
    share: what part of the width is used inside, one by so many. Raises LicLabError where dim / share is no multiple of
    the heads.
    Source: Shen et al., "Efficient attention", WACV 2021, Sec. 3.2; half the width inside, as in BiSIC.
    """

    def __init__(self, dim: int, *, heads: int = 8, share: int = 2):
        super().__init__()
        if dim % (share * heads):
            many = share * heads
            raise LicLabError(f"attention of {heads} heads needs a width that is a multiple of {many}, not {dim}")
        self.heads, inner = heads, dim // share
        self.query, self.value = (exact_conv(dim, inner, 1) for _ in range(2))
        self.key = without_bias(exact_conv(dim, inner, 1))  # a softmax over positions would not notice one
        self.merge = exact_conv(inner, dim, 1)

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
    twin is; the cost grows with the width of a row. Shapes and arguments as `LinearAttention`. For transforms: exact on
    no input.
    Source: Woedlinger et al., "ECSIC: epipolar cross attention for stereo image compression", WACV 2024, Sec. 3.
    """

    def forward(self, query: Map, key: Map, value: Map) -> Map:
        heads = self.ask(query), self.offer(key), self._heads(self.value(value))  # each (b, heads, d, l)
        maps = [rearrange(x, "b n d (h w) -> b h n w d", w=query.shape[-1]) for x in heads]
        bias = self.bias(len(query), query.shape[-1])
        answer = torch.stack([_mixed(*map_, bias[i]) for i, map_ in enumerate(zip(*maps, strict=True))])
        return self.merge(rearrange(answer, "b h n w d -> b (n d) h w"))

    def bias(self, pictures: int, width: int) -> Sequence[Tensor | None]:
        """Give for each picture what is added to the likeness whatever is seen, (heads, width, width), or None."""
        return [None] * pictures

    def ask(self, query: Map) -> Tensor:
        """Give what each position looks for, q / sqrt(d): (b, heads, d, l)."""
        q = self._heads(self.query(query))
        return q / math.sqrt(q.shape[2])  # a power would round as the library of the machine likes

    def offer(self, key: Map) -> Tensor:
        """Give by what each position is found, k: (b, heads, d, l)."""
        return self._heads(self.key(key))


def _mixed(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Mix the values of one picture: each (h, heads, w, d)."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)


class TwinAttention(RowAttention):
    """Look along the row of the other view for what is alike, with a learned bias for each distance.

    Shapes: query, key and value (2b, dim, h, w) of the two views -> same.   reach: positions that have a bias of their
    own; further ones share one.
    q^T k / sqrt(d) + b[how far the point has moved], for each head: left points are looked for to the left of their
    column and right ones to the right, so one table serves both. Values are of three columns, since a point's twin lies
    between two.
    Query and key begin as the features themselves, so that normalised ones find their like before anything is learned.
    Begun at random and apart, 700 steps had taught them nothing of the other view.
    Source of the bias: Shaw et al., "Self-attention with relative position representations", NAACL 2018.
    """

    def __init__(self, dim: int, *, heads: int = 1, reach: int = 16):
        super().__init__(dim, heads=heads, share=1)
        self.value = nn.Conv2d(dim, dim, (1, 3), padding=(0, 1))
        self.merge = nn.Identity()  # who asks has a layer for that
        self.leans = nn.Parameter(torch.zeros(heads, reach + 3))  # from two positions the wrong way on
        with torch.no_grad():
            for layer in (self.query, self.key):
                nn.init.dirac_(layer.weight).mul_((ALIKE / math.sqrt(dim // heads)) ** 0.5)
            self.query.bias.zero_()

    def bias(self, pictures: int, width: int) -> Sequence[Tensor]:
        """Give what each column adds to the likeness of each column of the other view, left and right in turn."""
        at = torch.arange(width, device=self.leans.device)
        moved = torch.stack([at[:, None] - at, at - at[:, None]])  # of left points and of right ones, (2, width, width)
        bias = self.leans[:, moved.clamp(-2, self.leans.shape[1] - 3) + 2]  # (heads, 2, width, width)
        return [*bias.unbind(1)] * (pictures // 2)


class MutualAttention(nn.Module):
    """Let each view of a pair look for what the other one shows: (2b, dim, h, w) -> same, both by the same weights.

    f = local(x).   Branch A asks with the own view and gets the other's values; branch B gathers the own values where
    the other view's keys point.   x + refine(A, B, f).
    depth: `ResidualUnit`s in `local`.   light: refines by a 1x1 convolution and one unit instead of two wide units
    (three quarters of all weights).   rows: branch A looks along its row only, by `RowAttention`.   query: who asks in
    branch B, "own" as the text has it, or "other" as the code does, whose answer lies in the coordinates of the other
    view.
    Source: BiSIC, arXiv 2407.10632. Ours: `light`, exact arithmetic on float64 input but with `rows`.
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
    """Add to each view of a pair what the other one shows where the same things are: (2b, dim, h, w) -> same.

    f = norm(x), g = `TwinAttention` from f to the other view's f, and x + W2 LeakyReLU(W1 [g, f]).
    Source: BiSIC, arXiv 2407.10632 (mutual attention, both views by the same weights). Ours: attention along rows only;
    no branch that gathers the own values, and no self-attention behind, whose mixtures of the whole map leave little of
    what a row has found.
    """

    def __init__(self, dim: int, *, heads: int = 1):
        super().__init__()
        self.norm = ChannelNorm(dim)
        self.branch_a = TwinAttention(dim, heads=heads)
        self.refine = nn.Sequential(exact_conv(2 * dim, dim, 1), nn.LeakyReLU(), exact_conv(dim, dim, 1))

    @property
    def last(self) -> tuple[nn.Module, ...]:
        return (self.refine[-1],)

    def forward(self, x: Map) -> Map:
        own = self.norm(x)
        found = self.branch_a(own, other_view(own), other_view(own))
        return x + self.refine(torch.cat([found, own], dim=1))
