"""The decoding player: a real file read step by step, and what could be shown if it ended there.

The browser side is `decoding_player.js` (page and painting) and `transport.js` (keys, time), in the look of the other
player.
"""

from __future__ import annotations

import io

import anywidget
import numpy as np
import torch
import traitlets
from IPython import get_ipython
from IPython.display import display
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.datasets.bundled import bundled_images
from lic_lab.datasets.stereo import motorcycle
from lic_lab.errors import LicLabError
from lic_lab.metrics.quality import psnr
from lic_lab.models.base import Codec
from lic_lab.models.checkpoints import load_model
from lic_lab.ops.color import image_to_tensor, tensor_to_image
from lic_lab.plots.grid import INK, PAPER, SOFT, font
from lic_lab.plots.views import heat
from lic_lab.probes.decoding import Decoding, decoding_steps
from lic_lab.widgets.panel import Poster, Progress, front

FRAMES = 48  # at most: a file with more steps is shown at so many of them
FASTEST = 60  # steps a second
STILL = 170  # pixels: the width of a step on the poster
UNREAD = (190, 194, 199)  # of a position that is not read yet, in a still


class DecodingPlayer(Poster, anywidget.AnyWidget):
    """Play the decoding of a real file: the picture so far, the symbols known so far, bytes, bits and PSNR so far.

    model: name of a codec with shipped weights, or a model.   picture: uint8 (h, w, 3), or (2, h, w, 3) for a stereo
    model; a face or a pair that comes with the installation by default.   rate: rate point of the file, the middle of
    the ladder by default.   position: the step that is shown, 0 before the first byte.   speed: steps a second.
    playing: whether it runs; where the reader's system asks for less motion, it waits for the play button.   name: what
    a screen reader calls the player.
    The file is written and decoded when the player is made, and everything shown is sent once, pictures as JPEG. A file
    with more than 48 steps is shown at 48 of them. After each step, what is missing counts as the entropy model
    predicts it, see `probes.decoding.Decoding.latent`.
    Raises LicLabError for what is no model, a picture that does not fit it, or a trait that does not exist; a position
    outside is the nearest step.
    """

    _esm = front("page.js", "transport.js", "decoding_player.js")
    _css = front("page.css", "viewer.css", "scan_player.css", "decoding_player.css")

    frames = traitlets.List(traitlets.Bytes()).tag(sync=True)  # JPEG, one for each step; views one below the other
    plan = traitlets.Dict().tag(sync=True)  # size, grid, tiles, steps, and the scale of the tiles
    when = traitlets.Bytes().tag(sync=True)  # uint16 (tiles, rows, columns): the step from which a place is known
    paid = traitlets.Bytes().tag(sync=True)  # uint8 (tiles, rows, columns, 3): the colour of its bits
    position = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1).tag(sync=True)
    name = traitlets.Unicode("Decoding of a file").tag(sync=True)

    def __init__(
        self, model: str | Codec = "charm", picture: np.ndarray | None = None, *, rate: float | None = None, **traits
    ):
        if unknown := sorted(set(traits) - {"position", "playing", "speed", "name"}):
            raise LicLabError(f"a player has no {unknown[0]!r}: give rate, position, playing, speed or name")
        model = model_of(model)
        self.picture = default_picture(model.views) if picture is None else np.asarray(picture)
        x = picture_tensor(self.picture, model)
        self.data = model.compress(x, rate)
        self.decoding = decoding_steps(model, self.data)
        self.stops = stops_of(len(self.decoding.steps))
        self.pictures = self.play()
        bits = bits_of_slices(self.decoding)
        self.tiles = heat(bits.reshape(-1, bits.shape[-1]), low=0, high=float(bits.max()), unit="bits")
        super().__init__(
            frames=[jpeg(picture) for picture in self.pictures],
            plan=self.plan_of(bits),
            when=self.known_from().astype("<u2").tobytes(),
            paid=self.tiles.image.tobytes(),
            **traits,
        )

    def play(self) -> list[np.ndarray]:
        """Decode every picture that is shown, views one below the other, with a bar that says how long it takes."""
        progress = Progress()
        if get_ipython() is not None:
            display(progress)
        progress.start(len(self.stops))
        pictures = []
        for stop in self.stops:
            x_hat = self.decoding.picture(stop)
            views = x_hat if x_hat.dim() == 4 else x_hat[0]
            pictures.append(np.concatenate([tensor_to_image(view[None]) for view in views]))
            progress.step("decoding, step by step")
        progress.finish()
        return pictures

    def plan_of(self, bits: np.ndarray) -> dict:
        """Say in numbers and words what is at every step; bits: of the slices' places, see `bits_of_slices`."""
        original = self.picture.reshape(self.pictures[0].shape)
        spent = np.cumsum([0, *(step.bits for step in self.decoding.steps)])
        steps = [
            {
                "label": self.label(stop),
                "bits": float(spent[stop]),
                "read": self.decoding.steps[stop - 1].read if stop else 0,
                "known": int(self.decoding.known(stop).sum()),
                "psnr": float(psnr(original, picture)),
            }
            for stop, picture in zip(self.stops, self.pictures, strict=True)
        ]
        return {
            "size": list(original.shape[:2]),
            "grid": list(bits.shape[1:]),
            "tiles": [channels_label(channels) for channels in self.decoding.slices],
            "steps": steps,
            "bytes": len(self.data),
            "symbols": self.decoding.y_hat.numel(),
            "most": round(float(bits.max()), 1),
            "colors": list(self.tiles.scale.colors),
        }

    def label(self, stop: int) -> str:
        """Say in words what the step that ends at `stop` has read."""
        if not stop:
            return "nothing is read yet"
        step = self.decoding.steps[stop - 1]
        if step.slice is None:
            return "the side latent, which says what to expect"
        where, channels = step.where, self.decoding.slices[step.slice]
        places, every = where.shape[1] // len(channels), self.decoding.y_hat[0, 0].numel()
        some = "every position" if places == every else f"{places} of {every} positions"
        return f"{channels_label(channels)}, {some}"

    def known_from(self) -> np.ndarray:
        """Give the number of the frame from which every place of every slice is known: (slices, views * h, w)."""
        first = torch.stack([self.decoding.step_of[:, channels[0]] for channels in self.decoding.slices])
        frames = np.searchsorted(self.stops, first.numpy() + 1)  # a step is seen at the first stop behind it
        return frames.reshape(len(first), -1, frames.shape[-1])

    @traitlets.validate("position")
    def _inside(self, proposal):
        return min(max(proposal.value, 0), len(self.stops) - 1)

    @traitlets.validate("speed")
    def _walking(self, proposal):
        if not 0.1 <= proposal.value <= FASTEST:
            raise LicLabError(f"{proposal.value:g} steps a second cannot be followed: give 0.1 to {FASTEST}")
        return proposal.value

    def still(self, position: int, width: int = STILL) -> Pillow.Image:
        """Draw one step: the picture so far, and below it every slice with what is known of it."""
        picture = Pillow.fromarray(self.pictures[position])
        picture = picture.resize((width, max(1, round(picture.height * width / picture.width))))
        when = self.known_from()
        rows, columns = when.shape[1:]
        colors = self.tiles.image.reshape(*when.shape, 3)
        shown = np.where((when <= position)[..., None], colors, np.uint8(UNREAD))
        across = len(shown) if len(shown) < 4 else -(-len(shown) // 2)
        cell = max(1, (width - 4 * (across - 1)) // (across * columns))
        down = -(-len(shown) // across)
        sheet = Pillow.new("RGB", (width, picture.height + 6 + down * (cell * rows + 4)), PAPER)
        sheet.paste(picture, (0, 0))
        for number, tile in enumerate(shown):
            place = (number % across) * (cell * columns + 4), picture.height + 6 + number // across * (cell * rows + 4)
            sheet.paste(Pillow.fromarray(tile.repeat(cell, 0).repeat(cell, 1)), place)
        return sheet

    def poster(self) -> bytes:
        """Four steps side by side, from the side latent to the whole file, as a small PNG."""
        last = len(self.stops) - 1
        shown = list(dict.fromkeys(round(last * part) for part in (0, 1 / 3, 2 / 3, 1)))
        stills = {number: self.still(number) for number in shown}
        width, gap = STILL, 14
        height = max(still.height for still in stills.values())
        sheet = Pillow.new("RGB", (len(shown) * (width + gap) - gap, height + 66), PAPER)
        pen = ImageDraw.Draw(sheet)
        for column, (number, still) in enumerate(stills.items()):
            step = self.plan["steps"][number]
            words = f"{step['read']:,} bytes: {step['psnr']:.2f} dB"
            pen.text((column * (width + gap), 0), words, fill=INK, font=font(13, bold=True, text=words, room=width))
            sheet.paste(still, (column * (width + gap), 20))
        words = f"Steps {', '.join(map(str, shown))} of {last}. Below: the slices; grey is not read yet."
        for line, text in enumerate((words, "Run this cell to step through the file.")):
            face = font(13, text=text, room=sheet.width)
            pen.text((0, height + 28 + 18 * line), text, fill=SOFT, font=face)
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def default_picture(views: int) -> np.ndarray:
    """Give a face, uint8 (256, 256, 3), or for two views a piece of a pair at half its size, (2, 192, 320, 3)."""
    if views == 1:
        return np.ascontiguousarray(bundled_images()["astronaut"][20:276, 100:356])
    pair = motorcycle()
    return np.stack([half(view)[40:232, 20:340] for view in (pair.left, pair.right)])


def half(picture: np.ndarray) -> np.ndarray:
    """Halve a picture (h, w, 3) by averaging."""
    return np.asarray(Pillow.fromarray(picture).reduce(2))


def model_of(model: str | Codec) -> Codec:
    """Give the model of a name, or the model itself; raises LicLabError for what is neither."""
    model = load_model(model) if isinstance(model, str) else model
    if not isinstance(model, Codec):
        raise LicLabError(f"{type(model).__name__} is no model: give a name, or of a codec its .model")
    return model


def picture_tensor(picture: np.ndarray, model: Codec) -> torch.Tensor:
    """Give a picture uint8 (h, w, 3), or a pair (2, h, w, 3), as a model takes it; raises LicLabError for others."""
    views = 2 if picture.ndim == 4 else 1
    fits = picture.dtype == np.uint8 and picture.ndim in (3, 4) and picture.shape[-1] == 3 and picture.size > 0
    if not fits or views != model.views:
        what = "pictures, uint8 (h, w, 3)" if model.views == 1 else "pairs, uint8 (2, h, w, 3)"
        raise LicLabError(f"{type(model).__name__} codes {what}: it cannot take {picture.dtype} {picture.shape}")
    x = torch.cat([image_to_tensor(view) for view in picture.reshape(-1, *picture.shape[-3:])])
    return (x if views == 1 else x[None]).to(next(model.parameters()).device)


def stops_of(steps: int) -> np.ndarray:
    """Choose after how many steps there is a frame: 0, ..., steps; all of them, or `FRAMES` spread evenly."""
    return np.unique(np.round(np.linspace(0, steps, min(steps + 1, FRAMES))).astype(int))


def bits_of_slices(decoding: Decoding) -> np.ndarray:
    """Add the bits of each slice's channels at every position: (slices, views * h, w)."""
    sums = [decoding.bits[:, list(channels)].sum(1) for channels in decoding.slices]  # each (views, h, w)
    return torch.stack(sums).flatten(1, 2).numpy()


def channels_label(channels: tuple[int, ...]) -> str:
    """Name channels by their first and last: "channels 16 to 31"."""
    return f"channels {channels[0]} to {channels[-1]}" if len(channels) > 1 else f"channel {channels[0]}"


def jpeg(picture: np.ndarray) -> bytes:
    """Write uint8 (h, w, 3) as JPEG of good quality, full colour."""
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()
