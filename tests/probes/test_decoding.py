"""Steps of a decoder: they are those of the file, add up to it, and end at its picture, for every kind of context."""

import pytest
import torch

from lic_lab.models.presets import build
from lic_lab.probes.bitmaps import bit_map
from lic_lab.probes.decoding import decoding_steps


@pytest.fixture(scope="module")
def coded(model, picture):
    data = model.compress(picture(model), model.rates - 1.0)
    return model, data, decoding_steps(model, data)


def test_every_element_is_decoded_in_exactly_one_step(coded):
    _, _, found = coded
    counts = torch.zeros(found.y_hat.shape, dtype=torch.int64)
    for number in range(len(found.steps)):
        counts += found.known(number + 1).long() - found.known(number).long()
    assert (counts == 1).all() and not found.known(0).any()
    assert sorted(channel for group in found.slices for channel in group) == list(range(found.y_hat.shape[1]))


def test_the_bits_of_the_steps_are_those_of_the_map_and_of_the_file(coded):
    model, data, found = coded
    bill = bit_map(model, data)
    assert torch.equal(found.bits, bill.y)
    assert sum(step.bits for step in found.steps) == pytest.approx(float(bill.by_view.sum()))
    assert found.side_bits == pytest.approx(float(bill.side.sum()))


def test_bytes_are_read_in_order_until_the_file_is_used_up(coded):
    _, data, found = coded
    read = [step.read for step in found.steps]
    assert read == sorted(read) and read[-1] == len(data)
    spent = torch.tensor([step.bits for step in found.steps]).cumsum(0) / 8
    overhead = read[-1] - float(spent[-1])
    assert all(abs(r - float(s) - overhead) < 12 for r, s in zip(read, spent, strict=True))


def test_after_all_steps_the_latent_and_the_picture_are_the_files(coded):
    model, data, found = coded
    last = len(found.steps)
    assert torch.equal(found.latent(last), found.y_hat)
    assert torch.equal(found.picture(last), model.decompress(data))


def test_what_is_known_is_right_before_the_end(coded):
    """A step of a slice with residual prediction is corrected by what is known of the slice, so whole slices count."""
    _, _, found = coded
    half = len(found.steps) // 2
    latent, known, done = found.latent(half), found.known(half), torch.zeros(found.y_hat.shape, dtype=torch.bool)
    for group in found.slices:
        if known[:, list(group)].all():
            done[:, list(group)] = True
    assert torch.equal(latent[done], found.y_hat[done])
    assert not torch.equal(latent, found.y_hat)


def test_symbols_were_read_by_tables_whose_scales_are_on_the_ladder(coded):
    _, _, found = coded
    assert found.scales.min() > 0.1 and found.scales.max() <= 257
    assert torch.equal(found.symbols, found.symbols.round()) and found.symbols.abs().max() > 0
    rare = found.bits[found.symbols != 0].mean()
    assert rare > found.bits[found.symbols == 0].mean()


@pytest.mark.parametrize(
    ("name", "preset", "switches", "passes", "slices"),
    [
        ("hyperprior", "tiny", {}, 1, 1),
        ("charm", "tiny", {}, 3, 3),
        ("asymmetric", "tiny", {}, 4, 2),
        ("asymmetric", "tiny", {"context": "ssm-raster"}, 64, 1),
        ("bisic", "tiny", {}, 6, 3),
    ],
)
def test_a_context_takes_as_many_passes_as_it_should(name, preset, switches, passes, slices, picture):
    torch.manual_seed(1)
    model = build(name, preset, **switches)
    found = decoding_steps(model, model.compress(picture(model)))
    assert sum(step.where is not None for step in found.steps) == passes
    assert len(found.slices) == slices


def test_checkerboard_steps_decode_anchors_first(picture):
    torch.manual_seed(1)
    model = build("asymmetric")
    found = decoding_steps(model, model.compress(picture(model)))
    first, second = (number for number, step in enumerate(found.steps) if step.slice == 0)
    when = found.step_of[0, found.slices[0][0]]
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    assert torch.equal(when, torch.where((rows + columns) % 2 == 0, first, second))
