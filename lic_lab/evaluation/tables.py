"""Tables for papers and pages: averages, BD-rates, shares and low rates as Markdown and as LaTeX (booktabs)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lic_lab.evaluation.curves import averages
from lic_lab.evaluation.means import Gap, shared_pictures
from lic_lab.evaluation.shares import count

COLUMNS = {  # column of a row -> head and format in a table of averages
    "bpp": ("bpp", "{:.4f}"),
    "psnr_db": ("PSNR dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "ms_ssim": ("MS-SSIM", "{:.4f}"),
    "lpips": ("LPIPS", "{:.4f}"),
    "bytes": ("bytes", "{:,.0f}"),
    "encode_seconds": ("encode s", "{:.3f}"),
    "decode_seconds": ("decode s", "{:.3f}"),
    "peak_memory_mb": ("peak MB", "{:.0f}"),
}
TITLES = {"psnr_db": "PSNR", "ms_ssim_db": "MS-SSIM (dB)", "ssim": "SSIM", "lpips": "LPIPS"}
DIFFERENCES = {
    "psnr_db": ("PSNR dB", "{:+.2f}"),
    "ssim": ("SSIM", "{:+.4f}"),
    "ms_ssim": ("MS-SSIM dB", "{:+.2f}"),
    "lpips": ("LPIPS (- is better)", "{:+.4f}"),
}
BOLD, PLAIN = "\ue000", "\ue001"  # around what stands out; no name holds them, and no format escapes them


@dataclass(frozen=True)
class Sheet:
    """A table as text: a caption, a head, rows of cells, and notes below.

    words: how many columns at the left hold words; the others hold numbers and stand to the right.
    """

    caption: str
    head: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    words: int = 1

    def markdown(self) -> str:
        """The table as GitHub renders it, the caption in bold above, notes below."""
        from tabulate import tabulate

        cells = [[markdown_text(cell) for cell in row] for row in self.body]
        table = tabulate(cells, [markdown_text(h) for h in self.head], "github", **self._how())
        table = table.replace(BOLD, "**").replace(PLAIN, "**")
        return "\n\n".join([f"**{markdown_text(self.caption)}**", table, *map(markdown_text, self.notes)]) + "\n"

    def latex(self) -> str:
        r"""The table as a LaTeX float; it needs \usepackage{booktabs}."""
        from tabulate import tabulate

        table = tabulate(self.body, self.head, "latex_booktabs", **self._how())
        table = table.replace(BOLD, r"\textbf{").replace(PLAIN, "}")
        notes = [rf"\par\smallskip\footnotesize {_latex(note)}" for note in self.notes]
        lines = [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(self.caption)}}}",
        ]
        return "\n".join([*lines, table, *notes, r"\end{table}"]) + "\n"

    def _how(self) -> dict:
        sides = ["left"] * self.words + ["right"] * (len(self.head) - self.words)
        return {"disable_numparse": True, "colalign": sides if self.body else None}


def bold(text: str) -> str:
    """Mark a cell, or a part of it, so that it stands out."""
    return f"{BOLD}{text}{PLAIN}"


def averages_sheet(rows: Sequence[Mapping]) -> Sheet:
    """The mean of every measured column, per codec and quality, over the pictures that all points of all codecs share.

    Raises LicLabError where they share none.
    """
    pictures, remark = shared_pictures(rows)
    wanted = set(pictures)
    means = averages([row for row in rows if row["image"] in wanted])
    names = [name for name in COLUMNS if any(mean[name] == mean[name] for mean in means)]
    body = []
    for mean in means:
        quality = mean["quality"]
        cells = ("-" if mean[name] != mean[name] else COLUMNS[name][1].format(mean[name]) for name in names)
        body.append((mean["codec"], f"{quality:.4g}" if isinstance(quality, float) else str(quality), *cells))
    notes = [remark] if remark else []
    for name in names:
        fewest = min(mean.get(f"{name}_pictures", len(pictures)) for mean in means if mean[name] == mean[name])
        if fewest < len(pictures):
            notes.append(f"{COLUMNS[name][0]}: {fewest} of {len(pictures)} pictures have it.")
    head = ("codec", "quality", *(COLUMNS[name][0] for name in names))
    return Sheet(f"Averages over {_pictures(len(pictures))}, whole files", head, tuple(body), tuple(notes))


def bd_sheet(gaps: Sequence[Gap], anchor: str, sources: Mapping[str, str] | None = None) -> Sheet:
    """The BD-rates of every codec against one anchor: percent, the qualities integrated over, points, and remarks.

    gaps: of any anchors and metrics; those of `anchor` are shown, the best of every metric bold. sources: of published
    curves, by name, given as notes.
    """
    chosen = [g for g in gaps if g.anchor == anchor and g.codec != anchor]
    metrics = list(dict.fromkeys(g.metric for g in chosen))
    found = {(g.codec, g.metric): g for g in chosen}
    best = {m: min((g.bd_rate_pct for g in chosen if g.metric == m and not g.note), default=math.nan) for m in metrics}
    remarks = list(dict.fromkeys(g.note for g in chosen if g.note))
    body = []
    for codec in dict.fromkeys(g.codec for g in chosen):
        cells = []
        for metric in metrics:
            cells += _bd_cells(found.get((codec, metric)), best[metric], remarks)
        body.append((codec, *cells))
    head = ["codec"]
    for metric in metrics:
        head += [f"{TITLES.get(metric, metric)} %", "over dB", "points"]
    notes = [f"({number}) {remark}" for number, remark in enumerate(remarks, 1)]
    notes += [f"{name}: {source}" for name, source in (sources or {}).items()]
    measured = [g for g in gaps if not g.codec.startswith("published:")] or chosen
    pictures = {metric: max((g.pictures for g in measured if g.metric == metric), default=0) for metric in metrics}
    caption = f"BD-rate against {anchor}, mean of {counted(pictures)}, negative is fewer bits"
    return Sheet(caption, tuple(head), tuple(body), tuple(notes))


def _bd_cells(found: Gap | None, best: float, remarks: Sequence[str]) -> list[str]:
    if found is None:
        return ["-", "-", "-"]
    mark = f" ({remarks.index(found.note) + 1})" if found.note else ""
    rate = "-" if math.isnan(found.bd_rate_pct) else f"{found.bd_rate_pct:+.2f}"
    rate = bold(rate) if found.bd_rate_pct == best else rate
    span = "-" if math.isnan(found.overlap_low_db) else f"{found.overlap_low_db:.2f} to {found.overlap_high_db:.2f}"
    return [rate + mark, span, str(found.points)]


def matrix_sheet(gaps: Sequence[Gap], metric: str = "psnr_db") -> Sheet:
    """The BD-rate of every codec (row) against every anchor (column) of one metric, in percent."""
    chosen = [g for g in gaps if g.metric == metric]
    anchors, codecs = (list(dict.fromkeys(getattr(g, side) for g in chosen)) for side in ("anchor", "codec"))
    found = {(g.codec, g.anchor): g for g in chosen}
    body = []
    for codec in codecs:
        shown = (found.get((codec, anchor)) for anchor in anchors)
        cells = ("-" if g is None or g.bd_rate_pct != g.bd_rate_pct else f"{g.bd_rate_pct:+.1f}" for g in shown)
        body.append((codec, *cells))
    caption = f"BD-rate of {TITLES.get(metric, metric)}, %, every codec (row) against every anchor (column)"
    return Sheet(caption, ("codec", *anchors), tuple(body))


def shares_sheet(found: Sequence[Mapping]) -> Sheet:
    """How many pictures meet each threshold, per codec and quality, from `shares`."""
    names = list(dict.fromkeys(row["criterion"] for row in found))
    points: dict[tuple, dict] = {}
    for row in found:
        points.setdefault((row["codec"], row["quality"], row["bpp"]), {})[row["criterion"]] = row
    body = []
    for (codec, quality, bpp), by_name in points.items():
        cells = (count(by_name[name]["met"], by_name[name]["pictures"]) for name in names)
        body.append((codec, f"{quality:.4g}", f"{bpp:.4f}", *cells))
    return Sheet("Pictures that meet a threshold", ("codec", "quality", "mean bpp", *names), tuple(body))


def low_rate_sheet(found: Sequence[Mapping], limit: float = 0.5) -> Sheet:
    """Differences at equal rate below `limit` bpp, picture by picture, from `low_rate`."""
    metrics = [name for name in DIFFERENCES if found and name in found[0]]
    body = []
    for row in found:
        cells = [row["codec"], row["baseline"], f"{row['compared']} of {row['files']}"]
        for name in metrics:
            there = row["compared"] > 0 and row[name] == row[name]
            won = f"{row[f'{name}_won']} of {row[f'{name}_compared']}"
            cells += [DIFFERENCES[name][1].format(row[name]), won] if there else ["-", "-"]
        body.append(tuple(cells))
    head = ["codec", "against", "files compared"]
    for name in metrics:
        head += [DIFFERENCES[name][0], "won"]
    note = (
        "The other codec's quality is read off its points on the same picture at the file's own rate, on a line over "
        "log rate; files outside of its range are not compared."
    )
    return Sheet(f"Below {limit:g} bpp, at equal rate", tuple(head), tuple(body), (note,), words=2)


def csv_text(records: Iterable[Mapping]) -> str:
    """Records as CSV, columns as in the first one; numbers to six digits, NaN and None as empty cells."""
    records = list(records)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: _cell(entry) for key, entry in record.items()})
    return text.getvalue()


def _cell(entry):
    if isinstance(entry, float):
        return "" if math.isnan(entry) else f"{entry:.6g}"
    return entry


def counted(pictures: Mapping[str, int]) -> str:
    """How many pictures means are over, metric -> number, in words: "24 pictures (MS-SSIM (dB): 12)"."""
    first = next(iter(pictures.values()), 0)
    others = ", ".join(f"{TITLES.get(name, name)}: {n}" for name, n in pictures.items() if n != first)
    return f"{_pictures(first)}{f' ({others})' if others else ''}"


def _pictures(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"


def markdown_text(text: str) -> str:
    """Text in which Markdown finds nothing to interpret, on one line."""
    return re.sub(r"([|<*`\[\]\\])", r"\\\1", " ".join(text.split()))


def _latex(text: str) -> str:
    from tabulate import LATEX_ESCAPE_RULES

    return "".join(LATEX_ESCAPE_RULES.get(letter, letter) for letter in " ".join(text.split()))
