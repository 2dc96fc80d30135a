"""The tasks of A3: right answers earn all points, half-right ones their parts, and hints say what is wrong."""

import zlib

import numpy as np
import pytest
import torch

from lic_lab.blocks.wavelet import DWAN
from lic_lab.check import check, denoising, grade, list_exercises, list_tasks
from lic_lab.check.tasks import find_task
from lic_lab.ops.wavelets import dwt2, idwt2, wavedec2, waverec2

DWAN_OF = "channel.0.weight"


def block(x, weights):
    """The library's block with these weights."""
    attention = DWAN(x.shape[1], hidden=len(weights[DWAN_OF])).to(x.dtype)
    return torch.func.functional_call(Looking(attention), {f"block.{name}": w for name, w in weights.items()}, (x,))


class Looking(torch.nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.block = attention

    def forward(self, x):
        return self.block.look(x)


def level(noisy):
    return float(dwt2(noisy)[3].abs().median() / 0.6745)


def gently(noisy, sigma):
    """A gate that looks at 5 x 5 neighbours."""

    def gate(band):
        padded = torch.nn.functional.pad(band.square()[None, None], (2, 2, 2, 2), mode="reflect")
        return (1 - sigma**2 / torch.nn.functional.avg_pool2d(padded, 5, 1)[0, 0]).clamp(min=0)

    ll, *details = wavedec2(noisy, 3)
    return waverec2([ll, *(tuple(b * gate(b) for b in bands) for bands in details)], noisy.shape)


RIGHT = {
    "A3.1": (dwt2, idwt2),
    "A3.2": (wavedec2, waverec2),
    "A3.3": (level, gently),
    "A3.4": lambda x, w: block(x, w).channel[:, :, 0, 0],
    "A3.5": lambda x, w: block(x, w).spatial,
    "A3.6": lambda x, w: block(x, w).gate,
}


def quarter(x):
    return tuple(band / 2 for band in dwt2(x))


def swapped(x):
    ll, lh, hl, hh = dwt2(x)
    return ll, hl, lh, hh


def finest_first(x, levels):
    ll, *details = wavedec2(x, levels)
    return [ll, *details[::-1]]


def from_finest_first(found, size):
    return waverec2([found[0], *found[:0:-1]], size)


def hard(noisy, sigma):
    """One threshold: nothing below two standard deviations is kept."""
    ll, *details = wavedec2(noisy, 3)
    kept = [tuple(torch.where(b.abs() > 2.5 * sigma, b, 0) for b in bands) for bands in details]
    return waverec2([ll, *kept], noisy.shape)


def mean_without_magnitude(x, w):
    bands = torch.cat([band.mean((2, 3)) for band in dwt2(x)], 1)
    hidden = (bands @ w["channel.0.weight"].T + w["channel.0.bias"]).clamp(min=0)
    return hidden @ w["channel.2.weight"].T + w["channel.2.bias"]


def first_of_batch(x, w):
    return block(x[:1], w).channel[:, :, 0, 0].expand(len(x), -1)


def by_exp(x, w):
    seen = block(x, w)
    grown = torch.exp(seen.channel + seen.spatial)
    return 0.3 + 0.7 * grown / (1 + grown)


def hasty(x, w):
    """The gate with LH in the place of HL, and HL in that of LH."""
    c = x.shape[1]
    order = torch.cat([torch.arange(c), c + (torch.arange(2 * c) + c) % (2 * c), torch.arange(3 * c, 4 * c)])
    mixed = {"channel.0.weight": 1, "spatial.0.0.weight": 0, "spatial.0.1.weight": 1}
    swapped = w | {name: w[name].index_select(axis, order) for name, axis in mixed.items()}
    return block(x, swapped | {"band_logits": w["band_logits"][[0, 2, 1, 3]]}).gate


PARTLY = [
    ("A3.1", (quarter, idwt2), 1, "divide by 2 and not by 4"),
    ("A3.1", (swapped, idwt2), 1, "LH and HL are swapped"),
    ("A3.1", (dwt2, lambda bands, size: idwt2(bands, size).detach()), 3, "there is no gradient of unhaar"),
    ("A3.1", dwt2, 0, "give two functions, haar, unhaar"),
    ("A3.1", (lambda x: dwt2(x.float()), idwt2), 1, "keep the type of what comes in"),
    ("A3.2", (wavedec2, lambda found, size: waverec2(found, size).float()), 1, "keep the type of what comes in"),
    ("A3.2", (finest_first, from_finest_first), 2, "put new details in front"),
    ("A3.2", (lambda x, levels: [x], lambda found, size: found[0]), 0, "a list of 4 entries"),
    ("A3.3", (level, lambda noisy, sigma: noisy), 1, "set small details to zero"),
    ("A3.3", (lambda noisy: float(noisy.std()), gently), 3, "the median magnitude is 0.6745"),
    ("A3.3", (level, hard), 2, "let the gate of a detail look at its neighbours"),
    ("A3.4", mean_without_magnitude, 0, "magnitudes first"),
    ("A3.4", first_of_batch, 1, "maps of (3, 4, 7, 9)"),
    ("A3.4", lambda x, w: RIGHT["A3.4"](x.detach(), w), 2, "no gradient reaches the map"),
    ("A3.5", lambda x, w: block(x, w).spatial.flip(-1), 0, "softmax over the four bands"),
    ("A3.5", lambda x, w: block(x, w).spatial.mean(1), 0, "has shape"),
    ("A3.6", by_exp, 2, "torch.sigmoid does not overflow"),
    ("A3.6", lambda x, w: torch.ones_like(x), 0, "symbols differ"),
    ("A3.6", lambda x, w: 0.9 * block(x, w).gate, 0, "symbols differ"),
    ("A3.6", lambda x, w: 0.3 + 0.7 * torch.sigmoid(block(x, w).spatial), 0, "symbols differ"),
    ("A3.6", lambda x, w: hasty(x, w), 0, "symbols differ"),
    ("A3.6", lambda x, w: block(x, w).gate + 1e-3 * torch.sin(1e3 * x), 0, "symbols differ"),
]


def test_the_assignment_has_six_tasks_and_twenty_points():
    assert len(list_tasks("A3")) == len(list_exercises("A3")) == 6
    assert sum(task.points for task in list_tasks("A3")) == 20


@pytest.mark.parametrize("seed", [0, 1729])
@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_earns_every_point_on_any_inputs(id, seed):
    assert grade(id, RIGHT[id], seed=seed) == find_task(id).points


@pytest.mark.parametrize("id, answer, points, hint", PARTLY, ids=lambda value: value if isinstance(value, str) else "")
def test_a_half_right_answer_earns_its_parts_and_gets_the_hint_it_needs(id, answer, points, hint, capsys):
    assert grade(id, answer) == points
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("id", RIGHT)
def test_an_empty_answer_is_still_to_do(id, capsys):
    def stub(*_):
        raise NotImplementedError

    wanted = RIGHT[id]
    assert not check(id, (stub, stub) if isinstance(wanted, tuple) else stub)
    assert "still to do" in capsys.readouterr().out


def test_inputs_are_not_changed_for_the_next_part_by_an_answer_that_writes_into_them(capsys):
    def spoiling(x):
        bands = dwt2(x)
        x.zero_()
        return bands

    assert grade("A3.1", (spoiling, idwt2)) >= 3


def test_files_differ_where_gates_do():
    """The claim about files can fail: a gate of one everywhere writes another file."""
    rng = np.random.default_rng(0)
    files = find_task("A3.6").parts[1]
    with pytest.raises(Exception, match="symbols differ"):
        files.judge(lambda x, w: torch.ones_like(x), rng)


def test_a_value_between_two_integers_may_round_the_other_way():
    """A gate that is off by a float's last digits keeps its points."""
    files = find_task("A3.6").parts[1]
    for seed in range(3):
        files.judge(
            lambda x, w: block(x.double(), {k: v.double() for k, v in w.items()}).gate.float(),
            np.random.default_rng(seed),
        )


def test_a_loaded_model_that_was_spoilt_does_not_change_the_files_that_are_asked_for(monkeypatch):
    from lic_lab import load

    attention = load("asymmetric").model.attention
    monkeypatch.setattr(attention, "look", lambda x: 1 / 0)
    assert grade("A3.6", RIGHT["A3.6"]) == 3


def test_the_level_that_the_text_asks_for_is_near_enough_on_three_hundred_seeds(monkeypatch):
    pictures = denoising.bundled_images()  # read once: it is most of the time
    monkeypatch.setattr(denoising, "bundled_images", lambda: pictures)
    near = find_task("A3.3").parts[0]
    for seed in range(300):
        generator = np.random.default_rng([seed, zlib.crc32(f"A3.3 {near.claim}".encode())])  # as `grade` has it
        near.judge((level, gently), generator)


def test_a_clean_picture_that_was_looked_up_is_more_than_anybody_gains(monkeypatch, capsys):
    seen = []
    drawn = denoising.noisy_pictures

    def noting(*given):
        found = drawn(*given)
        seen[:] = [clean for clean, _ in found.values()]
        return found

    monkeypatch.setattr(denoising, "noisy_pictures", noting)
    looked_up = lambda noisy, sigma: min(seen, key=lambda clean: float((clean - noisy).square().sum()))  # noqa: E731
    assert grade("A3.3", (level, looked_up), seed=3) == 1
    assert "more than noise lets anybody gain" in capsys.readouterr().out


def test_a_denoiser_far_better_than_asked_keeps_its_points():
    def spun(noisy, sigma):
        """The mean over many shifts, which no block's border survives."""
        shifts = [(i, j) for i in range(4) for j in range(4)]
        found = [gently(noisy.roll(s, (0, 1)), sigma).roll((-s[0], -s[1]), (0, 1)) for s in shifts]
        return sum(found) / len(shifts)

    assert grade("A3.3", (level, spun), seed=3) == 4
