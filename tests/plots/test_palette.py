"""The palette keeps codecs apart for everybody's eyes, on light and on dark paper."""

from itertools import combinations

import numpy as np
import pytest

from lic_lab import list_codecs
from lic_lab.plots.palette import ALL, SIDE_BY_SIDE, STYLES, order, style

# Machado, Oliveira and Fernandes 2009, severity 1.0: how linear RGB looks without one kind of cone.
NO_RED = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
NO_GREEN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
NO_BLUE = [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
EYES = np.array([np.eye(3), NO_RED, NO_GREEN, NO_BLUE])

# Ottosson 2020: linear RGB -> cone responses -> Oklab.
TO_LMS = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]])
TO_LAB = np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]])


def linear(color: str) -> np.ndarray:
    """sRGB "#rrggbb" to linear light (3,)."""
    c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(light: np.ndarray) -> np.ndarray:
    """Linear RGB to Oklab, times 100: a distance of 2 is just visible."""
    return 100 * TO_LAB @ np.cbrt(TO_LMS @ light.clip(0, 1))


def distance(one: str, other: str) -> float:
    """The smallest distance of two colours over all kinds of vision."""
    return min(np.linalg.norm(oklab(eye @ linear(one)) - oklab(eye @ linear(other))) for eye in EYES)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    low, high = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("pair", list(combinations(SIDE_BY_SIDE, 2)), ids="-".join)
def test_codecs_shown_side_by_side_differ_clearly_for_every_kind_of_vision(pair):
    assert distance(*(style(name).color for name in pair)) > 10


def test_any_two_codecs_differ_in_colour_or_in_marker():
    for one, other in combinations(STYLES, 2):
        a, b = style(one), style(other)
        assert a.marker != b.marker or distance(a.color, b.color) > 5, (one, other)


@pytest.mark.parametrize("paper", ["#ffffff", "#111111"])
@pytest.mark.parametrize("name", list(STYLES))
def test_every_colour_stands_out_on_light_and_on_dark_paper(name, paper):
    assert contrast(style(name).color, paper) >= 3


def test_a_variant_keeps_its_codecs_colour_and_a_stranger_keeps_its_name():
    for name in ("avif-420", "avif-8bit", "avif@ssim"):
        assert style(name).color == style("avif").color and style(name).marker != style("avif").marker
    assert style("somebody_elses").label == "somebody_elses"


def test_every_codec_of_the_registry_is_in_the_palette():
    assert {row.name for row in list_codecs()} <= set(ALL)


def test_learned_codecs_stand_before_classical_ones_and_strangers_last():
    assert order("charm") < order("jpeg") < order("somebody_elses")
