"""The bench: rows, tables and JSON; its peers compute what they are said to compute. No time is asserted."""

import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console

from lic_lab.codecs.learned import LearnedCodec, wrap
from lic_lab.errors import LicLabError
from lic_lab.evaluation import bench, bench_coder, bench_pairs, bench_pictures, bench_scan
from lic_lab.evaluation.timing import Timing
from lic_lab.models.presets import build
from lic_lab.ops.selective_scan import selective_scan


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench_coder, "SHAPE", (8, 16, 24))
    monkeypatch.setattr(bench, "RUNS", 1)


def shown(rows, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(bench.table(rows))
    return console.file.getvalue()


# Rows, tables, JSON


def test_rows_compare_everybody_with_the_first_and_name_who_is_missing():
    rows = bench.contest("scan", "work", {"ours": int, "theirs": int}, missing={"absent": "not installed"})
    assert [row.who for row in rows] == ["ours", "theirs", "absent"]
    assert rows[0].times_ours == 1 and len(rows[1].timing.seconds) == 5
    assert rows[1].times_ours == rows[1].timing.median / rows[0].timing.median
    assert rows[2].timing is None and rows[2].note == "not installed"


def test_a_table_fits_80_columns_and_says_who_is_missing():
    timing = Timing((0.0123, 0.0145, 0.5))
    figures = {"Msym/s": 123.456, "bytes": 87952, "over %": 0.0287}
    text = shown([
        bench.Row("coder", "encode 491,520 symbols", "constriction sorted", timing, 12.3, figures),
        bench.Row("coder", "encode 491,520 symbols", "CompressAI", note="not installed"),
    ])  # fmt: skip
    assert "…" not in text and "coder: encode 491,520 symbols" in text
    for word in ("14.5", "12.3-500", "12.3", "123", "87,952", "0.0287", "CompressAI: not installed"):
        assert word in text


def test_json_holds_the_machine_and_every_run(small, tmp_path):
    rows = bench.run_bench(["coder"], quick=True, json_file=tmp_path / "bench.json", show=False)
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["machine"]["threads"] == torch.get_num_threads()
    assert len(content["rows"]) == len(rows) > 4
    assert all(len(row["runs"]) == 1 and row["seconds"] > 0 for row in content["rows"] if "runs" in row)


def test_an_unknown_section_is_refused_before_any_work():
    with pytest.raises(
        LicLabError, match="no section of the bench is called 'gpu': there are scan, coder, pictures, pairs"
    ):
        bench.run_bench(["scan", "gpu"])


# Scan


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 4, 37), (2, 5, 64)])
@pytest.mark.parametrize("peer", ["sequential_loop", "parallel_scan", "mamba_py"])
def test_peers_compute_the_same_scan_and_the_same_gradients(peer, shape):
    if peer == "mamba_py":
        pytest.importorskip("mambapy")
    inputs, weight = bench_scan._inputs(shape, gradients=True)
    wanted = bench_scan._step(lambda *x: selective_scan(*x, backend="reference"), inputs, weight)
    got = bench_scan._step(getattr(bench_scan, peer), inputs, weight)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * b.abs().max().item())


def test_who_cannot_run_at_a_size_is_listed_with_the_reason(monkeypatch):
    scans, missing = bench_scan.contenders((1, 192, 24576), gradients=True)
    assert next(iter(scans)) == "lic_lab" and "quadratic" in missing["loop over steps"]
    monkeypatch.setattr(bench_scan, "_free_bytes", lambda: 1e6)
    scans, missing = bench_scan.contenders((1, 192, 4096), gradients=False)
    assert "memory" in missing["parallel scan"] and "parallel scan" not in scans
    assert "lic_lab" in scans


def test_the_scan_section_times_forward_and_backward(small, monkeypatch):
    monkeypatch.setattr(
        bench_scan, "_compare", lambda work, shape, compare=bench_scan._compare: compare(work, (1, 4, 9))
    )
    groups = list(bench_scan.groups(quick=True))
    assert [group[0].work.rpartition(" (")[0] for group in groups] == ["forward", "forward + backward"]
    assert all(row.figures["difference"] < 1e-4 for group in groups for row in group if row.timing)


