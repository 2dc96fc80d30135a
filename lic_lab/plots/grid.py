"""The picture grid: the original and each codec's reconstruction, a magnified detail, and what each of them cost.

Pictures are copied pixel for pixel wherever they fit; the detail row is magnified by a whole number without smoothing,
so what looks like a block or a blur in it is one.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from lic_lab.errors import LicLabError
from lic_lab.plots.palette import style

PAPER, INK, SOFT, RULE = "#ffffff", "#1b1f24", "#59636e", "#d9dee4"
MARGIN, GAP, LINE = 18, 12, 19  # pixels: around the sheet, between columns, per line of text


class Detail(NamedTuple):
    """A square of the picture: its upper left corner and its side, in pixels."""

    top: int
    left: int
    side: int


def busiest_detail(image: np.ndarray, side: int) -> Detail:
    """The square of `side` pixels with the most gradient energy; it looks at the original only, so it favours no codec.

    `image` is uint8 (h, w, 3); the side is shortened to fit a smaller picture.
    """
    height, width = image.shape[:2]
    side = max(1, min(side, height, width))
    grey = image.astype(np.float64).mean(axis=2)  # (h, w)
    rows, columns = np.zeros_like(grey), np.zeros_like(grey)
    rows[1:] = np.abs(np.diff(grey, axis=0))
    columns[:, 1:] = np.abs(np.diff(grey, axis=1))
    total = np.pad(rows + columns, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # summed-area table (h + 1, w + 1)
    energy = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(energy.argmax(), energy.shape)
    return Detail(int(top), int(left), side)


def picture_grid(
    original: np.ndarray,
    rows: Sequence,
    *,
    detail: Detail | None = None,
    cell: int = 240,
    zoom: int = 3,
    note: str = "",
    captions: Sequence[Sequence[str]] = (),
) -> Pillow.Image:
    """Draw the original and every row's reconstruction side by side, above a magnified detail and the numbers.

    original: uint8 (h, w, 3); the views of a stereo pair, (2, h, w, 3), stand one below the other. rows: records with
    codec, bytes, bpp, psnr_db, ms_ssim and reconstruction (uint8 like the original), for instance from
    `lic_lab.evaluation.sweep.compare`. detail: the square to magnify, by default the busiest one. cell: width of a
    column in pixels. zoom: whole-number magnification of the detail. note: a line at the bottom. captions: lines below
    each row's pictures, by default its bytes, bpp, PSNR and MS-SSIM. Returns an RGB Pillow picture; a notebook shows it
    as it is. Raises LicLabError where a reconstruction has another size than the original.
    """
    for row in rows:
        if row.reconstruction.shape != original.shape:
            raise LicLabError(
                f"{row.codec} decoded to {row.reconstruction.shape}, the original is {original.shape}: "
                "a grid compares pictures of one size"
            )
    original, *decoded = (_one_below_the_other(a) for a in (original, *(row.reconstruction for row in rows)))
    detail = detail or busiest_detail(original, max(1, cell // zoom))
    thumb = _fit(original, cell)
    tops = {"label": MARGIN, "picture": MARGIN + LINE + 8}
    tops["detail"] = tops["picture"] + thumb.height + GAP
    tops["numbers"] = tops["detail"] + detail.side * zoom + 8
    columns, captions = 1 + len(rows), captions or [_numbers(row) for row in rows]
    tops["note"] = tops["numbers"] + max(map(len, captions), default=3) * LINE + 6
    size = (2 * MARGIN + columns * cell + (columns - 1) * GAP, tops["note"] + (LINE if note else 0) + MARGIN - 12)
    sheet = Pillow.new("RGB", size, PAPER)
    raw = original.nbytes
    _column(sheet, 0, tops, original, detail, zoom, cell, "original", [f"{raw:,} bytes", "24 bpp"])
    for number, (row, picture, lines) in enumerate(zip(rows, decoded, captions, strict=True), start=1):
        _column(sheet, number, tops, picture, detail, zoom, cell, row.codec, lines)
    ImageDraw.Draw(sheet).text((MARGIN, tops["note"]), note, fill=SOFT, font=font(13))
    _mark(sheet, tops["picture"], thumb.width / original.shape[1], detail, (cell - thumb.width) // 2)
    return sheet


def _one_below_the_other(picture: np.ndarray) -> np.ndarray:
    """A picture, or both views of a pair (2, h, w, 3) as one of twice the height."""
    return picture.reshape(-1, *picture.shape[-2:])


def save_grid(path: str | Path, original: np.ndarray, rows: Sequence, **options) -> Path:
    """Write `picture_grid(original, rows, **options)` as PNG to `path` and return the path; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture_grid(original, rows, **options).save(path, optimize=True)
    return path


