"""The bitrate explorer without a browser: choices change pictures and numbers together, trouble is shown."""

import io
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image as Pillow
from traitlets.utils.bunch import Bunch

from lic_lab.codecs.pillow import Jpeg
from lic_lab.datasets.bundled import bundled_images, data_path
from lic_lab.errors import LicLabError
from lic_lab.widgets.bitrate import BitrateExplorer, numbers_table


@pytest.fixture(scope="module")
def image():
    return bundled_images()["astronaut"][100:292, 120:312]


@pytest.fixture
def explorer(image):
    return BitrateExplorer(image, ["jpeg2000", "jpeg"], rates=(0.1, 0.5, 1.0), start=0.5, name="face")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)))


def send_file(explorer, name: str, content: bytes) -> None:
    """What the browser does when a reader chooses a file."""
    now = datetime.now(UTC)
    file = Bunch(name=name, type="image/png", size=len(content), content=memoryview(content), last_modified=now)
    explorer.upload.value = (file,)


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_starts_at_the_nearest_stop_with_the_first_two_codecs(explorer):
    assert explorer.slider.label == "0.5 bpp · 2,304 bytes"
    assert (explorer.left.value, explorer.right.value) == ("jpeg2000", "jpeg")


def test_the_slider_changes_pictures_numbers_and_curve(explorer):
    def state():
        return explorer.viewer.a, explorer.viewer.b, explorer.numbers.value, explorer.curve.value, explorer.viewer.name

    before = state()
    explorer.slider.value = 2
    assert all(new != old for new, old in zip(state(), before, strict=True))
    assert np.array_equal(pixels(explorer.viewer.a), explorer.stops[2].points["jpeg2000"].reconstruction)


def test_the_original_can_be_put_on_either_side(explorer, image):
    explorer.right.value = "original"
    assert np.array_equal(pixels(explorer.viewer.b), image)


def test_where_a_codec_cannot_be_so_small_picture_and_table_say_so(explorer):
    explorer.slider.value = 0
    least = explorer.stops[0].too_large["jpeg"]
    assert explorer.viewer.about_b["caption"] == f"no file this small: at least {least:,} bytes"
    assert np.ptp(pixels(explorer.viewer.b)) == 0
    assert f"needs at least {least:,} bytes" in explorer.numbers.value


def test_the_table_shows_the_numbers_of_the_files_and_marks_the_best(explorer):
    stop = explorer.stops[2]
    table = numbers_table(stop, ["jpeg2000", "jpeg"], "jpeg", "original").html()
    for point in stop.points.values():
        assert f"<td>{point.bytes:,}</td>" in table and f"{point.psnr_db:.2f}</td>" in table
    best = max(stop.points.values(), key=lambda point: point.psnr_db)
    assert f'<td class="lic-best">{best.psnr_db:.2f}</td>' in table


def test_another_metric_redraws_the_curve_only(explorer):
    numbers, curve = explorer.numbers.value, explorer.curve.value
    explorer.metric.value = "ms_ssim"
    assert explorer.numbers.value == numbers and explorer.curve.value != curve


def test_an_uploaded_picture_takes_the_stage_and_keeps_the_rate(explorer):
    explorer.slider.value = 2
    flipped = np.ascontiguousarray(explorer.image[:, ::-1])
    send_file(explorer, "mine.png", png(flipped))
    explorer.left.value = "original"
    assert np.array_equal(pixels(explorer.viewer.a), flipped)
    assert explorer.slider.label.startswith("1 bpp") and "mine.png: 192 × 192" in explorer.status.value
    assert explorer.upload.value == () and not explorer.slider.disabled


def test_a_large_upload_is_scaled_down_and_that_is_said(explorer):
    explorer.longest = 180
    send_file(explorer, "big.png", png(explorer.image))
    assert explorer.image.shape == (180, 180, 3) and "scaled down from 192 × 192" in explorer.status.value


@pytest.mark.parametrize(
    "content", [b"", b"words", png(np.zeros((5, 5, 3), np.uint8))[:40]], ids=["empty", "text", "truncated"]
)
def test_an_unreadable_upload_is_shown_as_trouble_and_nothing_changes(explorer, content):
    before = explorer.viewer.a
    send_file(explorer, "odd.png", content)
    assert 'role="alert"' in explorer.status.value and explorer.viewer.a == before
    assert "odd.png" in explorer.status.value and "BytesIO" not in explorer.status.value
    assert not explorer.upload.disabled and explorer.upload.value == ()


def test_an_upload_that_a_codec_refuses_is_told_in_its_words_and_nothing_changes(explorer, monkeypatch):
    def refuse(image, quality):
        raise LicLabError("this codec codes squares only")

    monkeypatch.setattr(explorer.codecs[1], "encode", refuse)
    before = explorer.viewer.a
    send_file(explorer, "odd.png", png(explorer.image[:100]))
    assert "this codec codes squares only" in explorer.status.value and 'role="alert"' in explorer.status.value
    assert explorer.viewer.a == before and explorer.name == "face" and not explorer.upload.disabled


def test_the_poster_is_a_picture_of_useful_size(explorer):
    poster = Pillow.open(io.BytesIO(explorer.poster()))
    assert poster.format == "PNG" and poster.width > 700


def test_every_measured_file_can_be_drawn_as_a_curve(explorer):
    assert {point.codec for point in explorer.points} == {"jpeg", "jpeg2000"} and len(explorer.points) == 5


def test_an_upload_above_pillows_own_limit_is_told_in_our_words_and_ours_counts(explorer, monkeypatch, recwarn):
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)
    send_file(explorer, "mine.png", png(explorer.image))
    assert "mine.png: 192 × 192" in explorer.status.value and not recwarn.list


def test_two_codecs_of_one_name_are_refused(image):
    two = [Jpeg(), Jpeg("jpeg", "JPEG 4:4:4", chroma="4:4:4")]
    with pytest.raises(LicLabError, match=r"^2 codecs are called 'jpeg': give each a name of its own$"):
        BitrateExplorer(image, two, rates=(1.0,))


def test_weights_of_ones_own_stand_beside_the_shipped_model_whose_file_has_the_same_name(image, tmp_path):
    (tmp_path / "mine").mkdir()
    path = shutil.copy(data_path("weights", "charm.safetensors"), tmp_path / "mine")
    explorer = BitrateExplorer(image[:64, :64], [str(path), "charm"], rates=(2.0,))
    assert [codec.name for codec in explorer.codecs] == ["mine", "charm"] == list(explorer.stops[0].points)


@pytest.mark.parametrize("wrong", [{"rates": ()}, {"rates": (float("nan"), 4)}, {"longest": 0}])
def test_sizes_that_are_none_are_refused(image, wrong):
    with pytest.raises(LicLabError, match=r"give rates=|a number above 0|1 or more"):
        BitrateExplorer(image, ["jpeg"], **wrong)
