"""Rate-distortion curves as one HTML file: legend, hover, zoom and a choice of metric, without any connection."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap

from lic_lab.evaluation.reference import FROM_DB, MEAN_OF_DB
from lic_lab.plots.palette import Style
from lic_lab.plots.rd import AXES, PUBLISHED, RATE, looks, measured_reach, rd_points

SYMBOLS = {  # matplotlib's markers in plotly's words
    "o": "circle", "s": "square", "D": "diamond", "d": "diamond-tall", "^": "triangle-up", "v": "triangle-down",
    ">": "triangle-right", "<": "triangle-left", "P": "cross", "X": "x", "p": "pentagon", "h": "hexagon",
    "8": "octagon", "*": "star", "+": "cross-thin-open", "x": "x-thin-open",
    "1": "y-down-open", "2": "y-up-open", "3": "y-left-open", "4": "y-right-open",
}  # fmt: skip
DARK = "#14171a"  # the paper of the dark theme
DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --rule: #d9dee4 }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #14171a; --ink: #e6e9ec; --soft: #9aa4ae; --rule: #343a40 }} }}
body {{ margin: 0 auto; max-width: 1200px; padding: 1.2rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }}
h1 {{ font-size: 1.25rem; margin: 0 }} p, li {{ color: var(--soft); margin: .2rem 0; overflow-wrap: anywhere }}
.note {{ white-space: pre-line }} .plot {{ height: 640px }}
button {{ font: inherit; color: var(--ink); background: none; border: 1px solid var(--rule); padding: .2rem .8rem;
  border-radius: .3rem; cursor: pointer }}
@media (max-width: 700px) {{ body {{ padding: .8rem }} .plot {{ height: auto }} }}
button[aria-pressed=true] {{ border-color: var(--ink); font-weight: 600 }}
</style></head><body>
<h1>{title}</h1><p class="note">{note}</p>
<div>{buttons}</div>
<div class="plot">{plot}</div>
<p>A click on a codec in the legend hides it, two clicks show it alone; dragging magnifies, two clicks go back.</p>
{sources}
</body></html>
"""
# Plotly draws its own texts and lines, which do not follow a page's theme and width by themselves. On a narrow screen
# the legend stands below, a line for each codec, and the figure grows by it.
SCRIPT = """
const plot = document.getElementById("{plot_id}"), dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 700px)"), colors = COLORS;
const paint = () => {
  const ink = dark.matches ? "#e6e9ec" : "#1b1f24", paper = dark.matches ? "#14171a" : "#ffffff";
  const grid = dark.matches ? "#343a40" : "#e3e7eb", lines = colors[dark.matches ? 1 : 0];
  Plotly.update(plot, {"line.color": lines, "marker.color": lines, "marker.line.color": lines}, {
    paper_bgcolor: paper, plot_bgcolor: paper, "font.color": ink,
    "xaxis.gridcolor": grid, "yaxis.gridcolor": grid, "xaxis.linecolor": ink, "yaxis.linecolor": ink,
    "hoverlabel.bgcolor": paper, "hoverlabel.font.color": ink});
};
const place = () => {
  const below = 20 * colors[0].length + 20;  // pixels of the legend
  Plotly.relayout(plot, narrow.matches
    ? {height: 430 + below, "margin.l": 52, "margin.r": 8, "margin.b": 55 + below, "xaxis.title.text": "bits per pixel",
       "legend.x": 0, "legend.y": -55 / 345, "legend.yanchor": "top", "xaxis.nticks": 6, "xaxis.tickangle": 0}
    : {height: 640, "margin.l": 70, "margin.r": 20, "margin.b": 60, "xaxis.title.text": RATE,
       "legend.x": 1.02, "legend.y": 1, "legend.yanchor": "top", "xaxis.nticks": 0, "xaxis.tickangle": "auto"});
};
paint(); dark.addEventListener("change", paint);
place(); narrow.addEventListener("change", place);
const choices = CHOICES, buttons = [...document.querySelectorAll("button[data-metric]")];
for (const button of buttons) button.addEventListener("click", () => {
  Plotly.update(plot, ...choices[button.dataset.metric]);  // what the reader has hidden stays hidden
  for (const other of buttons) other.setAttribute("aria-pressed", other === button);
});
"""


def rd_html(curves: Mapping[str, Sequence], *, title: str = "", note: str = "") -> str:
    """Draw curves as a page that works offline (plotly.js is inside, 5 MB) in the colours of the reader's theme.

    curves: metric -> rows as for `plots.rd.rd_points`, with quality, and published ones with a source; a button per
    metric chooses. A click in the legend hides a codec, hovering tells codec, quality, bpp, metric and source.
    """
    known = looks(row.codec for rows in curves.values() for row in rows)
    choices = {metric: _choice(rows, metric, known) for metric, rows in curves.items()}
    colors = [[look.color for look in known.values()], [_for_dark_paper(look.color) for look in known.values()]]
    inserts = {"CHOICES": choices, "COLORS": colors, "RATE": RATE}
    script = re.sub("|".join(inserts), lambda name: json.dumps(inserts[name[0]]).replace("</", "<\\/"), SCRIPT)
    config = {
        "displaylogo": False,
        "showTips": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "sendChartToCloud"],
    }
    figure = _figure(known, next(iter(choices.values())))
    plot = figure.to_html(full_html=False, include_plotlyjs=True, post_script=script, config=config)
    rows = [row for rows in curves.values() for row in rows if row.codec.startswith(PUBLISHED)]
    sources = dict.fromkeys(f"{row.codec.removeprefix(PUBLISHED)} (published): {row.source}" for row in rows)
    said = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in sources)}</ul>" if sources else ""
    buttons = " ".join(_button(metric, pressed=number == 0) for number, metric in enumerate(choices))
    return PAGE.format(title=escape(title), note=escape(note), buttons=buttons, plot=plot, sources=said)


