"""A page for each model: idea, claim, data flow, costs, weights, and what they reach in measured files."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from makers.docstrings import blocks

LABELS = {"Claim": "The paper claims", "Code": "The public code", "Ours": "Ours"}
MEASURED = {1: ("kodak.csv", "the 24 Kodak pictures"), 2: ("stereo.csv", "three stereo pairs")}
ROOMS = ("ops", "blocks", "entropy", "models", "probes", "plots")  # what costs and diagrams depend on


def model_page(name: str, facts: Mapping, card: str, rates: str, chapters: Sequence[str]) -> str:
    """Put a model's page together.

    facts: from `facts`.   card: Markdown of its weights, "" for none.   rates: Markdown of its curve and BD-rates.
    chapters: Markdown links to the chapters that speak of it.
    """
    lines = [f"# {name}", "", facts["idea"], "", facts["headline"], "", "## Claim, code and what is here", ""]
    lines += ["| who | says |", "|---|---|"]
    lines += [f"| **{LABELS[label]}** | {_cell(text)} |" for label, text in facts["claims"].items()]
    lines += [f"| **Source** | {_cell(facts['source'])} |"] if facts["source"] else []
    lines += ["", "## Data flow", "", f"Drawn from the module itself, preset `{facts['drawn']}`.", ""]
    lines += ["```{raw} html", f'<div class="sideways" tabindex="0">{facts["svg"]}</div>', "```", ""]
    lines += ["## What it costs", "", costs_table(facts["costs"]), ""]
    lines += [
        f"Counted for {facts['of']} of 768 x 512 pixels. A coding pass begins when the one before it is done.",
        "",
    ]
    lines += ["## Trained weights", "", card or no_weights(name), ""]
    lines += ["## Rate and quality", "", rates, ""] if rates else []
    lines += ["## Where to read on", ""]
    lines += [f"- {chapter}" for chapter in chapters]
    lines += [f"- The code: [{facts['module']}](../reference/{facts['module']}.rst), one file", ""]
    return "\n".join(lines)


def no_weights(name: str) -> str:
    """What a model without weights says."""
    return (
        f"None are shipped yet, so there are no measured rates on this page. `lic-lab train {name} pictures/ "
        f"--preset lab --out runs/{name}` trains some; the presets can be built and looked at without: "
        f'`lic_lab.build("{name}", "lab")`.'
    )


def costs_table(costs: Sequence[Mapping]) -> str:
    """The costs of the presets as Markdown."""
    lines = ["| preset | parameters | encode kMAC/pixel | decode kMAC/pixel | coding passes |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {c['preset']} | {c['parameters']:,} | {c['encode']:.1f} | {c['decode']:.1f} | {c['passes']:,} |"
        for c in costs
    ]
    return "\n".join(lines)


def facts(name: str, presets: Sequence[str], drawn: str = "lab") -> dict:
    """What a model's page says of its code; building the large presets takes seconds, see `remembered`."""
    from lic_lab import build
    from lic_lab.plots.flow import Flow
    from lic_lab.probes.claims import model_claims, model_headline
    from lic_lab.probes.complexity import complexity

    found = {preset: complexity(build(name, preset)) for preset in presets}
    model = type(build(name, presets[0]))
    module = importlib.import_module(model.__module__)
    costs = [
        {"preset": preset, "parameters": c.parameters, "encode": c.encode_kmac, "decode": c.decode_kmac,
         "passes": len(c.passes)}
        for preset, c in found.items()
    ]  # fmt: skip
    return {
        "idea": _upper(_first_paragraph(module.__doc__).partition(": ")[2] or _first_paragraph(module.__doc__)),
        "headline": model_headline(model),
        "claims": model_claims(model),
        "source": source(inspect.getdoc(model) or ""),
        "drawn": drawn,
        "svg": Flow(found[drawn], f"{name}, preset {drawn}", codec=name).svg(),
        "costs": costs,
        "of": {1: "a picture", 2: "a pair of pictures"}[found[drawn].views],
        "views": found[drawn].views,
        "module": model.__module__,
    }


