"""Frames, words and arrows: the same marks as SVG and as pixels."""

from xml.etree import ElementTree

import numpy as np
import pytest

from lic_lab.plots.drawing import Drawing, Frame, Path, Words, mixed


def drawn(*marks, width=100) -> np.ndarray:
    return np.asarray(Drawing(100, 50, marks, "said").draw(width)).astype(int)


def nodes(*marks) -> list:
    return list(ElementTree.fromstring(Drawing(100, 50, marks, "said").svg()).iter())


def test_a_frame_is_filled_with_its_share_of_the_colour_in_both():
    frame = Frame(10, 10, 40, 20, color="#0000ff", share=0.5)
    assert np.abs(drawn(frame)[20, 30] - (128, 128, 255)).max() <= 1 and (drawn(frame)[5, 5] == 255).all()
    rect = next(node for node in nodes(frame) if node.tag.endswith("rect"))
    assert rect.get("fill") == "#0000ff" and float(rect.get("fill-opacity")) == 0.5


def test_ink_is_the_colour_of_the_page_in_svg_and_dark_in_a_still():
    frame = Frame(10, 10, 40, 20)
    assert drawn(frame)[20, 10].max() < 160
    assert next(node for node in nodes(frame) if node.tag.endswith("rect")).get("stroke") == "currentColor"


@pytest.mark.parametrize(("heads", "count"), [("", 0), ("end", 1), ("both", 2)])
def test_an_arrow_has_the_heads_that_were_asked_for(heads, count):
    path = Path([(20, 25), (80, 25)], heads)
    assert sum(node.tag.endswith("polygon") for node in nodes(path)) == count
    beside = drawn(path, width=400)[[94, 106]].min(axis=(0, 2))  # pixels beside the line
    ends = beside[80:100].min() < 200, beside[300:320].min() < 200
    assert ends == (heads == "both", bool(heads))


def test_words_are_kept_within_their_room():
    ink = drawn(Words(50, 25, "far too many words for this", room=40), width=400).min(axis=(0, 2)) < 200
    columns = np.flatnonzero(ink)
    assert columns[0] >= 4 * 30 - 4 and columns[-1] <= 4 * 70 + 4
    text = next(node for node in nodes(Words(50, 25, "far too many words for this", room=40)) if node.text)
    assert text.get("textLength") == "40"


@pytest.mark.parametrize(("anchor", "left", "right"), [("start", 50, 100), ("middle", 25, 75), ("end", 0, 50)])
def test_words_begin_where_their_anchor_says(anchor, left, right):
    columns = np.flatnonzero(drawn(Words(50, 25, "word", anchor=anchor)).min(axis=(0, 2)) < 200)
    assert left - 1 <= columns[0] and columns[-1] <= right + 1


def test_a_mixture_lies_between_colour_and_paper():
    assert mixed("#000000", 0.0) == "#ffffff" and mixed("#000000", 1.0) == "#000000"
    assert mixed("#ff0000", 0.5, "#0000ff") == "#800080"
