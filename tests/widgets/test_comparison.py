"""The comparison gives every codec the same bytes, shows what each makes of them, and maps errors and bits."""

import html
import io
import re
import shutil

import numpy as np
import pytest
from ipywidgets.widgets import widget
from PIL import Image as Pillow

from lic_lab.codecs import load
from lic_lab.codecs.learned import wrap
from lic_lab.codecs.rate import ceiling_in_bytes
from lic_lab.datasets.bundled import bundled_images, data_path
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import ms_ssim, psnr
from lic_lab.models.presets import build
from lic_lab.plots.views import heat
from lic_lab.probes.bitmaps import bit_map
from lic_lab.widgets.comparison import LOUDEST, Comparison

PICTURES = {
    "face": bundled_images()["astronaut"][20:196, 120:290],  # 176 x 170: large enough for MS-SSIM
    "cat": bundled_images()["chelsea"][90:154, 180:260],  # 64 x 80
}


@pytest.fixture
def panel():
    return Comparison(PICTURES, ["jpeg", "webp"], bpp=0.8)


@pytest.fixture
def learned():
    return Comparison({"cat": PICTURES["cat"]}, [wrap(build("charm"), "charm"), "jpeg"], bpp=4)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)))


def viewers(panel) -> list:
    return panel.stage.children[0].viewers if panel.stage.children else []


def said(panel) -> dict[str, list[str]]:
    """The table as text: codec -> cells."""
    lines = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", panel.numbers.value)
    cells = [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.split("</t[hd]>", line)] for line in lines]
    return {name: rest[:-1] for name, *rest in cells}


def test_every_codec_shows_what_the_best_file_within_the_bytes_decodes_to(panel):
    face = PICTURES["face"]
    for name, viewer in zip(("jpeg", "webp"), viewers(panel), strict=True):
        data = load(name).compress(face, bpp=0.8)
        assert np.array_equal(pixels(viewer.a), face) and np.array_equal(pixels(viewer.b), load(name).decode(data))
        assert f"{len(data):,} bytes" in viewer.about_b["caption"]


def test_the_table_says_bytes_distance_from_the_target_and_quality(panel):
    face, target = PICTURES["face"], ceiling_in_bytes(0.8, 176, 170)
    assert f"At most {target:,} bytes" in panel.numbers.value
    for name, label in (("jpeg", "JPEG"), ("webp", "WebP")):
        data = load(name).compress(face, bpp=0.8)
        decoded = load(name).decode(data)
        share = f"{len(data) / target - 1:+.1%}".replace("-", "−")
        expected = [f"{len(data):,}", share, f"{8 * len(data) / face[..., 0].size:.3f}"]
        expected += [f"{psnr(face, decoded):.2f}", f"{ms_ssim(face, decoded):.4f}"]
        assert said(panel)[label][:5] == expected and len(data) <= target


def test_the_better_quality_is_in_bold(panel):
    decibels = {label: float(cells[3]) for label, cells in said(panel).items()}
    assert decibels["WebP"] != decibels["JPEG"]
    best = max(decibels.values())
    assert f'<td class="lic-best">{best:.2f}</td>' in panel.numbers.value


def test_a_larger_size_takes_more_bytes_and_gives_more_quality(panel):
    before = said(panel)
    panel.rate.value = 1.0
    after = said(panel)
    for label in before:
        assert int(after[label][0].replace(",", "")) > int(before[label][0].replace(",", ""))
        assert float(after[label][3]) > float(before[label][3])


def test_a_codec_that_cannot_make_so_small_a_file_says_so_in_one_line(panel):
    panel.rate.value = 0.12
    least = len(load("jpeg").encode(PICTURES["face"], load("jpeg").ladder.quality(0)))
    assert said(panel)["JPEG"] == [f"needs at least {least:,} bytes"]
    assert np.ptp(pixels(viewers(panel)[0].b)) == 0 and "no file this small" in viewers(panel)[0].about_b["caption"]
    assert "alert" not in panel.status.value and len(panel.poster()) > 1000


def test_the_error_map_is_the_mean_distance_over_colours(panel):
    panel.map.value = "error"
    face, decoded = PICTURES["face"], load("jpeg").decode(load("jpeg").compress(PICTURES["face"], bpp=0.8))
    mean = np.abs(face.astype(int) - decoded).sum(axis=2) / 3
    assert np.array_equal(pixels(viewers(panel)[0].b), heat(mean, low=0, high=LOUDEST).image)
    assert str(LOUDEST) in viewers(panel)[0].about_b["caption"]


def test_the_bits_map_is_that_of_the_file_and_classical_codecs_have_none(learned):
    learned.map.value = "bits"
    model = learned.codecs["charm"].model
    data = learned.found()["charm"].data
    bits = bit_map(model, data).positions[0]
    assert bits.sum().item() == pytest.approx(8 * len(data), rel=0.2)  # the rest: header, end of the stream
    shown = pixels(viewers(learned)[0].b)
    right = heat(bits.numpy()[:4, :5], low=0, high=float(bits[:4, :5].max())).image
    assert shown.shape == (64, 80, 3) and np.array_equal(shown[8::16, 8::16], right)
    assert np.ptp(pixels(viewers(learned)[1].b)) == 0 and "no latent" in viewers(learned)[1].about_b["caption"]


