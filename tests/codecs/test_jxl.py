import pytest

from lic_lab.codecs.jxl import HALVED, Jxl, percent


def from_quality(quality):
    """JxlEncoderDistanceFromQuality, written the other way round from ours."""
    return 0.1 + (100 - quality) * 0.09 if quality >= 30 else 53 / 3000 * quality**2 - 23 / 20 * quality + 25


@pytest.mark.parametrize("distance", [25, 14, 10, 6.41, 6.4, 6.39, 3.5, 1, 0.11])
def test_distance_survives_the_way_through_libjxls_quality(distance):
    assert 0 <= percent(distance) < 100
    assert from_quality(percent(distance)) == pytest.approx(distance)


def test_the_ladder_is_searched_from_where_libjxl_stops_halving_the_picture():
    ladder = Jxl().ladder
    assert ladder.quality(ladder.seam) < HALVED <= ladder.quality(ladder.seam - 1)


def test_more_effort_is_another_file(picture):
    if reason := Jxl().missing():
        pytest.skip(reason)
    assert Jxl(effort=9).encode(picture, 2) != Jxl(effort=7).encode(picture, 2)
