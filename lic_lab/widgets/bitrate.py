"""The bitrate explorer: one slider for the size of the file; what every codec makes of it, in picture and numbers."""

import io
import math
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from IPython import get_ipython
from IPython.display import display

from lic_lab.codecs.base import ImageCodec
from lic_lab.datasets.images import from_file, read_image
from lic_lab.evaluation.sweep import gather_codecs
from lic_lab.plots.grid import picture_grid
from lic_lab.plots.palette import style
from lic_lab.plots.rd import rd_chart
from lic_lab.plots.views import Table
from lic_lab.widgets.explorer import manners
from lic_lab.widgets.panel import Panel, Progress, Status, visible_errors
from lic_lab.widgets.sweep import RATES, Point, Stop, gathered, shrink, sweep
from lic_lab.widgets.viewer import Shown, Viewer

METRICS = {"PSNR": "psnr_db", "MS-SSIM": "ms_ssim"}
NOTHING = 128  # the grey of a picture that a codec cannot make so small


class BitrateExplorer(Panel):
    """Move one slider through file sizes and compare what any two codecs make of them, with the numbers of all.

    image: anything `read_image` takes. codecs: names, or loaded codecs; by default the learned one, JPEG, JPEG 2000,
    WebP and AVIF, as far as they run here. rates: stops of the slider in bpp, the same ceiling for every codec.
    start: the stop to begin with, in bpp. longest: larger pictures are scaled down to so many pixels, and it is said.
    Everything is computed once, with a progress bar; afterwards a move of the slider only looks up. A weight file is
    called by its folder, as on the command line. Raises LicLabError as `sweep` does, and for two codecs of one name.
    """

    def __init__(
        self,
        image,
        codecs: Sequence[str | ImageCodec] = (),
        *,
        rates: Sequence[float] = RATES,
        start: float = 0.25,
        longest: int = 768,
        name: str = "picture",
    ):
        self.codecs = gathered(codecs) or gather_codecs()
        self.rates, self.start, self.longest = rates, start, longest
        self.progress, self.status = Progress(), Status()
        first = Progress()  # for the wait before the panel itself appears, which is when its cell is done
        if get_ipython() is not None:
            display(first)
        self.compute(read_image(image), name, first)
        self.make_controls()
        self.lay_out()

    def compute(self, image: np.ndarray, name: str, progress: Progress) -> None:
        """Run every codec at every stop over a new picture, uint8 (h, w, 3); say on `progress` how far it is."""
        small = shrink(image, self.longest)
        progress.start(len(self.codecs) * len(self.rates))
        try:
            self.stops = sweep(small, self.codecs, self.rates, name=name, step=progress.step)
        finally:
            progress.finish()
        self.image, self.name = small, name
        self.original = Shown.of(small, "original", f"{small.nbytes:,} bytes")
        size = f"{small.shape[1]} × {small.shape[0]} pixels"
        note = "" if small is image else f", scaled down from {image.shape[1]} × {image.shape[0]}"
        self.status.say(f"{name}: {size}{note}. {small.nbytes:,} bytes without compression.")

    # ---- the parts ---------------------------------------------------------------------------------------------------

    def make_controls(self) -> None:
        """Slider, two choices of a codec, choice of the metric, upload; their callbacks too."""
        names = [codec.name for codec in self.codecs]
        choices = [(style(name).label, name) for name in ("original", *names)]
        self.slider = widgets.SelectionSlider(options=[("", 0)], description="File size", layout={"width": "100%"})
        self.left = widgets.Dropdown(options=choices, value=names[0], description="A")
        self.right = widgets.Dropdown(options=choices, value=names[min(1, len(names) - 1)], description="B")
        for choice in (self.left, self.right):
            choice.layout.width, choice.style.description_width = "220px", "16px"
        self.slider.style.description_width = "60px"
        self.metric = widgets.ToggleButtons(options=METRICS, style={"button_width": "84px"})
        self.upload = widgets.FileUpload(accept="image/*", description="Your own picture…", layout={"width": "170px"})
        self.fill_slider()
        for control in (self.slider, self.left, self.right, self.metric):
            control.observe(self.on_move, "value")
        self.upload.observe(self.on_upload, "value")

    def lay_out(self) -> None:
        """Put controls, viewer, numbers and curve together; the lower half wraps on a narrow page."""
        self.viewer = Viewer(self.original, self.original)
        self.numbers, self.curve = widgets.HTML(layout={"flex": "1 1 400px"}), widgets.HTML()
        self.on_move()
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        top = widgets.HBox([self.left, self.right, self.upload], layout=wrap)
        curve = widgets.VBox([self.metric, self.curve], layout={"flex": "1 1 340px", "max_width": "480px"})
        bottom = widgets.HBox([self.numbers, curve], layout={**wrap, "grid_gap": "24px", "margin": "10px 0 0"})
        super().__init__([manners(), top, self.slider, self.viewer, bottom, self.progress, self.status])
        self.add_class("lic-explorer")

    @property
    def points(self) -> list[Point]:
        """Every measured file of the present picture, for instance for `lic_lab.plots.rd.rd_figure`."""
        return [point for stop in self.stops for point in stop.points.values()]

    def fill_slider(self) -> None:
        """Give the slider the stops of the present picture, and put it at the rate nearest to `start`."""
        options = [(f"{stop.ceiling_bpp:g} bpp · {stop.ceiling_bytes:,} bytes", i) for i, stop in enumerate(self.stops)]
        nearest = min(range(len(self.stops)), key=lambda i: abs(self.stops[i].ceiling_bpp - self.start))
        self.slider.options = options
        self.slider.value = nearest

    def shown(self, stop: Stop, codec: str) -> Shown:
        """The picture of a codec at a stop, or flat grey and the reason where it cannot make one so small."""
        if codec == "original":
            return self.original
        if codec in stop.points:
            return stop.points[codec].shown
        least = f"no file this small: at least {stop.too_large[codec]:,} bytes"
        return Shown.of(np.full_like(self.image, NOTHING), codec, least)

    # ---- what the browser calls --------------------------------------------------------------------------------------

    @visible_errors
    def on_move(self, change=None) -> None:
        """Show the stop, the codecs and the metric that are chosen now."""
        stop, pair = self.stops[self.slider.value], (self.left.value, self.right.value)
        a, b = (self.shown(stop, codec) for codec in pair)
        self.viewer.name = f"{self.name} at {stop.ceiling_bpp:g} bits per pixel"
        self.viewer.show(a, b)
        self.numbers.value = numbers_table(stop, [codec.name for codec in self.codecs], *pair).html()
        curves = rd_chart(self.points, metric=self.metric.value, here=stop.ceiling_bpp, bold=pair)
        self.curve.value = curves.svg()

    @visible_errors
    def on_upload(self, change) -> None:
        """Take a picture from the reader's disk and compute everything for it."""
        if not self.upload.value:
            return
        file = self.upload.value[0]
        self.start = self.stops[self.slider.value].ceiling_bpp
        controls = (self.slider, self.left, self.right, self.upload)
        for control in controls:
            control.disabled = True
        try:
            self.compute(from_file(io.BytesIO(file.content), file.name), file.name, self.progress)
            self.fill_slider()
            self.on_move()
        finally:
            self.upload.value = ()
            for control in controls:
                control.disabled = False

    def poster(self) -> bytes:
        """A and B at the smallest size that both can have and at the largest: the two ends of the slider, as PNG."""
        pair = [codec for codec in dict.fromkeys((self.left.value, self.right.value)) if codec != "original"]
        common = [stop for stop in self.stops if set(pair) <= set(stop.points)]
        ends = common[:1] + common[1:][-1:]
        rows = [stop.points[codec] for stop in ends for codec in pair]
        note = f"Run this cell to move the slider: {len(self.stops)} file sizes, {len(self.codecs)} codecs."
        buffer = io.BytesIO()
        picture_grid(self.image, rows, cell=150, note=note).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def numbers_table(stop: Stop, codecs: Sequence[str], left: str = "", right: str = "") -> Table:
    """The numbers of a stop: bytes, bpp, PSNR and MS-SSIM of every codec, the best in bold, A and B marked."""
    rows, best = [], set()
    best_db = max(point.psnr_db for point in stop.points.values())
    best_ssim = max(point.ms_ssim for point in stop.points.values())
    for number, codec in enumerate(codecs):
        name = style(codec).label
        if codec not in stop.points:
            rows.append([name, f"needs at least {stop.too_large[codec]:,} bytes"])
            continue
        point = stop.points[codec]
        quality = "—" if math.isnan(point.ms_ssim) else f"{point.ms_ssim:.4f}"
        rows.append([name, f"{point.bytes:,}", f"{point.bpp:.3f}", f"{point.psnr_db:.2f}", quality])
        best |= {(number, 3)} if point.psnr_db >= best_db else set()
        best |= {(number, 4)} if point.ms_ssim >= best_ssim else set()
    return Table(
        ("Codec", "bytes", "bpp", "PSNR, dB", "MS-SSIM"),
        rows,
        f"No file may exceed {stop.ceiling_bytes:,} bytes, that is {stop.ceiling_bpp:g} bits per pixel.",
        best,
        [style(codec).color for codec in codecs],
        ["".join(s for s, c in zip("AB", (left, right), strict=True) if c == codec) for codec in codecs],
    )
