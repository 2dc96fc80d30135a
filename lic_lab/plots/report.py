"""The report of an evaluation: curves, BD-rates, averages, shares and strips of one data set, in one folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import numpy as np

from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.images import write_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference, tables
from lic_lab.evaluation.means import Curve, gaps, mean_curves, published_curve, shared_pictures, value
from lic_lab.evaluation.shares import THRESHOLDS, low_rate, shares
from lic_lab.files import write_bytes
from lic_lab.metrics.quality import MS_SSIM_MIN_SIDE
from lic_lab.plots.distribution import distribution_figure, points_near
from lic_lab.plots.rd import rd_panels
from lic_lab.plots.rd_html import rd_html
from lic_lab.plots.strips import decode_again, matched_rows, strips

DRAWN = {"psnr_db": "psnr_db", "ms_ssim": "ms_ssim_db", "ssim": "ssim", "lpips": "lpips"}  # as measured -> as drawn
DECIBELS = ("psnr_db", "ms_ssim_db")  # what BD-rates are taken of
LOW = 0.5  # bpp
STRIP_BPP, MOST_STRIPS, MOST_PANELS = 0.25, 6, 6

Curves = dict[str, dict[str, Curve]]  # metric as drawn -> name -> curve


def write_report(
    folder: str | Path,
    rows: Sequence[Mapping],
    *,
    images: Mapping[str, np.ndarray] | None = None,
    anchor: str | None = None,
    published: Sequence[str] = (),
    metrics: Sequence[str] = ("psnr_db", "ms_ssim"),
    thresholds: Mapping[str, float] = THRESHOLDS,
    loaded: Mapping[str, ImageCodec] | None = None,
    panels: bool = False,
) -> list[Path]:
    """Write what measured rows of one data set say, as figures, tables and strips, and a README.md that shows them.

    rows: dicts as `evaluation.curves.read_rows` gives them.   images: name -> uint8 picture; without them there are no
    strips.   anchor: what BD-rates are taken against, a codec or a published curve ("published:vtm"), by default jpeg
    (of pairs pair:jpeg), else the first codec.   published: further curves to draw and compare.   metrics: those of
    BD-rates and of rd.png.   thresholds: column -> limit, for the shares of pictures.   loaded: codecs by name, for
    strips of codecs that the registry does not know.   panels: also write <dataset>_RD_Curves.png, with PSNR, MS-SSIM
    and LPIPS. Returns the paths, README.md last. Raises LicLabError for no rows, unknown curves, and anchors without
    real bytes.
    """
    if not rows:
        raise LicLabError("there are no measured rows to report on: measure some files first")
    curves = _curves(rows, [*published, *([anchor] if _is_published(anchor) else [])])
    anchor = _anchor(anchor, curves["psnr_db"])
    out, title, note = _Folder(Path(folder)), _title(rows, curves), _notes(rows, curves)
    parts = {
        "Rate and distortion": _rate_distortion(out, curves, [DRAWN[name] for name in metrics], title, note),
        "BD-rate": _bd_rates(out, curves, anchor, [DRAWN[name] for name in metrics]),
        "Averages": _folded(out.sheet("averages", tables.averages_sheet(rows)), "every codec at every quality"),
        "Single pictures": _single_pictures(out, rows, thresholds),
        f"Below {LOW:g} bpp": _low_rates(out, rows),
        "Pictures at matched rates": _strips(out, rows, images or {}, loaded),
    }
    if panels:
        _panels(out, rows, curves, title, images or {})
    body = [
        f"# {tables.markdown_text(title)}",
        *map(tables.markdown_text, note.splitlines()),
        *(f"## {head}\n\n{said}" for head, said in parts.items() if said),
    ]
    out.text("README.md", "\n\n".join(body).rstrip() + "\n")
    return out.written


class _Folder:
    """Where a report goes, and what has been written there."""

    def __init__(self, path: Path):
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.written = path, []

    def text(self, name: str, text: str) -> None:
        self._written(name)
        write_bytes(self.path / name, text.encode())

    def figure(self, name: str, figure) -> None:
        figure.savefig(self._written(name), dpi=110)

    def picture(self, name: str, picture) -> None:
        write_image(self._written(name), picture)

    def sheet(self, name: str, sheet: tables.Sheet) -> str:
        """Write a table as Markdown and LaTeX; gives the Markdown."""
        self.text(f"{name}.md", sheet.markdown())
        self.text(f"{name}.tex", sheet.latex())
        return sheet.markdown()

    def _written(self, name: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.written.append(path)
        return path


def _is_published(name: str | None) -> bool:
    return bool(name) and name.startswith(reference.PREFIX)


def _curves(rows: Sequence[Mapping], published: Sequence[str]) -> Curves:
    """Every curve of every metric that was measured; a published curve where it has the metric, and one at least."""
    dataset, curves = reference.dataset_of(rows), {}
    for column, metric in DRAWN.items():
        if column == "psnr_db" or any(value(row, column) == value(row, column) for row in rows):
            curves[metric] = mean_curves(rows, metric)
    for address in published:
        found = [_published_or_none(address, metric, dataset) for metric in curves]
        if not any(found):
            published_curve(address, "psnr_db", dataset)  # says what is wrong with it
        for curve in filter(None, found):
            curves[curve.metric][curve.name] = curve
    return curves


def _published_or_none(address: str, metric: str, dataset: str) -> Curve | None:
    points = reference.find(address, dataset)
    column = {drawn: column for column, drawn in DRAWN.items()}[metric]
    return published_curve(address, metric, dataset) if any(getattr(p, column, None) for p in points) else None


def _anchor(anchor: str | None, curves: Mapping[str, Curve]) -> str:
    """The name of the anchor among the curves."""
    if anchor is None:
        return next((name for name in ("jpeg", "pair:jpeg") if name in curves), next(iter(curves)))
    if _is_published(anchor):
        dataset = next(iter(curves.values())).dataset
        points = reference.find(anchor, dataset)
        reference.check_anchor(points)
        return reference.address(points)
    if anchor not in curves:
        raise LicLabError(
            f"{anchor!r} was not measured and is no anchor: there are {', '.join(curves)}, or published:NAME"
        )
    return anchor


def _name(rows: Sequence[Mapping]) -> str:
    return str(rows[0].get("dataset") or "") or reference.dataset_of(rows)


def _title(rows: Sequence[Mapping], curves: Curves) -> str:
    """The data set, and how many pictures the means are over, of each metric that fewer pictures have."""
    name = _name(rows)
    number = tables.counted({metric: next(iter(each.values())).pictures for metric, each in curves.items()})
    return f"{name + ': ' if name else ''}mean of {number}, whole files"


def _notes(rows: Sequence[Mapping], curves: Curves) -> str:
    """What a reader of the curves must know: pictures left out, and published means of other pictures."""
    said, remark = [], shared_pictures(rows)[1]
    mine = next(iter(curves["psnr_db"].values()))
    others = {c.name: c for each in curves.values() for c in each.values() if _is_published(c.name)}
    for curve in others.values():
        if (curve.dataset, curve.pictures) != (mine.dataset, mine.pictures):
            number = curve.pictures or "an unstated number of"
            said.append(f"{curve.name} is the mean of {number} pictures of {curve.dataset}: not comparable")
    decibels = [c.name for c in curves.get("ms_ssim_db", {}).values() if reference.FROM_DB in c.source]
    if decibels:
        said.append(reference.MEAN_OF_DB.format(", ".join(decibels)))
    return "\n".join([*([remark] if remark else []), *said])


def _rate_distortion(out: _Folder, curves: Curves, metrics: Sequence[str], title: str, note: str) -> str:
    records = {metric: _records(each) for metric, each in curves.items()}
    figure = rd_panels({metric: records[metric] for metric in metrics if metric in records}, title=title, note=note)
    out.figure("rd.png", figure)
    out.figure("rd.svg", figure)
    out.text("rd.html", rd_html(records, title=title, note=note))
    return "![rate-distortion curves](rd.png)\n\n[With names and numbers at every point](rd.html)"


def _records(curves: Mapping[str, Curve]) -> list:
    return [record for curve in curves.values() for record in curve.records()]


def _bd_rates(out: _Folder, curves: Curves, anchor: str, metrics: Sequence[str]) -> str:
    """Every curve against every other as CSV, against one anchor as a table with all it rests on, and as a matrix."""
    found = []
    for metric in [metric for metric in metrics if metric in DECIBELS and metric in curves]:
        real = [name for name in curves[metric] if not name.endswith(reference.ESTIMATED)]
        found += gaps(curves[metric], real)
    if not any(gap.codec != gap.anchor for gap in found):
        return ""  # one codec alone
    out.text("bd_rate.csv", tables.csv_text([asdict(gap) for gap in found]))
    sources = {c.name: c.source for each in curves.values() for c in each.values() if c.source}
    said = out.sheet("bd_rate", tables.bd_sheet(found, anchor, sources))
    return f"{said}\n{_folded(tables.matrix_sheet(found).markdown(), 'every codec against every other')}"


def _single_pictures(out: _Folder, rows: Sequence[Mapping], thresholds: Mapping[str, float]) -> str:
    counted = shares(rows, thresholds)
    out.text("distribution.csv", tables.csv_text(counted))
    out.figure("distribution.png", distribution_figure(rows, thresholds=thresholds, title=_name(rows)))
    near = points_near(rows, thresholds.get("bpp", THRESHOLDS["bpp"]))
    shown = {(codec, at[0]["quality"]) for codec, at in near.items()}
    few = tables.shares_sheet([row for row in counted if (row["codec"], row["quality"]) in shown]).markdown()
    every = _folded(tables.shares_sheet(counted).markdown(), "every codec at every quality")
    return f"![histograms over pictures](distribution.png)\n\n{few}\n{every}"


def _low_rates(out: _Folder, rows: Sequence[Mapping]) -> str:
    """Every codec against every other at equal low rates; the first codec's lines are shown."""
    found = low_rate(rows, LOW)
    if not found:
        return ""
    out.text("low_rate.csv", tables.csv_text(found))
    first = [row for row in found if row["codec"] == found[0]["codec"]]
    return out.sheet("low_rate", tables.low_rate_sheet(first, LOW)) + "\n[Every codec](low_rate.csv)"