def _for_dark_paper(color: str) -> str:
    """A colour with as much white as thin lines and small markers need on dark paper: a contrast of 4.5 to 1."""
    from matplotlib.colors import to_hex, to_rgb

    def light(shade) -> float:  # relative luminance, WCAG 2
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(shade)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    mixes = ([c + white / 20 * (1 - c) for c in to_rgb(color)] for white in range(21))
    return to_hex(next(mix for mix in mixes if light(mix) + 0.05 >= 4.5 * (light(DARK) + 0.05)))


def _button(metric: str, pressed: bool) -> str:
    label = AXES[metric].partition(" (lower")[0]
    return f'<button data-metric="{metric}" aria-pressed="{str(pressed).lower()}">{label}</button>'


def _choice(rows: Sequence, metric: str, known: Mapping[str, Style]) -> list[dict]:
    """What a button changes: the points of all lines, and the title and ranges of the axes."""
    traces = list(rd_traces(rows, metric, known).values())
    points = {key: [trace[key] for trace in traces] for key in ("x", "y", "text")}
    axes = {"yaxis.title.text": AXES[metric], "xaxis.autorange": True, "yaxis.autorange": True}
    if reach := measured_reach(rd_points(rows, metric)):
        axes = {"yaxis.title.text": AXES[metric], "xaxis.range": list(reach[0]), "yaxis.range": list(reach[1])}
    return [points, axes]


def _figure(known: Mapping[str, Style], choice: Sequence[dict]):
    from plotly import graph_objects as go

    points, axes = choice
    figure = go.Figure()
    for number, (codec, look) in enumerate(known.items()):
        figure.add_trace(go.Scatter(**{key: each[number] for key, each in points.items()}, **trace_look(look, codec)))
    line = {"showline": True, "zeroline": False}
    figure.update_layout(
        template="none",
        xaxis={"title": {"text": RATE}, "range": axes.get("xaxis.range"), **line},
        yaxis={"title": {"text": axes["yaxis.title.text"]}, "range": axes.get("yaxis.range"), **line},
        hovermode="closest",
        margin={"l": 70, "r": 20, "t": 30, "b": 60},
    )
    return figure


def rd_traces(rows: Sequence, metric: str, known: Mapping[str, Style]) -> dict[str, dict]:
    """Codec -> x, y and hover texts of its line, which may be empty; a gap parts the curves of several pictures."""
    traces: dict[str, dict] = {codec: {"x": [], "y": [], "text": []} for codec in known}
    quality = {
        (row.codec, row.image, row.bpp): (getattr(row, "quality", ""), getattr(row, "source", "")) for row in rows
    }
    for (codec, image), points in rd_points(rows, metric).items():
        trace = traces[codec]
        for bpp, value in points:
            if value is not None and math.isfinite(value):
                said = _hover(known[codec].label, image, *quality[codec, image, bpp], bpp, value, metric)
                trace["x"].append(bpp), trace["y"].append(value), trace["text"].append(said)
        trace["x"].append(None), trace["y"].append(None), trace["text"].append("")
    return traces


def _hover(label: str, image: str, quality, source: str, bpp: float, value: float, metric: str) -> str:
    quality = f"{quality:.5g}" if isinstance(quality, float) else str(quality)
    unit = AXES[metric].partition(" (")[0]
    number = f"{value:.2f} dB" if metric.endswith("_db") else f"{value:.4f}"
    if metric.startswith("ms_ssim") and FROM_DB in source:
        source += ". " + MEAN_OF_DB.format("this curve")
    lines = [
        f"<b>{escape(label)}</b>",
        f"{escape(image)}, quality {escape(quality)}",
        f"{bpp:.4f} bpp",
        f"{unit} {number}",
    ]
    return "<br>".join(lines + [f"<i>{escape(line)}</i>" for line in wrap(source, 60)])


def trace_look(look: Style, codec: str) -> dict:
    """How plotly draws a codec: the arguments of its `Scatter`."""
    thin = codec.startswith(PUBLISHED)
    symbol = SYMBOLS[look.marker]
    return {
        "name": look.label,
        "mode": "lines+markers",
        "line": {"color": look.color, "width": 1 if thin else 2, "dash": DASHES[look.dash]},
        "marker": {
            "size": 6 if thin else 8,
            "symbol": f"{symbol}-open" if thin and not symbol.endswith("open") else symbol,
            "color": look.color,
            "line": {"width": 1.5 if symbol.endswith("open") else 0, "color": look.color},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }
