import math
import warnings

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from lic_lab.errors import LicLabError
from lic_lab.metrics.bd import bd_quality, bd_rate, rising_points
from lic_lab.metrics.quality import ms_ssim_db

# Published means over the Kodak pictures: bpp, RGB PSNR in dB, MS-SSIM.
# CompressAI (github.com/InterDigitalInc/CompressAI), results/image/kodak/: vtm.json, bpg_444_x265_ycbcr.json,
# compressai-bmshj2018-hyperprior_mse_cuda.json, compressai-cheng2020-anchor_mse_cuda.json
VTM = [
    (0.048245, 26.144845, 0.860608),
    (0.112495, 28.493022, 0.917691),
    (0.245817, 31.199874, 0.956108),
    (0.490545, 34.261533, 0.978078),
    (0.87481, 37.419793, 0.988777),
    (1.43085, 40.424444, 0.99386),
    (2.324607, 43.505767, 0.996948),
    (3.632609, 46.59176, 0.998656),
]
BPG = [
    (0.067768, 26.195128, 0.86859),
    (0.161023, 28.681549, 0.924205),
    (0.351554, 31.594657, 0.961144),
    (0.684697, 34.857474, 0.980799),
    (1.199665, 38.259887, 0.990467),
    (1.929712, 41.478873, 0.994933),
    (3.057876, 44.70311, 0.997546),
    (4.703143, 47.632516, 0.998802),
]
HYPERPRIOR = [
    (0.131293, 27.581537, 0.917367),
    (0.208893, 29.196703, 0.942062),
    (0.319858, 30.972162, 0.961056),
    (0.478356, 32.838183, 0.974874),
    (0.668688, 34.526264, 0.983561),
    (0.938826, 36.743348, 0.989251),
    (1.259172, 38.583848, 0.992866),
    (1.660224, 40.556866, 0.99549),
]
CHENG = [
    (0.119595, 28.582352, 0.923589),
    (0.183797, 29.969273, 0.946507),
    (0.270952, 31.342784, 0.96286),
    (0.417375, 33.390309, 0.975773),
    (0.594469, 35.118869, 0.984116),
    (0.805735, 36.704096, 0.989301),
]


def curve(points, metric=1):
    return [p[0] for p in points], [p[1] if metric == 1 else ms_ssim_db(p[2]) for p in points]


def slow_bd_rate(anchor, tested):
    """PCHIP of log rate over quality and a fine midpoint sum, without the package."""
    low, high = max(anchor[1][0], tested[1][0]), min(anchor[1][-1], tested[1][-1])
    middle = np.linspace(low, high, 20_001)[:-1] + (high - low) / 40_000
    ahead, behind = (PchipInterpolator(db, np.log(bpp))(middle) for bpp, db in (tested, anchor))
    return 100 * (np.exp(np.mean(ahead - behind)) - 1)


# The value of each curve against VTM, computed beforehand by another program (PCHIP, two decimals).
@pytest.mark.parametrize(
    ("points", "psnr_percent", "ms_ssim_percent"),
    [(BPG, 21.99, 21.51), (HYPERPRIOR, 30.49, 7.31), (CHENG, 3.68, -7.55)],
)
def test_published_curves_give_the_values_of_an_independent_computation(points, psnr_percent, ms_ssim_percent):
    assert bd_rate(*curve(VTM), *curve(points)) == pytest.approx(psnr_percent, abs=0.0051)
    assert bd_rate(*curve(VTM, 2), *curve(points, 2)) == pytest.approx(ms_ssim_percent, abs=0.0051)


def test_it_is_the_integral_it_claims_to_be():
    assert bd_rate(*curve(VTM), *curve(CHENG)) == pytest.approx(slow_bd_rate(curve(VTM), curve(CHENG)), abs=1e-5)


def test_a_curve_against_itself_is_nought():
    assert bd_rate(*curve(VTM), *curve(VTM)) == 0
    assert bd_quality(*curve(VTM), *curve(VTM)) == 0


def test_half_the_rate_is_minus_fifty_percent_and_one_db_more_is_one_db():
    bpp, db = map(np.array, curve(VTM))
    assert bd_rate(bpp, db, bpp / 2, db) == pytest.approx(-50)
    assert bd_quality(bpp, db, bpp, db + 1) == pytest.approx(1)


def test_swapping_the_curves_inverts_the_ratio():
    there, back = bd_rate(*curve(VTM), *curve(BPG)), bd_rate(*curve(BPG), *curve(VTM))
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)


def test_the_order_of_points_does_not_matter():
    shuffled = [HYPERPRIOR[i] for i in (3, 0, 7, 1, 6, 2, 5, 4)]
    assert bd_rate(*curve(VTM), *curve(shuffled)) == bd_rate(*curve(VTM), *curve(HYPERPRIOR))
    assert bd_quality(*curve(VTM), *curve(shuffled)) == bd_quality(*curve(VTM), *curve(HYPERPRIOR))


def test_rising_points_drop_what_costs_more_and_gives_less():
    bpp, db = rising_points([0.5, 0.1, 0.3, 0.2, 0.2, 0.4], [34, 30, 33, 32, 31, 33])
    assert bpp.tolist() == [0.1, 0.2, 0.3, 0.5]
    assert db.tolist() == [30, 32, 33, 34]
    assert rising_points([], [])[0].size == 0


RATES, QUALITY = [0.1, 0.2, 0.4, 0.8], [30.0, 32.0, 34.0, 36.0]


@pytest.mark.parametrize(
    ("bpp", "db", "message"),
    [
        (RATES[:3], QUALITY[:3], "tested curve needs 4 or more"),
        (RATES, QUALITY[:3], "got 4 and 3"),
        ([0.1, 0.2, 0.4, 0.0], QUALITY, "not positive"),
        (RATES, [30, 32, float("inf"), 36], "not finite"),
        (RATES, [30, 32, 31, 36], "from 0.2 bpp, 32 dB to 0.4 bpp, 31 dB: keep its rising_points"),
        ([0.1, 0.2, 0.2, 0.8], QUALITY, "does not rise"),
        (RATES, [40, 42, 44, 46], r"share no interval \(30 to 36 dB and 40 to 46 dB\)"),
    ],
)
def test_curves_without_an_answer_are_refused(bpp, db, message):
    with pytest.raises(LicLabError, match=message):
        bd_rate(RATES, QUALITY, bpp, db)


def test_a_small_overlap_is_told_and_a_full_one_is_not():
    with pytest.warns(UserWarning, match="share only 33% of the shorter one"):
        bd_rate(RATES, QUALITY, RATES, [34, 36, 38, 40])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bd_rate(*curve(BPG), *curve(CHENG))


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_rising_points_drop_what_is_not_finite_and_nothing_else(odd):
    rates, values = rising_points([0.1, 0.2, odd, 0.3, 0.4], [odd, 30, 31, 31, odd])
    assert list(rates) == [0.2, 0.3] and list(values) == [30, 31]
