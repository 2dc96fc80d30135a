"""A sweep: real files in every row, bad pictures left out, tables and reconstructions; see also test_evaluate_again."""

import json
import math

import numpy as np
import pytest
import torch

import lic_lab
from lic_lab import __version__
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.pillow import Jpeg
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import sweep
from lic_lab.evaluation.curves import FIELDS, read_rows
from lic_lab.evaluation.evaluate import evaluate
from lic_lab.metrics.quality import ms_ssim, psnr, ssim

NO_LPIPS = tuple(metric for metric in sweep.METRICS if metric != "lpips")
QUICK = ("ssim",)


# Rows


def test_every_number_is_that_of_the_file_itself(picture):
    image = picture(0, 170, 180)
    (row,) = evaluate(["jpeg"], {"cat": image}, qualities=[40], metrics=NO_LPIPS)
    codec = lic_lab.load("jpeg")
    data = codec.encode(image, 40)
    back = codec.decode(data)
    assert row["bytes"] == len(data) and row["bpp"] == 8 * len(data) / (170 * 180)
    assert (row["psnr_db"], row["ssim"], row["ms_ssim"]) == (psnr(image, back), ssim(image, back), ms_ssim(image, back))
    assert row["settings"] == codec.settings and row["encode_seconds"] > 0 and row["decode_seconds"] > 0
    assert row["estimated_bpp"] is None and row["lpips"] is None and set(FIELDS) <= set(row)


def test_every_quality_is_measured_on_every_picture_of_every_data_set(images):
    sets = {"one": images, "two": {"a": images["b"]}}
    rows = evaluate(["jpeg", "webp"], sets, qualities={"jpeg": [20, 60], "": [30]}, metrics=())
    found = {(row["dataset"], row["codec"], row["quality"], row["image"]) for row in rows}
    assert found == {
        (name, codec, quality, image)
        for name, pictures in sets.items()
        for codec, quality in (("jpeg", 20), ("jpeg", 60), ("webp", 30))
        for image in pictures
    }
    assert len(rows) == len(found)


def test_without_qualities_there_is_one_for_all_pictures_near_each_rate(images):
    rows = evaluate(["jpeg2000"], images, targets=(2.5, 1.5), metrics=())
    rates = {q: [row["bpp"] for row in rows if row["quality"] == q] for q in {row["quality"] for row in rows}}
    low, high = sorted(rates.values())
    assert low == pytest.approx([1.5] * 3, rel=0.1) and high == pytest.approx([2.5] * 3, rel=0.1)


def test_a_learned_codec_is_charged_what_it_wrote_and_its_estimate_stands_beside(picture):
    torch.manual_seed(0)
    codec = LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm")
    row, _ = evaluate(
        [codec, "jpeg"], {"a": picture(1, 128, 128)}, qualities={"charm": [1.0], "": [50]}, metrics=NO_LPIPS
    )
    assert row["bytes"] == len(codec.encode(picture(1, 128, 128), 1.0))
    assert row["estimated_bpp"] == pytest.approx(row["bpp"], rel=0.03, abs=64 / 128**2 * 8)
    assert row["estimated_bpp"] != row["bpp"]


