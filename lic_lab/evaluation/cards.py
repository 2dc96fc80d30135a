"""The card of a weight file: where the weights come from, and what they reach on pictures they have never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lic_lab.datasets.bundled import data_path
from lic_lab.evaluation.curves import averages, bd_table, read_rows
from lic_lab.models.checkpoints import load_weights

MEASURED = {  # by the number of views: title, table in data/results, codecs to compare with
    1: ("Kodak, {} pictures", "kodak.csv", ("jpeg", "webp", "jpeg2000", "heif", "avif")),
    2: (
        "{} stereo pairs",
        "stereo.csv",
        ("pair:jpeg", "pair:webp", "pair:jpeg2000", "pair:charm", "pair:bimamba", "pair:avif", "hevc-pair"),
    ),
}


def card_markdown(path: str | Path) -> str:
    """Write the card of a weight file as Markdown, what it was measured at from the rows stored in data/results.

    Rows of other weights of that name are not taken for these.
    Raises LicLabError for a file that holds no weights of this package.
    """
    model, name = load_weights(path), Path(path).stem
    card, parameters = model.card, sum(p.numel() for p in model.parameters())
    lines = [
        f"# {name}",
        "",
        f"{parameters / 1e6:.2f} M parameters, preset {model.preset}, weights {model.fingerprint().hex()}, lambda "
        f"{model.lambdas[0]:g} to {model.lambdas[-1]:g} on {model.rates} rungs, one set of weights for all rates.",
        "",
    ]
    lines += [_begun(run) for run in card.get("before", [])]
    lines += [f"- command: `{card['command']}`"] if "command" in card else []
    lines += [_leg(leg) for leg in card.get("resumed", [])]
    lines += [f"- {key}: {card[key]}" for key in ("note", "steps", "hours", "hardware") if key in card]
    lines += _data(card) + _validation(card.get("validation", []))
    title, table, anchors = MEASURED[model.views]
    stored = data_path("results", table)
    rows = read_rows(stored) if stored.is_file() else []
    if any(row["codec"] == name and f"weights {model.fingerprint().hex()}" in row["settings"] for row in rows):
        lines += _measured(rows, name, title, anchors)
    return "\n".join(lines) + "\n"


def _begun(run: Mapping) -> str:
    """The line of a run that came before."""
    told = ", ".join(f"{run[key]} {key}" for key in ("steps", "hours") if key in run)
    words = "; ".join(word for word in (told, run.get("note", "")) if word)
    return f"- before, to weights {run['weights']}: `{run.get('command', 'unknown')}`" + (
        f" ({words})" if words else ""
    )


def _leg(leg: Mapping) -> str:
    """The line of a resumption with another recipe."""
    changes = (f"{key.replace('_', ' ')} {was[1]} (before: {was[0]})" for key, was in leg.items() if key != "step")
    return f"- resumed at step {leg['step']} with {', '.join(changes)}"


def _data(card: Mapping) -> list[str]:
    if "data" not in card:
        return []
    counts = card.get("pictures", {})
    folders = ", ".join(card["data"])
    return [
        f"- data: {counts.get('training', '?')} pictures of {folders}; {counts.get('validation', '?')} to validate on",
        f"- recipe: {_recipe(card['recipe'])}",
    ]


def _recipe(recipe: Mapping) -> str:
    """The settings of a training in words; an empty list says nothing and is left out."""
    words = []
    for key, value in recipe.items():
        if key == "crops":
            stages = (f"{side} x {side} pixels, {count} a step, to {share:.0%}" for share, side, count in value)
            words.append(f"crops ({'; '.join(stages)} of the steps)")
        elif value != []:
            words.append(f"{key.replace('_', ' ')} {value}")
    return ", ".join(words)


def _validation(history: Sequence[Mapping]) -> list[str]:
    if not history:
        return []
    lines = [
        "",
        "## Validation",
        "",
        "Estimated rates on held-out crops; the objective is R + lambda D, weighed over",
        "all rungs.",
        "",
    ]
    lines += ["| step | objective | bpp, lowest to highest rung | PSNR dB |", "|---|---|---|---|"]
    every = max(1, len(history) // 8)
    for row in [*history[:-1][::every], history[-1]]:
        rates, psnrs = (f"{row[key][0]:g} to {row[key][-1]:g}" for key in ("bpp", "psnr_db"))
        lines.append(f"| {row['step']} | {row['objective']:.4f} | {rates} | {psnrs} |")
    return lines


def _measured(rows: Sequence[Mapping], name: str, title: str, anchors: Sequence[str]) -> list[str]:
    mine = [row for row in rows if row["codec"] == name]
    pictures = len({row["image"] for row in mine})
    lines = [
        "",
        f"## {title.format(pictures)}, whole files",
        "",
        "| quality | bpp | PSNR dB | MS-SSIM |",
        "|---|---|---|---|",
    ]
    for point in averages(mine):
        lines.append("| {quality:.3f} | {bpp:.4f} | {psnr_db:.2f} | {ms_ssim:.4f} |".format(**point))
    against = bd_table(rows)[name]
    lines += ["", "| BD-rate (PSNR) against | % |", "|---|---|"]
    lines += [f"| {anchor} | {against[anchor]:+.1f} |" for anchor in anchors if anchor in against]
    return lines
