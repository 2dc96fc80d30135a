"""Codecs that take their time are codecs like others: by name, with targets that hold, and refused where none can."""

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab import codecs
from lic_lab.codecs import effort, learned
from lic_lab.codecs.separate import Separate
from lic_lab.datasets.stereo import motorcycle, read_pair
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.models import checkpoints, refine


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(refine, "STEPS", (0, 5, 8, *refine.STEPS[3:]))


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(0)
    return learned.wrap(lic_lab.build("charm"), "charm", "tiny")


def test_an_effort_is_part_of_the_name_and_the_settings(codec):
    slow = codec.with_effort(2)
    assert slow.name == "charm@effort2" and slow.settings.startswith("charm@effort2 tiny, weights ")
    assert slow.quick is codec and codec.quick is None and codec.name == "charm"
    assert slow.with_effort(0) is codec and slow.with_effort(1).name == "charm@effort1"


def test_an_effort_as_an_argument_is_the_codec_of_that_name(codec, picture):
    data = codec.compress(picture, quality=1.0, effort=1)
    assert (
        data == codec.with_effort(1).encode(picture, 1.0) == codec.model.compress(codec._tensor(picture), 1.0, effort=1)
    )
    assert codec.decode(data).shape == picture.shape  # a decoder knows nothing of it


def test_names_with_an_effort_are_loaded(codec, tmp_path):
    path = tmp_path / "mine.safetensors"
    checkpoints.save_model(codec.model, path, name="charm", preset="tiny")
    slow = codecs.load(f"{path}@effort3")
    assert slow.name == "mine@effort3" and slow._taken["effort"] == 3
    assert codecs.load(f"{path}@effort0").name == "mine"
    pair = codecs.load(f"pair:{path}@effort3")
    assert pair.views == 2 and pair.name == "pair:mine@effort3" and pair.quick.name == "pair:mine"


@pytest.mark.parametrize("name", ["jpeg@effort3", "pair:jpeg@effort1"])
def test_classical_codecs_refuse_in_one_line(name):
    with pytest.raises(LicLabError, match="jpeg takes no effort: leave it out, or name a learned codec"):
        codecs.load(name)


def test_a_classical_codec_refuses_an_effort_of_compress_too(picture):
    with pytest.raises(LicLabError, match="jpeg takes no effort"):
        codecs.load("jpeg").compress(picture, effort=1)
    assert codecs.load("jpeg").compress(picture, effort=0) == codecs.load("jpeg").compress(picture)


@pytest.mark.parametrize("number", [10, -1, 2.5, True])
def test_efforts_off_the_scale_are_refused(codec, number):
    with pytest.raises(LicLabError, match="effort of charm is a whole number from 0 to 9"):
        codec.with_effort(number)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_a_ceiling_holds_and_is_filled(codec, picture, share):
    image = np.tile(picture, (2, 2, 1))
    least, most = (len(codec.encode(image, q)) for q in codec.quality_range)
    ceiling, seen = round(least + share * (most - least)), []
    slow = codec.with_effort(1)
    data = slow.compress(image, max_bytes=ceiling, progress=seen.append)
    assert 0.96 * ceiling <= len(data) <= ceiling
    quality = {trial.data: trial.quality for trial in seen}[data]
    assert slow.encode(image, quality) == data  # what a sweep repeats, with the clock running


def test_psnr_is_reached_by_a_file_that_is_not_larger_than_needed(codec, picture):
    low, high = (psnr(picture, codec.decode(codec.encode(picture, q))) for q in codec.quality_range)
    wanted = (low + high) / 2
    data = codec.with_effort(1).compress(picture, psnr=wanted)
    assert wanted <= psnr(picture, codec.decode(data)) <= wanted + 0.3


def test_what_effort_0_can_meet_an_effort_can_too(codec, picture):
    """At the end of the ladder a thorough file may be larger than effort 0's, and better; then effort 0's is given."""
    least = len(codec.encode(picture, 0))
    assert len(codec.with_effort(1).compress(picture, max_bytes=least)) <= least


def test_a_ceiling_that_nothing_meets_is_refused_with_the_smallest_file(codec, picture):
    with pytest.raises(LicLabError, match="smallest file has"):
        codec.with_effort(1).compress(picture, max_bytes=20)


def test_few_thorough_files_are_written_in_a_search(codec, picture):
    began = []
    slow = codec.with_effort(1, watch=lambda done, total, doing: began.append(1) if not done else None)
    slow.compress(np.tile(picture, (2, 2, 1)), bpp=codec_bpp(codec, picture))
    assert 1 <= len(began) <= effort.TRIES


def codec_bpp(codec, picture):
    return 8 * len(codec.encode(np.tile(picture, (2, 2, 1)), 1.0)) / (4 * picture.size / 3)


def test_pairs_are_refined_by_a_stereo_codec_and_view_by_view():
    views = tuple(read_pair(motorcycle())[:, 100:164, 100:180])
    torch.manual_seed(0)
    for codec in (
        learned.wrap(lic_lab.build("bisic"), "bisic"),
        Separate(learned.wrap(lic_lab.build("charm"), "charm")),
    ):
        ceiling = len(codec.compress(views, quality=1.0))
        data = codec.compress(views, max_bytes=ceiling, effort=1)
        assert len(data) <= ceiling and codec.decompress(data)[1].shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("charm@effort5", ("charm", 5)),
        ("a@effort1/b.safetensors", ("a@effort1/b.safetensors", 0)),
        ("compressai:mbt2018@ms-ssim", ("compressai:mbt2018@ms-ssim", 0)),
        ("charm@effort", ("charm@effort", 0)),
        ("pair:charm@effort12", ("pair:charm", 12)),
    ],
)
def test_an_effort_is_read_from_the_end_of_a_name(name, parts):
    assert effort.split(name) == parts
