"""Joint against separate coding is counted in real files, and only correspondence is called saved."""

import pytest
import torch

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.probes.bitmaps import bit_map
from lic_lab.probes.stereo import joint_bd_rate, joint_coding


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
