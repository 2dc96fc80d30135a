"""What a model's docstring says about its paper: the claim, the public code, and what ours does differently."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Sequence

from lic_lab.models.base import Codec

LABELS = ("Claim", "Code", "Ours")
"""The paragraphs that the docstring of every model has, each begun on a line of its own by its label and a colon."""


def model_claims(model: Codec | type[Codec]) -> dict[str, str]:
    """Give {"Claim": ..., "Code": ..., "Ours": ...} from a model's docstring; a label that is missing is missing here.

    Claim: what the paper says it reaches.   Code: what the published code does.   Ours: what is different here, so that
    it decodes. A label's text goes on to the next line that begins with a word and a colon, or to an empty line.
    """
    text = inspect.getdoc(model if isinstance(model, type) else type(model)) or ""
    said: dict[str, list[str]] = {}
    label = None
    for line in text.splitlines():
        if begun := re.match(r"([A-Z]\w*): *(.*)", line):
            label, line = begun.groups()
            said[label] = []
        elif not line.strip():
            label = None
        if label:
            said[label].append(line.strip())
    return {label: " ".join(said[label]).strip() for label in LABELS if label in said}


def claims_text(model: Codec | type[Codec], labels: Sequence[str] = LABELS, *, width: int = 96) -> str:
    """Put what `model_claims` gives into lines of at most `width` letters, a paragraph per label."""
    said = model_claims(model)
    return "\n".join(
        textwrap.fill(f"{label + ':':7}{said[label]}", width, subsequent_indent=" " * 7)
        for label in labels
        if label in said
    )


def model_headline(model: Codec | type[Codec]) -> str:
    """Give the first sentence of a model's docstring, in one line."""
    text = inspect.getdoc(model if isinstance(model, type) else type(model)) or ""
    return " ".join(text.split("\n\n")[0].split())
