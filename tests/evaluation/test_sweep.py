import json
import math

import numpy as np
import pytest
import torch

from lic_lab import build, load
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.separate import Separate
from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import read_image, write_image
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError
from lic_lab.evaluation import sweep
from lic_lab.metrics.quality import ms_ssim, psnr, ssim


@pytest.fixture(scope="module")
def image():
    return read_image(skimage_file("chelsea.png"))[50:245, 80:291]  # (195, 211, 3)


@pytest.fixture(scope="module")
def rows(image):
    return sweep.compare({"cat": image, "corner": image[:64, :64]}, ["jpeg", "webp"], bpp=2.0)


def test_there_is_a_row_for_every_picture_and_codec_in_that_order(rows):
    pairs = [(row.image, row.codec) for row in rows]
    assert pairs == [("cat", "jpeg"), ("cat", "webp"), ("corner", "jpeg"), ("corner", "webp")]


def test_every_number_is_that_of_the_file_itself(rows, image):
    for row in rows[:2]:
        decoded = load(row.codec).decompress(row.data)
        assert np.array_equal(decoded, row.reconstruction)
        assert row.bytes == len(row.data) and row.bpp == 8 * row.bytes / (195 * 211)
        assert (row.psnr_db, row.ms_ssim) == (psnr(image, decoded), ms_ssim(image, decoded))
        assert row.data == load(row.codec).encode(image, row.quality)
        assert row.encode_seconds > 0 and row.decode_seconds > 0


def test_the_ceiling_holds_for_every_codec(rows):
    assert all(row.bpp <= 2.0 for row in rows)


def test_a_picture_too_small_for_ms_ssim_has_none(rows):
    assert math.isnan(rows[2].ms_ssim) and rows[2].numbers()["ms_ssim"] is None


def test_the_numbers_survive_json(rows):
    assert json.loads(json.dumps([row.numbers() for row in rows]))[0]["bytes"] == rows[0].bytes


def test_other_targets_than_bpp_are_measured_too(image):
    assert sweep.measure(load("jpeg"), "cat", image, psnr=30.0).psnr_db >= 30
    assert sweep.measure(load("jpeg"), "cat", image, quality=40).quality == 40
    assert sweep.measure(load("jpeg"), "cat", image).quality == load("jpeg").default_quality


def test_progress_is_told_before_every_row_and_at_the_end(image):
    told = []
    sweep.compare({"cat": image}, ["jpeg", "webp"], bpp=2.0, progress=lambda *words: told.append(words))
    assert [words[:2] for words in told] == [(0, 2), (1, 2), (2, 2)]
    assert "jpeg" in told[0][2] and "cat" in told[0][2]


def test_a_codec_that_cannot_make_a_picture_so_small_is_left_out_aloud(image):
    with pytest.warns(UserWarning, match=r"jpeg is left out on corner: .* smallest"):
        rows = sweep.compare({"cat": image, "corner": image[:40, :48]}, ["jpeg"], bpp=1.0)
    assert [row.image for row in rows] == ["cat"]


@pytest.mark.filterwarnings("ignore:.*is left out")
def test_where_no_codec_reaches_the_size_there_is_an_error(image):
    with pytest.raises(LicLabError, match=r"no codec here reaches 0\.001 bpp"):
        sweep.compare({"cat": image}, ["jpeg"], bpp=0.001)


def test_files_are_written_with_the_bytes_that_were_counted(rows, tmp_path):
    *files, numbers = sweep.write_files(rows, tmp_path / "new" / "folder")
    assert [file.name for file in files[:2]] == ["cat.jpeg.jpg", "cat.webp.webp"]
    assert [file.read_bytes() for file in files] == [row.data for row in rows]
    assert json.loads(numbers.read_text()) == [row.numbers() for row in rows]


def test_pictures_of_one_name_stay_apart(image, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / "photo.png", image[:20, :20])
    assert list(sweep.gather_images([tmp_path / "a", tmp_path / "b" / "photo.png"])) == ["photo", "photo-2"]


def test_a_folder_without_pictures_is_an_error(tmp_path):
    with pytest.raises(LicLabError, match="no pictures in"):
        sweep.gather_images([tmp_path])


def test_what_cannot_be_read_among_others_is_named_and_left_out(image, tmp_path):
    write_image(tmp_path / "good.png", image[:20, :20])
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    for sources in ([tmp_path], [tmp_path / "broken.png", tmp_path / "good.png"]):
        with pytest.warns(UserWarning, match=r"left out: .*broken\.png"):
            assert list(sweep.gather_images(sources)) == ["good"]


