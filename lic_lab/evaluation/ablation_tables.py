"""An ablation as a table, and as files: one line per run, one per variant, and everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from lic_lab.errors import LicLabError
from lic_lab.evaluation.ablation import Ablation, Run, Spread
from lic_lab.evaluation.tables import Sheet, csv_text
from lic_lab.evaluation.variants import FULL
from lic_lab.files import write_bytes

COLUMNS = {  # of a summary -> head and format
    "parameters": ("parameters", "{:,}"),
    "encode_kmac": ("encode kMAC/px", "{:.3g}"),
    "decode_kmac": ("decode kMAC/px", "{:.3g}"),
    "encode_seconds": ("encode s", "{:.3f}"),
    "decode_seconds": ("decode s", "{:.3f}"),
    "train_seconds": ("training s", "{:.0f}"),
}


def ablation_sheet(found: Ablation) -> Sheet:
    """Show the variants of an ablation in rows: what each loses or gains against `full`, with its spread, and costs."""
    rows = found.summary()
    head = ("variant", "switches", "seeds", f"{found.gap_name} %", "min ... max", "objective")
    body = []
    for row in rows:
        cells = [row["variant"], switches_text(row["switches"]), str(row["seeds"]), *_gap_cells(row)]
        cells.append(spread_text(row["objective"], "{:.4f}"))
        cells += ["-" if row[name] is None else form.format(row[name]) for name, (_, form) in COLUMNS.items()]
        body.append(tuple(cells))
    head += tuple(words for words, _ in COLUMNS.values())
    settings = found.settings
    caption = f"Ablation of {settings['model']}, preset {settings['preset']}"
    return Sheet(caption, head, tuple(body), tuple(_notes(found, rows)), words=2)


def _gap_cells(row: Mapping) -> tuple[str, str]:
    if row["variant"] == FULL:
        return "0", ""
    gaps: Spread | None = row["gap_pct"]
    if gaps is None:
        return "-", "failed" if row["failed"] and not row["seeds"] else ""
    return spread_text(gaps, "{:+.1f}"), f"{gaps.least:+.1f} ... {gaps.most:+.1f}" if gaps.n > 1 else "no spread"


def spread_text(spread: Spread | None, form: str) -> str:
    """Write a mean with its standard deviation: "+1.2 ± 0.4"; the mean alone of one number, "-" of none."""
    if spread is None:
        return "-"
    unsigned = form.replace("+", "")
    return form.format(spread.mean) + ("" if spread.std is None else f" ± {unsigned.format(spread.std)}")


def switches_text(switches: Mapping) -> str:
    """Write switches as a constructor takes them: "context='none', slices=(12, 12)"."""
    return ", ".join(f"{name}={value!r}" for name, value in switches.items()) or "-"


def _notes(found: Ablation, rows: list[dict]) -> list[str]:
    settings, noise = found.settings, found.between_seeds()
    same = ("model", "preset", "lambda", "data", "seeds", "pictures")
    budget = ", ".join(f"{key} {value}" for key, value in settings.items() if key not in same)
    pictures = settings["pictures"]
    notes = [
        f"Trained on {', '.join(settings['data'])}, all alike ({budget or 'the recipe of the preset'}); seeds "
        f"{', '.join(map(str, settings['seeds']))}; tested on {len(pictures)} (" + ", ".join(pictures[:8])
        + (", ...)" if len(pictures) > 8 else ")") + ", whole files.",
        f"{found.gap_name}: against {FULL} of the same seed, negative is better; mean and sample standard deviation "
        "over the seeds.",
    ]  # fmt: skip
    if noise:
        notes.append(
            f"{FULL} lies up to {max(abs(noise.least), abs(noise.most)):.1f} % from itself between seeds "
            f"({noise.n} pair{'s' if noise.n > 1 else ''}): what is smaller than that says little."
        )
    else:
        notes.append(f"{found.why_no_spread()}: no spread, so no small difference here means anything.")
    lost = [row["variant"] for row in rows[1:] if row["gap_pct"] is None and row["seeds"]]
    if lost:
        notes.append(f"No {found.gap_name} for {', '.join(lost)}: the curves do not meet, or {FULL} failed.")
    notes += [f"Failed: {row['variant']}, seed {seed}: {why}" for row in rows for seed, why in row["failed"].items()]
    return [*notes, "Seconds: on the machine of the run, one file after the other; objective: on held-out crops."]


def run_records(found: Ablation) -> list[dict]:
    """Give one record per run, for CSV; bpp, PSNR and MS-SSIM are means over the pictures at the middle rate."""
    gap = f"{found.gap_name.lower().replace(' ', '_').replace('-', '_').replace('+', 'plus')}_pct"
    records = []
    for run in found.runs:
        record = {"variant": run.variant, "seed": run.seed, "switches": json.dumps(run.switches), "failed": run.failed}
        record |= {gap: found.gaps(run.variant).get(run.seed), "objective": run.objective}
        record |= {name: run.mean(name, middle=True) for name in ("bpp", "psnr_db", "ms_ssim")}
        record |= run.work
        record |= {name: run.mean(name) for name in ("encode_seconds", "decode_seconds")}
        records.append(record | {"train_seconds": run.train_seconds})
    return records


def write_ablation(found: Ablation, folder: str | Path) -> list[Path]:
    """Write ablation.csv (a line per run), ablation.json (everything) and ablation.md (the table); give the paths."""
    texts = {
        "ablation.csv": csv_text(run_records(found)),
        "ablation.json": json.dumps(found.record(), indent=1) + "\n",
        "ablation.md": ablation_sheet(found).markdown(),
    }
    for name, text in texts.items():
        write_bytes(Path(folder) / name, text.encode())
    return [Path(folder) / name for name in texts]


def read_ablation(file: str | Path) -> Ablation:
    """Read what `write_ablation` wrote as ablation.json: the same `Ablation` that `ablate` gave.

    Raises LicLabError for a file that is not there, or is something else.
    """
    names = [field.name for field in fields(Run)]
    try:
        record = json.loads(Path(file).read_text("utf-8"))
        runs = [Run(**{name: run[name] for name in names}) for run in record["runs"]]
        settings = dict(record["settings"])
    except OSError as error:
        raise LicLabError(f"{file} cannot be read: name the ablation.json of a finished lic-lab ablate") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LicLabError(f"{file} is no ablation: name the ablation.json that lic-lab ablate writes") from error
    for run in runs:  # JSON has lists only
        run.switches = {name: tuple(v) if isinstance(v, list) else v for name, v in run.switches.items()}
    return Ablation(settings, runs)
