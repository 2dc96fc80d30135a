"""A report is a folder in which every picture and table that it names is there, and says what was measured."""

import csv
import re
import warnings
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab import codecs
from lic_lab.datasets.bundled import data_path
from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import read_rows
from lic_lab.evaluation.sweep import measure
from lic_lab.plots import report as module
from lic_lab.plots.rd import rd_panels
from lic_lab.plots.report import write_report


@pytest.fixture(scope="module")
def images():
    rng, ramp = np.random.default_rng(0), np.mgrid[0:168, 0:176].sum(0)[..., None]
    return {name: np.clip(ramp * f + rng.normal(0, 9, (168, 176, 3)), 0, 255).astype(np.uint8) for name, f in
            (("cat", 0.5), ("dog", 0.7))}  # fmt: skip


@pytest.fixture(scope="module")
def rows(images):
    found = []
    for name, qualities in (("webp", (5, 20, 40, 60, 80)), ("jpeg", (10, 30, 50, 70, 90))):
        for quality in qualities:
            for image in images:
                row = measure(codecs.load(name), image, images[image], metrics=("ssim", "ms_ssim"), quality=quality)
                found.append({"dataset": "zoo", "settings": "", **row.numbers(), "ssim": row.ssim, "lpips": None})
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory, rows, images):
    folder = tmp_path_factory.mktemp("report")
    return folder, write_report(folder, rows, images=images, panels=True)


@pytest.fixture(scope="module")
def kodak():
    return read_rows(data_path("results", "kodak.csv"))


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_everything_it_promises_is_there_and_the_readme_comes_last(report):
    folder, written = report
    names = {str(path.relative_to(folder)) for path in written}
    assert names == {
        "rd.png", "rd.svg", "rd.html", "bd_rate.csv", "bd_rate.md", "bd_rate.tex", "averages.md", "averages.tex",
        "distribution.csv", "distribution.png", "low_rate.csv", "low_rate.md", "low_rate.tex", "strips/cat.png",
        "strips/dog.png", "zoo_RD_Curves.png", "README.md",
    }  # fmt: skip
    assert all(path.stat().st_size > 100 for path in written) and written[-1].name == "README.md"


def test_the_readme_shows_only_files_that_are_there(report):
    folder, _ = report
    linked = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text("utf-8"))
    assert {"rd.png", "rd.html", "distribution.png", "strips/cat.png"} <= set(linked)
    assert all((folder / name).is_file() for name in linked)


def test_links_to_pictures_of_any_name_lead_to_them_and_no_name_is_read_as_markdown(rows, images, tmp_path):
    names = {"cat": "a b|c<d>", "dog": "x [y](z)*"}
    renamed = [row | {"image": names[row["image"]], "dataset": "z|o<o>"} for row in rows if row["quality"] in (40, 50)]
    write_report(tmp_path, renamed, images={names[name]: image for name, image in images.items()})
    text = (tmp_path / "README.md").read_text("utf-8")
    links = [target for target in re.findall(r"\]\(([^)]+)\)", text) if target.startswith("strips")]
    assert {unquote(link) for link in links} == {f"strips/{name}.png" for name in names.values()}
    assert all((tmp_path / unquote(link)).is_file() and re.fullmatch(r"[\w/.%-]+", link) for link in links)
    assert text.startswith(r"# z\|o\<o>:") and r"![a b\|c\<d>, original" in text and r"![x \[y\](z)\*, orig" in text


def test_the_title_says_of_each_metric_how_many_pictures_have_it(rows, tmp_path):
    some = [row | ({"ms_ssim": None} if row["image"] == "dog" else {}) for row in rows]
    write_report(tmp_path, some)
    title = "zoo: mean of 2 pictures (MS-SSIM (dB): 1), whole files"
    assert (tmp_path / "README.md").read_text("utf-8").startswith(f"# {title}")
    assert title in (tmp_path / "rd.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (160, "MS-SSIM was not measured: it needs sides of at least 161 pixels"),
        (168, "MS-SSIM was not measured: it is measured where --metrics asks for it"),
        (0, "it is measured where --metrics asks for it, of pictures with sides of at least 161 pixels"),
    ],
)
def test_an_empty_panel_says_what_is_known_to_be_true(rows, images, tmp_path, monkeypatch, side, said):
    shown = {}
    monkeypatch.setattr(module, "rd_panels", lambda curves, **more: shown.update(more) or rd_panels(curves, **more))
    some = [row | {"ms_ssim": None, "codec": "gone"} for row in rows if row["codec"] == "jpeg"]
    pictures = {name: image[:side, :side] for name, image in images.items()} if side else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the codec "gone" cannot decode again
        write_report(tmp_path, some, images=pictures, panels=True)
    assert shown["missing"]["ms_ssim_db"].endswith(said)
    assert shown["missing"]["lpips"] == "LPIPS was not measured: it is measured where --metrics asks for it"


def test_kodaks_names_on_other_pictures_are_said_and_nothing_published_is_compared(kodak, tmp_path):
    crops = [row | {"bytes": row["bytes"] / 8} for row in kodak if row["codec"] in ("charm", "jpeg")]
    write_report(tmp_path, crops, published=["vtm"], panels=True)
    assert "mean of 24 pictures of kodak: not comparable" in (tmp_path / "README.md").read_text("utf-8")
    found = [r for r in table(tmp_path / "bd_rate.csv") if "published:vtm" in (r["codec"], r["anchor"])]
    assert {r["bd_rate_pct"] for r in found if r["codec"] != r["anchor"]} == {""}


