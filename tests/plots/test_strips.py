"""A strip shows what was measured, at rates that match or say that they do not."""

import numpy as np
import pytest

from lic_lab import codecs
from lic_lab.errors import LicLabError
from lic_lab.evaluation.sweep import measure
from lic_lab.plots.strips import Panel, decode_again, matched, matched_rows, strips


@pytest.fixture(scope="module")
def image():
    rng, ramp = np.random.default_rng(0), np.mgrid[0:64, 0:96].sum(0)[..., None]
    return np.clip(ramp + rng.normal(0, 15, (64, 96, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def rows(image):
    found = [
        measure(codecs.load(name), "ramp", image, quality=quality)
        for name, qualities in (("jpeg", (5, 30, 80)), ("webp", (5, 40, 90)))
        for quality in qualities
    ]
    return [{"codec": r.codec, "image": "ramp", "quality": r.quality, "bytes": r.bytes, "bpp": r.bpp,
             "psnr_db": r.psnr_db, "ssim": None, "ms_ssim": float("nan"), "reconstruction": r.reconstruction}
            for r in found]  # fmt: skip


def row(codec, bpp):
    return {"codec": codec, "image": "x", "quality": 1.0, "bytes": 1000, "bpp": bpp, "psnr_db": 30.0}


def test_the_first_codec_is_taken_near_the_rate_and_the_others_near_the_first():
    found = matched_rows([row("a", 0.1), row("a", 0.3), row("b", 0.22), row("b", 0.33)], bpp=0.24)
    assert [r["bpp"] for r in found] == [0.3, 0.33]
    found = matched_rows([row("a", 0.1), row("a", 0.3), row("b", 0.22)], ["b", "a"], bpp=0.1)
    assert [(r["codec"], r["bpp"]) for r in found] == [("b", 0.22), ("a", 0.3)]


def test_a_codec_without_a_file_is_refused_with_those_that_have_one():
    with pytest.raises(LicLabError, match="no measured file of c on this picture: there are a"):
        matched_rows([row("a", 0.1)], ["a", "c"])


@pytest.mark.parametrize(("ratio", "same"), [(1, True), (1.15, True), (0.85, True), (1.16, False), (0.84, False)])
def test_rates_match_within_fifteen_percent(ratio, same):
    assert matched(ratio) == same


def test_the_caption_holds_match_bytes_ratio_rate_and_only_measured_qualities():
    panel = Panel(row("a", 0.25) | {"ssim": 0.9, "ms_ssim": float("nan")}, np.zeros((100, 100, 3), np.uint8), 1.4)
    assert panel.caption() == ["unmatched (x1.40)", "1,000 bytes, 1 : 30", "0.250 bpp · 30.00 dB", "SSIM 0.9000"]
    panel.ratio = 1.04
    assert panel.caption()[0] == "matched (x1.04)"


def test_the_strip_shows_the_reconstruction_that_was_measured(image, rows):
    sheet = np.asarray(strips(image, rows, codecs=["webp"], bpp=2, cell=96))
    wanted = matched_rows(rows, ["webp"], 2)[0]["reconstruction"]
    assert contains(sheet, wanted) and not contains(sheet, rows[0]["reconstruction"])


def test_without_a_reconstruction_the_picture_is_coded_anew_and_gives_the_same_strip(image, rows):
    bare = [{key: value for key, value in row.items() if key != "reconstruction"} for row in rows]
    assert np.array_equal(np.asarray(strips(image, bare)), np.asarray(strips(image, rows)))


def test_a_codec_of_another_name_is_taken_from_those_loaded(image, rows):
    renamed = {key: value for key, value in rows[0].items() if key != "reconstruction"} | {"codec": "mine"}
    assert np.array_equal(decode_again(renamed, image, {"mine": codecs.load("jpeg")}), rows[0]["reconstruction"])
    with pytest.raises(LicLabError, match="no codec called 'mine'"):
        decode_again(renamed, image)


def test_a_codec_that_writes_another_file_today_is_refused(image, rows):
    with pytest.raises(LicLabError, match="wrote 9,999 when it was measured: measure it again"):
        decode_again(rows[0] | {"bytes": 9999}, image)


def test_a_pair_of_views_has_a_strip_too(image):
    pair = np.stack([image, image[:, ::-1]])
    found = measure(codecs.load("pair:jpeg"), "pair", pair, quality=30)
    assert strips(pair, [found]).width > strips(pair, [found], cell=100).width


def contains(sheet: np.ndarray, patch: np.ndarray) -> bool:
    """Is `patch` somewhere in `sheet`, pixel for pixel?"""
    h, w = patch.shape[:2]
    starts = np.argwhere((sheet[: -h + 1, : -w + 1] == patch[0, 0]).all(-1))
    return any(np.array_equal(sheet[y : y + h, x : x + w], patch) for y, x in starts)
