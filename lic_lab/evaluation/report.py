"""Rows of numbers as tables for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from lic_lab.evaluation.means import gaps, mean_curves, shared_pictures
from lic_lab.evaluation.sweep import Row
from lic_lab.evaluation.tables import BOLD, PLAIN, Sheet, averages_sheet, matrix_sheet


def comparison_table(rows: Sequence[Row], title: str = "") -> Table:
    """Show rows as a table, one section per picture, and below the mean of every codec that coded all pictures.

    Means are plain means over pictures; the best PSNR of a section is bold.
    """
    table = Table(title=title or None, title_justify="left", box=HORIZONTALS, pad_edge=False)  # fits 80 columns
    table.add_column("picture", no_wrap=True)
    table.add_column("codec", no_wrap=True)
    for name in ("bytes", "bpp", "PSNR dB", "MS-SSIM", "encode s", "decode s"):
        table.add_column(name, justify="right", no_wrap=True)
    images = list(dict.fromkeys(row.image for row in rows))
    for image in images:
        _section(table, escape(image), [row for row in rows if row.image == image])
    if len(images) > 1:
        by_codec = {row.codec: [r for r in rows if r.codec == row.codec] for row in rows}
        _section(table, f"mean of {len(images)}", [_Mean(rs) for rs in by_codec.values() if len(rs) == len(images)])
    return table


def codec_table(rows: Iterable) -> Table:
    """Show the rows of `lic_lab.list_codecs()`: name, kind, what it codes, and whether it can run here, or why not."""
    table = Table(box=None, header_style="bold")
    for name in ("codec", "kind", "codes", "here", ""):
        table.add_column(name, overflow="fold")
    for row in rows:
        where = f", from {row.origin}" if row.origin else ""
        said = ("yes", row.label + where) if row.available else ("no", row.reason)
        table.add_row(row.name, row.kind, _codes(row), *map(escape, said))
    return table


def _codes(row) -> str:
    return "" if row.kind == "outside" else "pairs" if row.views == 2 else "pictures"


def average_table(rows: Sequence[Mapping], dataset: str = "") -> Table:
    """Show the averages of every codec at every quality, over the pictures that all of them share."""
    return sheet_table(averages_sheet(rows), f"{dataset}: " if dataset else "")


def bd_rate_table(rows: Sequence[Mapping]) -> Table:
    """Show the BD-rate of PSNR, in percent, of every codec (row) against every codec (column); negative is better."""
    remark, found = shared_pictures(rows)[1], gaps(mean_curves(rows))
    missing = dict.fromkeys(g.note for g in found if g.note and g.bd_rate_pct != g.bd_rate_pct)
    return sheet_table(replace(matrix_sheet(found), notes=(*([remark] if remark else []), *missing)))


def sheet_table(sheet: Sheet, before: str = "") -> Table:
    """Show a table of `lic_lab.evaluation.tables` in a terminal, its notes below; before: words before its caption."""
    notes = escape("\n".join(sheet.notes)) or None
    how = {"title_justify": "left", "caption_justify": "left", "box": HORIZONTALS, "pad_edge": False}
    how["collapse_padding"] = True  # nine codecs side by side in 100 columns
    table = Table(title=escape(f"{before}{sheet.caption}"), caption=notes, **how)
    for number, name in enumerate(sheet.head):
        table.add_column(escape(name), justify="left" if number < sheet.words else "right", no_wrap=True)
    for row in sheet.body:
        table.add_row(*(escape(cell).replace(BOLD, "[bold]").replace(PLAIN, "[/bold]") for cell in row))
    return table


class _Mean:
    """Rows of one codec, looked at as one row of their means."""

    def __init__(self, rows: Iterable[Row]):
        rows = list(rows)
        self.codec = rows[0].codec
        for name in ("bytes", "bpp", "psnr_db", "ms_ssim", "encode_seconds", "decode_seconds"):
            setattr(self, name, fmean(getattr(row, name) for row in rows))


def _section(table: Table, title: str, rows: Sequence[Row | _Mean]) -> None:
    best = max((row.psnr_db for row in rows), default=None)
    for number, row in enumerate(rows):
        quality = "-" if row.ms_ssim != row.ms_ssim else f"{row.ms_ssim:.4f}"
        decibels = f"[bold]{row.psnr_db:.2f}[/bold]" if row.psnr_db == best else f"{row.psnr_db:.2f}"
        seconds = (f"{row.encode_seconds:.3f}", f"{row.decode_seconds:.3f}")
        table.add_row(
            title if number == 0 else "",
            escape(row.codec),
            f"{row.bytes:,.0f}",
            f"{row.bpp:.4f}",
            decibels,
            quality,
            *seconds,
        )
    table.add_section()
