"""README.md says of the models what the package says: `make readme` writes it, and this notices where it is stale."""

import re

import pytest

from lic_lab.datasets.bundled import data_path
from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.claims import model_claims
from lic_lab.probes.complexity import complexity

README = data_path().parent / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="an installed package has no README beside its data")


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_claimed_is_what_the_docstring_says(name):
    words = README.read_text("utf-8").split()
    for text in model_claims(build(name, "tiny")).values():
        assert " ".join(text.split()) in " ".join(words)


@pytest.mark.parametrize("name", PRESETS)
def test_the_costs_of_the_presets_are_the_measured_ones(name):
    table = re.findall(rf"^\| `{name}` \| ([\w-]+) \| (.*) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert [preset for preset, _ in table] == list(PRESETS[name])
    for preset, numbers in table[:2]:  # tiny and lab: building `paper` takes its time
        cost = complexity(build(name, preset))
        said = f"{cost.parameters:,} | {cost.encode_kmac:.1f} | {cost.decode_kmac:.1f} | {len(cost.passes)}"
        assert numbers == said
