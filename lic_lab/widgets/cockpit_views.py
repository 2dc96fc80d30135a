"""What the training cockpit remembers of a run, and the curves and pictures it makes of that."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import Tensor

from lic_lab.codecs import load
from lic_lab.metrics.quality import psnr
from lic_lab.metrics.rate import bpp
from lic_lab.ops.color import tensor_to_image
from lic_lab.plots.palette import style
from lic_lab.plots.views import Chart, Line, Picture
from lic_lab.training.loop import Trainer
from lic_lab.training.progress import Progress
from lic_lab.training.validation import validate

QUALITIES = (5, 10, 20, 35, 50, 65, 80, 90, 95)  # of JPEG
MOST = 600  # points of a curve; beyond, every other one is left out
CURVES = {  # what is noted after a step -> title and axis of its curve
    "loss": ("Loss, R + λ 255² MSE", "objective"),
    "bpp": ("Rate on training crops", "bits per pixel"),
    "psnr": ("Quality on training crops", "PSNR (dB)"),
    "gradient": ("Norm of the gradient", "before clipping"),
    "rate": ("Learning rate", "of the optimiser"),
}
PICTURE = 300  # pixels of a picture on the page


class Trace:
    """The curves of a run so far, and how the first picture that is held out comes back.

    steps: where values were noted.   values: by name, see CURVES; loss, bpp and psnr are smoothed.   rows: of the
    validations, from step 0 on where the run began here.   jpeg: (bpp, dB) of JPEG's files of the same crops.
    crops: the crops (n, 3, h, w), or pairs, that are validated on; None before the run is ready.
    """

    def __init__(self):
        self.steps, self.values, self.stride = [], {name: [] for name in CURVES}, 1
        self.rows, self.first_row, self.jpeg = [], [], []
        self.crops: Tensor | None = None
        self.trainer: Trainer | None = None
        self.original: Picture | None = None
        self.picture: Picture | None = None
        self.pictured, self.began, self.began_at = -1, 0, 0.0
        self.last = Progress()

    def open(self, trainer: Trainer) -> None:
        """Look at a run before its first step here: what it is validated on, how good it is, what JPEG does there.

        Points of later steps, which a failed run took behind its last saved state, are taken back.
        """
        now, model = trainer.progress, trainer.average.module.eval()
        if self.crops is None:
            self.crops, self.jpeg = trainer.validation, jpeg_points(trainer.validation)
            image = tensor_to_image(_pictures(self.crops)[:1])
            self.original = Picture(image, "Held out: original", width=PICTURE)
        if now.step == 0:
            self.first_row = [{"step": 0} | validate(model, self.crops, trainer.recipe, device=trainer.device)]
        self.trainer, self.rows, self.last = trainer, [*self.first_row, *now.history], now
        self.began, self.began_at = now.step, now.seconds
        self._keep([k for k, step in enumerate(self.steps) if step <= now.step])
        self.take_picture()

    def note(self, now: Progress) -> None:
        """Keep the numbers of a step, and a picture where it was validated."""
        self.last = now
        if now.step % self.stride == 0:
            for name, values in self.values.items():
                values.append(getattr(now, name))
            self.steps.append(now.step)
        if len(self.steps) > MOST:
            self.stride *= 2
            self._keep([k for k, step in enumerate(self.steps) if step % self.stride == 0])
        if len(self.rows) < len(self.first_row) + len(now.history):
            self.rows = [*self.first_row, *now.history]
            self.take_picture()

    def _keep(self, points: list[int]) -> None:
        """Leave out all points of the curves but some, by their numbers."""
        self.values = {name: [values[k] for k in points] for name, values in self.values.items()}
        self.steps = [self.steps[k] for k in points]

    @torch.no_grad()
    def take_picture(self) -> None:
        """Send the first picture through the averaged model at the middle of its ladder."""
        model = self.trainer.average.module.eval()
        x = self.crops[:1].to(self.trainer.device)
        output = model(x)
        image = tensor_to_image(_pictures(output.x_hat).clamp(0, 1)[:1].float().cpu())
        step, bits = self.trainer.progress.step, float(output.bpp.mean())
        note = f"about {bits:.3f} bpp, {psnr(image, self.original.image):.2f} dB"
        self.picture = Picture(image, f"The same after {step:,} steps", note, width=PICTURE)
        self.pictured = step

    def seconds_left(self, now: Progress) -> float:
        """How long the rest takes, from the mean time of the steps here."""
        return (now.seconds - self.began_at) / max(now.step - self.began, 1) * (now.steps - now.step)


def _pictures(x: Tensor) -> Tensor:
    """Pictures, or the views of pairs one after the other: (n, 3, h, w)."""
    return x.reshape(-1, *x.shape[-3:])


def jpeg_points(x: Tensor) -> list[tuple[float, float]]:
    """Give (bpp, dB) of JPEG at QUALITIES, means over the pictures of x, (..., 3, h, w) in [0, 1]; whole files."""
    codec, points = load("jpeg"), []
    pictures = [tensor_to_image(picture[None]) for picture in _pictures(x)]
    for quality in QUALITIES:
        files = [codec.encode(picture, quality) for picture in pictures]
        rates = [bpp(len(file), *picture.shape[:2]) for file, picture in zip(files, pictures, strict=True)]
        decibels = [psnr(codec.decode(file), picture) for file, picture in zip(files, pictures, strict=True)]
        points.append((fmean(rates), fmean(decibels)))
    return points


def views(trace: Trace, codec: str) -> list:
    """Give the charts and pictures of a run; codec: name of the model, for its colour."""
    color = style(codec).color
    loss, rate, quality, gradient, speed = (_curve(trace, name, color) for name in CURVES)
    return [loss, rd_chart(trace, codec), gradient, trace.original, trace.picture, speed, rate, quality]


def _curve(trace: Trace, name: str, color: str) -> Chart:
    title, unit = CURVES[name]
    lines = [Line(trace.steps, trace.values[name], "training" if name == "loss" else "", color)]
    steps = [row["step"] for row in trace.rows]
    if name == "loss":
        lines.append(Line(steps, [row["objective"] for row in trace.rows], "held out", "ink", ":", dots=True))
    if name == "gradient" and trace.steps:
        clip = trace.trainer.recipe.clip
        lines.append(Line([trace.steps[0], trace.steps[-1]], [clip, clip], f"clipped to {clip:g}", "ink", "--"))
    return Chart(lines, "step", unit, title, log_y=name == "gradient", xlim=(0, trace.last.steps or 1))


def rd_chart(trace: Trace, codec: str) -> Chart:
    """Rate and distortion on what is held out: at the beginning, now, and JPEG's files of the same crops."""
    look, jpeg = style(codec), style("jpeg")
    shown = {row["step"]: row for row in trace.rows[:1] + trace.rows[-1:]}
    most = max([*(1.25 * rate for row in shown.values() for rate in row["bpp"]), trace.jpeg[2][0]])
    anchors = [point for point in trace.jpeg if point[0] <= most]
    lines = [Line(*zip(*anchors, strict=True), "JPEG, whole files", jpeg.color, jpeg.dash, dots=True)]
    for step, row in shown.items():
        now = row is trace.rows[-1]
        lines.append(Line(row["bpp"], row["psnr_db"], f"step {step:,}, estimated", look.color if now else "ink",
                          "-" if now else ":", dots=True, width=2.2 if now else 1.2))  # fmt: skip
    return Chart(lines, "rate (bits per pixel)", "PSNR (dB)", "Rate and distortion, held out")
