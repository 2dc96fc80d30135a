"""Tables as files: complete, plain JSON, and the columns of the seed systems with the numbers they stand for."""

import csv
import json
import math

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation import export


def row(image, quality, size, codec="jpeg", **more):
    """A picture of 100 x 80 in a file of `size` bytes."""
    numbers = {"bytes": size, "bpp": 8 * size / 8000, "psnr_db": 30.0 + quality / 10, "ms_ssim": 0.9, "ssim": 0.95}
    times = {"encode_seconds": 0.5, "decode_seconds": 0.25, "peak_memory_mb": 7.0, "estimated_bpp": None, "lpips": None}
    about = {"dataset": "cats", "codec": codec, "settings": "v1", "image": image, "quality": quality}
    return about | numbers | times | more


ROWS = [row("a", 10, 100), row("b", 10, 300), row("a", 50, 200), row("b", 50, 400)]


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_averages_hold_mean_spread_and_number_of_pictures(tmp_path):
    export.write_tables(tmp_path, ROWS)
    low, high = table(tmp_path / "average.csv")
    assert (low["dataset"], low["codec"], low["quality"], low["pictures"]) == ("cats", "jpeg", "10", "2")
    assert float(low["bytes"]) == 200 and float(low["bytes_std"]) == pytest.approx(100 * math.sqrt(2))
    assert low["lpips"] == "" and low["lpips_pictures"] == "0" and float(high["psnr_db"]) == 35


