"""A variant is the preset with something left out or exchanged, and nothing else."""

from types import SimpleNamespace

import pytest

from lic_lab.errors import LicLabError
from lic_lab.evaluation.variants import FULL, VARIANTS, chosen, variants
from lic_lab.models.presets import PRESETS, build


def weighed(model):
    """A stand-in for counting multiplications: the number of parameters."""
    return SimpleNamespace(decode_kmac=sum(p.numel() for p in model.parameters()))


def test_every_model_has_variants():
    assert VARIANTS.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_can_be_built_and_is_another_model_than_the_preset(name):
    known = variants(name, costs=weighed)
    full = repr(build(name, "tiny"))
    assert known[FULL] == {} and len(known) > 1
    for variant, switches in known.items():
        assert (repr(build(name, "tiny", **switches)) == full) == (variant == FULL), variant


def test_what_the_preset_is_already_is_no_variant():
    assert "pool-avg" in variants("cmamba", "tiny") and "pool-max" not in variants("cmamba", "tiny")
    assert "pool-max" in variants("cmamba", "lab") and "pool-avg" not in variants("cmamba", "lab")
    assert "slices-10" not in variants("charm", "paper")  # it has ten of 32


def test_slices_share_the_latent_evenly():
    known = variants("charm", "tiny")
    assert known["slices-1"] == {"slices": (24,)} and known["slices-5"] == {"slices": (4, 5, 5, 5, 5)}
    assert all(sum(switches["slices"]) == 24 for name, switches in known.items() if name.startswith("slices"))


@pytest.mark.parametrize("name", ["cmamba", "csm"])
def test_no_other_width_comes_nearer_to_equal_work(name):
    switches = variants(name, costs=weighed)["conv-context-equal-work"]
    goal = weighed(build(name, "tiny")).decode_kmac

    def off(more):
        wider = switches | {"context_width": switches["context_width"] + more}
        return abs(weighed(build(name, "tiny", **wider)).decode_kmac - goal)

    assert off(0) <= min(off(-1), off(1))


def test_equal_work_needs_somebody_to_count_it():
    assert "conv-context-equal-work" not in variants("cmamba")


def test_some_variants_can_be_chosen_and_own_ones_given_always_beside_the_full_model():
    assert chosen("bimamba", "tiny", ["no-context"]) == {FULL: {}, "no-context": {"context": "none"}}
    assert chosen("charm", "tiny", {"narrow": {"hyper": 4}}) == {FULL: {}, "narrow": {"hyper": 4}}
    assert list(chosen("bimamba", "tiny", None)) == list(variants("bimamba"))


@pytest.mark.parametrize(
    ("name", "preset", "wanted", "words"),
    [
        ("cmamba", "tiny", ["no-contexts"], "did you mean 'no-context'"),
        ("hyperprior", "paper", None, "no variants to compare"),
        ("cmambo", "tiny", None, "did you mean 'cmamba'"),
    ],
)
def test_what_does_not_exist_is_said(name, preset, wanted, words):
    with pytest.raises(LicLabError, match=words):
        chosen(name, preset, wanted)
