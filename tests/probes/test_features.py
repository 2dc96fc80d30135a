"""What is heard inside a network is what its own equations say."""

import numpy as np
import pytest
import torch

from lic_lab.models.presets import PRESETS, build
from lic_lab.ops.color import image_to_tensor
from lic_lab.probes.features import block_features

PICTURE = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def seen(name, picture=PICTURE, **switches):
    torch.manual_seed(0)
    model = build(name, "tiny", **switches)
    return model, {one.path: one for one in block_features(model, picture, insides=True)}


@pytest.mark.parametrize("name", PRESETS)
def test_blocks_come_in_the_order_of_the_data_flow_and_the_latent_last(name):
    torch.manual_seed(0)
    model = build(name, "tiny")
    picture = np.stack([PICTURE] * model.views) if model.views > 1 else PICTURE
    found = block_features(model, picture)
    sides = [one.maps.shape[-1] for one in found]
    assert sides == sorted(sides, reverse=True) and not any(one.block for one in found)
    x = torch.cat([image_to_tensor(PICTURE)] * model.views)
    with torch.no_grad():
        assert torch.equal(found[-1].maps, model.analysis(x)) and found[-1].path == "analysis"


def test_the_paths_of_a_content_adaptive_block_mix_as_its_equation_says():
    model, found = seen("cmamba")
    path = "analysis.deep.1"
    block, x = model.get_submodule(path), found["analysis.deep.0"].maps
    ssm, cnn = found[f"{path}.ssm"].maps, found[f"{path}.cnn"].maps
    with torch.no_grad():
        alpha, beta = block.weigh(ssm, cnn)
    assert torch.allclose(x + found[f"{path}.ssm.ss2d"].maps, ssm) and torch.allclose(
        x + found[f"{path}.cnn.body"].maps, cnn
    )
    assert torch.equal(found[f"{path}.mixed"].maps, alpha * ssm + beta * cnn)
    assert torch.allclose(found[f"{path}.project"].maps + x, found[path].maps)
    assert not torch.allclose(ssm, cnn)


def test_the_parts_of_a_partitioned_block_have_all_channels_between_them_and_are_merged():
    model, found = seen("csm")
    path = "analysis.deep.1"
    x, width = found["analysis.deep.0"].maps, model.get_submodule(path).fuse.in_channels
    for pair in ((f"{path}.partition.near", f"{path}.partition.far"), (f"{path}.near", f"{path}.far")):
        assert sum(found[own].maps.shape[1] for own in pair) == width
    assert torch.allclose(x + found[f"{path}.fuse"].maps, found[path].maps)
    with torch.no_grad():
        expected = model.get_submodule(path).near(found[f"{path}.partition.near"].maps)
        scanned = model.get_submodule(path).far(found[f"{path}.partition.far"].maps)
    assert torch.equal(found[f"{path}.near"].maps, expected) and torch.equal(found[f"{path}.far"].maps, scanned)


def test_what_a_bidirectional_scan_adds_is_a_map():
    _, found = seen("bimamba")
    inner = [one for one in found.values() if one.block]
    assert inner
    for one in inner:
        places = list(found)
        before = found[places[places.index(one.path) - 1]].maps
        assert one.name == "SSM adds" and torch.allclose(before + one.maps, found[one.block].maps, atol=1e-6)


@pytest.mark.parametrize(("paths", "gone"), [("ssm", "CNN"), ("cnn", "SSM")])
@pytest.mark.parametrize("name", ["cmamba", "csm"])
def test_a_block_with_one_path_has_nothing_of_the_other(name, paths, gone):
    names = {one.name for one in seen(name, paths=paths)[1].values() if one.block}
    assert names and not any(gone in name for name in names) and "fusion" not in names


def test_what_is_inside_stands_before_its_block():
    _, found = seen("cmamba")
    places = list(found)
    assert all(places.index(one.path) < places.index(one.block) for one in found.values() if one.block)


def test_looking_inside_leaves_no_hooks():
    model, _ = seen("csm")
    assert not any(module._forward_hooks for module in model.modules())
