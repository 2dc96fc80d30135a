"""A summary holds what the probes found, in a form that JSON takes."""

import json

import pytest
from rich.console import Console

from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.summary import summarize


@pytest.fixture(scope="module")
def summary():
    return summarize("charm", "tiny", height=64, width=128)


def test_the_record_survives_json_and_its_stages_add_up(summary):
    record = json.loads(json.dumps(summary.record()))
    assert (record["height"], record["width"], record["model"]) == (64, 128, "charm, preset tiny")
    assert record["parameters"] == sum(p.numel() for p in build("charm", "tiny").parameters())
    for side in ("encode", "decode"):
        macs = sum(stage[f"{side}_macs"] for stage in record["stages"])
        assert macs / (64 * 128) / 1000 == pytest.approx(record[f"{side}_kmac_per_pixel"])
    parts = record["stages"][0]["parts"]
    assert sum(part["parameters"] for part in parts) == record["stages"][0]["parameters"]
    assert record["decode_passes"][0] == {"part": "z", "shape": [8, 1, 2]} and record["encode_passes"] == 4


def test_the_record_has_the_field_and_what_the_docstring_says(summary):
    record = summary.record()
    field = {"text": "61 x 61 pixels", "stride": 16, "up": 30, "down": 15, "left": 30, "right": 15}
    assert record["receptive_field"] == field
    assert "slices" in record["claim"] and record["code"] and record["ours"]


def test_the_printed_form_fits_80_columns(summary):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(summary.printed())
    said = capture.get()
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80
    assert "4 to encode, 4 to decode" in said and "61 x 61 pixels" in said and "Claim" in said


@pytest.mark.parametrize("name", PRESETS)
def test_every_model_can_be_summarized(name):
    record = summarize(name, "tiny", height=64, width=64).record()
    assert record["encode_kmac_per_pixel"] > 0 and record["decode_kmac_per_pixel"] > 0
