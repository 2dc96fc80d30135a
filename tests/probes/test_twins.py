"""A twin is the same network with other weights, the same ones every time."""

import pytest
import torch

from lic_lab.probes.twins import untrained


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_seed_decides_the_weights_and_nobody_elses_random_numbers_move():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = untrained("charm", "tiny", seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert same(one, untrained("charm", "tiny", seed=1)) and not same(one, untrained("charm", "tiny", seed=2))


def test_a_twin_without_a_shortcut_has_a_last_layer_to_look_at():
    def last(model):
        return [layer for layer in model.analysis.modules() if isinstance(layer, torch.nn.Conv2d)][-1]

    assert last(untrained("cmamba", "tiny", shortcut=None)).weight.abs().max() > 0
    assert not untrained("cmamba", "tiny").training


@pytest.mark.parametrize("name", ["bimamba", "cmamba", "csm", "asymmetric", "bisic"])
@torch.no_grad()
def test_blocks_on_a_trunk_add_nothing_until_they_are_woken(name):
    asleep, awake = untrained(name, "lab"), untrained(name, "lab", awake=True)
    x = torch.randn(2, 128, 4, 4)
    assert torch.equal(asleep.analysis.deep[-2](x), x)
    assert (awake.analysis.deep[-2](x) - x).abs().max() > 1e-3
    pairs = list(zip(asleep.state_dict().values(), awake.state_dict().values(), strict=True))
    assert all(torch.equal(before, after) or not before.any() for before, after in pairs)
    assert same(awake, untrained(name, "lab", awake=True))


def test_a_twin_without_a_trunk_is_awake_already():
    assert same(untrained("cmamba", "tiny"), untrained("cmamba", "tiny", awake=True))
