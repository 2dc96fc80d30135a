"""Attention across views: the maps mix what the block mixes, and a planted correspondence is read back."""

import numpy as np
import pytest
import torch

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.ops.color import image_to_tensor
from lic_lab.probes.attention import (
    CrossAttention,
    attention_disparity,
    attention_paths,
    cross_attention,
    score_disparity,
    searched_disparity,
    searched_shares,
    searches,
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = build("bisic", "tiny")
    with torch.no_grad():  # untrained attention is almost even
        for name, parameter in made.named_parameters():
            if ".branch_a.key" in name or ".branch_a.query" in name:
                parameter *= 30
    return made


@pytest.fixture(scope="module")
def pair():
    return torch.rand(1, 2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_the_blocks_are_two_in_each_transform_and_one_in_the_context(model):
    paths = attention_paths(model)
    assert [path.split(".")[0] for path in paths] == ["analysis", "analysis", "latent", "synthesis", "synthesis"]


@pytest.mark.parametrize("number, stride", [(0, 4), (1, 16), (2, 16), (3, 16), (4, 4)])
def test_each_map_is_a_distribution_over_the_other_view(model, pair, number, stride):
    found = cross_attention(model, pair, attention_paths(model)[number])
    assert found.stride == stride
    at = found.map(0, 1, 2)
    assert at.shape[-2:] == (64 // stride, 128 // stride) and (at >= 0).all()  # 96 columns are padded to 128
    assert torch.allclose(at.sum((1, 2)), torch.ones(len(at)), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("view", [0, 1])
def test_what_a_position_gets_is_the_values_of_the_other_view_weighed_by_its_map(model, pair, view):
    path = attention_paths(model)[1]
    block, kept = model.get_submodule(path).branch_a, []
    hook = block.register_forward_hook(lambda module, args, output: kept.append((args, output)))
    found = cross_attention(model, pair, path)
    hook.remove()
    (_, _, value), output = kept[0]
    values = block.value(value)[view]  # in the order in which the block gets them: the other view's
    weights = found.map(view, 2, 3).repeat_interleave(values.shape[0] // block.heads, dim=0)
    expected = block.merge((values * weights).sum((1, 2))[None, :, None, None])
    assert torch.allclose(output[view, :, 2, 3], expected.flatten(), atol=1e-5)


ALONG_ROWS = {
    "mutual attention": {"rows": True},
    "exchange on a trunk": {
        "widths": (8, 12, 16), "features": (16, 16, 16), "context": "turns", "trunk": (16, 16),
    },
}  # fmt: skip


@torch.no_grad()
@pytest.mark.parametrize("name, number", [("mutual attention", 0), *(("exchange on a trunk", k) for k in (0, -1))])
def test_along_rows_the_map_is_that_of_a_softmax_of_the_row(name, number, pair):
    torch.manual_seed(0)
    made = build("bisic", "tiny", **ALONG_ROWS[name])
    path = attention_paths(made)[number]
    block, kept = made.get_submodule(path).branch_a, []
    block.query.weight *= 20
    if hasattr(block, "leans"):
        torch.nn.init.normal_(block.leans)
    hook = block.register_forward_hook(lambda module, args, output: kept.append((args, output)))
    found = cross_attention(made, pair, path)
    hook.remove()
    assert found.rows
    (_, _, value), output = kept[0]
    for view in (0, 1):
        at = found.map(view, 2, 3)  # (heads, h, w)
        assert torch.allclose(at.sum((1, 2)), torch.ones(len(at))) and not at[:, [0, 1, 3]].any()
        values = block.value(value)[view]
        expected = block.merge(
            (values * at.repeat_interleave(len(values) // len(at), 0)).sum((1, 2))[None, :, None, None]
        )
        assert torch.allclose(output[view, :, 2, 3], expected.flatten(), atol=1e-5)
    assert torch.allclose(found.along_rows()[2, 3], found.map(0, 2, 3)[:, 2].sum(0), atol=1e-6)


@torch.no_grad()
def test_a_large_pair_is_looked_at_whole_not_in_strips(model, monkeypatch):
    x = torch.rand(1, 2, 3, 256, 64, generator=torch.Generator().manual_seed(2))
    expected = cross_attention(model, x, attention_paths(model)[0])
    monkeypatch.setattr("lic_lab.models.base.STRIP_PIXELS", 64 * 64)
    found = cross_attention(model, x, attention_paths(model)[0])
    assert found.query.shape[-2:] == (64, 16) and torch.allclose(found.query, expected.query, atol=1e-5)


@torch.no_grad()
def test_of_the_context_the_last_slice_is_kept(model, pair):
    kept = []
    block = model.latent.context.mix.branch_a
    hook = block.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
    found = cross_attention(model, pair, "latent.context.mix")
    hook.remove()
    assert len(kept) == 2  # of three slices, the first has nothing to read
    assert torch.equal(found.query.flatten(3), block.ask(kept[-1])) and not torch.equal(kept[0], kept[-1])


def planted(shift, *, height=4, width=12):
    """Every left position asks for one channel of its own column, and the right view offers it `shift` to the left."""
    query, key = torch.zeros(2, 1, width, height, width), torch.zeros(2, 1, width, height, width)
    for column in range(width):
        query[0, 0, column, :, column] = 1.0
        key[1, 0, column, :, max(column - shift, 0)] = 1.0 / height
    return CrossAttention("planted", query, key, 16)


@pytest.mark.parametrize("shift", [0, 1, 5])
def test_a_planted_disparity_is_read_back(shift):
    found = attention_disparity(planted(shift))
    assert found.shape == (4, 12) and found.dtype == np.float32
    assert (found[:, shift:] == 16 * shift).all()


def test_a_point_is_looked_for_on_the_left_only_and_equal_places_count_as_near():
    ahead = planted(0)
    ahead = CrossAttention("ahead", ahead.query, ahead.key.roll(1, dims=-1), 16)  # one column to the right
    assert (attention_disparity(ahead)[:, 1:-1] == 0).all()
    even = CrossAttention("even", torch.ones(2, 1, 1, 4, 12), torch.full((2, 1, 1, 4, 12), 1 / 48), 16)
    assert not attention_disparity(even).any()
    with pytest.raises(LicLabError, match="0 pixels or more"):
        attention_disparity(even, most=-1.0)


def test_no_more_than_the_largest_disparity_is_considered():
    assert attention_disparity(planted(5), most=40.0).max() <= 40


def test_the_score_compares_with_the_truth_and_with_knowing_nothing():
    truth = np.full((64, 192), np.nan, np.float32)
    truth[:32] = 16.0
    truth[32:, :96] = 48.0
    guess = np.full((4, 12), 16.0, np.float32)
    guess[2:] = 48.0
    truth[0, 0] = 4000.0  # one wrong value in a square does not matter
    score = score_disparity(guess, truth, 16)
    assert (score.median_error, score.within) == (0.0, 1.0)
    assert score.constant_within == pytest.approx(24 / 36) and score.constant_error == 0.0
    assert score_disparity(guess + 40, truth, 16).within == 0.0
    with pytest.raises(LicLabError, match="no disparity is known"):
        score_disparity(guess, np.full((64, 192), np.nan, np.float32), 16)


def test_what_is_not_there_is_refused(model, pair):
    with pytest.raises(LicLabError, match="no mutual attention at 'analysis"):
        cross_attention(model, pair, "analysis.7")
    with pytest.raises(LicLabError, match="for one pair"):
        cross_attention(model, pair.repeat(2, 1, 1, 1, 1), attention_paths(model)[0])
    with pytest.raises(LicLabError, match="for one pair"):
        cross_attention(model, pair[:, 0], attention_paths(model)[0])
    with pytest.raises(LicLabError, match="evaluation mode"):
        cross_attention(build("bisic", "tiny").train(), pair, attention_paths(model)[0])
    with pytest.raises(LicLabError, match="Charm has no mutual attention"):
        attention_paths(build("charm", "tiny"))
    found = cross_attention(model, pair, attention_paths(model)[0])
    for place in ((2, 0, 0), (0, 16, 0), (0, 0, -1)):
        with pytest.raises(LicLabError, match="none at row"):
            found.map(*place)


@torch.no_grad()
def test_a_search_reads_how_far_the_blocks_of_the_left_view_moved():
    """A wall of 12 pixels' disparity; nothing has been trained, and the first slices are block DCTs."""
    torch.manual_seed(0)
    made = build("bisic", "lab")
    x = image_to_tensor(bundled_images()["astronaut"])[..., 100:228, :]
    views = torch.stack([x[..., 64:320], x[..., 76:332]], dim=1)
    left, right = searched_disparity(made, views, rate=6)
    assert left.shape == right.shape == (8, 16)
    assert np.median(np.abs(left[:, 2:] - 12)) <= 4 and np.median(np.abs(right[:, :-2] - 12)) <= 4


@torch.no_grad()
def test_the_shares_of_all_movements_of_a_block_add_up_to_one(pair):
    made = build("bisic", "lab")
    shares = searched_shares(made, pair)  # 64 x 96 pixels, padded to 64 x 128
    assert shares.shape == (2, 24, 4, 8) and shares.min() >= 0
    assert torch.allclose(shares.sum(1), torch.ones(2, 4, 8))
    assert np.array_equal(searched_disparity(made, pair), 4 * shares.argmax(1).numpy())
    assert searches(made) and not searches(build("bisic", "tiny"))


def test_what_does_not_search_has_no_searched_disparity(pair):
    with pytest.raises(LicLabError, match="BiSIC does not search the other view: use bisic with context='turns'"):
        searched_disparity(build("bisic", "tiny"), pair)
    with pytest.raises(LicLabError, match=r"one pair \(1, 2, 3, h, w\), got"):
        searched_disparity(build("bisic", "lab"), pair[:, 0])
