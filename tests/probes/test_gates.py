"""What gates and partitions have chosen is what the model really does."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.gates import partitions, wavelet_attention


def test_the_gate_is_what_the_latent_is_multiplied_by():
    torch.manual_seed(0)
    model, x = build("asymmetric", "tiny"), torch.rand(2, 3, 100, 70)
    torch.nn.init.normal_(model.attention.spatial[-1].weight, std=100)
    found = wavelet_attention(model, x)["attention"]
    model_without = build("asymmetric", "tiny", attention=False)
    model_without.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        assert torch.allclose(model.analyse(x), model_without.analyse(x) * found.gate, atol=1e-5)
    assert found.gate.min() >= 0.3 and found.gate.max() <= 1 and found.gate.std() > 0.01
    assert torch.allclose(found.bands.sum(0), torch.ones(model.channels))


def test_every_partition_says_which_channels_go_to_the_convolutions():
    model, x = build("csm", "tiny"), torch.rand(2, 3, 64, 64)
    found = partitions(model, x)
    assert list(found) == [f"analysis.deep.{n}.partition" for n in (1, 3, 5)]
    assert [near.shape for near in found.values()] == [(2, 8), (2, 12), (2, 16)]
    assert all((near.sum(1) == near.shape[1] // 2).all() for near in found.values())


def test_a_fixed_partition_takes_the_first_channels():
    for near in partitions(build("csm", "tiny", partition="fixed"), torch.rand(1, 3, 64, 64)).values():
        assert near[0].tolist() == [True] * (near.shape[1] // 2) + [False] * (near.shape[1] // 2)


def test_a_scored_channel_goes_where_its_score_sends_it():
    model = build("csm", "tiny", partition="learned")
    part = model.analysis.deep[1].partition
    with torch.no_grad():
        part.prior.copy_(torch.tensor([0.0, 5, 0, 5, 0, 5, 0, 5]))
    assert partitions(model, torch.rand(1, 3, 64, 64))["analysis.deep.1.partition"][0].tolist() == [False, True] * 4


@pytest.mark.parametrize(("look", "words"), [(wavelet_attention, "no wavelet attention"), (partitions, "no channel")])
def test_a_model_that_chooses_nothing_is_refused(look, words):
    with pytest.raises(LicLabError, match=words):
        look(build("charm", "tiny"), torch.rand(1, 3, 64, 64))