def test_json_is_plain_and_says_how_it_was_measured(tmp_path):
    here = {"machine": "this one"}
    export.write_tables(tmp_path, [ROWS[0] | here, row("grey", 10, 50, psnr_db=math.inf, machine="that one")])
    text = (tmp_path / "rows.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    content = json.loads(text)
    assert content["rows"][1]["psnr_db"] is None and content["rows"][0]["bytes"] == 100
    assert content["about"]["settings"] == {"jpeg": ["v1"]}
    assert "NaN" not in (tmp_path / "average.json").read_text()


def test_points_that_share_no_picture_are_written_too_with_no_average(tmp_path):
    export.write_tables(tmp_path, [ROWS[0], ROWS[3]])
    assert len(table(tmp_path / "rows.csv")) == 2 and table(tmp_path / "average.csv") == []


def test_every_machine_that_measured_is_named_and_no_other(tmp_path):
    machines = ["one, lic_lab 1", "two", "one, lic_lab 1", "one, lic_lab 2"]
    export.write_tables(tmp_path, [r | {"machine": machine} for r, machine in zip(ROWS, machines, strict=True)])
    for name in ("rows.json", "average.json"):
        about = json.loads((tmp_path / name).read_text())["about"]
        assert about["machines"] == ["one, lic_lab 1", "two", "one, lic_lab 2"] and "machine" not in about
    assert [r["machine"] for r in json.loads((tmp_path / "rows.json").read_text())["rows"]] == machines


def test_bimamba_has_its_columns_in_its_order_and_ours_behind(tmp_path):
    export.write_layout("bimamba", tmp_path, ROWS)
    found = table(tmp_path / "Detailed_Results.csv")
    theirs = "Dataset Method Quality Image BPP PSNR MSSSIM LPIPS CR OrigSize(KB) CompSize(KB)".split()
    assert list(found[0])[: len(theirs)] == theirs and list(found[0])[len(theirs) :] == ["EstBPP", "EncTime", "DecTime"]
    first = found[0]
    assert (first["Dataset"], first["Method"], first["Quality"], first["Image"]) == ("cats", "jpeg", "10", "a")
    assert float(first["OrigSize(KB)"]) == pytest.approx(24000 / 1024) and float(first["CR"]) == 240
    assert float(first["CompSize(KB)"]) == pytest.approx(100 / 1024) and first["LPIPS"] == ""


def test_the_average_ratio_of_bimamba_is_that_of_all_bytes_together(tmp_path):
    export.write_layout("bimamba", tmp_path, ROWS)
    low, _ = table(tmp_path / "Average_Results.csv")
    assert float(low["CR"]) == 48000 / 400  # the mean of ratios would be 160
    assert float(low["BPP"]) == pytest.approx(0.2) and low["Images"] == "2"


def test_the_folder_of_weights_is_what_bimamba_calls_the_quality(tmp_path):
    export.write_layout("bimamba", tmp_path, [row("a", 0.013, 100, "bimamba", label="lambda_0.013")])
    assert table(tmp_path / "Average_Results.csv")[0]["Quality"] == "lambda_0.013"


def test_bisic_has_a_file_per_point_with_every_number_as_a_list_of_one(tmp_path):
    views = {"view_psnr_db": [30.0, 40.0], "view_ms_ssim": [0.9, 0.99], "codec": "pair:jpeg"}
    paths = export.write_layout("bisic", tmp_path, [row("a", 10, 100) | views, row("b", 10, 300) | views])
    assert [path.name for path in paths] == ["pair-jpeg-10.json"]
    results = json.loads(paths[0].read_text())["results"]
    assert results["left-mse"] == [pytest.approx(1e-3)] and results["mse-average"] == [pytest.approx(5.5e-4)]
    assert results["psnr-float"] == [35.0] and results["ms-ssim-float"] == [pytest.approx(0.945)]
    assert results["ms-ssim-dB"] == [pytest.approx(15.0)] and results["bpp"] == [pytest.approx(0.2)]


def test_points_do_not_overwrite_each_other(tmp_path):
    views = {"view_psnr_db": [30.0, 40.0], "view_ms_ssim": []}
    rows = [
        r | views | {"dataset": d, "quality": q} for r in ROWS[:1] for d in ("x", "y") for q in (1.23456, 1.23457891)
    ]
    paths = export.write_layout("bisic", tmp_path, rows)
    assert len(set(paths)) == 4 and all(path.is_file() for path in paths)
    assert json.loads(paths[0].read_text())["results"]["ms-ssim-float"] == [None]


def test_the_decibels_of_ms_ssim_are_averaged_as_decibels_in_the_bisic_layout(tmp_path):
    views = [{"view_psnr_db": [30.0, 40.0], "view_ms_ssim": [similar, 0.9]} for similar in (0.9, 0.999)]
    rows = [row(name, 10, 100) | view for name, view in zip("ab", views, strict=True)]
    (path,) = export.write_layout("bisic", tmp_path, rows)
    results = json.loads(path.read_text())["results"]
    assert results["left-ms-ssim-dB"] == [pytest.approx(20.0)]  # of 10 and 30; the mean 0.9495 has 12.97 dB
    assert results["right-ms-ssim-dB"] == [pytest.approx(10.0)] and results["ms-ssim-dB"] == [pytest.approx(15.0)]


def test_bisic_means_are_over_the_pictures_that_every_point_has(tmp_path):
    views = {"view_psnr_db": [30.0, 40.0], "view_ms_ssim": []}
    paths = export.write_layout("bisic", tmp_path, [r | views for r in ROWS[:3]])
    contents = [json.loads(path.read_text()) for path in paths]
    assert [content["results"]["bpp"] for content in contents] == [[pytest.approx(0.1)], [pytest.approx(0.2)]]
    assert all("1 pair(s)" in content["description"] for content in contents)


@pytest.mark.parametrize("name", ["mine/best", "../mine", "..", ".", "", "a\\b", "pair:jpeg", "/etc/x", "a\0b"])
def test_names_of_codecs_and_data_sets_stay_in_the_folder(tmp_path, name):
    (tmp_path / "out").mkdir()
    views = {"view_psnr_db": [30.0, 40.0], "view_ms_ssim": []}
    safe = export.safe_name(name)
    assert safe not in ("", ".", "..") and not set(safe) & set("/\\:\0")
    rows = [r | views | {"codec": name, "dataset": dataset} for r in ROWS for dataset in ("..", "cats")]
    paths = export.write_layout("bisic", tmp_path / "out", rows)
    assert len(paths) == 4 and all(path.parent == tmp_path / "out" and path.is_file() for path in paths)


def test_codecs_whose_names_become_the_same_file_have_a_file_each(tmp_path):
    views = {"view_psnr_db": [30.0, 40.0], "view_ms_ssim": []}
    rows = [row("a", 10, 100, codec) | views for codec in ("mine/best", "mine-best")]
    paths = export.write_layout("bisic", tmp_path, rows)
    assert [path.name for path in paths] == ["mine-best-10.json", "mine-best-10-2.json"]
    assert [json.loads(path.read_text())["name"] for path in paths] == ["mine/best-10", "mine-best-10"]


def test_bisic_is_for_pairs(tmp_path):
    with pytest.raises(LicLabError, match="for stereo pairs"):
        export.write_layout("bisic", tmp_path, ROWS)


def test_asymmetric_counts_pictures_on_target_and_gives_spread_and_range(tmp_path):
    rows = [row("a", 10, 100, psnr_db=34.0), row("b", 10, 500, psnr_db=35.0), row("c", 10, 399, psnr_db=36.0)]
    export.write_layout("asymmetric", tmp_path, rows)
    (point,) = json.loads((tmp_path / "evaluation_report.json").read_text())["points"]
    assert point["num_images"] == 3 and [image["image"] for image in point["images"]] == ["a", "b", "c"]
    assert (
        point["averages"]["psnr_db"] == 35 and point["std"]["psnr_db"] == 1 and point["ranges"]["psnr_db"] == [34, 36]
    )
    met = {name: (found["met"], found["of"]) for name, found in point["targets_met"].items()}
    assert met == {"psnr_db": (2, 3), "ssim": (3, 3), "bpp": (2, 3)}  # 34 dB are not above 34 dB
    assert "lpips" not in point["averages"]


def test_other_columns_are_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(LicLabError, match="no columns are called 'excel': there are bimamba, bisic, asymmetric"):
        export.write_layout("excel", tmp_path, ROWS)


def test_a_picture_that_one_point_lacks_is_in_no_average(tmp_path):
    export.write_layout("bimamba", tmp_path, ROWS[:3])
    assert [mean["Images"] for mean in table(tmp_path / "Average_Results.csv")] == ["1", "1"]
    assert len(table(tmp_path / "Detailed_Results.csv")) == 3
