"""An ablation trains everybody alike, compares seed by seed, says how sure it is, and can be killed."""

import csv
import json
import math
from statistics import fmean, stdev

import numpy as np
import pytest
import torch

from lic_lab.datasets.images import write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import ablation
from lic_lab.evaluation.ablation import Ablation, Run, Spread, ablate
from lic_lab.evaluation.ablation_tables import ablation_sheet, read_ablation, spread_text, write_ablation
from lic_lab.metrics.bd import bd_rate, rising_points
from lic_lab.training import recipes

BUDGET = {"steps": 2, "crop": 64, "batch_size": 1, "variants": ["slices-1"]}


def photo(seed, height=80, width=96):
    """Smooth shades with a little grain, uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (9 + c + seed % 5)) + np.cos(columns / (7 + c)) for c in range(3)]
    return (128 + 50 * np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(13):
        write_image(folder / f"{number:02}.png", photo(number))
    return folder


@pytest.fixture(scope="module")
def tests():
    return {"one": photo(100), "two": photo(101, 70, 90)}


@pytest.fixture(scope="module")
def done(data, tests, tmp_path_factory):
    """An ablation of two variants from two seeds, and its folder."""
    out = tmp_path_factory.mktemp("ablation")
    return ablate("charm", [data], out=out, pictures=tests, seeds=(0, 1), **BUDGET), out


def test_every_variant_is_trained_from_every_seed_and_measured_on_every_picture(done):
    found, _ = done
    assert [(run.variant, run.seed) for run in found.runs] == [
        ("full", 0), ("slices-1", 0), ("full", 1), ("slices-1", 1)]  # fmt: skip
    assert found.settings["steps"] == 2 and found.settings["pictures"] == ["one", "two"]
    for run in found.runs:
        assert len(run.rows) == 2 * ablation.POINTS and not run.failed and run.objective > 0
        assert {row["image"] for row in run.rows} == {"one", "two"}
        assert all(row["bpp"] == pytest.approx(8 * row["bytes"] / _pixels(row), rel=1e-9) for row in run.rows)


def _pixels(row):
    return {"one": 80 * 96, "two": 70 * 90}[row["image"]]


def test_the_gap_is_the_bd_rate_of_the_mean_curves_of_one_seed(done):
    found, _ = done
    runs = {(run.variant, run.seed): run for run in found.runs}

    def curve(run):
        qualities = sorted({row["quality"] for row in run.rows})
        at = [[row for row in run.rows if row["quality"] == q] for q in qualities]
        means = ([fmean(row[name] for row in rows) for rows in at] for name in ("bpp", "psnr_db"))
        return rising_points(*means)

    for seed, value in found.gaps("slices-1").items():
        assert value == pytest.approx(bd_rate(*curve(runs["full", seed]), *curve(runs["slices-1", seed])))
    between = found.between_seeds()
    assert between.n == 1 and between.mean == pytest.approx(bd_rate(*curve(runs["full", 0]), *curve(runs["full", 1])))


def test_the_summary_has_mean_and_spread_of_the_seeds(done):
    found, _ = done
    full, other = found.summary()
    gaps = list(found.gaps("slices-1").values())
    assert full["gap_pct"] is None and other["seeds"] == 2
    assert other["gap_pct"] == Spread(fmean(gaps), stdev(gaps), min(gaps), max(gaps), 2)
    assert full["parameters"] > other["parameters"]
    assert full["encode_kmac"] is None  # nobody counted


def test_what_is_finished_is_not_done_again(done, data, tests, monkeypatch):
    found, out = done

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(ablation.recipes, "train", never)
    again = ablate("charm", [data], out=out, pictures=tests, seeds=(0, 1), **BUDGET)
    assert json.dumps(again.record()) == json.dumps(found.record())


def test_an_interrupted_ablation_goes_on_to_the_same_numbers(done, data, tests, tmp_path):
    found, _ = done

    def interrupt(done, total, text):
        if text.startswith("slices-1, seed 0") and done < total and "measured" not in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ablate("charm", [data], out=tmp_path, pictures=tests, seeds=(0, 1), progress=interrupt, **BUDGET)
    assert (tmp_path / "full/seed-0/trained.json").exists() and not (tmp_path / "slices-1/seed-0/trained.json").exists()
    again = ablate("charm", [data], out=tmp_path, pictures=tests, seeds=(0, 1), **BUDGET)
    for one, other in zip(again.runs, found.runs, strict=True):
        assert one.objective == other.objective
        assert [(row["bytes"], row["psnr_db"]) for row in one.rows] == [(r["bytes"], r["psnr_db"]) for r in other.rows]


def test_a_folder_of_another_budget_is_refused_before_any_work(done, data, tests):
    _, out = done
    with pytest.raises(LicLabError, match="was trained with steps 2, not 3: give the same, or another folder"):
        ablate("charm", [data], out=out, pictures=tests, seeds=(0, 1), **BUDGET | {"steps": 3})


def test_seeds_can_be_added_later(done, data, tests, monkeypatch):
    found, out = done
    trained = []
    real = ablation.recipes.train
    monkeypatch.setattr(ablation.recipes, "train", lambda *a, **k: (trained.append(k["seed"]), real(*a, **k))[1])
    more = ablate("charm", [data], out=out, pictures=tests, seeds=(0, 1, 2), **BUDGET)
    assert trained == [2, 2] and len(more.gaps("slices-1")) == 3 and more.between_seeds().n == 3
    assert more.gaps("slices-1").items() >= found.gaps("slices-1").items()


def test_a_run_that_diverges_is_told_and_the_others_go_on(data, tests, tmp_path, monkeypatch):
    real = ablation.recipes.train

    def wild(*args, switches, **options):
        return real(*args, switches=switches, **options | ({"lr": 1e30, "warmup": 0} if switches else {}))

    monkeypatch.setattr(ablation.recipes, "train", wild)
    budget = {"pictures": tests, "seeds": (0,), **BUDGET, "steps": 4}
    found = ablate("charm", [data], out=tmp_path, **budget)
    full, failed = found.runs
    assert "not a number" in failed.failed and not failed.rows and len(full.rows) == 2 * ablation.POINTS
    assert found.gaps("slices-1") == {} and found.summary()[1]["failed"] == {0: failed.failed}
    assert "Failed: slices-1, seed 0: the" in ablation_sheet(found).markdown()
    write_ablation(found, tmp_path)
    monkeypatch.setattr(ablation.recipes, "train", None)  # nor is it tried again
    assert ablate("charm", [data], out=tmp_path, **budget).runs[1].failed == failed.failed


def test_folders_that_cannot_be_trained_on_stop_the_ablation(tests, tmp_path):
    with pytest.raises(LicLabError, match="nothing_here"):
        ablate("charm", [tmp_path / "nothing_here"], out=tmp_path / "out", pictures=tests, **BUDGET)


def test_pictures_of_the_training_folder_are_no_test_pictures(data, tmp_path):
    for path in (data, data / "03.png"):
        with pytest.raises(LicLabError, match="is trained on: test on other pictures"):
            ablate("charm", [data], out=tmp_path / "out", pictures=[path], **BUDGET)
    assert not (tmp_path / "out").exists()


def test_no_seed_is_no_ablation(data, tests, tmp_path):
    with pytest.raises(LicLabError, match="needs a seed"):
        ablate("charm", [data], out=tmp_path, pictures=tests, seeds=(), **BUDGET)


def made(gaps, lmbda=0.01):
    """An ablation with fixed rates whose variant costs so many percent more than full, by seed; full costs 2."""
    runs = []
    for seed, gap in enumerate(gaps):
        for variant, cost in (("full", 2.0), ("less", 2.0 * (1 + gap / 100))):
            error = (cost - 1) / lmbda / 255**2
            rows = [{"quality": 0.0, "bpp": 1.0, "psnr_db": -10 * math.log10(error), "ms_ssim": None,
                     "encode_seconds": 0.1, "decode_seconds": 0.2, "image": "one"}]  # fmt: skip
            work = {"parameters": 7, "encode_kmac": 1.5, "decode_kmac": 0.5}
            runs.append(Run(variant, seed, {"x": 1} if gap else {}, work, "", 1.0, 3.0, rows, lmbda))
    settings = {"model": "charm", "preset": "tiny", "lambda": lmbda, "data": ["d"], "steps": 9}
    return Ablation(settings | {"seeds": list(range(len(gaps))), "pictures": ["one"]}, runs)


def test_models_of_one_rate_are_compared_by_rate_and_distortion_together():
    found = made([4.0, 8.0])
    assert found.gap_name == "R + lambda D"
    assert found.gaps("less") == {0: pytest.approx(4.0), 1: pytest.approx(8.0)}
    assert found.summary()[1]["gap_pct"].std == pytest.approx(8**0.5)


def test_one_fixed_rate_is_trained_and_measured_at_one_point(data, tests, tmp_path):
    found = ablate("charm", [data], out=tmp_path, pictures=tests, seeds=(0,), lmbda=0.01, **BUDGET)
    costs = {}
    for run in found.runs:
        assert len(run.rows) == 2 and run.lmbda == 0.01
        squares = [255**2 / 10 ** (row["psnr_db"] / 10) for row in run.rows]
        costs[run.variant] = fmean(row["bpp"] + 0.01 * square for row, square in zip(run.rows, squares, strict=True))
    assert found.gaps("slices-1")[0] == pytest.approx(100 * (costs["slices-1"] / costs["full"] - 1))


def test_the_table_says_mean_spread_work_and_what_the_seeds_alone_do():
    text = ablation_sheet(made([4.0, 8.0])).markdown()
    assert "+6.0 ± 2.8" in text and "+4.0 ... +8.0" in text and "steps 9" in text
    cells = [cell.strip() for cell in next(line for line in text.splitlines() if line.startswith("| less")).split("|")]
    assert cells[6:13] == ["1.0000 ± 0.0000", "7", "1.5", "0.5", "0.100", "0.200", "3"]
    assert "up to 0.0 % from itself between seeds" in text


def test_one_seed_has_no_spread_and_that_is_said():
    text = ablation_sheet(made([4.0])).markdown()
    assert "no spread" in text and "±" not in text and "One seed" in text


def apart(*psnrs):
    """An ablation of all rates whose `full` reaches these PSNRs, in dB at its lowest rate, one for each seed."""
    found = made([4.0] * len(psnrs))
    found.settings["lambda"] = None
    for run in found.runs:
        run.lmbda = None
        points = [(0.5 + k, psnrs[run.seed] + 2 * k) for k in range(4)]
        run.rows = [run.rows[0] | {"quality": float(k), "bpp": b, "psnr_db": d} for k, (b, d) in enumerate(points)]
    return found


def test_several_seeds_without_a_spread_are_not_called_one_and_the_reason_is_said():
    assert apart(20.0, 21.0).between_seeds().n == 1 and apart(20.0, 21.0).why_no_spread() == ""
    text = ablation_sheet(apart(20.0, 40.0)).markdown()
    assert "One seed" not in text and "no small difference here means anything" in text
    assert "The curves of full cannot be compared (seed 0 and seed 1: the curves share no quality)" in text
    short = apart(20.0, 21.0)
    short.of("full")[1].rows = short.of("full")[1].rows[:2]
    assert "(seed 0 and seed 1: seed 1 has 2 rising points" in short.why_no_spread()
    failed = apart(20.0, 21.0, 22.0)
    failed.of("full")[0].failed = failed.of("full")[1].failed = "the loss is not a number"
    assert "full has numbers from 1 of 3 seeds: no spread" in ablation_sheet(failed).markdown()


def test_a_picture_without_an_error_has_no_spread_of_its_psnr():
    spread = Spread.of([math.inf, 30.0])
    assert spread == Spread(math.inf, None, 30.0, math.inf, 2) and spread_text(spread, "{:.1f}") == "inf"
    found = made([4.0, 8.0])
    found.runs[1].rows[0]["psnr_db"] = math.inf
    assert found.summary()[1]["psnr_db"].std is None and "inf" in json.dumps(found.record()).lower()


def test_paths_in_the_budget_are_kept_as_text(data, tests, tmp_path):
    held = tmp_path / "held"
    held.mkdir()
    write_image(held / "a.png", photo(200))
    before = recipes.train("charm", [data], out=tmp_path / "before", preset="tiny", steps=1, crop=64, batch_size=1)
    budget = {"pictures": tests, "seeds": (0,), **BUDGET, "validation": [held], "start_from": before}
    found = ablate("charm", [data], out=tmp_path / "out", **budget)
    assert found.settings["start_from"] == str(before) and found.settings["validation"] == [str(held)]
    assert all(len(run.rows) == 2 * ablation.POINTS for run in found.runs)
    write_ablation(found, tmp_path)
    assert read_ablation(tmp_path / "ablation.json") == found
    as_text = budget | {"validation": [str(held)], "start_from": str(before)}
    assert ablate("charm", [data], out=tmp_path / "out", **as_text).settings == found.settings


def test_the_files_hold_every_run_and_every_row(done, tmp_path):
    found, _ = done
    write_ablation(found, tmp_path)
    with open(tmp_path / "ablation.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["variant"], int(line["seed"])) for line in lines] == [(run.variant, run.seed) for run in found.runs]
    assert float(lines[3]["bd_rate_pct"]) == pytest.approx(found.gaps("slices-1")[1], rel=1e-4)
    assert float(lines[0]["parameters"]) == found.runs[0].work["parameters"] and lines[0]["encode_kmac"] == ""
    record = json.loads((tmp_path / "ablation.json").read_text())
    assert [len(run["rows"]) for run in record["runs"]] == [2 * ablation.POINTS] * 4
    assert "slices-1" in (tmp_path / "ablation.md").read_text()


def test_what_is_read_again_is_the_same_ablation(done, tmp_path):
    found, _ = done
    assert any(isinstance(value, tuple) for run in found.runs for value in run.switches.values())  # JSON has no tuples
    write_ablation(found, tmp_path)
    again = read_ablation(tmp_path / "ablation.json")
    assert again == found
    assert again.summary() == found.summary() and again.between_seeds() == found.between_seeds()
    assert ablation_sheet(again) == ablation_sheet(found)


@pytest.mark.parametrize("text", ["[1, 2", "[]", "{}", '{"settings": {}, "runs": [{"variant": "full"}]}'])
def test_a_file_that_is_no_ablation_is_refused(text, tmp_path):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(LicLabError, match="is no ablation: name the"):
        read_ablation(tmp_path / "other.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LicLabError, match="cannot be read"):
        read_ablation(tmp_path / "ablation.json")


def test_variants_are_compared_by_more_than_one_measure():
    found = made([4.0, 8.0])
    for run in found.runs:
        run.objective = {"full": 2.0, "less": 2.1 + 0.1 * run.seed}[run.variant]
        run.rows[0]["decode_seconds"] = {"full": 0.4, "less": 0.3}[run.variant]
    assert found.gaps("less", "objective") == {0: pytest.approx(5.0), 1: pytest.approx(10.0)}
    assert found.gaps("less", "decode_seconds") == {0: pytest.approx(-25.0), 1: pytest.approx(-25.0)}
    assert found.gaps("less", "ms_ssim_db") == {}  # of one fixed rate there is no curve
    assert found.between_seeds("objective").mean == 0
    with pytest.raises(LicLabError, match="no measure of ablations is called 'speed'"):
        found.gaps("less", "speed")


def test_the_bd_rate_of_ms_ssim_is_another_number_than_that_of_psnr(done):
    found, _ = done
    for run in found.runs:
        better = 0.3 * (run.variant != "full")
        for row in run.rows:  # pictures of the test are too small to be measured
            row["ms_ssim"] = 1 - 10 ** (-(5 + row["quality"] + better) / 10)
    try:
        by_psnr, by_ms_ssim = (found.gaps("slices-1", measure) for measure in ("psnr_db", "ms_ssim_db"))
    finally:
        for run in found.runs:
            for row in run.rows:
                row["ms_ssim"] = None
    assert by_ms_ssim.keys() == by_psnr.keys() == {0, 1} and by_ms_ssim != by_psnr
