"""Presets with switches: what a paper argues with is one argument, and travels with the weights."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.checkpoints import load_weights, save_model
from lic_lab.models.presets import build


def test_a_switch_replaces_what_the_preset_says():
    assert build("cmamba", "tiny").switches == {}
    assert "pool='avg'" in repr(build("cmamba", "tiny", pool="avg")) and "pool='max'" in repr(build("cmamba", "tiny"))
    assert (
        build("charm", "tiny", widths=(8, 8, 16)).analysis.deep[0].out_channels == 8
    )  # a positional one of the preset


def test_weights_of_a_variant_load_as_that_variant_and_decode(tmp_path):
    model = build("charm", "tiny", slices=(8, 16), lambdas=(0.01,))
    save_model(model, tmp_path / "variant.safetensors", name="charm", preset="tiny")
    again = load_weights(tmp_path / "variant.safetensors")
    assert again.switches == {"slices": (8, 16)} and repr(again) == repr(model)
    x = torch.rand(1, 3, 40, 50)
    assert torch.equal(
        again.decompress(again.compress(x)),
        load_weights(tmp_path / "variant.safetensors").decompress(again.compress(x)),
    )


def test_a_switch_without_weights_is_part_of_the_fingerprint():
    torch.manual_seed(0)
    one = build("cmamba", "tiny", pool="avg")
    other = build("cmamba", "tiny", pool="max")
    other.load_state_dict(one.state_dict())
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("switches", "complaint"),
    [
        ({"pol": "max"}, "no switch of cmamba called 'pol': did you mean 'pool'"),
        ({"widths": 8}, r"widths is numbers, as in \(16, 32\), usually \(8, 8, 12\), got 8"),
        ({"latent": "abc"}, "latent is a whole number, usually 24, got 'abc'"),
        ({"widths": (0, 8, 12)}, "cmamba/tiny cannot be built with .*widths"),
        ({"context_width": 0}, "cmamba/tiny cannot be built with .*context_width"),
    ],
)
def test_a_switch_that_the_model_does_not_know_or_refuses_is_told_in_one_line(switches, complaint):
    with pytest.raises(LicLabError, match=complaint):
        build("cmamba", "tiny", **switches)
