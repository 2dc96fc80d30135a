"""Joint against separate coding is counted in real files, and only correspondence is called saved."""

import math

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.bitmaps import bit_map
from lic_lab.probes.stereo import JointCoding, coded_pair, joint_bd_rate, joint_coding


def shaken(amount=0.02, **switches):
    from lic_lab.models.bisic import BiSIC
    from lic_lab.models.presets import PRESETS

    torch.manual_seed(0)
    recipe = PRESETS["bisic"]["tiny"]
    model = BiSIC(*recipe.args, **recipe.keywords | switches).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount * torch.randn_like(parameter)
    return model


@pytest.fixture
def pair():
    coarse = torch.rand(2, 3, 8, 10, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (64, 128), mode="bicubic").clamp(0, 1)[None]


def test_the_joint_map_is_that_of_the_file(pair):
    model = shaken()
    found = joint_coding(model, pair, 1.0)
    file = bit_map(model, model.compress(pair, 1.0))
    assert torch.equal(found.joint, file.positions)
    assert found.joint.shape == found.separate.shape == (2, 4, 8)
    assert found.saved == pytest.approx(1 - (found.joint.sum() / found.separate.sum()).item())
    assert len(found.saved_by_view) == 2 and found.joint_psnr_db.shape == (2,)


def test_views_that_never_look_across_save_nothing(pair):
    found = joint_coding(shaken(cross=False, attention=False, stereo_context=False), pair, 1.0)
    assert found.saved == 0.0 and torch.equal(found.joint, found.separate)
    assert torch.allclose(found.joint_psnr_db, found.separate_psnr_db)


def test_each_view_is_coded_beside_the_other_one_turned_round(pair, monkeypatch):
    model, coded = shaken(), []
    compress = model.compress
    monkeypatch.setattr(model, "compress", lambda x, rate: coded.append(x) or compress(x, rate))
    found = joint_coding(model, pair, 1.0)
    left, right = pair[:, 0], pair[:, 1]
    turned = [view.flip(-1).flip(-2) for view in (left, right)]
    expected = [pair, torch.stack([left, turned[1]], 1), torch.stack([turned[0], right], 1)]
    assert len(coded) == 3 and all(map(torch.equal, coded, expected))
    for view, (x, kept) in enumerate(zip(expected[1:], found.separate, strict=True)):
        data = compress(x, 1.0)
        assert torch.equal(kept, bit_map(model, data).positions[view])
        error = (model.decompress(data) - x)[0, view].double().square().mean()
        assert found.separate_psnr_db[view].item() == pytest.approx(-10 * math.log10(error), abs=1e-4)


def test_a_view_can_be_coded_beside_any_partner(pair):
    model = shaken()
    beside = torch.stack([pair[:, 0], torch.full_like(pair[:, 1], 0.5)], 1)
    bits, psnr_db = coded_pair(model, beside, 1.0)
    data = model.compress(beside, 1.0)
    error = (model.decompress(data) - beside)[0].double().square().mean((1, 2, 3))
    assert torch.equal(bits, bit_map(model, data).positions)
    assert psnr_db.tolist() == pytest.approx((-10 * error.log10()).tolist(), abs=1e-4)
    assert not torch.equal(bits[0], joint_coding(model, pair, 1.0).joint[0])


def test_shares_are_of_what_separate_coding_takes():
    joint = torch.stack([torch.full((2, 3), 3.0), torch.full((2, 3), 1.0)])
    found = JointCoding(joint, torch.full((2, 2, 3), 4.0), torch.zeros(2), torch.zeros(2), 16)
    assert found.saved == pytest.approx(0.5) and found.saved_by_view == pytest.approx([0.25, 0.75])


def test_at_equal_quality_too_nothing_is_saved_without_a_look_across(pair):
    blind = shaken(0, cross=False, attention=False, stereo_context=False)
    rates = (0.0, 0.7, 1.4, 2.0)
    assert joint_bd_rate(blind, pair, rates) == pytest.approx(0.0, abs=1e-9)
    assert joint_bd_rate(shaken(0), pair, rates) != pytest.approx(0.0, abs=1e-3)
    with pytest.raises(LicLabError, match="4"):
        joint_bd_rate(blind, pair, (0.0, 1.0))


def test_views_that_do_look_across_are_coded_differently(pair):
    found = joint_coding(shaken(), pair, 1.0)
    assert not torch.equal(found.joint, found.separate)


def test_single_pictures_have_nothing_to_share(pair):
    with pytest.raises(LicLabError, match="needs a stereo model"):
        joint_coding(build("charm", "tiny"), pair)
