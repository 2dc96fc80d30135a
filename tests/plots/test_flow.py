"""The diagram of a model shows every stage of its record, live and still, and says the same in words."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from torch import nn

from lic_lab.models.hyperprior import Hyperprior
from lic_lab.models.presets import build
from lic_lab.plots.drawing import Frame, Path, Words, mixed
from lic_lab.plots.flow import STRONGEST, Flow, count, flow_parts, flow_text
from lic_lab.plots.grid import INK, PAPER, font
from lic_lab.plots.palette import STYLES
from lic_lab.probes.complexity import complexity

DARK, BRIGHT = "#111111", "#f0f2f5"  # paper and ink of a dark page


@pytest.fixture(scope="module")
def found():
    return complexity(build("charm", "tiny"), 64, 128)


def marks(flow, kind) -> list:
    return [mark for mark in flow.drawing.marks if isinstance(mark, kind)]


def words(flow) -> list[str]:
    """All that is written in the diagram."""
    return [mark.text for mark in marks(flow, Words)]


def luminance(color) -> float:
    """Relative luminance of WCAG 2."""
    parts = [value / 255 for value in bytes.fromhex(color[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_part_is_drawn_with_its_shape_and_work(found):
    said = words(Flow(found, "charm, preset tiny"))
    parts = [part for stage in found.stages for part in stage.parts or [stage]]
    for part in parts:
        assert part.name in " ".join(said)  # on one line or on two
        macs = max(part.encode_macs, part.decode_macs)
        assert not macs or any(f"{found.kmac(macs):.2f} kMAC/px" in line for line in said)
    assert said.count("8×32×64") == 2 * 2  # convolution and GDN, in the encoder and in the decoder
    assert {"Encoder", "Entropy model", "Decoder"} <= set(said)


def test_the_streams_are_marked_with_their_symbols_and_passes(found):
    said = words(Flow(found))
    assert said.count("bits of z") == said.count("bits of y") == 1
    assert "16 symbols in 1 pass" in said and "768 symbols in 3 passes" in said


def extent(mark: Words) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a line of text as a still has it."""
    wide = min(font(round(10 * mark.size), bold=mark.bold).getlength(mark.text) / 10 * 0.94, mark.room)
    left = mark.x - wide * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
    return left, left + wide, mark.y - 0.35 * mark.size, mark.y + 0.35 * mark.size


@pytest.mark.parametrize("name", ["charm", "asymmetric", "bisic"])
def test_nothing_is_written_outside_of_the_sheet_or_over_another_line(name):
    flow = Flow(complexity(build(name, "tiny"), 64, 128), name, note="Some words. " * 30)
    places = [extent(mark) for mark in marks(flow, Words)]
    for number, (left, right, top, bottom) in enumerate(places):
        assert left >= 0 and right <= flow.drawing.width and top >= 0 and bottom <= flow.drawing.height
        for other in places[number + 1 :]:
            assert right <= other[0] or other[1] <= left or bottom <= other[2] or other[3] <= top
    for frame in marks(flow, Frame):
        assert frame.x >= 0 and frame.x + frame.width <= flow.drawing.width


@pytest.mark.parametrize("codec", STYLES)
@pytest.mark.parametrize(("paper", "ink"), [(PAPER, INK), (DARK, BRIGHT)])
def test_text_is_readable_on_paper_and_on_the_strongest_fill(paper, ink, codec):
    assert contrast(ink, mixed(STYLES[codec].color, STRONGEST, paper)) >= 4.5
    assert contrast(ink, paper) >= 7


def test_the_box_with_the_most_work_has_the_strongest_fill(found):
    shares = {frame.part: frame.share for frame in marks(Flow(found), Frame) if frame.part}
    parts = [part for lane in flow_parts(found).values() for part in lane]
    most = max(parts, key=lambda part: max(part.encode_macs, part.decode_macs))
    assert max(shares, key=shares.get) == most.path and shares[most.path] == STRONGEST
    assert shares["gain"] == 0


def test_the_page_gives_the_svg_its_colours_and_every_box_says_which_part_it_is(found):
    flow = Flow(found, 'a <title> "quoted"', "charm", chosen="latent.context")
    sheet = ElementTree.fromstring(flow.svg())
    parts = [node.get("data-part") for node in sheet.iter() if node.get("data-part")]
    assert parts == [mark.part for mark in marks(flow, Frame) if mark.part]
    assert set(parts) == {part.path for lane in flow_parts(found).values() for part in lane}
    assert {node.get("fill") for node in sheet.iter() if node.tag.endswith("text")} == {"currentColor"}
    assert sheet.get("aria-label") == flow.said and sheet.get("role") == "img"
    thick = [node.get("data-part") for node in sheet.iter() if node.get("stroke-width") == "3"]
    assert thick == ["latent.context"]


