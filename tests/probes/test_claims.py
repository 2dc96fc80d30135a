"""Every model says what its paper claims, what the published code does, and what is different here."""

import pytest

from lic_lab.models.presets import PRESETS, build
from lic_lab.probes.claims import LABELS, claims_text, model_claims, model_headline


@pytest.mark.parametrize("name", PRESETS)
def test_every_model_says_what_is_claimed_what_the_code_does_and_what_ours_does(name):
    model = build(name, "tiny")
    said = model_claims(model)
    assert tuple(said) == LABELS, f"begin lines of the docstring of {type(model).__name__} with {LABELS}"
    assert all(15 < len(text) < 400 for text in said.values())
    assert 15 < len(model_headline(model)) < 200


class Documented:
    """A first sentence that
    takes two lines.

    Claim: it is good,
        on two lines.
    Code: there is none: not a line.

    Elsewhere: nothing. Ours: not this one.
    Ours: it decodes.
    Source: nowhere.
    """


def test_a_label_goes_on_to_the_next_label_or_empty_line():
    assert model_claims(Documented) == {
        "Claim": "it is good, on two lines.",
        "Code": "there is none: not a line.",
        "Ours": "it decodes.",
    }
    assert model_headline(Documented) == "A first sentence that takes two lines."


def test_a_class_that_says_nothing_has_no_claims():
    class Silent:
        pass

    assert model_claims(Silent) == {} and model_headline(Silent) == ""


def test_the_text_has_a_paragraph_for_each_label_asked_for_in_short_lines():
    assert claims_text(Documented, ["Ours", "Elsewhere"]) == "Ours:  it decodes."
    assert claims_text(Documented, ["Claim"], width=22) == "Claim: it is good, on\n       two lines."
