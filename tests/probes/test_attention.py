"""Attention across views: the maps mix what the block mixes, and a planted correspondence is read back."""

import numpy as np
import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.attention import (
    CrossAttention,
    attention_disparity,
    attention_paths,
    cross_attention,
    score_disparity,
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("bisic", "tiny")


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


def test_no_more_than_the_largest_disparity_is_considered():
    assert attention_disparity(planted(5), most=40.0).max() <= 40


def test_the_score_compares_with_the_truth_and_with_knowing_nothing():
    truth = np.full((64, 192), np.nan, np.float32)
    truth[:32] = 16.0
    truth[32:, :96] = 48.0
    guess = np.full((4, 12), 16.0, np.float32)
    guess[2:] = 48.0
    score = score_disparity(guess, truth, 16)
    assert (score.median_error, score.within) == (0.0, 1.0)
    assert score.constant_within == pytest.approx(24 / 36) and score.constant_error == 0.0
    assert score_disparity(guess + 40, truth, 16).within == 0.0
    with pytest.raises(LicLabError, match="no disparity is known"):
        score_disparity(guess, np.full((64, 192), np.nan, np.float32), 16)


def test_what_is_not_there_is_refused(model, pair):
    with pytest.raises(LicLabError, match="no mutual attention at 'analysis"):
        cross_attention(model, pair, "analysis.7")
    with pytest.raises(LicLabError, match="Charm has no mutual attention"):
        attention_paths(build("charm", "tiny"))
    found = cross_attention(model, pair, attention_paths(model)[0])
    for place in ((2, 0, 0), (0, 16, 0), (0, 0, -1)):
        with pytest.raises(LicLabError, match="none at row"):
            found.map(*place)