# Coder


def test_every_coder_pays_at_least_the_ideal_and_hardly_more(small):
    for group in bench_coder.groups(quick=True):
        for row in group:
            assert row.timing is None or 0 < row.figures["over %"] < 5  # a short stream: tables cost their share


def test_the_drawn_latent_costs_what_its_scales_say():
    latent = bench_coder.draw()
    assert latent.symbols.shape == latent.scales.shape == bench_coder.SHAPE and latent.symbols.size == 491_520
    fine = np.linspace(-60, 60, 24001)
    entropy = [  # of a rounded Gaussian, by summation over the integers
        -sum(p * np.log2(p) for p in _masses(scale, fine) if p > 0) for scale in latent.scales.ravel()[:400]
    ]
    assert latent.bits / latent.symbols.size == pytest.approx(np.mean(entropy), rel=0.15)


def _masses(scale, fine):
    density = np.exp(-0.5 * (fine / scale) ** 2)
    integers = np.rint(fine).astype(int) - int(fine[0])
    masses = np.bincount(integers, weights=density)
    return masses / masses.sum()


# Pictures


def test_the_picture_has_the_size_that_is_quoted():
    assert bench_pictures.picture().shape == (512, 768, 3) and bench_pictures.picture().dtype == np.uint8


def test_pictures_are_coded_from_array_to_file_and_back(small, monkeypatch):
    model = LearnedCodec(build("hyperprior", "tiny"), "hyperprior")
    monkeypatch.setattr(bench_pictures, "picture", lambda: np.full((40, 56, 3), 90, np.uint8))
    monkeypatch.setattr(bench_pictures, "ours", lambda *_: ({"lic_lab": model}, {"lic_lab": "untrained weights"}))
    monkeypatch.setattr(bench_pictures, "compressai", lambda quick: ({}, {"CompressAI": "not installed"}))
    encode, decode = bench_pictures.groups(quick=True)
    assert [row.who for row in encode] == [row.who for row in decode] == ["lic_lab", "CompressAI"]
    assert encode[0].work.startswith("encode") and decode[0].work.startswith("decode")
    assert encode[0].timing and decode[0].note == "untrained weights" and decode[1].note == "not installed"


def test_models_of_pictures_and_of_pairs_are_timed_apart():
    pictures, _ = bench_pictures.ours(1, quick=True)
    pairs, notes = bench_pictures.ours(2, quick=True)
    assert next(iter(pictures)) == "lic_lab charm lab" and {codec.views for codec in pictures.values()} == {1}
    assert list(pairs) == ["lic_lab bisic lab", "lic_lab bisic lab-main"] and {c.views for c in pairs.values()} == {2}
    assert set(notes) == set(pairs)


def test_pairs_are_coded_beside_each_view_by_itself(small, monkeypatch):
    model = wrap(build("bisic", "tiny"), "bisic")
    monkeypatch.setattr(bench_pairs, "picture", lambda: np.full((40, 56, 3), 90, np.uint8))
    monkeypatch.setattr(bench_pairs, "ours", lambda *_: ({"lic_lab": model}, {"lic_lab": "untrained weights"}))
    monkeypatch.setattr(bench_pairs, "PEERS", ("pair:jpeg", "pair:nothing"))
    encode, decode = bench_pairs.groups(quick=True)
    assert [row.who for row in encode] == [row.who for row in decode] == ["lic_lab", "pair:jpeg", "pair:nothing"]
    assert encode[0].work == "encode 2 x 768x512" and "nothing" in decode[2].note


def test_untrained_peers_are_said_to_be_untrained():
    pytest.importorskip("compressai")
    codecs, missing = bench_pictures.compressai(quick=True)
    assert list(codecs) == ["CompressAI mbt2018-mean, q4"] and not missing