def _numbers(row) -> list[str]:
    """What a codec's column says beneath its pictures."""
    quality = "MS-SSIM —" if np.isnan(row.ms_ssim) else f"MS-SSIM {row.ms_ssim:.4f}"
    return [f"{row.bytes:,} bytes", f"{row.bpp:.3f} bpp · {row.psnr_db:.2f} dB", quality]


def _column(sheet, number, tops, image, detail, zoom, cell, codec, lines) -> None:
    """Draw one codec: name, whole picture, detail, numbers."""
    draw, left = ImageDraw.Draw(sheet), MARGIN + number * (cell + GAP)
    look = style(codec)
    draw.ellipse((left, tops["label"] + 4, left + 11, tops["label"] + 15), fill=look.color)
    draw.text(
        (left + 18, tops["label"]), look.label, fill=INK, font=font(15, bold=True, text=look.label, room=cell - 18)
    )
    thumb = _fit(image, cell)
    sheet.paste(thumb, (left + (cell - thumb.width) // 2, tops["picture"]))
    square = image[detail.top : detail.top + detail.side, detail.left : detail.left + detail.side]
    square = square.repeat(zoom, axis=0).repeat(zoom, axis=1)  # (side * zoom, side * zoom, 3), no smoothing
    sheet.paste(Pillow.fromarray(square), (left + (cell - square.shape[1]) // 2, tops["detail"]))
    for index, line in enumerate(lines):
        first = index == 0
        face = font(14 if first else 13, bold=first, text=line, room=cell)
        draw.text((left, tops["numbers"] + index * LINE), line, fill=INK if first else SOFT, font=face)


def _fit(image: np.ndarray, cell: int) -> Pillow.Image:
    """The whole picture inside a column: shrunk with Lanczos, or magnified by a whole number where it is small."""
    height, width = image.shape[:2]
    scale = min(cell / width, 1.5 * cell / height)
    picture = Pillow.fromarray(image)
    if scale >= 1:
        return picture.resize((int(scale) * width, int(scale) * height), Pillow.Resampling.NEAREST)
    return picture.resize((max(1, round(scale * width)), max(1, round(scale * height))), Pillow.Resampling.LANCZOS)


def _mark(sheet, top: int, scale: float, detail: Detail, indent: int) -> None:
    """Frame the magnified square on the original, in white with a dark rim, so that it shows on any picture."""
    draw = ImageDraw.Draw(sheet)
    x, y = MARGIN + indent + round(detail.left * scale), top + round(detail.top * scale)
    side = max(3, round(detail.side * scale))
    draw.rectangle((x - 1, y - 1, x + side + 1, y + side + 1), outline="#000000")
    draw.rectangle((x, y, x + side, y + side), outline="#ffffff", width=2)


def font(size: int, *, bold: bool = False, text: str = "", room: float = math.inf) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at `size` pixels, or smaller where `text` would not fit into `room` pixels.

    matplotlib brings it on every system, and it has "×", "·" and "—", unlike Pillow's own font.
    """
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    face = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
    if size > 8 and face.getlength(text) > room:
        return font(size - 1, bold=bold, text=text, room=room)
    return face
