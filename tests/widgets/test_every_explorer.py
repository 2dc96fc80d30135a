"""All panels alike: a poster without a kernel, handles with names, moves that change something, no trouble.

A panel that joins `lic_lab.widgets` joins the GALLERY too; the first test sees to that.
"""

import io
import shutil
import subprocess
import tempfile
from functools import cache

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image as Pillow

import lic_lab.widgets as room
from lic_lab.datasets.bundled import bundled_images
from lic_lab.models.presets import build
from lic_lab.plots.views import Picture
from lic_lab.widgets.decoding_player import DecodingPlayer
from lic_lab.widgets.explorer import Manners
from lic_lab.widgets.flow import FlowBox
from lic_lab.widgets.picker import Picker
from lic_lab.widgets.scan_player import ScanPlayer
from lic_lab.widgets.stereo import motorcycle_crop
from lic_lab.widgets.viewer import Viewer

FACE = bundled_images()["astronaut"][100:228, 120:248]  # 128 x 128
ROWS = [
    {"codec": codec, "image": "face", "quality": q, "bytes": 2048 * k, "bpp": float(k), "psnr_db": 28 + 2.0 * k + up}
    for codec, up in (("jpeg", 0), ("webp", 1))
    for k, q in enumerate((10, 30, 60, 90), start=1)
]
GALLERY = {
    "AttentionExplorer": lambda: room.AttentionExplorer(build("asymmetric"), {"face": FACE}),
    "BitExplorer": lambda: room.BitExplorer(
        {"charm": build("charm"), "asymmetric": build("asymmetric")}, {"face": FACE}
    ),
    "BitrateExplorer": lambda: room.BitrateExplorer(FACE, ["jpeg", "webp"], rates=(0.8, 1.2, 2)),
    "BlindTest": lambda: room.BlindTest({"face": (FACE, {"dark": FACE // 2, "darker": FACE // 3})}),
    "Comparison": lambda: room.Comparison({"face": FACE}, ["jpeg", "webp"], bpp=0.8),
    "DecodingPlayer": lambda: room.DecodingPlayer(build("charm"), FACE),
    "Explorer": lambda: room.Explorer(lambda n: Picture(FACE // n), name="Steps", n=room.slide([1, 2, 4], "Step")),
    "FieldClicker": lambda: room.FieldClicker({"charm": build("charm"), "csm": build("csm")}, FACE, side=64),
    "FlowExplorer": lambda: room.FlowExplorer(
        ["charm", "hyperprior"], preset="tiny", sizes={"64": (64, 64), "128": (128, 128)}
    ),
    "Picker": lambda: room.Picker(FACE, label="Face"),
    "RDExplorer": lambda: room.RDExplorer(ROWS, images={"face": FACE}),
    "ScanPlayer": lambda: room.ScanPlayer(FACE, size=8),
    "SpectrumExplorer": lambda: room.SpectrumExplorer({"cmamba": build("cmamba")}, {"face": FACE}),
    "StereoExplorer": lambda: room.StereoExplorer(build("bisic"), motorcycle_crop(200, 260, 64, 128)),
    "TrainingCockpit": lambda: room.TrainingCockpit("hyperprior", out=tempfile.mkdtemp(), crop=64),
    "Viewer": lambda: room.Viewer(FACE, FACE // 2),
    "Wall": lambda: room.Wall(FACE, {"jpeg": FACE // 2, "webp": FACE // 3}),
    "WaveletExplorer": lambda: room.WaveletExplorer(FACE, build("asymmetric")),
}
EXPLORERS = sorted(name for name in GALLERY if name.endswith(("Explorer", "Clicker")))


@pytest.fixture(scope="module")
def gallery():
    """Name -> panel, each made once, when it is first asked for."""
    return cache(lambda name: GALLERY[name]())


def inside(widget):
    """A widget and all that are in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def handles(panel) -> list:
    return [w for w in inside(panel) if isinstance(w, (widgets.Dropdown, widgets.SelectionSlider, widgets.Checkbox))]


def shown(panel) -> list:
    """What is on the page: texts, curves, pictures."""
    found = []
    for widget in inside(panel):
        if isinstance(widget, (widgets.HTML, widgets.Image)):
            found.append(widget.value)
        found += [getattr(widget, name) for name in ("png", "a", "b") if isinstance(getattr(widget, name, None), bytes)]
        if hasattr(widget, "data") and hasattr(widget, "layout") and hasattr(widget, "add_trace"):
            found.append([(trace.visible, trace.x, trace.y) for trace in widget.data])
    return found


def move(handle) -> None:
    """Put a handle where it is not."""
    if isinstance(handle, widgets.Checkbox):
        handle.value = not handle.value
    else:
        handle.index = handle.index - 1 if handle.index else 1


def test_the_gallery_has_every_panel_of_the_room():
    helpers = {"choose", "slide", "switch"}
    assert set(GALLERY) == set(room.__all__) - helpers


@pytest.mark.parametrize("name", [name for name in GALLERY if name != "Picker"])
def test_it_leaves_a_picture_behind_for_readers_without_a_kernel(gallery, name):
    bundle, _ = gallery(name)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    poster = Pillow.open(io.BytesIO(gallery(name).poster()))
    assert poster.format == "PNG" and poster.width >= 300 and np.ptp(np.asarray(poster.convert("L"))) > 100


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_handle_has_a_name_and_something_to_choose_or_is_switched_off(gallery, name):
    found = handles(gallery(name))
    assert found and all(handle.description for handle in found)
    options = [handle for handle in found if not isinstance(handle, widgets.Checkbox) and not handle.disabled]
    assert all(handle.options for handle in options)


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_handle_moves_without_trouble_and_back_to_the_same_page(gallery, name):
    panel = gallery(name)
    changed = 0
    for handle in handles(panel):
        if handle.disabled or (not isinstance(handle, widgets.Checkbox) and len(handle.options) < 2):
            continue
        before = handle.index if hasattr(handle, "index") else handle.value
        page = shown(panel)
        move(handle)
        assert 'role="alert"' not in panel.status.value, (handle.description, panel.status.value)
        changed += shown(panel) != page
        if hasattr(handle, "index"):
            handle.index = before
        else:
            handle.value = before
    assert changed


@pytest.mark.parametrize("name", EXPLORERS)
def test_pictures_and_charts_say_in_words_what_they_show(gallery, name):
    for widget in inside(gallery(name)):
        if isinstance(getattr(widget, "about", None), dict):
            assert widget.about["alt"]
        if isinstance(widget, widgets.HTML) and "<svg" in widget.value:
            assert 'aria-label="' in widget.value


SCRIPTS = {
    "DecodingPlayer": DecodingPlayer,
    "FlowBox": FlowBox,
    "Manners": Manners,
    "Picker": Picker,
    "ScanPlayer": ScanPlayer,
    "Viewer": Viewer,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_asks_nothing_of_the_internet(name):
    text = SCRIPTS[name]._esm + SCRIPTS[name]._css
    assert "http" not in text and "import " not in text and "@import" not in text


@pytest.mark.skipif(not shutil.which("node"), reason="needs node to parse JavaScript")
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_valid_module(name, tmp_path):
    path = tmp_path / "script.mjs"
    path.write_text(SCRIPTS[name]._esm, "utf-8")
    assert subprocess.run(["node", "--check", path], capture_output=True, text=True).stderr == ""
