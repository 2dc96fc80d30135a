"""The command line as a person meets it: answers, files, and one line where something is wrong."""

import errno
import gc
import json
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import lic_lab
from lic_lab import cli
from lic_lab.datasets.bundled import skimage_file
from lic_lab.datasets.images import read_image, write_image
from lic_lab.datasets.stereo import motorcycle
from lic_lab.models.checkpoints import weights_path


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab` with words, in an empty folder; gives click's result."""
    monkeypatch.chdir(tmp_path)
    return lambda line, *more: CliRunner().invoke(cli.main, [*line.split(), *map(str, more)])


@pytest.fixture
def picture(tmp_path):
    """A real picture of odd size, as `photo.png` in the empty folder; its pixels are returned."""
    image = read_image(skimage_file("chelsea.png"))[50:245, 80:291]  # (195, 211, 3)
    write_image(tmp_path / "photo.png", image)
    return image


def assert_one_line(result, *words):
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.output
    assert all(word in result.stderr for word in words), result.stderr


def test_help_answers_without_loading_torch():
    code = "import sys; from lic_lab.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "lic-lab encode photo.png" in said
    assert not {"torch", "numpy", "rich", "PIL"} & set(said.splitlines()[-1].split())


def test_the_version_is_the_package_s_own(run):
    assert run("--version").output == f"lic-lab {lic_lab.__version__}\n"


@pytest.mark.parametrize("name", [name for name in cli.main.commands if name != "list"])
def test_the_help_of_every_command_shows_an_example(run, name):
    assert f"  lic-lab {name}" in run(f"{name} --help").output


def test_decode_gives_the_very_pixels_that_the_codec_decodes(run, picture):
    assert run("encode photo.png photo.jpg --codec jpeg --bpp 1.5").exit_code == 0
    assert run("decode photo.jpg back.png").exit_code == 0
    codec, data = lic_lab.load("jpeg"), Path("photo.jpg").read_bytes()
    assert 8 * len(data) <= 1.5 * picture.shape[0] * picture.shape[1]
    assert np.array_equal(read_image("back.png"), codec.decompress(data))


def test_encode_says_what_it_wrote(run, picture):
    said = run("encode photo.png photo.webp --codec webp --quality 50").output
    size = Path("photo.webp").stat().st_size
    assert said == f"photo.webp: {size:,} bytes, {8 * size / (195 * 211):.4f} bpp\n"


def test_a_file_is_recognised_by_its_bytes_whatever_its_name(run, picture):
    run("encode photo.png photo.webp --codec webp --quality 50")
    Path("photo.webp").rename("photo.dat")
    assert run("decode photo.dat back.png").exit_code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("encode nothing.png out.jpg --codec jpeg", ["nothing.png"]),
        ("encode photo.png out.jpg --codec jpegg", ["jpegg"]),
        ("encode photo.png out.jpg --codec jpeg --bpp 1 --max-bytes 900", ["bpp", "max_bytes"]),
        ("encode photo.png out.jpg --codec jpeg --bpp 0.001", ["smallest"]),
        ("encode photo.png out.jpg --codec jpeg --bpp -1", ["bpp"]),
        ("encode photo.png out.jpg --codec jpeg --psnr 90", ["dB"]),
        ("encode photo.png out.lic --codec jpeg", ["out.jpg"]),
        ("encode photo.png no/such/out.jpg --codec jpeg", ["no/such"]),
        ("encode . out.jpg --codec jpeg", ["folder"]),
        ("encode photo.png . --codec jpeg", ["folder"]),
        ("compare photo.png --codecs jpeg --bpp 1 --out photo.png", ["is a file"]),
        ("bench --json no/such/bench.json", ["no/such"]),
        ("bench --section nope", ["nope"]),
        ("info nope", ["nope", "charm"]),
        ("decode nothing.lic out.png", ["nothing.lic"]),
        ("decode photo.png out.png", ["PNG"]),
        ("decode photo.webp out.jpg", ["without loss"]),
        ("compare nothing.png --codecs jpeg --out out", ["nothing.png"]),
        ("compare photo.png --codecs jpeg,nope --out out", ["nope"]),
        ("compare photo.png --codecs jpeg --bpp 0.001 --out out", ["0.001"]),
        ("info nothing.lic", ["nothing.lic"]),
        ("train charm no_such_folder --preset tiny --steps 1 --out out", ["no_such_folder"]),
        ("train charmm . --preset tiny --steps 1 --out out", ["charmm"]),
    ],
)
def test_what_is_wrong_is_said_in_the_last_line_and_nothing_is_left_behind(run, picture, line, words):
    assert run("encode photo.png photo.webp --codec webp").exit_code == 0
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = run(line)
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    assert all(word in result.stderr.splitlines()[-1] for word in words), result.stderr
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("data", [b"", b"LIC", b"\x89PNG", b"some text", bytes(range(256)) * 8, b"LIC\x05" + bytes(60)])
def test_bytes_that_are_no_file_of_ours_are_refused_in_one_line(run, tmp_path, data):
    (tmp_path / "odd.lic").write_bytes(data)
    assert_one_line(run("decode odd.lic out.png"))
    assert not Path("out.png").exists()


def test_the_input_is_never_overwritten(run, picture):
    Path("photo.jpg").symlink_to("photo.png")
    before = Path("photo.png").read_bytes()
    assert_one_line(run("encode photo.png photo.jpg --codec jpeg"), "is the input itself")
    assert_one_line(run("decode photo.png ./photo.png"), "is the input itself")
    assert Path("photo.png").read_bytes() == before


def test_a_full_disk_is_one_line_and_leaves_the_old_file(run, picture, monkeypatch):
    Path("photo.jpg").write_bytes(b"what was here before")

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert_one_line(run("encode photo.png photo.jpg --codec jpeg"), "No space left on device")
    assert [path.name for path in Path().iterdir() if path.stem != "photo"] == []
    assert Path("photo.jpg").read_bytes() == b"what was here before"


def test_ctrl_c_ends_with_130_and_leaves_nothing(run, picture, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lic_lab.codecs.base.read_image", interrupt)
    result = run("encode photo.png photo.jpg --codec jpeg")
    assert result.exit_code == 130 and result.stderr.startswith("lic-lab: interrupted")
    assert not Path("photo.jpg").exists()


def test_transparency_is_mentioned(run, tmp_path, picture):
    from PIL import Image

    half = np.dstack([picture, np.full(picture.shape[:2], 128, np.uint8)])
    Image.fromarray(half).save(tmp_path / "half.png")
    result = run("encode half.png half.jpg --codec jpeg")
    assert result.exit_code == 0 and "composited on white" in result.stderr


def test_compare_prints_the_numbers_of_the_files_it_keeps(run, picture):
    result = run("compare photo.png --codecs jpeg,webp --bpp 1 --json --out kept")
    rows = json.loads(result.stdout)
    assert [(row["image"], row["codec"]) for row in rows] == [("photo", "jpeg"), ("photo", "webp")]
    assert json.loads(Path("kept/numbers.json").read_text()) == rows
    for row, name in zip(rows, ["photo.jpeg.jpg", "photo.webp.webp"], strict=True):
        assert row["bytes"] == Path("kept", name).stat().st_size and row["bpp"] <= 1
    assert read_image("kept/photo.sheet.png").shape[1] > 3 * 200


def test_weights_of_a_run_stand_beside_the_shipped_ones_of_the_same_name(run, picture):
    Path("mine").mkdir()
    shutil.copy(weights_path("charm"), "mine/charm.safetensors")
    rows = json.loads(run("compare photo.png --codecs charm,mine/charm.safetensors --bpp 1 --json --out kept").stdout)
    assert [row["codec"] for row in rows] == ["charm", "mine"] and rows[0]["bytes"] == rows[1]["bytes"]
    assert {"photo.charm.lic", "photo.mine.lic"} <= {path.name for path in Path("kept").iterdir()}
    both = "pair:charm,pair:mine/charm.safetensors"
    write_image("right.png", picture[:, ::-1].copy())
    assert_one_line(run(f"compare photo.png right.png --stereo --codecs {both}"), "2 codecs are called 'pair:charm'")


def test_equal_pictures_have_a_psnr_that_json_can_say(run):
    write_image("black.png", np.zeros((64, 64, 3), np.uint8))
    for command in ("compare black.png --codecs jpeg --bpp 9", "evaluate jpeg black.png --qualities 90 --out curves"):
        assert json.loads(run(f"{command} --json").stdout, parse_constant=pytest.fail)[0]["psnr_db"] is None


def test_an_interrupted_compare_shows_and_keeps_what_is_done(run, picture, monkeypatch):
    from lic_lab.evaluation import sweep

    for name in ("second", "third"):
        shutil.copy("photo.png", f"{name}.png")
    measure = sweep.measure

    def interrupted(codec, name, image, **target):
        if name == "second" and codec.name == "webp":
            raise KeyboardInterrupt
        return measure(codec, name, image, **target)

    monkeypatch.setattr(sweep, "measure", interrupted)
    result = run("compare photo.png second.png third.png --codecs jpeg,webp --bpp 1 --json --out kept")
    assert result.exit_code == 130 and "interrupted: these are the numbers of 1 of 3 pictures" in result.stderr
    rows = json.loads(result.stdout)
    assert [(row["image"], row["codec"]) for row in rows] == [("photo", "jpeg"), ("photo", "webp")]
    assert json.loads(Path("kept/numbers.json").read_text()) == rows
    assert {path.name for path in Path("kept").iterdir()} == {
        "photo.jpeg.jpg",
        "photo.webp.webp",
        "photo.sheet.png",
        "numbers.json",
    }


def test_compare_writes_every_picture_when_it_is_done_and_forgets_its_pixels(run, picture, monkeypatch):
    from lic_lab.evaluation import sweep

    for name in ("second", "third"):
        shutil.copy("photo.png", f"{name}.png")
    measure, pixels, seen = sweep.measure, {}, []

    def watched(codec, name, image, **target):
        gc.collect()
        sheets = sorted(path.name.split(".")[0] for path in Path("kept").glob("*.sheet.png"))
        seen.append((name, sheets, [known for known, pixel in pixels.items() if pixel() is not None]))
        row = measure(codec, name, image, **target)
        pixels[name] = weakref.ref(row.reconstruction)
        return row

    monkeypatch.setattr(sweep, "measure", watched)
    assert run("compare photo.png second.png third.png --codecs jpeg --bpp 1 --out kept").exit_code == 0
    first, second, third = seen
    assert first == ("photo", [], []) and second[:2] == ("second", ["photo"])
    assert third[:2] == ("third", ["photo", "second"]) and "photo" not in third[2]
    assert len(json.loads(Path("kept/numbers.json").read_text())) == 3


def test_compare_without_a_folder_writes_nothing(run, picture):
    assert "PSNR dB" in run("compare photo.png --codecs jpeg --bpp 1").stdout
    assert [path.name for path in Path().iterdir()] == ["photo.png"]


def test_list_names_every_codec_and_preset(run):
    said = run("list").stdout
    assert all(row.name in said for row in lic_lab.list_codecs())
    assert "model charm: presets tiny, lab, paper" in said


def test_info_says_what_a_file_is_and_how_large(run, picture):
    run("encode photo.png photo.webp --codec webp")
    said = run("info photo.webp").stdout
    assert "webp" in said and "211 x 195" in said and f"{Path('photo.webp').stat().st_size:,} bytes" in said


def test_info_says_what_a_model_consists_of_and_costs(run):
    said = run("info charm --preset tiny").stdout
    assert "charm, preset tiny" in said and "4 to encode, 4 to decode" in said and "61 x 61 pixels" in said
    assert all(stage in said for stage in ("analysis", "hyper analysis", "hyper synthesis", "context", "synthesis"))
    assert all(part in said for part in ("DCT shortcut", "conv 5x5 s2", "IGDN", "Claim", "Code", "Ours"))
    assert_one_line(run("info charm --preset huge"), "huge")
    assert_one_line(run("info charmm"), "charmm")


def test_info_counts_the_parameters_of_a_model_even_beside_a_folder_of_its_name(run, tmp_path):
    (tmp_path / "charm").mkdir()
    parameters = sum(p.numel() for p in lic_lab.build("charm", preset="tiny").parameters())
    assert f"{parameters:,}" in run("info charm --preset tiny").stdout


def test_info_as_json_is_about_the_picture_asked_for(run):
    record = json.loads(run("info charm --preset tiny --height 100 --width 200 --json").stdout)
    assert (record["height"], record["width"], record["model"]) == (100, 200, "charm, preset tiny")
    shapes = {stage["name"]: stage["shape"] for stage in record["stages"]}
    assert shapes["analysis"] == [24, 8, 16] and shapes["synthesis"] == [3, 128, 256]  # padded to multiples of 64


def test_info_has_no_json_of_a_file(run, picture):
    assert_one_line(run("info photo.png --json"), "--json", "models")


@pytest.fixture
def weights(tmp_path):
    """A model of one's own: untrained weights in a file, as `lic-lab train` writes them."""
    from lic_lab.models.checkpoints import save_model

    save_model(lic_lab.build("charm", preset="tiny"), tmp_path / "mine.safetensors", name="charm", preset="tiny")
    return "mine.safetensors"


def test_weights_of_one_s_own_encode_and_decode_by_the_name_of_their_file(run, picture, weights):
    assert run("encode photo.png photo.lic --codec mine.safetensors --quality 1.25").exit_code == 0
    assert run("decode photo.lic back.png --codec mine.safetensors").exit_code == 0
    codec = lic_lab.load(weights)
    assert np.array_equal(read_image("back.png"), codec.decompress(Path("photo.lic").read_bytes()))
    said = run("info photo.lic").stdout
    assert "211 x 195" in said and "1.2500" in said and codec.model.fingerprint().hex() in said


def test_a_lic_file_of_other_weights_names_them(run, picture, weights):
    run("encode photo.png photo.lic --codec mine.safetensors")
    assert_one_line(run("decode photo.lic back.png"), lic_lab.load(weights).model.fingerprint().hex(), ".safetensors")


def test_training_writes_weights_that_encode_and_can_be_resumed(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    cat = read_image(skimage_file("chelsea.png"))
    for number in range(13):
        write_image(tmp_path / "pictures" / f"{number}.png", cat[10 * number :][:96, :96])
    line = "train charm pictures --preset tiny --crop 64 --batch-size 1 --out run --steps"
    assert run(line, 2).stdout == f"weights: {Path('run/charm.safetensors')}\n"
    assert run("encode pictures/0.png photo.lic --codec run/charm.safetensors").exit_code == 0
    assert_one_line(run(line, 3), "resume")
    assert run(line, 3, "--resume").exit_code == 0


def test_a_closed_pipe_ends_quietly():
    words = [sys.executable, "-m", "lic_lab.cli", "--help"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


# Stereo pairs


@pytest.fixture
def views(tmp_path):
    """A pair of odd size, as `left.png` and `right.png` in the empty folder."""
    left, right, _ = motorcycle()
    views = left[100:197, 200:331], right[100:197, 200:331]
    for name, view in zip(("left", "right"), views, strict=True):
        write_image(tmp_path / f"{name}.png", view)
    return views


@pytest.fixture
def stereo_weights(tmp_path):
    """Weights of a small BiSIC, in the empty folder."""
    from lic_lab.models.checkpoints import save_model

    torch.manual_seed(0)
    save_model(lic_lab.build("bisic"), tmp_path / "stereo.safetensors", name="bisic", preset="tiny")
    return "stereo.safetensors"


def test_a_pair_goes_into_one_file_and_comes_back_as_two_pictures(run, views, stereo_weights):
    said = run(f"encode left.png right.png pair.lic --codec {stereo_weights}")
    assert said.exit_code == 0, said.output
    data = Path("pair.lic").read_bytes()
    assert f"{8 * len(data) / (2 * 97 * 131):.4f} bpp" in said.stdout
    assert run(f"decode pair.lic a.png b.png --codec {stereo_weights}").exit_code == 0
    decoded = lic_lab.load(stereo_weights).decompress(data)
    for name, view in zip(("a.png", "b.png"), decoded, strict=True):
        assert np.array_equal(read_image(name), view) and view.shape == views[0].shape


def test_targets_hold_for_pairs(run, views, stereo_weights):
    codec = lic_lab.load(stereo_weights)
    most, least = (len(codec.compress(views, quality=quality)) for quality in (2.0, 0.0))
    ceiling = (most + least) // 2
    assert run(f"encode left.png right.png pair.lic --codec {stereo_weights} --max-bytes {ceiling}").exit_code == 0
    assert 0.9 * ceiling <= Path("pair.lic").stat().st_size <= ceiling


def test_each_view_by_itself_needs_no_weights(run, views):
    assert run("encode left.png right.png both.pair --codec pair:jpeg --bpp 2").exit_code == 0
    assert "two views of 131 x 97" in run("info both.pair").stdout
    assert run("decode both.pair a.png b.png").exit_code == 0
    assert read_image("b.png").shape == views[1].shape


def test_pictures_and_pairs_are_told_apart_in_one_line(run, views, stereo_weights):
    assert_one_line(
        run(f"encode left.png pair.lic --codec {stereo_weights}"), "codes pairs: lic-lab encode left.png right"
    )
    assert_one_line(run("encode left.png right.png both.jpg --codec jpeg"), "codes one picture")
    assert_one_line(run("encode left.png right.png left.png x.lic"), "not 3 pictures")
    run("encode left.png right.png both.pair --codec pair:jpeg")
    assert_one_line(run("decode both.pair a.png"), "pair:jpeg decodes to a left and a right view")
    assert_one_line(run("decode both.pair a.png a.png"), "give two names")
    run("encode left.png one.jpg --codec jpeg")
    assert_one_line(run("decode one.jpg a.png b.png"), "give one name")
    assert_one_line(run("decode one.jpg a.png a.png"), "give one name")
    assert_one_line(run("encode right.png left.png both.pair --codec pair:jpeg"), "exchange them")
    assert_one_line(run("encode left.png left.png both2.pair --codec pair:jpeg"), "both views are one file")
    write_image("small_right.png", views[1][:50])
    assert_one_line(run("encode left.png small_right.png x.pair --codec pair:jpeg"), "131 x 97 and 131 x 50")


def test_compare_measures_pairs(run, views):
    said = run("compare left.png right.png --stereo --codecs pair:jpeg,pair:webp --bpp 2 --json --out kept")
    assert said.exit_code == 0, said.output
    rows = json.loads(said.stdout)
    assert [row["codec"] for row in rows] == ["pair:jpeg", "pair:webp"] and len(rows[0]["view_psnr_db"]) == 2
    assert rows[0]["bytes"] == Path("kept/left.pair-jpeg.pair").stat().st_size
    assert read_image("kept/left.sheet.png").shape[2] == 3
    assert_one_line(run("compare left.png right.png --stereo --codecs jpeg"), "use pair:jpeg")


def test_nothing_is_overwritten_by_who_forgets_the_name_of_the_file(run, views):
    write_image("a_left.png", views[0])
    write_image("a_right.png", views[1])
    for name in ("a_left", "a_right"):
        run(f"encode {name}.png {name}.jpg --codec jpeg")
    before = Path("a_right.jpg").read_bytes()
    assert_one_line(run("encode a_left.jpg a_right.jpg --codec jpeg"), "named as the other view")
    assert Path("a_right.jpg").read_bytes() == before
    assert run("encode a_right.png a_right.jpg --codec jpeg").exit_code == 0  # once more, on purpose


def test_both_names_are_looked_at_before_anything_is_decoded(run, views):
    run("encode left.png right.png both.pair --codec pair:jpeg")
    assert_one_line(run("decode both.pair a.png b.jpg"), "without loss")
    assert not Path("a.png").exists()


def test_views_that_look_exchanged_are_mentioned_once(run, tmp_path):
    left, right, _ = motorcycle()
    write_image(tmp_path / "one.png", right)
    write_image(tmp_path / "two.png", left)
    said = run("encode one.png two.png both.pair --codec pair:jpeg")
    assert said.exit_code == 0 and said.stderr.count("look exchanged") == 1


def test_a_file_of_a_stereo_codec_says_so_even_where_its_weights_are_missing(run, views, stereo_weights):
    encoded = run(f"encode left.png right.png pair.lic --codec {stereo_weights}").stdout
    said = run("info pair.lic").stdout
    assert "two views of 131 x 97" in said and encoded.split(", ")[1].strip() in said


def test_what_compare_cannot_take_for_pairs_is_said_plainly(run, views):
    assert_one_line(run("compare left.png --stereo"), "got 1 names")
    assert_one_line(run("compare left.png right.png left.png --stereo"), "got 3 names")
    assert_one_line(run("compare left.png nowhere.png --stereo"), "no such file or folder: 'nowhere.png'")
    Path("folder").mkdir()
    assert_one_line(run("compare folder left.png --stereo"), "got 2 names")
    write_image("folder/1_L.png", views[0])
    write_image("folder/1_R.png", views[1][:50])
    assert_one_line(run("compare folder --stereo"), "the pair '1'", "131 x 50")
