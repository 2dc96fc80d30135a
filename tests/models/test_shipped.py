"""The weights that come with the package keep the promises of their card, on pictures they have never seen."""

import json
import re
from itertools import groupby

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab.datasets.bundled import bundled_images, data_path, kodak
from lic_lab.datasets.images import read_image
from lic_lab.datasets.stereo import motorcycle, read_pair
from lic_lab.metrics.quality import psnr
from lic_lab.models.checkpoints import load_model, shipped, weights_path
from lic_lab.ops.color import image_to_tensor
from lic_lab.training.recipes import lineage

SHIPPED = shipped()


@pytest.fixture(scope="module", params=SHIPPED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def picture(name):
    """A photograph for codecs of pictures, two views of a scene for codecs of pairs; uint8 (..., h, w, 3)."""
    if load_model(name).views == 1:
        return bundled_images()["coffee"]
    return read_pair(motorcycle())[:, :400, :600]


@pytest.fixture
def jpeg(name):
    return lic_lab.load("jpeg" if load_model(name).views == 1 else "pair:jpeg")


@pytest.fixture
def results(name):
    """The table of measured files, and the heading under which the README quotes it."""
    return ("kodak.csv", "BD-rate, %") if load_model(name).views == 1 else ("stereo.csv", "BD-rate on pairs, %")


def test_something_is_shipped():
    assert "charm" in SHIPPED


def test_weights_are_small_and_carry_their_card(name):
    card = load_model(name).card
    assert weights_path(name).stat().st_size <= 12 << 20
    assert {"command", "data", "recipe", "hours", "hardware", "validation"} <= set(card)
    assert "kodak" not in json.dumps(card["data"]).lower()
    assert data_path("weights", f"{name}.md").is_file()


@torch.no_grad()
@pytest.mark.parametrize("part", [(400, 600), (1, 1), (97, 131)])
@pytest.mark.parametrize("rung", [0.0, 0.37, 1.0])
def test_the_file_costs_what_the_estimate_promised(name, picture, part, rung):
    model = load_model(name)
    views = [image_to_tensor(view) for view in picture[..., : part[0], : part[1], :].reshape(-1, *part, 3)]
    x = views[0] if model.views == 1 else torch.stack(views, dim=1)
    rate = rung * (model.rates - 1)
    promised = model(x, rate).bits.item() / 8
    assert len(model.compress(x, rate)) == pytest.approx(promised, rel=0.01, abs=64)


def test_a_ceiling_in_bytes_is_met_closely_and_never_passed(name, picture):
    codec = lic_lab.load(name)
    for ceiling in (9_000 * codec.views, 30_000 * codec.views):
        size = len(codec.compress(picture, max_bytes=ceiling))
        assert 0.98 * ceiling <= size <= ceiling


def test_it_beats_jpeg_at_the_same_size(name, jpeg, picture):
    ours, theirs = (
        codec.psnr_db(picture, codec.decode(codec.compress(picture, bpp=0.3))) for codec in (lic_lab.load(name), jpeg)
    )
    assert ours > theirs + 1


def test_the_rates_reach_from_a_tenth_of_a_bit_to_more_than_one(name, results):
    from lic_lab.evaluation.curves import mean_curve, read_rows

    bpp, _ = mean_curve(read_rows(data_path("results", results[0])), name)
    assert bpp[0] <= 0.13 and bpp[-1] > 1


def test_the_readme_quotes_the_stored_results(name, results):
    from lic_lab.evaluation.curves import bd_table, read_rows

    readme = data_path().parent / "README.md"
    if not readme.is_file():
        pytest.skip("an installed package has no README beside its data")
    table, heading = results
    against = bd_table(read_rows(data_path("results", table)))[name]
    (row,) = re.findall(rf"^\| `{name}` against \| (.*) \|$", readme.read_text("utf-8"), re.MULTILINE)
    heads = re.findall(rf"^\| {heading} \| (.*) \|$", readme.read_text("utf-8"), re.MULTILINE)[0].split(" | ")
    assert {h.strip("`"): float(v) for h, v in zip(heads, row.split(" | "), strict=True)} == {
        h.strip("`"): round(against[h.strip("`")], 1) for h in heads
    }


def test_the_readme_says_where_the_weights_come_from(name):
    readme = data_path().parent / "README.md"
    if not readme.is_file():
        pytest.skip("an installed package has no README beside its data")
    runs = lineage(weights_path(name))
    legs = [(trained, sum(run["steps"] for run in legs)) for trained, legs in groupby(runs, key=what_was_trained)]
    steps, hours = " → ".join(f"{n:,} {trained}" for trained, n in legs), sum(run["hours"] for run in runs)
    assert f"\n| `{name}` | {steps} | {hours:.1f} |" in readme.read_text("utf-8")


def what_was_trained(run):
    return "hard" if "--soft 0.0" in run["command"] else f"`{run['command'].split()[2]}`"


@pytest.mark.skipif(len(kodak()) < 24, reason="the 24 Kodak pictures are not on this machine")
def test_a_kodak_picture_gives_the_numbers_that_are_stored(name):
    from lic_lab.evaluation.curves import read_rows

    if load_model(name).views > 1:
        pytest.skip("Kodak has no stereo pairs")
    path = kodak()[14]
    rows = [r for r in read_rows(data_path("results", "kodak.csv")) if (r["codec"], r["image"]) == (name, path.stem)]
    codec, image = lic_lab.load(name), read_image(path)
    for row in rows[1::3]:
        data = codec.encode(image, row["quality"])
        assert len(data) == pytest.approx(row["bytes"], rel=2e-3)  # another processor rounds the analysis otherwise
        assert psnr(image, codec.decode(data)) == pytest.approx(row["psnr_db"], abs=0.02)


def test_the_bundled_pair_gives_the_numbers_that_are_stored(name):
    from lic_lab.evaluation.curves import read_rows

    if load_model(name).views == 1:
        pytest.skip("one picture is no stereo pair")
    rows = [
        r for r in read_rows(data_path("results", "stereo.csv")) if (r["codec"], r["image"]) == (name, "motorcycle")
    ]
    codec, pair = lic_lab.load(name), read_pair(motorcycle())
    for row in rows[1::3]:
        data = codec.encode(pair, row["quality"])
        assert len(data) == pytest.approx(row["bytes"], rel=2e-3)  # another processor rounds the analysis otherwise
        assert codec.psnr_db(pair, codec.decode(data)) == pytest.approx(row["psnr_db"], abs=0.02)


def test_pictures_come_back_as_uint8(name, picture):
    codec = lic_lab.load(name)
    back = codec.decode(codec.compress(picture, quality=2.5))
    assert back.dtype == np.uint8 and back.shape == picture.shape
