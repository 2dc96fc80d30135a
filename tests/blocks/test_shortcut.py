import pytest
import torch
import torch.nn.functional as F

from lic_lab.blocks.shortcut import color_dct_basis, moved_dct


@pytest.mark.parametrize("pixels", [0, 1, 4, 7, 8])
def test_what_a_moved_camera_sees_is_a_linear_map_of_two_neighbouring_blocks(pixels):
    basis = color_dct_basis(3 * 64, 8)  # all of them: any picture can be held
    x = torch.rand(1, 3, 16, 48)
    y, moved = (F.conv2d(view, basis, stride=8) for view in (x, x[..., pixels:]))
    here, beyond = moved_dct(3 * 64, pixels, 8)
    count = moved.shape[-1] - (pixels == 8)
    expected = torch.einsum("bihw,io->bohw", y[..., :count], here)
    expected += torch.einsum("bihw,io->bohw", y[..., 1 : count + 1], beyond) if pixels else 0
    torch.testing.assert_close(moved[..., :count], expected[..., :count], atol=1e-4, rtol=0)
