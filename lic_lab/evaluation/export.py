"""Tables of a sweep as files: our own, and under the column names of the systems this laboratory grew out of."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from lic_lab.errors import LicLabError
from lic_lab.evaluation.curves import FIELDS, NUMBERS, TEXTS, averages, shared_points, table_text, write_rows
from lic_lab.evaluation.means import value
from lic_lab.evaluation.shares import LESS_IS_BETTER, THRESHOLDS, meets
from lic_lab.files import json_text, safe_name, write_bytes, write_json
from lic_lab.metrics.quality import ms_ssim_db

KB = 1024  # bytes, as BiMamba counts them

Rows = Sequence[Mapping]


def write_tables(folder: str | Path, rows: Rows) -> list[Path]:
    """Write rows.csv, rows.json (each file), average.csv and average.json (each codec and quality) into a folder.

    The JSON files also say on which machines the rows were measured, with which versions, and the settings of each
    codec; where a number is missing, or infinite as the PSNR of equal pictures is, they hold null. Returns the paths.
    """
    folder, means = Path(folder), averages(rows)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("rows.csv", "rows.json", "average.csv", "average.json")]
    write_rows(rows, paths[0])
    write_json(paths[1], {"about": about(rows), "rows": list(rows)})
    numbers = [name for name in next(iter(means), {}) if name.startswith(NUMBERS[1:])]
    columns = [*TEXTS[:3], "quality", "pictures", *numbers]
    write_bytes(paths[2], table_text(means, columns, digits=7).encode())
    write_json(paths[3], {"about": about(rows), "averages": means})
    return paths


def about(rows: Rows) -> dict:
    """What a reader of a table must know: who wrote it, machines and versions that measured, settings, the numbers."""
    from lic_lab import __version__

    settings: dict[str, list[str]] = {}
    for row in rows:
        known = settings.setdefault(row["codec"], [])
        if row.get("settings") and row["settings"] not in known:
            known.append(row["settings"])
    return {
        "lic_lab": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machines": list(dict.fromkeys(row["machine"] for row in rows if row.get("machine"))),
        "settings": settings,
        "numbers": "bytes of whole files; PSNR (RGB), SSIM, MS-SSIM, LPIPS (AlexNet) of 8-bit reconstructions; "
        "seconds of one run on the wall clock; MB of 10^6 bytes above what the process held before",
    }


# Layouts of the seed systems


class Layout(NamedTuple):
    """One file in another system's layout: its name, and the function that makes its text from rows."""

    file: str
    text: Callable[[Rows], str]


def write_layout(name: str, folder: str | Path, rows: Rows) -> list[Path]:
    """Write the files of one of LAYOUTS into a folder; raises LicLabError for another name, or rows that do not fit.

    bimamba: Detailed_Results.csv and Average_Results.csv.   bisic: one JSON of means over stereo pairs per codec and
    quality.   asymmetric: one JSON of averages, spreads, ranges, shares of pictures on target, and all pictures.
    """
    if name not in LAYOUTS:
        raise LicLabError(f"no columns are called {name!r}: there are {', '.join(LAYOUTS)}")
    paths = []
    for layout in LAYOUTS[name]:
        for file, text in _files(layout, rows):
            paths.append(Path(folder) / file)
            write_bytes(paths[-1], text.encode())
    return paths


def _files(layout: Layout, rows: Rows) -> list[tuple[str, str]]:
    """The files of a layout; one for each codec and quality where its name has a place for them."""
    if "{" not in layout.file:
        return [(layout.file, layout.text(rows))]
    points, files = shared_points(rows), {}
    several = len({dataset for (dataset, *_), _ in points}) > 1
    for (dataset, codec, quality), group in points:
        name = layout.file.format(codec=safe_name(f"{dataset}-{codec}" if several else codec), quality=quality)
        path, number = Path(name), 1
        while name in files:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        files[name] = layout.text(group)
    return list(files.items())


def pixels(row: Mapping) -> int:
    """Pixels of the picture, or of both views together."""
    return round(8 * row["bytes"] / row["bpp"])


def raw_bytes(row: Mapping) -> int:
    """Bytes of the picture as 24-bit RGB."""
    return 3 * pixels(row)


def _quality_name(row: Mapping) -> str:
    return row.get("label") or f"{row['quality']:g}"


DETAILED = {
    "Dataset": lambda row: row.get("dataset", ""),
    "Method": lambda row: row["codec"],
    "Quality": _quality_name,
    "Image": lambda row: row["image"],
    "BPP": lambda row: row["bpp"],
    "PSNR": lambda row: row["psnr_db"],
    "MSSSIM": lambda row: row.get("ms_ssim"),
    "LPIPS": lambda row: row.get("lpips"),
    "CR": lambda row: raw_bytes(row) / row["bytes"],
    "OrigSize(KB)": lambda row: raw_bytes(row) / KB,
    "CompSize(KB)": lambda row: row["bytes"] / KB,
    "EstBPP": lambda row: row.get("estimated_bpp"),
    "EncTime": lambda row: row.get("encode_seconds"),
    "DecTime": lambda row: row.get("decode_seconds"),
}
"""BiMamba's columns, and three more. Ours: real files (theirs: estimates), 8-bit reconstructions, LPIPS by AlexNet."""


