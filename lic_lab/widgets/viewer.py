"""The A/B viewer: two pictures of one size in one place, compared by split, side by side, flicker or difference.

The browser side is `stage.js` (decoding, geometry, painting) and `viewer.js` (keys, mouse, toolbar), joined into one
module.
"""

import io
from dataclasses import dataclass, field

import anywidget
import numpy as np
import traitlets
from PIL import Image as Pillow
from PIL import ImageDraw

from lic_lab.errors import LicLabError
from lic_lab.plots.grid import INK, PAPER, SOFT, font
from lic_lab.plots.palette import style
from lic_lab.widgets.panel import Poster, front

POSTER = 320  # longest side of a poster in pixels
MODES = ("split", "side", "flicker", "difference")


@dataclass(frozen=True)
class Shown:
    """A picture ready to be shown: its exact pixels as PNG bytes, and the words on its label."""

    png: bytes = field(repr=False)
    size: tuple[int, int]  # width, height in pixels
    label: str = ""
    caption: str = ""
    color: str = "#767676"

    @classmethod
    def of(cls, image: np.ndarray, codec: str = "original", caption: str = "", label: str = "") -> "Shown":
        """Encode `image` (uint8 (h, w, 3)) without loss, with the colour and name the palette has for `codec`."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise LicLabError(
                f"the viewer shows uint8 (h, w, 3), got {image.dtype} {image.shape}: use read_image first"
            )
        buffer, look = io.BytesIO(), style(codec)
        Pillow.fromarray(image).save(buffer, "PNG", compress_level=1)  # level 1: four times faster, 12 % larger
        return cls(buffer.getvalue(), (image.shape[1], image.shape[0]), label or look.label, caption, look.color)


class Viewer(Poster, anywidget.AnyWidget):
    """Compare two pictures of one size with the mouse or the keyboard.

    show: A and B. mode: "split", "side", "flicker" or "difference". split: the divider, 0..1 from the left. zoom: 1 is
    the whole picture. center: middle of the view in fractions of width and height. gain: what |A - B| is multiplied by.
    height: largest height of the stage in CSS pixels. name: what a screen reader calls the viewer.
    Zoom and place are the same for both pictures, always. `drag`, arrow keys, wheel with Ctrl: see "Keys" below the
    pictures.
    """

    _esm = front("page.js", "stage.js", "viewer.js")
    _css = front("page.css", "viewer.css")

    a = traitlets.Bytes().tag(sync=True)
    b = traitlets.Bytes().tag(sync=True)
    about_a = traitlets.Dict().tag(sync=True)
    about_b = traitlets.Dict().tag(sync=True)
    mode = traitlets.Enum(MODES, "split").tag(sync=True)
    split = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    zoom = traitlets.Float(1.0, min=1).tag(sync=True)
    center = traitlets.List(traitlets.Float(), [0.5, 0.5], minlen=2, maxlen=2).tag(sync=True)
    gain = traitlets.Float(4, min=1).tag(sync=True)
    height = traitlets.Int(520, min=160).tag(sync=True)
    name = traitlets.Unicode("Picture comparison").tag(sync=True)

    def __init__(self, a: Shown | np.ndarray, b: Shown | np.ndarray, **traits):
        super().__init__(**traits)
        self.show(a, b)

    def show(self, a: Shown | np.ndarray, b: Shown | np.ndarray) -> None:
        """Put two pictures of one size on the stage, in one message, so that they change together."""
        a, b = (Shown.of(p, label=n) if isinstance(p, np.ndarray) else p for p, n in ((a, "A"), (b, "B")))
        if a.size != b.size:
            raise LicLabError(f"A is {a.size[0]}x{a.size[1]} and B is {b.size[0]}x{b.size[1]}: give two of one size")
        with self.hold_sync():
            self.a, self.b, self.about_a, self.about_b = a.png, b.png, _about(a), _about(b)

    def poster(self) -> bytes:
        """The split view as it stands, as a small PNG: A left of the divider, B right of it."""
        left, right = (np.asarray(Pillow.open(io.BytesIO(png))) for png in (self.a, self.b))
        x = round(self.split * left.shape[1])
        both = np.concatenate([left[:, :x], right[:, x:]], axis=1)
        both[:, max(0, x - 1) : x + 1] = 255
        picture, buffer = Pillow.fromarray(both), io.BytesIO()
        picture.thumbnail((POSTER, POSTER), Pillow.Resampling.LANCZOS)  # the notebook has to stay small
        sheet = Pillow.new("RGB", (max(picture.width, POSTER), picture.height + 44), PAPER)
        sheet.paste(picture)
        words = f"Left: {self.about_a['label']}. Right: {self.about_b['label']}."
        for line, text in enumerate((words, "Run this cell to drag the divider, zoom and flicker.")):
            face = font(13, text=text, room=sheet.width - 16)
            ImageDraw.Draw(sheet).text((8, picture.height + 6 + 18 * line), text, fill=SOFT if line else INK, font=face)
        sheet.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def _about(shown: Shown) -> dict[str, str]:
    """What the label over a picture says."""
    return {"label": shown.label, "caption": shown.caption, "color": shown.color}
