"""All that `lic-lab info MODEL` says about a model: one record, as JSON or for a terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lic_lab.models.presets import build
from lic_lab.probes.claims import model_claims, model_headline
from lic_lab.probes.complexity import Complexity, Stage, complexity, complexity_table, passes_text
from lic_lab.probes.receptive_field import ReceptiveField, receptive_field


@dataclass(frozen=True)
class Summary:
    """What a model is, costs and sees.

    title: "charm, preset lab".   headline: the first sentence of its docstring.   claims: see `model_claims`.
    field: of a latent position, in pixels of the picture.
    """

    title: str
    headline: str
    claims: dict[str, str]
    complexity: Complexity
    field: ReceptiveField

    def record(self) -> dict:
        """Everything as numbers, strings, lists and dictionaries, for JSON; MACs are those of one picture."""
        found = self.complexity
        return {
            "model": self.title,
            "headline": self.headline,
            **{label.lower(): text for label, text in self.claims.items()},
            "height": found.height,
            "width": found.width,
            "parameters": found.parameters,
            "file_bytes": found.file_bytes,
            "encode_kmac_per_pixel": found.encode_kmac,
            "decode_kmac_per_pixel": found.decode_kmac,
            "encode_passes": found.encode_passes,
            "decode_passes": [asdict(step) for step in found.passes],
            "receptive_field": {"text": str(self.field), **asdict(self.field)},
            "stages": [_stage(stage) for stage in found.stages],
        }

    def printed(self) -> Group:
        """Everything for a terminal of 80 columns or more."""
        found = self.complexity
        lines = {
            "passes": f"{found.encode_passes:,} to encode, {len(found.passes):,} to decode, one after the other"
            + (", both views at once: " if found.views > 1 else ": ")
            + passes_text(found.passes),
            "latent sees": str(self.field),
            "weight file": f"{found.file_bytes / 1e6:.2f} MB",
            **self.claims,
        }
        facts = Table(box=None, show_header=False, pad_edge=False)
        facts.add_column(no_wrap=True)
        facts.add_column()
        for name, value in lines.items():
            facts.add_row(Text(name), Text(value))
        return Group(Text(self.headline), complexity_table(found, self.title), facts)


def summarize(name: str, preset: str = "lab", *, height: int = 512, width: int = 768) -> Summary:
    """Build a model and look at it, on a picture of height x width; raises LicLabError for unknown names."""
    model = build(name, preset)
    found = complexity(model, height, width)
    title = f"{name}, preset {preset}"
    return Summary(title, model_headline(model), model_claims(model), found, receptive_field(model.analysis))


def _stage(stage: Stage) -> dict:
    shown = {name: value for name, value in asdict(stage).items() if name not in ("parts", "beside")}
    return shown | ({"parts": [_stage(part) for part in stage.parts]} if stage.parts else {})
