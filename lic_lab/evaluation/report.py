"""Rows of numbers as tables for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from lic_lab.evaluation.curves import bd_table
from lic_lab.evaluation.sweep import Row


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
        said = ("yes", row.label) if row.available else ("no", row.reason)
        table.add_row(row.name, row.kind, "pairs" if row.views == 2 else "pictures", *map(escape, said))
    return table


def bd_rate_table(rows: Sequence[Mapping], pictures: int) -> Table:
    """Show the BD-rate of PSNR, in percent, of every codec (row) against every codec (column); negative is better."""
    numbers = bd_table(rows)
    title = f"BD-rate (PSNR, mean of {pictures} pictures, whole files), % against"
    table = Table(title=title, title_justify="left", box=HORIZONTALS, pad_edge=False)
    table.add_column("codec", no_wrap=True)
    for anchor in numbers:
        table.add_column(escape(anchor), justify="right", no_wrap=True)
    for codec, against in numbers.items():
        table.add_row(escape(codec), *("-" if value != value else f"{value:+.1f}" for value in against.values()))
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
