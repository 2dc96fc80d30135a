"""The rate-distortion explorer: measured and published curves, read at any rate, and the picture behind a point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch

from lic_lab.codecs import learned, load
from lic_lab.datasets.bundled import bundled_paths, data_path, kodak
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.evaluation import reference
from lic_lab.evaluation.curves import read_rows
from lic_lab.evaluation.means import Curve, shared_pictures
from lic_lab.evaluation.reading import MEAN, Curves, nearest, quality_at, read_at
from lic_lab.metrics.quality import psnr
from lic_lab.models.checkpoints import load_model, shipped
from lic_lab.plots.rd import AXES, PUBLISHED, RATE, looks, measured_reach, rd_figure, rd_points
from lic_lab.plots.rd_html import rd_traces, trace_look
from lic_lab.plots.views import Table, still
from lic_lab.widgets.controls import choose, offer, slide, switch
from lic_lab.widgets.explorer import manners
from lic_lab.widgets.panel import Panel, Status, sheet, visible_errors
from lic_lab.widgets.viewer import Shown, Viewer

OTHERS = ("vtm", "bmshj2018-hyperprior", "minnen2020-cc10@paper", "mambaic", "asym-mrsb-im-pqf")
SHEET = 840  # pixels: width of the poster
RATES = tuple(round(0.05 * k, 2) for k in range(1, 31))  # bpp


class RDExplorer(Panel):
    """Which codec is best, at which rate, by which metric, on which picture; and what the numbers look like.

    rows: measured files as `evaluation.curves.read_rows` gives them, or the path of such a table; by default the one of
    Kodak that comes with the package.   published: names of `evaluation.reference`, dotted lines where the rows are of
    their pictures.   images: name -> picture or path, for looking at points; by default those on this machine.
    codecs: shown at first, all by default.   anchor: a codec or "published:NAME", what BD-rates are taken against at
    first; the first codec where it has no curve.   rate: in bpp, where the slider begins.
    A click on a point, or the two choices below and the button, codes that picture again, live.
    """

    def __init__(
        self,
        rows=None,
        *,
        published: Sequence[str] = OTHERS,
        images: Mapping | None = None,
        codecs: Sequence[str] = (),
        anchor: str = "jpeg",
        rate: float = 0.3,
    ):
        rows = data_path("results", "kodak.csv") if rows is None else rows
        self.curves = Curves(read_rows(rows) if isinstance(rows, (str, Path)) else rows, published)
        if not self.curves.metrics:
            raise LicLabError("there are no measured files to draw: give rows with bpp and psnr_db or ms_ssim")
        self.images = dict(images) if images is not None else on_this_machine()
        self.status = Status()
        self.make_controls(codecs or self.curves.codecs, anchor, rate)
        self.make_figure()
        self.lay_out()
        self.update()
        self.watch()

    # ---- the parts ---------------------------------------------------------------------------------------------------

    def make_controls(self, codecs: Sequence[str], anchor: str, rate: float) -> None:
        """Metric, picture, anchor, codecs, published curves, rate; codec and point to look at."""
        mine = self.curves
        self.looks = looks([*mine.codecs, *mine.published])
        self.metric = choose({AXES[metric]: metric for metric in mine.metrics}, "Metric")
        self.picture = choose(self.places(), "Picture")
        self.names = [name for name in self.looks if name in mine.codecs]  # in the palette's order
        self.shown = {name: switch(self.looks[name].label, name in codecs) for name in self.names}
        self.others = switch("Published curves", bool(mine.published))
        self.others.disabled = not mine.published
        anchors = self.anchors()
        self.anchor = choose(anchors, "BD-rate against", anchor if anchor in anchors.values() else None)
        self.rate = slide(RATES, "Rate", rate, "{:.2f} bpp")
        self.codec = choose({self.looks[name].label: name for name in self.names}, "Look at")
        self.point = choose([""], "Point")
        self.look = widgets.Button(description="Make this picture", layout={"width": "170px"})

    def places(self) -> dict[str, str]:
        """Label -> picture: the mean of those that every point has, which another metric may change, and each."""
        count, _ = averaged(self.curves, self.metric.value)
        return {f"mean of {count}": MEAN} | {name: name for name in self.curves.pictures}

    def anchors(self) -> dict[str, str]:
        """Label -> name of all that BD-rates may be taken against: what was measured, and published curves of files."""
        names = [name for name in self.looks if not name.endswith(reference.ESTIMATED)]
        return {self.looks[name].label: name for name in names}

    def make_figure(self) -> None:
        """One plotly figure with a line for each codec, and one for the rate of the slider."""
        from plotly import graph_objects as go

        clear = "rgba(0,0,0,0)"
        self.figure = go.FigureWidget(
            layout={
                "template": "none",
                "paper_bgcolor": clear,
                "plot_bgcolor": clear,
                "autosize": True,
                "height": 430,
                "margin": {"l": 62, "r": 12, "t": 12, "b": 54},
                "hovermode": "closest",
                "showlegend": False,
                "xaxis": {"title": {"text": RATE}, "showline": True, "zeroline": False},
                "yaxis": {"showline": True, "zeroline": False},
                "shapes": [{"type": "line", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 1, "color": "#888"}}],
            }
        )
        self.figure._config = {"responsive": True, "displaylogo": False}  # as wide as the page
        for name, look in self.looks.items():
            self.figure.add_trace(go.Scatter(x=[], y=[], text=[], **trace_look(look, name)))
            if not name.startswith(PUBLISHED):
                self.figure.data[-1].on_click(self.on_click)

    def lay_out(self) -> None:
        """Choices above, figure and numbers side by side, and below what is needed to look at one point."""
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        self.numbers = widgets.HTML(layout={"flex": "1 1 720px", "overflow": "auto"})
        self.notes = widgets.HTML()
        plot = widgets.Box([self.figure], layout={"flex": "1 1 520px", "min_width": "0", "max_width": "860px"})
        self.viewer = widgets.VBox([])
        super().__init__(
            [
                manners(),
                widgets.HBox([self.metric, self.picture, self.anchor], layout=wrap),
                widgets.HBox([*self.shown.values(), self.others], layout=wrap),
                self.rate,
                widgets.HBox([plot, self.numbers], layout={**wrap, "align_items": "flex-start"}),
                self.notes,
                widgets.HBox([self.codec, self.point, self.look], layout=wrap),
                self.viewer,
                self.status,
            ]
        )
        self.add_class("lic-explorer")
        self.add_class("lic-rd")

    def watch(self) -> None:
        """Listen to every handle."""
        for control in (self.metric, self.picture, self.anchor, self.rate, self.others, *self.shown.values()):
            control.observe(self.on_move, "value")
        self.codec.observe(self.on_codec, "value")
        self.look.on_click(self.on_look)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def visible(self) -> dict[str, Curve]:
        """Name -> curve of everything on the page now; published means stand beside means only."""
        where = (self.metric.value, self.picture.value)
        mine, others = self.curves.measured(*where), self.curves.others(*where) if self.others.value else {}
        return {name: mine[name] for name in self.names if name in mine and self.shown[name].value} | others

    def update(self) -> None:
        """Draw the curves as the handles say, and read them."""
        curves, metric = self.visible(), self.metric.value
        records = [record for curve in curves.values() for record in curve.records()]
        traces = rd_traces(records, metric, self.looks)
        reach = measured_reach(rd_points(records, metric)) or (None, None)
        with self.figure.batch_update():
            for trace, (name, points) in zip(self.figure.data, traces.items(), strict=True):
                trace.update(points)
                trace.visible = name in curves
            self.figure.layout.yaxis.title.text = AXES[metric]
            self.figure.layout.xaxis.range, self.figure.layout.yaxis.range = reach
        self.notes.value = self.remarks(curves)
        self.read()

    def read(self) -> None:
        """Mark the rate of the slider, say what every curve has there, and offer the points of the chosen codec."""
        with self.figure.batch_update():
            self.figure.layout.shapes[0].x0 = self.figure.layout.shapes[0].x1 = self.rate.value
        self.numbers.value = self.table(self.visible()).html()
        self.fill_points()

    def table(self, curves: Mapping[str, Curve]) -> Table:
        """Every curve at the rate of the slider, the setting that gives it, and its BD-rate."""
        rate, gaps, digits = self.rate.value, self.gaps(), 4 if self.metric.value == "ms_ssim" else 2
        values = {name: read_at(curve, rate) for name, curve in curves.items()}
        best = max((found for found in values.values() if not math.isnan(found)), default=math.nan)
        rows = []
        for name, curve in curves.items():
            found = "—" if math.isnan(values[name]) else f"{values[name]:.{digits}f}"
            saved = gaps[name].bd_rate_pct if name in gaps else math.nan
            row = [self.looks[name].label, found]
            gap = "—" if math.isnan(saved) else f"{saved:+.1f} %".replace("-", "−")
            rows.append([*row, gap, setting_at(curve, rate)])
        head = ("Codec", AXES[self.metric.value], "BD-rate", "setting")
        caption = f"At {rate:.2f} bpp. BD-rate: bits against {self.looks[self.anchor.value].label} at equal quality."
        wins = {(number, 1) for number, name in enumerate(curves) if values[name] == best}
        return Table(head, rows, caption, wins, [self.looks[name].color for name in curves])

    def gaps(self) -> dict:
        """Name -> `Gap` of every curve against the chosen anchor."""
        return self.curves.gaps(self.metric.value, self.anchor.value, self.picture.value)

    def remarks(self, curves: Mapping[str, Curve]) -> str:
        """What the means leave out, where published curves come from, what to beware of in the BD-rates; as HTML."""
        lines = [f"{self.looks[name].label}: {curve.source}" for name, curve in curves.items() if curve.source]
        if self.picture.value == MEAN and (left_out := averaged(self.curves, self.metric.value)[1]):
            lines.insert(0, left_out)
        if self.curves.published and self.others.value and self.picture.value != MEAN:
            lines.append("Published curves are means over all pictures; they are not shown beside a single one.")
        lines += [
            f"{self.looks[name].label}: {found.note}"
            for name, found in self.gaps().items()
            if found.note and name in curves
        ]
        if not lines:
            return ""
        items = "".join(f"<li>{escape(line)}</li>" for line in dict.fromkeys(lines))
        return f"<details class='lic-notes'><summary>Sources and remarks</summary><ul>{items}</ul></details>"

    def fill_points(self) -> None:
        """Offer the points of the chosen codec, and take the one nearest to the rate of the slider.

        Where the codec has no file of the picture there is none to take, and the status says so.
        """
        curve = self.curves.measured(self.metric.value, self.picture.value).get(self.codec.value)
        self.point.disabled = self.look.disabled = curve is None
        if curve is None:
            self.point.options = []
            self.status.say(self.lacking())
            return
        self.point.options = [(setting(curve, number), quality) for number, quality in enumerate(curve.qualities)]
        self.point.value = curve.qualities[nearest(curve, self.rate.value)]

    def lacking(self) -> str:
        """Say that the chosen codec has no file of the chosen picture."""
        return f"The table has no file of {self.picture.label} by {self.codec.label}: choose another of the two."

    # ---- what the browser calls --------------------------------------------------------------------------------------

    @visible_errors
    def on_move(self, change) -> None:
        """Show what the handles say now; the rate only reads, it draws nothing anew."""
        self.status.say("")
        if change.owner is self.metric:
            self.picture.unobserve(self.on_move, "value")  # another label of the mean is no other picture
            offer(self.picture, self.places(), MEAN)
            self.picture.observe(self.on_move, "value")
        self.read() if change.owner is self.rate else self.update()

    @visible_errors
    def on_codec(self, change=None) -> None:
        """Offer the points of another codec."""
        self.status.say("")
        self.fill_points()

    @visible_errors
    def on_click(self, trace, points, state=None) -> None:
        """Take the point that was clicked, and make its picture."""
        if not points.point_inds:
            return
        name = next(n for n, line in zip(self.looks, self.figure.data, strict=True) if line is trace)
        curve = self.curves.measured(self.metric.value, self.picture.value)[name]
        self.codec.value = name
        self.point.value = curve.qualities[nearest(curve, trace.x[points.point_inds[0]])]
        self.on_look()

    @visible_errors
    def on_look(self, button=None) -> None:
        """Code the picture of the chosen point again, now, and show it beside the original.

        For the mean, the first picture of the table that is on this machine; another one of `images` where none is.
        """
        if self.point.value is None:
            raise LicLabError(self.lacking())
        picture = self.picture.value or next((p for p in [*self.curves.pictures, *self.images] if p in self.images), "")
        if picture not in self.images:
            name = picture or f"none of {self.curves.pictures[0]} ... {self.curves.pictures[-1]}"
            raise LicLabError(
                f"{name} is not on this machine: fetch it with lic-lab data download kodak, or pass images="
            )
        self.look.disabled = True
        self.status.say(f"{self.codec.label} is coding {picture} …")
        try:
            original, codec = read_image(self.images[picture]), load(self.codec.value)
            data = codec.encode(original, self.point.value)
            decoded = codec.decode(data)
        finally:
            self.look.disabled = False
        self.show(picture, original, decoded, data)

    def show(self, picture: str, original: np.ndarray, decoded: np.ndarray, data: bytes) -> None:
        """Put a picture and what was made of it into the viewer, and hold the file against the one in the table."""
        name, quality, db = self.codec.value, self.point.value, psnr(original, decoded)
        a, b = Shown.of(original, "original"), Shown.of(decoded, name, f"{len(data):,} bytes · {db:.2f} dB")
        if self.viewer.children:
            self.viewer.children[0].show(a, b)
        else:
            self.viewer.children = [Viewer(a, b)]
        self.viewer.children[0].name = f"{picture} by {self.codec.label}"
        rows = [r for r in self.curves.rows if (r["codec"], r["image"], r["quality"]) == (name, picture, quality)]
        then = f"; the table has {rows[0]['bytes']:,.0f} bytes, {rows[0]['psnr_db']:.2f} dB" if rows else ""
        if picture not in self.curves.pictures:
            then = f"; the table has other pictures, {self.curves.pictures[0]} and so on, but none of them is here"
        self.status.say(f"{picture}, made just now: {len(data):,} bytes, {db:.2f} dB{then}.")

    def poster(self) -> bytes:
        """The curves and the numbers as they stand, as a PNG."""
        curves, metric = self.visible(), self.metric.value
        records = [record for curve in curves.values() for record in curve.records()]
        where = self.picture.label if self.picture.value else f"{self.picture.label} pictures"
        title = f"{self.curves.dataset}: {where}".removeprefix(": ")
        figure = rd_figure(records, metric=metric, title=title, size=(9.6, 4.8))
        rows = [[still(figure, SHEET)], [self.table(curves).draw(SHEET)]]
        said = "Run this cell to choose codecs, metric, picture, anchor and rate, and to look at any point."
        return sheet(rows, [said], width=SHEET, column=SHEET, colors=256)


def averaged(curves: Curves, metric: str) -> tuple[int, str]:
    """How many pictures the mean curves of a metric are over, and a remark on the others, "" where there are none."""
    try:
        shared, all_of_them = len(shared_pictures(curves.rows, metric)[0]), len(curves.pictures)
    except LicLabError as reason:
        return 0, str(reason)
    if shared == all_of_them:
        return shared, ""
    left_out = f"{all_of_them - shared} of {all_of_them} pictures are left out of the means"
    return shared, f"{left_out}: not every point of every codec has their {AXES[metric]}."


def setting(curve: Curve, number: int) -> str:
    """What a point was made with, and its rate: "quality 37 · 0.312 bpp"; the source's own label where published."""
    quality = curve.qualities[number]
    words = f"{quality:g}" if isinstance(quality, (int, float)) else str(quality)
    if not curve.name.startswith(PUBLISHED):
        words = f"{'rate point' if curve.name in learned.names() else 'quality'} {words}"
    return f"{words} · {curve.bpp[number]:.3f} bpp"


def setting_at(curve: Curve, bpp: float) -> str:
    """What gives a rate: lambda and rate point of learned codecs, whose knob has no steps, else the nearest point."""
    if curve.name not in learned.names() or math.isnan(point := quality_at(curve, bpp)):
        return setting(curve, nearest(curve, bpp))
    words = f"rate point ≈ {point:.2f}"
    if curve.name not in shipped():
        return words
    return f"λ ≈ {load_model(curve.name).lambda_for_rate(torch.tensor([point])).item():.2g} · {words}"


def on_this_machine() -> dict[str, Path]:
    """Name -> file of the Kodak pictures and the bundled ones, as far as they are here."""
    return {path.stem: path for path in kodak()} | bundled_paths()
