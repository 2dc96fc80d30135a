"""The points of a curve: those that were named, or those whose files come nearest below the rates."""

import numpy as np
import pytest

import lic_lab
from lic_lab.codecs.learned import LearnedCodec
from lic_lab.codecs.rate import Ladder
from lic_lab.errors import LicLabError
from lic_lab.evaluation.points import check_names, check_targets, given_points, points_near


def picture(seed, size=64):
    rng, grid = np.random.default_rng(seed), np.mgrid[0:size, 0:size].sum(0)[..., None]
    return np.clip(grid + rng.normal(0, 12, (size, size, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def learned():
    return LearnedCodec(lic_lab.build("charm", "tiny").eval(), "charm")


def test_named_qualities_are_for_all_or_for_one_codec(learned):
    jpeg, webp = lic_lab.load("jpeg"), lic_lab.load("webp")
    assert given_points(jpeg, [10, 30, 10]) == [10, 30]
    each = {"jpeg": [10], "": [50]}
    assert given_points(jpeg, each) == [10] and given_points(webp, each) == [50]
    assert given_points(webp, {"jpeg": [10]}) == [] == given_points(webp)


def test_lambdas_are_qualities_of_learned_codecs_only(learned):
    assert given_points(learned, None, learned.model.lambdas[:2]) == [0, 1]
    assert given_points(lic_lab.load("jpeg"), None, [0.01]) == []


def test_a_quality_out_of_range_is_refused_with_the_way_out(learned):
    with pytest.raises(LicLabError, match=r"runs from 1 to 100, got 0\.5: .* --qualities jpeg=1,100"):
        given_points(lic_lab.load("jpeg"), [0.5])
    with pytest.raises(LicLabError, match="outside what this model was trained for"):
        given_points(learned, None, [99.0])


def test_points_are_below_the_rates_on_the_middle_picture():
    codec, images = lic_lab.load("jpeg2000"), [picture(seed) for seed in range(3)]
    points = points_near(codec, images, (2.0, 1.0))
    for quality, target in zip(points, (1.0, 2.0), strict=True):
        rates = sorted(8 * len(codec.encode(image, quality)) / 64**2 for image in images)
        assert 0.9 * target < rates[1] <= 1.02 * target


def test_of_unlike_pictures_the_middle_one_decides():
    def alone(image):
        return points_near(codec, [image], (1.5,))[0]

    codec = lic_lab.load("jpeg")
    rng = np.random.default_rng(0)
    images = [np.clip(128 + rng.normal(0, grain, (96, 96, 3)), 0, 255).astype(np.uint8) for grain in (3, 12, 40)]
    easy, middle, hard = map(alone, images)
    assert easy > middle > hard
    assert points_near(codec, images, (1.5,)) == points_near(codec, images[::-1], (1.5,)) == [middle]
    assert points_near(codec, images[:2], (1.5,)) == [middle]  # of an even number the one that costs less


def test_qualities_of_a_codec_that_is_not_measured_are_refused():
    check_names({"jpeg": [10], "": [20]}, ["jpeg", "webp"])
    check_names([10, 20], ["jpeg"])
    with pytest.raises(LicLabError, match="'jpg', which is not measured here: the codecs are jpeg, webp"):
        check_names({"jpg": [10]}, ["jpeg", "webp"])


@pytest.mark.parametrize("targets", [(0,), (0.5, -1), (float("nan"),), (float("inf"),), ()])
def test_targets_that_are_no_rates_are_refused(targets):
    check_targets((0.1, 3))
    with pytest.raises(LicLabError, match="target rate"):
        check_targets(targets)


def test_rates_that_cannot_be_reached_are_left_out_and_none_at_all_is_an_error():
    codec = lic_lab.load("jpeg")
    assert len(points_near(codec, [picture(0)], (1e-4, 3.0))) == 1
    with pytest.raises(LicLabError, match=r"jpeg reaches none of these rates: .* smallest file"):
        points_near(codec, [picture(0)], (1e-4,))


def test_a_picture_that_cannot_be_coded_does_not_decide():
    codec = lic_lab.load("jpeg")
    huge = np.zeros((1, 65536, 3), np.uint8)
    assert points_near(codec, [huge, picture(0)], (3.0,)) == points_near(codec, [picture(0)], (3.0,))


def test_a_short_ladder_is_measured_whole(learned):
    codec = LearnedCodec(learned.model, "one")
    codec.ladder = Ladder(1, lambda _: 0.013)
    assert points_near(codec, [picture(0)], (0.1, 0.2)) == [0.013]