def test_another_codec_takes_the_place_that_is_chosen_and_zoom_stays(panel):
    for viewer in viewers(panel):
        viewer.zoom = 4.0
    panel.chosen[2].value = "jpeg2000"
    assert list(said(panel)) == ["JPEG", "WebP", "JPEG 2000"]
    assert [viewer.zoom for viewer in viewers(panel)] == [4.0] * 3
    panel.chosen[0].value = ""
    assert list(said(panel)) == ["WebP", "JPEG 2000"] and len(viewers(panel)) == 2


def test_no_codec_leaves_an_empty_stage_and_the_way_out(panel):
    for control in panel.chosen:
        control.value = ""
    assert not viewers(panel) and "Choose a codec" in panel.status.value
    panel.chosen[0].value = "jpeg"
    assert len(viewers(panel)) == 1


def test_another_picture_is_shown_in_the_same_viewers(panel):
    before = viewers(panel)
    panel.picture.value = "cat"
    assert viewers(panel) == before and np.array_equal(pixels(before[0].a), PICTURES["cat"])
    assert said(panel)["WebP"][4] == "—"  # too small for MS-SSIM
    narrow = Comparison({"strip": PICTURES["face"][:, :64]}, ["webp"], bpp=0.8)
    assert said(narrow)["WebP"][4] == "—"  # and so is one that is long enough in one direction only


def test_what_is_being_done_is_said_before_the_first_file_and_with_each_one(panel, monkeypatch):
    heard, encode = [], load("webp").encode
    panel.progress.text.observe(lambda change: heard.append(change.new), "value")

    def listening(image, quality):
        heard.append("encoding")
        return encode(image, quality)

    monkeypatch.setattr(panel.codecs["webp"], "encode", listening)
    panel.picture.value = "cat"
    first = heard.index("encoding")
    assert heard[first - 1] == "2 of 2 · WebP: file 1 …" and "2 of 2 · WebP: file 2 …" in heard
    assert "1 of 2 · JPEG …" in heard[:first] and panel.progress.layout.display == "none"


def test_encoding_seconds_are_those_of_the_file_with_what_is_done_once_for_all_of_them(panel, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("lic_lab.widgets.comparison.time.perf_counter", lambda: float(next(clock)))
    panel.picture.value = "cat"
    found = panel.found()["webp"]
    run = panel.runs["cat", "webp"]
    assert run.once == 1 and set(run.seconds.values()) == {2.0}
    assert (found.encode_seconds, found.decode_seconds) == (2.0, 1.0)


def test_bits_are_mapped_only_when_they_are_asked_for(learned):
    assert not learned.mapped
    learned.map.value = "bits"
    assert list(learned.mapped) == [learned.key("charm")]
    assert learned.bits("charm").shape == (4, 5)  # 64 x 80 pixels; what the model pads to is not shown


def test_what_was_found_once_is_not_searched_again(panel, monkeypatch):
    panel.rate.value = 1.0
    monkeypatch.setattr(panel, "search", lambda codec: pytest.fail(f"{codec.name} searched again"))
    panel.rate.value = 0.8
    assert "alert" not in panel.status.value and "0.8 bpp" in panel.numbers.value


def test_a_comparison_of_nothing_and_of_too_many_is_refused():
    for pictures, codecs in (({}, ["jpeg"]), (PICTURES, []), (PICTURES, ["jpeg"] * 5)):
        with pytest.raises(LicLabError, match="one to 4 codecs"):
            Comparison(pictures, codecs)
    with pytest.raises(LicLabError, match="no codec called"):
        Comparison(PICTURES, ["jpgg"])


@pytest.mark.parametrize("bpp", [0, -1, float("nan"), float("inf"), "small"])
def test_a_size_that_is_none_is_refused(bpp):
    with pytest.raises(LicLabError, match="a number above 0"):
        Comparison(PICTURES, ["jpeg"], bpp)


def test_large_pictures_are_scaled_down():
    panel = Comparison({"face": bundled_images()["astronaut"]}, ["jpeg"], bpp=0.5, longest=96)
    assert viewers(panel)[0].about_a["label"] == "Original" and pixels(viewers(panel)[0].a).shape == (96, 96, 3)


def test_weights_of_ones_own_stand_beside_the_shipped_model_whose_file_has_the_same_name(tmp_path):
    (tmp_path / "mine").mkdir()
    path = shutil.copy(data_path("weights", "charm.safetensors"), tmp_path / "mine")
    panel = Comparison({"cat": PICTURES["cat"]}, [str(path), "charm"], bpp=4)
    assert panel.names == ["mine", "charm"] and len(viewers(panel)) == 2


def test_two_codecs_of_one_name_are_refused():
    two = [wrap(build("charm"), "charm"), wrap(build("charm"), "charm")]
    with pytest.raises(LicLabError, match=r"^2 codecs are called 'charm': give each a name of its own$"):
        Comparison({"cat": PICTURES["cat"]}, two, bpp=4)


def test_a_picture_without_a_name_is_refused_with_the_mend():
    for picture, kind in ((PICTURES["cat"], "ndarray"), ("photo.png", "str")):
        with pytest.raises(LicLabError, match=f"by name, not as {kind}: give pictures="):
            Comparison(picture, ["jpeg"], 4)


def test_viewers_that_another_number_of_codecs_replaces_are_closed_with_their_links(panel):
    def in_and_out():
        panel.chosen[2].value = "jpeg2000"
        panel.chosen[2].value = ""
        return len(widget._instances)

    assert in_and_out() == in_and_out() == in_and_out() and len(viewers(panel)) == 2
