import numpy as np
import pytest
import torch
from PIL import Image

from lic_lab.errors import LicLabError
from lic_lab.ops.color import image_to_tensor, rgb_to_ycbcr, tensor_to_image, to_float, to_u8, ycbcr_to_rgb


@pytest.fixture
def rgb():
    return torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_shapes_stay(rgb):
    assert rgb_to_ycbcr(rgb).shape == rgb.shape
    assert ycbcr_to_rgb(rgb[0]).shape == rgb[0].shape


def test_the_way_back_is_exact(rgb):
    torch.testing.assert_close(ycbcr_to_rgb(rgb_to_ycbcr(rgb)), rgb, rtol=0, atol=1e-14)


def test_every_8_bit_level_survives_float_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_u8(to_float(levels)), levels)


def test_array_and_tensor_hold_the_same_picture():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    x = image_to_tensor(image)
    assert x.shape == (1, 3, 5, 7)
    assert x[0, 2, 4, 6] == image[4, 6, 2] / np.float32(255)
    assert np.array_equal(tensor_to_image(x), image)
    assert np.array_equal(tensor_to_image(x[0]), image)


def test_the_matrix_is_that_of_jpeg():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(image).convert("YCbCr"), dtype=np.float32).transpose(2, 0, 1)
    ours = 255 * rgb_to_ycbcr(image_to_tensor(image))[0].numpy()
    ours[1:] += 0.5  # grey is 127.5 here and 128 in JPEG
    assert np.abs(ours - pillow).max() < 1.01  # Pillow rounds (down) to integers


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((1, 1, 1), (1, 0.5, 0.5)),
        ((0, 0, 0), (0, 0.5, 0.5)),
        ((0, 0, 1), (0.114, 1, 0.5 - 0.114 / 1.402)),
        ((1, 0, 0), (0.299, 0.5 - 0.299 / 1.772, 1)),
    ],
)
def test_corners_of_the_colour_cube_land_where_the_standard_says(color, expected):
    y = rgb_to_ycbcr(torch.tensor(color, dtype=torch.float64).view(3, 1, 1))
    torch.testing.assert_close(y.flatten(), torch.tensor(expected, dtype=torch.float64))


def test_to_u8_clamps_and_rounds_to_the_nearest_level():
    x = torch.tensor([-1.0, 0.49 / 255, 0.51 / 255, 254.4 / 255, 2.0, float("inf")])
    assert to_u8(x).tolist() == [0, 0, 1, 254, 255, 255]


def test_a_picture_that_is_not_a_number_is_refused():
    with pytest.raises(LicLabError, match="NaN"):
        to_u8(torch.tensor([0.5, float("nan")]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: rgb_to_ycbcr(torch.zeros(1, 4, 2, 2)),
        lambda: ycbcr_to_rgb(torch.zeros(3)),
        lambda: to_float(torch.zeros(3)),
        lambda: image_to_tensor(np.zeros((4, 4), np.uint8)),
        lambda: image_to_tensor(np.zeros((4, 4, 3))),
        lambda: tensor_to_image(torch.zeros(2, 3, 4, 4)),
        lambda: tensor_to_image(torch.zeros(1, 4, 4)),
    ],
)
def test_other_shapes_and_types_are_refused(call):
    with pytest.raises(LicLabError):
        call()


def test_gradients_pass_both_ways(rgb):
    small = rgb[:1, :, :2, :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(rgb_to_ycbcr, small)
    assert torch.autograd.gradcheck(ycbcr_to_rgb, small)
