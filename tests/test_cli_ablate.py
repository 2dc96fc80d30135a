"""`lic-lab ablate` as a person meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lic_lab import cli
from lic_lab.datasets.images import write_image


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `lic-lab` with words, in an empty folder; gives click's result."""
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(cli.main, line.split())


def test_the_variants_are_listed_with_their_work_and_nothing_is_trained(run):
    said = json.loads(run("ablate charm --list --json").output)
    assert said["slices-1"]["switches"] == {"slices": [24]}
    assert said["slices-1"]["decode_kmac"] < said["full"]["decode_kmac"]
    table = run("ablate charm --list").output
    assert "slices=(12, 12)" in table and f"{said['full']['parameters']:,}" in table
    assert not list(Path().iterdir())


def test_an_ablation_leaves_tables_a_figure_and_prints_what_was_found(run):
    rng = np.random.default_rng(0)
    for folder, count in (("pictures", 13), ("tests", 1)):
        Path(folder).mkdir()
        for number in range(count):
            write_image(f"{folder}/{number:02}.png", rng.integers(90, 160, (72, 80, 3), dtype=np.uint8))
    line = (
        "ablate hyperprior pictures --steps 1 --crop 64 --batch-size 1 --threads 1 --seeds 0 --pictures tests --out out"
    )
    result = run(line)
    assert result.exit_code == 0, result.output
    assert "no-shortcut" in result.stdout and "One seed" in result.stdout
    assert {"ablation.csv", "ablation.json", "ablation.md", "ablation.png"} <= {
        path.name for path in Path("out").iterdir()
    }
    assert Path("out/ablation.md").read_text() == result.stdout
    assert json.loads(run(f"{line} --json").stdout)["settings"]["steps"] == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ablate charm", ["pictures/", "--out"]),
        ("ablate charmm --list", ["charmm", "charm"]),
        ("ablate charm . --seeds one --out out", ["one", "0,1,2"]),
        ("ablate charm . --variants slices-3 --out out", ["slices-3", "slices-"]),
        ("ablate charm no_such_folder --seeds 0 --out out", ["no_such_folder"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, line, words):
    result = run(line)
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    assert all(word in result.stderr.splitlines()[-1] for word in words), result.stderr
