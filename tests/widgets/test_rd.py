"""The rate-distortion explorer says what the table says, compares against any anchor, and makes any point again."""

import html
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from lic_lab.codecs import load
from lic_lab.datasets.bundled import bundled_images, data_path
from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import bd_table, read_rows, write_rows
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp
from lic_lab.models.checkpoints import load_model
from lic_lab.widgets.rd import OTHERS, RDExplorer

PICTURES = {
    "face": bundled_images()["astronaut"][60:140, 170:266],
    "cat": bundled_images()["chelsea"][90:170, 180:276],
}
QUALITIES = {"jpeg": (10, 30, 60, 80), "webp": (10.0, 30.0, 60.0, 80.0)}


@pytest.fixture(scope="module")
def rows():
    """What JPEG and WebP really make of two small pictures."""
    found = []
    for codec, qualities in QUALITIES.items():
        for name, picture in PICTURES.items():
            for quality in qualities:
                data = load(codec).encode(picture, quality)
                db = psnr(picture, load(codec).decode(data))
                about = {"codec": codec, "image": name, "quality": quality, "bytes": len(data), "psnr_db": db}
                found.append(about | {"bpp": bpp(data, *picture.shape[:2])})
    return found


@pytest.fixture
def explorer(rows):
    return RDExplorer(rows, images=PICTURES, rate=1.0)


@pytest.fixture(scope="module")
def kodak():
    return RDExplorer()


def said(explorer) -> dict[str, list[str]]:
    """The table as text: codec -> cells."""
    lines = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", explorer.numbers.value)
    cells = [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.split("</t[hd]>", line)] for line in lines]
    return {name: rest[:-1] for name, *rest in cells}


def lines(explorer) -> dict[str, object]:
    return {trace.name: trace for trace in explorer.figure.data if trace.visible}


def test_every_codec_is_a_line_through_its_means(explorer, rows):
    jpeg = lines(explorer)["JPEG"]
    for k, quality in enumerate(QUALITIES["jpeg"]):
        at = [row for row in rows if row["codec"] == "jpeg" and row["quality"] == quality]
        assert jpeg.x[k] == pytest.approx(np.mean([row["bpp"] for row in at]))
        assert jpeg.y[k] == pytest.approx(np.mean([row["psnr_db"] for row in at]))


def test_the_slider_reads_every_curve_at_its_rate_and_names_the_nearest_point(explorer):
    curve = explorer.curves.measured("psnr_db")["webp"]
    explorer.rate.value = 1.2
    rate, values = np.log(curve.bpp), curve.values
    decibels, _, setting = said(explorer)["WebP"]
    assert decibels == f"{np.interp(np.log(1.2), rate, values):.2f}"
    near = min(range(4), key=lambda k: abs(rate[k] - np.log(1.2)))
    assert setting == f"quality {curve.qualities[near]:g} · {curve.bpp[near]:.3f} bpp"
    assert explorer.figure.layout.shapes[0].x0 == 1.2 and explorer.point.value == curve_point(explorer, 1.2)


def curve_point(explorer, rate):
    curve = explorer.curves.measured("psnr_db")[explorer.codec.value]
    return curve.qualities[min(range(4), key=lambda k: abs(np.log(curve.bpp[k] / rate)))]


def test_a_rate_that_no_file_has_is_not_made_up(explorer):
    explorer.rate.value = 0.05
    assert said(explorer)["JPEG"][0] == "—"


def test_bd_rates_are_those_of_the_library_and_follow_the_anchor(explorer, rows):
    table = bd_table(rows)
    assert said(explorer)["JPEG"][1] == "+0.0 %"
    assert said(explorer)["WebP"][1] == f"{table['webp']['jpeg']:+.1f} %".replace("-", "−")
    explorer.anchor.value = "webp"
    assert said(explorer)["JPEG"][1] == f"{table['jpeg']['webp']:+.1f} %".replace("-", "−")


def test_a_codec_that_is_switched_off_leaves_figure_and_table(explorer):
    explorer.shown["webp"].value = False
    assert list(said(explorer)) == ["JPEG"] == list(lines(explorer))


def test_one_picture_has_its_own_curve(explorer, rows):
    explorer.picture.value = "cat"
    mine = [row for row in rows if row["image"] == "cat" and row["codec"] == "jpeg"]
    assert lines(explorer)["JPEG"].y[:4] == pytest.approx([row["psnr_db"] for row in mine])


def test_only_metrics_that_were_measured_are_offered(explorer, kodak):
    assert [value for _, value in explorer.metric.options] == ["psnr_db"]
    assert [value for _, value in kodak.metric.options] == ["psnr_db", "ms_ssim", "ms_ssim_db"]


