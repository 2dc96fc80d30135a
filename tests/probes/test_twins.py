"""A twin is the same network with other weights, the same ones every time."""

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