def test_where_nothing_can_be_read_or_something_is_not_there_it_is_an_error(image, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(LicLabError, match=r"broken\.png' is not a picture"):
        sweep.gather_images([tmp_path])
    (tmp_path / "worse.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(LicLabError, match="none of the 2 can be read"):
        sweep.gather_images([tmp_path])
    write_image(tmp_path / "good.png", image[:20, :20])
    with pytest.raises(LicLabError, match=r"no such picture or folder: .*goood\.png"):
        sweep.gather_images([tmp_path / "good.png", tmp_path / "goood.png"])


def test_what_is_measured_beside_psnr_is_asked_for(image):
    row = sweep.measure(load("jpeg"), "cat", image, quality=50, metrics=("ssim", "peak_memory_mb"))
    assert row.ssim == ssim(image, row.reconstruction) and row.peak_memory_mb >= 0
    assert all(math.isnan(value) for value in (row.ms_ssim, row.lpips, row.estimated_bpp))


def test_without_sources_the_losslessly_stored_bundled_pictures_are_taken():
    images = sweep.gather_images()
    assert len(images) >= 3 and "astronaut" in images and "rocket" not in images


def test_a_named_codec_must_exist_and_an_unnamed_one_is_left_out_aloud(monkeypatch):
    monkeypatch.setattr(sweep, "USUAL", {1: ("jpeg", "nope")})
    with pytest.warns(UserWarning, match="nope is left out"):
        assert [codec.name for codec in sweep.gather_codecs()] == ["jpeg"]
    with pytest.raises(LicLabError, match="nope"):
        sweep.gather_codecs(["jpeg", "nope"])
    assert [codec.name for codec in sweep.gather_codecs(["webp", "jpeg", "webp"])] == ["webp", "jpeg"]


@pytest.mark.parametrize("lambdas", [(0.002, 0.01, 0.05), (0.01,)])
def test_the_estimate_is_that_of_the_rate_that_was_asked_for(image, lambdas):
    torch.manual_seed(0)
    codec = LearnedCodec(build("charm", "tiny", lambdas=lambdas).eval(), "charm")
    found = [sweep.estimated_bpp(codec, image, quality) for quality in range(len(lambdas))]
    with torch.no_grad():
        assert found == [float(codec.model(codec._tensor(image), float(rate)).bpp) for rate in range(len(lambdas))]
    assert len(set(found)) == len(lambdas)


def test_codecs_say_where_they_compute():
    model = build("charm", "tiny")
    assert sweep.device_of(load("jpeg")) == sweep.device_of(load("pair:jpeg")) == "cpu"
    for codec in (LearnedCodec(model.to("meta"), "charm"), Separate(LearnedCodec(model, "charm"))):
        assert sweep.device_of(codec) == "meta"


# Stereo pairs


@pytest.fixture(scope="module")
def pair():
    left, right, _ = motorcycle()
    return np.stack([left, right])[:, 100:270, 200:390]  # (2, 170, 190, 3)


def test_a_pair_is_measured_over_both_views(pair):
    codec = load("pair:jpeg")
    row = sweep.measure(codec, "pair", pair, quality=50)
    left, right = codec.decompress(row.data)
    views = psnr(pair[0], left), psnr(pair[1], right)
    assert row.view_psnr_db == views and row.psnr_db == pytest.approx(sum(views) / 2)
    assert row.bpp == 8 * row.bytes / (2 * 170 * 190) and row.bytes == len(row.data)
    assert row.ms_ssim == pytest.approx((ms_ssim(pair[0], left) + ms_ssim(pair[1], right)) / 2)
    assert row.numbers()["view_psnr_db"] == list(views)
    assert "view_psnr_db" not in sweep.measure(load("jpeg"), "left", pair[0], quality=50).numbers()


def test_ceilings_count_the_pixels_of_both_views(pair):
    for row in sweep.compare({"pair": pair}, ["pair:jpeg", "pair:webp"], bpp=1.0):
        assert 0.8 < row.bpp <= 1.0
    assert sweep.measure(load("pair:jpeg"), "pair", pair, psnr=33.0).psnr_db >= 33.0


def test_codecs_of_pictures_and_of_pairs_are_not_confused(pair, image):
    with pytest.raises(LicLabError, match="use pair:jpeg"):
        sweep.compare({"pair": pair}, ["jpeg"])
    with pytest.raises(LicLabError, match="pair:jpeg codes stereo pairs"):
        sweep.compare({"cat": image}, ["pair:jpeg"])
    with pytest.raises(LicLabError, match="use pair:webp"):
        sweep.gather_codecs(["pair:jpeg", "webp"], views=2)


def test_pairs_are_gathered_from_two_files_or_folders_or_nowhere(pair, tmp_path):
    for name, view in zip(("0001_L", "0001_R"), pair, strict=True):
        write_image(tmp_path / f"{name}.png", view)
    found = sweep.gather_pairs([tmp_path / "0001_L.png", tmp_path / "0001_R.png"])
    assert list(found) == ["0001_L"] and np.array_equal(found["0001_L"], pair)
    assert np.array_equal(sweep.gather_pairs([tmp_path])["0001"], pair)
    assert sweep.gather_pairs()["motorcycle"].shape == (2, 500, 741, 3)
    assert list(sweep.gather_pairs(["motorcycle", tmp_path])) == ["motorcycle", "0001"]
    with pytest.raises(LicLabError, match="exchange them"):
        sweep.gather_pairs([tmp_path / "0001_R.png", tmp_path / "0001_L.png"])
    for name, view in zip(("0002_L", "0002_R"), (pair[0], pair[1, :50]), strict=True):
        write_image(tmp_path / f"{name}.png", view)
    with pytest.warns(UserWarning, match="left out: the pair '0002' .*190 x 50"):
        assert list(sweep.gather_pairs([tmp_path])) == ["0001"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LicLabError, match="no stereo pairs in"):
        sweep.gather_pairs([tmp_path / "empty"])
