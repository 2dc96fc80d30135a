"""The flow explorer without a browser: model, switch and part change diagram and numbers together."""

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.variants import VARIANTS
from lic_lab.models.presets import build
from lic_lab.plots.flow import flow_parts
from lic_lab.probes.complexity import complexity
from lic_lab.widgets.flow import MEANING, FlowExplorer, costliest

SIZES = {"small": (64, 64), "wide": (64, 128)}


@pytest.fixture
def explorer():
    return FlowExplorer(["charm", "asymmetric", "hyperprior"], "tiny", sizes=SIZES)


def move(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value
    assert "alert" not in explorer.status.value, explorer.status.value
    return explorer


def rows(table) -> dict[str, list[str]]:
    return {name: cells for name, *cells in table.rows}


def test_the_diagram_is_that_of_the_live_module(explorer):
    found = complexity(build("charm", "tiny"), 64, 64)
    assert explorer.flow.found == found
    assert explorer.diagram.svg == explorer.flow.svg()
    assert explorer.diagram.parts == [part.path for lane in flow_parts(found).values() for part in lane]


def test_it_opens_at_the_part_with_the_most_work_and_says_what_it_holds(explorer):
    part = explorer.controls["part"].value
    every = [p for lane in flow_parts(explorer.flow.found).values() for p in lane]
    chosen = next(p for p in every if p.path == part)
    assert max(chosen.encode_macs, chosen.decode_macs) == max(max(p.encode_macs, p.decode_macs) for p in every)
    table = rows(explorer.views[0])
    assert table["parameters"][0] == f"{chosen.parameters:,}"
    assert table["parameters"][1] == f"{chosen.parameters / explorer.flow.found.parameters:.1%}"


def test_the_costliest_part_may_be_one_that_only_encodes():
    parts = flow_parts(complexity(build("asymmetric", "tiny"), 64, 64))
    assert costliest(parts) in [part.path for part in parts["Encoder"]]


def test_a_click_on_a_box_chooses_the_part_and_the_part_marks_the_box(explorer):
    explorer.diagram.value = "latent.context"
    assert explorer.controls["part"].value == explorer.flow.chosen == "latent.context"
    assert "SliceContext" in explorer.flow.note and "Minnen and Singh" in explorer.flow.note
    move(explorer, part="gain")
    assert explorer.diagram.value == "gain" and explorer.flow.note.startswith("model.gain: Gain (blocks.gain).")


def test_every_part_of_a_model_has_words_for_it(explorer):
    move(explorer, model="asymmetric")
    for label, path in explorer.controls["part"].options:
        move(explorer, part=path)
        assert explorer.flow.note.startswith(f"model.{path}: ") and len(explorer.flow.note) > len(path) + 12, label
        own = {name for name in label.split(": ")[1].split(" + ") if name in ("DSC", "HCNN", "LNPReLU", "LightUp")}
        assert all(f"{name} (blocks.hcnn)" in explorer.flow.note for name in own), label


def test_shares_of_the_lanes_add_up(explorer):
    table = rows(explorer.views[1])
    assert sum(float(table[lane][0].split("(")[1][:-2]) for lane in list(table)[:3]) == pytest.approx(100, abs=0.2)
    found = explorer.flow.found
    assert table["All"][1:] == [f"{found.encode_kmac:.1f}", f"{found.decode_kmac:.1f}"]
    assert table["Encoder"][2] == table["Decoder"][1] == "-"  # who decodes does not analyse


def test_a_switch_changes_the_diagram_and_says_by_how_much(explorer):
    assert len(explorer.views) == 2
    move(explorer, variant="slices-10")
    before, after = complexity(build("charm", "tiny"), 64, 64), explorer.flow.found
    assert len(explorer.views) == 3 and "10 slices" in explorer.flow.title
    table = rows(explorer.views[2])
    assert table["passes to decode"] == [str(len(before.passes)), "11", f"{11 / len(before.passes) - 1:+.1%}"]
    assert table["parameters"][:2] == [f"{before.parameters:,}", f"{after.parameters:,}"]
    assert "in 10 passes" in explorer.diagram.svg


def test_what_a_switch_leaves_alone_is_called_the_same(explorer):
    move(explorer, model="asymmetric", variant="no-post-filter")
    table = rows(explorer.views[2])
    assert table["kMAC/px to encode"][2] == "same" and table["kMAC/px to decode"][2].startswith("-")
    assert "post_filter" not in explorer.diagram.parts


def test_a_part_that_is_switched_off_while_it_is_chosen_gives_way_to_another(explorer):
    move(explorer, model="asymmetric", part="post_filter", variant="no-post-filter")
    assert explorer.controls["part"].value in explorer.diagram.parts


def test_another_model_offers_its_own_switches(explorer):
    move(explorer, variant="slices-2", model="hyperprior")
    assert [name for _, name in explorer.controls["variant"].options] == ["full", "no-shortcut"]
    assert explorer.controls["variant"].value == "full" and explorer.flow.codec == "hyperprior"


def test_the_size_changes_the_shapes_and_not_the_work_per_pixel(explorer):
    before = explorer.flow.found
    move(explorer, size=(64, 128))
    assert explorer.flow.found.width == 128
    assert explorer.flow.found.decode_kmac == pytest.approx(before.decode_kmac)


def test_what_was_counted_once_is_not_counted_again(explorer, monkeypatch):
    move(explorer, variant="slices-2", part="gain")
    monkeypatch.setattr("lic_lab.widgets.flow.complexity", None)
    move(explorer, variant="full", part="latent.context", model="charm")


def test_every_variant_has_words_for_people():
    assert {name for table in VARIANTS.values() for name in table} - set(MEANING) == {"conv-context-equal-work"}
    assert len(set(MEANING.values())) == len(MEANING)


def test_one_model_may_be_given_by_its_name():
    assert FlowExplorer("charm", "tiny").controls["model"].value == "charm"


@pytest.mark.parametrize(
    ("models", "reason"),
    [("charmm", "did you mean 'charm'"), (["charmm"], "did you mean 'charm'"), ([], "there is no model to draw")],
)
def test_a_model_that_does_not_exist_is_refused(models, reason):
    with pytest.raises(LicLabError, match=reason):
        FlowExplorer(models, "tiny")