def _detailed(rows: Rows) -> str:
    return table_text(_named(rows), list(DETAILED), digits=9)


def _average(rows: Rows) -> str:
    """Means over pictures; CR is that of all bytes together, as the mean of ratios is ruled by near-empty pictures."""
    means = []
    for (dataset, codec, _), group in shared_points(rows):
        named = _named(group)
        mean = {"Dataset": dataset, "Method": codec, "Quality": named[0]["Quality"], "Images": len(group)}
        mean |= {column: _mean(row[column] for row in named) for column in DETAILED if column not in (*mean, "Image")}
        mean["CR"] = sum(map(raw_bytes, group)) / sum(row["bytes"] for row in group)
        means.append(mean)
    columns = [column for column in DETAILED if column != "Image"]
    return table_text(means, [*columns, "Images"], digits=9)


def _named(rows: Rows) -> list[dict]:
    return [{column: value(row) for column, value in DETAILED.items()} for row in rows]


def _mean(values: Iterable) -> float:
    known = [value for value in values if value is not None and value == value]
    return fmean(known) if known else math.nan


def _bisic(rows: Rows) -> str:
    """One codec at one quality: each number a list of one, as BiSIC's inference writes them."""
    if not all(row.get("view_psnr_db") for row in rows):
        raise LicLabError("the bisic layout is for stereo pairs: evaluate with --stereo, or take --columns bimamba")
    results = {}
    for side, view in enumerate(("left", "right")):
        decibels = [row["view_psnr_db"][side] for row in rows]
        similar = [row["view_ms_ssim"][side] for row in rows if row.get("view_ms_ssim")]
        results |= {f"{view}-{name}": value for name, value in _view(decibels, similar).items()}
    results |= {
        f"{name}-average" if name == "mse" else name: _mean(results[f"{view}-{name}"] for view in ("left", "right"))
        for name in ("mse", "psnr-float", "ms-ssim-float", "ms-ssim-dB")
    }
    results["bpp"] = fmean(row["bpp"] for row in rows)
    first = rows[0]
    content = {
        "name": f"{first['codec']}-{_quality_name(first)}",
        "description": f"Inference ({first.get('settings', '')}), {len(rows)} pair(s); bpp of the whole file over both "
        "views, which has no share of its own for each; mse of values in 0..1",
        "results": {name: [value] for name, value in results.items()},
    }
    return json_text(content)


def _view(decibels: Sequence[float], similar: Sequence[float]) -> dict[str, float]:
    return {
        "mse": fmean(10 ** (-db / 10) for db in decibels),
        "psnr-float": fmean(decibels),
        "ms-ssim-float": _mean(similar),
        "ms-ssim-dB": _mean(map(ms_ssim_db, similar)),
    }


def _asymmetric(rows: Rows) -> str:
    points = []
    for (dataset, codec, quality), group in shared_points(rows):
        values = {field: _known(row.get(field) for row in group) for field in NUMBERS[2:]}
        numbers = {field: known for field, known in values.items() if known}
        points.append({
            "dataset": dataset, "codec": codec, "quality": quality, "num_images": len(group),
            "averages": {field: fmean(known) for field, known in numbers.items()},
            "std": {field: stdev(known) if len(known) > 1 else None for field, known in numbers.items()},
            "ranges": {field: [min(known), max(known)] for field, known in numbers.items()},
            "targets_met": {field: _hits(group, field) for field in THRESHOLDS if field in numbers},
            "images": [{field: row.get(field) for field in FIELDS if field not in TEXTS[:3]} for row in group],
        })  # fmt: skip
    return json_text({"about": about(rows), "points": points})


def _known(values: Iterable) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _hits(rows: Rows, field: str) -> dict:
    limit, there = THRESHOLDS[field], [row for row in rows if value(row, field) == value(row, field)]
    side = "below" if field in LESS_IS_BETTER else "above"
    return {"target": limit, "better": side, "met": sum(meets(row, field, limit) for row in there), "of": len(there)}


LAYOUTS = {
    "bimamba": (Layout("Detailed_Results.csv", _detailed), Layout("Average_Results.csv", _average)),
    "bisic": (Layout("{codec}-{quality:g}.json", _bisic),),
    "asymmetric": (Layout("evaluation_report.json", _asymmetric),),
}
"""Name -> the files of a system's layout."""