def source(docstring: str) -> str:
    """Where a model comes from: what its docstring says behind "Source:"."""
    return next((b.text for b in blocks(docstring) if b.kind == "entry" and b.name == "Source"), "")


def remembered(file: Path, package: Path, make) -> dict:
    """Give `make()`, from a file of an earlier time if the rooms that it depends on have not changed since."""
    sources = sorted(path for room in ROOMS for path in (package / room).rglob("*.py"))
    content = b"".join(path.read_bytes() for path in sources) + inspect.getsource(facts).encode()
    key = hashlib.sha256(content).hexdigest()
    if file.is_file() and (known := json.loads(file.read_text("utf-8")))["key"] == key:
        return known["facts"]
    found = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"key": key, "facts": found}), "utf-8")
    return found


def card_section(text: str) -> str:
    """The card of some weights as a section of a page: without its title, its headings one step lower."""
    body = re.sub(r"\A# .*\n+", "", text)
    body = re.sub(r"^\| BD-rate .*\Z", "", body, flags=re.MULTILINE | re.DOTALL)  # a longer table follows on the page
    return re.sub(r"^##", "###", body, flags=re.MULTILINE).replace("{", "\\{").strip()


def measured_section(name: str, rows: Sequence[Mapping], what: str) -> str:
    """The curve of a codec beside the classical ones, and its BD-rate against each; "" where it was not measured."""
    from lic_lab.evaluation.reading import Curves
    from lic_lab.plots.rd import looks, rd_chart

    curves = Curves([row for row in rows if row["codec"] == name or _is_classical(row["codec"])])
    if name not in curves.codecs:
        return ""
    parts = [f"Whole files, mean of {what}. Up and to the left is better; negative BD-rates are fewer bits.", ""]
    found = curves.measured("psnr_db")
    chart = rd_chart(
        [r for c in found.values() for r in c.records()], bold=[name], title=f"{name} and classical codecs"
    )
    known = looks(found)
    labels = {f"{look.label}, ": look.label for look in known.values()}
    lines = [replace(line, label=_label(line.title, labels)) for line in chart.lines]
    svg = replace(chart, lines=lines, title="", alt=f"PSNR against bits per pixel of {name} and classical codecs").svg()
    parts += ["```{raw} html", f'<div class="chart">{svg}</div>', "```", "", bd_table(name, curves)]
    return "\n".join(parts)


def bd_table(name: str, curves) -> str:
    """The BD-rates of a codec against every other one of `curves` as Markdown, by PSNR and by MS-SSIM."""
    lines = [f"| `{name}` against | BD-rate (PSNR), % | BD-rate (MS-SSIM), % |", "|---|--:|--:|"]
    for anchor in (codec for codec in curves.codecs if codec != name):
        cells = []
        for metric in ("psnr_db", "ms_ssim"):
            gap = curves.gaps(metric, anchor).get(name) if metric in curves.metrics else None
            cells.append("-" if gap is None or math.isnan(gap.bd_rate_pct) else f"{gap.bd_rate_pct:+.1f}")
        lines.append(f"| `{anchor}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def speaks_of(text: str, name: str, least: int = 3) -> bool:
    """Whether a chapter's prose and code name a model at least so many times."""
    return len(re.findall(rf"(?<![\w.]){name}(?!\w)", text, re.IGNORECASE)) >= least


def _label(title: str, labels: Mapping[str, str]) -> str:
    return next(label for begin, label in labels.items() if title.startswith(begin))


def _is_classical(codec: str) -> bool:
    from lic_lab.codecs import classical, stereo

    return codec in classical() or codec in stereo() or codec.removeprefix("pair:") in classical()


def _first_paragraph(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())


def _cell(text: str) -> str:
    return _upper(text).replace("|", "\\|").replace("<", "\\<")


def _upper(text: str) -> str:
    """Text that begins with a large letter, unless it begins with the name of a file: "ms2020.py in ..."."""
    return text if re.match(r"\w+[._/]\w", text) else text[:1].upper() + text[1:]
