"""Two views in a batch: kernels across them are 3-D convolutions, and attention is what its equations say."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lic_lab.blocks.conv import down, same, up
from lic_lab.blocks.exact import ExactLinear, exact_conv, exact_up
from lic_lab.blocks.stereo import (
    AcrossViews,
    LinearAttention,
    MutualAttention,
    ResidualUnit,
    RowAttention,
    TwinAttention,
    ViewExchange,
    interleave,
    other_view,
    own_view,
)
from lic_lab.errors import LicLabError
from lic_lab.ops import exact

KINDS = {
    "conv": (partial(same, kernel=3), 3),
    "strided": (partial(down, kernel=5), 5),
    "transposed": (partial(up, kernel=5), 5),
    "exact": (exact_conv, 3),
    "exact transposed": (exact_up, 5),
}


@pytest.fixture
def pairs():
    return torch.randn(4, 6, 10, 12, generator=torch.Generator().manual_seed(0))  # two pairs


def as_volume(x):
    return x.unflatten(0, (-1, 2)).transpose(1, 2)  # (2b, c, h, w) -> (b, c, 2, h, w)


def test_views_are_neighbours_in_the_batch(pairs):
    assert torch.equal(other_view(pairs), pairs[[1, 0, 3, 2]])
    assert torch.equal(interleave(pairs[::2], pairs[1::2]), pairs)


@pytest.mark.parametrize("name", KINDS)
def test_kernels_across_the_views_are_a_3d_convolution_with_the_same_weights(name, pairs):
    """The depth kernel has three taps, the depth padding is one, and depth is the axis of the views."""
    torch.manual_seed(1)
    kind, kernel = KINDS[name]
    layer = AcrossViews(kind, 6, 8)
    stride, transposed = layer.own.stride, isinstance(layer.own, nn.ConvTranspose2d)
    first, last = (layer.from_right, layer.from_left) if transposed else (layer.from_left, layer.from_right)
    weight = torch.stack([first.weight, layer.own.weight, last.weight], dim=2)  # W[0], W[1], W[2]
    padding = (1, kernel // 2, kernel // 2)
    if transposed:
        volume = F.conv_transpose3d(
            as_volume(pairs), weight, layer.own.bias, (1, *stride), padding, (0, *(s - 1 for s in stride))
        )
    else:
        volume = F.conv3d(as_volume(pairs), weight, layer.own.bias, (1, *stride), padding)
    assert volume.shape[2] == 2
    assert torch.allclose(as_volume(layer(pairs)), volume, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_are_those_of_the_3d_convolution(name, pairs):
    torch.manual_seed(1)
    layer, x = AcrossViews(KINDS[name][0], 6, 8), pairs.clone().requires_grad_()
    layer(x).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())
    step, direction = 1e-2, torch.randn_like(x)
    with torch.no_grad():
        up_, down_ = (layer(x + s * step * direction).double().square().sum() for s in (1, -1))
    assert ((up_ - down_) / (2 * step)).item() == pytest.approx((x.grad * direction).sum().item(), rel=2e-3)


def test_tied_kernels_only_exchange_the_answers_when_the_views_are_exchanged(pairs):
    torch.manual_seed(1)
    for layer in (AcrossViews(same, 6, 8, tied=True), AcrossViews(ExactLinear, 12, 5, tied=True)):
        assert torch.allclose(layer(other_view(pairs)), other_view(layer(pairs)), atol=1e-6)
    layer = AcrossViews(same, 6, 8)
    assert not torch.allclose(layer(other_view(pairs)), other_view(layer(pairs)), atol=1e-2)


def test_an_own_view_layer_never_looks_across(pairs):
    layer = own_view(same, 6, 8)
    nudged = pairs.clone()
    nudged[1] += 1
    assert torch.equal(layer(nudged)[0], layer(pairs)[0])
    assert not torch.equal(AcrossViews(same, 6, 8)(nudged)[0], AcrossViews(same, 6, 8)(pairs)[0])


def attention_by_hand(block, query, key, value):
    """One head at a time, one position at a time."""
    q, k, v = block.query(query)[0], block.key(key)[0], block.value(value)[0]  # each (c/2, h, w)
    width, size = q.shape[0] // block.heads, query.shape[-2:]
    out = torch.zeros(q.shape[0], *size)
    for head in range(block.heads):
        own = slice(head * width, (head + 1) * width)
        weights = torch.softmax(k[own].flatten(1), dim=1)  # over positions
        for row in range(size[0]):
            for column in range(size[1]):
                asks = torch.softmax(q[own, row, column], dim=0)  # over channels
                share = (asks[:, None] * weights).sum(0)  # how much of each position it gets
                out[own, row, column] = (v[own].flatten(1) * share).sum(1)
    return block.merge(out[None])


def test_attention_is_a_weighted_mean_of_values_as_written_out(pairs):
    torch.manual_seed(2)
    block = LinearAttention(8, heads=2)
    query, key, value = (torch.randn(1, 8, 3, 4) for _ in range(3))
    assert torch.allclose(block(query, key, value), attention_by_hand(block, query, key, value), atol=1e-6)
    constant = torch.full_like(value, 0.7)
    same_everywhere = block(query, key, constant)
    assert torch.allclose(same_everywhere, same_everywhere[..., :1, :1].expand_as(same_everywhere), atol=1e-6)


def test_a_key_that_stands_out_is_where_everybody_gets_the_value():
    block, value = LinearAttention(4, heads=1), torch.randn(1, 4, 4, 5)
    with torch.no_grad():
        for layer in (block.query, block.key):
            layer.weight.zero_()
        block.key.weight[:, 0] = 60.0
    key = torch.zeros(1, 4, 4, 5)
    key[0, 0, 2, 3] = 1.0
    expected = block.merge(block.value(value)[..., 2:3, 3:4]).expand(-1, -1, 4, 5)
    assert torch.allclose(block(value, key, value), expected, atol=1e-5)


def test_the_summary_that_travels_does_not_grow_with_the_picture():
    """Four times the positions take four times the multiplications, neither sixteen times nor a map of l x l."""
    from torch.utils.flop_counter import FlopCounterMode

    block, counts = MutualAttention(16, heads=2), []
    for side in (16, 32, 64):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            block(torch.randn(2, 16, side, side))
        counts.append(counter.get_total_flops())
    assert counts[1] == 4 * counts[0] and counts[2] == 16 * counts[0]


def test_row_attention_is_a_softmax_along_each_row_as_written_out():
    torch.manual_seed(2)
    block = RowAttention(8, heads=2)
    query, key, value = (torch.randn(2, 8, 3, 5) for _ in range(3))
    q, k, v = block.query(query), block.key(key), block.value(value)  # each (2, 4, 3, 5)
    out = torch.zeros_like(q)
    for view in range(2):
        for head in (slice(0, 2), slice(2, 4)):
            for row in range(3):
                likeness = q[view, head, row].T @ k[view, head, row] / 2**0.5  # (who asks, who answers)
                out[view, head, row] = v[view, head, row] @ likeness.softmax(1).T
    assert torch.allclose(block(query, key, value), block.merge(out), atol=1e-6)


def test_row_attention_finds_a_point_where_the_other_view_shows_it():
    """Features that tell points apart, and a right view in which all of them moved three columns to the left."""
    block = RowAttention(32, heads=1)
    with torch.no_grad():
        for layer in (block.query, block.key):
            layer.weight.copy_(20 * torch.eye(16, 32)[:, :, None, None])
        block.query.bias.zero_()
    left = torch.nn.functional.normalize(torch.randn(1, 32, 2, 16), dim=1)
    right = left.roll(-3, dims=-1)
    assert torch.allclose(block(left, right, right), block(left, left, left), atol=0.05)


@torch.no_grad()
def test_twin_attention_is_biased_as_far_as_a_point_has_moved_left_points_to_the_left_and_right_ones_to_the_right():
    block = TwinAttention(8, heads=2, reach=4)
    block.leans[:, 2 + 3] = 500.0  # a disparity of three columns, whatever is seen
    x, value = torch.randn(2, 8, 2, 9), torch.randn(2, 8, 2, 9)
    got, v = block(x, other_view(x), value), block.value(value)
    assert torch.allclose(got[0, ..., 3:], v[0, ..., :-3], atol=1e-5)  # value is that of the other view already
    assert torch.allclose(got[1, ..., :-3], v[1, ..., 3:], atol=1e-5)
    likeness = torch.einsum("ndl,ndr->nlr", block.ask(x)[0, :, :, :9], block.offer(x)[1, :, :, :9])
    written_out = (likeness + block.bias(2, 9)[0]).softmax(-1)  # of the first row
    expected = torch.einsum("nlr,ndr->ndl", written_out, v[0, :, 0].unflatten(0, (2, 4))).flatten(0, 1)
    assert torch.allclose(got[0, :, 0], expected, atol=1e-5)


def test_twin_attention_finds_twins_before_it_has_learned_anything():
    """Features of a right view in which all points moved two columns to the left; no weight has been trained."""
    torch.manual_seed(0)
    block, left = TwinAttention(64), torch.randn(1, 64, 4, 24)
    x = torch.nn.functional.normalize(torch.cat([left, left.roll(-2, dims=-1)]), dim=1) * 64**0.5
    asks, offers = (found.unflatten(2, (4, 24)) for found in (block.ask(x)[0], block.offer(x)[1]))
    shares = torch.einsum("ndhl,ndhr->nhlr", asks, offers).softmax(-1)
    assert torch.einsum("ndl,ndl->nl", block.ask(x)[0], block.offer(x)[0]).allclose(torch.tensor(30.0))
    assert (shares[..., 2:, :].argmax(-1) == torch.arange(22)).all() and shares.amax(-1)[..., 2:].mean() > 0.9


def test_an_exchange_hears_of_the_same_row_of_the_other_view_and_of_no_other():
    torch.manual_seed(3)
    block, x = ViewExchange(16), torch.randn(2, 16, 5, 7)
    nudged = x.clone()
    nudged[0, 3, 2, 3] += 5.0
    change = (block(nudged) - block(x)).abs().amax(1)[1]
    assert change[2].max() > 1e-3 and change[[0, 1, 3, 4]].max() < 1e-6


def test_a_block_that_looks_along_rows_hears_of_nothing_else_in_branch_a():
    torch.manual_seed(3)
    block, x = MutualAttention(16, heads=2, rows=True).branch_a, torch.randn(2, 16, 5, 7)
    nudged = x.clone()
    nudged[:, :, 2] += 1
    change = (block(x, nudged, nudged) - block(x, x, x)).abs().amax((0, 1, 3))
    assert change[2] > 0 and change[[0, 1, 3, 4]].max() < 1e-6


@torch.no_grad()
@pytest.mark.parametrize("query", ["own", "other"])
def test_the_block_is_what_its_equations_say(query):
    """Left and right written out, one after the other; branch B takes its query where the switch says."""
    torch.manual_seed(4)
    block, x = MutualAttention(16, heads=2, light=True, query=query), 3 * torch.randn(2, 16, 4, 5)
    f = block.local(x)
    views = f[:1], f[1:]
    for view in (0, 1):
        own, other = views[view], views[1 - view]
        a = block.branch_a(own, other, other)
        a = block.self_a(a, a, a)
        b = block.branch_b({"own": own, "other": other}[query], other, own)
        b = block.self_b(b, b, b)
        expected = x[view] + block.refine(torch.cat([a, b, own], dim=1))[0]
        assert torch.allclose(block(x)[view], expected, atol=1e-5)


def test_kernels_across_start_with_the_spread_of_one_kernel(pairs):
    torch.manual_seed(0)
    plain, across = same(64, 64, 3), AcrossViews(same, 64, 64)
    assert across.own.weight.std().item() == pytest.approx(plain.weight.std().item() / 2**0.5, rel=0.02)
    x = torch.randn(2, 64, 16, 16)
    assert across(x).std().item() == pytest.approx(plain(x).std().item(), rel=0.1)


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("query", ["own", "other"])
def test_both_views_get_their_answers_by_the_same_weights(light, query, pairs):
    torch.manual_seed(3)
    block, x = MutualAttention(16, heads=2, light=light, query=query), torch.randn(4, 16, 5, 7)
    assert torch.allclose(block(other_view(x)), other_view(block(x)), atol=1e-5)
    nudged = x.clone()
    nudged[1, :, 4, 6] += 3
    change = (block(nudged) - block(x)).abs().amax(1)
    assert change[0].min() > 0 and change[1].max() > 0  # every place of the other view has heard of it
    assert change[2:].max() == 0  # and no other pair


def test_the_block_has_the_published_number_of_weights():
    assert sum(p.numel() for p in MutualAttention(192).refine.parameters()) == 4_609_728
    for dim, published in ((192, 6_234_432), (128, 2_771_840), (256, 11_081_472)):
        unnoticed = 4 * dim // 2  # biases of keys, which a softmax over positions takes out again
        assert sum(p.numel() for p in MutualAttention(dim).parameters()) == published - unnoticed


@torch.no_grad()
@pytest.mark.parametrize(
    "make",
    [
        lambda: ResidualUnit(16, 8),
        lambda: AcrossViews(exact_conv, 16, 8),
        lambda: AcrossViews(ExactLinear, 9, 8),
        lambda: MutualAttention(16, heads=2),
        lambda: MutualAttention(16, heads=2, depth=1, light=True),
    ],
)
def test_coding_is_close_to_training_and_does_not_depend_on_the_order_of_sums(make):
    torch.manual_seed(4)
    block, x = make(), torch.randn(2, 16, 8, 9)
    exact = block(x.double())
    assert exact.dtype == torch.float64
    assert torch.allclose(exact.float(), block(x), atol=3e-3)
    alone, torch_threads = copy.deepcopy(block), torch.get_num_threads()
    torch.set_num_threads(1 + torch_threads % 2)
    assert torch.equal(alone(x.double().contiguous(memory_format=torch.channels_last)), exact)
    torch.set_num_threads(torch_threads)


@torch.no_grad()
@pytest.mark.parametrize(
    "kind, steps",
    [
        (LinearAttention, ["softmax", "softmax", "matmul", "matmul"]),
    ],
)
def test_coding_attention_is_made_of_exact_softmax_and_exact_products_only(monkeypatch, kind, steps):
    """float64 sums of a stock softmax or product would depend on their order, and nobody would notice for long."""
    torch.manual_seed(5)
    block, x = kind(16, heads=2), torch.randn(2, 16, 4, 5, dtype=torch.float64)
    block(x, x, x)  # the weights are on their grid now

    def forbidden(*_, **__):
        raise AssertionError("a stock sum of floats")

    for name in ("softmax", "matmul"):
        monkeypatch.setattr(torch, name, forbidden)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", forbidden)
    calls = []
    for name in ("softmax", "matmul"):
        real = getattr(exact, name)
        monkeypatch.setattr(exact, name, lambda *args, real=real, name=name: calls.append(name) or real(*args))
    block(x, x, x)
    assert calls and calls == steps * (len(calls) // len(steps))  # rows are mixed picture by picture
    with pytest.raises(AssertionError, match="stock sum"):
        block(x.float(), x.float(), x.float())


def test_attention_in_double_precision_is_no_coding_and_has_its_gradients():
    torch.manual_seed(5)
    block = LinearAttention(4, heads=1).double()
    x = [torch.randn(1, 4, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(block, x)


@torch.no_grad()
def test_coding_attention_gives_the_same_bits_when_positions_are_shuffled():
    """Sums over positions in another order, as another device would do them."""
    torch.manual_seed(5)
    block, x = LinearAttention(16, heads=2), 3 * torch.randn(1, 16, 1, 300, dtype=torch.float64)
    order = torch.randperm(300)
    assert torch.equal(block(x[..., order], x[..., order], x[..., order]), block(x, x, x)[..., order])
    single = block.float()
    assert not torch.equal(single(*[x[..., order].float()] * 3), single(*[x.float()] * 3)[..., order])


def test_every_weight_learns(pairs):
    torch.manual_seed(6)
    block = MutualAttention(16, heads=2)
    block(torch.randn(2, 16, 6, 6)).square().sum().backward()
    silent = [name for name, p in block.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


def test_widths_that_do_not_divide_and_unknown_words_are_refused():
    with pytest.raises(LicLabError, match="multiple of 16, not 40"):
        LinearAttention(40, heads=8)
    with pytest.raises(LicLabError, match="multiple of 4, not 6"):
        TwinAttention(6, heads=4)
    with pytest.raises(LicLabError, match="use 'own' or 'other'"):
        MutualAttention(16, heads=2, query="left")