def test_each_view_of_a_pair_is_estimated_by_itself_where_it_is_coded_by_itself(picture):
    torch.manual_seed(0)
    from lic_lab.codecs.separate import Separate

    codec = Separate(LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm"))
    pair = np.stack([picture(1, 128, 128), picture(2, 128, 128)])
    (row,) = evaluate([codec], {"p": pair}, qualities=[1.0], metrics=NO_LPIPS)
    assert row["dataset"] == "pairs" and row["estimated_bpp"] == pytest.approx(
        row["bpp"], rel=0.03, abs=64 / 128**2 * 8
    )
    assert sum(row["view_psnr_db"]) / 2 == pytest.approx(row["psnr_db"])


def test_lambdas_are_for_learned_codecs_and_the_others_go_by_rates(images):
    codec = LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm")
    low, high = codec.model.lambdas[0], codec.model.lambdas[-1]
    rows = evaluate([codec, "jpeg"], {"a": images["a"]}, lambdas=[low, high], targets=(2.0,), metrics=())
    assert [row["quality"] for row in rows if row["codec"] == "charm"] == [0, len(codec.model.lambdas) - 1]
    assert [row["bpp"] <= 2 for row in rows if row["codec"] == "jpeg"] == [True]


def test_mixed_sizes_are_fine_and_too_small_ones_have_no_such_number(picture):
    sizes = {"large": picture(0, 170, 161), "medium": picture(1, 40, 31), "tiny": picture(2, 9, 64)}
    rows = {row["image"]: row for row in evaluate(["jpeg"], sizes, qualities=[50], metrics=NO_LPIPS)}
    assert rows["large"]["ms_ssim"] and rows["medium"]["ms_ssim"] is None
    assert rows["medium"]["ssim"] and rows["tiny"]["ssim"] is None and rows["tiny"]["psnr_db"] > 20


def test_lpips_without_its_weights_is_mentioned_once_and_left_out(images, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="no LPIPS: .*AlexNet") as said:
        rows = evaluate(["jpeg"], images, qualities=[50], metrics=("ssim", "lpips"))
    assert len(said) == 1 and all(row["lpips"] is None and row["ssim"] for row in rows)


# What goes wrong


class Failing(Jpeg):
    """JPEG that fails on very dark pictures."""

    def _encode(self, image, quality):
        if image.mean() < 5:
            raise RuntimeError("too dark for me")
        return super()._encode(image, quality)


def test_a_picture_that_a_codec_fails_on_is_named_and_left_out(images):
    images = {"dark": np.zeros((40, 56, 3), np.uint8), **images}
    with pytest.warns(UserWarning, match=r"jpeg at quality 50 is left out on dark: .*too dark for me"):
        rows = evaluate([Failing()], images, qualities=[50], metrics=())
    assert [row["image"] for row in rows] == ["a", "b", "c"]
    with pytest.warns(UserWarning, match="left out on dark"):
        assert len(evaluate([Failing()], images, targets=(2.0,), metrics=())) == 3  # though it is a probe, too


def test_a_codec_that_reaches_no_rate_is_left_out_and_alone_it_is_an_error(images):
    with pytest.warns(UserWarning, match="jpeg is left out on pictures: jpeg reaches none"):
        rows = evaluate(["jpeg", "jpeg2000"], images, targets=(1.0,), metrics=())
    assert {row["codec"] for row in rows} == {"jpeg2000"}
    with (
        pytest.warns(UserWarning, match="reaches none"),
        pytest.raises(LicLabError, match="nothing could be measured; the first reason: jpeg reaches none"),
    ):
        evaluate(["jpeg"], images, targets=(1e-4,), metrics=())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"qualities": [300]}, "quality of jpeg runs from 1 to 100, got 300"),
        ({"metrics": ["vmaf"]}, "no metric is called 'vmaf'"),
        ({"save": True}, "give out="),
        ({"qualities": {"jpg": [10]}}, "'jpg', which is not measured here: the codecs are jpeg"),
        ({"targets": [0]}, "a target rate is a positive number"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(images, measured, arguments, words):
    with pytest.raises(LicLabError, match=words):
        evaluate(["jpeg"], images, **arguments)
    assert not measured


def test_nothing_to_evaluate_on_is_an_error():
    for nothing in ({}, {"empty": {}}):
        with pytest.raises(LicLabError, match="no pictures"):
            evaluate(["jpeg"], nothing)


def test_codecs_of_pictures_and_of_pairs_are_not_confused(images):
    with pytest.raises(LicLabError, match="pair:jpeg codes stereo pairs"):
        evaluate(["pair:jpeg"], images)
    with pytest.raises(LicLabError, match="use pair:jpeg"):
        evaluate(["jpeg"], {"p": np.stack([images["a"], images["b"]])})


# Files


def test_tables_and_their_conditions_are_written(images, tmp_path):
    rows = evaluate(["jpeg"], images, out=tmp_path / "new", qualities=[20, 60], metrics=QUICK)
    assert [r["bytes"] for r in read_rows(tmp_path / "new" / "rows.csv")] == [r["bytes"] for r in rows]
    average = json.loads((tmp_path / "new" / "average.json").read_text())
    assert [r["pictures"] for r in average["averages"]] == [3, 3]
    assert average["about"]["settings"] == {"jpeg": [lic_lab.load("jpeg").settings]}
    (machine,) = average["about"]["machines"]
    words = (f"{torch.get_num_threads()} threads", "on cpu", f"torch {torch.__version__}", f"lic_lab {__version__}")
    assert all(word in machine for word in words) and {row["machine"] for row in rows} == {machine}


def test_reconstructions_are_kept_as_they_decode_beside_the_original(images, tmp_path, measured):
    how = {"out": tmp_path, "qualities": [50], "metrics": QUICK, "save": True}
    evaluate(["jpeg"], {"cats": images}, **how)
    codec, place = lic_lab.load("jpeg"), tmp_path / "reconstructions" / "cats" / "jpeg" / "50"
    back = codec.decode(codec.encode(images["a"], 50))
    assert np.array_equal(read_image(place / "a_reconstructed.png"), back)
    assert np.array_equal(read_image(place / "a_comparison.png"), np.concatenate([images["a"], back], axis=1))
    (place / "b_reconstructed.png").unlink()
    measured.clear()
    evaluate(["jpeg"], {"cats": images}, **how)
    assert measured == [("jpeg", "b", 50)] and (place / "b_reconstructed.png").is_file()


def test_a_reconstruction_that_other_weights_left_there_is_not_taken_over(images, tmp_path, measured, monkeypatch):
    how = {"out": tmp_path, "qualities": [50], "metrics": (), "save": True}
    one = {"a": images["a"]}
    place = tmp_path / "reconstructions" / "pictures" / "jpeg" / "50" / "a_reconstructed.png"
    evaluate(["jpeg"], one, **how)
    ours = read_image(place)
    other = Jpeg("jpeg", chroma="4:4:4")
    evaluate([other], one, **how)
    assert not np.array_equal(read_image(place), ours)
    evaluate(["jpeg"], one, **how)
    assert np.array_equal(read_image(place), ours) and len(measured) == 3
    place.write_bytes(place.read_bytes()[:100])
    evaluate(["jpeg"], one, **how)
    assert np.array_equal(read_image(place), ours) and len(measured) == 4
    evaluate(["jpeg"], one, **how)
    assert len(measured) == 4


def test_reconstructions_of_pairs_are_taken_over_too(images, tmp_path, measured):
    pair = {"p": np.stack([images["a"], images["b"]])}
    for _ in range(2):
        evaluate(["pair:jpeg"], pair, out=tmp_path, qualities=[50], metrics=(), save=True)
    assert len(measured) == 1


def test_no_name_leaves_the_folder_of_reconstructions(images, tmp_path):
    codec = Jpeg("../mine/best")
    evaluate([codec], {"..": {"../../x": images["a"]}}, out=tmp_path / "out", qualities=[50], metrics=(), save=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    (path,) = (tmp_path / "out" / "reconstructions").rglob("*_reconstructed.png")
    assert len(path.relative_to(tmp_path / "out" / "reconstructions").parts) == 4


def test_equal_pictures_have_infinite_psnr_and_still_fit_into_tables(tmp_path):
    rows = evaluate(["jpeg"], {"grey": np.full((32, 32, 3), 128, np.uint8)}, out=tmp_path, qualities=[90], metrics=())
    assert rows[0]["psnr_db"] == math.inf == read_rows(tmp_path / "rows.csv")[0]["psnr_db"]
    assert json.loads((tmp_path / "rows.json").read_text())["rows"][0]["psnr_db"] is None
