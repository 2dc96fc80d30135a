"""The diagram of a model shows every stage of its record, on light and on dark paper, and says the same in words."""

import re

import pytest
from matplotlib.colors import to_rgb

from lic_lab.errors import LicLabError
from lic_lab.models.presets import build
from lic_lab.plots.flow import STRONGEST, THEMES, flow_figure, flow_text
from lic_lab.plots.palette import STYLES
from lic_lab.probes.complexity import complexity


@pytest.fixture(scope="module")
def found():
    return complexity(build("charm", "tiny"), 64, 128)


def words(figure) -> list[str]:
    """All that is written in the figure."""
    return [text.get_text() for text in figure.axes[0].texts]


def luminance(color) -> float:
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_part_is_drawn_with_its_shape_and_work(found):
    said = words(flow_figure(found, "charm, preset tiny"))
    parts = [part for stage in found.stages for part in stage.parts or [stage]]
    for part in parts:
        assert any(part.name in line for line in said)
        macs = max(part.encode_macs, part.decode_macs)
        assert not macs or any(f"{found.kmac(macs):.2f} kMAC/px" in line for line in said)
    assert said.count("8 x 32 x 64") == 2 * 2  # convolution and GDN, in the encoder and in the decoder
    assert {"Encoder", "Entropy\nmodel", "Decoder"} <= set(said)


def test_the_streams_are_marked_with_their_symbols_and_passes(found):
    said = words(flow_figure(found))
    assert said.count("bits of z") == said.count("bits of y") == 1
    assert "16 symbols in 1 pass" in said and "768 symbols in 3 passes" in said


def test_nothing_is_written_outside_of_the_paper_or_over_another_line(found):
    figure = flow_figure(found, "charm, preset tiny")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
        assert not any(box.shrunk(0.9, 0.6).overlaps(other.shrunk(0.9, 0.6)) for other in boxes[number + 1 :])


@pytest.mark.parametrize("codec", STYLES)
@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_on_paper_and_on_the_strongest_fill(theme, codec):
    look = THEMES[theme]
    pairs = zip(to_rgb(STYLES[codec].color), to_rgb(look.paper), strict=True)
    strongest = [STRONGEST * accent + (1 - STRONGEST) * paper for accent, paper in pairs]
    assert contrast(look.ink, strongest) >= 4.5
    assert contrast(look.ink, look.paper) >= 7 and contrast(look.soft, look.paper) >= 4.5


def test_the_theme_is_the_paper_and_another_one_is_refused(found):
    assert to_rgb(flow_figure(found, theme="dark").get_facecolor()) == to_rgb(THEMES["dark"].paper)
    with pytest.raises(LicLabError, match="light, dark"):
        flow_figure(found, theme="sepia")


def test_a_notebook_gets_a_wide_picture_with_its_words(found):
    figure = flow_figure(found, 'a <title> "quoted"')
    html = figure._repr_html_()
    assert re.search(
        r'^<img role="img" alt="[^<>"]+" style="width:100%;[^"]*" src="data:image/png;base64,[^"]+">$', html
    )
    assert figure.get_figwidth() > 2 * figure.get_figheight()
    assert figure.alt == flow_text(found, 'a <title> "quoted"')


def test_the_words_say_the_flow_in_order(found):
    said = flow_text(found, "charm")
    assert said.startswith("Data flow of charm, for a picture of 64 x 128 pixels. Encoder: picture x, 3 x 64 x 128; ")
    order = ["Encoder", "DCT shortcut", "GDN", "Entropy model", "gain", "hyper analysis", "density of z", "context"]
    places = [said.index(word) for word in [*order, "Decoder", "IGDN", "The file holds z, 16 symbols in 1 pass"]]
    assert places == sorted(places)


def test_a_model_without_shortcut_and_gain_is_drawn_too():
    from lic_lab.models.hyperprior import Hyperprior

    found = complexity(Hyperprior((4, 4, 4), 8, 4, (8, 8)).eval(), 64, 64)
    said = words(flow_figure(found))
    assert "gain" not in said and not any("shortcut" in line for line in said)


def test_a_long_name_takes_two_lines_and_the_boxes_grow():
    from torch import nn

    class AVeryHierarchicalBlock(nn.Conv2d):
        """A convolution with a long name."""

    model = build("hyperprior", "tiny")
    short = flow_figure(complexity(model, 64, 64)).get_figheight()
    steps = [step for width in (3, 6, 6, 6) for step in (nn.Conv2d(width, 6, 2, 2), nn.PReLU(), nn.Conv2d(6, 6, 1))]
    model.analysis = nn.Sequential(*steps[:-1], nn.Conv2d(6, 24, 1))
    figure = flow_figure(complexity(model, 64, 64))
    assert figure.get_figheight() > short
    assert {"conv 2x2 s2 +", "PReLU + conv 1x1"} <= set(words(figure))


def test_of_a_pair_the_shapes_are_those_of_each_view_and_the_symbols_those_of_both():
    said = flow_text(complexity(build("bisic", "tiny"), 64, 128), "bisic")
    assert said.startswith(
        "Data flow of bisic, for a pair of pictures of 64 x 128 pixels. Encoder: each view x, 3 x 64 x 128; "
    )
    assert "The file holds z, 32 symbols in 1 pass and y, 1,536 symbols in 6 passes." in said
