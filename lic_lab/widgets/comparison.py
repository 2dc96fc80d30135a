"""The comparison: one file size for up to four codecs, their pictures linked, and maps of where errors and bits are."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
from IPython import get_ipython
from IPython.display import display
from PIL import Image as Pillow

from lic_lab.codecs import list_codecs, load
from lic_lab.codecs.base import ImageCodec
from lic_lab.codecs.rate import Trials, ceiling_in_bytes, largest_within
from lic_lab.datasets.images import read_image
from lic_lab.errors import LicLabError
from lic_lab.models.base import Codec
from lic_lab.plots.grid import PAPER, picture_grid
from lic_lab.plots.palette import style
from lic_lab.plots.views import Table, heat
from lic_lab.probes.bitmaps import bit_map
from lic_lab.widgets.attention import crops
from lic_lab.widgets.controls import choose, slide
from lic_lab.widgets.explorer import close_all, manners
from lic_lab.widgets.panel import Panel, Progress, Status, visible_errors
from lic_lab.widgets.sweep import RATES, Point, check_rate, gathered, measured, shrink, smallest
from lic_lab.widgets.viewer import Shown
from lic_lab.widgets.wall import TOGETHER, Wall

SIDE = 384  # pixels of the crops that are shown by default
MOST = 4  # codecs at once
NOTHING = 128  # the grey of a picture that is not there
LOUDEST = 32  # levels of error that have the last colour
MAPS = {"the picture": "picture", "the error |x − x̂|": "error", "the bits of each place": "bits"}
HEAD = ("Codec", "bytes", "of target", "bpp", "PSNR, dB", "MS-SSIM", "encode, s", "decode, s")
FORMS = ("{:,}", "{:.3f}", "{:.2f}", "{:.4f}", "{:.3f}", "{:.3f}")  # of `Answer.numbers`
BEST = {2: max, 3: max, 4: min, 5: min}  # which of them are compared, and how


class Answer(NamedTuple):
    """What a codec made of a picture at a target: its measured point, file, seconds; or why it could not.

    encode_seconds: of the file that was found, with what a codec does once for all files of a picture.
    """

    point: Point | None
    data: bytes = b""
    encode_seconds: float = math.nan
    decode_seconds: float = math.nan
    smallest: int = 0

    @property
    def numbers(self) -> tuple[float, ...]:
        """Bytes, bpp, PSNR in dB, MS-SSIM, and both times, as the table shows them."""
        point = self.point
        return (point.bytes, point.bpp, point.psnr_db, point.ms_ssim, self.encode_seconds, self.decode_seconds)


class Run:
    """A codec at work on one picture: every file that it wrote, and the seconds that each took.

    trials: the files so far.   seconds: quality -> of writing that file, what is done once for all of them included.
    say: called before each file with what is being written.
    """

    def __init__(self, codec: ImageCodec, image: np.ndarray, say: Callable[[str], None]):
        began = time.perf_counter()
        self.encode, self.say, self.seconds = codec.encoder_for(image), say, {}
        self.once = time.perf_counter() - began
        self.trials = Trials(image, codec.ladder, self.write)

    def write(self, quality: float) -> bytes:
        """Write a file on the clock."""
        self.say(f"file {len(self.seconds) + 1}")
        began = time.perf_counter()
        data = self.encode(quality)
        self.seconds[quality] = self.once + time.perf_counter() - began
        return data


class Comparison(Panel):
    """Choose a picture, a file size and up to four codecs, and see what each makes of the same bytes, side by side.

    pictures: name -> anything `read_image` takes; squares of the bundled photographs by default.   codecs: names, or
    loaded codecs, shown at first; the choices have every codec that runs here beside them.   bpp: the size at first, in
    bits per pixel of the whole file; every codec gets the best quality that keeps to it, found by writing files.
    longest: larger pictures are scaled down to so many pixels.
    Zoom, divider, mode and place of all viewers move together. Answers are remembered, and so is every file of a
    search. A weight file is called by its folder, as on the command line. Raises LicLabError for no picture or one
    without a name, other than one to four codecs, two of one name, codecs that cannot run here, and a size that is no
    positive number.
    """

    def __init__(
        self,
        pictures: Mapping | None = None,
        codecs: Sequence[str | ImageCodec] = ("charm", "jpeg", "jpeg2000", "avif"),
        bpp: float = 0.25,
        *,
        longest: int = SIDE,
    ):
        if not isinstance(pictures, Mapping | None):
            kind = type(pictures).__name__
            raise LicLabError(f'pictures are given by name, not as {kind}: give pictures={{"mine": picture}}')
        found = crops(SIDE) if pictures is None else {name: read_image(p) for name, p in pictures.items()}
        self.pictures = {name: shrink(picture, longest) for name, picture in found.items()}
        if not self.pictures or not 1 <= len(codecs) <= MOST:
            raise LicLabError(f"a comparison needs a picture and one to {MOST} codecs: give pictures= and codecs=")
        check_rate(bpp)
        loaded = gathered(codecs)
        self.codecs: dict[str, ImageCodec] = {codec.name: codec for codec in loaded}
        self.runs: dict[tuple[str, str], Run] = {}
        self.answers: dict[tuple, Answer] = {}
        self.mapped: dict[tuple, np.ndarray] = {}
        self.progress, self.status = Progress(), Status()
        self.make_controls([codec.name for codec in loaded], bpp)
        self.lay_out()
        first = Progress()  # for the wait before the panel itself appears, which is when its cell is done
        if get_ipython() is not None:
            display(first)
        self.update(first)
        for control in (self.picture, self.rate, self.map, *self.chosen):
            control.observe(self.on_move, "value")

    # ---- the parts ---------------------------------------------------------------------------------------------------

    def make_controls(self, names: Sequence[str], bpp: float) -> None:
        """Picture, file size, four places for codecs, and what is shown of them."""
        here = [row.name for row in list_codecs() if row.available and row.views == 1]
        offered = {style(name).label: name for name in dict.fromkeys([*here, *names])}
        self.picture = choose(list(self.pictures), "Picture")
        self.map = choose(MAPS, "Show")
        self.rate = slide(sorted({*RATES, bpp}), "File size", bpp, "{:g} bpp")
        self.rate.continuous_update = False
        places = [*names, *[""] * (MOST - len(names))]
        self.chosen = [choose({"—": "", **offered}, f"Codec {k}", name) for k, name in enumerate(places, start=1)]
        for control in self.chosen:
            control.layout.width, control.style.description_width = "240px", "56px"

    def lay_out(self) -> None:
        """Choices above, the viewers below them, then numbers, progress and remarks."""
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        self.stage, self.numbers = widgets.VBox([]), widgets.HTML()
        top = widgets.HBox([self.picture, self.map], layout=wrap)
        parts = [top, self.rate, widgets.HBox(self.chosen, layout=wrap), self.progress, self.stage, self.numbers]
        super().__init__([manners(), *parts, self.status])
        self.add_class("lic-explorer")

    @property
    def names(self) -> list[str]:
        """The codecs that are chosen, each once."""
        return list(dict.fromkeys(control.value for control in self.chosen if control.value))

    @property
    def target(self) -> int:
        """The bytes that no file may exceed."""
        return max(1, ceiling_in_bytes(self.rate.value, *self.pictures[self.picture.value].shape[:2]))

    # ---- what is computed --------------------------------------------------------------------------------------------

    def key(self, name: str) -> tuple:
        """What an answer depends on: the picture, the codec, and the bytes."""
        return (self.picture.value, name, self.target)

    def answer(self, name: str) -> Answer:
        """Give what a codec makes of the chosen picture at the chosen size, searched once."""
        key = self.key(name)
        if key not in self.answers:
            if name not in self.codecs:
                self.codecs[name] = load(name)
            self.answers[key] = self.search(self.codecs[name])
        return self.answers[key]

    def search(self, codec: ImageCodec) -> Answer:
        """Find the best file within the target, and read it on the clock."""
        image, where = self.pictures[self.picture.value], (self.picture.value, codec.name)
        if where not in self.runs:
            self.runs[where] = Run(codec, image, lambda done: self.bar.say(f"{style(codec.name).label}: {done}"))
        run = self.runs[where]
        try:
            trial = largest_within(run.trials, self.target, codec.name)
        except LicLabError:
            if not run.trials.seen:
                raise  # not a file that is too large, but no file at all
            return Answer(None, smallest=smallest(run.trials))
        began = time.perf_counter()
        decoded = codec.decode(trial.data)
        seconds = (run.seconds[trial.quality], time.perf_counter() - began)
        return Answer(measured(codec, image, trial.data, decoded, self.picture.value), trial.data, *seconds)

    def bits(self, name: str) -> np.ndarray | None:
        """Give the bits of each position (h/16, w/16) of a learned codec's file, side information spread evenly.

        None where there is no file, and for codecs without a latent.
        """
        key, answer, model = self.key(name), self.answer(name), getattr(self.codecs[name], "model", None)
        if answer.point is None or not isinstance(model, Codec):
            return None
        if key not in self.mapped:
            self.bar.say(f"{style(name).label}: the bits of its file")
            height, width = self.pictures[self.picture.value].shape[:2]
            found = bit_map(model, answer.data).positions[0]
            self.mapped[key] = found[: -(-height // 16), : -(-width // 16)].numpy()  # without padding
        return self.mapped[key]

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def shown(self, name: str, answer: Answer) -> Shown:
        """Give the second picture of a codec's viewer: what it decoded, or a map; grey with the reason for neither."""
        image = self.pictures[self.picture.value]
        if answer.point is None:
            words = f"no file this small: at least {answer.smallest:,} bytes"
            return Shown.of(np.full_like(image, NOTHING), name, words)
        if self.map.value == "picture":
            return answer.point.shown
        if self.map.value == "error":
            picture = error_map(image, answer.point.reconstruction)
            return Shown.of(picture, name, f"error: black 0, light {LOUDEST} levels")
        if self.bits(name) is None:
            return Shown.of(np.full_like(image, NOTHING), name, "has no latent whose bits could be mapped")
        most = max(float(found.max()) for other in self.names if (found := self.bits(other)) is not None)
        words = f"bits of 16 × 16 pixels: black 0, light {most:.0f}"
        return Shown.of(bits_picture(self.bits(name), image.shape[:2], most), name, words)

    def found(self) -> dict[str, Answer]:
        """Name -> answer of every codec that is chosen."""
        return {name: self.answer(name) for name in self.names}

    def update(self, progress: Progress) -> None:
        """Find what is not known yet, with a bar that says from the start what is being done, and show everything."""
        self.bar, missing = progress, [name for name in self.names if self.key(name) not in self.answers]
        progress.start(len(missing) or 1)
        try:
            for name in missing:
                progress.say(style(name).label)
                self.answer(name)
                progress.step(style(name).label)
            found = self.found()
            shown = [self.shown(name, answer) for name, answer in found.items()]
        finally:
            progress.finish()
        self.put(shown)
        self.numbers.value = self.table(found).html() if found else ""
        self.status.say("" if found else "Choose a codec.")

    def put(self, shown: Sequence[Shown]) -> None:
        """Show pictures in the viewers that are there; another number of them needs another wall, at the same place."""
        original = Shown.of(self.pictures[self.picture.value])
        viewers = self.stage.children[0].viewers if self.stage.children else []
        if len(viewers) == len(shown):
            for viewer, picture in zip(viewers, shown, strict=True):
                viewer.show(original, picture)
                viewer.name = f"{self.picture.value}: {original.label} and {picture.label}"
            return
        was = {trait: getattr(viewers[0], trait) for trait in TOGETHER} if viewers else {}
        wall = [Wall(original, shown, height=400, name=self.picture.value)] if shown else []
        for trait, value in was.items():
            for viewer in wall[0].viewers if wall else []:
                setattr(viewer, trait, value)
        before, self.stage.children = self.stage.children, wall
        for old in before:
            close_all(old)

    def table(self, found: Mapping[str, Answer]) -> Table:
        """List the numbers of every codec, the best of each column in bold."""
        rows, wins = [], set()
        best = {k: choice(column) for k, choice in BEST.items() if (column := _known(found.values(), k))}
        for number, (name, answer) in enumerate(found.items()):
            if answer.point is None:
                rows.append([style(name).label, f"needs at least {answer.smallest:,} bytes"])
                continue
            values = answer.numbers
            share = f"{answer.point.bytes / self.target - 1:+.1%}".replace("-", "−")
            cells = [form.format(value).replace("nan", "—") for form, value in zip(FORMS, values, strict=True)]
            rows.append([style(name).label, cells[0], share, *cells[1:]])
            wins |= {(number, k + 2) for k in best if values[k] == best[k]}
        caption = f"At most {self.target:,} bytes, {self.rate.value:g} bpp, headers included. Seconds: once, here."
        return Table(HEAD, rows, caption, wins, [style(name).color for name in found])

    # ---- what the browser calls --------------------------------------------------------------------------------------

    @visible_errors
    def on_move(self, change=None) -> None:
        """Show what is chosen now."""
        self.update(self.progress)

    def poster(self) -> bytes:
        """Original and pictures in one row above a detail, and the numbers, as a PNG."""
        found = self.found()
        points = [answer.point for answer in found.values() if answer.point]
        words = f"Run this cell to choose size, picture, map and any of {len(self.chosen[0].options) - 1} codecs."
        grid = picture_grid(self.pictures[self.picture.value], points, cell=150, zoom=3, note=words)
        table = self.table(found).draw(max(grid.width - 36, 640))
        sheet = Pillow.new("RGB", (max(grid.width, table.width + 36), grid.height + table.height + 8), PAPER)
        sheet.paste(grid, (0, 0))
        sheet.paste(table, (18, grid.height + 8))
        buffer = io.BytesIO()
        sheet.quantize(256, Pillow.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def _known(answers: Iterable[Answer], k: int) -> list[float]:
    """The numbers of one kind of all answers that have it."""
    return [answer.numbers[k] for answer in answers if answer.point and not math.isnan(answer.numbers[k])]


def error_map(image: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Colour the mean over RGB of |x - x_hat|: two uint8 (h, w, 3) -> uint8 (h, w, 3), the last colour for LOUDEST."""
    levels = np.abs(image.astype(float) - decoded).mean(axis=2)
    return heat(levels, low=0, high=LOUDEST).image


def bits_picture(bits: np.ndarray, size: tuple[int, int], most: float) -> np.ndarray:
    """Colour a map of bits (h/16, w/16) and magnify it to a picture of `size`: uint8 (h, w, 3)."""
    colors = heat(bits, low=0, high=most).image
    return np.ascontiguousarray(colors.repeat(16, axis=0).repeat(16, axis=1)[: size[0], : size[1]])