def test_a_point_is_made_again_and_is_the_file_of_the_table(explorer, rows):
    explorer.picture.value, explorer.codec.value, explorer.point.value = "cat", "webp", 60.0
    explorer.look.click()
    (viewer,) = explorer.viewer.children
    right = load("webp").decode(load("webp").encode(PICTURES["cat"], 60.0))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(viewer.b))), right)
    size = next(r["bytes"] for r in rows if (r["codec"], r["image"], r["quality"]) == ("webp", "cat", 60.0))
    assert f"{size:,} bytes" in viewer.about_b["caption"] and f"the table has {size:,} bytes" in explorer.status.value
    assert not explorer.look.disabled


def test_a_click_on_a_point_chooses_and_makes_it(explorer):
    trace = lines(explorer)["WebP"]
    explorer.on_click(trace, SimpleNamespace(point_inds=[2]))
    assert (explorer.codec.value, explorer.point.value) == ("webp", 60.0)
    assert explorer.viewer.children[0].about_b["label"] == "WebP" and "face" not in explorer.status.value
    explorer.on_click(trace, SimpleNamespace(point_inds=[]))  # of another line
    assert explorer.point.value == 60.0


def test_the_second_point_takes_the_place_of_the_first(explorer):
    explorer.look.click()
    (viewer,) = explorer.viewer.children
    explorer.codec.value = "webp"
    explorer.look.click()
    assert explorer.viewer.children == (viewer,) and viewer.about_b["label"] == "WebP"


def test_a_picture_that_is_not_here_is_named_with_the_mend(rows):
    explorer = RDExplorer(rows, images={})
    explorer.picture.value = "cat"
    explorer.look.click()
    assert "cat is not on this machine" in explorer.status.value and "pass images=" in explorer.status.value
    assert not explorer.viewer.children


def test_what_bd_rates_are_taken_against_may_be_given_and_published(rows):
    assert RDExplorer(anchor="published:vtm").anchor.value == "published:vtm"
    assert RDExplorer(rows, images={}, anchor="webp").anchor.value == "webp"


def test_a_picture_that_the_chosen_codec_lacks_offers_no_point_until_another_is_chosen(rows):
    some = [row for row in rows if (row["codec"], row["image"]) != ("webp", "cat")]
    explorer = RDExplorer(some, images=PICTURES, rate=1.0)
    handles = lambda: (explorer.point.disabled, explorer.look.disabled, len(explorer.point.options))  # noqa: E731
    lacking = "The table has no file of cat by WebP"
    explorer.codec.value = "webp"
    assert handles() == (False, False, 4) and lacking not in explorer.status.value
    explorer.picture.value = "cat"
    assert handles() == (True, True, 0) and lacking in explorer.status.value and "alert" not in explorer.status.value
    assert list(said(explorer)) == ["JPEG"] == list(lines(explorer))
    explorer.rate.value = 1.2
    assert handles() == (True, True, 0) and lacking in explorer.status.value
    explorer.on_look()
    assert lacking in explorer.status.value and not explorer.viewer.children and explorer.look.disabled
    explorer.picture.value = "face"
    assert handles() == (False, False, 4) and lacking not in explorer.status.value
    explorer.picture.value, explorer.codec.value = "cat", "jpeg"
    assert handles() == (False, False, 4) and lacking not in explorer.status.value
    explorer.codec.value = "webp"
    assert handles() == (True, True, 0) and lacking in explorer.status.value
    explorer.picture.value = ""
    explorer.look.click()
    assert handles() == (False, False, 4) and "made just now" in explorer.status.value


def test_a_click_takes_a_point_of_another_codec_where_the_chosen_one_has_none(rows):
    some = [row for row in rows if (row["codec"], row["image"]) != ("webp", "cat")]
    explorer = RDExplorer(some, images=PICTURES, rate=1.0)
    explorer.codec.value, explorer.picture.value = "webp", "cat"
    explorer.on_click(lines(explorer)["JPEG"], SimpleNamespace(point_inds=[2]))
    assert (explorer.codec.value, explorer.point.value) == ("jpeg", 60) and "cat, made" in explorer.status.value


def test_a_table_without_files_is_refused():
    with pytest.raises(LicLabError, match="no measured files"):
        RDExplorer([])


def test_without_the_pictures_of_the_table_a_point_is_shown_on_one_that_is_here(rows):
    other = PICTURES["cat"][:48, :40]
    explorer = RDExplorer(rows, images={"other": other}, rate=1.0)
    explorer.look.click()
    (viewer,) = explorer.viewer.children
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(viewer.a))), other)
    assert "other, made just now" in explorer.status.value and "none of them is here" in explorer.status.value


def test_a_codec_that_cannot_run_here_says_why(rows):
    mine = [row | {"codec": "my-codec"} for row in rows if row["codec"] == "jpeg"]
    explorer = RDExplorer(mine, images=PICTURES)
    explorer.look.click()
    assert "no codec called" in explorer.status.value and "my-codec" in explorer.status.value
    assert not explorer.look.disabled


