"""Published curves are found by name, say where they come from, and give the BD-rates that were printed for them."""

import csv

import pytest

from lic_lab.datasets.bundled import data_path
from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.evaluation.means import gap, mean_curves, published_curve

DATASETS = (
    "kodak", "tecnick", "clic-pro-valid", "clic2020-professional", "clic2020-mobile", "tecnick@asym-figure",
    "cityscapes-stereo",
)  # fmt: skip
PRINTED = list(csv.DictReader(data_path("results", "bd_rate_recomputed.csv").open(encoding="utf-8")))


def test_every_point_that_was_collected_is_there():
    assert len(PRINTED) == 160
    points = [
        p for d in DATASETS for n in reference.names(d) for p in reference.find(n, d) if "@measured" not in p.codec
    ]
    assert len(points) == 1370 and all(point.source and point.bpp > 0 for point in points)


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: "-".join(list(row.values())[:4]))
def test_bd_rates_of_published_curves_are_those_that_were_printed_to_every_digit(row):
    metric = {"ms_ssim": "ms_ssim_db"}.get(row["metric"], row["metric"])
    target = "" if row["optimized_for"] == "n/a" else f":{row['optimized_for']}"
    anchor = published_curve(row["anchor"], metric, row["dataset"])
    found = gap(anchor, published_curve(row["codec"] + target, metric, row["dataset"]))
    assert found.points == int(row["n_points"])
    numbers = (found.bd_rate_pct, found.bd_rate_pct_cubic, found.overlap_low_db, found.overlap_high_db)
    names = ("bd_rate_pct_pchip", "bd_rate_pct_cubic", "overlap_low_db", "overlap_high_db")
    assert [round(number, 2) for number in numbers] == [float(row[name]) for name in names]


@pytest.mark.parametrize(
    ("codec", "percent"),
    [("mozjpeg-420", -7), ("jxl-e7", -27), ("webp-m6", -34), ("jpeg2000", -44), ("heif-444-psnr", -51),
     ("avif-444-s6-psnr", -51), ("vvenc-420-medium", -59)],
)  # fmt: skip
def test_the_measured_classical_codecs_save_what_was_said_of_them_against_optimised_jpeg(codec, percent):
    curves = mean_curves([row for row in reference.measured() if "SUBSET" not in row["settings"]])
    assert round(gap(curves["jpeg-pillow-420-opt"], curves[codec]).bd_rate_pct) == percent
    stored = (published_curve(f"{name}@measured") for name in ("jpeg-pillow-420-opt", codec))
    assert round(gap(*stored).bd_rate_pct) == percent


@pytest.mark.parametrize("address", ["vtm", "published:vtm", "published:kodak/vtm"])
def test_a_curve_is_found_with_and_without_its_prefix_and_data_set(address):
    points = reference.find(address)
    assert len(points) == 8 and {p.source for p in points} == {"CompressAI results/image/kodak/vtm.json"}
    assert reference.address(points) == "published:vtm"


def test_a_data_set_in_the_address_counts_more_than_the_present_one():
    assert {p.dataset for p in reference.find("published:tecnick/vtm-9.1@lalic", "kodak")} == {"tecnick"}


def test_a_short_name_means_the_model_trained_for_mse_and_the_other_one_is_named_by_its_target():
    assert {p.optimized_for for p in reference.find("lalic")} == {"mse"}
    assert reference.find("lalic:mse") == reference.find("lalic")
    other = reference.find("lalic:ms-ssim")
    assert {p.optimized_for for p in other} == {"ms-ssim"} and reference.address(other) == "published:lalic:ms-ssim"


def test_every_listed_name_is_found_and_is_its_own_address():
    for dataset in {row["dataset"] for row in PRINTED}:
        for name in reference.names(dataset):
            assert reference.address(reference.find(name, dataset)) == f"published:{name}"


def test_points_can_be_listed_by_metric_and_a_missing_metric_leaves_nothing():
    assert {p.codec for p in reference.published("kodak", "lalic")} == {"lalic"}
    assert reference.published("kodak", "lalic", "ms_ssim") == []
    assert len(reference.published("kodak")) > 500
    with pytest.raises(LicLabError, match="psnr_db or ms_ssim"):
        reference.published("kodak", metric="lpips")


@pytest.mark.parametrize(
    ("address", "dataset", "said"),
    [
        ("published:vtn", "kodak", "did you mean published:vtm"),
        ("elic", "kodak", "published:elic2022@paper"),
        ("vtm", "holiday", "published:DATASET/NAME"),
        ("published:holiday/vtm", "kodak", "'holiday'"),
        ("vtm", "", "these pictures"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_near_ones(address, dataset, said):
    with pytest.raises(LicLabError, match=said) as error:
        reference.find(address, dataset)
    assert "\n" not in str(error.value)


def test_a_curve_without_files_is_no_anchor_and_any_other_may_be():
    with pytest.raises(LicLabError, match="no anchor: its rate is the model's own estimate"):
        reference.check_anchor(reference.find("bimamba@estimated-rate"))
    reference.check_anchor(reference.find("vtm"))


def rows(names, dataset="my folder", width=768, height=512):
    """Rows of pictures of one size, the rate with five digits as in a table."""
    return [
        {"image": name, "dataset": dataset, "bytes": 3000 + n, "bpp": float(f"{8 * (3000 + n) / (width * height):.5g}")}
        for n, name in enumerate(names)
    ]


KODIM = [f"kodim{n:02d}" for n in range(1, 25)]


def test_rows_belong_to_the_data_set_that_their_pictures_are_of():
    assert reference.dataset_of(rows(KODIM)) == "kodak"
    assert reference.dataset_of(rows(KODIM, "kodak", 512, 768)) == "kodak"
    assert reference.dataset_of([{"image": name, "dataset": "my folder"} for name in KODIM]) == "kodak"
    assert reference.dataset_of(rows(["RGB_001"], "Tecnick", 1200, 1200)) == "tecnick"
    assert reference.dataset_of(rows(["cat"], "Holiday")) == "Holiday"
    assert reference.dataset_of([{"image": "cat"}]) == ""


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (rows(KODIM, width=192, height=164), "kodak"),
        (rows(KODIM[:23]) + rows(KODIM[23:], width=767), "kodak"),
        (rows([f"picture {n}" for n in range(24)], "kodak"), "kodak"),
        (rows([*KODIM[:23], "kodim25"], "kodak"), "kodak"),
        (rows([f"picture {n}" for n in range(100)], "tecnick"), "tecnick"),
    ],
)
def test_pictures_that_only_go_by_the_name_of_a_data_set_are_not_of_it_and_its_curves_are_still_found(found, name):
    assert reference.dataset_of(found) == f"{name} by name only"
    assert reference.find("vtm-9.1@lalic", f"{name} by name only") == reference.find("vtm-9.1@lalic", name)


def test_a_folder_with_one_name_that_kodak_does_not_have_goes_by_its_own_name():
    assert reference.dataset_of(rows([*KODIM, "kodim00"], "mine")) == "mine"
