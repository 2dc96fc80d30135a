"""Stages have the names that people use."""

import pytest
from torch import nn

from lic_lab.blocks.gdn import GDN
from lic_lab.models.presets import build
from lic_lab.probes.stages import kind, split


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (nn.Conv2d(3, 6, 5, stride=2), "conv 5x5 s2"),
        (nn.Conv2d(6, 6, (1, 3)), "conv 1x3"),
        (nn.Conv2d(6, 6, 3, groups=6), "depthwise conv 3x3"),
        (nn.Conv2d(1, 6, 3), "conv 3x3"),
        (nn.ConvTranspose2d(6, 3, 5, stride=2), "deconv 5x5 s2"),
        (GDN(4), "GDN"),
        (GDN(4, inverse=True), "IGDN"),
        (nn.PReLU(), "PReLU"),
    ],
)
def test_a_layer_is_named_as_in_papers(module, name):
    assert kind(module) == name


def test_a_latent_comes_apart_and_the_transforms_are_opened():
    pieces = {piece.path: piece for piece in split(build("charm", "tiny"))}
    names = {"latent.analysis": "hyper analysis", "latent.context": "context", "gain": "gain"}
    assert {path: pieces[path].name for path in names} == names
    assert "latent" not in pieces
    parts = [part.name for part in pieces["analysis"].parts if not part.beside]
    assert parts == ["conv 5x5 s2", "GDN"] * 3 + ["conv 5x5 s2"]
    assert not pieces["latent.context"].parts


def test_a_subclass_of_a_container_is_a_block_of_its_own():
    class Stem(nn.Sequential):
        """Two layers that have one name."""

    model = build("hyperprior", "tiny")
    model.analysis = nn.Sequential(Stem(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)), nn.ModuleList([nn.Conv2d(4, 24, 1)]))
    analysis = next(piece for piece in split(model) if piece.path == "analysis")
    assert [part.name for part in analysis.parts] == ["Stem", "conv 1x1"]