def _strips(out: _Folder, rows: Sequence[Mapping], images: Mapping[str, np.ndarray], loaded) -> str:
    """A strip for each of some pictures; a codec that cannot decode as it did is left out, with a warning."""
    names = [name for name in shared_pictures(rows)[0] if name in images]
    names = names[:: -(-len(names) // MOST_STRIPS)] if names else []
    codecs, lost = list(dict.fromkeys(row["codec"] for row in rows))[:MOST_PANELS], set()
    lines = []
    for name in names:
        here = [row for row in rows if row["image"] == name]
        decoded = []
        for row in matched_rows(here, [codec for codec in codecs if codec not in lost], STRIP_BPP):
            try:
                decoded.append({**row, "reconstruction": decode_again(row, images[name], loaded)})
            except LicLabError as reason:
                lost.add(row["codec"])
                warnings.warn(f"{row['codec']} is left out of the strips: {reason}", stacklevel=3)
        if not decoded:
            break
        out.picture(f"strips/{name}.png", strips(images[name], decoded, bpp=STRIP_BPP))
        lines.append(f"![{tables.markdown_text(name)}, original and codecs](strips/{quote(name)}.png)")
    return "\n\n".join(lines)


def _panels(
    out: _Folder, rows: Sequence[Mapping], curves: Curves, title: str, images: Mapping[str, np.ndarray]
) -> None:
    """PSNR, MS-SSIM and LPIPS side by side, as BiMamba's evaluation draws them; an empty panel says why it is empty."""
    wanted = [DRAWN[column] for column in ("psnr_db", "ms_ssim", "lpips")]
    missing = {metric: _why_missing(metric, images) for metric in wanted if metric not in curves}
    shown = {metric: _records(curves[metric]) for metric in wanted if metric in curves}
    out.figure(f"{_name(rows) or 'pictures'}_RD_Curves.png", rd_panels(shown, title=title, missing=missing))


def _why_missing(metric: str, images: Mapping[str, np.ndarray]) -> str:
    """Why no picture has a metric, as far as the pictures tell; without them, both reasons that there may be."""
    if metric != "ms_ssim_db":
        return f"{tables.TITLES[metric]} was not measured: it is measured where --metrics asks for it"
    sides = [min(image.shape[-3:-1]) for image in images.values()]
    small = f"sides of at least {MS_SSIM_MIN_SIDE} pixels"
    if sides and max(sides) < MS_SSIM_MIN_SIDE:
        return f"MS-SSIM was not measured: it needs {small}"
    asked = "it is measured where --metrics asks for it"
    return f"MS-SSIM was not measured: {asked}" + ("" if sides else f", of pictures with {small}")


def _folded(text: str, summary: str) -> str:
    """Markdown behind a line that opens on a click."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n</details>"
