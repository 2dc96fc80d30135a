"""The attention explorer without a browser: every choice is a real file, and the numbers are those of the files."""

import numpy as np
import pytest
import torch

from lic_lab.datasets.bundled import bundled_images
from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.ops.color import image_to_tensor, tensor_to_image
from lic_lab.probes.gates import forced_gate
from lic_lab.widgets.attention import AttentionExplorer, crops, laid_over


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build("asymmetric", "tiny")
    torch.nn.init.normal_(model.attention.spatial[-1].weight, std=100)
    torch.nn.init.normal_(model.post_filter.own.weight, std=0.3)
    return model


@pytest.fixture
def pictures():
    images = bundled_images()
    return {"fur": images["chelsea"][100:196, 150:250], "cup": images["coffee"][100:164, 150:214]}


@pytest.fixture
def explorer(model, pictures):
    return AttentionExplorer(model, pictures)


def move(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    return explorer.views


def test_it_starts_with_the_trained_gate_and_its_file(explorer, model, pictures):
    shown, _, _, table = explorer.views
    x = image_to_tensor(pictures["fur"])
    data = model.compress(x, 1.0)
    assert np.array_equal(shown.image, tensor_to_image(model.decompress(data)))
    assert [row[0] for row in table.rows] == ["trained, filter"] and table.rows[0][1] == f"{len(data):,}"


@pytest.mark.parametrize("gate", ["mean", "off"])
def test_another_gate_is_another_file_beside_that_of_the_trained_one(explorer, model, pictures, gate):
    before = len(explorer.files[("fur", "trained", 1)].data)
    *_, table = move(explorer, gate=gate)
    with forced_gate(model, gate):
        data = model.compress(image_to_tensor(pictures["fur"]), 1.0)
    assert [row[0] for row in table.rows] == [f"{gate}, filter", "trained, filter", "difference"]
    assert table.rows[0][1] == f"{len(data):,}" and table.rows[2][1] == f"{len(data) - before:+,}"


def test_the_filter_changes_the_picture_and_no_byte(explorer):
    before = explorer.views[0].image
    shown, *_, table = move(explorer, post_filter=False)
    assert not np.array_equal(shown.image, before)
    assert table.rows[0][1] == table.rows[1][1] and table.rows[2][1] == "+0"


def test_the_gate_map_has_the_scale_of_the_gate_unless_it_is_stretched(explorer):
    assert explorer.views[1].scale[:2] == (0.3, 1.0)
    low, high = move(explorer, stretch=True)[1].scale[:2]
    mean = explorer.files[("fur", "trained", 1)].gate.mean(0)[:6, :7]
    assert (low, high) == pytest.approx((mean.min().item(), mean.max().item()))
    assert move(explorer, gate="off")[1].scale[:2] == (0.3, 1.0)  # a constant has nothing to stretch


def test_the_gate_of_a_bit_counts_channels_by_their_bits(explorer):
    file = explorer.files[("fur", "trained", 1)]
    quiet = int(file.bits.channels[0].argmin())
    gate = torch.ones_like(file.gate)
    gate[quiet] = 0.3
    note = explorer.gate_map("fur", file._replace(gate=gate), False).note
    share = file.bits.channels[0, quiet] / file.bits.y.sum()
    assert note == f"channels 0.30 to 1.00; weighted by bits {1 - 0.7 * share:.3f}"


def test_bits_are_shown_for_the_positions_of_the_picture_and_not_of_its_padding(explorer):
    bits = move(explorer, picture="fur")[2]
    assert bits.image.shape == (6, 7, 3)  # 96 x 100 pixels, padded to 128 x 128
    assert move(explorer, picture="cup")[2].image.shape == (4, 4, 3)


def test_bits_have_the_colours_of_the_trained_gate_whatever_gate_is_chosen(explorer):
    most = explorer.views[2].scale.high
    assert most == pytest.approx(explorer.files[("fur", "trained", 1)].bits.positions.max().item())
    assert move(explorer, gate="off")[2].scale.high == most != explorer.files[("fur", "off", 1)].bits.positions.max()


def test_the_difference_is_told_against_the_trained_gate(explorer):
    rows = move(explorer, gate="off")[3].rows
    (_, size, bpp, db), (_, trained, _, trained_db), (_, _, percent, gained) = rows
    size, trained = (int(text.replace(",", "")) for text in (size, trained))
    assert bpp == f"{8 * size / (96 * 100):.3f}"
    assert percent == f"{size / trained - 1:+.1%}" and float(gained) == pytest.approx(
        float(db) - float(trained_db), abs=0.011
    )


def test_a_file_is_written_once(explorer, monkeypatch):
    move(explorer, gate="off")
    monkeypatch.setattr(explorer.model, "compress", None)
    move(explorer, post_filter=False, stretch=True)
    move(explorer, gate="trained")
    assert "alert" not in explorer.status.value and len(explorer.files) == 2


def test_a_higher_rate_point_is_a_larger_file(explorer):
    move(explorer, rate=2)
    assert len(explorer.files[("fur", "trained", 2)].data) > len(explorer.files[("fur", "trained", 1)].data)


def test_the_default_pictures_are_square_crops():
    assert {image.shape for image in crops(64).values()} == {(64, 64, 3)}


def test_a_map_laid_over_a_picture_keeps_its_size_and_both_contents():
    picture = np.zeros((40, 50, 3), np.uint8)
    picture[20:] = 200
    colors = np.zeros((3, 4, 3), np.uint8)
    colors[:, 2:, 0] = 255
    shown = laid_over(picture, colors)
    assert shown.shape == picture.shape
    assert (shown[0, :32, 0] == 0).all() and (shown[0, 32:, 0] > 100).all() and (shown[39, 0] > 50).all()


@pytest.mark.parametrize(("name", "words"), [("charm", "no wavelet attention"), ("asymmetric", "no post-quantisation")])
def test_a_model_that_lacks_a_part_is_refused(name, words, pictures):
    model = build(name, "tiny", **({"post_filter": False} if name == "asymmetric" else {}))
    with pytest.raises(LicLabError, match=words):
        AttentionExplorer(model, pictures)


def test_no_pictures_are_refused(model):
    with pytest.raises(LicLabError, match="give at least one"):
        AttentionExplorer(model, {})