def test_ms_ssim_that_was_published_in_decibels_is_cautioned_in_tables_page_and_figures(kodak, tmp_path):
    write_report(
        tmp_path, [row for row in kodak if row["codec"] in ("charm", "jpeg")], published=["stf:ms-ssim", "vtm"]
    )
    said = "MS-SSIM of published:stf:ms-ssim was published in dB"
    for name in ("README.md", "bd_rate.md", "rd.html"):
        assert said in (tmp_path / name).read_text("utf-8"), name
    assert "MS-SSIM of published:vtm was published in dB" not in (tmp_path / "README.md").read_text("utf-8")


def test_the_pictures_are_pictures(report):
    folder, _ = report
    for path in folder.rglob("*.png"):
        assert Pillow.open(path).size > (400, 200)
    ElementTree.fromstring((folder / "rd.svg").read_text("utf-8"))


def test_bd_rates_are_against_jpeg_by_default_and_of_all_against_all_in_the_csv(report):
    folder, _ = report
    assert "BD-rate against jpeg, mean of 2 pictures" in (folder / "bd_rate.md").read_text("utf-8")
    found = {
        (row["metric"], row["codec"], row["anchor"]): float(row["bd_rate_pct"]) for row in table(folder / "bd_rate.csv")
    }
    assert len(found) == 2 * 4 and found["psnr_db", "webp", "webp"] == 0
    there, back = (1 + found["psnr_db", *pair] / 100 for pair in (("webp", "jpeg"), ("jpeg", "webp")))
    assert there * back == pytest.approx(1, abs=1e-4) and there != 1


def test_shares_in_the_csv_are_counts_of_these_pictures(report, rows):
    folder, _ = report
    found = next(r for r in table(folder / "distribution.csv") if (r["codec"], r["quality"]) == ("jpeg", "90"))
    assert found["criterion"] == "psnr_db > 34" and found["pictures"] == "2"
    mine = [row for row in rows if (row["codec"], row["quality"]) == ("jpeg", 90)]
    assert int(found["met"]) == sum(row["psnr_db"] > 34 for row in mine)


def test_published_curves_and_anchors_take_part_with_their_sources(kodak, tmp_path):
    write_report(tmp_path, kodak, anchor="published:kodak/vtm", published=["cheng2020-attn", "published:lalic"])
    text = (tmp_path / "bd_rate.md").read_text("utf-8")
    assert "against published:vtm, mean of 24 pictures" in text and "CompressAI results/image/kodak/vtm.json" in text
    found = {
        (r["codec"], r["metric"]): r["bd_rate_pct"]
        for r in table(tmp_path / "bd_rate.csv")
        if r["anchor"] == "published:vtm"
    }
    assert float(found["published:lalic", "psnr_db"]) == pytest.approx(-15.26, abs=0.005)
    assert ("published:lalic", "ms_ssim_db") not in found and float(found["charm", "psnr_db"]) > 0
    assert "vtm (published)" in (tmp_path / "rd.html").read_text("utf-8")


def test_means_of_fewer_pictures_are_not_compared_with_published_ones(kodak, tmp_path):
    rows = [row for row in kodak if row["image"] != "kodim05" and row["codec"] in ("charm", "jpeg")]
    write_report(tmp_path, rows, published=["vtm"])
    found = [r for r in table(tmp_path / "bd_rate.csv") if "published:vtm" in (r["codec"], r["anchor"])]
    assert [r["bd_rate_pct"] for r in found if r["codec"] != r["anchor"]] == [""] * 8
    assert "mean of 24 pictures of kodak: not comparable" in (tmp_path / "README.md").read_text("utf-8")


def test_a_picture_missing_at_one_point_is_left_out_everywhere_and_said(rows, tmp_path):
    some = [row for row in rows if (row["codec"], row["image"], row["quality"]) != ("jpeg", "dog", 50)]
    write_report(tmp_path, some)
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert readme.startswith("# zoo: mean of 1 picture,") and "jpeg at quality 50 has 1 of 2" in readme


def test_a_codec_that_decodes_differently_now_leaves_the_strips_with_a_warning(rows, images, report, tmp_path):
    changed = [row | {"bytes": 2 * row["bytes"]} if row["codec"] == "jpeg" else row for row in rows]
    with pytest.warns(UserWarning, match="jpeg is left out of the strips: jpeg writes"):
        written = write_report(tmp_path, changed, images=images)
    wide, narrow = (Pillow.open(path / "strips" / "dog.png").width for path in (report[0], tmp_path))
    assert narrow < wide and (tmp_path / "strips" / "dog.png") in written


def test_one_codec_alone_and_no_pictures_still_make_a_report(rows, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = write_report(tmp_path, [row for row in rows if row["codec"] == "jpeg"])
    names = {path.name for path in written}
    assert "rd.png" in names and not names & {"bd_rate.csv", "low_rate.csv"} and not (tmp_path / "strips").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"anchor": "bpg"}, "'bpg' was not measured and is no anchor: there are webp, jpeg, or published:NAME"),
        ({"anchor": "published:kodak/bimamba@estimated-rate"}, "is no anchor: its rate is the model's own estimate"),
        ({"published": ["published:kodak/vtn"]}, "did you mean published:vtm"),
        ({"published": ["vtm"]}, "no published curves are on 'zoo'"),
    ],
)
def test_what_cannot_be_compared_is_one_line_before_anything_is_written(rows, tmp_path, options, said):
    with pytest.raises(LicLabError, match=re.escape(said)):
        write_report(tmp_path / "new", rows, **options)
    assert not (tmp_path / "new").exists()


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(LicLabError, match="no measured rows"):
        write_report(tmp_path, [])