def test_a_still_shows_what_the_page_shows(found):
    flow = Flow(found, "charm", "charm")
    still = np.asarray(flow.draw(800)).astype(int)
    assert still.shape[1] == 800 and abs(still.shape[0] - 800 * flow.drawing.height / flow.drawing.width) < 2
    scale = 800 / flow.drawing.width
    for frame in (frame for frame in marks(flow, Frame) if frame.part):
        x, y = (round(scale * value) for value in (frame.x + 5, frame.y + frame.height - 6))
        color = bytes.fromhex(mixed(STYLES["charm"].color, frame.share)[1:])
        assert np.abs(still[y, x] - list(color)).max() <= 2
    assert not np.array_equal(still, np.asarray(Flow(found, "charm", "charm", chosen="latent.context").draw(800)))


def test_a_broken_line_has_gaps_in_a_still_too(found):
    flow = Flow(found)
    way = next(path for path in marks(flow, Path) if path.broken)
    scale = 1600 / flow.drawing.width
    (left, y), (right, _) = way.points[1:3]
    row = np.asarray(flow.draw(1600).convert("L"))[round(scale * y), round(scale * left) : round(scale * right)]
    assert 0.3 < np.mean(row < 160) < 0.7


def test_what_only_an_encoder_does_is_broken_below_its_own_lane():
    flow = Flow(complexity(build("asymmetric", "tiny"), 64, 64))
    assert [frame.part for frame in marks(flow, Frame) if frame.broken] == ["attention", "latent.analysis"]


def test_a_note_breaks_before_a_page_has_to_stretch_or_squeeze_its_letters(found):
    flow = Flow(found, note="A note of many short words that goes on and on. " * 12)
    lines = [text for text in ElementTree.fromstring(flow.svg()).iter() if (text.text or "").count(" ") > 12]
    assert len(lines) > 4 and not any("textLength" in line.attrib for line in lines)


def test_a_notebook_gets_a_picture_and_its_words(found):
    flow = Flow(found, "charm")
    assert flow._repr_png_().startswith(b"\x89PNG") and repr(flow) == flow_text(found, "charm")


def test_the_words_say_the_flow_in_order(found):
    said = flow_text(found, "charm")
    assert said.startswith("Data flow of charm, for a picture of 64 x 128 pixels. Encoder: picture x, 3 x 64 x 128; ")
    order = ["Encoder", "DCT shortcut", "GDN", "Entropy model", "gain", "hyper analysis", "density of z", "context"]
    places = [said.index(word) for word in [*order, "Decoder", "IGDN", "The file holds z, 16 symbols in 1 pass"]]
    assert places == sorted(places)


def test_a_model_without_shortcut_and_gain_is_drawn_too():
    found = complexity(Hyperprior((4, 4, 4), 8, 4, (8, 8)).eval(), 64, 64)
    said = words(Flow(found))
    assert "gain" not in said and not any("shortcut" in line for line in said)


def test_a_model_without_a_side_latent_has_one_stream():
    flow = Flow(complexity(build("bimamba", "tiny", hyperprior=False), 64, 64))
    assert "bits of z" not in words(flow) and "bits of y" in words(flow) and "file holds y" in flow.said


def test_a_long_name_takes_more_lines_and_the_boxes_grow():
    class AVeryHierarchicalBlock(nn.Conv2d):
        """A convolution with a long name."""

    model = build("hyperprior", "tiny")
    short = Flow(complexity(model, 64, 64))
    steps = [step for width in (3, 6, 6, 6) for step in (nn.Conv2d(width, 6, 2, 2), nn.PReLU(), nn.Conv2d(6, 6, 1))]
    model.analysis = nn.Sequential(*steps[:-1], AVeryHierarchicalBlock(6, 24, 1))
    flow = Flow(complexity(model, 64, 64))
    tall, low = (next(f.height for f in marks(fl, Frame) if f.part == "gain") for fl in (flow, short))
    assert tall > low
    assert {"conv 2x2 s2 +", "PReLU + conv", "1x1"} <= set(words(flow))


@pytest.mark.parametrize(("number", "said"), [(7, "7"), (3648, "3.65 k"), (999_700, "1 M"), (1_375_424, "1.38 M")])
def test_numbers_have_three_digits(number, said):
    assert count(number) == said


def test_words_that_are_no_markup_are_escaped(found):
    svg = Flow(found, "a < b & c").svg()
    assert "a &lt; b &amp; c" in svg and not re.search(r"a < b", svg)