def test_the_shipped_table_stands_beside_published_curves_with_their_sources(kodak):
    published = [f"{name} (published)" for name in OTHERS]
    assert set(published) <= set(said(kodak)) and all(lines(kodak)[name].line.dash == "dot" for name in published)
    assert kodak.notes.value.count("<li>") >= len(published) and "CompressAI" in kodak.notes.value
    kodak.others.value = False
    assert not set(published) & (set(said(kodak)) | set(lines(kodak)))
    kodak.others.value = True


def test_published_means_are_not_drawn_beside_one_picture_and_it_is_said(kodak):
    kodak.picture.value = "kodim05"
    assert not any("published" in name for name in lines(kodak)) and "means over all pictures" in kodak.notes.value
    kodak.picture.value = ""
    assert any("published" in name for name in lines(kodak))


def test_a_published_curve_can_be_the_anchor(kodak):
    kodak.anchor.value = "published:vtm"
    assert said(kodak)["vtm (published)"][1] == "+0.0 %" and said(kodak)["JPEG"][1].startswith("+")
    kodak.anchor.value = "jpeg"


def test_a_learned_codec_is_read_at_its_rate_point(kodak):
    rows = read_rows(data_path("results", "kodak.csv"))
    points = sorted({row["quality"] for row in rows if row["codec"] == "charm"})
    found = re.fullmatch(r"λ ≈ ([\d.]+) · rate point ≈ (\d\.\d\d)", said(kodak)["ChARM (learned)"][2])
    assert points[0] < float(found[2]) < points[-1]
    assert load_model("charm").rate_for_lambda(float(found[1])) == pytest.approx(float(found[2]), abs=0.1)


def test_every_metric_and_picture_can_be_shown_without_trouble(kodak):
    for metric in ("ms_ssim", "ms_ssim_db", "psnr_db"):
        kodak.metric.value = metric
        assert "alert" not in kodak.status.value and len(said(kodak)) > 9
    assert said(kodak)["JPEG"][1] == "+0.0 %"


def test_a_table_on_the_disk_may_be_named(rows, tmp_path, explorer):
    path = tmp_path / "rows.csv"
    write_rows(rows, path)
    assert list(said(RDExplorer(path, images={}, rate=1.0))) == list(said(explorer))
    with pytest.raises(LicLabError, match="cannot read the table"):
        RDExplorer(tmp_path / "none.csv")


def test_the_poster_shows_curves_and_numbers(explorer):
    with_both = Pillow.open(io.BytesIO(explorer.poster()))
    explorer.shown["webp"].value = False
    alone = Pillow.open(io.BytesIO(explorer.poster()))
    assert with_both.width == alone.width == 840 and with_both.height > alone.height > 400
    blue = np.asarray(with_both.convert("RGB")).reshape(-1, 3)
    assert (abs(blue.astype(int) - (0x25, 0x6B, 0x62)).max(axis=1) < 24).sum() > 50  # WebP's colour
    assert (
        abs(np.asarray(alone.convert("RGB")).reshape(-1, 3).astype(int) - (0x25, 0x6B, 0x62)).max(axis=1) < 12
    ).sum() < 20


def test_a_mean_is_of_the_pictures_that_every_point_has_and_the_others_are_remarked_on(rows):
    some = [row for row in rows if (row["codec"], row["image"]) != ("webp", "cat")]
    explorer = RDExplorer(some, images={}, rate=1.0)
    assert explorer.picture.label == "mean of 1" and explorer.curves.measured("psnr_db")["jpeg"].pictures == 1
    assert (
        "1 of 2 pictures are left out of the means: not every point of every codec has their PSNR"
        in explorer.notes.value
    )
    explorer.picture.value = "face"
    assert "left out of the means" not in explorer.notes.value
    assert RDExplorer(rows, images={}, rate=1.0).picture.label == "mean of 2"


def test_another_metric_may_be_known_of_fewer_pictures_and_the_mean_says_so(rows):
    measured = [row | {"ms_ssim": float("nan") if row["image"] == "cat" else 0.9} for row in rows]
    explorer = RDExplorer(measured, images={}, rate=1.0)
    assert explorer.picture.label == "mean of 2"
    explorer.metric.value = "ms_ssim"
    assert explorer.picture.label == "mean of 1" and "1 of 2 pictures are left out" in explorer.notes.value
    explorer.picture.value = "face"
    explorer.metric.value = "psnr_db"
    assert explorer.picture.value == "face" and explorer.picture.options[0] == ("mean of 2", "")
    assert "alert" not in explorer.status.value and list(said(explorer)) == ["JPEG", "WebP"]


def test_a_metric_that_no_picture_has_of_every_codec_can_be_read_picture_by_picture(rows):
    measured = [row | {"ms_ssim": float("nan") if row["codec"] == "webp" else 0.9} for row in rows]
    explorer = RDExplorer(measured, images={}, rate=1.0)
    explorer.metric.value = "ms_ssim"
    assert explorer.picture.label == "mean of 0" and "no picture has ms_ssim at every point" in explorer.status.value
    explorer.metric.value = "psnr_db"
    assert explorer.picture.label == "mean of 2" and "alert" not in explorer.status.value
