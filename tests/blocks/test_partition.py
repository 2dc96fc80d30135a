"""Channels shared between two branches: who goes where, what comes back, and how far each branch sees."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.partition import (
    AdaptiveChannelPartition,
    StateSpaceResidualBlock,
    watched_choices,
)
from lic_lab.errors import LicLabError

MODES = ("adaptive", "learned", "fixed")
small = partial(StateSpaceResidualBlock, state=4, expand=1)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def slow_choice(scores: list[float], share: float) -> tuple[list[int], list[int]]:
    """The rule in words: steps of 1/1024, largest first, among equals the first channel first."""
    order = sorted(range(len(scores)), key=lambda i: (-round(scores[i] * 1024), i))
    near = round(share * len(scores))
    return order[:near], order[near:]


def slow_block(block: StateSpaceResidualBlock, x: torch.Tensor) -> torch.Tensor:
    """The block picture by picture and channel by channel, every result written to the place its channel came from."""
    part, pictures = block.partition, []
    for picture in x:
        with torch.no_grad():
            seen = torch.stack(
                [f(channel) for f in (torch.mean, partial(torch.std, correction=0)) for channel in picture]
            )
        hidden = F.leaky_relu(part.look[0].weight @ F.layer_norm(seen, seen.shape) + part.look[0].bias)
        score = part.prior + part.look[2].weight @ hidden
        score = score - score.mean()
        chosen = slow_choice(score.tolist(), part.sizes[0] / len(picture))
        mixed = [None] * len(picture)
        for branch, places in zip((block.near, block.far), chosen, strict=True):
            answer = branch(torch.stack([picture[i] * (1 + torch.tanh(score[i])) for i in places])[None])[0]
            for place, channel in zip(places, answer, strict=True):
                mixed[place] = channel
        pictures.append(picture + block.fuse(torch.stack(mixed)[None])[0])
    return torch.stack(pictures)


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (5, 3), (1, 7)])
@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "learned"}, {"mode": "fixed"}, {"share": 0.0}, {"share": 1.0}, {"share": 0.3}, {"fuse": "3x3"}],
)
def test_a_block_keeps_the_shape_of_its_map(size, options):
    x = torch.randn(2, 7, *size)
    y = small(7, **options)(x)
    assert y.shape == x.shape and torch.isfinite(y).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("mode", MODES)
def test_every_channel_is_used_exactly_once_and_the_groups_have_their_sizes(mode, share):
    part = AdaptiveChannelPartition(10, share=share, mode=mode)
    near, far, choice = part(torch.randn(6, 10, 9, 5))
    assert choice.near.shape[1] == near.shape[1] == round(10 * share)
    assert choice.far.shape[1] == far.shape[1] == 10 - round(10 * share)
    assert torch.equal(choice.order.sort(dim=1).values, torch.arange(10).expand(6, -1))


@pytest.mark.parametrize("mode", MODES)
def test_merging_puts_every_channel_back_where_it_came_from(mode):
    part, x = AdaptiveChannelPartition(8, mode=mode), torch.randn(5, 8, 6, 4)
    near, far, choice = part(x)
    weight = 1 + torch.tanh(choice.score)[:, :, None, None]
    assert torch.equal(part.merge(near, far, choice), x * weight)
    if mode == "fixed":
        assert torch.equal(torch.cat([near, far], dim=1), x)
    else:
        assert (weight - 1).abs().min() > 0


def test_the_best_scores_go_near_and_the_first_of_equals_wins():
    part = AdaptiveChannelPartition(6, mode="learned")
    with torch.no_grad():
        part.prior.copy_(torch.tensor([0.1, 0.5, 0.1, -0.2, 0.5, 0.1 + 1e-5]))  # the last differs by less than a step
    choice = part.choose(torch.randn(2, 6, 3, 3))
    assert choice.near.tolist() == [[1, 4, 0]] * 2 and choice.far.tolist() == [[2, 5, 3]] * 2
    with torch.no_grad():
        part.prior[5] += 2e-3
    assert part.choose(torch.randn(1, 6, 3, 3)).near.tolist() == [[1, 4, 5]]


def test_the_choice_changes_with_the_picture_only_in_adaptive_mode():
    x = torch.randn(8, 16, 7, 7) * torch.rand(8, 16, 1, 1) * 3
    differing = {}
    for mode in MODES:
        near = AdaptiveChannelPartition(16, mode=mode).choose(x).near.sort(dim=1).values
        differing[mode] = len(set(map(tuple, near.tolist())))
    assert differing["adaptive"] > 1 and differing["learned"] == differing["fixed"] == 1


def test_every_mode_begins_with_the_channels_in_their_order():
    for mode in ("learned", "fixed"):
        choice = AdaptiveChannelPartition(12, mode=mode).choose(torch.randn(1, 12, 4, 4))
        assert choice.order.tolist() == [list(range(12))]
    part = AdaptiveChannelPartition(12)
    with torch.no_grad():
        part.look[2].weight.zero_()
    assert part.choose(torch.randn(1, 12, 4, 4)).order.tolist() == [list(range(12))]


@pytest.mark.parametrize("mode", ["adaptive", "learned"])
def test_no_score_shuts_both_branches_at_once(mode):
    part, x = AdaptiveChannelPartition(8, mode=mode), torch.randn(2, 8, 5, 5)
    before = part(x)
    with torch.no_grad():
        part.prior -= 100
    for mine, theirs in zip(before[:2], part(x)[:2], strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4) and mine.square().mean() > 0.1


def test_what_else_is_in_the_batch_has_no_say():
    block, x = small(8).eval(), torch.randn(4, 8, 6, 6) * torch.rand(4, 8, 1, 1) * 3
    assert torch.allclose(block(x), torch.cat([block(one[None]) for one in x]), atol=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_outputs_and_gradients_are_those_of_the_slow_twin(share):
    block = small(8, share=share).double()
    x = (torch.randn(3, 8, 5, 4) * torch.rand(3, 8, 1, 1) * 3).double().requires_grad_()
    assert len(set(map(tuple, block.partition.choose(x).order.tolist()))) > 1
    weight, inputs = torch.randn_like(x), [x, *block.parameters()]
    fast, slow = block(x), slow_block(block, x)
    assert torch.allclose(fast, slow, atol=1e-10)
    gradients = (torch.autograd.grad((y * weight).sum(), inputs) for y in (fast, slow))
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("options", [{}, {"mode": "learned"}, {"mode": "fixed"}, {"fuse": "3x3"}, {"share": 0.25}])
def test_every_parameter_gets_a_gradient(options):
    block = small(8, **options)
    block(torch.randn(4, 8, 6, 5)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())


@pytest.mark.parametrize("fuse", ["1x1", "3x3"])
@pytest.mark.parametrize("mode", MODES)
def test_with_both_branches_closed_the_block_is_the_identity(mode, fuse):
    block, x = small(8, mode=mode, fuse=fuse), torch.randn(2, 8, 5, 6)
    assert not torch.equal(block(x), x)
    with torch.no_grad():
        for last in (block.near[-1], block.far[-1].out_proj):
            last.weight.zero_()
            last.bias.zero_()
    assert torch.equal(block(x), x)


@torch.no_grad()
def test_one_pixel_moves_the_far_corners_of_the_scan_and_only_its_neighbours_in_the_convolutions():
    block, x = small(12, mode="fixed"), torch.randn(1, 12, 15, 15)
    nudged = x.clone()
    nudged[:, :, 7, 7] += torch.randn(12)  # all channels by the same would vanish in the norm
    before, after = block.partition(x), block.partition(nudged)
    near = (block.near(after[0]) - block.near(before[0])).abs().amax((0, 1))
    far = (block.far(after[1]) - block.far(before[1])).abs().amax((0, 1))
    within = torch.zeros(15, 15, dtype=torch.bool)
    within[5:10, 5:10] = True  # two 3x3 convolutions see two pixels to each side
    assert torch.equal(near > 0, within)
    assert (far > 0).all()


def test_one_branch_alone_sees_as_far_as_it_can():
    x = torch.randn(1, 6, 11, 11)
    nudged = x.clone()
    nudged[..., 0, 0] += torch.randn(6)
    touched = {}
    for share in (0.0, 1.0):
        block = small(6, share=share, mode="fixed")
        with torch.no_grad():
            touched[share] = int((block(nudged) - block(x)).abs().amax((0, 1)).gt(0).sum())
    assert touched == {0.0: 121, 1.0: 9}


def test_scores_are_float32_under_autocast_and_choose_alike():
    block, x = small(16), torch.randn(4, 16, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        choice, y = block.partition.choose(x), block(x.bfloat16())
    assert choice.score.dtype == torch.float32 and y.dtype == torch.bfloat16
    assert torch.equal(choice.order, block.partition.choose(x).order)


def test_choices_are_collected_while_someone_watches():
    block, x = torch.nn.Sequential(small(8), small(8, mode="fixed")), torch.randn(2, 8, 4, 4)
    with watched_choices(block) as choices:
        block(x)
    block(x)
    assert len(choices) == 2
    assert torch.equal(choices[0].order, block[0].partition.choose(x).order)
    assert choices[1].near.tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("options", "hint"),
    [({"mode": "random"}, "'random'"), ({"share": 1.5}, "share of 1.5"), ({"fuse": "5x5"}, "'5x5'")],
)
def test_unknown_options_are_refused_by_name(options, hint):
    with pytest.raises(LicLabError, match=hint):
        small(8, **options)
